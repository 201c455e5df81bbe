"""Jobs and executions: AWS's answers to tables. All pages, or an error; never a part taken for the whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from iotjobs.aws.connection import Connection
from iotjobs.errors import Denied, InvalidInput, IotJobsError, NotFound
from iotjobs.model import (
    EXECUTION_COLUMNS,
    JOB_COLUMNS,
    UNFINISHED,
    Execution,
    ExecutionKey,
    Status,
    table,
)
from iotjobs.snapshot import QUEUE_COLUMNS

PAGE_ROWS = 250
_AT_ONCE = 8
_GIVE_UP_AFTER = _AT_ONCE

Item = TypeVar("Item")
Answer = TypeVar("Answer")

_COUNTS = {
    Status.QUEUED: "numberOfQueuedThings",
    Status.IN_PROGRESS: "numberOfInProgressThings",
    Status.SUCCEEDED: "numberOfSucceededThings",
    Status.FAILED: "numberOfFailedThings",
    Status.TIMED_OUT: "numberOfTimedOutThings",
    Status.REJECTED: "numberOfRejectedThings",
    Status.REMOVED: "numberOfRemovedThings",
    Status.CANCELED: "numberOfCanceledThings",
}


def map_concurrently(ask: Callable[[Item], Answer], items: Iterable[Item]) -> list[Answer | IotJobsError]:
    """Ask for many items at once; an item whose reading failed gives its error in place of an answer.

    A job or thing that we may not read is one gap; no credentials at all is raised. When one after the other fails
    although each was retried, the rest is not asked: an outage of the service must not take hours to be told.
    """
    in_a_row: list[IotJobsError] = []

    def asked(item: Item) -> Answer | IotJobsError:
        if len(in_a_row) >= _GIVE_UP_AFTER:
            return in_a_row[-1]
        try:
            answer = ask(item)
        except Denied as error:
            if error.action is None:
                raise
            return error
        except (NotFound, InvalidInput) as error:
            return error
        except IotJobsError as error:
            in_a_row.append(error)
            return error
        in_a_row.clear()
        return answer

    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        return list(pool.map(asked, items))


def list_jobs(connection: Connection) -> list[dict[str, Any]]:
    """All jobs of the account and region as `ListJobs` sums them up (all pages)."""
    return [job for page in connection.pages("ListJobs", "jobs", maxResults=PAGE_ROWS) for job in page]


def describe_job(connection: Connection, job_id: str) -> dict[str, Any]:
    """One job as a row of JOB_COLUMNS. Raises NotFound."""
    try:
        job = connection.read("DescribeJob", jobId=job_id)["job"]
    except NotFound as error:
        raise NotFound(
            f"job {job_id} does not exist in account {connection.account}, region {connection.region}; "
            "check the id, the profile and the region"
        ) from error
    return _job_row(job, described=True)


def job_snapshot(connection: Connection, job_id: str) -> dict[str, Any]:
    """A job with its document as JSON can hold it, for `journal.append_job_snapshot`; `restore` makes a job of it.

    Never in the way of what it goes before: a part that cannot be read is None, and `gaps` says why. Raises Denied
    where there are no usable credentials at all. Source: DescribeJob, GetJobDocument.
    """
    snapshot: dict[str, Any] = {"job_id": job_id, "job": None, "document": None, "document_source": None, "gaps": []}
    described = _or_gap(snapshot, "settings", connection, "DescribeJob", job_id)
    snapshot |= {"job": described.get("job"), "document_source": described.get("documentSource")}
    snapshot["document"] = _or_gap(snapshot, "document", connection, "GetJobDocument", job_id).get("document")
    return dict(json.loads(json.dumps(snapshot, default=str)))


def _or_gap(snapshot: dict[str, Any], part: str, connection: Connection, operation: str, job_id: str) -> dict[str, Any]:
    try:
        return connection.read(operation, jobId=job_id)
    except IotJobsError as error:
        if isinstance(error, Denied) and error.action is None:
            raise
        snapshot["gaps"].append(f"the job's {part} could not be read: {error}")
        return {}


def jobs_table(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Rows of `describe_job` and `job_summary` as a table with JOB_COLUMNS."""
    return table(JOB_COLUMNS, {name: [row.get(name) for row in rows] for name in JOB_COLUMNS})


