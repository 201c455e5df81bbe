"""The user agent of the kit's calls, by which CloudTrail tells them: see docs/cloudtrail.md."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

import botocore
import botocore.config
import botocore.session


class SteadyUserAgent:
    """botocore's user agent, made once a client and not twice a call, which is a tenth of a long listing."""

    def __init__(self, creator: Any) -> None:
        self._creator = creator
        self._text = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._creator, name)

    def with_client_config(self, config: botocore.config.Config) -> SteadyUserAgent:
        """One for a client (botocore asks for it)."""
        return SteadyUserAgent(self._creator.with_client_config(config))

    def to_string(self) -> str:
        """The header, made once."""
        self._text = self._text or str(self._creator.to_string())
        return self._text

    def rebuild_and_replace_user_agent_handler(self, **_event: Any) -> None:
        """Leave it as it was made."""


def user_agent(run_id: str | None) -> str:
    """What the kit adds to the user agent of its calls: CloudTrail keeps it, see docs/cloudtrail.md."""
    try:
        own = f"iotjobs/{version('iotjobs')}"
    except PackageNotFoundError:  # run from a source tree that was not installed
        own = "iotjobs"
    if not run_id:
        return own
    plain = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-._") else "-" for letter in run_id)
    return f"{own} iotjobs-run/{plain[:100]}"
