"""The live tables: searchable, sortable, each row a choice.

itables escapes cell values as long as `allow_html` stays False; tests/browser holds it to that. Ages are words
that sort by a hidden column of seconds.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from itables.widget import ITable

from iotjobs.model import TERMINAL, Status
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

#: A browser sorts and searches this many rows without delay; the others are in the run's `executions.csv`.
MOST_LIVE_ROWS = 2000

_LONG = ("Thing", "Job", "Groups")
#: What a narrow page leaves out: the queue below has it for the chosen row.
_SPARE = ("Stuck", "Groups")
_SPARE_OF_JOBS = tuple(status.value for status in TERMINAL)

#: Long names break anywhere and short cells never, so that no table is wider than the page.
STYLE = (
    "<style>.iotjobs-explorer {container-type:inline-size}"
    ".iotjobs-table td, .iotjobs-table th {white-space:nowrap;width:1%}"
    ".iotjobs-table.dataTable.compact th {white-space:normal;vertical-align:bottom}"
    ".iotjobs-table td.iotjobs-long {white-space:normal;overflow-wrap:anywhere;min-width:84px;width:auto}"
    ".iotjobs-table th.iotjobs-long {width:auto}"
    ".iotjobs-table td.iotjobs-words {white-space:normal;width:45%;min-width:300px}"
    ".iotjobs-table tfoot input {width:100%;min-width:36px;box-sizing:border-box}"
    "@container (max-width: 860px) {.iotjobs-table .iotjobs-spare {display:none}}</style>"
)


def executions_frame(executions: pd.DataFrame) -> pd.DataFrame:
    """The worst executions as the live table shows them; a row has the same place as in `executions`.

    Evidence is searched but not shown: the queue below the table has it in full.
    """
    worst = executions.head(MOST_LIVE_ROWS)
    number = worst["execution_number"].map(lambda number: "" if number == 1 else f" #{number}")
    return pd.DataFrame(
        {
            "Thing": worst["thing_name"].astype(str),
            "Job": worst["job_id"].astype(str) + number.astype(str),
            "Status": worst["status"].astype(str),
            "Cause": worst["cause"].fillna("").astype(str),
            "Stuck": worst["stuck"].map(yes, na_action=None).astype(str),
            "Holds back": worst["unblocks"].fillna(0).astype(int),
            "Age": worst["age_s"].map(age, na_action=None).astype(str),
            "Suggestion": worst["suggestion"].fillna("").astype(str),
            "Groups": worst["thing_groups"].fillna("").astype(str),
            "Evidence": worst["evidence"].fillna("").astype(str),
            "age_s": worst["age_s"].fillna(-1).astype(int),
        }
    )


def jobs_frame(jobs: pd.DataFrame) -> pd.DataFrame:
    """The worst jobs as the live table shows them, with the statuses that occur; rows stay in their places."""
    worst = jobs.head(MOST_LIVE_ROWS)
    frame = {
        "Job": worst["job_id"].astype(str),
        "Status": worst["status"].fillna("").astype(str),
        "Stuck": worst["stuck"].fillna(0).astype(int),
        "Worst cause": worst["worst_cause"].fillna("").astype(str),
    }
    for status in Status:
        counts = worst[status.value].fillna(0).astype(int)
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
    seconds = columns.index("age_s")
    definitions: list[Any] = [
        {"targets": seconds, "visible": False, "searchable": False},
        {"targets": columns.index("Evidence"), "visible": False},
        {"targets": columns.index("Age"), "orderData": seconds},
        *_classes(columns, _SPARE),
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
    return ITable(
        frame, columnDefs=_classes(list(frame.columns), _SPARE_OF_JOBS), pageLength=5, lengthMenu=lengths, **_OPTIONS
    )


def _classes(columns: list[str], spare: tuple[str, ...]) -> list[dict[str, Any]]:
    """A class for a column; one that is both long and spare needs both in one definition."""
    kinds = {"iotjobs-long": _LONG, "iotjobs-spare": spare}
    named = {name: " ".join(kind for kind, names in kinds.items() if name in names) for name in columns}
    return [{"targets": place, "className": named[name]} for place, name in enumerate(columns) if named[name]]


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
    words = {"targets": columns.index("What follows"), "className": "iotjobs-words"}
    options = {"columnDefs": [words, *_classes(columns, ())], "pageLength": 10, "lengthMenu": [10, 25, 100]}
    return {**_OPTIONS, **options, "select": "multi"}
