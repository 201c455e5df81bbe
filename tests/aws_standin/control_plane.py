"""Jobs and executions on the control plane (`iot`): each function answers one operation as AWS does.

Source: API reference of AWS IoT, and the behaviour that people measured there: message wordings, codes, page sizes,
milliseconds in every time, cancels without a number meaning the newest execution.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .errors import AwsError, invalid, not_found
from .fleet import STATUSES, UNFINISHED, Execution, Job, Thing
from .place import Place, page

Document = dict[str, Any]
_TERMINAL = frozenset(STATUSES) - UNFINISHED


def list_jobs(place: Place, asked: Document) -> Document:
    hidden = None if place.lists_show_namespaces else ""
    namespace = asked.get("namespaceId", hidden)

    def fits(job: Job) -> bool:
        return (
            namespace in (None, job.namespace_id or "")
            and asked.get("status") in (None, job.status)
            and asked.get("targetSelection") in (None, job.target_selection)
        )

    jobs = sorted((job for job in place.fleet.jobs.values() if fits(job)), key=lambda job: -job.created_at)
    return page(asked, "jobs", jobs, 250, lambda job: _job_summary(place, job))


def describe_job(place: Place, asked: Document) -> Document:
    job = _job(place, asked["jobId"])
    things = {f"numberOf{status.title().replace('_', '')}Things": job.counts[status] for status in STATUSES}
    document = {
        "targets": [place.arn("thing", name) for name in sorted({name for name, _ in job.executions})[:100]]
        or [place.arn("thinggroup", "everything")],
        "namespaceId": job.namespace_id,
        "forceCanceled": job.force_canceled,
        "jobExecutionsRolloutConfig": {},
        "presignedUrlConfig": {},
        "jobProcessDetails": things,
    }
    return {"job": _job_summary(place, job) | document | job.settings}


def get_job_document(place: Place, asked: Document) -> Document:
    return {"document": _job(place, asked["jobId"]).document}


def list_job_executions_for_job(place: Place, asked: Document) -> Document:
    job = _job(place, asked["jobId"])
    status = asked.get("status")
    rows = _listing(place, ("job", job.job_id, status), job, lambda held: status in (None, held.status))
    return page(
        asked,
        "executionSummaries",
        rows,
        250,
        lambda held: {"thingArn": place.arn("thing", held.thing_name), "jobExecutionSummary": _summary(held)},
    )


def list_job_executions_for_thing(place: Place, asked: Document) -> Document:
    thing = place.fleet.things.get(asked["thingName"])
    if thing is None:
        raise not_found(f"Thing {asked['thingName']} cannot be found.")
    hidden = None if place.lists_show_namespaces else ""
    namespace, status, job_id = asked.get("namespaceId", hidden), asked.get("status"), asked.get("jobId")

    def fits(held: Execution) -> bool:
        of = place.fleet.jobs[held.job_id].namespace_id or ""
        return status in (None, held.status) and job_id in (None, held.job_id) and namespace in (None, of)

    rows = _listing(place, ("thing", thing.name, status, namespace, job_id), thing, fits)
    return page(
        asked,
        "executionSummaries",
        rows,
        250,
        lambda held: {"jobId": held.job_id, "jobExecutionSummary": _summary(held)},
    )


def describe_job_execution(place: Place, asked: Document) -> Document:
    held = execution(place, asked)
    document: Document = {
        "jobId": held.job_id,
        "status": held.status,
        "statusDetails": {"detailsMap": dict(held.details)} if held.details else {},
        "thingArn": place.arn("thing", held.thing_name),
        "queuedAt": held.queued_at,
        "startedAt": held.started_at,
        "lastUpdatedAt": held.updated_at,
        "executionNumber": held.number,
        "versionNumber": held.version,
        "forceCanceled": held.force_canceled,
        "approximateSecondsBeforeTimedOut": seconds_left(place, held),
    }
    return {"execution": {name: value for name, value in document.items() if value is not None}}


def cancel_job_execution(place: Place, asked: Document) -> Document:
    """Cancels the newest execution: the API takes no number."""
    held = execution(place, {"jobId": asked["jobId"], "thingName": asked["thingName"]})
    version, details = asked.get("expectedVersion"), asked.get("statusDetails")
    if version is not None and version != held.version:
        raise AwsError("VersionConflictException", f"Expected version {version} but found version {held.version}")
    where = f"Job execution for thing {held.thing_name} within job {held.job_id}"
    if held.status in _TERMINAL:
        raise AwsError("InvalidStateTransitionException", f"{where} cannot be canceled.")
    if held.status == "IN_PROGRESS" and not asked.get("force"):
        raise AwsError(
            "InvalidStateTransitionException", "Job execution is IN_PROGRESS and cannot be canceled without force"
        )
    if details is not None:
        check_details(details)
    place.fleet.cancel(held, details, force=bool(asked.get("force")))
    return {}


def delete_job_execution(place: Place, asked: Document) -> Document:
    if asked["executionNumber"] < 1:
        raise invalid("Execution number is invalid.")
    held = execution(place, asked)
    if asked.get("namespaceId") not in (None, place.fleet.jobs[held.job_id].namespace_id):
        raise _no_execution(asked)
    if held.status == "IN_PROGRESS" and not asked.get("force"):
        raise AwsError(
            "InvalidStateTransitionException",
            f"Job execution for thing {held.thing_name} within job {held.job_id} in status IN_PROGRESS "
            "cannot be deleted without force flag.",
        )
    place.fleet.delete(held)
    return {}


def create_job(place: Place, asked: Document) -> Document:
    job_id = asked["jobId"]
    if job_id in place.fleet.jobs:
        raise AwsError("ResourceAlreadyExistsException", f"Job {job_id} already exists.")
    names = [arn.rpartition("/")[2] for arn in asked["targets"]]
    if unknown := [name for name in names if name not in place.fleet.things]:
        raise not_found(f"Thing {unknown[0]} cannot be found.")
    settings = {
        name: value
        for name, value in asked.items()
        if name not in {"jobId", "targets", "document", "documentSource", "targetSelection", "namespaceId", "tags"}
    }
    continuous = asked.get("targetSelection") == "CONTINUOUS"
    document = asked.get("document", "{}")
    place.fleet.job(job_id, names, days=0, continuous=continuous, document=document, **settings)
    return {"jobArn": place.arn("job", job_id), "jobId": job_id}


def cancel_job(place: Place, asked: Document) -> Document:
    job = _job(place, asked["jobId"])
    if job.status not in {"IN_PROGRESS", "SCHEDULED"}:
        raise invalid(f"Job {job.job_id} is in status {job.status} and cannot be canceled")
    force = bool(asked.get("force"))
    place.fleet.cancel_job(job.job_id, force=force, takes_s=place.fleet.cancels_show_after_s)
    return {"jobArn": place.arn("job", job.job_id), "jobId": job.job_id}


# What the operations have in common.


def execution(place: Place, asked: Document) -> Execution:
    """The execution that a call is about; without a number the newest. Raises AwsError in AWS's words."""
    if asked.get("executionNumber", 1) < 1:
        raise invalid("Execution number is invalid.")
    if asked["jobId"] not in place.fleet.jobs:
        raise not_found(f"Job execution cannot be found as the Job {asked['jobId']} does not exist.")
    held = place.fleet.find(asked["jobId"], asked["thingName"], asked.get("executionNumber"))
    if held is None:
        raise _no_execution(asked)
    return held


