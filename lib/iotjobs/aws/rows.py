"""From an answer of AWS to a row: the one way, and it is checked.

An answer that lacks what it must have, holds what is not understood, or is about something else than was asked for is
an IotJobsError that names the operation, the job and the thing. No row is left out.
Sources: JobExecutionSummary, JobExecution, JobSummary and Job in the API reference.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from iotjobs.aws import raw_pages
from iotjobs.columns import JOB_COLUMNS, table
from iotjobs.errors import IotJobsError
from iotjobs.model import EXECUTION_NUMBER_MAX, JOB_ID, LATEST_S, THING_NAME, Execution, ExecutionKey, JobStatus, Status

#: One execution of a listing: its job, its thing, and the summary that the answer has of it.
Row = tuple[str, str, dict[str, Any]]

_COUNTS = {
    Status.QUEUED: "numberOfQueuedThings",
    Status.IN_PROGRESS: "numberOfInProgressThings",
    Status.SUCCEEDED: "numberOfSucceededThings",
    Status.FAILED: "numberOfFailedThings",
    Status.TIMED_OUT: "numberOfTimedOutThings",
    Status.REJECTED: "numberOfRejectedThings",
    Status.REMOVED: "numberOfRemovedThings",
    Status.CANCELED: "numberOfCanceledThings",
}
_STATUSES = [status.value for status in Status]
_JOB_STATUSES = frozenset(status.value for status in JobStatus)
_SHOWN = 80
_LONGEST_TIMER_MIN = 10_000_000  # AWS takes a week's; so many are read without harm
_WHOLE_NUMBERS = {
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
}


def name_in_arn(operation: str, arn: Any) -> str:
    """The name in a thing's ARN; that it is of the right account and region is checked by the connection."""
    name = str(arn).partition(":thing/")[2]
    if not name:
        raise odd_answer(operation, f"names the thing {_shown(arn)}, which is no ARN of one")
    return name


def executions_columns(operation: str, rows: Sequence[Row]) -> pa.Table:
    """The rows of a listing as columns (LISTED). Raises IotJobsError that names the first odd row."""
    for job_id, thing_name, summary in rows:
        if why := _fault(job_id, thing_name, summary):
            number = _shown(summary.get("executionNumber")) if isinstance(summary, dict) else "?"
            raise odd_answer(
                operation, f"about job {_shown(job_id)}, thing {_shown(thing_name)}, number {number} {why}"
            )
    summaries = [summary for _, _, summary in rows]
    return raw_pages.listed(
        jobs=pa.array([job_id for job_id, _, _ in rows], pa.string()).dictionary_encode(),
        things=pa.array([thing_name for _, thing_name, _ in rows], pa.string()),
        numbers=pa.array([summary["executionNumber"] for summary in summaries], pa.int64()),
        statuses=pa.array([_STATUSES.index(summary["status"]) for summary in summaries], pa.int8()),
        seconds=[pa.array([summary.get(name) for summary in summaries], pa.float64()) for name in raw_pages.TIMES],
        retries=pa.array([summary.get("retryAttempt") for summary in summaries], pa.int64()),
    )


def executions_table(parts: Sequence[pa.Table]) -> pd.DataFrame:
    """Columns of executions (LISTED) as a table (EXECUTION_COLUMNS) in little memory.

    Numbers are as short as they can be, jobs and statuses are categories: `together` adds such tables, and `astype`
    makes the declared types of them.
    """
    listed = pa.concat_tables([raw_pages.LISTED.empty_table(), *parts], promote_options="none").unify_dictionaries()
    listed = listed.append_column("version_number", pa.nulls(len(listed), pa.int64()))
    for at, field in enumerate(listed.schema):
        if pa.types.is_int64(field.type):
            largest = pc.max(listed.column(at)).as_py() or 0
            short = next(each for each in _WHOLE_NUMBERS if largest < 1 << (each.bit_width - 1))
            listed = listed.set_column(at, field.name, listed.column(at).cast(short))
    executions: pd.DataFrame = listed.to_pandas(types_mapper=_WHOLE_NUMBERS.get)
    return executions


