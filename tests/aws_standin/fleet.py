"""A fleet as AWS keeps it: things, jobs, executions with identity and version, and what happens to them in the field.

Times are seconds since the epoch, to the millisecond. A test builds a fleet with `job`, `thing` and the moves below;
`days` and `hours` say how long ago something happened.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

UNFINISHED = frozenset({"QUEUED", "IN_PROGRESS"})
STATUSES = ("QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "TIMED_OUT", "REJECTED", "REMOVED", "CANCELED")
GREENGRASS = "aws-gg-deployment"
_DAY_S, _HOUR_S = 86_400, 3_600


@dataclass
class Execution:
    """One execution. ``hidden_at``: a delete was accepted, and describe and the lists show it until then."""

    job_id: str
    thing_name: str
    number: int
    queued_at: float
    updated_at: float
    status: str = "QUEUED"
    version: int = 1
    started_at: float | None = None
    retry_attempt: int = 0
    details: dict[str, str] = field(default_factory=dict)
    force_canceled: bool | None = None
    times_out_at: float | None = None
    deleted: bool = False


@dataclass
class Job:
    """A job. ``settings`` are members of DescribeJob's answer that need no code here, by AWS's own names."""

    job_id: str
    created_at: float
    updated_at: float
    status: str = "IN_PROGRESS"
    target_selection: str = "SNAPSHOT"
    namespace_id: str | None = None
    completed_at: float | None = None
    is_concurrent: bool = False
    force_canceled: bool | None = None
    document: str = '{"operation": "update"}'
    settings: dict[str, Any] = field(default_factory=dict)
    executions: dict[tuple[str, int], Execution] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    revision: int = 0


@dataclass
class Thing:
    """A thing with its document of the fleet index. ``connectivity`` None: the index has none for it."""

    name: str
    registered: bool = True
    groups: tuple[str, ...] = ()
    attributes: dict[str, str] = field(default_factory=dict)
    type_name: str | None = None
    connectivity: dict[str, Any] | None = None
    executions: dict[tuple[str, int], Execution] = field(default_factory=dict)
    revision: int = 0


class Fleet:
    """The fleet of one account and region. ``now``: the service's clock."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.now = now
        self.jobs: dict[str, Job] = {}
        self.things: dict[str, Thing] = {}
        self.indexing = {"thingIndexingMode": "REGISTRY", "thingConnectivityIndexingMode": "STATUS"}
        self.deletes_show_after_s = 0.0
        self.cancels_show_after_s = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    # Building.

    def thing(
        self,
        name: str,
        *,
        connected: bool | None = True,
        since_days: float | None = 1,
        reason: str | None = None,
        groups: Iterable[str] = (),
        **attributes: str,
    ) -> Thing:
        """Register a thing; ``since_days`` None: connectivity without a timestamp; ``connected`` None: no connectivity."""
        thing = self.things.setdefault(name, Thing(name))
        thing.registered, thing.groups, thing.attributes = True, tuple(groups), dict(attributes)
        thing.connectivity = None
        if connected is not None:
            thing.connectivity = {"connected": connected}
            if since_days is not None:
                thing.connectivity["timestamp"] = int((self.now() - since_days * _DAY_S) * 1000)
                if not connected:
                    thing.connectivity["disconnectReason"] = reason or "CONNECTION_LOST"
        return thing

    def job(
        self,
        job_id: str,
        things: Mapping[str, str] | Iterable[str],
        *,
        days: float = 40,
        continuous: bool = False,
        namespace_id: str | None = None,
        document: str = '{"operation": "update"}',
        **settings: Any,
    ) -> Job:
        """Make a job, queued ``days`` ago for these things; a mapping tells each one's status, reported a day later."""
        at = self._ago(days=days)
        job = Job(job_id, at, at, "IN_PROGRESS", "CONTINUOUS" if continuous else "SNAPSHOT", namespace_id)
        job.document, job.settings = document, dict(settings)
        self.jobs[job_id] = job
        for name in things:
            if name not in self.things:
                self.thing(name)
            self.queue(job_id, name, days=days)
        for name, status in things.items() if isinstance(things, Mapping) else ():
            if status != "QUEUED":
                self.report(job_id, name, status, days=max(0.0, days - 1))
        return job

    def queue(
        self, job_id: str, thing_name: str, *, days: float = 0, hours: float = 0, retry_attempt: int = 0
    ) -> Execution:
        """Queue the job's next execution number for the thing."""
        number = max((held.number for held in self._of(job_id, thing_name)), default=0) + 1
        at = self._ago(days=days, hours=hours)
        execution = Execution(job_id, thing_name, number, at, at, retry_attempt=retry_attempt)
        self.jobs[job_id].executions[thing_name, number] = execution
        self.things[thing_name].executions[job_id, number] = execution
        self.jobs[job_id].counts["QUEUED"] += 1
        self._touch(execution)
        return execution

    # What happens in the field.

    def report(
        self,
        job_id: str,
        thing_name: str,
        status: str,
        details: Mapping[str, str] | None = None,
        *,
        days: float = 0,
        hours: float = 0,
    ) -> Execution:
        """The device reports on its newest execution (or a timer does: TIMED_OUT; or it leaves a group: REMOVED)."""
        execution = self.newest(job_id, thing_name)
        if execution is None:
            raise LookupError(f"{thing_name} has no execution of {job_id}")
        at = self._ago(days=days, hours=hours)
        if execution.started_at is None and status not in {"REJECTED", "REMOVED", "CANCELED"}:
            execution.started_at = at
        if details is not None:
            execution.details = dict(details)
        timeout = self.jobs[job_id].settings.get("timeoutConfig", {}).get("inProgressTimeoutInMinutes")
        if status == "IN_PROGRESS" and timeout and execution.times_out_at is None:
            execution.times_out_at = at + 60 * timeout
        self._move(execution, status, at, version=status != "REMOVED")
        self._retry(execution)
        self._complete(job_id)
        return execution

    def rejoin(self, job_id: str, thing_name: str) -> Execution:
        """The thing leaves a continuous job's group and joins again: what was QUEUED is REMOVED, the next number queued."""
        newest = self.newest(job_id, thing_name)
        if newest and newest.status == "QUEUED":
            self._move(newest, "REMOVED", self.now(), version=False)
        return self.queue(job_id, thing_name)

    def use_number_again(self, job_id: str, thing_name: str, *, hours: float = 0) -> Execution:
        """The newest execution vanishes and its number comes back as another execution, with another queuedAt."""
        newest = self.newest(job_id, thing_name)
        if newest is not None:
            self._remove(newest)
        return self.queue(job_id, thing_name, hours=hours)

    def cancel_job(self, job_id: str, *, force: bool = False, takes_s: float = 0.0) -> None:
        """CancelJob: the job is CANCELED at once, its executions after ``takes_s`` (isConcurrent until then)."""
        job = self.jobs[job_id]
        job.status, job.updated_at, job.is_concurrent, job.force_canceled = "CANCELED", self.now(), takes_s > 0, force
        ending = UNFINISHED if force else {"QUEUED"}

        def act() -> None:
            for execution in [held for held in job.executions.values() if held.status in ending]:
                self._move(execution, "CANCELED", self.now())
            job.is_concurrent = False

        self.later(takes_s, act)

    def deregister(self, thing_name: str) -> None:
        """DeleteThing: AWS keeps the thing's executions."""
        self.things[thing_name].registered = False

    # What the API does. Checked by the caller.

    def cancel(self, execution: Execution, details: Mapping[str, str] | None, *, force: bool) -> None:
        """Cancel one execution; it shows after ``cancels_show_after_s`` if the device does not end it before."""

        def act() -> None:
            if execution.status in UNFINISHED and not execution.deleted:
                if details is not None:
                    execution.details = dict(details)
                execution.force_canceled = force or None
                self._move(execution, "CANCELED", self.now())
                self._complete(execution.job_id)

        self.later(self.cancels_show_after_s, act)

    def delete(self, execution: Execution) -> None:
        """Delete one execution; it shows after ``deletes_show_after_s``."""

        def act() -> None:
            if not execution.deleted:
                self._remove(execution)
                self._complete(execution.job_id)

        self.later(self.deletes_show_after_s, act)

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something when the service's clock has gone on that far; at once for 0."""
        if seconds <= 0:
            act()
        else:
            heapq.heappush(self._due, (self.now() + seconds, next(self._order), act))

    def settle(self) -> None:
        """Do what is due."""
        while self._due and self._due[0][0] <= self.now():
            heapq.heappop(self._due)[2]()

    # Looking.

    def newest(self, job_id: str, thing_name: str) -> Execution | None:
        return max(self._of(job_id, thing_name), key=lambda held: held.number, default=None)

    def find(self, job_id: str, thing_name: str, number: int | None = None) -> Execution | None:
        """One execution; without a number the newest."""
        if number is None:
            return self.newest(job_id, thing_name)
        job = self.jobs.get(job_id)
        return job.executions.get((thing_name, number)) if job else None

    def pending(self, thing_name: str) -> list[Execution]:
        """A thing's queue over all jobs and namespaces: what is IN_PROGRESS first, then the oldest."""
        held = self.things[thing_name].executions.values() if thing_name in self.things else ()
        waiting = [one for one in held if one.status in UNFINISHED]
        return sorted(waiting, key=lambda one: (one.status != "IN_PROGRESS", one.queued_at))

    def left(self, job_id: str) -> dict[str, str]:
        """Status by thing of what a job still has: what a test asserts on. ``thing#2`` for a later number."""
        self.settle()
        held = self.jobs[job_id].executions.values() if job_id in self.jobs else ()
        return {one.thing_name + (f"#{one.number}" if one.number > 1 else ""): one.status for one in held}

    # What is inside.

    def _ago(self, *, days: float = 0, hours: float = 0) -> float:
        return round(self.now() - days * _DAY_S - hours * _HOUR_S, 3)

    def _of(self, job_id: str, thing_name: str) -> list[Execution]:
        thing = self.things.get(thing_name)
        return [held for (job, _), held in thing.executions.items() if job == job_id] if thing else []

    def _move(self, execution: Execution, status: str, at: float, *, version: bool = True) -> None:
        job = self.jobs[execution.job_id]
        job.counts[execution.status] -= 1
        job.counts[status] += 1
        execution.status, execution.updated_at = status, round(at, 3)
        execution.version += version
        self._touch(execution)

    def _remove(self, execution: Execution) -> None:
        job, thing = self.jobs[execution.job_id], self.things[execution.thing_name]
        del job.executions[execution.thing_name, execution.number]
        del thing.executions[execution.job_id, execution.number]
        job.counts[execution.status] -= 1
        execution.deleted = True
        self._touch(execution)

    def _touch(self, execution: Execution) -> None:
        self.jobs[execution.job_id].revision += 1
        self.things[execution.thing_name].revision += 1

    def _retry(self, execution: Execution) -> None:
        criteria = self.jobs[execution.job_id].settings.get("jobExecutionsRetryConfig", {}).get("criteriaList", [])
        for one in criteria:
            fits = one["failureType"] in {execution.status, "ALL"} and execution.status in {"FAILED", "TIMED_OUT"}
            if fits and execution.retry_attempt < one["numberOfRetries"]:
                again = self.queue(execution.job_id, execution.thing_name, retry_attempt=execution.retry_attempt + 1)
                again.queued_at = again.updated_at = execution.updated_at
                return

    def _complete(self, job_id: str) -> None:
        job = self.jobs[job_id]
        over = not any(job.counts[status] for status in UNFINISHED)
        if over and job.status == "IN_PROGRESS" and job.target_selection == "SNAPSHOT":
            job.status = "COMPLETED"
            job.completed_at = job.updated_at = max(
                (held.updated_at for held in job.executions.values()), default=self.now()
            )