def seconds_left(place: Place, held: Execution) -> int | None:
    if held.times_out_at is None or held.status != "IN_PROGRESS":
        return None
    return max(0, int(held.times_out_at - place.fleet.now()))


def check_details(details: Document) -> None:
    if len(details) > 10:
        raise invalid("statusDetails cannot have more than 10 pairs")
    if any(not name or not value for name, value in details.items()):
        raise invalid("statusDetails must be a map of non-empty string keys to non-empty strings")


def _no_execution(asked: Document) -> AwsError:
    return not_found(f"Job execution for thing {asked['thingName']} cannot be found within job {asked['jobId']}.")


def _job(place: Place, job_id: str) -> Job:
    if job_id not in place.fleet.jobs:
        raise not_found(f"Job {job_id} cannot be found.")
    return place.fleet.jobs[job_id]


def _job_summary(place: Place, job: Job) -> Document:
    document = {
        "jobArn": place.arn("job", job.job_id),
        "jobId": job.job_id,
        "targetSelection": job.target_selection,
        "status": job.status,
        "createdAt": job.created_at,
        "lastUpdatedAt": job.updated_at,
        "completedAt": job.completed_at,
        "isConcurrent": job.is_concurrent,
    }
    return {name: value for name, value in document.items() if value is not None}


def _summary(held: Execution) -> Document:
    document: Document = {
        "status": held.status,
        "queuedAt": held.queued_at,
        "lastUpdatedAt": held.updated_at,
        "executionNumber": held.number,
        "retryAttempt": held.retry_attempt,
    }
    if held.started_at is not None:
        document["startedAt"] = held.started_at
    return document


def _listing(place: Place, key: Any, owner: Job | Thing, fits: Callable[[Execution], bool]) -> list[Execution]:
    """Rows in AWS's order, most recently updated first; kept until one of them changes: a long list has many pages."""
    revision, rows = place.pages.get(key, (-1, []))
    if revision != owner.revision:
        rows = sorted(filter(fits, owner.executions.values()), key=lambda held: -held.updated_at)
        place.pages[key] = (owner.revision, rows)
    return rows
