"""Carrying out a sweep's plan: a canary, then the rest, each one looked at again; when to stop; what became of it.

What was done stands in the journal alone: a run that goes on in the same directory reads it there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from iotjobs.aws import executions as fetch
from iotjobs.aws.concurrency import map_concurrently
from iotjobs.aws.connection import Connection
from iotjobs.aws.jobs import describe_job
from iotjobs.deletion.executor import DeletionExecutor
from iotjobs.deletion.plan import identity_of
from iotjobs.deletion.results import TargetResult, TargetState, results_from_journal
from iotjobs.deletion.sweep_plan import SweepPlan, Target
from iotjobs.errors import Denied, Interrupted, IotJobsError, NotFound, RecordError, Refused
from iotjobs.model import exact_text
from iotjobs.run.journal import Journal

FAILURES_IN_A_ROW = 3


class SweepExecutor:
    """A plan being carried out, with the journal open."""

    def __init__(
        self,
        *,
        plan: SweepPlan,
        journal: Journal,
        directory: Path,
        ticket: str | None,
        connect: Callable[[], Connection],
        reconnect: Callable[[], None],
    ) -> None:
        self.plan = plan
        self._journal = journal
        self._directory = directory
        self._ticket = ticket
        self._connect = connect
        self._reconnect = reconnect

    def run(self, *, stop: Callable[[], bool], progress: Callable[[TargetResult], None]) -> None:
        """Do all that is left. What became of each stands in the journal, see `results_from_journal`.

        Raises Interrupted when asked to stop, Denied, RecordError, and IotJobsError when the canary or several in a
        row fail: then the rest is left alone.
        """
        failures = 0
        for row in results_from_journal(self.plan, self._journal.entries):
            if row.standing in (TargetState.DELETED, TargetState.DRIFTED):
                continue
            self._heed(stop)
            canary = not any(entry["event"] == "canary" for entry in self._journal.entries)
            ended = self._one(row.target)
            progress(ended)
            failures = failures + 1 if ended.standing is TargetState.FAILED else 0
            if canary and ended.standing is not TargetState.DRIFTED:
                self._check_canary(ended)
            if failures >= FAILURES_IN_A_ROW:
                raise IotJobsError(f"{failures} in a row failed, the last with: {ended.why}; the rest is left alone")

    def settle(self) -> None:
        """Settle by looking what was in flight when an earlier run ended; changes nothing in AWS."""
        for row in results_from_journal(self.plan, self._journal.entries):
            if row.standing is TargetState.UNSETTLED:
                self._application(row.target).settle()

    def _heed(self, stop: Callable[[], bool]) -> None:
        if stop():
            raise Interrupted("the sweep was stopped; what was done is in the journal, the rest is left alone")
        if (self._directory / "stop").exists():
            raise Interrupted("a file `stop` lies in the run directory: remove it, and run again to go on")

    def _one(self, target: Target) -> TargetResult:
        try:
            return self._attempt(target)
        except Denied as error:
            if not error.expired:
                raise
            self._reconnect()  # fresh credentials may be there by now
            return self._attempt(target)

    def _application(self, target: Target) -> DeletionExecutor:
        connection = self._connect()
        if (connection.account, connection.region) != (self.plan.account, self.plan.region):
            raise Refused(
                f"the credentials now are for account {connection.account}, region {connection.region}, and the plan "
                f"is for {self.plan.account}, {self.plan.region}: nothing more is done"
            )
        return DeletionExecutor(connection, target.removal, self._journal, self._directory.name, ticket=self._ticket)

    def _attempt(self, target: Target) -> TargetResult:
        try:
            refused = self._application(target).run()
        except (Denied, RecordError, Refused):
            raise
        except IotJobsError as error:
            if isinstance(error.__cause__, Denied):  # cancelled, but it must not be deleted: none other is cancelled
                raise error.__cause__ from error
            self._journal.write("failed", **identity_of(target.removal), why=str(error))
            return TargetResult(target, TargetState.FAILED, str(error))
        why = "; ".join(refusal.message for refusal in refused)
        return TargetResult(target, TargetState.DRIFTED if refused else TargetState.DELETED, why)

    def _check_canary(self, row: TargetResult) -> None:
        """The first one must be gone, and its thing's queue must have moved on, before any other is touched."""
        if row.standing is not TargetState.DELETED:
            raise IotJobsError(f"the first one failed ({row.why}); the rest is left alone")
        key = row.target.key
        listed = fetch.thing_executions(self._connect(), key.thing_name)
        same = (listed["job_id"] == key.job_id) & (listed["execution_number"] == key.execution_number)
        queued_at = {exact_text(moment.to_pydatetime()) for moment in listed.loc[same, "queued_at"]}
        if exact_text(row.target.removal.execution.queued_at) in queued_at:
            raise IotJobsError(
                f"the first one, {key}, is gone by itself but still in its thing's list; the rest is left alone"
            )
        self._journal.write("canary", **identity_of(row.target.removal))


def after(connection: Connection, rows: Sequence[TargetResult]) -> dict[str, str]:
    """What the queues and jobs look like after the sweep, by `job/thing/number` of those that are gone.

    Reading only; what cannot be read is said to be unknown.
    """
    gone = [row.target for row in rows if row.standing is TargetState.DELETED]
    live = [target for target in gone if not target.removal.execution.finished]
    things = sorted({target.key.thing_name for target in live})
    jobs = sorted({target.key.job_id for target in live})
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
    if isinstance(queue, IotJobsError):
        return "its queue could not be read"
    if queue.empty:
        return "its queue is empty"
    head = queue.iloc[0]
    return f"its queue goes on with {head['job_id']} number {head['execution_number']} ({head['status']})"
