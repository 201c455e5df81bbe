"""The fleet's run on one page: every target with how it ended, what is worst, what changed, and the plans' phrase."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from markupsafe import Markup

from iotjobs.diagnosis.changes import Change
from iotjobs.markup import View, render, visible
from iotjobs.model import Outcome
from iotjobs.targets.answers import GOOD
from iotjobs.targets.history import HISTORY_COLUMNS
from iotjobs.targets.view import FleetView
from iotjobs.targets.workflow import FleetSweep
from iotjobs.ui.static import Column, badge, cause, html_table

if TYPE_CHECKING:
    from iotjobs.run.run import Run

_MOST_ROWS = 25
_MOST_WORST = 8
_COUNTS = (Column("Stuck", "stuck", "number"), Column("Unfinished", "executions", "number"))
_TARGET_COLUMNS = (
    Column("Target", "name", "long"),
    Column("Account", lambda row: row["account"] or "", "short"),
    Column("Region", "region", "short"),
    Column("Outcome", badge("outcome"), "short"),
    Column("What was found or done", "reason", "long"),
)
_OVERVIEW_COLUMNS = (
    Column("Target", "target", "long"),
    Column("Account", "account", "short"),
    Column("Region", "region", "short"),
    Column("Job", "job_id", "long"),
    Column("Cause", cause, "short"),
    *_COUNTS,
)
#: By what the worst are counted: the column, its heading, what else is counted.
_WORST = {
    "account": (Column("Account", "account", "short"), Column("Jobs", "job_id", "number")),
    "region": (Column("Region", "region", "short"), Column("Accounts", "account", "number")),
    "job_id": (Column("Job", "job_id", "long"), Column("Targets", "target", "number")),
    "cause": (Column("Cause", cause, "short"), Column("Targets", "target", "number")),
}
_CHANGE_COLUMNS = (
    Column("Target", "target", "long"),
    *(Column(change.value.replace("_", " ").capitalize(), change.value, "number") for change in Change),
)


def fleet_report(of: FleetView | FleetSweep, run: Run | None = None) -> View:
    """Show a fleet's investigation, its plans, or what became of them.

    Parameters
    ----------
    of
        What `fleet` or `fleet_sweep` returned.
    run
        The run of the notebook, for its report; that of a `fleet_sweep` is known.

    Returns
    -------
    View
        Shown by Jupyter; the same as static HTML in a report.

    """
    run = of.run if isinstance(of, FleetSweep) else run
    if run is not None:
        run.sections["fleet"] = lambda: _view(of).html
    return _view(of)


def _view(of: FleetView | FleetSweep) -> View:
    view = of if isinstance(of, FleetView) else of.view
    lines = [f"{answer.name}: {answer.outcome}. {answer.reason}" for answer in view.answers]
    if view.plan is not None and not view.refusals and view.plan.targets:
        lines.append(f"To confirm, {view.place}: {view.plan.phrase}")
    html = render(
        "fleet_report.html",
        view=view,
        lead=_lead(view),
        targets=_targets(view),
        worst=_worst(view.overview),
        overview=_overview(view.overview),
        changes=_changes(view),
        history=_history(view),
    )
    return View(html, visible("\n".join(lines) or "-"))


def _lead(view: FleetView) -> str:
    """What was found everywhere, in a sentence; empty for a sweep."""
    if view.overview is None:
        return ""
    done = sum(Outcome(answer.outcome) in GOOD for answer in view.answers)
    stuck, unfinished = (int(view.overview[name].sum()) for name in ("stuck", "executions"))
    accounts = view.overview.loc[view.overview["stuck"] > 0, "account"].nunique()
    found = f"{stuck:,} of {unfinished:,} unfinished executions are stuck"
    found += f", in {accounts} account{'s' * (accounts != 1)}." if stuck else "."
    unread = len(view.answers) - done
    return found + (f" {unread} of {len(view.answers)} targets could not be read: there may be more." if unread else "")


def _targets(view: FleetView) -> Markup:
    """Every target, those that failed first."""
    if not view.answers:
        return Markup()
    bad_first = sorted(view.answers, key=lambda answer: Outcome(answer.outcome) in GOOD)
    rows = pd.DataFrame([answer.as_document() for answer in bad_first])
    return html_table(rows, _TARGET_COLUMNS, caption="Targets", most=len(rows))


def _worst(overview: pd.DataFrame | None) -> list[Markup]:
    """Which accounts, regions, jobs and causes have most stuck executions."""
    if overview is None or overview.empty:
        return []
    tables = []
    for name, (of, beside) in _WORST.items():
        counted = overview.groupby(name, as_index=False).agg(
            {"stuck": "sum", "executions": "sum", str(beside.of): "nunique"}
        )
        worst = counted.sort_values(["stuck", "executions"], ascending=False, kind="stable").head(_MOST_WORST)
        caption = f"{of.title}s with most stuck executions"
        tables.append(html_table(worst, (of, *_COUNTS, beside), caption=caption, most=_MOST_WORST))
    return tables


def _overview(overview: pd.DataFrame | None) -> Markup:
    if overview is None or overview.empty:
        return Markup()
    caption = "Unfinished executions by target, job and cause, the most stuck first"
    return html_table(overview, _OVERVIEW_COLUMNS, caption=caption, most=_MOST_ROWS, rest="overview.csv")


def _changes(view: FleetView) -> Markup:
    """How many executions of each target changed since the earlier run, those that got stuck first."""
    if view.history is None or view.history.empty or view.changes.empty:
        return Markup()
    by = [Change.NEWLY_STUCK.value, Change.NEW.value]
    changes = view.changes.sort_values(by, ascending=False, kind="stable")
    caption = f"What changed since {view.history['run'].iloc[0]}; each execution in targets/NAME/changes.csv"
    return html_table(changes, _CHANGE_COLUMNS, caption=caption, most=len(changes))


def _history(view: FleetView) -> Markup:
    """The run before this one, the one before that, and so on."""
    if view.history is None or view.history.empty:
        return Markup()
    columns = tuple(
        Column(name.replace("_", " ").capitalize(), badge(name) if name == "outcome" else name, _kind(name))
        for name in HISTORY_COLUMNS
    )
    return html_table(view.history, columns, caption="Earlier runs, the latest first", most=len(view.history))


def _kind(name: str) -> str:
    return {"run": "long", "started_at": "short", "outcome": "short"}.get(name, "number")
