"""What lets a job hang again, and the change that prevents it: for the job as it is, and for the next one. Pure.

Sources: UpdateJob, CreateJob, CreateOTAUpdate and Greengrass's CreateDeployment in the API references; "How job
configurations work" in the developer guide: an in-progress timer holds for what starts after it was set, a rate for the
things that were there when the job was made, retries of TIMED_OUT need a timer. UpdateJob takes a job that is
IN_PROGRESS; it can set retries to 0 only, and knows no schedule (seen on the embedded service).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any, NamedTuple

import pandas as pd

from iotjobs.diagnosis import commands
from iotjobs.diagnosis.commands import Place
from iotjobs.diagnosis.evidence_text import duration_text
from iotjobs.diagnosis.service_owners import is_greengrass, is_ota_update, owner_of
from iotjobs.model import TERMINAL, Cause, JobStatus, Status
from iotjobs.plurals import agreeing, many

_LONGEST_TIMER_MIN = 7 * 1440  # API: TimeoutConfig
_LARGEST_RATE = 1000  # a minute; quota of AWS IoT Device Management
_FEW_THINGS = 10  # a job of no more needs no rate
_ABORT_PERCENT = 20
_RETRIES = 2
_START_AFTER, _END_AFTER = timedelta(days=1), timedelta(days=30)
#: What waits in a queue for its device, and for nothing that anybody else does.
_WAITS_FOR_DEVICE = (Cause.DEVICE_OFFLINE, Cause.NOT_PICKED_UP)
#: The members of CreateJob that UpdateJob takes as well, and can give another value than 0.
_UPDATABLE = ("timeoutConfig", "abortConfig", "jobExecutionsRolloutConfig")
_OF_AN_OTA_UPDATE = {
    "timeoutConfig": "awsJobTimeoutConfig",
    "abortConfig": "awsJobAbortConfig",
    "jobExecutionsRolloutConfig": "awsJobExecutionsRolloutConfig",
}


@dataclass(frozen=True, slots=True)
class Prevention:
    """Why one job can hang again, and what prevents it.

    ``stuck``: how many of its executions are. ``why``: what it lacks, a sentence each, worst first. ``update``: the
    command that changes the job itself, empty where there is none, and ``remarks`` what that does and what not.
    ``next_job``: what belongs into the request that makes the next such job, as JSON, and ``request`` which that is.
    """

    job_id: str
    stuck: int
    why: tuple[str, ...]
    update: str
    remarks: tuple[str, ...]
    request: str
    next_job: str


@dataclass(frozen=True, slots=True)
class Preventions:
    """The jobs that can hang again, those with most stuck first; ``unread``: jobs whose settings were not read."""

    jobs: tuple[Prevention, ...]
    unread: tuple[str, ...]


class _Lack(NamedTuple):
    """Something that a job lacks: why that matters, the member of CreateJob, and the value that it should have.

    ``member`` is None where no setting helps, but another way to deal with the job.
    """

    why: str
    member: str | None = None
    value: dict[str, Any] | None = None


class _Unfinished(NamedTuple):
    status: str
    stuck: bool
    cause: str


@dataclass(frozen=True, slots=True)
class _Job:
    """A job's row of `Findings.jobs` with its executions: the unfinished ones, and all that were read."""

    row: Mapping[Any, Any]
    unfinished: Sequence[_Unfinished]
    longest_s: float | None  # of those that succeeded

    def counted(self, *statuses: Status) -> int | None:
        """How many executions the job itself counts in these states; None where it does not say."""
        counts = [self.row[status.value] for status in statuses]
        return None if any(pd.isna(count) for count in counts) else int(sum(counts))

    @property
    def running(self) -> list[_Unfinished]:
        return [each for each in self.unfinished if each.status == Status.IN_PROGRESS]

    @property
    def has_timer(self) -> bool:
        return not pd.isna(self.row["timeout_minutes"])


