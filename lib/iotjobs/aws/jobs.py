"""Jobs: each described where it may be, else as the list sums it up, and what is known of them in one reading."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import ceil
from typing import Any

import pandas as pd

from iotjobs.aws.concurrency import map_concurrently
from iotjobs.aws.connection import Connection
from iotjobs.aws.executions import PAGE_ROWS
from iotjobs.aws.gaps import error_gap
from iotjobs.aws.rows import job_row, jobs_table
from iotjobs.diagnosis import commands, schedule
from iotjobs.errors import IotJobsError, NotFound, about_credentials
from iotjobs.model import UNFINISHED, JobStatus, Status
from iotjobs.snapshot import Evidence, Gap, Place

_LATEST_COMPLETED = 100
#: What the gap of a job begins with of which no execution could be read.
UNREAD_JOB = "the executions of job"


def list_jobs(connection: Connection) -> list[dict[str, Any]]:
    """All jobs of the account and region as `ListJobs` sums them up (all pages)."""
    return [job for page in connection.pages("ListJobs", "jobs", maxResults=PAGE_ROWS) for job in page]


def describe_job(connection: Connection, job_id: str) -> dict[str, Any]:
    """One job as a row of JOB_COLUMNS. Raises NotFound, and IotJobsError where the answer is about another job."""
    try:
        job = connection.read("DescribeJob", jobId=job_id)["job"]
    except NotFound as error:
        raise NotFound(
            f"job {job_id} does not exist in account {connection.account}, region {connection.region}; "
            "check the id, the profile and the region"
        ) from error
    return job_row("DescribeJob", job, described=True, asked=job_id)


def job_snapshot(connection: Connection, job_id: str) -> dict[str, Any]:
    """A job with its document as JSON can hold it, for `Journal.job_snapshot`; `restore` makes a job of it.

    Never in the way of what it goes before: a part that cannot be read is None, and `gaps` says why. Raises Denied
    where there are no usable credentials at all. Source: DescribeJob, GetJobDocument.
    """
    snapshot: dict[str, Any] = {"job_id": job_id, "job": None, "document": None, "document_source": None, "gaps": []}
    described = _or_gap(snapshot, "settings", connection, "DescribeJob", job_id)
    snapshot |= {"job": described.get("job"), "document_source": described.get("documentSource")}
    snapshot["document"] = _or_gap(snapshot, "document", connection, "GetJobDocument", job_id).get("document")
    return dict(json.loads(json.dumps(snapshot, default=str)))


def _or_gap(snapshot: dict[str, Any], part: str, connection: Connection, operation: str, job_id: str) -> dict[str, Any]:
    try:
        return connection.read(operation, jobId=job_id)
    except IotJobsError as error:
        if about_credentials(error):
            raise
        snapshot["gaps"].append(f"the job's {part} could not be read: {error}")
        return {}


@dataclass(frozen=True, slots=True)
class Jobs:
    """What is known of jobs so far: rows of JOB_COLUMNS by id, and the errors of those that could not be described.

    ``listed``: all jobs as `ListJobs` sums them up, None when it was not asked.
    """

    rows: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    errors: Mapping[str, IotJobsError] = field(default_factory=dict)
    listed: Mapping[str, dict[str, Any]] | None = None

    def table(self, job_ids: Iterable[str]) -> pd.DataFrame:
        """Those of these jobs of which something is known (JOB_COLUMNS)."""
        return jobs_table([self.rows[job_id] for job_id in job_ids if job_id in self.rows])

    def status(self, job_id: str) -> str | None:
        """A job's status as far as it is known."""
        status = self.rows.get(job_id, {}).get("status")
        return str(status) if status else None

    def counted(self, job_id: str, statuses: Iterable[Status] | None) -> int | None:
        """How many executions a job itself counts in these states (None: all), None where it does not."""
        counts = self._counts(job_id, statuses or Status)
        return None if counts is None else sum(counts)

    def may_have(self, job_id: str, statuses: Iterable[Status]) -> bool:
        """Whether a job can have executions in one of these states, by its status and its counts."""
        row = self.rows.get(job_id)
        if row is None or row["status"] in {JobStatus.IN_PROGRESS, JobStatus.SCHEDULED}:
            return True
        return any(row[status.value] is None or row[status.value] > 0 for status in statuses)

    def cheapest(self, job_id: str) -> Sequence[Status] | None:
        """The statuses to ask for to see what is unfinished, None for all: whole where that takes no more calls."""
        whole = self._pages_whole(job_id)
        return UNFINISHED if whole is None or whole > self._pages(job_id, UNFINISHED) else None

    def calls(self, job_id: str) -> int:
        """How many calls it takes, about, to read what a job has unfinished."""
        whole, by_status = self._pages_whole(job_id), self._pages(job_id, UNFINISHED)
        return by_status if whole is None else min(by_status, whole)

    def _pages_whole(self, job_id: str) -> int | None:
        count = self.counted(job_id, None)
        return None if count is None else max(1, ceil(count / PAGE_ROWS))

    def _pages(self, job_id: str, statuses: Collection[Status]) -> int:
        counts = self._counts(job_id, statuses)
        return sum(max(1, ceil(count / PAGE_ROWS)) for count in counts) if counts else len(statuses)

    def _counts(self, job_id: str, statuses: Iterable[Status]) -> list[int] | None:
        row = self.rows.get(job_id)
        counts = [] if row is None else [row[status.value] for status in statuses]
        return None if row is None or any(count is None for count in counts) else counts


