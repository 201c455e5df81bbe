"""Where you are: the account, region, endpoint and caller, and whether anything here is real."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from iotjobs.markup import View, render, visible
from iotjobs.model import ConnectionInfo

if TYPE_CHECKING:
    from iotjobs.run.run import Run

_MEANINGS = {
    "sandbox": ("SANDBOX", "a made-up fleet on this machine: try anything"),
    "aws": ("LIVE", "real devices: what you delete here is gone"),
    "other": ("LIVE", "neither AWS's endpoint nor the sandbox's: what you delete there is taken for real"),
}


def banner(run: Run) -> View:
    """The banner of a run's connection, the same live and in a report."""
    return connection_banner(ConnectionInfo.of(run.connection))


def run_banner(run: Run) -> Markup:
    """The banner of a run as HTML; empty while nothing was asked of AWS."""
    here = run.connection_info
    return Markup() if here is None else connection_banner(here).html


def connection_banner(here: ConnectionInfo) -> View:
    """The banner of a connection."""
    word, meaning = _MEANINGS[here.endpoint_kind]
    facts = {"Account": here.account, "Region": here.region, "Endpoint": here.endpoint, "Caller": here.caller_arn}
    line = f"{word}: account {here.account}, {here.region}, {here.endpoint}, as {here.caller_arn}"
    text = "\n".join(map(visible, [line, *here.warnings]))
    return View(render("banner.html", here=here, word=word, meaning=meaning, facts=facts), text)


def banner_line(run: Run) -> Markup:
    """The banner of a run in one line: for beside a button, where the whole one may be out of sight."""
    here = run.connection_info
    if here is None:
        return Markup()
    return render("banner_line.html", here=here, word=_MEANINGS[here.endpoint_kind][0])
