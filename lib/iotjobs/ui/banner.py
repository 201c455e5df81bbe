"""Where you are: the account, region, endpoint and caller, what it may do, and whether anything here is real."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from iotjobs.markup import View, render, visible
from iotjobs.model import ConnectionInfo
from iotjobs.permissions import denied_actions
from iotjobs.workflows.details import rights_of

if TYPE_CHECKING:
    from iotjobs.run.run import Run

_MEANINGS = {
    "sandbox": ("SANDBOX", "a made-up fleet on this machine: try anything"),
    "aws": ("LIVE", "real devices: what you delete here is gone"),
    "other": ("LIVE", "neither AWS's endpoint nor the sandbox's: what you delete there is taken for real"),
}


def banner(run: Run) -> View:
    """Show where and as whom AWS is asked; where a run changes things, what the caller may.

    Parameters
    ----------
    run
        The run that `start` opened, with its parameters.

    Returns
    -------
    View
        Shown by Jupyter; the same as static HTML in a report.

    """
    return connection_banner(ConnectionInfo.of(run.connection), rights_of(run))


def run_banner(run: Run) -> Markup:
    """The banner of a run as HTML; empty while nothing was asked of AWS."""
    return Markup() if run.connection_info is None else banner(run).html


def banner_line(run: Run) -> Markup:
    """The banner of a run in one line: for beside a button, where the whole one may be out of sight."""
    here = run.connection_info
    if here is None:
        return Markup()
    return render("banner_line.html", here=here, word=_MEANINGS[here.endpoint_kind][0])


def place_of(run: Run) -> str:
    """SANDBOX, or LIVE and where, for beside a phrase; empty while nothing was asked of AWS."""
    here = run.connection_info
    return "" if here is None else here.place


def connection_banner(here: ConnectionInfo, rights: Sequence[str] = ()) -> View:
    """The banner of a connection."""
    word, meaning = _MEANINGS[here.endpoint_kind]
    facts = {"Account": here.account, "Region": here.region, "Endpoint": here.endpoint, "Caller": here.caller_arn}
    line = f"{word}: account {here.account}, {here.region}, {here.endpoint}, as {here.caller_arn}"
    more = [*here.warnings, *rights, *denied_actions(here.denied)]
    text = "\n".join(map(visible, [line, *more]))
    return View(render("banner.html", here=here, word=word, meaning=meaning, facts=facts, more=more), text)
