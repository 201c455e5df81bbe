"""The columns of every table, with their dtypes, and how an empty or filled table is made with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iotjobs.model import Status

if TYPE_CHECKING:
    import pandas as pd

TIME = "datetime64[ns, UTC]"
TEXT = "str"
COUNT = "Int64"

#: The columns that every executions table has before it is diagnosed, with their dtypes.
EXECUTION_COLUMNS: dict[str, str] = {
    "job_id": TEXT,
    "thing_name": TEXT,
    "execution_number": COUNT,
    "status": TEXT,
    "queued_at": TIME,
    "started_at": TIME,
    "last_updated_at": TIME,
    "retry_attempt": COUNT,
    "version_number": COUNT,
}

#: What a diagnosis adds, in this order: `executions.csv` has all of these first. `why_unknown` names the evidence
#: that is missing where the cause is unknown, `verify` is a command that shows what the evidence says.
DIAGNOSIS_COLUMNS: dict[str, str] = {
    "age_s": COUNT,
    "stuck": "boolean",
    "cause": TEXT,
    "evidence": TEXT,
    "suggestion": TEXT,
    "unblocks": COUNT,
    "why_unknown": TEXT,
    "verify": TEXT,
}

#: One row a job, from ListJobs and DescribeJob. Counts are executions by status. Where `described` is false, ListJobs
#: alone was read: schedule, timers, namespace and the configurations are then not known, rather than none.
JOB_COLUMNS: dict[str, str] = {
    "job_id": TEXT,
    "status": TEXT,
    "target_selection": TEXT,
    "created_at": TIME,
    "last_updated_at": TIME,
    "completed_at": TIME,
    "described": "boolean",
    "is_concurrent": "boolean",
    "force_canceled": "boolean",
    "timeout_minutes": COUNT,
    "scheduling": "object",
    "namespace_id": TEXT,
    "targets": "object",
    "abort_config": "object",
    "retry_config": "object",
    "rollout_config": "object",
    "description": TEXT,
    "comment": TEXT,
    "reason_code": TEXT,
    **{status.value: COUNT for status in Status},
}


def table(columns: dict[str, str], rows: dict[str, Any] | None = None) -> pd.DataFrame:
    """Make a table with the declared dtypes from columns of values; columns left out are empty."""
    import pandas as pd  # noqa: PLC0415 - slow to import, and a status needs none

    rows = rows or {}
    length = max((len(values) for values in rows.values()), default=0)
    series = {name: pd.Series(rows.get(name, [None] * length), dtype=dtype) for name, dtype in columns.items()}
    return pd.DataFrame(series)