def preventions(
    jobs: pd.DataFrame,
    *,
    queues: pd.DataFrame,
    executions: pd.DataFrame,
    stuck_after: timedelta,
    as_of: datetime,
    place: Place,
) -> Preventions:
    """Say of each job that goes on, or has something stuck, whether it can hang again.

    The tables are those of `Findings`. Nothing is said of a job that was not described: its settings are not known.
    """
    rows = [row for row in jobs.to_dict("records") if _matters(row)]
    described = [row for row in rows if row["described"] is True]
    lacking = []
    unfinished, longest_s = _unfinished_by_job(queues), _longest_s_by_job(executions)
    for row in described:
        job = _Job(row, unfinished.get(row["job_id"], ()), longest_s.get(row["job_id"]))
        lacks = tuple(_lacks(job, stuck_after=stuck_after, as_of=as_of))
        if lacks:
            lacking.append(_prevention(job, lacks, place))
    lacking.sort(key=lambda one: (-one.stuck, -len(one.why), one.job_id))
    unread = tuple(str(row["job_id"]) for row in rows if row["described"] is not True)
    return Preventions(tuple(lacking), unread)


def _unfinished_by_job(queues: pd.DataFrame) -> dict[str, list[_Unfinished]]:
    by_job: dict[str, list[_Unfinished]] = {}
    columns = queues["job_id"], queues["status"], queues["stuck"].fillna(value=False).astype(bool), queues["cause"]
    for job_id, *values in zip(*columns, strict=True):
        by_job.setdefault(str(job_id), []).append(_Unfinished(*values))
    return by_job


def _longest_s_by_job(executions: pd.DataFrame) -> dict[str, float]:
    done = executions[executions["status"] == Status.SUCCEEDED]
    took_s = (done["last_updated_at"] - done["started_at"]).dt.total_seconds()
    longest = took_s.dropna().groupby(done["job_id"].astype("str")).max()
    return {str(job_id): float(seconds) for job_id, seconds in longest.items()}


def _matters(row: Mapping[Any, Any]) -> bool:
    return row["stuck"] > 0 or row["status"] in {JobStatus.IN_PROGRESS, JobStatus.SCHEDULED}


def _lacks(job: _Job, *, stuck_after: timedelta, as_of: datetime) -> Iterator[_Lack]:
    if not job.has_timer:
        yield _timer(job, stuck_after)
    yield from _cancel(job)
    yield from _end(job, as_of)
    yield from _retries(job)
    yield from _abort(job)
    yield from _rate(job)


def _timer(job: _Job, stuck_after: timedelta) -> _Lack:
    stuck = sum(each.stuck for each in job.running)
    by_device = sum(each.cause == Cause.TIMEOUT_PENDING for each in job.running)
    why = "no in-progress timer: a device that stops half-way holds back its whole queue, and nothing ends that"
    if job.row["target_selection"] == "CONTINUOUS":
        why += "; a continuous job goes on so with every thing that joins"
    if stuck:
        why += f"; {many(stuck, 'execution')} {agreeing(stuck, 'hangs', 'hang')} in it now"
    if by_device:
        why += f"; {by_device} of its executions {agreeing(by_device, 'has', 'have')} a step timer of the device's own"
    minutes, basis = _timer_minutes(job.longest_s, stuck_after)
    return _Lack(f"{why}. Suggested: {basis}", "timeoutConfig", {"inProgressTimeoutInMinutes": minutes})


def _timer_minutes(longest_s: float | None, stuck_after: timedelta) -> tuple[int, str]:
    least = ceil(stuck_after.total_seconds() / 60)
    if longest_s is None or 2 * longest_s / 60 <= least:
        minutes, basis = least, "after which an execution counts as stuck here"
    else:
        minutes = ceil(2 * longest_s / 60)
        basis = f"twice the {duration_text(longest_s)} of the longest that succeeded"
    minutes = min(max(minutes, 1), _LONGEST_TIMER_MIN)
    return minutes, f"{duration_text(minutes * 60)}, {basis}; never less than the work takes"


