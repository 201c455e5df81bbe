"""Tasks for the engine's tests: importable by the workers."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from iotjobs.errors import Denied
from iotjobs.targets.target import Target


class Unreadable:
    """An answer that cannot be read where it is fetched, as one that was lost with its worker."""

    def __reduce__(self) -> Any:
        return int, ("no number",)


def name_of(target: Target, *, folder: str) -> Any:
    """Answer, raise, hang, or kill the worker once, as the target's name says."""
    if target.name == "denied":
        raise Denied("the caller lacks the permission iot:ListJobs")
    if target.name == "hangs":
        time.sleep(600)
    once = Path(folder) / f"{target.name}.died"
    if target.name == "dies" and not once.exists():
        once.write_text("")
        os._exit(1)
    if target.name == "unreadable":
        return Unreadable()
    if target.name == "always-dies":
        os._exit(1)
    return f"{target.name} in {target.region}"
