"""Carrying out plans of single executions, with the journal open; what each of them does stands in `step.py`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from iotjobs.aws.connection import Connection
from iotjobs.aws.executions import ThingList
from iotjobs.deletion.evidence import CausesNow
from iotjobs.deletion.job_facts import FreshJobs
from iotjobs.deletion.last_look import Drifted
from iotjobs.deletion.plan import Plan
from iotjobs.deletion.results import TargetResult, TargetState, in_flight, result_from_journal
from iotjobs.deletion.step import Step
from iotjobs.deletion.turns import Crowd
from iotjobs.errors import (
    Denied,
    Interrupted,
    IotJobsError,
    RecordError,
    Refused,
    Unsettled,
)
from iotjobs.run.journal import Journal

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 60.0
_LONGEST_PAUSE_BETWEEN_LOOKS_S = 15.0
_BETWEEN_STOPS_S = 1.0  # how often a pause asks whether to stop
#: How often it is looked whether an accepted call shows: for a few seconds, while others can go on, and for minutes.
SHORT, LONG = 4, 14


class Executor:
    """Carries out plans of single executions, with the journal open; safe to use from several threads.

    ``stuck_after``: that of a rule that chose by cause, which is then looked at again; ``sleep`` and ``clock``
    (seconds) are a test's. ``raise_if_stopped``, asked in every pause, raises Interrupted. ``may_send`` is asked before
    a call goes on record, with whether it is the first about its execution, and raises where it must not go out;
    ``noted`` hears of every line. Both under ``lock``, in the order of the lines. ``lists``: that of a thing whose last
    delete it showed.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        run_name: str,
        ticket: str | None = None,
        stuck_after: timedelta | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.journal = journal
        self.run_name = run_name
        self.ticket = ticket
        self.sleep = sleep
        self.raise_if_stopped: Callable[[], None] = lambda: None
        self.clock = clock
        self.lock = threading.RLock()
        self.may_send: Callable[[bool], None] = lambda _is_first: None
        self.noted: Callable[[str], None] = lambda _event: None
        self.crowd = Crowd()
        self._mark = ""
        self.jobs = FreshJobs(clock)
        self.causes = None if stuck_after is None else CausesNow(self.jobs, stuck_after=stuck_after)
        self.lists: dict[str, ThingList] = {}
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
        step = Step(self, connection, plan, cause, looks, sparing=sparing)
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
                Step(self, connection, plan, "", 1).settle()
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