def _cancel(job: _Job) -> Iterator[_Lack]:
    left = sum(each.cause == Cause.ORPHANED for each in job.unfinished)
    if left and job.row["status"] == JobStatus.CANCELED:
        why = (
            f"cancelled without force: {left} IN_PROGRESS {agreeing(left, 'goes', 'go')} on all the same; a timer ends"
        )
        yield _Lack(f"{why} that, or a cancel with force, after which the device can no longer report")


def _end(job: _Job, as_of: datetime) -> Iterator[_Lack]:
    scheduling = job.row["scheduling"] or {}
    waiting = sum(each.status == Status.QUEUED and each.cause in _WAITS_FOR_DEVICE for each in job.unfinished)
    if waiting and not scheduling.get("endTime"):
        why = f"no end time: {waiting} QUEUED {agreeing(waiting, 'waits', 'wait')} for the device without end"
        times = {"endTime": as_of + _END_AFTER}
        if scheduling.get("startTime"):  # AWS takes none that is past
            times = {"startTime": as_of + _START_AFTER, **times}
        texts = {name: f"{moment:%Y-%m-%dT%H:%M}" for name, moment in times.items()}
        yield _Lack(why, "schedulingConfig", {**scheduling, **texts, "endBehavior": "CANCEL"})


def _retries(job: _Job) -> Iterator[_Lack]:
    retried = {criterion.get("failureType") for criterion in _criteria(job.row["retry_config"])}
    value = {"criteriaList": [{"failureType": "TIMED_OUT", "numberOfRetries": _RETRIES}]}
    if not retried:
        yield _Lack("no retries: what times out or fails stays undone", "jobExecutionsRetryConfig", value)
    elif not job.has_timer and retried & {"TIMED_OUT", "ALL"}:
        why = "it retries what times out, and without a timer nothing does"
        yield _Lack(why, "jobExecutionsRetryConfig", dict(job.row["retry_config"]))


def _abort(job: _Job) -> Iterator[_Lack]:
    total = job.counted(*Status)
    if _criteria(job.row["abort_config"]) or (total is not None and total <= 1):
        return
    criterion = {
        "failureType": "ALL",
        "action": "CANCEL",
        "thresholdPercentage": float(_ABORT_PERCENT),
        "minNumberOfExecutedThings": _least_executed(total),
    }
    why = "no abort criteria: where it goes wrong it goes on to every thing"
    yield _Lack(why, "abortConfig", {"criteriaList": [criterion]})


def _least_executed(total: int | None) -> int:
    return 10 if total is None else min(10, ceil(total / 2))


def _rate(job: _Job) -> Iterator[_Lack]:
    total, rollout = job.counted(*Status), job.row["rollout_config"] or {}
    most = rollout.get("maximumPerMinute")
    if total is None or total <= _FEW_THINGS or rollout.get("exponentialRate") or (most and most < total):
        return
    why = f"no rollout rate: all {total} could start within a minute, before the first had shown that it works"
    base = min(ceil(total / 20), _LARGEST_RATE)
    rate = {
        "baseRatePerMinute": base,
        "incrementFactor": 2.0,
        "rateIncreaseCriteria": {"numberOfSucceededThings": base},
    }
    yield _Lack(
        why, "jobExecutionsRolloutConfig", {"maximumPerMinute": min(total, _LARGEST_RATE), "exponentialRate": rate}
    )


