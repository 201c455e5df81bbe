"""Carrying out a sweep's plan: a canary, then the rest, each one looked at again; when to stop; what came after.

The looks, calls and checks of different things overlap, each operation at its own pace; a thing's own executions stay
in the plan's order. The lines of the journal say in which order calls went out and failures came.

What was done stands in the journal alone: a run that goes on in the same directory reads it there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

import pandas as pd

from iotjobs.aws import concurrency
from iotjobs.aws import executions as fetch
from iotjobs.aws.concurrency import map_concurrently
from iotjobs.aws.connection import Connection
from iotjobs.aws.jobs import describe_job
from iotjobs.deletion.executor import LONG, SHORT, Executor
from iotjobs.deletion.results import TargetResult, TargetState
from iotjobs.deletion.sweep_plan import SweepPlan, Target
from iotjobs.deletion.turns import Halted, Turns
from iotjobs.errors import Denied, Interrupted, IotJobsError, NotFound, Refused
from iotjobs.model import UNFINISHED, Identity
from iotjobs.run.journal import Journal

FAILURES_IN_A_ROW = 3
_ENDS = frozenset({"verified", "cancelled", "drifted", "gone"})
Progress = Callable[[TargetResult], None]
Answer = TypeVar("Answer")


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
        self._turns: Turns | None = None
        self._connecting = threading.RLock()
        self._canary_gone = any(entry["event"] == "canary" for entry in journal.entries)

    def run(self, *, stop: Callable[[], bool], progress: Progress) -> None:
        """Do all that is left. What became of each is in `results`. ``progress`` is called in this thread.

        What AWS accepted and does not show yet is looked at again while others go on; `MOST_IN_FLIGHT` at most. Raises
        Interrupted when asked to stop, Denied, RecordError, and IotJobsError when the canary or several in a row fail:
        then the rest is left alone.
        """
        self._executor.raise_if_stopped = lambda: self._raise_if_stopped(stop)
        self._executor.may_send, self._executor.noted = self._may_send, self._noted
        left = [target for target in self.plan.targets if not self.results[target.identity].state.is_final]
        first = 0
        while first < len(left) and not self._canary_gone:
            self._raise_if_stopped(stop)
            self._left_its_queue(left[first])  # what is to show that it is gone must be readable before it is touched
            self._do(left[first], progress, looks=LONG)
            self._raise_after_failures(self.results[left[first].identity].why)
            self._check_canary(left[first])
            first += 1
        self._turns = turns = Turns(left[first:])
        at_once = min(concurrency.THREADS, len(left) - first)
        if at_once > 1:
            self._work_at_once(turns, at_once, progress)
        else:
            self._work(turns, progress)
        if turns.error is not None:
            raise turns.error

    def _work_at_once(self, turns: Turns, at_once: int, progress: Progress) -> None:
        """Have threads carry out the targets; what they report is told here, and an interrupt here ends them."""
        reports: SimpleQueue[TargetResult | None] = SimpleQueue()

        def work() -> None:
            self._work(turns, reports.put)
            reports.put(None)

        with ThreadPoolExecutor(at_once, thread_name_prefix="iotjobs-sweep") as pool:
            try:
                for _ in range(at_once):
                    pool.submit(work)
                ended = 0
                while ended < at_once:
                    report = reports.get()
                    if report is None:
                        ended += 1
                    else:
                        progress(report)
            except BaseException as error:  # noqa: BLE001 - raised by `run`, when the threads have ended
                turns.end(error)

    def _work(self, turns: Turns, report: Progress) -> None:
        """Carry out one target after the other until there are no more."""
        while (turn := turns.next()) is not None:
            target, was_late = turn
            is_late = False
            try:
                self._executor.raise_if_stopped()
                result = self._do(target, report, looks=LONG if was_late else SHORT)
                is_late = result.state is TargetState.UNSETTLED
                if is_late and was_late:  # it was looked for minutes: that is a failure
                    is_late = False
                    with self._executor.lock:
                        self._failures += 1
                self._raise_after_failures(result.why)
            except Halted:
                turns.end()
            except BaseException as error:  # noqa: BLE001 - raised by `run`
                turns.end(error)
            turns.done(target, was_late=was_late, is_late=is_late)

    def _do(self, target: Target, report: Progress, *, looks: int) -> TargetResult:
        result = self._with_fresh_credentials(lambda connection: self._run(connection, target, looks))
        self.results[target.identity] = result
        report(result)
        return result

    def _with_fresh_credentials(self, work: Callable[[Connection], Answer]) -> Answer:
        connection = self._connection()
        try:
            return work(connection)
        except Denied as error:
            if not error.expired:
                raise
            with self._connecting:
                if self._connect() is connection:
                    self._reconnect()  # fresh credentials may be there by now
            return work(self._connection())

    def _run(self, connection: Connection, target: Target, looks: int) -> TargetResult:
        cause = self._cause(target)
        return self._executor.run(connection, target.removal, cause=cause, looks=looks, sparing=self._canary_gone)

    def _cause(self, target: Target) -> str:
        return target.cause if self.plan.rule.causes else ""

    def _connection(self) -> Connection:
        with self._connecting:
            connection = self._connect()
        if (connection.account, connection.region) != (self.plan.account, self.plan.region):
            raise Refused(
                f"the credentials now are for account {connection.account}, region {connection.region}, and the plan "
                f"is for {self.plan.account}, {self.plan.region}: nothing more is done"
            )
        return connection

    def _may_send(self, is_first: bool) -> None:  # noqa: FBT001 - as the executor asks it
        """Before a call goes on record: nothing new once the sweep is over, nothing at all after failures in a row."""
        try:
            self._raise_after_failures("")
        except IotJobsError:
            raise Halted from None
        if is_first and self._turns is not None and self._turns.is_over:
            raise Halted

    def _noted(self, event: str) -> None:
        if event == "failed":
            self._failures += 1
        elif event in _ENDS:
            self._failures = 0

    def _raise_after_failures(self, why: str) -> None:
        """Raise when the first one failed, or several in a row did."""
        if self._failures and not self._canary_gone:
            raise IotJobsError(f"the first one failed ({why}); the rest is left alone")
        if self._failures >= FAILURES_IN_A_ROW:
            raise IotJobsError(f"{self._failures} in a row failed, the last with: {why}; the rest is left alone")

    def _check_canary(self, target: Target) -> None:
        """The first one must be as planned, and its thing's queue must have moved on, before any other is touched."""
        result = self.results[target.identity]
        if result.state is TargetState.DRIFTED:
            return
        if result.state is TargetState.UNSETTLED:
            raise IotJobsError(f"the first one does not show yet ({result.why}); the rest is left alone")
        if not self._executor.wait_until(lambda: self._left_its_queue(target)):
            shows = "gone by itself but" if target.removal.deletes else "CANCELED by itself but unfinished and"
            raise IotJobsError(
                f"the first one, {target.key}, is {shows} still in its thing's list; the rest is left alone"
            )
        self._canary_gone = True
        self._journal.write("canary", target.identity)

    def _left_its_queue(self, target: Target) -> bool:
        try:
            listed = self._with_fresh_credentials(
                lambda connection: fetch.thing_list(connection, target.key.thing_name)
            )
        except NotFound:  # the thing is no longer registered, and so has no queue
            return True
        states = listed.states(target.identity)
        return not (states if target.removal.deletes else any(state in UNFINISHED for state in states))

    def _raise_if_stopped(self, stop: Callable[[], bool]) -> None:
        if self._turns is not None and self._turns.is_over:
            raise Halted
        if stop():
            raise Interrupted("the sweep was stopped; what was done is in the journal, the rest is left alone")
        if (self._directory / "stop").exists():
            raise Interrupted("a file `stop` lies in the run directory: remove it, and run again to go on")


def afterwards(
    connection: Connection, results: Collection[TargetResult], lists: Mapping[str, fetch.ThingList]
) -> Mapping[str, str]:
    """What the queues and jobs look like after the sweep, by `job/thing/number` of those that were ended.

    ``lists``: those of things that showed their last target to be gone; the others are read. Reading only; what cannot
    be read is said to be unknown.
    """

    def queue_of(name: str) -> pd.DataFrame:
        listed = lists.get(name)
        return fetch.thing_queue(connection, name) if listed is None else fetch.queue_in(connection, listed)

    gone = [each.removal for each in results if each.state.is_done]
    live = [removal for removal in gone if not removal.execution.finished]
    things = sorted({removal.key.thing_name for removal in live})
    jobs = sorted({removal.key.job_id for removal in live})
    queues = map_concurrently(queue_of, things)
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
