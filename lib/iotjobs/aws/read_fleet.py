"""The snapshot of a fleet: which calls give the evidence for a job, a thing or everything unfinished.

A primary reading that fails is an error. Evidence that cannot be had is a gap: the table still comes, and the
executions that needed it are `unknown`. The number of calls is kept down: see `jobs`, `queues` and `things`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pandas as pd

from iotjobs.aws import jobs as jobs_of
from iotjobs.aws.concurrency import map_concurrently, side_by_side, threads
from iotjobs.aws.connection import Connection
from iotjobs.aws.connectivity import Lookup, complete, look_up, look_up_soonest
from iotjobs.aws.executions import (
    PAGE_ROWS,
    job_executions,
    newest_states,
    sort_by_delivery_order,
    thing_executions,
    time_left,
)
from iotjobs.aws.gaps import error_gap, merged
from iotjobs.aws.jobs import UNREAD_JOB, Jobs
from iotjobs.aws.queues import Readings, read_queues, together
from iotjobs.aws.things import require_thing, things_table
from iotjobs.columns import EXECUTION_COLUMNS, table
from iotjobs.diagnosis import commands
from iotjobs.diagnosis.service_owners import is_greengrass
from iotjobs.errors import Denied, IotJobsError, NotFound
from iotjobs.model import ENDED_JOBS, TERMINAL, UNFINISHED, Execution, ExecutionKey, JobStatus, Status
from iotjobs.snapshot import KEY, TIMER_COLUMNS, Evidence, FleetSnapshot, Gap, Place, last_change

#: Hears how far a reading is: of what, so many more that are done, and so many more that there are to do.
Progress = Callable[[str, int, int], None]
_EXECUTIONS, _TIMERS = "executions read", "timers looked up"
#: A job grows while it is read, but not to twice its size and more.
_GROWTH = 10_000
#: Of a job with more executions what is unfinished is read first: the whole takes two seconds at AWS's quota.
_LONG = 20 * PAGE_ROWS


def no_progress(_what: str, _done: int, _total: int) -> None:
    """Hear nothing."""


def read_fleet(
    connection: Connection,
    *,
    job_id: str | None,
    thing_name: str | None,
    statuses: Sequence[Status] | None,
    stuck_after: timedelta,
    whole_history: bool = False,
    progress: Progress = no_progress,
    on_unfinished: Callable[[FleetSnapshot], None] | None = None,
) -> FleetSnapshot:
    """Read what a diagnosis needs about a job, a thing, both, or all that is unfinished.

    With ``whole_history`` the account is read with all that has ended, in whichever job. What a long job has unfinished
    is asked for first; ``on_unfinished`` gets the snapshot of that, the while what has ended is still read. Raises
    NotFound for a job or thing that does not exist, Denied and IotJobsError when the executions themselves cannot be
    read, and Denied when the credentials end on the way.
    """
    as_of = connection.now()
    if thing_name is not None:
        scope = _thing(connection, thing_name, job_id)
    elif job_id is not None:
        scope = _job(connection, job_id, statuses, progress)
    else:
        scope = _account(connection, statuses, progress, whole_history=whole_history)
    read_evidence = partial(_with_evidence, connection, scope, statuses, progress, stuck_after=stuck_after, as_of=as_of)
    if scope.read_ended is None:
        return read_evidence(look_up)[0]
    with threads(1) as beside:
        ended = beside.submit(scope.read_ended)
        if on_unfinished is None:
            snapshot, _ = read_evidence(look_up)
        else:
            snapshot, first = read_evidence(look_up_soonest)
            on_unfinished(snapshot)
            snapshot = _with_things(connection, snapshot, complete(connection, first))
        return _with_ended(snapshot, *ended.result())


def read_executions(
    connection: Connection,
    executions: Sequence[Execution],
    jobs: Mapping[str, Mapping[str, Any]],
    *,
    stuck_after: timedelta,
) -> FleetSnapshot:
    """Read what a diagnosis needs about executions that were described, but for the queues that they are in.

    That spares the lists of their things; a cause for which the queue must be known is unknown by it. ``jobs``: rows of
    JOB_COLUMNS as they are now. Raises Denied when the credentials end on the way.
    """
    rows = [
        {
            "job_id": each.key.job_id,
            "thing_name": each.key.thing_name,
            "execution_number": each.key.execution_number,
            "status": each.status.value,
            "queued_at": each.queued_at,
            "started_at": each.started_at,
            "last_updated_at": each.last_updated_at,
            "version_number": each.version_number,
        }
        for each in executions
    ]
    read = table(EXECUTION_COLUMNS, {name: [row.get(name) for row in rows] for name in EXECUTION_COLUMNS})
    described = Jobs(rows={job_id: dict(row) for job_id, row in jobs.items()})
    scope = _Scope(read, Readings(tables=(read,)), described, frozenset(jobs), with_queues=False)
    as_of = connection.now()
    return _with_evidence(connection, scope, None, no_progress, look_up, stuck_after=stuck_after, as_of=as_of)[0]


def _with_evidence(
    connection: Connection,
    scope: _Scope,
    statuses: Sequence[Status] | None,
    progress: Progress,
    look_things_up: Callable[[Connection, Sequence[str]], Lookup],
    *,
    stuck_after: timedelta,
    as_of: datetime,
) -> tuple[FleetSnapshot, Lookup]:
    """What was asked for, with all that must be known of what is unfinished; and what was looked up of its things."""
    place = place_of(connection)
    unfinished = scope.executions[scope.executions["status"].isin(UNFINISHED)]
    things = sorted(set(unfinished["thing_name"]))
    timers_of = partial(_timers, connection, progress, as_of=as_of, stuck_after=stuck_after)
    (readings, jobs, job_ids, queues, timers, gaps), (lookup, things_read, thing_gaps) = side_by_side(
        lambda: _queues_and_jobs(connection, scope, things, timers_of),
        lambda: _things(connection, look_things_up, things, place),
    )
    in_order = [name for name in jobs.rows if name in job_ids]
    all_gaps = [
        *(*scope.gaps, *gaps, *thing_gaps),
        *jobs_of.schedule_gaps(jobs, in_order, as_of=as_of, place=place),
        *_greengrass_gaps(queues, jobs, place),
    ]
    snapshot = FleetSnapshot(
        executions=_as_newest(scope.executions, readings, statuses),
        queues=queues,
        jobs=jobs.table(in_order),
        things=things_read.assign(queue_known=things_read["thing_name"].isin(readings.known).astype("boolean")),
        timers=timers,
        gaps=merged(all_gaps),
        as_of=as_of,
        place=place,
        jobs_listed=None if jobs.listed is None else len(jobs.listed),
    )
    return snapshot, lookup


def _queues_and_jobs(
    connection: Connection,
    scope: _Scope,
    things: Sequence[str],
    timers_of: Callable[[pd.DataFrame, Jobs], tuple[pd.DataFrame, list[Gap]]],
) -> tuple[Readings, Jobs, set[str], pd.DataFrame, pd.DataFrame, list[Gap]]:
    """What waits for things, of whatever job: the readings, its jobs and which those are, its order and its timers."""
    known = scope.readings.known | set(things if scope.whole_account else ())
    unread = set(things) - known if scope.with_queues else set()
    readings, jobs, queue_gaps = read_queues(connection, replace(scope.readings, known=known), scope.jobs, unread)
    job_ids = {*scope.job_ids, *_waiting(readings, things)["job_id"]}
    jobs = jobs_of.describe(connection, jobs, job_ids)
    jobs, job_gaps = jobs_of.fill_in(connection, jobs, job_ids)
    readings, cancel_gaps = _read_cancelled_again(connection, readings, jobs, _waiting(readings, things))
    waiting = _waiting(readings, things)
    (queues, order_gaps), (timers, timer_gaps) = side_by_side(
        lambda: _in_order_of_delivery(connection, waiting), lambda: timers_of(waiting, jobs)
    )
    gaps = [*queue_gaps, *job_gaps, *cancel_gaps, *order_gaps, *timer_gaps]
    return readings, jobs, job_ids, queues, timers, gaps


def _things(
    connection: Connection,
    look_things_up: Callable[[Connection, Sequence[str]], Lookup],
    things: Sequence[str],
    place: Place,
) -> tuple[Lookup, pd.DataFrame, list[Gap]]:
    lookup = look_things_up(connection, things)
    return lookup, *things_table(connection, lookup, place=place, trust_live=look_things_up is look_up_soonest)


def _with_things(connection: Connection, snapshot: FleetSnapshot, lookup: Lookup) -> FleetSnapshot:
    """The same with what is known of its things by now."""
    things, gaps = things_table(connection, lookup, place=snapshot.place)
    things = things.assign(queue_known=snapshot.things["queue_known"])  # of the same things, in the same order
    others = [gap for gap in snapshot.gaps if gap.evidence not in {Evidence.REGISTRATION, Evidence.CONNECTIVITY}]
    return replace(snapshot, things=things, gaps=merged([*others, *gaps]))


def _with_ended(snapshot: FleetSnapshot, ended: pd.DataFrame, gaps: Sequence[Gap]) -> FleetSnapshot:
    """Add what has ended of a job; what ended while it was read waits no more."""
    executions = newest_states(together([snapshot.executions, ended]))
    over = pd.MultiIndex.from_frame(executions.loc[~executions["status"].isin(UNFINISHED), KEY])
    waits = ~pd.MultiIndex.from_frame(snapshot.queues[KEY]).isin(over)
    queues = snapshot.queues[waits].reset_index(drop=True)
    return replace(snapshot, executions=executions, queues=queues, gaps=merged([*snapshot.gaps, *gaps]))


def place_of(connection: Connection) -> Place:
    """Where a connection reads, as a command must say it: an endpoint only where it is none of AWS's own."""
    endpoint = None if connection.endpoint_kind == "aws" else connection.endpoint
    return Place(connection.profile, connection.region, endpoint, iot_alone=connection.sts_elsewhere)


