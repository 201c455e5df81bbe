"""What a worker does for one target of a set: its plan is held to age, stop file, project file and approval."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from iotjobs.model import Outcome
from iotjobs.project_file import Pin, Project
from iotjobs.targets import tasks
from iotjobs.targets.answers import TargetAnswer
from iotjobs.targets.set_plan import of_answers
from iotjobs.targets.target import Target
from tests.aws_standin import StandIn, in_process
from tests.aws_standin.chains import static_keys
from tests.aws_standin.logins import Role

ACCOUNT = "012345678901"
ROLE = Role(f"arn:aws:iam::{ACCOUNT}:role/team/iotjobs", "iotjobs", ACCOUNT)
TARGET = Target("north", "eu-central-1", role_arn=ROLE.arn, external_id="planted-external-id")
RULE = {"job_id": "firmware", "statuses": "FAILED", "max_fraction": 1.0}


@dataclass
class Fleet:
    """A fleet's run with one target that has a plan."""

    aws: StandIn
    run_dir: Path
    planned: TargetAnswer

    def apply(self, *, project: Project | None = None, plan_id: str | None = None) -> TargetAnswer:
        (one,) = of_answers([self.planned], max_total_deletes=100).targets
        return tasks.apply_target(
            TARGET, **_common(self.run_dir, project), plan_id=plan_id or one.plan_id, phrase=one.phrase, read=True
        )


def _common(run_dir: Path, project: Project | None = None) -> dict[str, Any]:
    return {"run_dir": str(run_dir), "account": ACCOUNT, "values": RULE, "project": project or Project()}


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    with StandIn() as aws:
        aws.logins.roles[ROLE.arn] = ROLE
        aws.fleet_of(ACCOUNT, TARGET.region).job("firmware", {"pump-1": "FAILED", "pump-2": "FAILED"}, days=60)
        in_process.use(monkeypatch, static_keys(aws, tmp_path / "home"))
        planned = tasks.plan_target(TARGET, **_common(run_dir))
        assert (planned.outcome, planned.planned) == (Outcome.PLANNED, 2), planned
        assert planned.place == f"LIVE: account {ACCOUNT}, {TARGET.region}"
        yield Fleet(aws, run_dir, planned)


def test_an_approved_plan_is_applied_once(fleet: Fleet) -> None:
    assert fleet.apply().outcome == Outcome.APPLIED
    assert len(fleet.aws.changes()) == 2
    assert fleet.apply().counts["deleted"] == 2
    assert len(fleet.aws.changes()) == 2


def test_a_plan_of_yesterday_is_not_applied(fleet: Fleet) -> None:
    with time_machine.travel(datetime.now().astimezone() + timedelta(hours=25)):
        answer = fleet.apply()
    assert answer.outcome == Outcome.REFUSED, answer
    assert fleet.aws.changes() == []
    assert "a plan holds for 24 h" in answer.reason


def test_a_stop_in_the_fleets_directory_stops_each_target(fleet: Fleet) -> None:
    (fleet.run_dir / "stop").touch()
    answer = fleet.apply()
    assert (answer.outcome, fleet.aws.changes()) == (Outcome.INTERRUPTED, []), answer
    (fleet.run_dir / "stop").unlink()
    assert fleet.apply().outcome == Outcome.APPLIED


def test_a_stop_that_an_interrupt_left_is_taken_away_and_a_persons_stays(tmp_path: Path) -> None:
    tasks.leave_stop(tmp_path)
    tasks.remove_stop(tmp_path)
    assert not (tmp_path / "stop").exists()
    tasks.leave_stop(tmp_path)
    later = (tmp_path / "stop").stat().st_mtime + 60  # a person touches it too
    os.utime(tmp_path / "stop", (later, later))
    tasks.remove_stop(tmp_path)
    assert (tmp_path / "stop").exists()
    (tmp_path / "stop").write_text("")
    tasks.remove_stop(tmp_path)
    assert (tmp_path / "stop").exists()


def test_another_plan_than_the_approved_one_is_refused(fleet: Fleet) -> None:
    answer = fleet.apply(plan_id="f" * 32)
    assert (answer.outcome, fleet.aws.changes()) == (Outcome.REFUSED, []), answer
    assert "another plan" in answer.reason


@pytest.mark.parametrize(
    "project",
    [
        Project(protect_jobs=("firm*",)),
        Project(protected_accounts=(ACCOUNT,)),
        Project(pins=(Pin("region", ("eu-west-1",), "f"),)),
    ],
    ids=["job", "account", "region"],
)
def test_the_runs_project_file_holds_on_the_worker(fleet: Fleet, project: Project) -> None:
    answer = fleet.apply(project=replace(project))
    assert (answer.outcome, fleet.aws.changes()) == (Outcome.REFUSED, []), answer