def execution(answer: Mapping[str, Any], *, job_id: str, thing: str, number: int | None) -> Execution:
    """What `DescribeJobExecution` of the control plane answers, compared with what was asked; None asks for the newest.

    Raises IotJobsError where the answer is about another execution or is not understood.
    """
    operation, found = "DescribeJobExecution", answer["execution"]
    told = name_in_arn(operation, found.get("thingArn"))
    answered = (found.get("jobId"), told, found.get("executionNumber"))
    about = _about(job_id, thing, "newest" if number is None else number)
    if answered[:2] != (job_id, thing) or number not in {None, answered[2]}:
        cached = "does something between here and AWS give old answers?"
        raise odd_answer(operation, f"{about} is {_about(*answered)}: {cached}")
    why = _fault(job_id, thing, found)
    if why is None and not _whole(found.get("versionNumber"), least=0):
        why = f"has {_shown(found.get('versionNumber'))} as its versionNumber"
    if why is not None:
        raise odd_answer(operation, f"{about} {why}")
    return Execution(
        key=ExecutionKey(job_id, thing, int(found["executionNumber"])),
        status=Status(found["status"]),
        queued_at=moment(found["queuedAt"]),
        version_number=found["versionNumber"],
        started_at=moment_or_none(found.get("startedAt")),
        last_updated_at=moment_or_none(found.get("lastUpdatedAt")),
        status_details=dict((found.get("statusDetails") or {}).get("detailsMap") or {}),
        raw=json.loads(json.dumps(found, default=str)),
    )


def on_control_plane(answer: Mapping[str, Any], thing_arn: str) -> dict[str, Any]:
    """What `DescribeJobExecution` of the device's plane answers, in the form of the control plane's.

    ``thing_arn``: of the thing asked for. An answer about another one keeps its name, which `execution` refuses.
    """
    found = dict(answer["execution"])
    if "thingArn" in found:
        return dict(answer)
    asked = name_in_arn("DescribeJobExecution", thing_arn)
    name = found.pop("thingName", None)
    found["thingArn"] = thing_arn if name == asked else f"{thing_arn.removesuffix(asked)}{name}"
    found["statusDetails"] = {"detailsMap": found.get("statusDetails") or {}}
    return {"execution": found}


def timer(answer: Mapping[str, Any], key: ExecutionKey) -> tuple[float | None, int | None]:
    """The seconds left of a timer and the version, from `DescribeJobExecution` of either plane, for the key asked.

    Raises IotJobsError where the answer is about another execution or is not understood.
    """
    operation, found = "DescribeJobExecution", answer["execution"]
    thing = found.get("thingName") or name_in_arn(operation, found.get("thingArn"))
    answered, asked = (found.get("jobId"), thing, found.get("executionNumber")), dataclasses.astuple(key)
    if answered != asked:
        raise odd_answer(operation, f"{_about(*asked)} is {_about(*answered)}")
    left, version = found.get("approximateSecondsBeforeTimedOut"), found.get("versionNumber")
    odd = not (left is None or (isinstance(left, int | float) and not isinstance(left, bool)))
    if odd or not (version is None or _whole(version, least=0)):
        raise odd_answer(operation, f"{_about(*asked)} has {_shown(left)} s left, version {_shown(version)}")
    return (left if left is not None and left >= 0 else None), version


def job_row(operation: str, job: Mapping[str, Any], *, described: bool, asked: str | None = None) -> dict[str, Any]:
    """A job of `DescribeJob` or `ListJobs` as a row of JOB_COLUMNS. Raises IotJobsError where it is not understood."""
    if not isinstance(job, Mapping):
        raise odd_answer(operation, f"has the job {_shown(job)}, which is none")
    job_id, status = job.get("jobId"), job.get("status")
    counts, timeout = job.get("jobProcessDetails") or {}, job.get("timeoutConfig") or {}
    times = {name: job.get(name) for name in ("createdAt", "lastUpdatedAt", "completedAt")}
    if not isinstance(job_id, str) or not JOB_ID.fullmatch(job_id):
        raise odd_answer(operation, f"has the job {_shown(job_id)}, which no job can be called")
    if asked not in {None, job_id}:
        raise odd_answer(operation, f"about job {asked} is about job {job_id}")
    if not isinstance(status, str) or status not in _JOB_STATUSES:
        raise odd_answer(operation, f"about job {job_id} has the status {_shown(status)}, which is not known")
    if odd := [name for name, is_understood in _JOB_CHECKS.items() if not is_understood(job.get(name))]:
        raise odd_answer(operation, f"about job {job_id} has {_shown(job[odd[0]])} as its {odd[0]}")
    if odd := [name for name in _COUNTS.values() if not _whole(counts.get(name) or 0, least=0)]:
        raise odd_answer(operation, f"about job {job_id} has {_shown(counts[odd[0]])} as {odd[0]}")
    return {
        "job_id": job_id,
        "status": status,
        "target_selection": job.get("targetSelection"),
        "created_at": moment_or_none(times["createdAt"]),
        "last_updated_at": moment_or_none(times["lastUpdatedAt"]),
        "completed_at": moment_or_none(times["completedAt"]),
        "described": described,
        "is_concurrent": job.get("isConcurrent"),
        # told where it is so (API: Job, forceCanceled), which no list does
        "force_canceled": bool(job.get("forceCanceled")) if described else None,
        "timeout_minutes": timeout.get("inProgressTimeoutInMinutes"),
        "scheduling": job.get("schedulingConfig") or {},
        "namespace_id": job.get("namespaceId"),
        "targets": job.get("targets") or [],
        "abort_config": job.get("abortConfig") or {},
        "retry_config": job.get("jobExecutionsRetryConfig") or {},
        "rollout_config": job.get("jobExecutionsRolloutConfig") or {},
        "description": job.get("description"),
        "comment": job.get("comment"),
        "reason_code": job.get("reasonCode"),
        **{status.value: counts.get(name) for status, name in _COUNTS.items()},
    }


