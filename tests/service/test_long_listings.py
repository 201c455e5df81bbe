"""A listing read the quick way is the listing that plain boto3 reads."""

from __future__ import annotations

from typing import Any

import boto3
import pandas as pd

from iotjobs.aws import executions as fetch
from iotjobs.aws.connect import connect
from iotjobs.model import ExecutionKey
from iotjobs.sandbox.fleet import Fleet


def test_a_job_is_read_as_plain_boto3_reads_it(aged_fleet: Fleet) -> None:
    ours = fetch.job_executions(connect(), "firmware-2-4-1")
    answer = boto3.Session().client("iot").list_job_executions_for_job(jobId="firmware-2-4-1", maxResults=250)
    theirs = pd.DataFrame(
        [
            {"thing_name": item["thingArn"].rpartition("/")[2], **item["jobExecutionSummary"]}
            for item in answer["executionSummaries"]
        ]
    )
    assert len(ours) == len(theirs) > 10
    for mine, name in {
        "thing_name": "thing_name",
        "execution_number": "executionNumber",
        "status": "status",
        "queued_at": "queuedAt",
        "started_at": "startedAt",
        "last_updated_at": "lastUpdatedAt",
        "retry_attempt": "retryAttempt",
    }.items():
        assert ours[mine].astype(object).where(ours[mine].notna(), None).tolist() == (
            theirs[name].astype(object).where(theirs[name].notna(), None).tolist()
        ), mine


def test_the_moment_in_a_list_is_the_moment_in_the_description(aged_fleet: Fleet) -> None:
    connection = connect()
    listed = fetch.job_executions(connection, "firmware-2-4-1")
    row: Any
    for row in listed.head(5).itertuples():
        key = ExecutionKey(row.job_id, row.thing_name, int(row.execution_number))
        described = fetch.describe_execution(connection, key)
        assert (row.queued_at, row.started_at if pd.notna(row.started_at) else None) == (
            described.queued_at,
            described.started_at,
        )
