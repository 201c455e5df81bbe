"""Causes that time itself ends: a window that opens, a timer that runs out. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd

from iotjobs.diagnosis import schedule, verify_commands
from iotjobs.diagnosis.causes.rule import RUNNING, CauseRule, QueueRows, Verdict
from iotjobs.diagnosis.evidence_text import duration_text
from iotjobs.diagnosis.facts import EvidenceContext, Facts
from iotjobs.model import Cause, JobStatus, Suggestion, utc_text
from iotjobs.snapshot import Evidence, FleetSnapshot


class WaitingWindow(CauseRule):
    """The job delivers in its windows only (API: SchedulingConfig)."""

    cause = Cause.WAITING_WINDOW
    stuck = "no"
    when = (
        "the job is SCHEDULED between its windows, or has windows or a start time of which none has opened since it "
        "was queued"
    )
    suggestion = Suggestion.WAIT
    needs = Evidence.SCHEDULE
    fill, hatch = "#9fd8c6", "//"
    recognised_by = (
        "the job's status and `schedulingConfig`, read as UTC; the evidence says when the next window opens."
    )
    to_do = "wait for the window. If none is to come, as after the job's end time, cancel the job."
    can_go_wrong = "a window that this kit cannot read makes the cause `unknown`, not `waiting_window`."
    verify = staticmethod(verify_commands.schedule)

    def test(self, rows: QueueRows) -> Verdict:
        table, snapshot = rows.table, rows.snapshot
        between = table["job_status"].eq(JobStatus.SCHEDULED.value).fillna(value=False).astype(bool)
        jobs = snapshot.jobs[snapshot.jobs["scheduling"].map(schedule.is_scheduled).astype(bool)]
        until = {
            job_id: _delivered_until(scheduling, snapshot)
            for job_id, scheduling in zip(jobs["job_id"], jobs["scheduling"], strict=True)
        }
        scheduled = table["job_id"].isin(until.keys()) & ~between
        delivered = table["job_id"].map(until).astype("datetime64[s, UTC]")
        known = (table["described"] | between) & (~scheduled | delivered.notna())
        return Verdict(between | (scheduled & (table["queued_at"] >= delivered)), known)

    def because(self, facts: Facts, context: EvidenceContext) -> str:
        opening = context.next_opening(facts)
        if opening is not None:
            ahead = duration_text((opening - context.as_of).total_seconds())
            when = f", next at {utc_text(opening)}, in {ahead}"
        else:
            when = ", and none is to come" if schedule.is_scheduled(facts.scheduling) else ""
        if facts.job_status == JobStatus.SCHEDULED:
            return f"the job is SCHEDULED, between its windows{when}"
        return f"no window of the job has opened since it was queued{when}"


class TimeoutPending(CauseRule):
    """A timer of the job or of the device ends it.

    What the describe says counts. Where there was none, the job's own timer is proof only if it cannot have been
    changed since the execution started, and has not passed: then something else must hold the execution.
    """

    cause = Cause.TIMEOUT_PENDING
    stuck = "no"
    when = "IN_PROGRESS with a timer that will end it"
    suggestion = Suggestion.WAIT
    needs = Evidence.TIMER
    statuses = RUNNING
    fill = "#9fd8c6"
    recognised_by = (
        "`approximateSecondsBeforeTimedOut` of the description of the execution: it knows step timers as well as the "
        "job's. The job's configuration alone does not: a timer that was changed holds for later executions only."
    )
    to_do = "wait until then. The execution becomes TIMED_OUT by itself, and the queue behind it goes on."
    can_go_wrong = "a device can set its step timer anew with each report, and so put the end off."

    def test(self, rows: QueueRows) -> Verdict:
        table = rows.table
        minutes = pd.to_timedelta(table["timeout_minutes"].astype("Float64"), unit="min")
        unchanged = (table["job_updated_at"] < table["started_at"]).fillna(value=False)
        ahead = (table["started_at"] + minutes > pd.Timestamp(rows.snapshot.as_of)).fillna(value=False)
        by_job = ~table["timer_read"] & (unchanged & ahead).astype(bool)
        ends = table["seconds_left"].notna() | by_job
        return Verdict(rows.running & ends, rows.queued | table["timer_read"] | by_job)

    def because(self, facts: Facts, context: EvidenceContext) -> str:
        if facts.seconds_left is not None:
            ends = utc_text(context.as_of + timedelta(seconds=facts.seconds_left))
            return f"a timer ends it in {duration_text(facts.seconds_left)}, at {ends}"
        minutes = facts.timeout_minutes or 0
        ends = utc_text(context.as_of + timedelta(minutes=minutes) - timedelta(seconds=facts.began_s))
        return f"the job's timer of {minutes} min ends it at {ends}"


def _delivered_until(scheduling: dict[str, object], snapshot: FleetSnapshot) -> datetime | None:
    try:
        return schedule.delivered_until(scheduling, as_of=snapshot.as_of)
    except schedule.UnreadableSchedule:
        return None
