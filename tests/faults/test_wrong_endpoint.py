"""An endpoint that is none, is somebody else's, or is busy: said soon, said clearly, never taken for an empty fleet."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import iotjobs
from iotjobs.aws import connection as aws
from iotjobs.aws import executions as fetch
from iotjobs.aws import jobs
from iotjobs.errors import InvalidInput, IotJobsError
from iotjobs.model import ExecutionKey
from iotjobs.sandbox.fleet import Fleet
from tests.faults.harness.request_parsing import Call
from tests.faults.proxy import FaultyProxy

KEY = ExecutionKey("firmware-2-4-1", "pump-berlin-01", 1)


@pytest.mark.parametrize("url", ["garbage", "http://", "ftp://127.0.0.1", "http://a b", "http://127.0.0.1:99999"])
def test_what_is_no_url_is_bad_input(aged_fleet: Fleet, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    with pytest.raises(InvalidInput, match="AWS_ENDPOINT_URL"):
        aws.connect()


def test_where_nobody_listens_is_said_within_seconds(aged_fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    started = time.monotonic()
    with pytest.raises(IotJobsError, match="cannot be reached"):
        aws.connect()
    assert time.monotonic() - started < 8


def _through(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, fault: str, *operations: str, times: int = 99
) -> FaultyProxy:
    left = [times]

    def schedule(call: Call) -> str:
        if operations and call.operation not in operations:
            return ""
        left[0] -= 1
        return fault if left[0] >= 0 else ""

    proxy = FaultyProxy(fleet.server.endpoint_url, schedule)
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    return proxy


@pytest.mark.parametrize("fault", ["429", "throttled", "503_before"])
def test_a_busy_service_is_waited_for(aged_fleet: Fleet, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    with _through(aged_fleet, monkeypatch, fault, times=4):
        assert aws.connect().account == "000000000000"


@pytest.mark.parametrize(
    "operation",
    ["ListJobs", "ListJobExecutionsForJob", "ListJobExecutionsForThing", "DescribeJob", "DescribeJobExecution"],
)
def test_an_empty_answer_is_no_empty_fleet(aged_fleet: Fleet, monkeypatch: pytest.MonkeyPatch, operation: str) -> None:
    reads = {
        "ListJobs": jobs.list_jobs,
        "ListJobExecutionsForJob": lambda connection: fetch.job_executions(connection, KEY.job_id),
        "ListJobExecutionsForThing": lambda connection: fetch.thing_executions(connection, KEY.thing_name),
        "DescribeJob": lambda connection: jobs.describe_job(connection, KEY.job_id),
        "DescribeJobExecution": lambda connection: fetch.describe_execution(connection, KEY),
    }
    with _through(aged_fleet, monkeypatch, "does_nothing", operation), pytest.raises(IotJobsError, match="really AWS"):
        reads[operation](aws.connect())


@pytest.mark.parametrize("operation", ["DescribeJob", "ListJobExecutionsForThing"])
def test_a_plan_whose_consequences_cannot_be_read_is_no_plan(
    aged_fleet: Fleet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, operation: str
) -> None:
    with _through(aged_fleet, monkeypatch, "denied", operation):
        named = {"job_id": KEY.job_id, "thing_name": KEY.thing_name, "execution_number": 1}
        run = iotjobs.start("delete_job_execution", run_dir=str(tmp_path), force=True, **named)
        deletion = iotjobs.delete_job_execution(run)
        with pytest.raises(IotJobsError, match=f"iot:{operation}"):
            deletion.plan()
    assert run.outcome == "denied"
    assert deletion.current_plan is None


def test_a_finished_one_is_planned_without_reading_what_is_around_it(
    fresh_thing: tuple[Fleet, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fleet, thing = fresh_thing
    fleet.job("alone", things=[thing])
    fleet.report("alone", thing, "FAILED")
    with _through(fleet, monkeypatch, "denied", "DescribeJob", "ListJobExecutionsForThing"):
        run = iotjobs.start(
            "delete_job_execution", run_dir=str(tmp_path), job_id="alone", thing_name=thing, execution_number=1
        )
        iotjobs.delete_job_execution(run).plan()
    assert run.outcome == "planned"
