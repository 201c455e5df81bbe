"""Job executions: AWS's answers to tables. All pages, or an error; never a part taken for the whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from typing import Any

import pandas as pd
import pyarrow as pa

from iotjobs.aws import raw_pages
from iotjobs.aws.concurrency import map_concurrently
from iotjobs.aws.connection import Connection
from iotjobs.aws.raw_pages import RawPage
from iotjobs.aws.rows import (
    Row,
    execution,
    executions_columns,
    executions_table,
    name_in_arn,
    odd_answer,
    on_control_plane,
    timer,
)
from iotjobs.errors import IotJobsError, NotFound
from iotjobs.model import UNFINISHED, Execution, ExecutionKey, Identity, Status, same_moment
from iotjobs.snapshot import KEY, QUEUE_COLUMNS

PAGE_ROWS = 250
_IDENTIFYING = ["job_id", "execution_number", "queued_at", "status"]

Page = list[dict[str, Any]] | RawPage


def job_executions(
    connection: Connection,
    job_id: str,
    *,
    statuses: Sequence[Status] | None = None,
    most: int | None = None,
    on_rows: Callable[[int], None] = lambda _count: None,
) -> pd.DataFrame:
    """The executions of a job (EXECUTION_COLUMNS); with `statuses`, only those, asked for by status.

    The statuses are asked for in the order of an execution's life, so that one which moves on meanwhile is listed twice
    rather than never; it is in the table once, as it is newest. `on_rows` hears how many rows came.

    Raises NotFound, and IotJobsError when there are more than `most` or a row is not understood.
    """
    filters = [{"status": status.value} for status in Status if status in statuses] if statuses else [{}]
    parts = [
        part for only in filters for part in _listed(connection, job_id=job_id, most=most, on_rows=on_rows, **only)
    ]
    return newest_states(executions_table(parts))


def thing_executions(connection: Connection, thing_name: str) -> pd.DataFrame:
    """All executions of a thing, of whatever job and status (EXECUTION_COLUMNS), each once, as it is newest."""
    return thing_list(connection, thing_name).executions()


@dataclass(frozen=True, slots=True)
class ThingList:
    """What a thing's list had when it was read.

    Without a table: a sweep reads one after every execution, and a table of a few rows costs more than the call.
    """

    parts: tuple[pa.Table, ...]

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def states(self, identity: Identity) -> list[Status]:
        """The states in which it has this very execution."""
        wanted = identity.job_id, identity.execution_number
        rows = [row for part in self.parts for row in part.select(_IDENTIFYING).to_pylist()]
        about = [row for row in rows if (row["job_id"], row["execution_number"]) == wanted]
        return [Status(row["status"]) for row in about if same_moment(row["queued_at"], identity.queued_at)]

    def executions(self) -> pd.DataFrame:
        """All of it (EXECUTION_COLUMNS), each once."""
        return newest_states(executions_table(self.parts))


def thing_list(connection: Connection, thing_name: str) -> ThingList:
    """Read a thing's list. Raises NotFound, IotJobsError."""
    return ThingList(tuple(_listed(connection, thing_name=thing_name)))


def newest_states(executions: pd.DataFrame) -> pd.DataFrame:
    """Each execution once, of those that were read more than once: the one queued last, and of it the latest state.

    A state never goes back: what has ended is later than what is in progress, and that is later than what is queued.
    """
    if not executions.duplicated(KEY).any():
        return executions.reset_index(drop=True)
    life = executions["status"].astype("str").map({Status.QUEUED.value: 0, Status.IN_PROGRESS.value: 1}).fillna(2)
    by_age = executions.assign(life=life).sort_values(
        ["queued_at", "life", "last_updated_at"], kind="stable", na_position="first"
    )
    newest = by_age.drop_duplicates(KEY, keep="last").index
    return executions.loc[newest.sort_values()].reset_index(drop=True)


def thing_queue(connection: Connection, thing_name: str) -> pd.DataFrame:
    """The unfinished executions of a thing (QUEUE_COLUMNS) in the order of delivery: running, then oldest."""
    return queue_in(connection, thing_list(connection, thing_name))


def queue_in(connection: Connection, listed: ThingList) -> pd.DataFrame:
    """The same, of a list that was read."""
    executions = listed.executions()
    return sort_by_delivery_order(connection, executions[executions["status"].isin(UNFINISHED)])


