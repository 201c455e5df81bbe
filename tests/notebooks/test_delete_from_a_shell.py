"""`iotjobs run delete_job_execution` on the service: what it deletes, what it refuses, what it never calls."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from iotjobs.model import utc_text
from iotjobs.sandbox.fleet import Fleet
from tests.notebooks import shell

DELETE = "delete_job_execution"


def _phrase(fleet: Fleet, job_id: str, thing_name: str) -> str:
    answer = fleet.iot.describe_job_execution(jobId=job_id, thingName=thing_name, executionNumber=1)["execution"]
    version = f" at version {answer['versionNumber']}" if answer["status"] in ("QUEUED", "IN_PROGRESS") else ""
    return f"delete {job_id}/{thing_name}/1 queued {utc_text(answer['queuedAt'])}{version}"


def _left(fleet: Fleet, job_id: str) -> list[str]:
    answer = fleet.iot.list_job_executions_for_job(jobId=job_id)["executionSummaries"]
    return [item["jobExecutionSummary"]["status"] for item in answer]


def _queued(fleet: Fleet, job_id: str, *, days: float = 9) -> str:
    with fleet.ago(days=days):
        fleet.iot.create_thing(thingName=job_id)
        fleet.job(job_id, things=[job_id])
    return job_id


def test_options_override_the_json_input_and_force_with_cancel_first_takes_what_is_in_progress(
    aged_fleet: Fleet, tmp_path: Path
) -> None:
    name = _queued(aged_fleet, "shell-json")
    with aged_fleet.ago(days=8):
        aged_fleet.report(name, name, "IN_PROGRESS")
    document = json.dumps({"jobId": name, "thingName": "another", "executionNumber": 7, "force": True})
    asked = [DELETE, "--cli-input-json", document, "--thing-name", name, "--execution-number", "1"]
    asked += ["--confirm", _phrase(aged_fleet, name, name)]
    code, result, printed = shell.run(tmp_path / "without", *asked, "--no-force")
    assert (code, result["outcome"]) == (5, "refused")
    assert [refusal["guard"] for refusal in result["refusals"]] == ["unfinished_needs_force"]
    assert "IN_PROGRESS" in printed
    executed = (tmp_path / "without" / "delete_job_execution.ipynb").read_text()
    assert "Refused: " in executed
    assert "papermill-error" not in executed
    assert _left(aged_fleet, name) == ["IN_PROGRESS"]
    code, result, _ = shell.run(tmp_path / "run", *asked, "--force", "--cancel-first")
    assert (code, result["outcome"]) == (0, "applied")
    journal = (tmp_path / "run" / "journal.jsonl").read_text()
    assert journal.index("CancelJobExecution") < journal.index("DeleteJobExecution")
    assert _left(aged_fleet, name) == []


def test_what_cannot_be_reached_is_said(tmp_path: Path, aged_fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    code, result, printed = shell.run(tmp_path / "run", DELETE, *shell.names("no-such-job", "no-such-thing"))
    assert (code, result["outcome"]) == (1, "error")
    assert result["reason"].splitlines()[-1] in printed


def test_the_output_skeleton_checks_the_request_and_makes_no_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    asked = ["run", DELETE, *shell.names("j", "t"), "--generate-cli-skeleton", "output", "--run-dir", "run"]
    ended = subprocess.run([*shell.CLI, *asked], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == {}
    assert shell.result(tmp_path / "run")["outcome"] == "skeleton"