@dataclass(frozen=True, slots=True)
class _Scope:
    """What was asked for, as far as it was read: ``job_ids`` are those that the reading is about.

    ``read_ended`` reads what has ended, where only what is unfinished was read; ``with_queues``: what else waits for
    the things is read as well.
    """

    executions: pd.DataFrame
    readings: Readings
    jobs: Jobs
    job_ids: frozenset[str] = frozenset()
    gaps: tuple[Gap, ...] = ()
    whole_account: bool = False
    with_queues: bool = True
    read_ended: Callable[[], tuple[pd.DataFrame, list[Gap]]] | None = None


def _thing(connection: Connection, thing_name: str, job_id: str | None) -> _Scope:
    jobs = Jobs() if job_id is None else jobs_of.require(connection, job_id)
    job_ids = frozenset() if job_id is None else frozenset({job_id})
    try:
        executions = thing_executions(connection, thing_name)
        readings = Readings().with_things({thing_name: executions})
    except Denied as error:
        if job_id is None or error.action is None:
            raise
        executions = job_executions(connection, job_id)
        executions = _rows(executions, executions["thing_name"] == thing_name)
        readings = Readings().with_job(job_id, executions, None)
    gaps = require_thing(connection, thing_name) if executions.empty else []
    if job_id is not None:
        executions = _rows(executions, executions["job_id"] == job_id)
    return _Scope(executions, readings, jobs, job_ids, tuple(gaps))


