"""`iotjobs --verbose` shows each call on stderr, from the notebook's kernel too; without it nothing is logged."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from iotjobs.sandbox.server import Server
from tests.notebooks import shell


def _investigate(run_dir: Path, *options: str) -> str:
    command = [*shell.CLI, *options, "run", "investigate", "--job-id", "firmware-2-4-1", "--run-dir", str(run_dir)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    return ended.stderr


def test_calls_and_the_outcome_are_logged_when_asked_for(sandbox: Server, tmp_path: Path) -> None:
    logged = _investigate(tmp_path / "run", "--verbose")
    assert "iotjobs.aws.transport: call service=iot operation=DescribeJob attempt=1 answer=ok seconds=" in logged
    assert "iotjobs.run.run: result notebook=investigate outcome=ok" in logged
    notebook = json.loads(next((tmp_path / "run").glob("*.ipynb")).read_text())
    assert "iotjobs.aws.transport" not in json.dumps(notebook)


def test_without_it_nothing_is_logged(sandbox: Server, tmp_path: Path) -> None:
    assert "iotjobs.aws" not in _investigate(tmp_path / "run")
