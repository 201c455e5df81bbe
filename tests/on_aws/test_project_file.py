"""`iotjobs.toml`: another place than the one that is pinned is refused, and what it protects stays whatever is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import iotjobs
from iotjobs.errors import Refused
from iotjobs.project_file import Project, parse
from iotjobs.targets.target import Target
from iotjobs.targets.tasks import identify
from tests.aws_standin import StandIn
from tests.on_aws.conftest import LogIn
from tests.on_aws.notebook_code import run
from tests.on_aws.test_the_three_jobs_under_every_login import ONE, SWEEP

CANCEL = {"job_id": "firmware", "thing_name": "pump-4"}
NOTEBOOKS: dict[str, dict[str, Any]] = {
    "investigate": {},
    "delete_job_execution": ONE,
    "cancel_job_execution": CANCEL,
    "sweep": SWEEP,
}
OTHER = "999999999999"


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where a project file is looked for: not the working directory itself but above it."""
    below = tmp_path / "project" / "notebooks"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    return below.parent / "iotjobs.toml"


@pytest.mark.parametrize(
    "pin", [f'account = "{OTHER}"', 'region = "eu-west-2"', 'endpoint = "https://iot.eu-west-2.amazonaws.com"']
)
@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_another_place_than_the_pinned_one_is_refused(
    aws: StandIn, project: Path, tmp_path: Path, notebook: str, pin: str
) -> None:
    project.write_text(pin)
    ended = run(notebook, tmp_path / "run", **NOTEBOOKS[notebook])
    assert (ended.outcome, ended.guards) == ("refused", {"pinned"}), ended.reason
    assert "../iotjobs.toml pins" in ended.reason
    assert ended.result["project"]["file"] == "../iotjobs.toml"
    assert {call.operation for call in aws.calls} <= {"GetCallerIdentity"}
    if not pin.startswith("account"):
        assert not aws.calls  # not even who is asking


@pytest.mark.parametrize("variable", ["IOTJOBS_ACCOUNT", "IOTJOBS_REGION", "IOTJOBS_ENDPOINT"])
def test_a_variable_pins_as_well(aws: StandIn, log_in: LogIn, project: Path, tmp_path: Path, variable: str) -> None:
    right = {
        "IOTJOBS_ACCOUNT": aws.account,
        "IOTJOBS_REGION": aws.region,
        "IOTJOBS_ENDPOINT": f"https://iot.{aws.region}.amazonaws.com/",
    }
    wrong = {"IOTJOBS_ACCOUNT": OTHER, "IOTJOBS_REGION": "eu-west-2", "IOTJOBS_ENDPOINT": "http://127.0.0.1:1"}
    log_in(aws, settings=right)
    assert run("investigate", tmp_path / "right").outcome == "ok"
    log_in(aws, settings={**right, variable: wrong[variable]})
    ended = run("investigate", tmp_path / "wrong")
    assert (ended.outcome, variable in ended.reason) == ("refused", True), ended.reason
    assert not project.exists()


def test_a_key_that_is_not_known_is_invalid_before_any_call(aws: StandIn, project: Path, tmp_path: Path) -> None:
    project.write_text("protct = ['pump-*']")
    ended = run("sweep", tmp_path / "run", **SWEEP)
    assert (ended.outcome, aws.calls) == ("invalid", [])
    assert "../iotjobs.toml has an unknown key protct" in ended.reason


def test_nothing_is_changed_in_a_protected_account(aws: StandIn, project: Path, tmp_path: Path) -> None:
    planned = {name: run(name, tmp_path / name, **NOTEBOOKS[name]) for name in NOTEBOOKS if name != "investigate"}
    project.write_text(f'protected_accounts = ["{aws.account}"]')
    assert run("investigate", tmp_path / "look", job_id="firmware").outcome == "ok"
    for name, plan in planned.items():
        for folder, more in ((tmp_path / name, {"confirm": plan.result["confirm"]}), (tmp_path / f"{name}-anew", {})):
            ended = run(name, folder, **NOTEBOOKS[name], **more)
            assert (ended.outcome, "protected_account" in ended.guards) == ("refused", True), ended.reason
            assert "../iotjobs.toml" in ended.reason
    assert aws.changes() == []


