"""`iotjobs run sweep` and plain papermill: planned, confirmed, unattended, and one run at a time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from iotjobs.run.directory import RunDirectory
from iotjobs.run.notebooks import notebooks
from iotjobs.sandbox.fleet import Fleet
from tests.notebooks import shell


@pytest.fixture
def failed_job(aged_fleet: Fleet, request: pytest.FixtureRequest) -> str:
    """A job of the test's own with two failed executions and one that succeeded."""
    job_id = request.node.name.replace("test_", "")[:50]
    things = [f"{job_id}-{number}" for number in range(3)]
    with aged_fleet.ago(days=50):
        for name in things:
            aged_fleet.iot.create_thing(thingName=name)
        aged_fleet.job(job_id, things=things)
    with aged_fleet.ago(days=49):
        for name, status in zip(things, ("FAILED", "FAILED", "SUCCEEDED"), strict=True):
            aged_fleet.report(job_id, name, status)
    return job_id


def _left(fleet: Fleet, job_id: str) -> list[str]:
    listed = fleet.iot.list_job_executions_for_job(jobId=job_id)["executionSummaries"]
    return sorted(one["jobExecutionSummary"]["status"] for one in listed)


def test_planned_by_one_and_applied_by_another(aged_fleet: Fleet, tmp_path: Path, failed_job: str) -> None:
    rule = ["sweep", "--job-id", failed_job, "--statuses", "FAILED", "--max-fraction", "0.7"]
    code, planned, printed = shell.run(tmp_path / "plan", *rule)
    assert (code, planned["outcome"]) == (0, "planned")
    assert f"--confirm '{planned['confirm']}'" in printed
    plan = ["sweep", "--plan-file", str(tmp_path / "plan" / "plan.json"), "--confirm", planned["confirm"]]
    code, applied, _ = shell.run(tmp_path / "apply", *plan)
    assert (code, applied["outcome"], applied["counts"]["deleted"]) == (0, "applied", 2)
    assert _left(aged_fleet, failed_job) == ["SUCCEEDED"]
    assert (tmp_path / "apply" / "report.html").exists()


def test_unattended_wants_its_caps_said_even_where_they_are_the_defaults(
    aged_fleet: Fleet, tmp_path: Path, failed_job: str
) -> None:
    rule = ["sweep", "--job-id", failed_job, "--statuses", "FAILED", "--unattended", "--max-fraction", "1"]
    code, refused, _ = shell.run(tmp_path / "silent", *rule)
    assert (code, refused["refusals"][0]["guard"]) == (5, "unattended_needs_caps")
    assert len(_left(aged_fleet, failed_job)) == 3


def test_papermill_runs_it_unattended_just_as_well(aged_fleet: Fleet, tmp_path: Path, failed_job: str) -> None:
    parameters = {"unattended": "True", "max_deletes": "25", "max_fraction": "1.0"}
    options = [word for name, value in parameters.items() for word in ("-p", name, value)]
    text = {"job_id": failed_job, "statuses": "FAILED", "run_dir": str(tmp_path / "run")}
    options += [word for name, value in text.items() for word in ("-r", name, value)]
    command = [sys.executable, "-m", "papermill", str(notebooks()["sweep"]), "out.ipynb", *options]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert shell.result(tmp_path / "run")["outcome"] == "applied"
    assert _left(aged_fleet, failed_job) == ["SUCCEEDED"]


def test_a_second_run_on_a_directory_at_work_is_refused_and_touches_nothing(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "run")
    directory.path.mkdir()
    directory.take()
    (directory.path / "result.json").write_text(json.dumps({"outcome": "the first run's"}))
    try:
        code, result, printed = shell.run(directory.path, "sweep", "--statuses", "FAILED")
    finally:
        directory.leave()
    assert (code, result) == (5, {"outcome": "the first run's"})
    assert "another run is at work" in printed
    assert not (directory.path / "sweep.ipynb").exists()
