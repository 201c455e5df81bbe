"""Carrying out the removal of one execution: look again, record, act, verify. The only module that changes anything.

Each step may be the last before a crash: run again with the same journal, it settles by looking what was in flight,
and goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from iotjobs.aws import executions as fetch
from iotjobs.aws.connection import Connection
from iotjobs.aws.jobs import job_snapshot
from iotjobs.deletion import guards
from iotjobs.deletion.guards import Refusal
from iotjobs.deletion.plan import CANCEL, DELETE, Plan, identity_of, may_have_acted
from iotjobs.errors import IotJobsError, NotFound, PartlyDone, StateConflict, Throttled, Unsettled
from iotjobs.model import Execution, Status
from iotjobs.run.journal import Journal

_ATTEMPTS = 6
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 60.0


class DeletionExecutor:
    """One execution's removal being carried out, with the journal open."""

    def __init__(
        self, connection: Connection, plan: Plan, journal: Journal, run_name: str, *, ticket: str | None = None
    ) -> None:
        self._connection = connection
        self._plan = plan
        self._journal = journal
        self._run_name = run_name
        self._ticket = ticket
        self._identity = identity_of(plan)

    def run(self) -> list[Refusal]:
        """Delete the plan's execution; refusals when it drifted, and then nothing was changed.

        Raises PartlyDone when it was canceled but not deleted, IotJobsError when it cannot be settled.
        """
        self._keep_job()
        now = self.look()
        if self._settled(now):
            return []
        if now is None:
            return self._drifted(guards.unchanged_since_plan(self._plan, None))
        canceled = now if self._is_canceled_by_us(now) else None
        try:
            if canceled is None:
                refused = self._refused(now)
                if refused:
                    return self._drifted(refused)
                if not any(entry["event"] == "calling" for entry in self._journal.about(self._identity)):
                    self._journal.snapshot(now.raw)
                if self._plan.cancel_first and not now.finished:
                    canceled = self._cancel(now)
            self._delete(canceled or now)
        except IotJobsError as error:
            return self._conflict(error, canceled)
        self._verify()
        return []

    def _conflict(self, error: IotJobsError, canceled: Execution | None) -> list[Refusal]:
        """A refusal when nothing was changed, as far as that is known; else what was done, raised."""
        key = self._plan.execution.key
        if canceled is not None:
            open_end = "whether it was deleted is not known yet" if self._may_have_acted(DELETE) else "not deleted"
            raise PartlyDone(f"{key} was canceled, but {open_end}: {error}") from error
        if not isinstance(error, StateConflict):
            raise error
        if self._may_have_acted(CANCEL) or self._may_have_acted(DELETE):
            raise PartlyDone(f"{error}; a call to which no answer came may have acted: look again") from error
        why = f"{error}; nothing was changed: look again and make a new plan"
        return self._drifted([Refusal("state_conflict", why, key)])

    def _keep_job(self) -> None:
        """Put the job on record before its first execution is touched.

        Before the look at that execution, so that nothing more comes between the look and the call.
        """
        job_id = self._plan.execution.key.job_id
        sent = [entry for entry in self._journal.entries if entry["event"] == "calling"]
        if not any(entry["job_id"] == job_id for entry in sent):
            self._journal.job_snapshot(job_snapshot(self._connection, job_id))

    def settle(self) -> bool:
        """Whether a delete that an earlier run sent has done its work; changes nothing in AWS."""
        return self._settled(self.look())

    def _settled(self, now: Execution | None) -> bool:
        if not self._is_gone(now) or not self._may_have_acted(DELETE):
            return False
        self._journal.write("verified", **self._identity, settled="it was in flight, and is gone")
        return True

    def _refused(self, now: Execution) -> list[Refusal]:
        moved = guards.unchanged_since_plan(self._plan, now)
        if moved or now.finished or not self._plan.cancel_first:
            return moved
        newest = self._newest()  # the last look: an execution made anew may have the same version
        number = newest.key.execution_number if newest else None
        return guards.newest_is_meant(self._plan, number) or guards.unchanged_since_plan(self._plan, newest)

    def look(self) -> Execution | None:
        """The execution that has the plan's number now; None when there is none."""
        try:
            return fetch.describe_execution(self._connection, self._plan.execution.key)
        except NotFound:
            return None

    def _may_have_acted(self, operation: str) -> bool:
        return may_have_acted(self._journal.about(self._identity), operation)

    def _drifted(self, refused: list[Refusal]) -> list[Refusal]:
        why = "; ".join(refusal.message for refusal in refused)
        self._journal.write("drifted", **self._identity, why=why)
        return refused

    def _newest(self) -> Execution | None:
        key = self._plan.execution.key
        try:
            return fetch.newest_execution(self._connection, job_id=key.job_id, thing_name=key.thing_name)
        except NotFound:
            return None

    def _cancel(self, now: Execution) -> Execution:
        self._call(
            CANCEL,
            now,
            settled=self._is_canceled_by_us,
            force=True,
            expectedVersion=now.version_number,
            statusDetails={
                "canceledBy": _detail(self._plan.caller_arn),
                "reason": "deleted with iotjobs",
                **({"ticket": _detail(self._ticket)} if self._ticket else {}),
                "run": _detail(self._run_name),
                "mark": self._journal.mark(),
            },
        )
        canceled = self._seen_as(self._is_canceled) and self.look()
        if not canceled or not self._is_canceled(canceled):
            raise PartlyDone(f"the cancel of {now.key} was accepted, but it is not CANCELED; it was not deleted")
        return canceled

    def _delete(self, now: Execution) -> None:
        self._call(
            DELETE,
            now,
            settled=self._is_gone,
            executionNumber=now.key.execution_number,
            force=self._plan.force and not now.finished,
            namespaceId=self._plan.namespace_id,
        )

    def _call(
        self, operation: str, now: Execution, *, settled: Callable[[Execution | None], bool], **parameters: Any
    ) -> None:
        """Send a changing call until it is known to have acted, looking each time before it is sent again.

        A call without an answer may act late. From then on, what looks as wished is taken as its doing; before,
        it is somebody else's, and raises StateConflict.
        """
        names = {"jobId": now.key.job_id, "thingName": now.key.thing_name}
        unanswered = self._may_have_acted(operation)
        asked_to_wait = 0.0
        for attempt in range(_ATTEMPTS):
            if attempt:
                _pause(attempt, asked_to_wait)
                seen = self.look()
                if unanswered and settled(seen):
                    break
                _same_as(now, seen)
            self._journal.write("calling", operation=operation, attempt=attempt + 1, **self._identity)
            try:
                self._connection.change(operation, **names, **parameters)
                break
            except Throttled as error:
                asked_to_wait = error.retry_after_s
                self._answered("declined", operation, error)
            except Unsettled as error:
                unanswered, asked_to_wait = True, 0.0
                self._answered("unanswered", operation, error)
            except (NotFound, StateConflict) as error:
                self._answered("declined", operation, error)
                if unanswered and settled(self.look()):
                    break
                raise StateConflict(str(error)) from error
            except IotJobsError as error:
                self._answered("declined", operation, error)
                raise
        else:
            self._give_up(operation, hope=unanswered and self._seen_as(settled))
        self._journal.write("called", operation=operation, **self._identity)

    def _answered(self, event: str, operation: str, error: IotJobsError) -> None:
        self._journal.write(event, operation=operation, why=str(error), **self._identity)

    def _give_up(self, operation: str, *, hope: bool) -> None:
        if not hope:
            raise IotJobsError(
                f"{operation} for {self._plan.execution.key} was not accepted in {_ATTEMPTS} tries; look, then run "
                "again with the same run_dir"
            )

    def _is_gone(self, seen: Execution | None) -> bool:
        return seen is None or seen.queued_at != self._plan.execution.queued_at

    def _is_canceled(self, seen: Execution | None) -> bool:
        return seen is not None and not self._is_gone(seen) and seen.status == Status.CANCELED

    def _is_canceled_by_us(self, seen: Execution | None) -> bool:
        """Whether it is CANCELED and carries this run directory's mark: anybody may have cancelled it otherwise."""
        if seen is None or not self._is_canceled(seen) or not self._may_have_acted(CANCEL):
            return False
        return seen.status_details.get("mark") == self._journal.mark()

    def _seen_as(self, settled: Callable[[Execution | None], bool]) -> bool:
        """Look until it is so, for a while: what AWS accepted may show late."""
        for attempt in range(_ATTEMPTS):
            if attempt:
                _pause(attempt)
            if settled(self.look()):
                return True
        return False

    def _verify(self) -> None:
        if not self._seen_as(self._is_gone):
            raise IotJobsError(
                f"AWS accepted the delete of {self._plan.execution.key}, but it is still there; check the endpoint and "
                "look again"
            )
        self._journal.write("verified", **self._identity)


def _pause(attempt: int, asked_s: float = 0.0) -> None:
    """Wait twice as long each time, and as long as the service asked for."""
    if _FIRST_PAUSE_S:
        time.sleep(max(_FIRST_PAUSE_S * 2 ** (attempt - 1), min(asked_s, _LONGEST_PAUSE_S)))


def _same_as(before: Execution, seen: Execution | None) -> None:
    """Raise StateConflict unless it is still what it was: the wait for another try is long enough to move."""
    if seen is None or seen.queued_at != before.queued_at:
        raise StateConflict(f"{before.key} went away before the call was accepted")
    if (seen.status, seen.version_number) != (before.status, before.version_number):
        raise StateConflict(f"{before.key} moved to {seen.status}, version {seen.version_number}, meanwhile")


def _detail(value: str) -> str:
    """Text as a value of statusDetails can hold it: 1 to 1024 printable characters (API: DetailsValue)."""
    return "".join(character for character in value if character.isprintable())[:1024] or "-"
