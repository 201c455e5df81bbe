"""Where you are: the account, region, endpoint and caller, and whether anything here is real."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iotjobs.aws.connection import Connection
    from iotjobs.run.run import Run


class Banner:
    """A plain HTML banner, the same live and in a report."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __repr__(self) -> str:
        here = self._connection
        kind = "SANDBOX" if here.sandbox else "LIVE"
        return f"{kind}: account {here.account}, {here.region}, {here.endpoint}, as {here.caller_arn}"

    def _repr_html_(self) -> str:
        here = self._connection
        word, meaning, ink, paper = (
            ("SANDBOX", "a made-up fleet on this machine: try anything", "#00513b", "#d3f2e7")
            if here.sandbox
            else ("LIVE", "real devices: what you delete here is gone", "#ffffff", "#8f1d00")
        )
        facts = {
            "Account": here.account,
            "Region": here.region,
            "Endpoint": here.endpoint,
            "Caller": here.caller_arn,
        }
        rows = "".join(
            f'<div style="margin-right:24px"><b>{name}</b> {escape(str(value))}</div>' for name, value in facts.items()
        )
        return (
            f'<div style="color:{ink};background:{paper};border:3px solid {ink};padding:8px 14px">'
            f'<div><span style="font-size:28px;font-weight:bold">{word}</span> &nbsp;{meaning}</div>'
            f'<div style="display:flex;flex-wrap:wrap">{rows}</div></div>'
        )


def banner(run: Run) -> Banner:
    """The banner of a run's connection."""
    return Banner(run.connection)
