"""The options of `iotjobs run NOTEBOOK` are the notebook's parameters; what is not given is not passed on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from iotjobs import cli
from iotjobs.run import notebook_runner as runbook


@pytest.fixture
def passed_on(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What would go to papermill."""
    values: dict[str, Any] = {}

    def instead(_path: Path, parameters: dict[str, Any]) -> int:
        values.update(parameters)
        return 0

    monkeypatch.setattr(runbook, "run", instead)
    return values


def _delete(*arguments: str) -> Result:
    return CliRunner().invoke(cli.cli, ["run", "delete_job_execution", *arguments])


def test_every_option_of_the_reference_is_taken(passed_on: dict[str, Any]) -> None:
    options = ["--job-id", "j", "--thing-name", "007", "--execution-number", "3", "--force"]
    assert _delete(*options, "--cli-input-json", "{}", "--generate-cli-skeleton", "output").exit_code == 0
    assert passed_on == {
        "job_id": "j",
        "thing_name": "007",
        "execution_number": "3",
        "force": True,
        "cli_input_json": "{}",
        "generate_cli_skeleton": "output",
    }


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], {}),
        (["--no-force"], {"force": False}),
        (["--generate-cli-skeleton"], {"generate_cli_skeleton": "input"}),
        (["--generate-cli-skeleton", "--job-id", "j"], {"generate_cli_skeleton": "input", "job_id": "j"}),
        (["--thing-name", "-x"], {"thing_name": "-x"}),
        (["--thing-name", "--force"], {"thing_name": "--force"}),
        (["--job-id", "true", "--thing-name", "nan"], {"job_id": "true", "thing_name": "nan"}),
        (["--execution-number", "-1"], {"execution_number": "-1"}),
        (["--execution-number", "1e5"], {"execution_number": "1e5"}),
        (["--execution-number", "9" * 5000], {"execution_number": "9" * 5000}),
    ],
)
def test_a_value_arrives_as_it_was_meant(
    passed_on: dict[str, Any], arguments: list[str], expected: dict[str, Any]
) -> None:
    assert _delete(*arguments).exit_code == 0
    assert passed_on == expected
    assert {name: type(value) for name, value in passed_on.items()} == {name: type(v) for name, v in expected.items()}


def test_of_force_and_no_force_only_one_can_be_meant(passed_on: dict[str, Any]) -> None:
    ended = _delete("--job-id", "j", "--no-force", "--force")
    assert (ended.exit_code, passed_on) == (2, {})
    assert "only one of them can be meant" in ended.output


@pytest.mark.parametrize("arguments", [["--thing", "t"], ["--forced"], ["--job_id", "j"], ["j"], ["--job-id"]])
def test_an_unknown_or_shortened_option_is_an_error(passed_on: dict[str, Any], arguments: list[str]) -> None:
    assert _delete(*arguments).exit_code == 2
    assert passed_on == {}


def test_help_shows_the_comments_and_the_defaults() -> None:
    text = " ".join(CliRunner().invoke(cli.cli, ["run", "investigate", "--help"]).output.split())
    assert "an execution without any change for this long is stuck: 90m, 24h, 30d [default: 24h]" in text


def test_an_unknown_notebook_is_told_which_there_are() -> None:
    ended = CliRunner().invoke(cli.cli, ["run", "invstigate"])
    assert ended.exit_code == 2
    assert "delete_job_execution, fleet, fleet_sweep, investigate" in ended.output