def _job(connection: Connection, job_id: str, statuses: Sequence[Status] | None, progress: Progress) -> _Scope:
    jobs = jobs_of.require(connection, job_id)
    long = statuses is None and (jobs.counted(job_id, None) or 0) > _LONG
    first = jobs.cheapest(job_id) if long else statuses
    progress(_EXECUTIONS, 0, jobs.counted(job_id, statuses) or 0)
    executions, gaps = _executions_of(connection, jobs, job_id, first, progress)
    readings = Readings().with_job(job_id, executions, first)
    scope = _Scope(executions, readings, jobs, frozenset({job_id}), tuple(gaps))
    if first == statuses:
        return scope
    return replace(scope, read_ended=lambda: _executions_of(connection, jobs, job_id, TERMINAL, progress))


def _account(
    connection: Connection, statuses: Sequence[Status] | None, progress: Progress, *, whole_history: bool
) -> _Scope:
    """Every execution of every job; or those that can be unfinished, and jobs that are as cheap to read whole."""
    if whole_history:
        jobs, gaps = jobs_of.list_all(connection, Jobs())
        job_ids = list(jobs.listed or {})
    else:
        jobs, job_ids, gaps = jobs_of.find_alive(connection, Jobs())

    def which(described: Jobs, job_id: str) -> tuple[bool, Sequence[Status] | None]:
        if whole_history:
            return True, None
        return described.may_have(job_id, statuses or UNFINISHED), statuses or described.cheapest(job_id)

    scope = _of_jobs(connection, jobs, job_ids, which, progress)
    whole = scope.whole_account and not gaps and (whole_history or statuses is None)
    return replace(scope, job_ids=frozenset(job_ids), gaps=(*gaps, *scope.gaps), whole_account=whole)


