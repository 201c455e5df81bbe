"""Ctrl-C in the middle of a sweep's calls: nothing more is called, and the same directory goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import Any

from tests.faults.stage import Stage

CLI = [sys.executable, "-m", "iotjobs.cli", "run", "sweep"]


def test_a_sweep_stopped_by_hand_in_its_first_delete(stage: Stage) -> None:
    phrase = stage.planned()
    running: list[subprocess.Popen[bytes]] = []

    def pressed(call: Any) -> None:
        if call.operation == "DeleteJobExecution" and running:
            running.pop().send_signal(signal.SIGINT)

    stage.proxy.between(pressed)
    rule = ["--job-id", stage.job_id, "--force", "--max-fraction", "1.0", "--run-dir", str(stage.run_dir)]
    named = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    process = subprocess.Popen(
        [*CLI, *rule, "--confirm", phrase], env=named | stage.environment, stderr=subprocess.DEVNULL
    )
    running.append(process)
    assert process.wait(timeout=90) == 130
    assert json.loads((stage.run_dir / "result.json").read_text())["outcome"] == "interrupted"
    assert len(stage.judge.accepted) <= 1
    assert stage.run(confirm=phrase) == 0
    assert (stage.left(), stage.judge.verdict.broken) == ([], [])
