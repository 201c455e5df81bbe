"""The command with which a person sees for themselves what the evidence of a row says. Pure."""

from __future__ import annotations

import pandas as pd

from iotjobs.model import Cause
from iotjobs.snapshot import Evidence

_EXECUTION = (
    "aws iot describe-job-execution --job-id {job_id} --thing-name {thing_name} --execution-number {execution_number}"
)
_TIMER = (
    "aws iot-jobs-data describe-job-execution --job-id {job_id} --thing-name {thing_name} "
    "--execution-number {execution_number}"
)
_THING = "aws iot describe-thing --thing-name {thing_name}"
_JOB = "aws iot describe-job --job-id {job_id} --query job.status"
_SCHEDULE = "aws iot describe-job --job-id {job_id} --query job.schedulingConfig"
_QUEUE = "aws iot list-job-executions-for-thing --thing-name {thing_name}"
_CONNECTIVITY = "aws iot search-index --query-string 'thingName:\"{thing_name}\"' --query 'things[].connectivity'"
_ORDER = "aws iot-jobs-data get-pending-job-executions --thing-name {thing_name}"

_OF_CAUSE = {
    Cause.THING_GONE: _THING,
    Cause.ORPHANED: _JOB,
    Cause.RETRYING: _QUEUE,
    Cause.FRESH: _EXECUTION,
    Cause.WAITING_WINDOW: _SCHEDULE,
    Cause.TIMEOUT_PENDING: _TIMER,
    Cause.DEVICE_OFFLINE: _CONNECTIVITY,
    Cause.STALLED: _CONNECTIVITY,
    Cause.BLOCKED: _QUEUE,
    Cause.WAITING_TURN: _QUEUE,
    Cause.NOT_PICKED_UP: _CONNECTIVITY,
}
_OF_MISSING = {
    Evidence.REGISTRATION: _THING,
    Evidence.JOB_STATUS: _JOB,
    Evidence.SCHEDULE: _SCHEDULE,
    Evidence.TIMER: _TIMER,
    Evidence.CONNECTIVITY: _CONNECTIVITY,
    Evidence.QUEUE: _QUEUE,
    Evidence.ORDER: _ORDER,
}


def commands(table: pd.DataFrame) -> pd.Series:
    """The AWS CLI command that verifies each row of a diagnosed queue table (see `diagnose.diagnose_queues`).

    Names hold no character that a shell would take for its own: see the patterns in `domain`.
    """
    patterns = {cause.value: pattern for cause, pattern in _OF_CAUSE.items()}
    missing = {evidence.value: pattern for evidence, pattern in _OF_MISSING.items()}
    columns = (table[name] for name in ("cause", "why_unknown", "job_id", "thing_name", "execution_number"))
    made = [
        (patterns.get(cause) or missing.get(why, _EXECUTION)).format(
            job_id=job_id, thing_name=thing_name, execution_number=number
        )
        for cause, why, job_id, thing_name, number in zip(*columns, strict=True)
    ]
    return pd.Series(made, index=table.index, dtype="str")
