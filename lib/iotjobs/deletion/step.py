"""One execution's plan being carried out: look, record, act, see that it shows. The only module that changes anything.

Each step may be the last before a crash: run again with the same journal, it settles by looking what was in flight,
and goes on from there. After a call that AWS accepted only looking is due, in whichever run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from iotjobs.aws.connection import Connection
from iotjobs.aws.jobs import job_snapshot
from iotjobs.deletion import call_parameters, last_look, recheck
from iotjobs.deletion.job_facts import FRESH_S, JobFacts
from iotjobs.deletion.last_look import Drifted
from iotjobs.deletion.plan import CANCEL, DELETE, Plan
from iotjobs.deletion.refusal import Refusal
from iotjobs.deletion.results import Sent, sent
from iotjobs.errors import (
    IotJobsError,
    NotFound,
    StateConflict,
    Throttled,
    Unsettled,
)
from iotjobs.model import Execution, Status, same_moment

if TYPE_CHECKING:
    from iotjobs.deletion.executor import Executor

_ATTEMPTS = 6


class Step:
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

    def _send(self, operation: str, approved: Execution | None) -> None:
        """Send a changing call until it is known to have acted, with a whole and fresh look before each attempt.

        A call without an answer may act late. From then on, what looks as wished is taken as its doing; before,
        it is somebody else's. Raises Drifted, IotJobsError.
        """
        asked_to_wait, last_answer = 0.0, ""
        if operation == CANCEL:
            self._executor.mark()  # on record before the line that says that it is used
        for attempt in range(1, _ATTEMPTS + 1):
            if attempt > 1:
                self._executor.pause(attempt - 1, asked_to_wait)
            try:
                self._look_and_call(operation, approved or self._plan.execution)
            except (Throttled, Unsettled) as error:
                asked_to_wait, last_answer = error.retry_after_s if isinstance(error, Throttled) else 0.0, str(error)
            except Drifted as drift:
                if self._shows_after_all(operation):
                    return
                raise self._with_what_was_sent(operation, drift) from drift
            else:
                return
        if not self._shows_after_all(operation):
            self._give_up(operation, last_answer)

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
        self._executor.lists.pop(self._plan.key.thing_name, None)  # it is another one after this
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
            now = recheck.newest(self._connection, self._plan, sparing=self._sparing)
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
        if self._executor.causes is None or not self._cause or self._sent(CANCEL) is not Sent.NOT:
            return
        now = self._executor.causes.of(self._connection, self._plan, approved=self._cause)
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
        if operation == DELETE:
            return call_parameters.of_delete(self._plan, now)
        executor = self._executor
        own = {"ticket": executor.ticket or "", "run": executor.run_name, "mark": executor.mark()}
        return call_parameters.of_cancel(self._plan, now, {"canceledBy": self._connection.caller_arn, **own})

    def _give_up(self, operation: str, last_answer: str) -> None:
        tried = f"in {_ATTEMPTS} tries, the last of which: {last_answer}"
        if self._sent(operation) is Sent.PERHAPS:
            raise Unsettled(
                f"{operation} for {self._plan.key} was sent, and it is not known whether it acted, {tried}; it may "
                "still act: run again with the same run_dir, which looks first"
            )
        raise IotJobsError(
            f"{operation} for {self._plan.key} was not accepted {tried}; look, then run again with the same run_dir"
        )

    def _look(self) -> Execution | None:
        return recheck.current(self._connection, self._plan)

    def _wait_for(self, shows: Callable[[Execution | None], bool], what: str) -> Execution | None:
        """Look until what AWS accepted shows, for a while. Raises Unsettled."""
        answers: list[Execution | None] = []

        def holds() -> bool:
            if what == "delete" and self._sparing and self._is_off_its_list():
                answers.append(None)
                return True
            with self._executor.crowd:  # else it is old before it is asked
                looked_at = self._executor.clock()
                answers.append(self._look())
            self._fresh_look = (answers[-1], looked_at)
            return shows(answers[-1]) or self._is_gone(answers[-1])

        if not self._executor.wait_until(holds, looks=self._looks):
            raise Unsettled(
                f"AWS accepted the {what} of {self._plan.key}, and it is still there as it was; it is not sent again: "
                "run again with the same run_dir to see, and check the endpoint if it stays so"
            )
        if self._plan.deletes and not shows(answers[-1]):
            raise Drifted(last_look.unchanged(self._plan.execution, answers[-1]))
        return answers[-1]

    def _is_off_its_list(self) -> bool:
        listed = recheck.list_without_it(self._connection, self._plan)
        if listed is not None and not self._plan.execution.finished:
            self._executor.lists[self._plan.key.thing_name] = listed
        return listed is not None

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

    def _entries(self) -> Any:
        return self._journal.of(self._plan.identity)

    def _sent(self, operation: str) -> Sent:
        return sent(self._entries(), operation)

    def _attempts(self, operation: str) -> int:
        return sum(e["event"] == "calling" and e["operation"] == operation for e in self._entries())

    def _note(self, event: str, **facts: Any) -> None:
        self._executor.note(event, self._plan, **facts)