def job_summary(job: dict[str, Any]) -> dict[str, Any]:
    """A row of JOB_COLUMNS from what `ListJobs` tells, for a job that could not be described."""
    return _job_row(job, described=False)


def job_executions(connection: Connection, job_id: str, *, statuses: Sequence[Status] | None = None) -> pd.DataFrame:
    """The executions of a job (EXECUTION_COLUMNS); with `statuses`, only those, asked for by status."""
    filters: list[dict[str, Any]] = [{"status": status.value} for status in statuses] if statuses else [{}]
    rows = []
    for only in filters:
        pages = connection.pages(
            "ListJobExecutionsForJob", "executionSummaries", jobId=job_id, maxResults=PAGE_ROWS, **only
        )
        for page in pages:
            rows += [(job_id, _thing_name(item["thingArn"]), item["jobExecutionSummary"]) for item in page]
    return _executions_table(rows)


def thing_executions(connection: Connection, thing_name: str) -> pd.DataFrame:
    """All executions of a thing, of whatever job and status (EXECUTION_COLUMNS)."""
    rows = []
    pages = connection.pages(
        "ListJobExecutionsForThing", "executionSummaries", thingName=thing_name, maxResults=PAGE_ROWS
    )
    for page in pages:
        rows += [(item["jobId"], thing_name, item["jobExecutionSummary"]) for item in page]
    return _executions_table(rows)


def thing_queue(connection: Connection, thing_name: str) -> pd.DataFrame:
    """The unfinished executions of a thing (QUEUE_COLUMNS) in the order of delivery: running, then oldest."""
    executions = thing_executions(connection, thing_name)
    return sort_by_delivery_order(connection, executions[executions["status"].isin(UNFINISHED)])


def list_things(connection: Connection) -> Iterator[set[str]]:
    """The names of the registry's things, a page at a time."""
    for page in connection.pages("ListThings", "things", maxResults=PAGE_ROWS):
        yield {str(thing["thingName"]) for thing in page}


def sort_by_delivery_order(
    connection: Connection,
    executions: pd.DataFrame,
    *,
    on_error: Callable[[str, IotJobsError], None] = lambda _thing_name, _error: None,
) -> pd.DataFrame:
    """Add `delivery`, which breaks ties of the same second by the device's own list, and sort by it.

    The lists of the control plane tell no fractions of a second. Where the device's list cannot be read (which
    `on_error` is told) or does not name an execution, its `delivery` is missing.
    """
    queue = executions.assign(delivery=pd.array([0] * len(executions), dtype="Int64")).reset_index(drop=True)
    queued = queue[queue["status"] == Status.QUEUED]
    ties = queued[queued.duplicated(["thing_name", "queued_at"], keep=False)]
    tied = ties["thing_name"].unique()

    def pending(thing_name: str) -> list[str]:
        answer = connection.read_device_plane("GetPendingJobExecutions", thingName=thing_name)
        return [item["jobId"] for item in answer.get("queuedJobs", [])]

    places: dict[tuple[str, str], int] = {}
    for thing_name, order in zip(tied, map_concurrently(pending, tied), strict=True):
        if isinstance(order, IotJobsError):
            on_error(thing_name, order)
        else:
            places |= {(thing_name, job_id): number for number, job_id in enumerate(order)}
    found = [places.get(pair) for pair in zip(ties["thing_name"], ties["job_id"], strict=True)]
    queue.loc[ties.index, "delivery"] = pd.array(found, dtype="Int64")
    running = queue["status"].ne(Status.IN_PROGRESS.value).rename("waits")
    order_by = queue.assign(waits=running).sort_values(
        ["thing_name", "waits", "queued_at", "delivery"], kind="stable", ignore_index=True
    )
    return order_by[list(QUEUE_COLUMNS)]


