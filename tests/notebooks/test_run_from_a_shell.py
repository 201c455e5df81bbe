"""`iotjobs run` and plain papermill on the real notebooks: outcomes, exit codes, the service's state."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import iotjobs
from iotjobs.sandbox.fleet import Fleet
from tests.notebooks import shell

ROOT = Path(__file__).parents[2]


def test_investigate_leaves_tables_a_notebook_and_a_report_that_says_what_changed(
    aged_fleet: Fleet, tmp_path: Path
) -> None:
    iotjobs.investigate(iotjobs.start("investigate", run_dir=str(tmp_path / "then")))
    aged_fleet.job("queued-since", things=["007"])
    code, result, printed = shell.run(tmp_path / "run", "investigate", "--compare-with", "then")
    assert (code, result["outcome"]) == (0, "ok")
    assert result["counts"]["cause_stalled"] >= 2
    changes = pd.read_csv(tmp_path / "run" / "changes.csv", dtype=str)
    new = changes[changes["change"].eq("new")]  # others use this fleet too
    assert ["queued-since", "007"] in new[["job_id", "thing_name"]].to_numpy().tolist()
    assert result["counts"]["changes_new"] == len(new)
    assert "Since " in result["reason"]
    assert f"1. {result['steps'][0]['what']}" in printed
    assert "iotjobs.aws" not in printed  # logged with --verbose alone
    report = (tmp_path / "run" / "report.html").read_text()
    assert "queued since" in report
    assert "pump-berlin-01" in report
    assert "stalled" in report
    assert "<svg" in report
    assert 'src="http' not in report
    executed = (tmp_path / "run" / "investigate.ipynb").read_text()
    metadata = json.loads(executed)["metadata"]["papermill"]
    assert (metadata["input_path"], metadata["output_path"]) == ("investigate.ipynb", "investigate.ipynb")
    for machine in (str(tmp_path), str(ROOT)):
        assert machine not in executed
        assert machine not in report


def test_plan_then_confirm_deletes_the_thing_named_007(aged_fleet: Fleet, tmp_path: Path) -> None:
    with aged_fleet.ago(days=9):
        aged_fleet.job("shell-test", things=["007"])
        aged_fleet.report("shell-test", "007", "FAILED")
    names = shell.names("shell-test", "007")
    code, plan, _ = shell.run(tmp_path / "run", "delete_job_execution", *names)
    assert (code, plan["outcome"]) == (0, "planned")
    code, result, _ = shell.run(tmp_path / "run", "delete_job_execution", *names, "--confirm", plan["confirm"])
    assert (code, result["outcome"]) == (0, "applied")
    left = aged_fleet.iot.list_job_executions_for_job(jobId="shell-test")["executionSummaries"]
    assert left == []


def test_a_mistyped_option_exits_2_and_is_on_record(tmp_path: Path) -> None:
    code, result, printed = shell.run(tmp_path / "run", "delete_job_execution", "--job", "j")
    assert (code, result["outcome"]) == (2, "invalid")
    assert "--job" in printed


def test_no_credentials_exits_4(aged_fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    code, result, _ = shell.run(tmp_path / "run", "delete_job_execution", *shell.names("j", "t"))
    assert (code, result["outcome"]) == (4, "denied")
    assert "credentials" in result["reason"]


def test_a_bare_skeleton_option_prints_json_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    command = [sys.executable, "-m", "iotjobs.cli", "run", "delete_job_execution", "--generate-cli-skeleton"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ended.returncode == 0
    assert json.loads(ended.stdout)["executionNumber"] == 0


def test_plain_papermill_says_what_it_made_of_007(aged_fleet: Fleet, tmp_path: Path) -> None:
    notebook = ROOT / "notebooks" / "delete_job_execution.ipynb"
    parameters = ["-p", "job_id", "j", "-p", "thing_name", "007", "-p", "execution_number", "1", "-p", "run_dir", "r"]
    command = [sys.executable, "-m", "papermill", "-k", "python3", str(notebook), "out.ipynb", *parameters]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ended.returncode == 1
    assert "-r thing_name" in ended.stderr.strip().splitlines()[-1]
    assert json.loads((tmp_path / "r" / "result.json").read_text())["outcome"] == "invalid"


def test_the_notebooks_run_as_they_are_under_nbval(aged_fleet: Fleet, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "--nbval-lax", "-p", "no:cacheprovider", "-p", "no:xdist"]
    notebook = shutil.copy(ROOT / "notebooks" / "investigate.ipynb", tmp_path)  # its run directory lies beside it
    ended = subprocess.run([*command, notebook], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ended.returncode == 0, ended.stdout
    assert "passed" in ended.stdout
