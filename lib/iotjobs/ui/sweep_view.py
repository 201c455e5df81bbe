"""A sweep as plain HTML: its plan row by row, and what became of each row, failures first.

What the panel shows live and what a report shows: the same words. All that comes from AWS is escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import pandas as pd

from iotjobs.model import UNFINISHED
from iotjobs.ui import static

#: A report says it all: far more rows than the default caps let through.
MOST_ROWS = 1000


class Plan(Protocol):
    """What the views need of `iotjobs.deletion.sweep_plan.SweepPlan`."""

    account: str
    region: str

    @property
    def phrase(self) -> str:
        """The phrase that confirms it."""

    @property
    def device_active(self) -> bool:
        """Whether a device is at work on one of the targets."""

    @property
    def table(self) -> pd.DataFrame:
        """One row a target, with what follows from it."""


class Sweep(Protocol):
    """What the views need of `iotjobs.workflows.sweep.Sweep`."""

    run: Any
    current_plan: Any
    refusals: Sequence[Any]
    left_out: Sequence[Any]

    @property
    def results(self) -> pd.DataFrame:
        """One row a target, failures first: how it stands and why."""


def follows(consequences: Any) -> str:
    """The consequences of a row, its caution set apart."""
    caution = "CAUTION:"
    return static.text(consequences).replace(caution, f'<b style="color:#7a1f00">{caution}</b>')


_PLAN_COLUMNS = {
    "thing_name": ("Thing", static.text),
    "job_id": ("Job", static.text),
    "execution_number": ("No.", static.text),
    "status": ("Status", static.badge),
    "cause": ("Cause", static.cause),
    "queued_at": ("Queued", static.text),
    "consequences": ("What follows", follows),
}
_RESULT_COLUMNS = {
    "state": ("Now", static.badge),
    "thing_name": ("Thing", static.text),
    "job_id": ("Job", static.text),
    "execution_number": ("No.", static.text),
    "status_before": ("Was", static.badge),
    "why": ("Why", static.text),
    "afterwards": ("What came after", static.text),
}


def plan_html(sweep: Sweep) -> str:
    """The plan as a report shows it: what and where, cautions, row by row, what is left alone, the phrase."""
    plan = sweep.current_plan
    table = plan.table if plan is not None else pd.DataFrame()
    if table.empty:
        return f"{head_html(sweep)}{left_out_html(sweep)}"
    rows = static.html_table(
        table, _PLAN_COLUMNS, caption="What would be deleted, in this order", most=MOST_ROWS, rest="plan.json"
    )
    phrase = (
        "" if sweep.refusals else f"<p>Nothing is changed by a plan. To confirm it:</p>{static.copyable(plan.phrase)}"
    )
    return f"{head_html(sweep)}{rows}{left_out_html(sweep)}{phrase}"


def head_html(sweep: Sweep) -> str:
    """What the plan is about and what speaks against it."""
    plan = sweep.current_plan
    if plan is None or plan.table.empty:
        said = sweep.run.reason or "no plan yet"
        return _refusals_html(sweep) or f"<p><b>Nothing to delete:</b> {static.text(said)}</p>"
    table = plan.table
    things, jobs = table["thing_name"].nunique(), table["job_id"].nunique()
    what = (
        f"{_many(len(table), 'execution')} of {_many(jobs, 'job')} on {_many(things, 'thing')}, "
        f"account {static.text(plan.account)}, {static.text(plan.region)}"
    )
    return (
        f'<p style="font-size:16px;margin:6px 0"><b>The plan:</b> delete {what}</p>'
        f"{_refusals_html(sweep)}{_caution_html(plan)}"
    )


def left_out_html(sweep: Sweep) -> str:
    """What the rule would choose and the sweep leaves alone."""
    if not sweep.left_out:
        return ""
    items = "".join(f"<li>{static.text(refusal.message)}</li>" for refusal in sweep.left_out)
    return (
        f'<details style="margin:6px 0"><summary>{_many(len(sweep.left_out), "execution")} left alone, protected'
        f"</summary><ul>{items}</ul></details>"
    )


def result_html(sweep: Sweep) -> str:
    """How the sweep ended: the outcome, then each execution, failures first."""
    outcome = sweep.run.outcome
    word = static.badge(outcome.value if outcome is not None else "not planned yet")
    if sweep.refusals and not begun(sweep):
        return f"<p>{word}</p>{_refusals_html(sweep)}"
    said = f'<p style="font-size:16px;margin:6px 0">{word} {static.text(sweep.run.reason)}</p>'
    results = sweep.results
    if results.empty or not begun(sweep):
        return said
    said_of_some = {name for name in _RESULT_COLUMNS if results[name].astype(bool).any()}
    columns = {name: column for name, column in _RESULT_COLUMNS.items() if name in said_of_some}
    rows = static.html_table(results, columns, caption=_caption(results), most=MOST_ROWS, rest="deletions.csv")
    return f"{said}{_what_now_html(results)}{rows}"


def _caption(results: pd.DataFrame) -> str:
    return "Each execution" if (results["state"] == "deleted").all() else "Each execution, failures first"


def begun(sweep: Sweep) -> bool:
    """Whether anything of the plan has been carried out or tried."""
    return bool((sweep.results["state"] != "left").any())


def _what_now_html(results: pd.DataFrame) -> str:
    states = set(results["state"])
    advice = {
        "failed": "Failed: the reason stands in the row. Run again with the same run_dir to go on.",
        "unsettled": "Unsettled: a call had no answer. Run again with the same run_dir: it looks before it calls.",
        "left": "Left: not touched. Run again with the same run_dir to go on.",
        "drifted": "Drifted: moved since the plan, so nobody approved it as it is now. Make a new plan for it.",
    }
    items = "".join(f"<li>{words}</li>" for state, words in advice.items() if state in states)
    return f"<ul>{items}</ul>" if items else ""


def _refusals_html(sweep: Sweep) -> str:
    if not sweep.refusals:
        return ""
    by_guard: dict[str, list[str]] = {}
    for refusal in sweep.refusals:
        by_guard.setdefault(str(refusal.guard), []).append(str(refusal.message))
    items = "".join(f"<li><b>{static.text(guard)}</b>: {_first(said)}</li>" for guard, said in by_guard.items())
    return static.box(f"<b>REFUSED: nothing will be deleted</b><ul style='margin:0'>{items}</ul>", serious=True)


def _first(messages: Sequence[str]) -> str:
    """The first message in full, since one guard says the same of each; how many more there are."""
    more = f" (and {_many(len(messages) - 1, 'execution')} more, see result.json)" if len(messages) > 1 else ""
    return f"{static.text(messages[0])}{more}"


def _caution_html(plan: Plan) -> str:
    """Force in the reader's own terms, and whether a device is at work right now."""
    status = plan.table["status"]
    live = int(status.isin(UNFINISHED).sum())
    if not live:
        return "<p>All of them have ended: no device notices. Their history goes.</p>"
    running = int((status == "IN_PROGRESS").sum())
    words = [
        (
            f"<b>{live} of {len(status)} not finished.</b> Each is cancelled by its version first, so that AWS "
            "refuses if the device moved; only when it is seen CANCELED it is deleted, without force."
        )
    ]
    if running:
        words.append(
            f"<b>CAUTION:</b> {running} IN_PROGRESS: the device cannot read the job or report on it any more, and is "
            "not told to stop. Make sure that it can recover to a valid state."
        )
    if plan.device_active:
        words.append("<b>A device is at work on one of them right now</b>: it reported within the last hour.")
    return static.box("<br>".join(words), serious=plan.device_active)


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


class SweepReport:
    """How a sweep ended, as text and as HTML, the same live and in a report."""

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep

    def __repr__(self) -> str:
        return f"{self._sweep.run.outcome}: {self._sweep.run.reason}\n{self._sweep.results.to_string(index=False)}"

    def _repr_html_(self) -> str:
        return result_html(self._sweep)


def sweep_report(sweep: Sweep) -> SweepReport:
    """How a sweep stands: failures first."""
    return SweepReport(sweep)