def jobs_table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows of `job_row` as a table with JOB_COLUMNS."""
    return table(JOB_COLUMNS, {name: [row.get(name) for row in rows] for name in JOB_COLUMNS})


def moment(seconds: float) -> datetime:
    """Seconds since the epoch, as an answer has them, as a moment."""
    return datetime.fromtimestamp(seconds, tz=UTC)


def moment_or_none(seconds: float | None) -> datetime | None:
    """The same, of what may be missing."""
    return None if seconds is None else moment(seconds)


def odd_answer(operation: str, what: str) -> IotJobsError:
    """The error for an answer that must not be believed; `what` goes on after "the answer to OPERATION"."""
    return IotJobsError(
        f"the answer to {operation} {what}; nothing is concluded from it: is the endpoint really AWS, and is the kit "
        "up to date?"
    )


def _fault(job_id: Any, thing_name: Any, summary: Mapping[str, Any]) -> str | None:
    """What is odd about one execution of an answer, None when nothing is."""
    if not isinstance(job_id, str) or not JOB_ID.fullmatch(job_id):
        return "has a job's id that no job can have"
    if not isinstance(thing_name, str) or not THING_NAME.fullmatch(thing_name):
        return "has a thing's name that no thing can have"
    for name, is_understood in _CHECKS.items():
        if not is_understood(summary.get(name)):
            return f"has {_shown(summary.get(name))} as its {name}, which is not understood"
    return None


def _whole(value: Any, *, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= EXECUTION_NUMBER_MAX


def _is_moment(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < LATEST_S


def _is_moment_or_none(value: Any) -> bool:
    return value is None or _is_moment(value)


#: What each member of an execution must be.
_CHECKS: dict[str, Callable[[Any], bool]] = {
    "executionNumber": lambda value: _whole(value, least=1),
    "status": lambda value: isinstance(value, str) and value in _STATUSES,
    "queuedAt": _is_moment,
    "startedAt": _is_moment_or_none,
    "lastUpdatedAt": _is_moment_or_none,
    "retryAttempt": lambda value: value is None or _whole(value, least=0),
}


def _is_text_or_none(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _is_flag_or_none(value: Any) -> bool:
    return value is None or isinstance(value, bool)


def _is_list_of(kind: type, value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(each, kind) for each in value))


def _has_list(name: str, value: Any) -> bool:
    """Whether it is a configuration with a list of criteria, or windows, each of plain values."""
    if value is None or not isinstance(value, dict) or not _is_list_of(dict, value.get(name)):
        return value is None
    return not any(isinstance(part, dict | list) for each in value.get(name) or () for part in each.values())


def _is_timeout(value: Any) -> bool:
    if not isinstance(value, dict | None):
        return False
    minutes = (value or {}).get("inProgressTimeoutInMinutes")
    return minutes is None or (_whole(minutes, least=0) and minutes <= _LONGEST_TIMER_MIN)


#: What each member of a job must be, where it is there: a namespace that is not understood is not no namespace.
_JOB_CHECKS: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("createdAt", "lastUpdatedAt", "completedAt"), _is_moment_or_none),
    **dict.fromkeys(("namespaceId", "targetSelection", "description", "comment", "reasonCode"), _is_text_or_none),
    **dict.fromkeys(("isConcurrent", "forceCanceled"), _is_flag_or_none),
    "targets": lambda value: _is_list_of(str, value),
    "timeoutConfig": _is_timeout,
    "abortConfig": lambda value: _has_list("criteriaList", value),
    "jobExecutionsRetryConfig": lambda value: _has_list("criteriaList", value),
    "schedulingConfig": lambda value: _has_list("maintenanceWindows", value),
}


def _about(job_id: Any, thing_name: Any, number: Any) -> str:
    return f"about job {_shown(job_id)}, thing {_shown(thing_name)}, number {_shown(number)}"


def _shown(value: Any) -> str:
    """A value that was not expected, so that a terminal shows it as it is, and not without end."""
    text = value if isinstance(value, str) and THING_NAME.fullmatch(value) else ascii(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
