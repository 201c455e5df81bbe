"""What is read anew around a plan: its jobs and their lists, the queue of one thing, the cause that holds now."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pandas as pd

from iotjobs.aws import executions as fetch
from iotjobs.aws.concurrency import map_concurrently
from iotjobs.aws.connection import Connection
from iotjobs.aws.read_fleet import read_executions, read_fleet
from iotjobs.deletion.job_facts import FreshJobs, JobFacts, read_job
from iotjobs.deletion.plan import Plan, QueueContext
from iotjobs.deletion.sweep_plan import SweepPlan
from iotjobs.diagnosis.diagnose import diagnose
from iotjobs.errors import IotJobsError, NotFound
from iotjobs.model import Execution, ExecutionKey, Identity, same_moment
from iotjobs.snapshot import KEY, FleetSnapshot


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was read anew for a plan, see `ApplyContext`."""

    jobs: Mapping[str, JobFacts | IotJobsError] = field(default_factory=dict)
    job_totals: Mapping[str, int] = field(default_factory=dict)
    spent: frozenset[Identity] = frozenset()


def evidence_now(connection: Connection, plan: SweepPlan, *, done: Collection[Identity] = ()) -> Evidence:
    """What the guards need to know of now: each of a plan's jobs, its executions, and which targets are spent.

    ``done``: the targets to which nothing more is sent. One that a list lacks is looked at, since a list may be late.
    Raises Denied and IotJobsError where a job cannot be listed, or such a target cannot be described.
    """
    job_ids = sorted({each.key.job_id for each in plan.targets})
    jobs = dict(zip(job_ids, map_concurrently(lambda job_id: read_job(connection, job_id), job_ids), strict=True))
    listed = list_jobs(connection, job_ids)
    lists = {job_id: dict(zip(keys_of(rows), rows["queued_at"], strict=True)) for job_id, rows in listed.items()}
    pending = [each for each in plan.targets if each.identity not in done]
    unlisted = [each.removal for each in pending if not _is_in(lists, each.identity)]
    spent = {*done, *_gone(connection, unlisted)}
    for job_id in [job_id for job_id, facts in jobs.items() if isinstance(facts, NotFound)]:
        if all(each.identity in spent for each in plan.targets if each.key.job_id == job_id):
            del jobs[job_id]  # nothing is left to be done there
    still_listed = Counter(identity.job_id for identity in spent if _is_in(lists, identity))
    totals = {job_id: len(lists.get(job_id, ())) - still_listed[job_id] for job_id in job_ids}
    return Evidence(jobs, totals, frozenset(spent))


def _is_in(lists: Mapping[str, Mapping[ExecutionKey, datetime]], identity: Identity) -> bool:
    queued_at = lists.get(identity.job_id, {}).get(identity.key)
    return queued_at is not None and same_moment(queued_at, identity.queued_at)


def _gone(connection: Connection, removals: Collection[Plan]) -> list[Identity]:
    """Those of which there is nothing more, or another execution. Raises IotJobsError where that cannot be seen."""
    answers = map_concurrently(lambda each: fetch.describe_execution(connection, each.key), removals)
    gone = []
    for removal, answer in zip(removals, answers, strict=True):
        if isinstance(answer, Execution):
            is_gone = not same_moment(answer.queued_at, removal.execution.queued_at)
        elif isinstance(answer, NotFound):
            is_gone = True
        else:
            raise answer
        if is_gone:
            gone.append(removal.identity)
    return gone


