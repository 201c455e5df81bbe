"""However a run ends, `result.json` says how, and no kernel goes on alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
import shell
from processes import gone


def test_a_kernel_that_dies_is_an_error(tmp_path: Path) -> None:
    dying = shell.notebook(tmp_path / "dying.ipynb", "import os; os._exit(3)")
    code, result, _ = shell.run(tmp_path / "run", str(dying))
    assert (code, result["outcome"]) == (1, "error")
    assert "Kernel died" in result["reason"]
    assert result["finished_at"]
    assert result["warnings"] == []


def test_a_notebook_that_says_nothing_is_an_error_with_the_contracts_keys(tmp_path: Path) -> None:
    silent = shell.notebook(tmp_path / "silent.ipynb")
    document = json.loads(silent.read_text())
    document["cells"] = document["cells"][:1]
    silent.write_text(json.dumps(document))
    code, result, _ = shell.run(tmp_path / "run", str(silent))
    assert (code, result["outcome"]) == (1, "error")
    keys = "schema notebook outcome account region endpoint caller_arn started_at finished_at parameters counts"
    assert set(f"{keys} refusals confirm warnings".split()) <= set(result)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_stops_its_kernel(tmp_path: Path, how: signal.Signals) -> None:
    says = "import os, pathlib; pathlib.Path('kernel').write_text(str(os.getpid()))"
    long = shell.notebook(tmp_path / "long.ipynb", says, "import time; time.sleep(120)")
    command = [*shell.CLI, "run", str(long), "--run-dir", "run"]
    running = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)
    kernel = tmp_path / "kernel"
    _wait(lambda: kernel.exists() and bool(kernel.read_text()), seconds=60)
    time.sleep(0.5)
    running.send_signal(how)
    assert running.wait(timeout=30) == 130
    result = shell.result(tmp_path / "run")
    assert (result["outcome"], result["confirm"]) == ("interrupted", None)
    assert gone(int(kernel.read_text()), within_s=5)


def test_a_killed_run_takes_its_kernel_with_it_at_once(tmp_path: Path) -> None:
    says = "import os, pathlib; pathlib.Path('kernel').write_text(str(os.getpid()))"
    long = shell.notebook(tmp_path / "long.ipynb", says, "import time; time.sleep(120)")
    running = subprocess.Popen([*shell.CLI, "run", str(long), "--run-dir", "run"], cwd=tmp_path)
    kernel = tmp_path / "kernel"
    _wait(lambda: kernel.exists() and bool(kernel.read_text()), seconds=60)
    running.kill()
    running.wait()
    assert gone(int(kernel.read_text()), within_s=0.5)


def test_a_usage_error_does_not_keep_what_an_earlier_run_said(tmp_path: Path) -> None:
    directory = tmp_path / "run"
    directory.mkdir()
    earlier = {"schema": 1, "outcome": "planned", "confirm": "delete j/t/1 queued 2026-11-20T10:00:00Z", "account": "1"}
    (directory / "result.json").write_text(json.dumps(earlier))
    code, result, _ = shell.run(directory, "investigate", "--nope")
    assert (code, result["outcome"]) == (2, "invalid")
    assert (result["confirm"], result["account"]) == (None, None)


def _wait(until: object, *, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not until():  # type: ignore[operator]
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)