def _criteria(config: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    return list((config or {}).get("criteriaList") or [])


def _prevention(job: _Job, lacks: tuple[_Lack, ...], place: Place) -> Prevention:
    job_id = str(job.row["job_id"])
    members = {lack.member: lack.value for lack in lacks if lack.member is not None}
    owner = owner_of(job_id, job.row["namespace_id"])
    request, next_job = _next_job(job, members)
    update, remarks = ("", (f"it belongs to {owner}",)) if owner else _update(job, members, place)
    return Prevention(
        job_id=job_id,
        stuck=int(job.row["stuck"]),
        why=tuple(lack.why for lack in lacks),
        update=update,
        remarks=remarks,
        request=request,
        next_job=json.dumps(next_job, indent=2) if next_job else "",
    )


def _update(job: _Job, members: Mapping[str, Any], place: Place) -> tuple[str, tuple[str, ...]]:
    """The command that changes the job, and what there is to know of it."""
    if job.row["status"] not in {JobStatus.IN_PROGRESS, JobStatus.SCHEDULED}:
        return "", (f"the job is {job.row['status']} and cannot be changed any more",)
    changes, remarks = {name: members[name] for name in _UPDATABLE if name in members}, []
    if "jobExecutionsRolloutConfig" in changes and job.row["is_concurrent"] is not True:
        del changes["jobExecutionsRolloutConfig"]  # its rollout is over, or that is not known
    if "abortConfig" in changes and (failed := _aborts_at_once(job, changes["abortConfig"])):
        del changes["abortConfig"]
        remarks.append(f"abort criteria are left out: {failed}, so AWS would cancel the job at once")
    running = len(job.running)
    if "timeoutConfig" in changes and running:
        keeps = agreeing(running, "keeps", "keep")
        remarks.append(f"the timer holds for what starts after it: {running} in progress {keeps} going without it")
    if not changes:
        return "", (*remarks, "nothing of it can be changed in the job that runs")
    if job.row["status"] == JobStatus.SCHEDULED:
        remarks.append("AWS takes it once the job is IN_PROGRESS; now it is SCHEDULED")
    namespace = job.row["namespace_id"]
    command = commands.aws(
        place,
        "iot",
        "update-job",
        job_id=str(job.row["job_id"]),
        namespace_id=namespace if isinstance(namespace, str) and namespace else None,
        timeout_config=_json(changes.get("timeoutConfig")),
        abort_config=_json(changes.get("abortConfig")),
        job_executions_rollout_config=_json(changes.get("jobExecutionsRolloutConfig")),
    )
    return command, tuple(remarks)


def _aborts_at_once(job: _Job, abort: Mapping[str, Any]) -> str:
    """How many of those that ended have failed, where the criteria hold already; empty where they do not."""
    ended, failed = job.counted(*TERMINAL), job.counted(Status.FAILED, Status.REJECTED, Status.TIMED_OUT)
    if ended is None or failed is None:
        return "it is not known how many have failed already"
    criterion = abort["criteriaList"][0]
    enough = ended >= criterion["minNumberOfExecutedThings"]
    if enough and 100 * failed >= criterion["thresholdPercentage"] * ended:
        return f"{failed} of the {ended} that ended have failed"
    return ""


def _next_job(job: _Job, members: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The request that makes the next such job, and what belongs into it; nothing for a service that is not known."""
    job_id, namespace = str(job.row["job_id"]), job.row["namespace_id"]
    if "jobExecutionsRetryConfig" in members and job.has_timer:  # retries of what times out need it there as well
        members = {"timeoutConfig": {"inProgressTimeoutInMinutes": int(job.row["timeout_minutes"])}, **members}
    shared = {name: members[name] for name in _UPDATABLE if name in members}
    if is_ota_update(job_id, namespace):
        if "abortConfig" in shared:
            shared["abortConfig"] = {"abortCriteriaList": shared["abortConfig"]["criteriaList"]}
        return "aws iot create-ota-update", {_OF_AN_OTA_UPDATE[name]: value for name, value in shared.items()}
    if is_greengrass(job_id, namespace):
        return "aws greengrassv2 create-deployment", {"iotJobConfiguration": shared} if shared else {}
    if owner_of(job_id, namespace):
        return "", {}
    return "aws iot create-job", dict(members)


def _json(value: dict[str, Any] | None) -> str | None:
    return None if value is None else json.dumps(value)