def _of_jobs(
    connection: Connection,
    jobs: Jobs,
    job_ids: Sequence[str],
    which: Callable[[Jobs, str], tuple[bool, Sequence[Status] | None]],
    progress: Progress,
) -> _Scope:
    """Describe jobs and read their executions, both quotas at once; ``which``: whether, and in which statuses.

    Raises the first error when none could be read.
    """
    described: dict[str, Jobs] = {}
    asked: dict[str, Sequence[Status] | None] = {}

    def read(job_id: str) -> tuple[pd.DataFrame, list[Gap]] | None:
        own = jobs if job_id in jobs.rows else jobs_of.describe(connection, Jobs(), [job_id])
        described[job_id] = own
        wanted, asked[job_id] = which(own, job_id)
        if not wanted:
            return None
        progress(_EXECUTIONS, 0, own.counted(job_id, asked[job_id]) or 0)
        return _executions_of(connection, own, job_id, asked[job_id], progress)

    in_order = sorted(job_ids)
    answers = map_concurrently(read, in_order)
    of_each = [(job_id, described[job_id]) for job_id in in_order if job_id in described]
    rows = dict(jobs.rows) | {job_id: own.rows[job_id] for job_id, own in of_each if job_id in own.rows}
    failures = dict(jobs.errors) | {job_id: own.errors[job_id] for job_id, own in of_each if job_id in own.errors}
    readings, gaps, errors = Readings(), list[Gap](), list[IotJobsError]()
    for job_id, answer in zip(in_order, answers, strict=True):
        if answer is None or isinstance(answer, NotFound):
            continue  # it has nothing of what is asked for, or was deleted since it was listed
        if isinstance(answer, IotJobsError):
            errors.append(answer)
            gaps.append(error_gap(f"{UNREAD_JOB} {job_id}", answer))
        else:
            executions, some = answer
            readings = readings.with_job(job_id, executions, asked[job_id])
            gaps += some
    if errors and not readings.tables:
        raise errors[0]
    executions = together(readings.tables)
    readings = replace(readings, tables=(executions,))
    jobs = replace(jobs, rows=rows, errors=failures)
    return _Scope(executions, readings, jobs, gaps=tuple(gaps), whole_account=not errors)


def _executions_of(
    connection: Connection, jobs: Jobs, job_id: str, statuses: Sequence[Status] | None, progress: Progress
) -> tuple[pd.DataFrame, list[Gap]]:
    """The executions of a job, read once more where its own counts say that some are missing.

    A row that vanishes between two pages moves the next one into the page that was read. The counts are those of
    before and after, since the job goes on meanwhile: the smaller one is sure to be there.
    """
    counted = jobs.counted(job_id, statuses)
    most = None if counted is None else 2 * counted + _GROWTH
    read = partial(job_executions, connection, job_id, statuses=statuses, most=most)
    executions = read(on_rows=lambda rows: progress(_EXECUTIONS, rows, 0))
    if counted is None or counted <= PAGE_ROWS or len(executions) >= counted:
        return executions, []
    jobs = jobs_of.describe(connection, jobs, [job_id], anew=True)
    least = min(counted, jobs.counted(job_id, statuses) or 0)
    if len(executions) >= least:
        return executions, []
    executions = newest_states(together([executions, read()]))
    if len(executions) >= least:
        return executions, []
    why = f"its list has {len(executions)} where the job itself counts {least}"
    return executions, [Gap(f"every execution of job {job_id}", why, "run this again; its counts may lag behind")]


def _waiting(readings: Readings, things: Collection[str]) -> pd.DataFrame:
    executions = readings.executions()
    return _rows(executions, executions["status"].isin(UNFINISHED) & executions["thing_name"].isin(things))


