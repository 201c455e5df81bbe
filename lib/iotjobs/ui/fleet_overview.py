"""The fleet at a glance: one matrix of jobs and device groups, the queues that hold most back, the figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup

from iotjobs.diagnosis.overview import AGE_EDGES, by_group, by_job, heaviest_things, stuck_of
from iotjobs.diagnosis.queue_effects import with_consequences
from iotjobs.markup import View, render, visible
from iotjobs.model import Cause
from iotjobs.ui.charts import figures_of
from iotjobs.ui.model import queue_of
from iotjobs.ui.static import Column, age, cause, execution, html_table

if TYPE_CHECKING:
    from iotjobs.workflows.investigate import Findings

_MOST_JOBS = 12
_MOST_GROUPS = 8
_MOST_QUEUES = 8
_DARKEST = 10
_QUEUE_COLUMNS = (
    Column("Thing", "thing_name", "long"),
    Column("Holds back", "unblocks", "number"),
    Column("Head of its queue", execution, "long"),
    Column("Cause", cause, "short"),
    Column("So for", age("so_for_s", "since"), "short", 600),
    Column("When it ends", "when_it_ends", "long", 700),
)


def fleet_overview(findings: Findings) -> View:
    """Show which jobs and device groups hurt most and why, which queues hold most back, and the figures.

    Parameters
    ----------
    findings
        What `investigate` found.

    Returns
    -------
    View
        Shown by Jupyter; the same as static HTML in a report.

    """
    parts = [matrix_html(findings.executions), heaviest_html(findings)]
    figures = figures_of(findings.executions)
    return View(
        render("overview.html", parts=parts, figures=figures), visible(f"The fleet at a glance: {findings.summary}")
    )


def matrix_html(executions: pd.DataFrame) -> Markup:
    """What is stuck, by job and device group, cause and age, worst first; the darker a cell, the more."""
    stuck = stuck_of(executions)
    jobs, groups = (_of_all(count(stuck), count(executions)) for count in (by_job, by_group))
    causes = [name.value for name in Cause if name.value in jobs.columns]
    ages = [name for name in AGE_EDGES if name in jobs.columns]
    most = 1 if jobs.empty else int(jobs[causes].to_numpy().max())
    sections = {
        "Job": _rows(jobs, [*causes, *ages], _MOST_JOBS),
        "Device group": _rows(groups, [*causes, *ages], _MOST_GROUPS),
    }

    def heat(count: Any) -> int:
        return max(1, round(_DARKEST * min(1.0, int(count) / most))) if count else 0

    return render(
        "matrix.html",
        causes=causes,
        ages=ages,
        sections=sections,
        heat=heat,
        groups_known=len(groups) > 0,
        read=len(executions),
    )


def heaviest_html(findings: Findings) -> Markup:
    """The queues that hold most executions back: the head of each, since when, and what starts when it ends."""
    heads = heaviest_things(findings.queues, _MOST_QUEUES)
    if heads.empty:
        return Markup()
    names = heads["thing_name"]
    first = [with_consequences(queue_of(findings, name), as_of=findings.as_of).head(1) for name in names]
    return html_table(pd.concat(first), _QUEUE_COLUMNS, caption="Queues that hold most back")


def _of_all(stuck: pd.DataFrame, unfinished: pd.DataFrame) -> pd.DataFrame:
    """Counts of what is stuck, beside the number of all that is unfinished."""
    return stuck.assign(unfinished=stuck["name"].map(unfinished.set_index("name")["unfinished"]))


def _rows(counted: pd.DataFrame, columns: list[str], most: int) -> list[dict[Any, Any]]:
    """The first rows, and the sum of the rest as one row more."""
    counted = counted.reindex(columns=["name", "stuck", "unfinished", *columns], fill_value=0)
    rows = counted.head(most).to_dict("records")
    rest = counted.iloc[most:]
    if len(rest):
        rows.append({**dict(rest.drop(columns="name").sum()), "name": f"{len(rest)} more"})
    return rows
