"""Carrying out a sweep's plan: a canary, then the rest, each one looked at again; when to stop; what came after.

What was done stands in the journal alone: a run that goes on in the same directory reads it there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from iotjobs.aws import executions as fetch
from iotjobs.aws.concurrency import map_concurrently
from iotjobs.aws.connection import Connection
from iotjobs.aws.jobs import describe_job
from iotjobs.deletion.executor import LONG, SHORT, Executor
from iotjobs.deletion.results import TargetResult, TargetState
from iotjobs.deletion.sweep_plan import SweepPlan, Target
from iotjobs.errors import Denied, Interrupted, IotJobsError, NotFound, Refused
from iotjobs.model import Identity, same_moment
from iotjobs.run.journal import Journal

FAILURES_IN_A_ROW = 3
#: So many may have been accepted and not show yet, while others go on.
MOST_IN_FLIGHT = 3


class SweepExecutor:
    """A plan being carried out, with the journal open. ``results``: by identity, in the plan's order."""

    def __init__(
        self,
        plan: SweepPlan,
        results: dict[Identity, TargetResult],
        *,
        executor: Executor,
        journal: Journal,
        directory: Path,
        connect: Callable[[], Connection],
        reconnect: Callable[[], None],
    ) -> None:
        self.plan = plan
        self.results = results
        self._executor = executor
        self._journal = journal
        self._directory = directory
        self._connect = connect
        self._reconnect = reconnect
        self._failures = 0
        self._canary_gone = any(entry["event"] == "canary" for entry in journal.entries)

    def run(self, *, stop: Callable[[], bool], progress: Callable[[TargetResult], None]) -> None:
        """Do all that is left. What became of each is in `results`.

        What AWS accepted and does not show yet is looked at again while others go on; `MOST_IN_FLIGHT` at most. Raises
        Interrupted when asked to stop, Denied, RecordError, and IotJobsError when the canary or several in a row fail:
        then the rest is left alone.
        """
        self._executor.raise_if_stopped = lambda: self._raise_if_stopped(stop)
        in_flight: deque[Target] = deque()
        for target in self.plan.targets:
            if self.results[target.identity].state.is_final:
                continue
            self._raise_if_stopped(stop)
            if len(in_flight) >= MOST_IN_FLIGHT:
                self._settle(in_flight.popleft(), progress)
            if not self._canary_gone:
                self._do(target, progress, looks=LONG)
                self._check_canary(target)
            elif self._do(target, progress, looks=SHORT).state is TargetState.UNSETTLED:
                in_flight.append(target)
        while in_flight:
            self._raise_if_stopped(stop)
            self._settle(in_flight.popleft(), progress)

    def _settle(self, target: Target, progress: Callable[[TargetResult], None]) -> None:
        """Look for minutes whether what was accepted shows; what does not is a failure."""
        if self._do(target, progress, looks=LONG).state is TargetState.UNSETTLED:
            self._count_failure(self.results[target.identity])

    def _do(self, target: Target, progress: Callable[[TargetResult], None], *, looks: int) -> TargetResult:
        result = self._with_fresh_credentials(target, looks)
        self.results[target.identity] = result
        progress(result)
        if result.state is TargetState.FAILED:
            self._count_failure(result)
        elif result.state is not TargetState.UNSETTLED:
            self._failures = 0
        return result

    def _with_fresh_credentials(self, target: Target, looks: int) -> TargetResult:
        try:
            return self._executor.run(self._connection(), target.removal, cause=self._cause(target), looks=looks)
        except Denied as error:
            if not error.expired:
                raise
            self._reconnect()  # fresh credentials may be there by now
            return self._executor.run(self._connection(), target.removal, cause=self._cause(target), looks=looks)

    def _cause(self, target: Target) -> str:
        return target.cause if self.plan.rule.causes else ""

    def _connection(self) -> Connection:
        connection = self._connect()
        if (connection.account, connection.region) != (self.plan.account, self.plan.region):
            raise Refused(
                f"the credentials now are for account {connection.account}, region {connection.region}, and the plan "
                f"is for {self.plan.account}, {self.plan.region}: nothing more is done"
            )
        return connection

    def _count_failure(self, result: TargetResult) -> None:
        self._failures += 1
        if not self._canary_gone:
            raise IotJobsError(f"the first one failed ({result.why}); the rest is left alone")
        if self._failures >= FAILURES_IN_A_ROW:
            raise IotJobsError(f"{self._failures} in a row failed, the last with: {result.why}; the rest is left alone")

    def _check_canary(self, target: Target) -> None:
        """The first one must be gone, and its thing's queue must have moved on, before any other is touched."""
        result = self.results[target.identity]
        if result.state is TargetState.DRIFTED:
            return
        if result.state is TargetState.UNSETTLED:
            raise IotJobsError(f"the first one does not show yet ({result.why}); the rest is left alone")
        if not self._executor.wait_until(lambda: self._left_its_queue(target)):
            raise IotJobsError(
                f"the first one, {target.key}, is gone by itself but still in its thing's list; the rest is left alone"
            )
        self._canary_gone = True
        self._journal.write("canary", target.identity)

    def _left_its_queue(self, target: Target) -> bool:
        key = target.key
        try:
            listed = fetch.thing_executions(self._connection(), key.thing_name)
        except NotFound:  # the thing is no longer registered, and so has no queue
            return True
        same = listed[(listed["job_id"] == key.job_id) & (listed["execution_number"] == key.execution_number)]
        return not any(same_moment(moment, target.identity.queued_at) for moment in same["queued_at"])

    def _raise_if_stopped(self, stop: Callable[[], bool]) -> None:
        if stop():
            raise Interrupted("the sweep was stopped; what was done is in the journal, the rest is left alone")
        if (self._directory / "stop").exists():
            raise Interrupted("a file `stop` lies in the run directory: remove it, and run again to go on")


def afterwards(connection: Connection, results: Collection[TargetResult]) -> Mapping[str, str]:
    """What the queues and jobs look like after the sweep, by `job/thing/number` of those that are gone.

    Reading only; what cannot be read is said to be unknown.
    """
    gone = [each.removal for each in results if each.state is TargetState.DELETED]
    live = [removal for removal in gone if not removal.execution.finished]
    things = sorted({removal.key.thing_name for removal in live})
    jobs = sorted({removal.key.job_id for removal in live})
    queues = map_concurrently(lambda name: fetch.thing_queue(connection, name), things)
    described = map_concurrently(lambda job_id: describe_job(connection, job_id), jobs)
    moved_on = {name: _queue_words(queue) for name, queue in zip(things, queues, strict=True)}
    stands = {job_id: _job_words(job) for job_id, job in zip(jobs, described, strict=True)}
    return {str(each.key): f"{moved_on[each.key.thing_name]}; {stands[each.key.job_id]}" for each in live}


def _job_words(job: dict[str, Any] | IotJobsError) -> str:
    if isinstance(job, NotFound):
        return "the job is gone"
    return "the job could not be read" if isinstance(job, IotJobsError) else f"the job is {job['status']}"


def _queue_words(queue: pd.DataFrame | IotJobsError) -> str:
    if isinstance(queue, NotFound):
        return "the thing is gone"
    if isinstance(queue, IotJobsError):
        return "its queue could not be read"
    if queue.empty:
        return "its queue is empty"
    head = queue.iloc[0]
    return f"its queue goes on with {head['job_id']} number {head['execution_number']} ({head['status']})"
