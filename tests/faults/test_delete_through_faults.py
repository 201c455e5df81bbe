"""Answers lost before and after the service acted: deleted once, never twice, and on record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import iotjobs
from iotjobs.deletion import executor as apply
from iotjobs.errors import IotJobsError
from iotjobs.sandbox.fleet import Fleet
from iotjobs.workflows.delete import Deletion
from tests.faults.proxy import FaultyProxy


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply, "_FIRST_PAUSE_S", 0.01)


def _planned(directory: Path, job_id: str, thing: str, **more: object) -> Deletion:
    run = iotjobs.start(
        "delete_job_execution", run_dir=str(directory), job_id=job_id, thing_name=thing, execution_number=1, **more
    )
    return iotjobs.delete_job_execution(run).plan()


@pytest.mark.parametrize(
    "faults",
    [
        ["lost_before"],
        ["lost_after"],
        ["500_before"],
        ["500_after"],
        ["429"],
        ["throttled"],
        ["429_asks_to_wait"],
        ["reset_in_the_body"],
        ["truncated"],
        ["503_after"],
        ["429", "429", "lost_after"],
        ["lost_before", "500_before", "429", "500_after"],
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
    with FaultyProxy(fleet.server.endpoint_url, faults) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        live = status == "IN_PROGRESS"
        deletion = _planned(tmp_path, job_id, thing, force=live, cancel_first=live)
        assert deletion.current_plan is not None
        deletion.apply(deletion.current_plan.phrase)
        again = _planned(tmp_path, job_id, thing, force=live).apply(deletion.current_plan.phrase)
        assert again.run.outcome == "applied"
    assert [call.split()[0] for call in proxy.acted] == (["PUT"] if live else []) + ["DELETE"]
    events = [json.loads(line)["event"] for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
    assert events[-1] == "verified"
    assert events.count("calling") == proxy.sent  # boto3 sends none again by itself


def test_a_service_that_never_accepts_ends_as_an_error_with_nothing_done(
    fresh_thing: tuple[Fleet, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet, thing = fresh_thing
    with fleet.ago(days=4):
        fleet.job("never-accepts", things=[thing])
        fleet.report("never-accepts", thing, "FAILED")
    with FaultyProxy(fleet.server.endpoint_url, ["429"] * 50) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        deletion = _planned(tmp_path, "never-accepts", thing)
        assert deletion.current_plan is not None
        with pytest.raises(IotJobsError, match="not accepted in 6 tries"):
            deletion.apply(deletion.current_plan.phrase)
    assert proxy.acted == []
