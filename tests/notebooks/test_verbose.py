"""`iotjobs --verbose` shows each call on stderr, from the notebook's kernel too."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from iotjobs.sandbox.server import Server
from tests.notebooks import shell


def test_calls_and_the_outcome_are_logged_when_asked_for(sandbox: Server, tmp_path: Path) -> None:
    command = [*shell.CLI, "--verbose", "run", "investigate", "--job-id", "firmware-2-4-1", "--run-dir", "run"]
    logged = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stderr
    assert "iotjobs.aws.transport: call service=iot operation=DescribeJob attempt=1 answer=ok seconds=" in logged
    assert "iotjobs.run.run: result notebook=investigate outcome=ok" in logged
    notebook = json.loads((tmp_path / "run" / "investigate.ipynb").read_text())
    assert "iotjobs.aws.transport" not in json.dumps(notebook)
