"""Causes that lie in the thing's registration or in the state of the job. Pure."""

from __future__ import annotations

from iotjobs.diagnosis import verify_commands
from iotjobs.diagnosis.causes.rule import QUEUED, CauseRule, QueueRows, Verdict, is_so
from iotjobs.diagnosis.evidence_text import duration_text
from iotjobs.diagnosis.facts import EvidenceContext, Facts
from iotjobs.model import ENDED_JOBS, Cause, JobStatus, Suggestion
from iotjobs.snapshot import Evidence


class ThingGone(CauseRule):
    """Looked at first, since nothing else matters then."""

    cause = Cause.THING_GONE
    stuck = "yes"
    when = "the thing is no longer in the registry"
    suggestion = Suggestion.FORCE_DELETE
    needs = Evidence.REGISTRATION
    harm = 8
    step_why = "nobody can finish these"
    fill, hatch = "#4d4d4d", "//"
    recognised_by = (
        "the fleet index or `DescribeThing` does not know the thing. Looked at first, since nothing else matters then."
    )
    to_do = (
        "delete the execution. No device can ever finish it, and a snapshot job cannot complete while it is there. A "
        "cancel is enough for that, where the record is to be kept."
    )
    can_go_wrong = (
        "a thing that was renamed is a new thing. If the device comes back under the old name, its execution is gone."
    )
    verify = staticmethod(verify_commands.thing)

    def test(self, rows: QueueRows) -> Verdict:
        exists = rows.table["exists"]
        return Verdict(is_so(exists, value=False), exists.notna())

    def because(self, _facts: Facts, _context: EvidenceContext) -> str:
        return "the thing is no longer in the registry"

    def step(self, _job_id: str, where: str) -> str:
        return f"Delete what is left of {where}, no longer registered"


class Canceling(CauseRule):
    """A cancel takes effect at about a thousand executions a minute (quotas of jobs: concurrent jobs)."""

    cause = Cause.CANCELING
    stuck = "no"
    when = (
        "the job is CANCELED and AWS is still at it (`isConcurrent`), the execution QUEUED, or IN_PROGRESS under a "
        "forced cancel"
    )
    suggestion = Suggestion.WAIT
    needs = Evidence.JOB_STATUS
    fill, hatch = "#9fd8c6", "xx"
    recognised_by = (
        "the job's `status`, `isConcurrent` and `forceCanceled`. AWS cancels about a thousand executions a minute, so "
        "that those of a large job stay QUEUED for long after the cancel."
    )
    to_do = "wait: each becomes CANCELED by itself, and its queue goes on."
    can_go_wrong = "a cancel without force leaves what is IN_PROGRESS running: that is `orphaned`, and needs a person."
    verify = staticmethod(verify_commands.job_status)

    def test(self, rows: QueueRows) -> Verdict:
        table = rows.table
        at_it = is_so(table["is_concurrent"]) & table["job_status"].eq(JobStatus.CANCELED.value).fillna(value=False)
        forced = table["force_canceled"]
        known = table["job_status"].notna() & ~(at_it & rows.running & forced.isna())
        return Verdict(at_it & (rows.queued | is_so(forced)), known)

    def because(self, facts: Facts, _context: EvidenceContext) -> str:
        forced = " by force" if facts.running else ""
        return f"the job was cancelled{forced} and AWS is still cancelling its executions"


class Orphaned(CauseRule):
    """The job leaves the device nothing to do, and yet the execution is there."""

    cause = Cause.ORPHANED
    stuck = "yes"
    when = "the job is CANCELED, COMPLETED or being deleted, the execution still unfinished"
    suggestion = Suggestion.FORCE_DELETE
    needs = Evidence.JOB_STATUS
    harm = 7
    lies_in_job = True
    step_why = "the job has ended, the devices still hold its executions"
    fill = "#4d4d4d"
    recognised_by = "the job's status. A job cancelled without force leaves what is IN_PROGRESS; so do abort criteria."
    to_do = (
        "look whether the device still reports. If not, take it away, since it holds back every later job of the "
        "thing: a cancel with force is enough and keeps the record, a delete with force takes the record as well."
    )
    can_go_wrong = (
        "the device may still be at work on it. With force it can no longer read the job or report; see that it can "
        "recover."
    )
    verify = staticmethod(verify_commands.job_status)

    def test(self, rows: QueueRows) -> Verdict:
        status = rows.table["job_status"]
        return Verdict(status.isin(ENDED_JOBS), status.notna())

    def because(self, facts: Facts, _context: EvidenceContext) -> str:
        return f"the job is {facts.job_status}, this execution was left behind"

    def step(self, job_id: str, where: str) -> str:
        return f"Take away what is left of {job_id} on {where}"


class Retrying(CauseRule):
    """The clock of an attempt starts when it is queued."""

    cause = Cause.RETRYING
    stuck = "no"
    when = "QUEUED with `retryAttempt` > 0, queued again less than `stuck_after` ago"
    suggestion = Suggestion.WAIT
    statuses = QUEUED
    freed_with_head = True
    fill, hatch = "#cfe8f7", "//"
    recognised_by = (
        "the list of executions has the attempt. The job's retry configuration queued it again after a failure."
    )
    to_do = (
        "wait. If attempts come and go, the failures before them are the story: look at the job's FAILED and TIMED_OUT."
    )
    can_go_wrong = "each attempt starts the clock anew, so that an execution can be young for ten attempts."
    verify = staticmethod(verify_commands.queue)

    def test(self, rows: QueueRows) -> Verdict:
        retries = (rows.table["retry_attempt"].fillna(0) > 0).astype(bool)
        return Verdict(rows.queued & retries & rows.younger("queued_at"))

    def because(self, _facts: Facts, _context: EvidenceContext) -> str:
        return "queued again by the job's retry configuration"


class Fresh(CauseRule):
    """Too young to be stuck."""

    cause = Cause.FRESH
    stuck = "no"
    when = "its last change (queued, started or reported) is younger than `stuck_after`"
    suggestion = Suggestion.WAIT
    freed_with_head = True
    fill = "#cfe8f7"
    recognised_by = "`queuedAt`, `startedAt` and `lastUpdatedAt`; the youngest counts."
    to_do = "wait, or ask with a shorter `stuck_after`."
    can_go_wrong = "a device that reports each hour without getting on is fresh for ever. Its status details tell."

    def test(self, rows: QueueRows) -> Verdict:
        return Verdict(rows.younger("last_change"))

    def because(self, facts: Facts, _context: EvidenceContext) -> str:
        return f"last change {duration_text(facts.change_s)} ago"