class CausesNow:
    """The causes that executions have now; safe to use from several threads, whose questions are asked together."""

    def __init__(self, jobs: FreshJobs, *, stuck_after: timedelta) -> None:
        self._jobs = jobs
        self._stuck_after = stuck_after
        self._questions: list[tuple[Execution, Future[str]]] = []
        self._asking, self._reading = threading.Lock(), threading.Lock()

    def of(self, connection: Connection, removal: Plan, *, approved: str) -> str:
        """The cause of one, empty when it has none. Raises IotJobsError when it cannot be read.

        Its thing's list is read only where the ``approved`` cause does not show without: most need no queue.
        """
        if approved and self._without_queue(connection, removal.execution) == approved:
            return approved
        key = removal.key
        snapshot = read_fleet(
            connection, job_id=key.job_id, thing_name=key.thing_name, statuses=None, stuck_after=self._stuck_after
        )
        return self._in(snapshot).get(key, "")

    def _without_queue(self, connection: Connection, execution: Execution) -> str:
        answer: Future[str] = Future()
        with self._asking:
            self._questions.append((execution, answer))
        with self._reading:  # what is asked meanwhile is read together after that
            if not answer.done():
                with self._asking:
                    questions, self._questions = self._questions, []
                self._answer(connection, questions)
        return answer.result()

    def _answer(self, connection: Connection, questions: Sequence[tuple[Execution, Future[str]]]) -> None:
        try:
            causes = self._in(self._snapshot(connection, [execution for execution, _ in questions]))
        except BaseException as error:  # noqa: BLE001 - raised where the answer is waited for
            for _, answer in questions:
                answer.set_exception(error)
        else:
            for execution, answer in questions:
                answer.set_result(causes.get(execution.key, ""))

    def _snapshot(self, connection: Connection, executions: Sequence[Execution]) -> FleetSnapshot:
        rows = {}
        for job_id in sorted({each.key.job_id for each in executions}):
            with suppress(NotFound):
                rows[job_id] = self._jobs.row(connection, job_id)
        known = [each for each in executions if each.key.job_id in rows]
        return read_executions(connection, known, rows, stuck_after=self._stuck_after)

    def _in(self, snapshot: FleetSnapshot) -> dict[ExecutionKey, str]:
        rows = diagnose(snapshot, stuck_after=self._stuck_after)
        return dict(zip(keys_of(rows), map(str, rows["cause"]), strict=True))


def queue_context(connection: Connection, execution: Execution) -> QueueContext:
    """The job and the queue around one execution; nothing in the queue follows from the end of a finished one.

    A reading that fails ends the plan: without it neither the owner nor the consequences are known. That there is no
    such thing any more is an answer, and no failure. Raises Denied, NotFound, IotJobsError.
    """
    key = execution.key
    job = read_job(connection, key.job_id)
    context = context_of(job, [execution])
    if execution.finished:
        return context
    try:
        queue = fetch.thing_queue(connection, key.thing_name)
    except NotFound:
        return context
    return replace(context, unfinished_in_job=job.unfinished, queue=tuple(keys_of(queue)), queue_known=True)


def list_jobs(connection: Connection, job_ids: Collection[str]) -> dict[str, pd.DataFrame]:
    """All executions of jobs, each once; a job that is gone has none. Raises Denied, IotJobsError."""
    listed = map_concurrently(lambda job_id: fetch.job_executions(connection, job_id), job_ids)
    rows = {}
    for job_id, answer in zip(job_ids, listed, strict=True):
        if isinstance(answer, pd.DataFrame):
            rows[job_id] = each_once(answer)
        elif not isinstance(answer, NotFound):
            raise answer
    return rows


def each_once(executions: pd.DataFrame) -> pd.DataFrame:
    """What a page repeats is one execution: counted twice it would widen `max_fraction`."""
    return executions.drop_duplicates(KEY, keep="last", ignore_index=True)


def context_of(job: JobFacts, executions: Collection[Execution]) -> QueueContext:
    """What the job says, with the warning for the removal of these executions of it."""
    return QueueContext(
        job_status=job.status,
        target_selection=job.target_selection,
        owner=job.owner,
        canceling=job.canceling,
        abort_warning=job.abort_warning([each.status for each in executions]),
    )


def keys_of(frame: pd.DataFrame) -> list[ExecutionKey]:
    """What names each row of a table of executions."""
    rows = frame[KEY].itertuples(index=False)
    return [ExecutionKey(str(job_id), str(thing_name), int(number)) for job_id, thing_name, number in rows]
