"""The estate at a glance: one matrix of jobs and device groups, the queues that hold most back, the figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from iotjobs.diagnosis.overview import AGE_EDGES, by_group, by_job, heaviest_things, stuck_of
from iotjobs.diagnosis.queue_effects import with_consequences
from iotjobs.model import Cause
from iotjobs.ui.charts import figures_of, image
from iotjobs.ui.model import queue_of
from iotjobs.ui.static import WHOLE_ROW, age, cause, execution, html_table, swatch, text

if TYPE_CHECKING:
    from iotjobs.workflows.investigate import Findings

_MOST_JOBS = 12
_MOST_GROUPS = 8
_MOST_QUEUES = 8
_NUMBER = "text-align:right;padding:2px 3px;font-variant-numeric:tabular-nums"
_HEAD = "text-align:right;padding:2px 3px;vertical-align:bottom;font-weight:600;font-size:11px"
_NAME = "text-align:left;padding:2px 8px 2px 0;overflow-wrap:anywhere;min-width:90px"
_QUEUE_COLUMNS = {
    "thing_name": ("Thing", text),
    "unblocks": ("Holds back", text),
    f"{WHOLE_ROW}head": ("Head of its queue", execution),
    "cause": ("Cause", cause),
    "so_for_s": ("So for", age),
    "when_it_ends": ("When it ends", text),
}


class Estate:
    """The same live and in a report: HTML, and figures as PNG in it."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    def __repr__(self) -> str:
        return f"The estate at a glance: {self._findings.summary}"

    def _repr_html_(self) -> str:
        executions = self._findings.executions
        pictures = "".join(
            f'<div style="flex:1 1 440px;max-width:620px">{image(data, alt=text(title))}</div>'
            for title, data in figures_of(executions).items()
        )
        flex = f'<div style="display:flex;flex-wrap:wrap;gap:8px 24px;background:#fff">{pictures}</div>'
        parts = [matrix_html(executions), heaviest_html(self._findings), flex if pictures else ""]
        return f'<div style="line-height:1.4">{"".join(parts)}</div>'


def estate(findings: Findings) -> Estate:
    """Which jobs and device groups hurt most and why, which queues hold most back, and the figures."""
    return Estate(findings)


def matrix_html(executions: pd.DataFrame) -> str:
    """What is stuck, by job and device group, cause and age, worst first; the darker a cell, the more."""
    stuck = stuck_of(executions)
    jobs, groups = (_of_all(count(stuck), count(executions)) for count in (by_job, by_group))
    if jobs.empty:
        return "<p>No execution is stuck.</p>"
    causes = [name.value for name in Cause if name.value in jobs.columns]
    ages = [name for name in AGE_EDGES if name in jobs.columns]
    matrix = _Matrix(causes, ages, most=int(jobs[causes].to_numpy().max()))
    body = [*matrix.section("Job", jobs, _MOST_JOBS), *matrix.section("Device group", groups, _MOST_GROUPS)]
    no_groups = (
        "<p>Device groups are not known: the things are in none, or the fleet index could not be read.</p>"
        if groups.empty
        else ""
    )
    return (
        '<div style="overflow-x:auto"><table style="border-collapse:collapse;table-layout:auto;font-size:13px">'
        '<caption style="text-align:left;font-weight:bold;caption-side:top">Stuck executions by cause and age, worst '
        f"first</caption><thead>{matrix.head()}</thead><tbody>{''.join(body)}</tbody></table></div>{no_groups}"
    )


def _of_all(stuck: pd.DataFrame, unfinished: pd.DataFrame) -> pd.DataFrame:
    """Counts of what is stuck, beside the number of all that is unfinished."""
    return stuck.assign(unfinished=stuck["name"].map(unfinished.set_index("name")["unfinished"]))


def heaviest_html(findings: Findings) -> str:
    """The queues that hold most executions back: the head of each, since when, and what starts when it ends."""
    heads = heaviest_things(findings.queues, _MOST_QUEUES)
    if heads.empty:
        return ""
    names = heads["thing_name"]
    first = [with_consequences(queue_of(findings, name), as_of=findings.as_of).head(1) for name in names]
    return html_table(pd.concat(first), _QUEUE_COLUMNS, caption="Queues that hold most back")


@dataclass(frozen=True, slots=True)
class _Matrix:
    """The columns that all rows share, and the count that gets the darkest tint."""

    causes: list[str]
    ages: list[str]
    most: int

    def head(self) -> str:
        cells = [
            *(f'<th style="{_HEAD}">{word}</th>' for word in ("stuck", "of all")),
            *(f'<th style="{_HEAD}">{swatch(name)}<br>{text(name).replace("_", " ")}</th>' for name in self.causes),
            *(f'<th style="{_HEAD};white-space:nowrap">{text(name)}</th>' for name in self.ages),
        ]
        return f'<tr><th style="{_NAME}"></th>{"".join(cells)}</tr>'

    def section(self, title: str, counted: pd.DataFrame, most_rows: int) -> list[str]:
        if counted.empty:
            return []
        columns = [*self.causes, *self.ages]
        counted = counted.reindex(columns=["name", "stuck", "unfinished", *columns], fill_value=0)
        style = f"{_NAME};border-top:1px solid #c9ccd1;padding-top:6px"
        title_row = f'<tr><td colspan="{len(columns) + 3}" style="{style}"><b>{title}</b></td></tr>'
        rows = [title_row, *(self.row(record) for record in counted.head(most_rows).to_dict("records"))]
        rest = counted.iloc[most_rows:]
        if len(rest):
            together: dict[Any, Any] = dict(rest.drop(columns="name").sum())
            rows.append(self.row({**together, "name": f"{len(rest)} more"}))
        return rows

    def row(self, record: dict[Any, Any]) -> str:
        cells = [
            f'<td style="{_NAME}">{text(record["name"])}</td>',
            f'<td style="{_NUMBER};font-weight:bold">{_count(record["stuck"])}</td>',
            f'<td style="{_NUMBER}">{_count(record["unfinished"])}</td>',
            *(self.cell(record[name], "213,94,0") for name in self.causes),
            *(self.cell(record[name], "0,114,178") for name in self.ages),
        ]
        return f"<tr>{''.join(cells)}</tr>"

    def cell(self, count: Any, colour: str) -> str:
        """A count whose tint grows with it, over whatever the theme's background is."""
        tint = f"background:rgba({colour},{0.12 + 0.4 * min(1.0, int(count) / self.most):.2f})"
        return f'<td style="{_NUMBER};{tint if count else "opacity:.5"}">{_count(count)}</td>'


def _count(value: Any) -> str:
    return f"{int(value):,}".replace(",", "\N{NARROW NO-BREAK SPACE}") if value else "·"
