"""The live tables: searchable, sortable, each row a choice.

itables escapes cell values as long as `allow_html` stays False; tests/browser holds it to that. Ages are words
that sort by a hidden column of seconds.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from itables.widget import ITable

from iotjobs.domain import Status
from iotjobs.ui.static import age, yes

_OPTIONS: dict[str, Any] = {
    "select": "single",
    "showIndex": False,
    "show_dtypes": False,
    "allow_html": False,
    "classes": "display compact iotjobs-table",
    "style": "width:100%;table-layout:auto",
    "layout": {"topStart": "search", "topEnd": "pageLength", "bottomStart": "info", "bottomEnd": "paging"},
    "maxBytes": 0,
    "ordering": True,
    "order": [],
    "autoWidth": False,
}

_LONG = ("Thing", "Job", "Groups")

#: Long names break anywhere and evidence is cut to a line (the queue shows all of it), so that no table is
#: wider than the page; short cells never break.
STYLE = (
    "<style>.iotjobs-table td, .iotjobs-table th {white-space:nowrap}"
    ".iotjobs-table td.iotjobs-long {white-space:normal;overflow-wrap:anywhere;min-width:90px}"
    ".iotjobs-table td.iotjobs-line {width:35%;max-width:0;overflow:hidden;text-overflow:ellipsis}"
    ".iotjobs-table td.iotjobs-words {white-space:normal;width:45%;min-width:300px}"
    ".iotjobs-table tfoot input {width:100%;min-width:40px;box-sizing:border-box}</style>"
)


def executions_frame(executions: pd.DataFrame) -> pd.DataFrame:
    """The executions as the live table shows them; a row has the same place as in `executions`."""
    return pd.DataFrame(
        {
            "Thing": executions["thing_name"].astype(str),
            "Job": executions["job_id"].astype(str),
            "No.": executions["execution_number"].map(str),
            "Status": executions["status"].astype(str),
            "Cause": executions["cause"].fillna("").astype(str),
            "Stuck": executions["stuck"].map(yes, na_action=None).astype(str),
            "Holds back": executions["unblocks"].fillna(0).astype(int),
            "Age": executions["age_s"].map(age, na_action=None).astype(str),
            "Suggestion": executions["suggestion"].fillna("").astype(str),
            "Evidence": executions["evidence"].fillna("").astype(str),
            "Groups": executions["thing_groups"].fillna("").astype(str),
            "age_s": executions["age_s"].fillna(-1).astype(int),
        }
    )


def jobs_frame(jobs: pd.DataFrame) -> pd.DataFrame:
    """The jobs as the live table shows them, with the statuses that occur; rows stay in their places."""
    frame = {
        "Job": jobs["job_id"].astype(str),
        "Status": jobs["status"].fillna("").astype(str),
        "Stuck": jobs["stuck"].fillna(0).astype(int),
        "Worst cause": jobs["worst_cause"].fillna("").astype(str),
    }
    for status in Status:
        counts = jobs[status.value].fillna(0).astype(int)
        if counts.any() or status in (Status.QUEUED, Status.IN_PROGRESS):
            frame[status.value] = counts
    return pd.DataFrame(frame)


def executions_table(executions: pd.DataFrame) -> ITable:
    """The live table of executions, with a filter under each column."""
    frame = executions_frame(executions)
    return ITable(frame, **_executions_options(frame))


def show_executions(live: ITable, executions: pd.DataFrame) -> None:
    """Put other executions into a live table; an update forgets every option that it is not given again."""
    frame = executions_frame(executions)
    live.update(frame, selected_rows=[], **_executions_options(frame))


def _executions_options(frame: pd.DataFrame) -> dict[str, Any]:
    columns = list(frame.columns)
    hidden = columns.index("age_s")
    definitions: list[Any] = [
        {"targets": hidden, "visible": False, "searchable": False},
        {"targets": columns.index("Age"), "orderData": hidden},
        {"targets": columns.index("Evidence"), "className": "iotjobs-line"},
        *_long_cells(columns),
    ]
    return {
        **_OPTIONS,
        "columnDefs": definitions,
        "pageLength": 8,
        "lengthMenu": [8, 25, 100],
        "column_filters": "footer",
    }


def jobs_table(jobs: pd.DataFrame) -> ITable:
    """The live table of jobs."""
    frame = jobs_frame(jobs)
    lengths = [5, 10, 25, 100]
    return ITable(frame, columnDefs=_long_cells(list(frame.columns)), pageLength=5, lengthMenu=lengths, **_OPTIONS)


def _long_cells(columns: list[str]) -> list[dict[str, Any]]:
    places = [place for place, name in enumerate(columns) if name in _LONG]
    return [{"targets": places, "className": "iotjobs-long"}]


def plan_table(rows: pd.DataFrame) -> ITable:
    """The live table of a sweep's plan, whose rows can be ticked."""
    frame = plan_frame(rows)
    return ITable(frame, **_plan_options(frame))


def show_plan(live: ITable, rows: pd.DataFrame) -> None:
    """Put another plan into a live table, with nothing ticked."""
    frame = plan_frame(rows)
    live.update(frame, selected_rows=[], **_plan_options(frame))


def plan_frame(rows: pd.DataFrame) -> pd.DataFrame:
    """A plan as the live table shows it; a row has the same place as in the plan."""
    shown = {"thing_name": "Thing", "job_id": "Job", "execution_number": "No.", "status": "Status", "cause": "Cause"}
    shown |= {"queued_at": "Queued", "consequences": "What follows"}
    return pd.DataFrame({title: rows[name].fillna("").map(str) for name, title in shown.items()}, dtype="str")


def _plan_options(frame: pd.DataFrame) -> dict[str, Any]:
    columns = list(frame.columns)
    definitions = [{"targets": columns.index("What follows"), "className": "iotjobs-words"}, *_long_cells(columns)]
    options = {"columnDefs": definitions, "pageLength": 10, "lengthMenu": [10, 25, 100]}
    return {**_OPTIONS, **options, "select": "multi"}
