"""What is known of jobs in one reading: each described where it may be, else as the list sums it up."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from math import ceil
from typing import Any

import pandas as pd

from iotjobs.aws.concurrency import map_concurrently
from iotjobs.aws.connection import Connection
from iotjobs.aws.executions import PAGE_ROWS
from iotjobs.aws.gaps import Gaps
from iotjobs.aws.rows import job_row, jobs_table
from iotjobs.diagnosis import schedule as windows
from iotjobs.errors import Denied, IotJobsError, NotFound
from iotjobs.model import UNFINISHED, JobStatus, Status
from iotjobs.snapshot import Evidence

_LATEST_COMPLETED = 100


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


def describe(connection: Connection, job_ids: Iterable[str]) -> tuple[pd.DataFrame, dict[str, IotJobsError]]:
    """Describe jobs, a call each: a row of JOB_COLUMNS for each that could be, and the errors of the others by job.

    Raises Denied where there are no usable credentials.
    """
    wanted = sorted(set(job_ids))
    answers = map_concurrently(lambda job_id: describe_job(connection, job_id), wanted)
    errors = {job_id: one for job_id, one in zip(wanted, answers, strict=True) if isinstance(one, IotJobsError)}
    return jobs_table([one for one in answers if not isinstance(one, IotJobsError)]), errors


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
        if isinstance(error, Denied) and error.action is None:
            raise
        snapshot["gaps"].append(f"the job's {part} could not be read: {error}")
        return {}


class Jobs:
    """The jobs of one reading, by id."""

    def __init__(self, connection: Connection, gaps: Gaps) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.errors: dict[str, IotJobsError] = {}
        self._connection = connection
        self._gaps = gaps
        self._listed: dict[str, dict[str, Any]] | None = None
        self._wanted: set[str] = set()

    def listed(self) -> dict[str, dict[str, Any]]:
        """All jobs as `ListJobs` sums them up, read once. Raises IotJobsError."""
        if self._listed is None:
            self._listed = {job["jobId"]: job for job in list_jobs(self._connection)}
        return self._listed

    def alive(self) -> list[str]:
        """Jobs that can have unfinished executions. Raises IotJobsError.

        A COMPLETED snapshot job has none by definition, and an account keeps thousands of them: only the latest are
        looked at, for what an end time may have left behind.
        """
        done = [
            job
            for job in self.listed().values()
            if job["status"] == JobStatus.COMPLETED and job.get("targetSelection") != "CONTINUOUS"
        ]
        done.sort(key=lambda job: job.get("lastUpdatedAt") or 0, reverse=True)
        latest = [job["jobId"] for job in done[:_LATEST_COMPLETED]]
        self.look_up(latest)
        left_behind = {job_id for job_id in latest if job_id in self.rows and self.may_have(job_id, UNFINISHED)}
        over = {job["jobId"] for job in done} - left_behind
        return [job_id for job_id in self.listed() if job_id not in over]

    def describe(self, job_ids: Iterable[str]) -> None:
        """Describe jobs that the reading is about."""
        wanted = set(job_ids)
        self._wanted |= wanted
        self.look_up(sorted(wanted))

    def look_up(self, job_ids: Iterable[str]) -> None:
        """Describe the jobs that were not yet, one call each: nothing else tells their schedule and timer."""
        wanted = [job_id for job_id in job_ids if job_id not in self.rows and job_id not in self.errors]
        answers = map_concurrently(lambda job_id: describe_job(self._connection, job_id), wanted)
        for job_id, answer in zip(wanted, answers, strict=True):
            if isinstance(answer, IotJobsError):
                self.errors[job_id] = answer
            else:
                self.rows[job_id] = answer

    def fill_in(self) -> None:
        """Give the jobs that could not be described the status that the list tells, and note what is missing.

        The list is read anew: the executions were read since, and a status older than they are could mislead.
        """
        errors = {job_id: error for job_id, error in self.errors.items() if job_id in self._wanted}
        if not errors:
            return
        try:
            self._listed = None
            listed = self.listed()
        except IotJobsError:
            listed = {}
        for job_id, error in errors.items():
            self._gaps.add_error(Evidence.SCHEDULE, error, about=[job_id])
            if job_id in listed:
                self.rows[job_id] = job_row("ListJobs", listed[job_id], described=False)
            else:
                self._gaps.add_error(Evidence.JOB_STATUS, error, about=[job_id])

    def check_schedules(self, as_of: datetime) -> None:
        """Note the schedules that cannot be understood."""
        for job_id, row in self._of_interest():
            if row["status"] == JobStatus.SCHEDULED or not windows.is_scheduled(row["scheduling"]):
                continue
            try:
                windows.check(row["scheduling"], as_of=as_of)
            except windows.UnreadableSchedule as error:
                look = f"look at it: `aws iot describe-job --job-id {job_id} --query job.schedulingConfig`"
                self._gaps.add(Evidence.SCHEDULE, f"{error} is not in a form that is known", look, about=[job_id])

    def status(self, job_id: str) -> str | None:
        """A job's status as far as it is known."""
        status = self.rows.get(job_id, {}).get("status")
        return str(status) if status else None

    def may_have(self, job_id: str, statuses: Iterable[Status]) -> bool:
        """Whether a job can have executions in one of these states, by its status and its counts."""
        row = self.rows.get(job_id)
        if row is None or row["status"] in {JobStatus.IN_PROGRESS, JobStatus.SCHEDULED}:
            return True
        return any(row[status.value] is None or row[status.value] > 0 for status in statuses)

    def cheapest(self, job_id: str) -> Sequence[Status] | None:
        """The statuses to ask for to see what is unfinished, None for all: whole where that takes no more calls."""
        counts = self._counts(job_id, Status)
        if counts is None or max(1, ceil(sum(counts) / PAGE_ROWS)) > self._pages(job_id, UNFINISHED):
            return UNFINISHED
        return None

    def calls(self, job_id: str) -> int:
        """How many calls it takes, about, to read what a job has unfinished."""
        counts = self._counts(job_id, Status)
        by_status = self._pages(job_id, UNFINISHED)
        return by_status if counts is None else min(by_status, max(1, ceil(sum(counts) / PAGE_ROWS)))

    def _pages(self, job_id: str, statuses: Collection[Status]) -> int:
        counts = self._counts(job_id, statuses)
        return sum(max(1, ceil(count / PAGE_ROWS)) for count in counts) if counts else len(statuses)

    def table(self) -> pd.DataFrame:
        """The jobs that the reading is about, as a table with JOB_COLUMNS."""
        return jobs_table([row for _, row in self._of_interest()])

    def require(self, job_id: str) -> None:
        """Describe the job that was asked for. Raises NotFound when there is none."""
        self.describe([job_id])
        if isinstance(self.errors.get(job_id), NotFound):
            raise self.errors[job_id]

    def _of_interest(self) -> list[tuple[str, dict[str, Any]]]:
        return [(job_id, row) for job_id, row in self.rows.items() if job_id in self._wanted]

    def _counts(self, job_id: str, statuses: Iterable[Status]) -> list[int] | None:
        row = self.rows.get(job_id)
        counts = [] if row is None else [row[status.value] for status in statuses]
        return None if row is None or any(count is None for count in counts) else counts
