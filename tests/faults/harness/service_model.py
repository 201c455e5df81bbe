"""AWS IoT Jobs as a few lines of Python: executions, their states, versions and numbers, fast enough for thousands.

`test_model_matches_service.py` holds it to the embedded service, and, for what that one cannot do (namespaces, answers
that show late, retries, milliseconds), to AWS's pages. Every execution has a `uid` that is never used again, so that
which one was deleted can be told although numbers are used again.
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
_STATUSES = ("QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "TIMED_OUT", "REJECTED", "REMOVED", "CANCELED")
_HTTP_STATUS = {
    "ResourceNotFoundException": 404,
    "InvalidStateTransitionException": 409,
    "VersionConflictException": 409,
}


@dataclass
class ExecutionRecord:
    """One execution as the service holds it. ``delete_shows_after``, ``cancel_shows_after``: looks until it shows."""

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
    retry_attempt: int = 0
    delete_shows_after: int | None = None
    cancel_shows_after: int | None = None


@dataclass
class JobRecord:
    """A job and the things it is for. ``retries``: how often a failed execution is queued again."""

    job_id: str
    continuous: bool
    members: set[str]
    created_at: float
    status: str = "IN_PROGRESS"
    namespace: str | None = None
    retries: int = 0
    forgotten: set[str] = field(default_factory=set)  # things of a continuous job whose executions were all deleted


@dataclass(frozen=True)
class AcceptedCall:
    """A changing call that the service accepted, and the execution as it was at that moment."""

    operation: str
    before: ExecutionRecord
    parameters: dict[str, Any]


class ServiceModel:
    """The service. Times are seconds since the epoch; its clock goes on a second with everything that happens.

    ``looks_until_shown``: how many times an accepted change is not yet seen (AWS: "eventually consistent").
    """

    def __init__(self, now: float, *, looks_until_shown: int = 0) -> None:
        self.now = now
        self.looks_until_shown = looks_until_shown
        self.account, self.region = ACCOUNT, REGION
        self.never_connected: set[str] = set()  # things of which the index has no time on record
        self.jobs: dict[str, JobRecord] = {}
        self.executions: dict[tuple[str, str], list[ExecutionRecord]] = {}  # (thing, job): newest first
        self._uid = 0

    # What happens in the field. Each returns False when it cannot happen.

    def create_job(
        self,
        job_id: str,
        things: list[str],
        *,
        continuous: bool = False,
        namespace: str | None = None,
        retries: int = 0,
    ) -> None:
        """Create a job and queue an execution for each thing."""
        self.tick()
        job = JobRecord(job_id, continuous, set(things), self.now, namespace=namespace, retries=retries)
        self.jobs[job_id] = job
        for thing in things:
            self._queue(job_id, thing)

    def report(self, job_id: str, thing: str, status: str) -> bool:
        """The device reports on its newest execution."""
        self.tick()
        newest = self.newest(job_id, thing)
        if newest is None or newest.status not in LIVE:
            return False
        if status != "REJECTED" and newest.started_at is None:
            newest.started_at = self.now
        self._end(newest, status)
        return True

    def time_out(self, job_id: str, thing: str) -> bool:
        """The timer ends a running execution."""
        self.tick()
        newest = self.newest(job_id, thing)
        if newest is None or newest.status != "IN_PROGRESS":
            return False
        self._end(newest, "TIMED_OUT")
        return True

    def leave(self, job_id: str, thing: str) -> bool:
        """The thing leaves the job's group: what is QUEUED is REMOVED; deleted executions come back, REMOVED."""
        self.tick()
        job = self.jobs.get(job_id)
        if job is None or not job.continuous or thing not in job.members:
            return False
        job.members.discard(thing)
        newest = self.newest(job_id, thing)
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
        newest = self.newest(job_id, thing)
        if newest is None or newest.status not in LIVE:
            self._queue(job_id, thing)
        return True

    def recreate(self, job_id: str) -> bool:
        """Delete the job with force and create it again: number 1 is another execution everywhere."""
        job = self.jobs.pop(job_id, None)
        if job is None:
            return False
        for thing, of in [key for key in self.executions if key[1] == job_id]:
            del self.executions[thing, of]
        things = sorted(job.members)
        self.create_job(job_id, things, continuous=job.continuous, namespace=job.namespace, retries=job.retries)
        return True

    def cancel_job(self, job_id: str) -> bool:
        """Cancel a job: what is queued is CANCELED, perhaps late; what is running goes on."""
        self.tick()
        job = self.jobs.get(job_id)
        if job is None or job.status != "IN_PROGRESS":
            return False
        job.status = "CANCELED"
        for item in self.all():
            if item.job_id == job_id and item.status == "QUEUED":
                self._cancel(item)
        return True

    # What the API answers. Each raises ClientError as AWS would.

    def describe_job_execution(self, jobId: str, thingName: str, executionNumber: int | None = None) -> dict[str, Any]:
        """Describe the execution with a number, or the newest; a change that shows late is a look nearer."""
        item = self._find(jobId, thingName, executionNumber)
        if item is not None and self._looked_at(item):
            item = self._find(jobId, thingName, executionNumber)
        if item is None:
            raise service_error("ResourceNotFoundException", "DescribeJobExecution")
        return {"execution": self._description(item)}

    def cancel_job_execution(
        self,
        jobId: str,
        thingName: str,
        force: bool = False,
        expectedVersion: int | None = None,
        statusDetails: dict[str, str] | None = None,
    ) -> AcceptedCall:
        """Cancel the newest execution: the API takes no number."""
        self.tick()
        item = self.newest(jobId, thingName)
        if item is None:
            raise service_error("ResourceNotFoundException", "CancelJobExecution")
        if expectedVersion is not None and expectedVersion != item.version:
            raise service_error("VersionConflictException", "CancelJobExecution")
        if item.status not in LIVE or (item.status == "IN_PROGRESS" and not force):
            raise service_error("InvalidStateTransitionException", "CancelJobExecution")
        before = replace(item)
        if statusDetails is not None:
            item.details = dict(statusDetails)
        self._cancel(item)
        return AcceptedCall("CancelJobExecution", before, {"force": force, "expectedVersion": expectedVersion})

    def delete_job_execution(
        self, jobId: str, thingName: str, executionNumber: int, force: bool = False, namespaceId: str | None = None
    ) -> AcceptedCall:
        """Delete an execution, also one of a namespace that is not named: AWS does not say that it would refuse."""
        self.tick()
        item = self._find(jobId, thingName, executionNumber)
        if item is None:
            raise service_error("ResourceNotFoundException", "DeleteJobExecution")
        if item.status == "IN_PROGRESS" and not force:
            raise service_error("InvalidStateTransitionException", "DeleteJobExecution")
        before = replace(item)
        if self.looks_until_shown and item.delete_shows_after is None:
            item.delete_shows_after = self.looks_until_shown
        elif not self.looks_until_shown:
            self._remove(item)
        return AcceptedCall("DeleteJobExecution", before, {"force": force})

    def list_jobs(self, **_: Any) -> dict[str, Any]:
        """List jobs, those of namespaces among them; no list tells a namespace."""
        return {"jobs": [self._job_summary(job) for job in self.jobs.values()]}

    def describe_job(self, jobId: str) -> dict[str, Any]:
        """Describe a job: its namespace, whether AWS is still at it, its counts."""
        job = self.jobs.get(jobId)
        if job is None:
            raise service_error("ResourceNotFoundException", "DescribeJob")
        counts = dict.fromkeys(_STATUSES, 0)
        for item in self.all():
            if item.job_id == jobId:
                counts[item.status] += 1
        details = {
            f"numberOf{''.join(word.title() for word in status.split('_'))}Things": count
            for status, count in counts.items()
        }
        namespace = {"namespaceId": job.namespace} if job.namespace else {}
        retries = [{"failureType": "ALL", "numberOfRetries": job.retries}]
        config = {"jobExecutionsRetryConfig": {"criteriaList": retries}} if job.retries else {}
        arn = {"jobArn": f"arn:aws:iot:{self.region}:{self.account}:job/{jobId}"}
        return {
            "job": self._job_summary(job) | {"targets": [], "jobProcessDetails": details} | namespace | config | arn
        }

    def get_job_document(self, jobId: str) -> dict[str, Any]:
        """Give the document of a job."""
        if jobId not in self.jobs:
            raise service_error("ResourceNotFoundException", "GetJobDocument")
        return {"document": '{"operation": "model"}'}

    def list_job_executions_for_job(self, jobId: str, status: str | None = None, **_: Any) -> dict[str, Any]:
        """List the executions of a job, whatever its namespace."""
        if jobId not in self.jobs:
            raise service_error("ResourceNotFoundException", "ListJobExecutionsForJob")
        rows = [item for item in self.all() if item.job_id == jobId and status in (None, item.status)]
        return {"executionSummaries": [{"thingArn": self._arn(i), "jobExecutionSummary": _summary(i)} for i in rows]}

    def list_job_executions_for_thing(self, thingName: str, status: str | None = None, **_: Any) -> dict[str, Any]:
        """List the executions of a thing, of whatever job and namespace."""
        rows = [item for item in self.all() if item.thing_name == thingName and status in (None, item.status)]
        return {"executionSummaries": [{"jobId": i.job_id, "jobExecutionSummary": _summary(i)} for i in rows]}

    def get_pending_job_executions(self, thingName: str) -> dict[str, Any]:
        """List what a device would take up next, oldest first."""
        pending = sorted((i for i in self.all() if i.thing_name == thingName), key=lambda item: item.queued_at)
        queued = [{"jobId": item.job_id, **_summary(item)} for item in pending if item.status == "QUEUED"]
        return {"inProgressJobs": [], "queuedJobs": queued}

    def describe_thing(self, thingName: str) -> dict[str, Any]:
        """Describe a thing: there is every one that is asked for."""
        arn = f"arn:aws:iot:{self.region}:{self.account}:thing/{thingName}"
        return {"thingName": thingName, "thingArn": arn}

    def list_things_in_thing_group(self, **_: Any) -> dict[str, Any]:
        """List the things of a group: every thing is in every group."""
        return {"things": sorted({thing for thing, _ in self.executions})}

    def search_index(self, queryString: str, **_: Any) -> dict[str, Any]:
        """Search the fleet index: all things have been offline for long, some with no time on record."""
        names = {thing for job in self.jobs.values() for thing in job.members} | {thing for thing, _ in self.executions}
        asked = {part.removeprefix("thingName:").strip('"() ') for part in queryString.split(" OR ")}
        matches = [name for name in sorted(names) if asked & {"*", name}]
        return {
            "things": [
                {"thingName": name, "thingGroupNames": [], "connectivity": self._connectivity(name)} for name in matches
            ]
        }

    def get_indexing_configuration(self) -> dict[str, Any]:
        """Tell that the registry and the connectivity are indexed."""
        modes = {"thingIndexingMode": "REGISTRY", "thingConnectivityIndexingMode": "STATUS"}
        return {"thingIndexingConfiguration": modes}

    def get_caller_identity(self) -> dict[str, Any]:
        """Tell who calls."""
        return {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/on-call"}

    # What is inside.

    def tick(self, seconds: float = 1.0) -> None:
        """Let time pass."""
        self.now += seconds

    def all(self) -> Iterator[ExecutionRecord]:
        """All executions that can be seen."""
        for history in self.executions.values():
            yield from history

    def age(self, days: float) -> None:
        """Make everything there is older."""
        for item in self.all():
            item.queued_at -= days * 86400
            item.updated_at -= days * 86400
            item.started_at = None if item.started_at is None else item.started_at - days * 86400

    def newest(self, job_id: str, thing: str) -> ExecutionRecord | None:
        """The newest execution of a job on a thing, which calls without a number mean."""
        return self._find(job_id, thing, None)

    def _queue(self, job_id: str, thing: str, *, retry_attempt: int = 0) -> ExecutionRecord:
        self._uid += 1
        history = self.executions.setdefault((thing, job_id), [])
        number = history[0].number + 1 if history else 1
        item = ExecutionRecord(self._uid, job_id, thing, number, self.now, self.now, retry_attempt=retry_attempt)
        history.insert(0, item)
        self.jobs[job_id].forgotten.discard(thing)
        return item

    def _find(self, job_id: str, thing: str, number: int | None) -> ExecutionRecord | None:
        history = self.executions.get((thing, job_id), [])
        return next((item for item in history if number in (None, item.number)), None)

    def _looked_at(self, item: ExecutionRecord) -> bool:
        """Bring changes that show late a look nearer; whether one shows now."""
        for change, show in (("delete_shows_after", self._remove), ("cancel_shows_after", self._show_cancel)):
            looks = getattr(item, change)
            if looks is not None:
                setattr(item, change, looks - 1)
                if looks <= 1:
                    show(item)
                    return True
        return False

    def _end(self, item: ExecutionRecord, status: str) -> None:
        if item.cancel_shows_after is not None:  # the cancel was first
            self._show_cancel(item)
            return
        item.status, item.version, item.updated_at = status, item.version + 1, self.now
        job = self.jobs[item.job_id]
        if status in ("FAILED", "TIMED_OUT") and item.retry_attempt < job.retries:
            self._queue(item.job_id, item.thing_name, retry_attempt=item.retry_attempt + 1)
        self._maybe_complete(item.job_id)

    def _cancel(self, item: ExecutionRecord) -> None:
        if self.looks_until_shown:
            item.cancel_shows_after = item.cancel_shows_after or self.looks_until_shown
        else:
            self._show_cancel(item)

    def _show_cancel(self, item: ExecutionRecord) -> None:
        item.cancel_shows_after = None
        item.status, item.version, item.updated_at = "CANCELED", item.version + 1, self.now
        self._maybe_complete(item.job_id)

    def _remove(self, item: ExecutionRecord) -> None:
        history = self.executions[item.thing_name, item.job_id]
        history.remove(item)
        if not history:
            del self.executions[item.thing_name, item.job_id]
            if self.jobs[item.job_id].continuous:
                self.jobs[item.job_id].forgotten.add(item.thing_name)
        self._maybe_complete(item.job_id)

    def _maybe_complete(self, job_id: str) -> None:
        job = self.jobs[job_id]
        if not job.continuous and all(item.status not in LIVE for item in self.all() if item.job_id == job_id):
            job.status = "COMPLETED" if job.status == "IN_PROGRESS" else job.status

    def _connectivity(self, thing: str) -> dict[str, Any]:
        if thing in self.never_connected:
            return {"connected": False}
        since = int((self.now - 90 * 86400) * 1000)
        return {"connected": False, "timestamp": since, "disconnectReason": "NONE"}

    def _job_summary(self, job: JobRecord) -> dict[str, Any]:
        kind = "CONTINUOUS" if job.continuous else "SNAPSHOT"
        times = {"createdAt": job.created_at, "lastUpdatedAt": job.created_at}
        at_work = any(item.job_id == job.job_id and item.cancel_shows_after is not None for item in self.all())
        return {"jobId": job.job_id, "status": job.status, "targetSelection": kind, "isConcurrent": at_work, **times}

    def _description(self, item: ExecutionRecord) -> dict[str, Any]:
        details = {"statusDetails": {"detailsMap": dict(item.details)}} if item.details else {"statusDetails": {}}
        names = {"jobId": item.job_id, "thingArn": self._arn(item), "versionNumber": item.version}
        return names | details | {name: value for name, value in _summary(item).items() if name != "retryAttempt"}

    def _arn(self, item: ExecutionRecord) -> str:
        return f"arn:aws:iot:{self.region}:{self.account}:thing/{item.thing_name}"


def service_error(code: str, operation: str, status: int | None = None) -> ClientError:
    """What boto3 raises when AWS answers with this error."""
    answer = {"Error": {"Code": code, "Message": f"{code} of the model"}, "FromAws": True}  # see response_parsing
    headers = {"x-amzn-errortype": code, "x-amzn-requestid": "model", "content-type": "application/json"}
    metadata = {"HTTPStatusCode": status or _HTTP_STATUS.get(code, 400), "HTTPHeaders": headers, "RequestId": "model"}
    return ClientError({**answer, "ResponseMetadata": metadata}, operation)


def _summary(item: ExecutionRecord) -> dict[str, Any]:
    started = {} if item.started_at is None else {"startedAt": item.started_at}
    return {
        "status": item.status,
        "queuedAt": item.queued_at,
        "lastUpdatedAt": item.updated_at,
        "executionNumber": item.number,
        "retryAttempt": item.retry_attempt,
        **started,
    }
