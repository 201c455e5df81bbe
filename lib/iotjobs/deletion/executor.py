"""Carrying out the plan of one execution: look, record, act, see that it shows. The only module that changes anything.

Each step may be the last before a crash: run again with the same journal, it settles by looking what was in flight,
and goes on from there. After a call that AWS accepted only looking is due, in whichever run.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from iotjobs.aws import executions as fetch
from iotjobs.aws.connection import Connection
from iotjobs.aws.jobs import job_snapshot
from iotjobs.deletion import last_look
from iotjobs.deletion.job_facts import FRESH_S, FreshJobs, JobFacts
from iotjobs.deletion.plan import CANCEL, DELETE, Plan
from iotjobs.deletion.refusal import Refusal, in_a_sentence
from iotjobs.deletion.results import Sent, TargetResult, TargetState, in_flight, result_from_journal, sent
from iotjobs.deletion.turns import Crowd
from iotjobs.errors import (
    Denied,
    Interrupted,
    IotJobsError,
    NotFound,
    RecordError,
    Refused,
    StateConflict,
    Throttled,
    Unsettled,
)
from iotjobs.model import Execution, Status, same_moment
from iotjobs.run.journal import Journal

_ATTEMPTS = 6
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 60.0
_LONGEST_PAUSE_BETWEEN_LOOKS_S = 15.0
_BETWEEN_STOPS_S = 1.0  # how often a pause asks whether to stop
#: How often it is looked whether an accepted call shows: for a few seconds, while others can go on, and for minutes.
SHORT, LONG = 4, 14
#: The device's plane tells whole seconds: so long before its plan an execution must have been queued, else another one
#: that used its number again could have been queued in the same second.
_TOLD_APART = timedelta(seconds=5)
_OWN_DETAILS = ("canceledBy", "reason", "ticket", "run", "mark")
_MOST_DETAILS = 10  # API: statusDetails


class Drifted(Exception):
    """It is not as it was approved; nothing was sent. ``refusals`` say why."""

    def __init__(self, refused: list[Refusal]) -> None:
        super().__init__(in_a_sentence(refused))
        self.refusals = refused


class Executor:
    """Carries out plans of single executions, with the journal open; safe to use from several threads.

    ``cause_now`` tells the cause that an execution has now, where the rule chose by cause; ``sleep`` and ``clock``
    (seconds) are a test's. ``raise_if_stopped``, asked in every pause, raises Interrupted. ``may_send`` is asked before
    a call goes on record, with whether it is the first about its execution, and raises where it must not go out;
    ``noted`` hears of every line. Both under ``lock``, in the order of the lines.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        run_name: str,
        ticket: str | None = None,
        cause_now: Callable[[Connection, Plan], str] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.journal = journal
        self.run_name = run_name
        self.ticket = ticket
        self.cause_now = cause_now
        self.sleep = sleep
        self.raise_if_stopped: Callable[[], None] = lambda: None
        self.clock = clock
        self.lock = threading.RLock()
        self.may_send: Callable[[bool], None] = lambda _is_first: None
        self.noted: Callable[[str], None] = lambda _event: None
        self.crowd = Crowd()
        self._mark = ""
        self.jobs = FreshJobs(clock)
        calling = [entry for entry in journal.entries if entry["event"] == "calling"]
        self.jobs_on_record = {entry["job_id"] for entry in calling}

    def run(
        self, connection: Connection, plan: Plan, *, cause: str = "", looks: int = LONG, sparing: bool = False
    ) -> TargetResult:
        """Do what is left of a plan. ``looks``: how often it is looked whether an accepted call shows.

        ``sparing``: the quota of DescribeJobExecution, which limits a sweep, is spared where other answers tell as
        much: the device's plane before a cancel, the thing's list after a delete.

        Raises Denied, Interrupted, RecordError and Refused, which end a run; all else is the result's `state` and
        `why`.
        """
        step = _Step(self, connection, plan, cause, looks, sparing=sparing)
        try:
            step.run()
        except Drifted as drift:
            self._note_drift(plan, drift)
        except (Denied, Interrupted, RecordError, Refused):
            raise
        except IotJobsError as error:
            if isinstance(error, Unsettled):
                self.note("unsettled", plan, why=str(error))
            elif in_flight(plan, self.journal.of(plan.identity)):
                self.note("unsettled", plan, why=f"what was sent could not be seen to have acted: {error}")
            else:
                self.note("failed", plan, why=str(error))
        return self.result(plan)

    def settle(self, connection: Connection, plan: Plan) -> TargetResult:
        """See by looking whether what an earlier run sent last has done its work; changes nothing in AWS.

        Raises IotJobsError where that cannot be seen.
        """
        if self.result(plan).state is TargetState.UNSETTLED:
            try:
                _Step(self, connection, plan, "", 1).settle()
            except Drifted as drift:
                self._note_drift(plan, drift)
        return self.result(plan)

    def wait_until(self, holds: Callable[[], bool], *, looks: int = LONG) -> bool:
        """Ask until it holds, for a while: what AWS accepted may show late."""
        for attempt in range(looks):
            if attempt:
                self.pause(attempt, longest=_LONGEST_PAUSE_BETWEEN_LOOKS_S)
            if holds():
                return True
        return False

    def pause(self, attempt: int, asked_s: float = 0.0, *, longest: float = _LONGEST_PAUSE_S) -> None:
        """Wait twice as long each time, and as long as the service asked for. Raises Interrupted."""
        pause_s = min(max(_FIRST_PAUSE_S * 2 ** (attempt - 1), asked_s), longest) if _FIRST_PAUSE_S else 0.0
        while pause_s > 0:
            self.raise_if_stopped()
            self.sleep(min(pause_s, _BETWEEN_STOPS_S))
            pause_s -= _BETWEEN_STOPS_S

    def result(self, plan: Plan) -> TargetResult:
        """What became of a plan, by the journal."""
        return result_from_journal(plan, self.journal.of(plan.identity))

    def mark(self) -> str:
        """The word that only this run directory has, see `Journal.mark`."""
        with self.lock:
            self._mark = self._mark or self.journal.mark()
        return self._mark

    def _note_drift(self, plan: Plan, drift: Drifted) -> None:
        self.note("drifted", plan, why=str(drift), guard=drift.refusals[0].guard)

    def note(self, event: str, plan: Plan, **facts: Any) -> None:
        """Put a line about a plan's execution on record. Raises RecordError."""
        with self.lock:
            self.journal.write(event, plan.identity, account=plan.account, region=plan.region, **facts)
            self.noted(event)


