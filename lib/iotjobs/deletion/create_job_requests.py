"""What would queue removed executions again: one CreateJob request for each job they were of. Pure.

A request takes over what DescribeJob and GetJobDocument told before the delete (API: CreateJob). The document is
that of the job itself, never that of its template, which may have changed since; for the same reason it goes before
the link to S3 that it was once read from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

#: A job takes so many targets at most (quota "Job targets" of AWS IoT Device Management).
MOST_TARGETS = 100
_JOB_ID_MAX = 64

#: What DescribeJob answers and CreateJob takes under the same name; empty ones mean that there were none.
_TAKEN_OVER = (
    "description",
    "presignedUrlConfig",
    "jobExecutionsRolloutConfig",
    "abortConfig",
    "timeoutConfig",
    "jobExecutionsRetryConfig",
    "namespaceId",
    "destinationPackageVersions",
)


@dataclass(frozen=True, slots=True)
class Request:
    """A CreateJob request for executions of one job; an incomplete one lacks its document and AWS refuses it."""

    of_job: str
    document: Mapping[str, Any]
    notes: tuple[str, ...]
    complete: bool

    @property
    def file_name(self) -> str:
        """`create-job-JOB.json`; of an incomplete one `create-job-JOB.incomplete.json`."""
        return f"create-job-{self.document['jobId']}{'' if self.complete else '.incomplete'}.json"


def requests(
    job_id: str, job: Mapping[str, Any] | None, thing_arns: Sequence[str], *, stamp: str, now: datetime
) -> Iterator[Request]:
    """The requests that queue a job for these things again: one, or more where the targets are too many for one.

    `job` is a snapshot as `jobs.job_snapshot` makes it, None where there is none. `stamp` tells one day's requests
    from another's in the new job ids; the same stamp gives the same ids, so that AWS refuses a second CreateJob.
    """
    shared, notes, complete = _shared(job or {}, now)
    targets = sorted(set(thing_arns))
    parts = [targets[start : start + MOST_TARGETS] for start in range(0, len(targets), MOST_TARGETS)]
    for number, part in enumerate(parts, start=1):
        document = {"jobId": _new_id(job_id, stamp, number), "targets": part, **shared}
        yield Request(job_id, document, notes, complete)


def _shared(snapshot: Mapping[str, Any], now: datetime) -> tuple[dict[str, Any], tuple[str, ...], bool]:
    job = snapshot.get("job") or {}
    notes = [str(gap) for gap in snapshot.get("gaps", ())]
    if not snapshot:
        notes.append("the job as it was is not on record")
    shared: dict[str, Any] = {"targetSelection": "SNAPSHOT"}
    shared |= {name: job[name] for name in _TAKEN_OVER if job.get(name)}
    schedule, missed = _schedule(job.get("schedulingConfig") or {}, now)
    if schedule:
        shared["schedulingConfig"] = schedule
    if missed:
        notes.append(f"its {' and '.join(missed)} are left out, since they are past: it starts when you create it")
    if job.get("targetSelection") == "CONTINUOUS":
        notes.append("the job was CONTINUOUS; this is a snapshot of the things whose executions were removed")
    if job.get("jobTemplateArn"):
        notes.append(f"it was made from {job['jobTemplateArn']}; its own document and settings are used, not the link")
    source = _source(snapshot)
    if "documentSource" in source:
        notes.append("the document is read from S3 anew: make sure that the object is still the one of then")
    return {**shared, **source}, tuple(notes), bool(source)


def _source(snapshot: Mapping[str, Any]) -> dict[str, str]:
    if snapshot.get("document") is not None:
        return {"document": snapshot["document"]}
    if snapshot.get("document_source"):
        return {"documentSource": snapshot["document_source"]}
    return {}


def _schedule(schedule: Mapping[str, Any], now: datetime) -> tuple[dict[str, Any], list[str]]:
    """What may still be asked for: a start or end must lie ahead (API: SchedulingConfig)."""
    settings = {name: value for name, value in schedule.items() if value}
    missed: list[str] = [
        name for name in ("startTime", "endTime") if name in settings and not _ahead(settings[name], now)
    ]
    for name in missed:
        del settings[name]
    if "endTime" not in settings:
        settings.pop("endBehavior", None)
    return settings, missed


def _ahead(moment: str, now: datetime) -> bool:
    try:
        return datetime.fromisoformat(moment.removesuffix("Z")).replace(tzinfo=UTC) > now
    except ValueError:
        return False


def _new_id(job_id: str, stamp: str, number: int) -> str:
    """A job id within its 64 characters; of one that is too long the digest tells it from others cut alike."""
    suffix = f"-again-{stamp}" + (f"-{number}" if number > 1 else "")
    if len(job_id) + len(suffix) <= _JOB_ID_MAX:
        return job_id + suffix
    suffix = f"-{hashlib.sha256(job_id.encode()).hexdigest()[:6]}{suffix}"
    return job_id[: _JOB_ID_MAX - len(suffix)] + suffix
