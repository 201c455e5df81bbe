"""However a run ends, `result.json` says how, and no kernel goes on alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import papermill
import pytest

from iotjobs import cli
from iotjobs.run import notebook_runner as runbook
from iotjobs.run import notebooks as kit
from iotjobs.run.directory import RunDirectory
from tests.notebooks import shell
from tests.processes import gone


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


def test_a_run_stopped_before_its_notebook_begins_is_on_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "result.json").write_text('{"outcome": "planned", "confirm": "delete j/t/1 queued then"}')
    monkeypatch.setattr(sys, "argv", ["iotjobs", "run", "investigate", "--run-dir", str(tmp_path)])
    monkeypatch.setattr(kit, "parameters_of", lambda _path: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 130
    result = shell.result(tmp_path)
    assert (result["outcome"], result["confirm"]) == ("interrupted", None)


def test_a_usage_error_leaves_the_files_of_a_run_at_work_alone(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text('{"outcome": "planned"}')
    at_work = RunDirectory(tmp_path)
    at_work.take()
    try:
        code, result, printed = shell.run(tmp_path, "investigate", "--nope")
    finally:
        at_work.leave()
    assert (code, result) == (2, {"outcome": "planned"})
    assert "another run is at work" in printed


def test_a_kernel_whose_port_was_taken_is_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really, starts = papermill.execute_notebook, []

    def execute(*arguments: object, **more: object) -> object:
        starts.append(1)
        if len(starts) == 1:
            raise RuntimeError("Kernel died before replying to kernel_info")  # what nbclient raises
        return really(*arguments, **more)

    monkeypatch.setattr(papermill, "execute_notebook", execute)
    one = shell.notebook(
        tmp_path / "one.ipynb", "from iotjobs.model import Outcome\nrun.finish(Outcome.OK)", "run.end()"
    )
    assert runbook.run(one, {"run_dir": str(tmp_path / "run")}) == 0
    assert len(starts) == 2


def test_a_parameter_mistyped_for_papermill_is_invalid(tmp_path: Path) -> None:
    one = shell.notebook(tmp_path / "one.ipynb", "run.end()")
    with pytest.raises(papermill.PapermillExecutionError, match="there is no parameter protct"):
        papermill.execute_notebook(one, tmp_path / "out.ipynb", {"run_dir": str(tmp_path / "run"), "protct": "prod-*"})
    assert shell.result(tmp_path / "run")["outcome"] == "invalid"


def _wait(until: object, *, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not until():  # type: ignore[operator]
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)
