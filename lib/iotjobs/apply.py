"""Carrying out a plan: look again, record, act, verify. The only module that changes anything in AWS."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from iotjobs import fetch, guards
from iotjobs.aws import Connection
from iotjobs.domain import Execution, Status, utc_text
from iotjobs.errors import IotJobsError, NotFound, PartlyDone, StateConflict, Throttled, Unsettled
from iotjobs.guards import Refusal
from iotjobs.journal import Journal, append_job_snapshot, append_snapshot
from iotjobs.plan import Plan

_ATTEMPTS = 6
_FIRST_PAUSE_S = 0.5


class Application:
    """One plan being carried out, with the journal open."""

    def __init__(self, connection: Connection, plan: Plan, journal: Journal, run_name: str) -> None:
        self._connection = connection
        self._plan = plan
        self._journal = journal
        self._run_name = run_name
        self._identity = {
            "account": plan.account,
            "region": plan.region,
            "job_id": plan.execution.key.job_id,
            "thing_name": plan.execution.key.thing_name,
            "execution_number": plan.execution.key.execution_number,
            "queued_at": utc_text(plan.execution.queued_at),
        }

    def carry_out(self) -> list[Refusal]:
        """Delete the plan's execution; refusals when it drifted, and then nothing was changed.

        Raises PartlyDone when it was canceled but not deleted, IotJobsError when it cannot be settled.
        """
        now = self.look()
        drifted = guards.unchanged_since_plan(self._plan, now)
        if drifted or now is None:
            return drifted
        append_job_snapshot(self._journal.path.parent, fetch.job_snapshot(self._connection, now.key.job_id))
        append_snapshot(self._journal.path.parent, now.raw)
        canceled: Execution | None = None
        try:
            if self._plan.cancel_first and not now.finished:
                canceled = self._cancel(now)
            self._delete(canceled or now)
        except IotJobsError as error:
            key = self._plan.execution.key
            if canceled is not None:
                raise PartlyDone(f"{key} was canceled but not deleted: {error}") from error
            if not isinstance(error, StateConflict):
                raise
            self._journal.write("refused", **self._identity, why=str(error))
            return [Refusal("state_conflict", f"{error}; nothing was changed: look again and make a new plan", key)]
        self._verify()
        return []

    def look(self) -> Execution | None:
        """The execution that has the plan's number now; None when there is none."""
        try:
            return fetch.describe_execution(self._connection, self._plan.execution.key)
        except NotFound:
            return None

    def _cancel(self, now: Execution) -> Execution:
        self._call(
            "CancelJobExecution",
            now,
            settled=self._is_canceled,
            force=True,
            expectedVersion=now.version_number,
            statusDetails={
                "canceledBy": _detail(self._plan.caller_arn),
                "reason": "deleted with iotjobs",
                "run": _detail(self._run_name),
            },
        )
        canceled = self._seen_as(self._is_canceled) and self.look()
        if not canceled or not self._is_canceled(canceled):
            raise PartlyDone(f"the cancel of {now.key} was accepted, but it is not CANCELED; it was not deleted")
        return canceled

    def _delete(self, now: Execution) -> None:
        self._call(
            "DeleteJobExecution",
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
        unanswered = False
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(_FIRST_PAUSE_S * 2 ** (attempt - 1))
                seen = self.look()
                if unanswered and settled(seen):
                    break
                _same_as(now, seen)
            self._journal.write("calling", operation=operation, attempt=attempt + 1, **self._identity)
            try:
                self._connection.change(operation, **names, **parameters)
                break
            except Throttled:
                continue
            except Unsettled:
                unanswered = True
            except (NotFound, StateConflict) as error:
                if unanswered and settled(self.look()):
                    break
                raise StateConflict(str(error)) from error
        else:
            self._give_up(operation, hope=unanswered and self._seen_as(settled))
        self._journal.write("called", operation=operation, **self._identity)

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

    def _seen_as(self, settled: Callable[[Execution | None], bool]) -> bool:
        """Look until it is so, for a while: what AWS accepted may show late."""
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(_FIRST_PAUSE_S * 2 ** (attempt - 1))
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


def _same_as(before: Execution, seen: Execution | None) -> None:
    """Raise StateConflict unless it is still what it was: the wait for another try is long enough to move."""
    if seen is None or seen.queued_at != before.queued_at:
        raise StateConflict(f"{before.key} went away before the call was accepted")
    if (seen.status, seen.version_number) != (before.status, before.version_number):
        raise StateConflict(f"{before.key} moved to {seen.status}, version {seen.version_number}, meanwhile")


def _detail(value: str) -> str:
    """Text as a value of statusDetails can hold it: 1 to 1024 printable characters (API: DetailsValue)."""
    return "".join(character for character in value if character.isprintable())[:1024] or "-"
