"""The jobs data plane (`iot-jobs-data`): each function answers one operation as AWS does, times in whole seconds."""

from __future__ import annotations

from typing import Any

from .control_plane import check_details, execution, seconds_left
from .errors import AwsError
from .fleet import UNFINISHED, Execution
from .place import Place

Document = dict[str, Any]
_MOST_PENDING = 10


def describe_job_execution(place: Place, asked: Document) -> Document:
    """One unfinished execution, ``$next`` for the head of the queue; refuses those that have ended."""
    if asked["jobId"] == "$next":
        waiting = place.fleet.pending(asked["thingName"])
        return {"execution": _written(place, waiting[0], asked)} if waiting else {}
    held = execution(place, asked)
    if held.status not in UNFINISHED:
        raise AwsError(
            "TerminalStateException", "Job Execution has reached terminal state. It is neither IN_PROGRESS nor QUEUED"
        )
    return {"execution": _written(place, held, asked)}


def get_pending_job_executions(place: Place, asked: Document) -> Document:
    waiting = place.fleet.pending(asked["thingName"])[:_MOST_PENDING]
    by_status: dict[str, list[Document]] = {"IN_PROGRESS": [], "QUEUED": []}
    for held in waiting:
        by_status[held.status].append(_summary(held))
    return {"inProgressJobs": by_status["IN_PROGRESS"], "queuedJobs": by_status["QUEUED"]}


def start_next_pending_job_execution(place: Place, asked: Document) -> Document:
    waiting = place.fleet.pending(asked["thingName"])
    if not waiting:
        return {}
    held = waiting[0]
    if held.status == "QUEUED":
        place.fleet.report(held.job_id, held.thing_name, "IN_PROGRESS", asked.get("statusDetails"))
    return {"execution": _written(place, held, asked)}


def update_job_execution(place: Place, asked: Document) -> Document:
    held = execution(place, asked)
    if asked.get("expectedVersion") not in (None, held.version):
        raise AwsError("InvalidRequestException", "The expected version does not match")
    if held.status not in UNFINISHED:
        raise AwsError("InvalidStateTransitionException", "Job Execution has reached terminal state")
    if "statusDetails" in asked:
        check_details(asked["statusDetails"])
    place.fleet.report(held.job_id, held.thing_name, asked["status"], asked.get("statusDetails"))
    return {}


def _summary(held: Execution) -> Document:
    document: Document = {
        "jobId": held.job_id,
        "queuedAt": int(held.queued_at),
        "lastUpdatedAt": int(held.updated_at),
        "versionNumber": held.version,
        "executionNumber": held.number,
    }
    if held.started_at is not None:
        document["startedAt"] = int(held.started_at)
    return document


def _written(place: Place, held: Execution, asked: Document) -> Document:
    document = _summary(held) | {"thingName": held.thing_name, "status": held.status}
    if held.details:
        document["statusDetails"] = dict(held.details)
    if (left := seconds_left(place, held)) is not None:
        document["approximateSecondsBeforeTimedOut"] = left
    if asked.get("includeJobDocument"):
        document["jobDocument"] = place.fleet.jobs[held.job_id].document
    return document