def sort_by_delivery_order(
    connection: Connection,
    executions: pd.DataFrame,
    *,
    on_error: Callable[[str, IotJobsError], None] = lambda _thing_name, _error: None,
) -> pd.DataFrame:
    """Add `delivery`, which breaks ties of the same `queued_at` by the device's own list, and sort by it.

    Where the device's list cannot be read (then `on_error` is called) or does not name an execution, its `delivery` is
    missing.
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
    delivery = [places.get(pair) for pair in zip(ties["thing_name"], ties["job_id"], strict=True)]
    queue.loc[ties.index, "delivery"] = pd.array(delivery, dtype="Int64")
    waits = queue["status"].ne(Status.IN_PROGRESS.value)
    in_order = queue.assign(waits=waits).sort_values(
        ["thing_name", "waits", "queued_at", "delivery"], kind="stable", ignore_index=True
    )
    return in_order[list(QUEUE_COLUMNS)].astype(QUEUE_COLUMNS)


def describe_execution(connection: Connection, key: ExecutionKey) -> Execution:
    """One execution with its version and details, from the control plane.

    Raises NotFound, and IotJobsError where the answer is about another execution.
    """
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
    return execution(answer, job_id=key.job_id, thing=key.thing_name, number=key.execution_number)


def newest_execution(connection: Connection, *, job_id: str, thing_name: str) -> Execution:
    """A thing's newest execution of a job, the one that calls without a number mean. Raises as `describe_execution`."""
    answer = connection.read("DescribeJobExecution", jobId=job_id, thingName=thing_name)
    return execution(answer, job_id=job_id, thing=thing_name, number=None)


def newest_unfinished(connection: Connection, *, job_id: str, thing_name: str) -> Execution:
    """The same from the device's plane, whose quota is far higher: times in whole seconds, no `forceCanceled`.

    The connection asks the control plane where that one cannot be had. Raises IotJobsError also for one that has ended
    (API_iot-jobs-data_DescribeJobExecution: TerminalStateException).
    """
    answer = connection.read_device_plane(
        "DescribeJobExecution", jobId=job_id, thingName=thing_name, includeJobDocument=False
    )
    as_controls = on_control_plane(answer, f"{connection.arns}thing/{thing_name}")
    return execution(as_controls, job_id=job_id, thing=thing_name, number=None)


class _OddPage(Exception):
    """A page that the quick way does not understand."""


def _listed(
    connection: Connection,
    *,
    job_id: str | None = None,
    thing_name: str | None = None,
    most: int | None = None,
    on_rows: Callable[[int], None] = lambda _count: None,
    **only: str,
) -> list[pa.Table]:
    """All rows of a job's or a thing's listing as columns. Raises IotJobsError for one that has no end."""
    operation = "ListJobExecutionsForJob" if thing_name is None else "ListJobExecutionsForThing"
    asked = only | ({"jobId": job_id} if thing_name is None else {"thingName": thing_name})

    def columns(batches: Iterable[Sequence[Page]]) -> list[pa.Table]:
        parts: list[pa.Table] = []
        rows = 0
        for pages in batches:
            rows += sum(map(len, pages))
            if most is not None and rows > most:
                what = f"about {job_id or thing_name} has more than {most} rows, far more than the job itself counts"
                raise odd_answer(operation, what)
            for _, alike in groupby(pages, type):
                parts.append(_columns(connection, operation, list(alike), job_id=job_id, thing_name=thing_name))
                on_rows(len(parts[-1]))
        return parts

    try:
        return columns(connection.raw_pages(operation, raw_pages.ROWS, maxResults=PAGE_ROWS, **asked))
    except _OddPage:  # what is odd is said by the way that reads a row at a time
        pages = connection.pages(operation, raw_pages.ROWS, maxResults=PAGE_ROWS, **asked)
        return columns([page] for page in pages)


def _columns(
    connection: Connection, operation: str, pages: Sequence[Any], *, job_id: str | None, thing_name: str | None
) -> pa.Table:
    """The rows of pages that came in one way, checked. Raises IotJobsError, and _OddPage where they came unread."""
    if isinstance(pages[0], RawPage):
        quick = raw_pages.executions(pages, job_id=job_id, thing_name=thing_name, arns=connection.arns)
        if quick is None:
            raise _OddPage
        return quick
    rows: list[Row] = []
    for each in chain.from_iterable(pages):
        item = each if isinstance(each, dict) else {}
        thing = thing_name or name_in_arn(operation, item.get("thingArn"))
        summary = item.get("jobExecutionSummary")
        rows.append((job_id or item.get("jobId") or "", thing, summary if isinstance(summary, dict) else {}))
    return executions_columns(operation, rows)


def time_left(connection: Connection, key: ExecutionKey) -> tuple[float | None, int | None]:
    """The seconds that are left of an execution's timer, None where none runs, and its version.

    From the device's plane, whose quota is far higher; the connection asks the control plane where it cannot be had.
    Raises NotFound for one that has ended, and IotJobsError where the answer is about another one.
    """
    answer = connection.read_device_plane(
        "DescribeJobExecution",
        jobId=key.job_id,
        thingName=key.thing_name,
        executionNumber=key.execution_number,
        includeJobDocument=False,
    )
    return timer(answer, key)