def describe_execution(connection: Connection, key: ExecutionKey) -> Execution:
    """One execution with its version and details, from the control plane. Raises NotFound."""
    try:
        answer = connection.read(
            "DescribeJobExecution",
            jobId=key.job_id,
            thingName=key.thing_name,
            executionNumber=key.execution_number,
        )
    except NotFound as error:
        raise NotFound(
            f"there is no execution {key} in account {connection.account}, region {connection.region}: "
            "the job, the thing or the number is wrong, or it was deleted already"
        ) from error
    return _execution(key, answer["execution"])


def newest_execution(connection: Connection, *, job_id: str, thing_name: str) -> Execution:
    """A thing's newest execution of a job, the one that calls without a number mean. Raises NotFound."""
    found = connection.read("DescribeJobExecution", jobId=job_id, thingName=thing_name)["execution"]
    return _execution(ExecutionKey(job_id, thing_name, int(found["executionNumber"])), found)


def group_members(connection: Connection, group: str) -> set[str]:
    """The things of a group and of the groups below it (ListThingsInThingGroup, all pages). Raises NotFound."""
    pages = connection.pages(
        "ListThingsInThingGroup", "things", thingGroupName=group, recursive=True, maxResults=PAGE_ROWS
    )
    return {str(name) for page in pages for name in page}


def _execution(key: ExecutionKey, found: dict[str, Any]) -> Execution:
    return Execution(
        key=key,
        status=Status(found["status"]),
        queued_at=_moment(found["queuedAt"]),
        version_number=int(found["versionNumber"]),
        started_at=_moment_or_none(found.get("startedAt")),
        last_updated_at=_moment_or_none(found.get("lastUpdatedAt")),
        status_details=dict(found.get("statusDetails", {}).get("detailsMap", {})),
        seconds_before_timeout=found.get("approximateSecondsBeforeTimedOut"),
        force_canceled=found.get("forceCanceled"),
        raw=json.loads(json.dumps(found, default=str)),
    )


def _job_row(job: dict[str, Any], *, described: bool) -> dict[str, Any]:
    counts = job.get("jobProcessDetails", {})
    timeout = job.get("timeoutConfig") or {}
    return {
        "job_id": job["jobId"],
        "status": job["status"],
        "target_selection": job.get("targetSelection"),
        "created_at": _moment_or_none(job.get("createdAt")),
        "last_updated_at": _moment_or_none(job.get("lastUpdatedAt")),
        "completed_at": _moment_or_none(job.get("completedAt")),
        "described": described,
        "timeout_minutes": timeout.get("inProgressTimeoutInMinutes"),
        "scheduling": job.get("schedulingConfig") or {},
        "namespace_id": job.get("namespaceId"),
        "targets": job.get("targets") or [],
        **{status.value: counts.get(name) for status, name in _COUNTS.items()},
    }


def _executions_table(rows: list[tuple[str, str, dict[str, Any]]]) -> pd.DataFrame:
    summaries = [summary for _, _, summary in rows]

    def moments(name: str) -> pd.DatetimeIndex:
        seconds = np.array([summary.get(name) for summary in summaries], dtype="float64")
        whole = np.rint(seconds * 1e6)  # to the microsecond, which is as far as a float holds and a datetime goes
        known = np.nan_to_num(whole).astype("int64").view("datetime64[us]")
        known[np.isnan(whole)] = np.datetime64("NaT")
        return pd.DatetimeIndex(known.astype("datetime64[ns]")).tz_localize("UTC")

    return table(
        EXECUTION_COLUMNS,
        {
            "job_id": [job_id for job_id, _, _ in rows],
            "thing_name": [thing_name for _, thing_name, _ in rows],
            "execution_number": [summary["executionNumber"] for summary in summaries],
            "status": [summary["status"] for summary in summaries],
            "queued_at": moments("queuedAt"),
            "started_at": moments("startedAt"),
            "last_updated_at": moments("lastUpdatedAt"),
            "retry_attempt": [summary.get("retryAttempt", 0) for summary in summaries],
        },
    )


def _thing_name(thing_arn: str) -> str:
    return thing_arn.rpartition(":thing/")[2]


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


def _moment_or_none(seconds: float | None) -> datetime | None:
    return None if seconds is None else _moment(seconds)
