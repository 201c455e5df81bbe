"""The columns of executions and jobs, in live tables and plain ones."""

from __future__ import annotations

import pandas as pd
from markupsafe import Markup

from iotjobs.diagnosis.evidence_text import duration_text
from iotjobs.markup import macro
from iotjobs.model import TERMINAL
from iotjobs.ui.grid import Grid, GridColumn
from iotjobs.ui.static import Column, Row, age, badge, cause, execution, suggestion

EXECUTION_COLUMNS = (
    Column("Thing", "thing_name", "long"),
    Column("Execution", execution, "long"),
    Column("Status", badge("status"), "short"),
    Column("Cause", cause, "short"),
    Column("Holds back", "unblocks", "number", 700),
    Column("Age", age("age_s", "queued_at"), "short", 600),
    Column("Suggestion", suggestion, fold=800),
    Column("Groups", "thing_groups", "long", 900),
)


def execution_texts(rows: pd.DataFrame) -> pd.Series:
    """What `static.execution` shows, of all rows."""
    return rows["job_id"] + " #" + rows["execution_number"].astype("str")


def _age_texts(rows: pd.DataFrame) -> pd.Series:
    return rows["age_s"].map(duration_text, na_action="ignore")


_GRID_COLUMNS = (
    GridColumn("Thing", "thing_name", kind="long"),
    GridColumn("Job", "job_id", execution, "long", text=execution_texts),
    GridColumn("Status", "status", badge("status"), "short"),
    GridColumn("Cause", "cause", cause, "short"),
    GridColumn("Holds back", "unblocks", kind="number", fold=700),
    GridColumn("Age", "age_s", age("age_s", "queued_at"), "short", fold=600, text=_age_texts),
    GridColumn("Suggestion", "suggestion", suggestion, fold=800),
    GridColumn("Groups", "thing_groups", kind="long", fold=900),
    GridColumn("No.", "execution_number", hidden=True),
    GridColumn("Queued", "queued_at", hidden=True),
    GridColumn("Evidence", "evidence", hidden=True),
)


def executions_grid(executions: pd.DataFrame) -> Grid:
    """The live table of executions; evidence is searched but not shown: the queue below has it in full."""
    return Grid(executions, _GRID_COLUMNS, label="executions", length=8)


def jobs_grid(jobs: pd.DataFrame) -> Grid:
    """The live table of jobs; what has ended is one column, told apart on hover."""
    ended = jobs[[status.value for status in TERMINAL]].fillna(0).sum(axis=1).astype(int)
    columns = (
        GridColumn("Job", "job_id", kind="long"),
        GridColumn("Status", "status", badge("status"), "short"),
        GridColumn("Stuck", "stuck", kind="number"),
        GridColumn("Worst cause", "worst_cause", lambda row: cause({"cause": row["worst_cause"]}), "short"),
        GridColumn("QUEUED", "QUEUED", kind="number", fold=600),
        GridColumn("IN_PROGRESS", "IN_PROGRESS", kind="number", fold=800),
        GridColumn("Finished", "finished", _finished, "number", fold=800),
    )
    return Grid(jobs.assign(finished=ended), columns, label="jobs", length=5)


def _finished(row: Row) -> Markup:
    counts = [f"{row[status.value]} {status.value}" for status in TERMINAL if row[status.value]]
    return macro("hover")(row["finished"], ", ".join(counts))
