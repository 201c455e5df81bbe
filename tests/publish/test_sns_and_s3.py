"""A summary goes to an SNS topic, and a finished run directory to S3: on the embedded service."""

from __future__ import annotations

import json
from pathlib import Path

import boto3
import pytest
from click.testing import CliRunner

from iotjobs.publish.command import publish
from iotjobs.sandbox.server import Server

RESULT = {
    "schema": 1,
    "notebook": "fleet_sweep",
    "outcome": "partial",
    "reason": "3 of 4 targets done",
    "account": None,
    "region": None,
    "started_at": "2026-11-20T06:00:00Z",
    "finished_at": "2026-11-20T06:01:00Z",
    "parameters": {"ticket": "parameter-that-stays"},
    "counts": {"targets": 4, "targets_failed": 1, "deleted": 3},
    "refusals": [],
}


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    path = tmp_path / "one"
    (path / "targets" / "north").mkdir(parents=True)
    (path / "result.json").write_text(json.dumps(RESULT))
    (path / "targets" / "north" / "journal.jsonl").write_text("{}\n")
    (path / "elsewhere").symlink_to("/etc/hostname")
    return path


def test_a_topic_gets_the_summary_and_no_parameter(sandbox: Server, run_dir: Path) -> None:
    sns, sqs = (boto3.client(name, endpoint_url=sandbox.endpoint_url) for name in ("sns", "sqs"))
    topic = sns.create_topic(Name="iotjobs")["TopicArn"]
    queue = sqs.create_queue(QueueName="alarms")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    result = CliRunner().invoke(publish, [str(run_dir), "--sns-topic", topic], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    (message,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
    body = json.loads(message["Body"])
    assert (body["Subject"], body["Message"]) == (
        "iotjobs fleet_sweep: partial",
        "iotjobs fleet_sweep: partial. 3 of 4 targets done",
    )


def test_a_finished_run_directory_is_copied_without_what_a_link_leads_to(sandbox: Server, run_dir: Path) -> None:
    s3 = boto3.client("s3", endpoint_url=sandbox.endpoint_url)
    bucket = "iotjobs-runs"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    result = CliRunner().invoke(publish, [str(run_dir), "--s3", f"s3://{bucket}/runs"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    copies = sorted(each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"])
    assert copies == ["runs/one/result.json", "runs/one/targets/north/journal.jsonl"]
    copied = s3.get_object(Bucket=bucket, Key="runs/one/result.json")["Body"].read()
    assert copied == (run_dir / "result.json").read_bytes()


def test_what_cannot_be_copied_is_an_error_that_names_the_bucket(sandbox: Server, run_dir: Path) -> None:
    result = CliRunner().invoke(publish, [str(run_dir), "--s3", "s3://there-is-none"])
    assert (result.exit_code, "there-is-none" in result.output) == (1, True), result.output
    assert "not found" in result.output
    assert "proxy" not in result.output
