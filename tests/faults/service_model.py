"""AWS IoT Jobs as a few lines of Python: executions, their states, versions and numbers, fast enough for thousands.

What it answers is what the embedded service answers to the same calls (`test_model_is_no_fiction.py` holds it to
that). Every execution has a `uid` that is never used again, so that who was deleted can be told from the number alone.
"""

# ruff: noqa: N803, ARG002 - the names of the API
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from botocore.exceptions import ClientError

LIVE = ("QUEUED", "IN_PROGRESS")
ACCOUNT = "000000000000"
REGION = "eu-central-1"
CALLER = f"arn:aws:iam::{ACCOUNT}:user/on-call"
_STATUSES = ("QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "TIMED_OUT", "REJECTED", "REMOVED", "CANCELED")
_HTTP = {"ResourceNotFoundException": 404, "InvalidStateTransitionException": 409, "VersionConflictException": 409}


@dataclass
class Held:
    """One execution as the service holds it."""

    uid: int
    job_id: str
    thing_name: str
    number: int
    queued_at: float
    updated_at: float
    status: str = "QUEUED"
    version: int = 1
    started_at: float | None = None
    details: dict[str, str] = field(default_factory=dict)


@dataclass
class Job:
    """A job and the things it is for."""

    job_id: str
    continuous: bool
    members: set[str]
    created_at: float
    status: str = "IN_PROGRESS"
    forgotten: set[str] = field(default_factory=set)  # things of a continuous job whose executions were all deleted


@dataclass(frozen=True)
class Accepted:
    """A changing call that the service accepted, and the execution as it was at that moment."""

    operation: str
    before: Held
    given: dict[str, Any]


class ServiceModel:
    """The service. Times are seconds since the epoch; its clock goes on a second with everything that happens."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.region = REGION  # what the ARNs name; that of the connection
        self.jobs: dict[str, Job] = {}
        self.held: dict[tuple[str, str], list[Held]] = {}  # (thing, job): newest first
        self._uid = 0

    # What happens in the field.

    def create_job(self, job_id: str, things: list[str], *, continuous: bool = False) -> None:
        self.tick()
        self.jobs[job_id] = Job(job_id, continuous, set(things), self.now)
        for thing in things:
            self._queue(job_id, thing)

    def report(self, job_id: str, thing: str, status: str) -> bool:
        """The device reports on its newest execution; False when the service refuses that."""
        self.tick()
        newest = self._newest(job_id, thing)
        if newest is None or newest.status not in LIVE:
            return False
        newest.status = status
        newest.version += 1
        newest.updated_at = self.now
        if status != "REJECTED" and newest.started_at is None:
            newest.started_at = self.now
        self._maybe_complete(job_id)
        return True

    def time_out(self, job_id: str, thing: str) -> bool:
        self.tick()
        newest = self._newest(job_id, thing)
        if newest is None or newest.status != "IN_PROGRESS":
            return False
        newest.status, newest.version, newest.updated_at = "TIMED_OUT", newest.version + 1, self.now
        self._maybe_complete(job_id)
        return True

    def leave(self, job_id: str, thing: str) -> bool:
        """The thing leaves the job's group: what is QUEUED is REMOVED; deleted executions come back, REMOVED."""
        self.tick()
        job = self.jobs.get(job_id)
        if job is None or not job.continuous or thing not in job.members:
            return False
        job.members.discard(thing)
        newest = self._newest(job_id, thing)
        if newest is None and thing in job.forgotten:
            self._queue(job_id, thing).status = "REMOVED"
        elif newest is not None and newest.status == "QUEUED":
            newest.status, newest.updated_at = "REMOVED", self.now
        return True

    def join(self, job_id: str, thing: str) -> bool:
        """The thing joins the job's group (again): unless its newest execution goes on, it gets the next number."""
        self.tick()
        job = self.jobs.get(job_id)
        if job is None or not job.continuous or thing in job.members or job.status == "CANCELED":
            return False
        job.members.add(thing)
        newest = self._newest(job_id, thing)
        if newest is None or newest.status not in LIVE:
            self._queue(job_id, thing)
        return True

    def recreate(self, job_id: str) -> bool:
        """Delete the job with force and create it again: number 1 is another execution everywhere."""
        job = self.jobs.pop(job_id, None)
        if job is None:
            return False
        for thing, of in [key for key in self.held if key[1] == job_id]:
            del self.held[thing, of]
        self.create_job(job_id, sorted(job.members), continuous=job.continuous)
        return True

    def cancel_job(self, job_id: str) -> bool:
        self.tick()
        job = self.jobs.get(job_id)
        if job is None or job.status != "IN_PROGRESS":
            return False
        job.status = "CANCELED"
        for item in self.all():
            if item.job_id == job_id and item.status == "QUEUED":
                item.status, item.version, item.updated_at = "CANCELED", item.version + 1, self.now
        return True

    # What the API answers. Each raises ClientError as AWS would.

    def describe_job_execution(self, jobId: str, thingName: str, executionNumber: int | None = None) -> dict[str, Any]:
        item = self._find(jobId, thingName, executionNumber)
        if item is None:
            raise refusal("ResourceNotFoundException", "DescribeJobExecution")
        return {"execution": self._described(item)}

    def cancel_job_execution(
        self,
        jobId: str,
        thingName: str,
        force: bool = False,
        expectedVersion: int | None = None,
        statusDetails: dict[str, str] | None = None,
    ) -> Accepted:
        """Cancel the newest execution: the API takes no number."""
        self.tick()
        item = self._newest(jobId, thingName)
        if item is None:
            raise refusal("ResourceNotFoundException", "CancelJobExecution")
        if expectedVersion is not None and expectedVersion != item.version:
            raise refusal("VersionConflictException", "CancelJobExecution")
        if item.status not in LIVE or (item.status == "IN_PROGRESS" and not force):
            raise refusal("InvalidStateTransitionException", "CancelJobExecution")
        before = replace(item)
        item.status, item.version, item.updated_at = "CANCELED", item.version + 1, self.now
        if statusDetails is not None:
            item.details = dict(statusDetails)
        self._maybe_complete(jobId)
        return Accepted("CancelJobExecution", before, {"force": force, "expectedVersion": expectedVersion})

    def delete_job_execution(
        self, jobId: str, thingName: str, executionNumber: int, force: bool = False, namespaceId: str | None = None
    ) -> Accepted:
        self.tick()
        item = self._find(jobId, thingName, executionNumber)
        if item is None:
            raise refusal("ResourceNotFoundException", "DeleteJobExecution")
        if item.status == "IN_PROGRESS" and not force:
            raise refusal("InvalidStateTransitionException", "DeleteJobExecution")
        rest = self.held[thingName, jobId]
        rest.remove(item)
        if not rest:
            del self.held[thingName, jobId]
            if self.jobs[jobId].continuous:
                self.jobs[jobId].forgotten.add(thingName)
        self._maybe_complete(jobId)
        return Accepted("DeleteJobExecution", replace(item), {"force": force})

    def list_jobs(self, **_: Any) -> dict[str, Any]:
        return {"jobs": [self._job(job) for job in self.jobs.values()]}

    def describe_job(self, jobId: str) -> dict[str, Any]:
        job = self.jobs.get(jobId)
        if job is None:
            raise refusal("ResourceNotFoundException", "DescribeJob")
        counts = dict.fromkeys(_STATUSES, 0)
        for item in self.all():
            if item.job_id == jobId:
                counts[item.status] += 1
        details = {
            f"numberOf{''.join(word.title() for word in status.split('_'))}Things": count
            for status, count in counts.items()
        }
        return {"job": self._job(job) | {"targets": [], "jobProcessDetails": details}}

    def get_job_document(self, jobId: str) -> dict[str, Any]:
        if jobId not in self.jobs:
            raise refusal("ResourceNotFoundException", "GetJobDocument")
        return {"document": '{"operation": "model"}'}

    def list_job_executions_for_job(self, jobId: str, status: str | None = None, **_: Any) -> dict[str, Any]:
        if jobId not in self.jobs:
            raise refusal("ResourceNotFoundException", "ListJobExecutionsForJob")
        found = [item for item in self.all() if item.job_id == jobId and status in (None, item.status)]
        return {
            "executionSummaries": [
                {"thingArn": _arn(i, self.region), "jobExecutionSummary": _summary(i)} for i in found
            ]
        }

    def list_job_executions_for_thing(self, thingName: str, status: str | None = None, **_: Any) -> dict[str, Any]:
        found = [item for item in self.all() if item.thing_name == thingName and status in (None, item.status)]
        return {"executionSummaries": [{"jobId": i.job_id, "jobExecutionSummary": _summary(i)} for i in found]}

    def get_pending_job_executions(self, thingName: str) -> dict[str, Any]:
        pending = sorted((i for i in self.all() if i.thing_name == thingName), key=lambda item: item.queued_at)
        queued = [{"jobId": item.job_id, **_summary(item)} for item in pending if item.status == "QUEUED"]
        return {"inProgressJobs": [], "queuedJobs": queued}

    def describe_thing(self, thingName: str) -> dict[str, Any]:
        return {"thingName": thingName}

    def search_index(self, queryString: str, **_: Any) -> dict[str, Any]:
        names = {thing for job in self.jobs.values() for thing in job.members} | {thing for thing, _ in self.held}
        wanted = queryString.removeprefix("thingName:").strip('"')
        gone = {"connected": False, "timestamp": int((self.now - 90 * 86400) * 1000), "disconnectReason": "NONE"}
        found = [name for name in sorted(names) if wanted in ("*", name)]
        return {"things": [{"thingName": name, "thingGroupNames": [], "connectivity": gone} for name in found]}

    def get_indexing_configuration(self) -> dict[str, Any]:
        modes = {"thingIndexingMode": "REGISTRY", "thingConnectivityIndexingMode": "STATUS"}
        return {"thingIndexingConfiguration": modes}

    def get_caller_identity(self) -> dict[str, Any]:
        return {"Account": ACCOUNT, "Arn": CALLER}

    # What is inside.

    def tick(self, seconds: float = 1.0) -> None:
        self.now += seconds

    def all(self) -> Iterator[Held]:
        for history in self.held.values():
            yield from history

    def by_uid(self, uid: int) -> Held | None:
        return next((item for item in self.all() if item.uid == uid), None)

    def age(self, days: float) -> None:
        """Make everything there is older."""
        for item in self.all():
            item.queued_at -= days * 86400
            item.updated_at -= days * 86400
            item.started_at = None if item.started_at is None else item.started_at - days * 86400

    def _queue(self, job_id: str, thing: str) -> Held:
        self._uid += 1
        history = self.held.setdefault((thing, job_id), [])
        number = history[0].number + 1 if history else 1
        item = Held(self._uid, job_id, thing, number, queued_at=self.now, updated_at=self.now)
        history.insert(0, item)
        self.jobs[job_id].forgotten.discard(thing)
        return item

    def _newest(self, job_id: str, thing: str) -> Held | None:
        history = self.held.get((thing, job_id))
        return history[0] if history else None

    def _find(self, job_id: str, thing: str, number: int | None) -> Held | None:
        history = self.held.get((thing, job_id), [])
        return next((item for item in history if number in (None, item.number)), None)

    def _maybe_complete(self, job_id: str) -> None:
        job = self.jobs[job_id]
        if not job.continuous and all(item.status not in LIVE for item in self.all() if item.job_id == job_id):
            job.status = "COMPLETED" if job.status == "IN_PROGRESS" else job.status

    def _job(self, job: Job) -> dict[str, Any]:
        kind = "CONTINUOUS" if job.continuous else "SNAPSHOT"
        times = {"createdAt": job.created_at, "lastUpdatedAt": job.created_at}
        return {"jobId": job.job_id, "status": job.status, "targetSelection": kind, **times}

    def _described(self, item: Held) -> dict[str, Any]:
        details = {"statusDetails": {"detailsMap": dict(item.details)}} if item.details else {"statusDetails": {}}
        named = {"jobId": item.job_id, "thingArn": _arn(item, self.region), "versionNumber": item.version}
        summary = {name: value for name, value in _summary(item).items() if name != "retryAttempt"}
        return named | details | summary


def refusal(code: str, operation: str, status: int | None = None) -> ClientError:
    """What boto3 raises when AWS answers with this error."""
    answer = {"Error": {"Code": code, "Message": f"{code} of the model"}}
    http = {"ResponseMetadata": {"HTTPStatusCode": status or _HTTP.get(code, 400)}}
    return ClientError(answer | http | {"FromAws": True}, operation)  # type: ignore[arg-type]


def _arn(item: Held, region: str) -> str:
    return f"arn:aws:iot:{region}:{ACCOUNT}:thing/{item.thing_name}"


def _summary(item: Held) -> dict[str, Any]:
    started = {} if item.started_at is None else {"startedAt": item.started_at}
    return {
        "status": item.status,
        "queuedAt": item.queued_at,
        "lastUpdatedAt": item.updated_at,
        "executionNumber": item.number,
        "retryAttempt": 0,
        **started,
    }
