"""The fleet's run on one page: every target with how it ended, and the worst accounts, jobs and causes."""

from __future__ import annotations

from iotjobs.markup import View, render, visible
from iotjobs.targets.view import FleetView
from iotjobs.targets.workflow import FleetSweep

_MOST_ROWS = 50


def fleet_report(of: FleetView | FleetSweep) -> View:
    """The page of a fleet's investigation, of its plans, or of what became of them; the same live and in a report."""
    view = of if isinstance(of, FleetView) else of.view
    overview = None if view.overview is None else view.overview.head(_MOST_ROWS).to_dict("records")
    lines = [f"{answer.name}: {answer.outcome}. {answer.reason}" for answer in view.answers]
    if view.plan is not None and not view.refusals and view.plan.targets:
        lines.append(f"To confirm: {view.plan.phrase}")
    return View(
        render("fleet_report.html", view=view, overview=overview, more=_more(view)), visible("\n".join(lines) or "-")
    )


def _more(view: FleetView) -> int:
    return 0 if view.overview is None else max(0, len(view.overview) - _MOST_ROWS)
