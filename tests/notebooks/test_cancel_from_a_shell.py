"""`iotjobs run cancel_job_execution` and plain papermill on the service: a plan, then the cancel, and its exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from iotjobs.model import utc_text
from iotjobs.run.notebooks import notebooks
from iotjobs.sandbox.fleet import Fleet
from tests.notebooks import shell

CANCEL = "cancel_job_execution"


def _queued(fleet: Fleet, name: str) -> str:
    with fleet.ago(days=9):
        fleet.iot.create_thing(thingName=name)
        fleet.job(name, things=[name])
    return name


def test_planned_then_cancelled(aged_fleet: Fleet, tmp_path: Path) -> None:
    name = _queued(aged_fleet, "shell-cancel")
    asked = [CANCEL, "--job-id", name, "--thing-name", name, "--expected-version", "1"]
    code, result, _ = shell.run(tmp_path / "run", *asked)
    assert (code, result["outcome"]) == (0, "planned")
    code, result, _ = shell.run(tmp_path / "run", *asked, "--confirm", result["confirm"])
    assert (code, result["outcome"], result["counts"]["cancelled"]) == (0, "applied", 1)
    assert (tmp_path / "run" / "report.html").exists()


def test_plain_papermill_works_as_well(aged_fleet: Fleet, tmp_path: Path) -> None:
    name = _queued(aged_fleet, "papermill-cancel")
    command = [sys.executable, "-m", "papermill", str(notebooks()[CANCEL]), "out.ipynb", "--no-progress-bar"]
    command += ["-p", "job_id", name, "-p", "thing_name", name, "-p", "run_dir", "run"]
    answer = aged_fleet.iot.describe_job_execution(jobId=name, thingName=name)["execution"]
    phrase = f"cancel {name}/{name}/1 queued {utc_text(answer['queuedAt'])}"
    subprocess.run([*command, "-r", "confirm", phrase], cwd=tmp_path, check=True, timeout=120)
    assert json.loads((tmp_path / "run" / "result.json").read_text())["outcome"] == "applied"
    answer = aged_fleet.iot.describe_job_execution(jobId=name, thingName=name)["execution"]
    assert answer["status"] == "CANCELED"
