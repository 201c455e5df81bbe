"""`iotjobs run` in a process of its own, whose environment has a login, the proxy and its authority, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.aws_standin import CHAINS, Environment, StandIn
from tests.on_aws.test_the_three_jobs_under_every_login import causes_in

UNATTENDED = ["--unattended", "--max-deletes", "25", "--max-fraction", "1", "--older-than", "1d"]


def _run(environment: Environment, directory: Path, *arguments: str) -> tuple[int, dict[str, object], str]:
    clean = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "MPLBACKEND": "agg"}
    command = [sys.executable, "-m", "iotjobs.cli", "run", *arguments, "--run-dir", str(directory)]
    done = subprocess.run(
        command, env=clean | environment, capture_output=True, text=True, check=False, cwd=directory.parent
    )
    result = json.loads((directory / "result.json").read_text()) if directory.exists() else {}
    return done.returncode, result, done.stdout + done.stderr


def test_an_sso_login_investigates(aws: StandIn, tmp_path: Path) -> None:
    environment = CHAINS["sso"](aws, tmp_path / "home")
    code, result, printed = _run(environment, tmp_path / "run", "investigate", "--job-id", "firmware")
    assert (code, result["outcome"]) == (0, "ok"), printed
    assert causes_in(tmp_path / "run") == {"pump-2": "device_offline", "pump-3": "stalled", "pump-4": "not_picked_up"}
    assert aws.strangers == []
    assert {call.host.name for call in aws.calls if call.service == "iot"} == {"iot.eu-central-1.amazonaws.com"}


def test_a_role_sweeps_unattended(aws: StandIn, tmp_path: Path) -> None:
    environment = CHAINS["source_profile"](aws, tmp_path / "home")
    rule = ["sweep", "--job-id", "firmware", "--statuses", "SUCCEEDED", *UNATTENDED]
    code, result, printed = _run(environment, tmp_path / "run", *rule)
    assert (code, result["outcome"]) == (0, "applied"), printed
    assert sorted(aws.fleet.left("firmware")) == ["pump-1", "pump-2", "pump-3", "pump-4"]


def test_a_role_that_is_refused_ends_with_four_and_is_named(aws: StandIn, tmp_path: Path) -> None:
    environment = CHAINS["source_profile"](aws, tmp_path / "home")
    aws.deny("sts:AssumeRole")
    one = ["--job-id", "firmware", "--thing-name", "pump-1", "--execution-number", "1"]
    code, result, printed = _run(environment, tmp_path / "run", "delete_job_execution", *one)
    assert (code, result["outcome"]) == (4, "denied"), printed
    assert "sts:AssumeRole" in printed
