"""A sweep as plain HTML: its plan row by row, and what became of each row, failures first.

What the panel shows live and what a report shows: the same words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
from markupsafe import Markup

from iotjobs.deletion.plan import CANCEL, DELETE
from iotjobs.markup import UpdatingView, View, render, visible
from iotjobs.model import UNFINISHED, Action, Status
from iotjobs.plurals import many
from iotjobs.ui import static
from iotjobs.ui.banner import banner_line, place_of, run_banner
from iotjobs.ui.static import Column, badge, cause, html_table, moment

if TYPE_CHECKING:
    from iotjobs.workflows.sweep import Sweep

#: A report says it all: far more rows than the default caps let through.
MOST_ROWS = 1000
_CAUTION = "CAUTION:"
_MARKS = {CANCEL: "cancel", DELETE: "delete"}


def follows(row: static.Row) -> Markup:
    """The consequences of a row, its caution set apart."""
    before, caution, after = str(row["consequences"]).partition(_CAUTION)
    return render("follows.html", before=before, caution=caution, after=after)


def mark(row: static.Row) -> Markup:
    """What is done to a row, as a mark and a word."""
    return render("mark.html", steps=[_MARKS[call] for call in _MARKS if call in str(row["steps"])])


_PLAN_COLUMNS = (
    Column("Plan", mark, "short"),
    Column("Thing", "thing_name", "long"),
    Column("Job", "job_id", "long"),
    Column("No.", "execution_number", "number"),
    Column("Status", badge("status"), "short"),
    Column("Cause", cause, "short", 600),
    Column("Queued", moment("queued_at"), "short", 800),
)
_RESULT_COLUMNS = {
    "state": Column("Now", badge("state"), "short"),
    "thing_name": Column("Thing", "thing_name", "long"),
    "job_id": Column("Job", "job_id", "long"),
    "execution_number": Column("No.", "execution_number", "number"),
    "status_before": Column("Was", badge("status_before"), "short"),
    "why": Column("Why", "why", "long"),
    "afterwards": Column("What came after", "afterwards", "long"),
}


def dangers_first(rows: pd.DataFrame) -> pd.DataFrame:
    """A plan's rows for the eye: what a device is at work on, then what it has not begun, then what has ended."""
    danger = rows["status"].map({Status.IN_PROGRESS: 0, Status.QUEUED: 1}).fillna(2)
    return rows.assign(danger=danger).sort_values(["danger", "queued_at"], kind="stable").drop(columns="danger")


def sweep_html(sweep: Sweep) -> Markup:
    """The plan; once it was begun, first what became of it, and the plan folded below."""
    if not has_started(sweep):
        return plan_html(sweep)
    return render("sweep_done.html", where=where_html(sweep), result=result_html(sweep), plan=_rows_html(sweep))


def plan_html(sweep: Sweep) -> Markup:
    """The plan as a report shows it: what and where, cautions, row by row, the sum, what is left alone, the phrase."""
    plan = sweep.current_plan
    if plan is None or plan.table.empty:
        return head_html(sweep) + left_out_html(sweep)
    phrase = plan.phrase if sweep.view.open else ""
    return (
        head_html(sweep)
        + _rows_html(sweep)
        + sum_html(sweep)
        + left_out_html(sweep)
        + render("confirm.html", phrase=phrase, place=place_of(sweep.run))
    )


def _rows_html(sweep: Sweep) -> Markup:
    plan = sweep.current_plan
    assert plan is not None  # noqa: S101 - for the type checker
    table = dangers_first(plan.table)
    follow = [follows(row) for row in table.to_dict("records")]
    table["follows"] = pd.Series(follow, index=table.index, dtype=object)  # as text it would be no HTML any more
    return html_table(
        table, _PLAN_COLUMNS, caption="The plan, row by row", below="follows", most=MOST_ROWS, rest="plan.json"
    )


def where_html(sweep: Sweep) -> Markup:
    """Where the plan would be carried out, in a line, for beside the button; empty while nobody has asked."""
    return banner_line(sweep.run) if sweep.current_plan is not None else Markup()


def pending_rows(sweep: Sweep) -> pd.DataFrame:
    """The rows of the plan that are not done yet."""
    plan = sweep.current_plan
    if plan is None or not plan.targets:
        return pd.DataFrame()
    final = {identity for identity, result in sweep.view.results.items() if result.state.is_final}
    return plan.table[[each.identity not in final for each in plan.targets]].reset_index(drop=True)


