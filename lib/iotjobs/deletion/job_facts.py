"""What must be known of a job before one of its executions may go: its owner, its state, its abort criteria.

Source: the answer of DescribeJob (API: Job). No list tells a job's namespace or its abortConfig.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from iotjobs.aws.connection import Connection
from iotjobs.aws.jobs import describe_job
from iotjobs.diagnosis.service_owners import owner_of
from iotjobs.model import TERMINAL, UNFINISHED, JobStatus, Status

#: A look that is older than this is taken again before anything is changed.
FRESH_S = 2.0
_JOB_FRESH_S = 1.0
_FAILURES = {
    "FAILED": (Status.FAILED,),
    "REJECTED": (Status.REJECTED,),
    "TIMED_OUT": (Status.TIMED_OUT,),
    "ALL": (Status.FAILED, Status.REJECTED, Status.TIMED_OUT),
}


@dataclass(frozen=True, slots=True)
class AbortCriterion:
    """One of a job's `abortConfig.criteriaList`: AWS cancels the whole job when it is met."""

    failure_type: str
    threshold_percent: float
    minimum: int


@dataclass(frozen=True, slots=True)
class JobFacts:
    """A job as DescribeJob told it. ``counts``: executions by status, empty where it told none."""

    job_id: str
    status: str
    target_selection: str | None = None
    namespace_id: str | None = None
    canceling: bool = False
    counts: Mapping[Status, int] = field(default_factory=dict)
    abort_criteria: tuple[AbortCriterion, ...] = ()

    @property
    def owner(self) -> str | None:
        """The service that made it, None for a job of the account's own."""
        return owner_of(self.job_id, self.namespace_id)

    @property
    def unfinished(self) -> int | None:
        """How many executions have not finished; None where the counts are not told."""
        return sum(self.counts[status] for status in UNFINISHED) if self.counts else None

    def abort_warning(self, statuses: Collection[Status]) -> str:
        """Whether the removal of executions in these states may have AWS cancel the job; empty when it may not.

        A cancelled execution counts as completed, and a deleted one no longer counts (developer guide, "Job abort
        configuration"): the first may reach a criterion's minimum, the second its percentage.
        """
        if not self.counts or self.status != JobStatus.IN_PROGRESS:
            return ""
        for criterion in self.abort_criteria:
            failed_in = _FAILURES.get(criterion.failure_type, ())
            failed = sum(self.counts[status] for status in failed_in)
            done = sum(self.counts[status] for status in TERMINAL)
            most_done = done + sum(status in UNFINISHED for status in statuses)
            least_done = done - sum(status in TERMINAL and status not in failed_in for status in statuses)
            share = 100 * failed / max(1, done)
            met = done >= criterion.minimum and share >= criterion.threshold_percent
            could = 100 * failed / max(1, least_done) >= criterion.threshold_percent and failed > 0
            if not met and most_done >= criterion.minimum and could:
                return (
                    f"CAUTION: job {self.job_id} is cancelled by AWS as a whole when {criterion.threshold_percent:g} % "
                    f"of at least {criterion.minimum} completed executions are {criterion.failure_type}. Now it is "
                    f"{failed} of {done}; what is removed here changes that count and may bring it over the limit."
                )
        return ""


def facts_of(row: Mapping[str, Any]) -> JobFacts:
    """The facts of a job's row, as `describe_job` makes it."""
    counts = {status: row[status.value] for status in Status}
    criteria = row["abort_config"].get("criteriaList") or ()
    return JobFacts(
        job_id=row["job_id"],
        status=row["status"],
        target_selection=row["target_selection"],
        namespace_id=row["namespace_id"],
        canceling=row["status"] == JobStatus.CANCELED and bool(row["is_concurrent"]),
        counts={} if None in counts.values() else counts,
        abort_criteria=tuple(
            AbortCriterion(
                str(each.get("failureType")),
                float(each.get("thresholdPercentage") or 0),
                int(each.get("minNumberOfExecutedThings") or 0),
            )
            for each in criteria
        ),
    )


def read_job(connection: Connection, job_id: str) -> JobFacts:
    """Describe a job. Raises NotFound, Denied, and IotJobsError for an answer that is not about it."""
    return facts_of(describe_job(connection, job_id))


class FreshJobs:
    """Jobs as they were told at most a second ago; each is asked for by one thread at a time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._read: dict[str, tuple[float, dict[str, Any]]] = {}
        self._reading: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)
        self._choosing = threading.Lock()

    def reading(self, job_id: str) -> threading.RLock:
        """The lock under which a job is read."""
        with self._choosing:
            return self._reading[job_id]

    def asked_at(self, job_id: str) -> float:
        """When what is told of a job was asked."""
        return self._read.get(job_id, (float("-inf"), None))[0]

    def get(self, connection: Connection, job_id: str) -> JobFacts:
        """What is known of a job. Raises as `read_job`."""
        return facts_of(self.row(connection, job_id))

    def row(self, connection: Connection, job_id: str) -> dict[str, Any]:
        """Describe a job, as a row of JOB_COLUMNS, unless that was just done. Raises as `read_job`."""
        with self.reading(job_id):
            asked_at = self._clock()
            at, row = self._read.get(job_id, (float("-inf"), None))
            if row is None or asked_at - at > _JOB_FRESH_S:
                row = describe_job(connection, job_id)
                self._read[job_id] = (asked_at, row)
            return row