def describe(connection: Connection, jobs: Jobs, job_ids: Iterable[str], *, anew: bool = False) -> Jobs:
    """Describe the jobs that were not yet (or all of them, `anew`), a call each: nothing else has their schedule.

    Raises Denied where there are no usable credentials; any other error is kept in `errors`.
    """
    known = {*jobs.rows, *jobs.errors}
    missing = [job_id for job_id in sorted(set(job_ids)) if anew or job_id not in known]
    answers = map_concurrently(lambda job_id: describe_job(connection, job_id), missing)
    rows, errors = dict(jobs.rows), dict(jobs.errors)
    for job_id, answer in zip(missing, answers, strict=True):
        if isinstance(answer, IotJobsError):
            errors[job_id] = answer
        else:
            rows[job_id] = answer
    return replace(jobs, rows=rows, errors=errors)


def require(connection: Connection, job_id: str) -> Jobs:
    """Describe the job that was asked for. Raises NotFound when there is none."""
    jobs = describe(connection, Jobs(), [job_id])
    if isinstance(jobs.errors.get(job_id), NotFound):
        raise jobs.errors[job_id]
    return jobs


def list_all(connection: Connection, jobs: Jobs) -> tuple[Jobs, list[Gap]]:
    """List all jobs, and a gap for each that is not understood. Raises IotJobsError when they cannot be listed."""
    listed, gaps = {}, []
    for job in list_jobs(connection):
        try:
            row = job_row("ListJobs", job, described=False)
        except IotJobsError as error:
            named = job.get("jobId") if isinstance(job, dict) else job
            gaps.append(error_gap(f"{UNREAD_JOB} {ascii(named)[:80]}", error))
        else:
            listed[row["job_id"]] = row
    return replace(jobs, listed=listed), gaps


def find_alive(connection: Connection, jobs: Jobs) -> tuple[Jobs, list[str], list[Gap]]:
    """The jobs that can have unfinished executions. Raises IotJobsError when they cannot be listed.

    A COMPLETED snapshot job has none by definition, and an account keeps thousands of them: only the latest are
    looked at, for what an end time may have left behind.
    """
    jobs, gaps = (jobs, []) if jobs.listed is not None else list_all(connection, jobs)
    listed = jobs.listed or {}
    done = [
        row
        for row in listed.values()
        if row["status"] == JobStatus.COMPLETED and row["target_selection"] != "CONTINUOUS"
    ]
    done.sort(key=lambda row: str(row["last_updated_at"] or ""), reverse=True)
    latest = [row["job_id"] for row in done[:_LATEST_COMPLETED]]
    jobs = describe(connection, jobs, latest)
    left_behind = {job_id for job_id in latest if job_id in jobs.rows and jobs.may_have(job_id, UNFINISHED)}
    over = {row["job_id"] for row in done} - left_behind
    return jobs, [job_id for job_id in listed if job_id not in over], gaps


def fill_in(connection: Connection, jobs: Jobs, job_ids: Collection[str]) -> tuple[Jobs, list[Gap]]:
    """Give the jobs that could not be described what the list has of them, and the gaps that are left.

    The list is read anew: the executions were read since, and a status older than they are could mislead.
    """
    errors = {job_id: error for job_id, error in jobs.errors.items() if job_id in job_ids and job_id not in jobs.rows}
    if not errors:
        return jobs, []
    try:
        jobs, _ = list_all(connection, jobs)
    except IotJobsError as failure:
        error_gap(Evidence.JOB_STATUS, failure)  # raises where it is the credentials
    listed, rows, gaps = jobs.listed or {}, dict(jobs.rows), []
    for job_id, error in errors.items():
        gaps.append(error_gap(Evidence.SCHEDULE, error, about=[job_id]))
        row = listed.get(job_id)
        if row is not None:
            rows[job_id] = row
        if row is None or (row["status"] == JobStatus.CANCELED and row["is_concurrent"]):
            gaps.append(error_gap(Evidence.JOB_STATUS, error, about=[job_id]))  # by force or not: no list has it
    return replace(jobs, rows=rows), gaps


def schedule_gaps(jobs: Jobs, job_ids: Iterable[str], *, as_of: datetime, place: Place) -> list[Gap]:
    """The schedules that are not understood."""
    gaps = []
    for job_id in job_ids:
        row = jobs.rows.get(job_id)
        if row is None or row["status"] == JobStatus.SCHEDULED or not schedule.is_scheduled(row["scheduling"]):
            continue
        try:
            schedule.check(row["scheduling"], as_of=as_of)
        except schedule.UnreadableSchedule as error:
            look = commands.aws(place, "iot", "describe-job", job_id=job_id, query="job.schedulingConfig")
            why = f"{error} is not in a form that is known"
            gaps.append(Gap(Evidence.SCHEDULE, why, f"look at it: `{look}`", frozenset({job_id})))
    return gaps
