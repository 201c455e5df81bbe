"""The contract's table of causes, read top to bottom for one execution at a time, in plain Python.

Written from the words of the contract and independent of the kit's vectorised code: a fleet of plain facts in, a label
out. `FleetSpec.tables` is the same fleet as the tables that a reading makes, with evidence taken away.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from iotjobs.columns import EXECUTION_COLUMNS, JOB_COLUMNS, table
from iotjobs.snapshot import QUEUE_COLUMNS, THING_COLUMNS, TIMER_COLUMNS, Evidence, FleetSnapshot, Gap

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
STUCK_AFTER = 24 * HOUR


@dataclass
class ThingSpec:
    """A thing as it is."""

    name: str
    exists: bool = True
    connected: bool = True
    seen: timedelta | None = 100 * HOUR  # since when it is connected or not; None: never was


@dataclass
class JobSpec:
    """A job as it is. ``daily`` windows are (hour of the day, minutes); ``start`` is from now, either way.

    ``opened`` says of a schedule that is made elsewhere whether it has opened since its executions were queued.
    """

    job_id: str
    status: str = "IN_PROGRESS"
    start: timedelta | None = None
    daily: tuple[int, int] | None = None
    weekday: int | None = None  # of the windows, 0 is Monday; None: every day
    minutes: int | None = None
    concurrent: bool = False  # AWS is still rolling it out or cancelling it
    forced: bool | None = False  # cancelled by force
    updated: timedelta = 5000 * HOUR
    opened: bool | None = None

    @property
    def scheduled(self) -> bool:
        return self.opened is not None or self.start is not None or self.daily is not None

    @property
    def scheduling(self) -> dict[str, Any]:
        columns: dict[str, Any] = {}
        if self.start is not None:
            columns["startTime"] = (NOW + self.start).strftime("%Y-%m-%dT%H:%M")
        if self.daily is not None:
            hour, minutes = self.daily
            day = "?" if self.weekday is None else str((self.weekday + 1) % 7 + 1)
            cron = f"cron(0 {hour} {'*' if day == '?' else '?'} * {day} *)"
            columns["maintenanceWindows"] = [{"startTime": cron, "durationInMinutes": minutes}]
        return columns

    def opened_since(self, queued_at: datetime) -> bool:
        if self.opened is not None:
            return self.opened
        start = NOW + self.start if self.start is not None else datetime.min.replace(tzinfo=UTC)
        if start > NOW:
            return False
        if self.daily is None:
            return True
        hour, minutes = self.daily
        since = max(queued_at, start)
        day = (since - timedelta(days=2)).replace(hour=hour, minute=0, second=0, microsecond=0)
        while day <= NOW:
            right_day = self.weekday is None or day.weekday() == self.weekday
            if right_day and day + timedelta(minutes=minutes) > since:
                return True
            day += timedelta(days=1)
        return False


@dataclass(eq=False)
class ExecutionSpec:
    """An execution as it is; ages are from now. ``place`` orders those queued in the same second."""

    job: JobSpec
    thing: ThingSpec
    status: str
    queued: timedelta
    started: timedelta | None = None
    reported: timedelta | None = None
    retry: int = 0
    left: float | None = None
    place: int = 0
    number: int = 1

    @property
    def key(self) -> tuple[str, str, int]:
        return self.job.job_id, self.thing.name, self.number

    @property
    def last_change(self) -> timedelta:
        return min(age for age in (self.queued, self.started, self.reported) if age is not None)


@dataclass
class FleetSpec:
    """A fleet as it is."""

    executions: list[ExecutionSpec]
    things: list[ThingSpec] = field(default_factory=list)
    jobs: list[JobSpec] = field(default_factory=list)

    def queue(self, thing: ThingSpec) -> list[ExecutionSpec]:
        """The queued executions of a thing, oldest first."""
        queued = [one for one in self.executions if one.thing is thing and one.status == "QUEUED"]
        return sorted(queued, key=lambda one: (-one.queued.total_seconds(), one.place))

    def running(self, thing: ThingSpec) -> list[ExecutionSpec]:
        return [one for one in self.executions if one.thing is thing and one.status == "IN_PROGRESS"]

    def label(self, one: ExecutionSpec) -> tuple[str, bool, int]:
        """Cause, stuck and unblocks by the contract."""
        queue = self.queue(one.thing)
        behind = len(queue) if one.status == "IN_PROGRESS" else len(queue) - queue.index(one) - 1
        cause = self.cause(one)
        if cause == "waiting_turn":
            return cause, self.label(queue[0])[1], behind
        return cause, cause not in ("canceling", "retrying", "fresh", "waiting_window", "timeout_pending"), behind

    def cause(self, one: ExecutionSpec) -> str:  # noqa: PLR0911, C901 - the contract's table, a line a row
        if not one.thing.exists:
            return "thing_gone"
        if one.job.status == "CANCELED" and one.job.concurrent and (one.status == "QUEUED" or one.job.forced):
            return "canceling"
        if one.job.status in ("CANCELED", "COMPLETED", "DELETION_IN_PROGRESS"):
            return "orphaned"
        if one.status == "QUEUED" and one.retry > 0 and one.queued < STUCK_AFTER:
            return "retrying"
        if one.last_change < STUCK_AFTER:
            return "fresh"
        if one.job.status == "SCHEDULED" or (one.job.scheduled and not one.job.opened_since(NOW - one.queued)):
            return "waiting_window"
        if one.status == "IN_PROGRESS" and one.left is not None:
            return "timeout_pending"
        if not one.thing.connected:
            return "device_offline"
        if one.status == "IN_PROGRESS":
            return "stalled"
        if self.running(one.thing):
            return "blocked"
        if self.queue(one.thing)[0] is not one:
            return "waiting_turn"
        return "not_picked_up"

    def tables(
        self, without: Collection[tuple[Evidence, str]] = (), *, asked: Collection[str] | None = None
    ) -> FleetSnapshot:
        """The fleet as a reading of some jobs (of all: None) sees it, with evidence taken away.

        Where a thing's queue is taken away, nothing is seen of it but the executions that were asked for.
        """
        chosen = [one for one in self.executions if asked is None or one.job.job_id in asked]
        unfinished = [
            one
            for one in self.executions
            if one.status in ("QUEUED", "IN_PROGRESS")
            and (one in chosen or (Evidence.QUEUE, one.thing.name) not in without)
        ]
        timers = [
            {"job_id": one.job.job_id, "thing_name": one.thing.name, "execution_number": one.number}
            | {"seconds_left": one.left, "version_number": 7}
            for one in unfinished
            if one.status == "IN_PROGRESS" and (Evidence.TIMER, one.job.job_id) not in without
        ]
        return FleetSnapshot(
            executions=_table(EXECUTION_COLUMNS, [_row(one) for one in chosen]),
            queues=_table(QUEUE_COLUMNS, [_row(one) | self._place(one, without) for one in unfinished]),
            jobs=_table(JOB_COLUMNS, [row for job in self.jobs if (row := _job_row(job, without))]),
            things=_table(THING_COLUMNS, [_thing_row(thing, without) for thing in self.things]),
            timers=_table(TIMER_COLUMNS, timers),
            gaps=tuple(
                Gap(evidence, "taken away", "allow it", frozenset({name})) for evidence, name in self.missing(without)
            ),
            as_of=NOW,
        )

    def missing(self, without: Collection[tuple[Evidence, str]]) -> frozenset[tuple[Evidence, str]]:
        """What is taken away, and what goes with it: only a description says whether a job was cancelled by force."""
        described = {job.job_id for job in self.jobs if job.status == "CANCELED" and job.concurrent}
        also = {(Evidence.JOB_STATUS, name) for kind, name in without if kind == Evidence.SCHEDULE}
        return frozenset(without) | {one for one in also if one[1] in described}

    def _place(self, one: ExecutionSpec, without: Collection[tuple[Evidence, str]]) -> dict[str, Any]:
        twins = [other for other in self.queue(one.thing) if other.queued == one.queued]
        if one.status == "IN_PROGRESS" or len(twins) == 1:
            return {"delivery": 0}
        return {"delivery": None if (Evidence.ORDER, one.thing.name) in without else one.place}


def _row(one: ExecutionSpec) -> dict[str, Any]:
    def at(age: timedelta | None) -> datetime | None:
        return None if age is None else NOW - age

    return {
        "job_id": one.job.job_id,
        "thing_name": one.thing.name,
        "execution_number": one.number,
        "status": one.status,
        "queued_at": at(one.queued),
        "started_at": at(one.started),
        "last_updated_at": at(one.reported if one.reported is not None else one.queued),
        "retry_attempt": one.retry,
    }


def _job_row(job: JobSpec, without: Collection[tuple[Evidence, str]]) -> dict[str, Any] | None:
    if (Evidence.JOB_STATUS, job.job_id) in without:
        return None
    row = {"job_id": job.job_id, "status": job.status, "scheduling": {}, "last_updated_at": NOW - job.updated}
    row["is_concurrent"] = job.concurrent
    if (Evidence.SCHEDULE, job.job_id) in without:
        return row | {"described": False}
    described = {"scheduling": job.scheduling, "timeout_minutes": job.minutes, "force_canceled": job.forced}
    return row | described | {"described": True}


def _thing_row(thing: ThingSpec, without: Collection[tuple[Evidence, str]]) -> dict[str, Any]:
    unconnected = (Evidence.CONNECTIVITY, thing.name) in without or not thing.exists
    return {
        "thing_name": thing.name,
        "exists": None if (Evidence.REGISTRATION, thing.name) in without else thing.exists,
        "connected": None if unconnected else thing.connected,
        "changed_at": None if thing.seen is None or unconnected else NOW - thing.seen,
        "thing_groups": "",
        "queue_known": (Evidence.QUEUE, thing.name) not in without,
    }


def _table(columns: dict[str, str], rows: list[dict[str, Any]]) -> pd.DataFrame:
    return table(columns, {name: [row.get(name) for row in rows] for name in columns})
