"""Answers lost before and after the service acted: deleted once, never twice, and on record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import iotjobs
from iotjobs.sandbox.fleet import Fleet
from iotjobs.workflows.delete import Deletion
from tests.faults.harness.crash_injection import in_no_time
from tests.faults.harness.http_proxy import HttpProxy, in_order


@pytest.fixture(autouse=True)
def short_pauses() -> Iterator[None]:
    with in_no_time():
        yield


def _planned(directory: Path, job_id: str, thing: str, **more: object) -> Deletion:
    run = iotjobs.start(
        "delete_job_execution", run_dir=str(directory), job_id=job_id, thing_name=thing, execution_number=1, **more
    )
    return iotjobs.delete_job_execution(run).plan()


@pytest.mark.parametrize(
    "faults",
    [
        ["request_lost"],
        ["response_lost"],
        ["internal_error"],
        ["internal_error_after"],
        ["too_many_requests"],
        ["throttled"],
        ["asked_to_wait"],
        ["reset_in_the_body"],
        ["cut_short"],
        ["unavailable_after"],
        ["too_many_requests", "too_many_requests", "response_lost"],
        ["request_lost", "internal_error", "too_many_requests", "internal_error_after"],
    ],
    ids="-".join,
)
@pytest.mark.parametrize("status", ["FAILED", "IN_PROGRESS"])
def test_deleted_exactly_once(
    fresh_thing: tuple[Fleet, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, faults: list[str], status: str
) -> None:
    fleet, thing = fresh_thing
    job_id = f"faults-{abs(hash(thing))}"
    with fleet.ago(days=4):
        fleet.job(job_id, things=[thing])
        fleet.report(job_id, thing, status)
    with HttpProxy(fleet.server.endpoint_url, in_order(faults)) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        live = status == "IN_PROGRESS"
        deletion = _planned(tmp_path, job_id, thing, force=live, cancel_first=live)
        assert deletion.current_plan is not None
        deletion.apply(deletion.current_plan.phrase)
        again = _planned(tmp_path, job_id, thing, force=live).apply(deletion.current_plan.phrase)
        assert again.run.outcome == "applied"
    assert proxy.acted == ["CancelJobExecution"] * live + ["DeleteJobExecution"]
    lines = [json.loads(line) for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
    not_sent = sum("not sent" in line.get("why", "") for line in lines)  # its turn came when the look was too old
    assert lines[-1]["event"] == "verified"
    assert (
        sum(line["event"] == "calling" for line in lines) - not_sent == proxy.changing_calls
    )  # boto3 sends none again by itself


def test_a_service_that_never_accepts_ends_as_an_error_with_nothing_done(
    fresh_thing: tuple[Fleet, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet, thing = fresh_thing
    with fleet.ago(days=4):
        fleet.job("never-accepts", things=[thing])
        fleet.report("never-accepts", thing, "FAILED")
    with HttpProxy(fleet.server.endpoint_url, in_order(["too_many_requests"] * 50)) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        deletion = _planned(tmp_path, "never-accepts", thing)
        assert deletion.current_plan is not None
        run = deletion.apply(deletion.current_plan.phrase).run
        assert (run.outcome, "not accepted in 6 tries" in run.reason) == ("error", True)
    assert proxy.acted == []
