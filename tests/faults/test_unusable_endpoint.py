"""An endpoint that is none, is somebody else's, or is busy: said soon, said clearly, never taken for an empty fleet."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import iotjobs
from iotjobs.aws.connect import connect
from iotjobs.errors import InvalidInput, IotJobsError
from iotjobs.model import ExecutionKey
from iotjobs.sandbox.fleet import Fleet
from tests.faults.harness.http_proxy import FaultOf, HttpProxy, on

KEY = ExecutionKey("firmware-2-4-1", "pump-berlin-01", 1)


def _proxy(fleet: Fleet, monkeypatch: pytest.MonkeyPatch, fault_of: FaultOf) -> HttpProxy:
    proxy = HttpProxy(fleet.server.endpoint_url, fault_of)
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    return proxy


@pytest.mark.parametrize("url", ["garbage", "http://", "ftp://127.0.0.1", "http://a b", "http://127.0.0.1:99999"])
def test_what_is_no_url_is_bad_input(aged_fleet: Fleet, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    with pytest.raises(InvalidInput, match="AWS_ENDPOINT_URL"):
        connect()


def test_where_nobody_listens_is_said_within_seconds(aged_fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    started = time.monotonic()
    with pytest.raises(IotJobsError, match="cannot be reached"):
        connect()
    assert time.monotonic() - started < 8


@pytest.mark.parametrize("fault", ["too_many_requests", "throttled", "unavailable"])
def test_a_busy_service_is_waited_for(aged_fleet: Fleet, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    with _proxy(aged_fleet, monkeypatch, lambda call: fault if call.number <= 4 else ""):
        assert connect().account == "000000000000"


def test_a_plan_whose_consequences_cannot_be_read_is_no_plan(
    aged_fleet: Fleet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    operation = "ListJobExecutionsForThing"
    with _proxy(aged_fleet, monkeypatch, on("denied", operation)):
        names = {"job_id": KEY.job_id, "thing_name": KEY.thing_name, "execution_number": 1}
        run = iotjobs.start("delete_job_execution", run_dir=str(tmp_path), force=True, **names)
        deletion = iotjobs.delete_job_execution(run)
        with pytest.raises(IotJobsError, match=f"iot:{operation}"):
            deletion.plan()
    assert run.outcome == "denied"
    assert deletion.current_plan is None


@pytest.mark.parametrize(
    ("operation", "outcome"), [("ListJobExecutionsForThing", "planned"), ("DescribeJob", "refused")]
)
def test_a_finished_one_is_planned_without_its_queue_but_not_without_its_owner(
    fresh_thing: tuple[Fleet, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, operation: str, outcome: str
) -> None:
    fleet, thing = fresh_thing
    fleet.job(f"alone-{outcome}", things=[thing])
    fleet.report(f"alone-{outcome}", thing, "FAILED")
    with _proxy(fleet, monkeypatch, on("denied", operation)):
        run = iotjobs.start(
            "delete_job_execution",
            run_dir=str(tmp_path),
            job_id=f"alone-{outcome}",
            thing_name=thing,
            execution_number=1,
        )
        iotjobs.delete_job_execution(run).plan()
    assert run.outcome == outcome
