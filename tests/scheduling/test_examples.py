"""The examples of docs/scheduling do what they say: cron, systemd and Airflow.

Their commands are run on the sandbox as they stand there, only with another home. The DAGs are read here with
stand-ins for Airflow's names; `make airflow` runs them in Airflow itself.
"""

from __future__ import annotations

import configparser
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from iotjobs.model import Outcome
from iotjobs.run import notebooks as kit
from tests.fresh_sandbox import FreshSandbox

EXAMPLES = Path(__file__).parents[2] / "docs" / "scheduling"
HOME = "/srv/iotjobs"
UNITS = [EXAMPLES / name for name in ("iotjobs-sweep.service", "iotjobs-sweep.timer", "iotjobs-alert@.service")]


def _cron_command(name: str = "iotjobs-sweep.cron") -> str:
    (line,) = [line for line in (EXAMPLES / name).read_text().splitlines() if HOME in line]
    *when_and_who, command = line.split(maxsplit=6)
    assert len(when_and_who) == 6
    return command.replace(r"\%", "%")


def _unit(path: Path) -> configparser.ConfigParser:
    unit = configparser.ConfigParser(strict=False, interpolation=None, delimiters="=", comment_prefixes="#")
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(path.read_text().replace("\\\n", " "))
    return unit


def _systemd_command() -> str:
    service = _unit(UNITS[0])["Service"]
    match = re.fullmatch(r"/bin/sh -c '(.*)'", service["ExecStart"], re.DOTALL)
    assert match
    return f"cd {service['WorkingDirectory']} && {match[1].replace('%%', '%')}"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home as the examples expect it: `.venv/bin/iotjobs` and `runs/`."""
    program = tmp_path / ".venv" / "bin" / "iotjobs"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m iotjobs.cli "$@"\n')
    program.chmod(0o755)
    (tmp_path / "runs").mkdir()
    return tmp_path


def test_the_nightly_command_of_cron_sweeps_unattended(fresh_sandbox: FreshSandbox, home: Path) -> None:
    ended = subprocess.run(
        ["/bin/sh", "-c", _cron_command().replace(HOME, str(home))], capture_output=True, check=False
    )
    (directory,) = (home / "runs").glob("*-sweep")
    result = json.loads((directory / "result.json").read_text())
    assert (ended.returncode, result["outcome"], ended.stdout) == (0, "applied", b""), result
    assert result["counts"]["deleted"] == 2
    assert re.fullmatch(r"\d{4}-\d\d-\d\d-sweep", directory.name)


def test_the_nightly_command_of_cron_plans_every_target_and_tells_who_failed(
    fresh_sandbox: FreshSandbox, home: Path
) -> None:
    targets = {"plant": fresh_sandbox.endpoint_url, "dead": "http://127.0.0.1:9"}
    keys = "aws_access_key_id = sandbox\naws_secret_access_key = sandbox\n"
    (home / "config").write_text(f"[profile plant]\n{keys}")
    (home / "targets.toml").write_text(
        "\n".join(
            f'[[target]]\nname = "{name}"\nregion = "eu-central-1"\nprofile = "plant"\nendpoint_url = "{url}"'
            for name, url in targets.items()
        )
    )
    environment = {**os.environ, "AWS_CONFIG_FILE": str(home / "config")}
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        environment.pop(name)
    command = _cron_command("iotjobs-fleet.cron").replace(HOME, str(home))
    ended = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, env=environment, check=False)
    (directory,) = (home / "runs").glob("*-fleet_sweep")
    result = json.loads((directory / "result.json").read_text())
    outcomes = {target["name"]: target["outcome"] for target in result["targets"]}
    assert outcomes == {"plant": "planned", "dead": "error"}, result
    assert "dead" in ended.stdout, ended.stderr
    assert "iotjobs_outcome" in (home / "runs" / "iotjobs.prom").read_text()


def test_the_command_of_systemd_is_that_of_cron() -> None:
    cron = _cron_command().partition(" > ")[0]
    assert _systemd_command().replace("exec ", "").split() == cron.split()


def test_cron_mails_what_did_not_end_well(home: Path) -> None:
    program = home / ".venv" / "bin" / "iotjobs"
    program.write_text('#!/bin/sh\necho "refused: 120 executions are more than max_deletes" >&2\nexit 5\n')
    command = _cron_command().replace(HOME, str(home))
    ended = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert ended.stdout == "refused: 120 executions are more than max_deletes\n"


def test_the_units_are_ones_that_systemd_takes() -> None:
    verify = shutil.which("systemd-analyze")
    if verify:
        ended = subprocess.run([verify, "verify", *UNITS], capture_output=True, text=True, check=False)
        output = ended.stdout + ended.stderr
        assert (ended.returncode, [line for line in output.splitlines() if "iotjobs-" in line]) == (0, [])
    service = _unit(UNITS[0])
    assert service["Unit"]["OnFailure"] == UNITS[2].name.replace("@", "@%n")
    assert _unit(UNITS[1])["Timer"]["OnCalendar"].endswith("UTC")
    assert _unit(UNITS[1]).sections() == ["Unit", "Timer", "Install"]


def test_systemd_does_not_try_again_what_would_end_the_same() -> None:
    final = set(_unit(UNITS[0])["Service"]["RestartPreventExitStatus"].split())
    assert final == {str(outcome.exit_code) for outcome in Outcome if outcome.exit_code not in (0, 1)}


class _Dag(SimpleNamespace):
    def __enter__(self) -> None: ...
    def __exit__(self, *_error: object) -> None: ...


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The tasks of the DAG file, which is run with stand-ins that only keep what they are given."""
    tasks: list[Any] = []

    class Operator(SimpleNamespace):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            tasks.append(self)

        def __rshift__(self, other: Operator) -> Operator:
            return other

    papermill = ModuleType("airflow.providers.papermill.operators.papermill")
    papermill.PapermillOperator = Operator  # type: ignore[attr-defined]
    sdk = ModuleType("airflow.sdk")
    sdk.DAG = lambda name, **given: _Dag(name=name, **given)  # type: ignore[attr-defined]
    sdk.Param = SimpleNamespace  # type: ignore[attr-defined]
    for module in (papermill, sdk):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setenv("IOTJOBS_HOME", str(EXAMPLES.parents[1]))
    runpy.run_path(str(EXAMPLES / "iotjobs_dags.py"))
    return tasks


def test_each_task_of_airflow_gives_parameters_that_its_notebook_has(tasks: list[Any]) -> None:
    assert len(tasks) == 7
    for task in tasks:
        parameters = {parameter.name for parameter in kit.parameters_of(Path(task.input_nb))}
        assert task.parameters.keys() <= parameters, task.task_id


def test_what_sweeps_unattended_says_its_caps(tasks: list[Any]) -> None:
    unattended = [task.parameters for task in tasks if task.parameters.get("unattended")]
    assert [{"max_deletes", "max_fraction"} <= options.keys() for options in unattended] == [True]


def test_the_directory_of_the_executed_notebooks_is_there_before_the_run(tasks: list[Any]) -> None:
    runs = {os.path.dirname(task.output_nb) for task in tasks}  # noqa: PTH120
    assert runs == {f"{EXAMPLES.parents[1]}/runs"}