def test_names_that_it_protects_are_left_alone_by_a_sweep(aws: StandIn, project: Path, tmp_path: Path) -> None:
    project.write_text('protect = ["pump-[5-8]"]')
    rule = SWEEP | {"protect": "pump-9"}
    planned = run("sweep", tmp_path / "sweep", **rule)
    assert planned.result["counts"]["protected"] == 5
    assert "../iotjobs.toml (protect has pump-[5-8])" in planned.reason
    swept = run("sweep", tmp_path / "sweep", **rule, confirm=planned.result["confirm"])
    assert (swept.outcome, [change[2] for change in aws.changes()]) == ("applied", ["pump-10"]), swept.reason


@pytest.mark.parametrize("notebook", ["delete_job_execution", "cancel_job_execution"])
@pytest.mark.parametrize("text", ['protect = ["pump-[14]"]', 'protect_jobs = ["firm*"]'])
def test_a_protected_execution_is_not_ended_by_itself(
    aws: StandIn, project: Path, tmp_path: Path, text: str, notebook: str
) -> None:
    planned = run(notebook, tmp_path / "run", **NOTEBOOKS[notebook])
    project.write_text(text)
    for folder in (tmp_path / "run", tmp_path / "anew"):
        ended = run(notebook, folder, **NOTEBOOKS[notebook], confirm=planned.result["confirm"])
        assert (ended.outcome, ended.guards) == ("refused", {"protected"}), ended.reason
        assert "../iotjobs.toml" in ended.reason
    assert aws.changes() == []


@pytest.mark.parametrize("text", ["max_deletes = 2", "max_fraction = 0.2"])
@pytest.mark.parametrize("way", ["parameters", "plan_file", "unattended"])
def test_a_ceiling_is_not_raised_by_parameters_or_a_plan_from_elsewhere(
    aws: StandIn, project: Path, tmp_path: Path, text: str, way: str
) -> None:
    caps = SWEEP | {"max_deletes": 1000}
    planned = run("sweep", tmp_path / "plan", **caps)
    assert planned.outcome == "planned"
    project.write_text(text)
    if way == "plan_file":
        file = str(tmp_path / "plan" / "plan.json")
        ended = run("sweep", tmp_path / "run", plan_file=file, confirm=planned.result["confirm"])
    else:
        ended = run("sweep", tmp_path / "run", **caps, **({"unattended": True} if way == "unattended" else {}))
    assert (ended.outcome, ended.guards) == ("refused", {text.split(maxsplit=1)[0]}), ended.reason
    assert "../iotjobs.toml" in ended.reason
    assert aws.changes() == []


def test_a_target_of_a_fleet_is_held_to_the_file_of_whoever_runs_it(aws: StandIn, tmp_path: Path) -> None:
    started = {"started_at": "2026-11-25T08:00:00Z"}
    (tmp_path / "result.json").write_text(json.dumps(started))
    target = Target("plant", aws.region, profile=None, role_arn=None)
    same: dict[str, Any] = {"run_dir": str(tmp_path), "versions": {"iotjobs": iotjobs.__version__}, **started}
    assert identify(target, project=Project(), **same).account == aws.account
    with pytest.raises(Refused, match=OTHER):
        identify(target, project=parse(f'account = "{OTHER}"'.encode(), name="iotjobs.toml"), **same)


def test_the_plan_and_the_result_name_the_file_that_was_in_force(aws: StandIn, project: Path, tmp_path: Path) -> None:
    project.write_text("max_deletes = 500")
    for name in ("delete_job_execution", "sweep"):
        ended = run(name, tmp_path / name, **NOTEBOOKS[name])
        sha256 = ended.result["project"]["sha256"]
        assert json.loads((tmp_path / name / "plan.json").read_text())["project"] == f"../iotjobs.toml sha256:{sha256}"
        again = run(name, tmp_path / name, **NOTEBOOKS[name], confirm=ended.result["confirm"])
        assert again.outcome == "applied", again.reason