def _read_cancelled_again(
    connection: Connection, readings: Readings, jobs: Jobs, waiting: pd.DataFrame
) -> tuple[Readings, list[Gap]]:
    """Read once more the jobs that are CANCELED, and of which something was QUEUED when it was read.

    A cancel that AWS is through with leaves nothing QUEUED, so it came after the reading. It can come by the reading: a
    service that looks at timers when it is asked may meet abort criteria then. One that AWS is still at is left alone.
    """
    queued = waiting[waiting["status"] == Status.QUEUED]
    late = [
        job_id
        for job_id in sorted(set(queued["job_id"]))
        if jobs.status(job_id) == JobStatus.CANCELED and not jobs.rows[job_id]["is_concurrent"]
    ]
    gaps = []
    answers = map_concurrently(lambda job_id: job_executions(connection, job_id), late)
    for job_id, answer in zip(late, answers, strict=True):
        if isinstance(answer, IotJobsError):
            things = set(queued.loc[queued["job_id"] == job_id, "thing_name"])
            gaps.append(error_gap(Evidence.QUEUE, answer, about=things))
        else:
            own = answer[answer["thing_name"].isin(set(waiting["thing_name"]))]
            readings = replace(readings, tables=(*readings.tables, own))
    return readings, gaps


def _in_order_of_delivery(connection: Connection, waiting: pd.DataFrame) -> tuple[pd.DataFrame, list[Gap]]:
    gaps: list[Gap] = []

    def note(thing_name: str, error: IotJobsError) -> None:
        gaps.append(error_gap(Evidence.ORDER, error, about=[thing_name]))

    return sort_by_delivery_order(connection, waiting, on_error=note), gaps


def _as_newest(executions: pd.DataFrame, readings: Readings, statuses: Sequence[Status] | None) -> pd.DataFrame:
    """The executions asked for, as they were when they were last read."""
    newest = readings.executions()
    asked = pd.MultiIndex.from_frame(newest[KEY]).isin(pd.MultiIndex.from_frame(executions[KEY]))
    newest = newest[asked].reset_index(drop=True)
    return _rows(newest, newest["status"].isin(statuses)) if statuses else newest


def _timers(
    connection: Connection,
    progress: Progress,
    queues: pd.DataFrame,
    jobs: Jobs,
    *,
    as_of: datetime,
    stuck_after: timedelta,
) -> tuple[pd.DataFrame, list[Gap]]:
    """What is left of each running execution's timer; only a describe has it.

    The job's configuration does not: a device can set a timer of its own, and a job's timer that was changed
    holds for the executions that start after. Young executions and those of jobs that ended are left out: their
    cause is known without.
    """
    running = _rows(queues, queues["status"] == Status.IN_PROGRESS)
    ended = running["job_id"].map(jobs.status).isin(ENDED_JOBS)
    old = _rows(running, (pd.Timestamp(as_of) - last_change(running) >= stuck_after) & ~ended)
    keys = [ExecutionKey(str(job), str(thing), int(number)) for job, thing, number in old[KEY].to_numpy()]

    def ask(key: ExecutionKey) -> tuple[float | None, int | None]:
        left = time_left(connection, key)
        progress(_TIMERS, 1, 0)
        return left

    progress(_TIMERS, 0, len(keys))
    rows, gaps = [], []
    for key, answer in zip(keys, map_concurrently(ask, keys), strict=True):
        if isinstance(answer, NotFound):
            why = "it ended or went away while it was read"
            gaps.append(Gap(Evidence.TIMER, why, "run this again", frozenset({str(key)})))
        elif isinstance(answer, IotJobsError):
            gaps.append(error_gap(Evidence.TIMER, answer, about=[str(key)]))
        else:
            rows.append((key.job_id, key.thing_name, key.execution_number, *answer))
    columns = [list(column) for column in zip(*rows, strict=True)] or [[]] * len(TIMER_COLUMNS)
    return table(TIMER_COLUMNS, dict(zip(TIMER_COLUMNS, columns, strict=True))), gaps


def _greengrass_gaps(queues: pd.DataFrame, jobs: Jobs, place: Place) -> list[Gap]:
    """The cores whose queues may hold more than was read: whether the lists show all namespaces, AWS does not say."""
    owned = {job_id for job_id, row in jobs.rows.items() if is_greengrass(job_id, row["namespace_id"])}
    cores = frozenset(queues.loc[queues["job_id"].isin(owned), "thing_name"])
    if not cores:
        return []
    look = commands.aws(place, "greengrassv2", "list-effective-deployments", core_device_thing_name=min(cores))
    why = "the lists of Jobs need not show all that Greengrass has queued for a core"
    return [Gap("the whole queue", why, f"look at the core as well: `{look}`", cores)]


def _rows(frame: pd.DataFrame, keep: pd.Series) -> pd.DataFrame:
    return frame.loc[keep.astype(bool)].reset_index(drop=True)