class _Step:
    """One execution's plan being carried out."""

    def __init__(
        self, executor: Executor, connection: Connection, plan: Plan, cause: str, looks: int, *, sparing: bool = False
    ) -> None:
        self._executor = executor
        self._journal = executor.journal
        self._connection = connection
        self._plan = plan
        self._cause = cause
        self._looks = looks
        self._sparing = sparing
        self._fresh_look: tuple[Execution | None, float] | None = None

    def run(self) -> None:
        """Cancel, delete, verify: whatever of it the plan has and the journal has not."""
        now = self._look() if self._entries() else None  # what is not begun has its last look yet to come
        if self._entries() and self._is_gone(now):
            self._note_gone(now)
            return
        if CANCEL in self._plan.operations and self._sent(DELETE) is Sent.NOT and not self._is_cancelled_by_us(now):
            if self._sent(CANCEL) is not Sent.ACCEPTED:
                self._send(CANCEL, self._plan.execution)
            now = self._wait_for(self._is_cancelled_by_us, "cancel")
        if not self._plan.deletes:
            self._note_cancelled(now)
            return
        if self._sent(DELETE) is not Sent.ACCEPTED:
            self._send(DELETE, now if self._is_cancelled_by_us(now) else self._plan.execution)
        self._note_gone(self._wait_for(self._is_gone, "delete"))

    def settle(self) -> None:
        """Note what an accepted, or unanswered, last step has done; nothing while it does not show."""
        last = self._plan.operations[-1]
        if self._sent(last) is Sent.NOT:
            return
        now = self._look()
        if self._is_gone(now):
            self._note_gone(now)
        elif last == CANCEL and self._is_cancelled_by_us(now):
            self._note("cancelled")

    # ------------------------------------------------------------------------------------------- sending

    def _send(self, operation: str, approved: Execution | None) -> None:
        """Send a changing call until it is known to have acted, with a whole and fresh look before each attempt.

        A call without an answer may act late. From then on, what looks as wished is taken as its doing; before,
        it is somebody else's. Raises Drifted, IotJobsError.
        """
        asked_to_wait = 0.0
        if operation == CANCEL:
            self._executor.mark()  # on record before the line that says that it is used
        for attempt in range(1, _ATTEMPTS + 1):
            if attempt > 1:
                self._executor.pause(attempt - 1, asked_to_wait)
            try:
                self._look_and_call(operation, approved or self._plan.execution)
            except (Throttled, Unsettled) as error:
                asked_to_wait = error.retry_after_s if isinstance(error, Throttled) else 0.0
            except Drifted as drift:
                if self._shows_after_all(operation):
                    return
                raise self._with_what_was_sent(operation, drift) from drift
            else:
                return
        if not self._shows_after_all(operation):
            self._give_up(operation)

    def _with_what_was_sent(self, operation: str, drift: Drifted) -> Drifted:
        """The same drift; where a call to which no answer came may have had a part in it, that is said too."""
        if self._sent(operation) is not Sent.PERHAPS:
            return drift
        words = f"{operation} was sent before, and whether it acted is not known"
        return Drifted([replace(refusal, message=f"{refusal.message}; {words}") for refusal in drift.refusals])

    def _look_and_call(self, operation: str, approved: Execution) -> None:
        """Call with a fresh look before it; one that is too old by then is taken again, among fewer at once.

        Raises Drifted, IotJobsError.
        """
        self._keep_job()
        alone = 0
        while alone < _ATTEMPTS:
            self._check_cause()
            with self._executor.crowd as crowd:
                look = self._last_look(operation, approved)
                if look is not None:
                    self._call(operation, *look)
                    return
            alone += not crowd.shrink()
        raise IotJobsError(
            f"{operation} for {self._plan.key} was not sent: AWS or this disk answers so slowly that no look at it is "
            f"younger than {FRESH_S:g} s; run again with the same run_dir"
        )

    def _call(self, operation: str, now: Execution, looked_at: float) -> None:
        within_s = FRESH_S - (self._executor.clock() - looked_at)
        try:
            self._connection.change(operation, within_s=within_s, **self._parameters(operation, now))
        except IotJobsError as error:
            event = "unanswered" if isinstance(error, Unsettled) else "declined"
            self._note(event, operation=operation, why=str(error))
            if not isinstance(error, NotFound | StateConflict):
                raise
            conflict = Refusal("state_conflict", f"{error}; look again and make a new plan", self._plan.key)
            raise Drifted(last_look.unchanged(now, self._look()) or [conflict]) from error
        self._note("called", operation=operation)

    def _shows_after_all(self, operation: str) -> bool:
        """Whether a call to which no answer came has acted, as far as a look tells.

        That the number is another execution's now does not tell it: then it is left to `_note_gone` to say so.
        """
        if self._sent(operation) is not Sent.PERHAPS:
            return False
        now = self._look()
        acted = self._is_gone(now) if operation == DELETE else self._is_cancelled_by_us(now)
        if acted and (now is None or operation == CANCEL):
            self._note("called", operation=operation)
        return acted

    def _last_look(self, operation: str, approved: Execution) -> tuple[Execution, float] | None:
        """All that was approved, looked at again, and when; on record as about to be called.

        None when the look took too long, or was followed by a slow disk. Raises Drifted, IotJobsError.
        """
        now, looked_at = self._look_at_all(operation, approved)
        if self._executor.clock() - looked_at > FRESH_S:
            return None
        with self._executor.lock:
            is_first = not any(entry["event"] == "calling" for entry in self._entries())
            self._executor.may_send(is_first)
            if is_first:
                self._journal.snapshot(now.raw)
            self._note("calling", operation=operation, attempt=self._attempts(operation) + 1)
        if self._executor.clock() - looked_at <= FRESH_S:
            return now, looked_at
        self._note("declined", operation=operation, why="not sent: the look at it was too old by then")
        return None

    def _look_at_all(self, operation: str, approved: Execution) -> tuple[Execution, float]:
        """The execution and its job as they are now, and when that was asked. Raises Drifted, IotJobsError.

        A look that just showed our own cancel is the last look before the delete, if nothing had to be asked since: the
        look is the last call before the one that changes something.
        """
        looked_at, job_id = self._executor.clock(), self._plan.key.job_id
        job_asked_at = self._executor.jobs.asked_at(job_id)
        job = self._job()
        fresh_look, self._fresh_look = self._fresh_look, None
        if operation == CANCEL:
            now = self._newest()
        elif fresh_look is not None and self._executor.jobs.asked_at(job_id) == job_asked_at:  # no call since
            now, looked_at = fresh_look
        else:
            now = self._look()
        refused = last_look.unchanged(approved, now) or last_look.job_unchanged(self._plan, job)
        if refused:
            raise Drifted(refused)
        assert now is not None  # noqa: S101 - for the type checker: else it has drifted
        return now, looked_at

    def _job(self) -> JobFacts:
        """The job as it is now. Raises Drifted where it went away, and the execution with it."""
        try:
            return self._executor.jobs.get(self._connection, self._plan.key.job_id)
        except NotFound:
            if refused := last_look.unchanged(self._plan.execution, self._look()):
                raise Drifted(refused) from None
            raise

    def _check_cause(self) -> None:
        if self._executor.cause_now is None or not self._cause or self._sent(CANCEL) is not Sent.NOT:
            return
        now = self._executor.cause_now(self._connection, self._plan)
        refused = last_look.cause_unchanged(self._plan.key, self._cause, now)
        if refused:
            raise Drifted(refused)

    def _keep_job(self) -> None:
        """Put the job on record before its first execution is touched."""
        job_id = self._plan.key.job_id
        if job_id in self._executor.jobs_on_record:
            return
        with self._executor.jobs.reading(job_id):
            if job_id not in self._executor.jobs_on_record:
                self._journal.job_snapshot(job_snapshot(self._connection, job_id))
                self._executor.jobs_on_record.add(job_id)

    def _parameters(self, operation: str, now: Execution) -> dict[str, Any]:
        names = {"jobId": now.key.job_id, "thingName": now.key.thing_name}
        if operation == DELETE:
            more = {"executionNumber": now.key.execution_number, "namespaceId": self._plan.namespace_id}
            return {**names, **more, "force": self._plan.forced}
        version, details = now.version_number, self._details(now)
        return {**names, "force": self._plan.cancel_forced, "expectedVersion": version, "statusDetails": details}

    def _details(self, now: Execution) -> dict[str, str]:
        """The device's own details and ours: those given with a cancel replace what is there (API)."""
        verb = "deleted" if self._plan.deletes else "cancelled"
        values = {
            "canceledBy": self._connection.caller_arn,
            "reason": f"{verb} with iotjobs",
            "ticket": self._executor.ticket or "",
            "run": self._executor.run_name,
            "mark": self._executor.mark(),
        }
        own = {name: _detail(values[name]) for name in _OWN_DETAILS if values[name]}
        device = [item for item in now.status_details.items() if item[0] not in own]
        return {**dict(device[: _MOST_DETAILS - len(own)]), **own}

    def _give_up(self, operation: str) -> None:
        if self._sent(operation) is Sent.PERHAPS:
            raise Unsettled(
                f"{operation} for {self._plan.key} was sent, and no answer came in {_ATTEMPTS} tries: it may still "
                "act; run again with the same run_dir, which looks first"
            )
        raise IotJobsError(
            f"{operation} for {self._plan.key} was not accepted in {_ATTEMPTS} tries; look, then run again with the "
            "same run_dir"
        )

    # ------------------------------------------------------------------------------------------- looking

    def _look(self) -> Execution | None:
        """The execution that has the plan's number now; None when there is none."""
        try:
            return fetch.describe_execution(self._connection, self._plan.key)
        except NotFound:
            return None

    def _newest(self) -> Execution | None:
        """The execution that a cancel would hit, if it is the plan's. Raises Drifted when it is another one."""
        if (unmoved := self._unmoved_on_device_plane()) is not None:
            return unmoved
        key = self._plan.key
        try:
            newest = fetch.newest_execution(self._connection, job_id=key.job_id, thing_name=key.thing_name)
        except NotFound:
            return None
        if newest.key != key:
            seen = self._look()
            drift = last_look.unchanged(self._plan.execution, seen)
            raise Drifted(drift or last_look.newest_is_meant(key, newest.key.execution_number))
        return newest

    def _unmoved_on_device_plane(self) -> Execution | None:
        """The newest execution by the device's plane, if it is the plan's as it was; None where that does not tell.

        It tells all that a cancel is held to but the owner, which is the job's: number, moment, status, version. What
        it says of any other, and what it cannot say, is asked of the control plane.
        """
        plan = self._plan
        if not self._sparing or plan.made_at - plan.execution.queued_at < _TOLD_APART:
            return None
        try:
            now = fetch.newest_unfinished(self._connection, job_id=plan.key.job_id, thing_name=plan.key.thing_name)
        except IotJobsError as error:
            if isinstance(error, Denied) and error.action is None:
                raise
            return None
        return None if now.key != plan.key or last_look.unchanged(plan.execution, now) else now

    def _wait_for(self, shows: Callable[[Execution | None], bool], what: str) -> Execution | None:
        """Look until what AWS accepted shows, for a while. Raises Unsettled."""
        seen: list[Execution | None] = []

        def holds() -> bool:
            if what == "delete" and self._is_off_its_list():
                seen.append(None)
                return True
            with self._executor.crowd:  # else it is old before it is asked
                looked_at = self._executor.clock()
                seen.append(self._look())
            self._fresh_look = (seen[-1], looked_at)
            return shows(seen[-1]) or self._is_gone(seen[-1])

        if not self._executor.wait_until(holds, looks=self._looks):
            raise Unsettled(
                f"AWS accepted the {what} of {self._plan.key}, and it is still there as it was; it is not sent again: "
                "run again with the same run_dir to see, and check the endpoint if it stays so"
            )
        if self._plan.deletes and not shows(seen[-1]):
            raise Drifted(last_look.unchanged(self._plan.execution, seen[-1]))
        return seen[-1]

    def _is_off_its_list(self) -> bool:
        """Whether its thing's list no longer has it; False also where the list does not tell.

        A row that vanishes between two pages may hide another, and whether the list shows what a service owns, AWS
        does not say.
        """
        plan = self._plan
        if not self._sparing or plan.namespace_id or plan.queue_context.owner:
            return False
        try:
            listed = fetch.thing_executions(self._connection, plan.key.thing_name)
        except IotJobsError as error:
            if isinstance(error, Denied) and error.action is None:
                raise
            return False
        return len(listed) < fetch.PAGE_ROWS and fetch.rows_of(listed, plan.identity).empty

    def _is_gone(self, now: Execution | None) -> bool:
        return now is None or not same_moment(now.queued_at, self._plan.execution.queued_at)

    def _is_cancelled_by_us(self, now: Execution | None) -> bool:
        """Whether it is CANCELED by this run directory: its cancel was accepted, or it carries the mark."""
        if now is None or self._is_gone(now) or now.status != Status.CANCELED:
            return False
        if self._sent(CANCEL) is Sent.ACCEPTED:
            return True
        return self._sent(CANCEL) is Sent.PERHAPS and now.status_details.get("mark") == self._executor.mark()

    def _note_cancelled(self, now: Execution | None) -> None:
        """Say that it is CANCELED; or that it went away since, which no cancel does."""
        if self._is_gone(now):
            self._note_gone(now)
        else:
            self._note("cancelled")

    def _note_gone(self, now: Execution | None) -> None:
        """Say whose doing it is that it is gone: ours when AWS accepted the delete, or nothing uses its number."""
        deleted = self._sent(DELETE)
        if not self._plan.deletes and self._sent(CANCEL) is not Sent.NOT:
            known = self._sent(CANCEL) is Sent.ACCEPTED
            what = "AWS accepted its cancel" if known else "whether its cancel acted is not known"
            self._note("gone", why=f"{self._plan.key} went away, not by this run; {what}")
        elif deleted is Sent.ACCEPTED or (deleted is Sent.PERHAPS and now is None):
            self._note("verified")
        elif deleted is Sent.PERHAPS:
            why = (
                f"{self._plan.key} went away and another execution has its number; whether by this run is not known, "
                "since the answer to its delete was lost"
            )
            self._note("gone", why=why)
        else:
            raise Drifted(last_look.unchanged(self._plan.execution, now))

    # ------------------------------------------------------------------------------------------- the record

    def _entries(self) -> Any:
        return self._journal.of(self._plan.identity)

    def _sent(self, operation: str) -> Sent:
        return sent(self._entries(), operation)

    def _attempts(self, operation: str) -> int:
        return sum(e["event"] == "calling" and e["operation"] == operation for e in self._entries())

    def _note(self, event: str, **facts: Any) -> None:
        self._executor.note(event, self._plan, **facts)


def _detail(value: str) -> str:
    """Text as a value of statusDetails can hold it: 1 to 1024 printable characters (API: DetailsValue)."""
    return "".join(character for character in value if character.isprintable())[:1024] or "-"
