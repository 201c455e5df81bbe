"""What changed since an earlier run, and what became of executions that are no longer listed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from iotjobs.aws.concurrency import map_concurrently
from iotjobs.aws.connection import Connection
from iotjobs.aws.executions import describe_execution
from iotjobs.diagnosis.changes import COMPARED, Changes, compare, missing_now
from iotjobs.errors import NotFound
from iotjobs.model import Execution, ExecutionKey, Status, same_moment
from iotjobs.run.earlier import EarlierRun
from iotjobs.snapshot import KEY

#: Looking after an execution that is no longer listed costs a call each; the rest stay "finished or deleted".
_MOST_LOOKS = 100


def changes_since(
    earlier: EarlierRun,
    connection: Connection,
    executions: pd.DataFrame,
    jobs: pd.DataFrame,
    *,
    parameters: Mapping[str, Any],
) -> Changes:
    """Compare what an earlier run found with the executions and jobs (see `Findings`) of this one.

    ``parameters`` are this run's. Only what both runs looked at is compared. An execution that is no
    longer listed is described, a call each, to tell one that finished from one that was deleted.
    """
    before = _in_scope(earlier.executions, parameters)
    now = _in_scope(executions, earlier.parameters)[COMPARED]
    absent = missing_now(before, now)
    finished, deleted, unread = _look_after(connection, absent.head(_MOST_LOOKS))
    if finished:
        now = pd.concat([now, _finished_rows(finished)], ignore_index=True)
    table, as_before, not_compared = compare(
        before,
        now,
        since=earlier.started_at,
        deleted=deleted,
        unread=unread,
        read_whole=_read_whole(executions, jobs) if parameters["statuses"] is None else (),
    )
    warnings = [*earlier.warnings, *earlier.differences(parameters)]
    if earlier.endpoint != connection.endpoint:
        warnings.append(f"the earlier run was at another endpoint, {earlier.endpoint}")
    if unread:
        warnings.append(f"{len(unread)} executions of the earlier run could not be looked at now: not compared")
    if len(absent) > _MOST_LOOKS:
        warnings.append(
            f"{len(absent) - _MOST_LOOKS} executions of the earlier run are no longer listed and were not looked "
            "after: each finished with its job, or was deleted"
        )
    return Changes(table, as_before, not_compared, earlier.started_at, earlier.name, tuple(warnings))


def _in_scope(executions: pd.DataFrame, parameters: Any) -> pd.DataFrame:
    """The executions that a run with these parameters would have read, as far as job and thing tell."""
    rows = executions
    for name in ("job_id", "thing_name"):
        if parameters.get(name) is not None:
            rows = rows[rows[name] == parameters[name]]
    return rows.reset_index(drop=True)


def _look_after(
    connection: Connection, absent: pd.DataFrame
) -> tuple[list[Execution], list[tuple[str, str, int]], list[tuple[str, str, int]]]:
    """Describe executions that are no longer listed: those that finished, are gone, and could not be read."""
    finished: list[Execution] = []
    deleted, unread = [], []
    keys = [ExecutionKey(str(job), str(thing), int(number)) for job, thing, number in absent[KEY].to_numpy()]

    def describe(key: ExecutionKey) -> Execution:
        return describe_execution(connection, key)

    for key, queued_at, answer in zip(keys, absent["queued_at"], map_concurrently(describe, keys), strict=True):
        name = (key.job_id, key.thing_name, key.execution_number)
        if isinstance(answer, NotFound):
            deleted.append(name)
        elif not isinstance(answer, Execution):
            unread.append(name)
        elif not same_moment(answer.queued_at, queued_at):
            deleted.append(name)
        elif answer.finished:
            finished.append(answer)
        else:
            unread.append(name)
    return finished, deleted, unread


def _finished_rows(finished: Sequence[Execution]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "job_id": row.key.job_id,
                "thing_name": row.key.thing_name,
                "execution_number": row.key.execution_number,
                "queued_at": pd.Timestamp(row.queued_at),
                "status": row.status.value,
                "last_updated_at": pd.Timestamp(row.last_updated_at) if row.last_updated_at else pd.NaT,
                "stuck": False,
                "cause": "",
                "evidence": "finished",
                "suggestion": "none",
            }
            for row in finished
        ]
    )


def _read_whole(executions: pd.DataFrame, jobs: pd.DataFrame) -> set[str]:
    """The jobs of which every execution was read, by their own counts."""
    read = executions.groupby("job_id").size()
    totals = jobs.set_index("job_id")[[status.value for status in Status]].sum(axis=1, min_count=len(Status))
    return {str(job_id) for job_id, count in totals.dropna().items() if read.get(job_id, 0) == count}