def head_html(sweep: Sweep) -> Markup:
    """Where, what is left to do, and what speaks against it; dangers first."""
    plan, rows = sweep.current_plan, pending_rows(sweep)
    if plan is None or plan.table.empty:
        reason = sweep.run.reason
        nothing = render("sweep_nothing.html", reason=reason, verb=sweep.action.value) if reason else Markup()
        return run_banner(sweep.run) + (_refusals_html(sweep) or nothing)
    if rows.empty:
        return Markup()
    jobs, things = rows["job_id"].nunique(), rows["thing_name"].nunique()
    what = f"{many(len(rows), 'execution')} of {many(jobs, 'job')} on {many(things, 'thing')}"
    live = rows["status"].isin(UNFINISHED)
    return render(
        "sweep_head.html",
        banner=run_banner(sweep.run),
        what=what,
        verb=sweep.action.value,
        plan=plan,
        refusals=_refusals_html(sweep),
        done=len(plan.targets) - len(rows),
        live=int(live.sum()),
        running=int((rows["status"] == Status.IN_PROGRESS).sum()),
        of_all=len(rows),
        active=plan.device_active,
    )


def sum_html(sweep: Sweep) -> Markup:
    """The plan in one line, last: how many are cancelled, deleted and left alone."""
    plan = sweep.current_plan
    assert plan is not None  # noqa: S101 - for the type checker
    live = int(plan.table["status"].isin(UNFINISHED).sum())
    deletes = 0 if sweep.action is Action.CANCEL else len(plan.table)
    return render("sweep_sum.html", delete=deletes, cancel=live, left=len(sweep.left_out), refused=bool(sweep.refusals))


def left_out_html(sweep: Sweep) -> Markup:
    """What the rule would choose and the sweep leaves alone."""
    return render("sweep_left_out.html", refusals=sweep.left_out)


def result_html(sweep: Sweep) -> Markup:
    """How the sweep ended: the outcome, then each execution, failures first."""
    outcome = "not planned yet" if sweep.run.outcome is None else sweep.run.outcome.value
    if sweep.refusals and not has_started(sweep):
        return render(
            "sweep_result.html", outcome=outcome, reason="", refusals=_refusals_html(sweep), advice=[], rows=""
        )
    results = sweep.results
    rows, advice = Markup(), list[str]()
    if len(results) and has_started(sweep):
        columns = tuple(column for name, column in _RESULT_COLUMNS.items() if results[name].astype(bool).any())
        rows = html_table(results, columns, caption=_caption(results), most=MOST_ROWS, rest="deletions.csv")
        advice = [words for state, words in _ADVICE.items() if state in set(results["state"])]
    return render("sweep_result.html", outcome=outcome, reason=sweep.run.reason, refusals="", advice=advice, rows=rows)


_ADVICE = {
    "failed": "Failed: the reason stands in the row. Press Look again, or run again with the same run_dir, to go on.",
    "unsettled": "Unsettled: a call had no answer. Look again: what became of it is looked at before anything is sent.",
    "left": "Left: not touched. Press Look again, or run again with the same run_dir, to go on.",
    "drifted": "Drifted: moved since the plan, so nobody approved it as it is now. Make a new plan for it.",
}


def _caption(results: pd.DataFrame) -> str:
    return (
        "Each execution"
        if (results["state"].isin(["deleted", "cancelled"])).all()
        else "Each execution, failures first"
    )


def has_started(sweep: Sweep) -> bool:
    """Whether anything of the plan has been carried out or tried."""
    return bool((sweep.results["state"] != "left").any())


def _refusals_html(sweep: Sweep) -> Markup:
    by_guard: dict[str, list[str]] = {}
    for refusal in sweep.refusals:
        by_guard.setdefault(str(refusal.guard), []).append(str(refusal.message))
    lines = {guard: _first(messages) for guard, messages in by_guard.items()}
    return render("refusals.html", lines=lines) if lines else Markup()


def _first(messages: Sequence[str]) -> str:
    """The first message in full, since one guard says the same of each; how many more there are."""
    more = f" (and {many(len(messages) - 1, 'execution')} more, see result.json)" if len(messages) > 1 else ""
    return f"{messages[0]}{more}"


def sweep_report(sweep: Sweep) -> UpdatingView:
    """Show the plan of a sweep, and what became of each target once it was carried out, failures first.

    Parameters
    ----------
    sweep
        What `sweep` returned.

    Returns
    -------
    UpdatingView
        Shown by Jupyter; the same as static HTML in a report. It follows the run.

    """

    def report() -> View:
        text = f"{sweep.run.outcome}: {sweep.run.reason}"
        html = Markup('<div class="repeats">{}</div>').format(result_html(sweep))  # of what the panel's plan shows
        return View(html, visible(text, most=10_000))

    view = UpdatingView(report)
    sweep.run.listeners.append(view.refresh)
    sweep.run.sections.setdefault("sweep", lambda: sweep_html(sweep))
    return view
