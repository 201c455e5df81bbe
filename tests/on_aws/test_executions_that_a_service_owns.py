"""Greengrass's and OTA's executions, on a service that has namespaces: left alone by a sweep, named by a plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.aws_standin import GREENGRASS, StandIn
from tests.on_aws.notebook_code import confirmed, run

DEPLOYMENT = "0f0f2f6e-7c2d-4f4a-9d5e-4b8f6f2a7b11"
UNATTENDED: dict[str, Any] = {"unattended": True, "max_deletes": 25, "max_fraction": 1.0, "older_than": "1d"}


@pytest.fixture
def greengrass(aws: StandIn) -> StandIn:
    """A core with a deployment that has ended as FAILED and an ordinary job, both old."""
    aws.fleet.job(DEPLOYMENT, {"core-0": "FAILED"}, namespace_id=GREENGRASS)
    aws.fleet.job("own", {"core-0": "FAILED"})
    return aws


@pytest.mark.parametrize(
    "rule", [{"thing_name": "core-0"}, {"job_id": DEPLOYMENT}, {}], ids=["thing", "job", "account"]
)
def test_a_sweep_leaves_a_deployment_alone_and_names_it(
    greengrass: StandIn, tmp_path: Path, rule: dict[str, str]
) -> None:
    ended = run("sweep", tmp_path / "run", statuses="FAILED", **rule, **UNATTENDED)
    assert {job for _, job, _ in greengrass.changes()} <= {"own", "firmware"}
    assert greengrass.fleet.left(DEPLOYMENT) == {"core-0": "FAILED"}
    protected = [each for each in ended.result["refusals"] if each["guard"] == "protected"]
    assert [(each["job_id"], each["thing_name"], each["execution_number"]) for each in protected] == [
        (DEPLOYMENT, "core-0", 1)
    ]
    assert "Greengrass" in protected[0]["message"]
    assert ended.outcome == ("refused" if "job_id" in rule else "applied"), ended.reason


@pytest.mark.parametrize(
    "rule", [{"thing_name": "core-0"}, {"job_id": DEPLOYMENT}, {}], ids=["thing", "job", "account"]
)
def test_where_the_owner_cannot_be_read_nothing_is_deleted(
    greengrass: StandIn, tmp_path: Path, rule: dict[str, str]
) -> None:
    greengrass.deny("iot:DescribeJob")
    ended = run("sweep", tmp_path / "run", statuses="FAILED", **rule, **UNATTENDED)
    assert greengrass.changes() == []
    assert ended.outcome in {"refused", "denied"}, ended.reason
    assert "iot:DescribeJob" in ended.reason


@pytest.mark.parametrize(
    ("job_id", "namespace_id", "owner"), [(DEPLOYMENT, GREENGRASS, "Greengrass"), ("AFR_OTA-update-3", None, "OTA")]
)
def test_the_plan_of_one_delete_names_the_owner_and_its_phrase_says_so(
    aws: StandIn, tmp_path: Path, job_id: str, namespace_id: str | None, owner: str
) -> None:
    aws.fleet.job(job_id, {"core-0": "FAILED"}, namespace_id=namespace_id)
    one = {"job_id": job_id, "thing_name": "core-0", "execution_number": 1}
    planned = run("delete_job_execution", tmp_path / "plan", **one)
    assert planned.outcome == "planned", planned.reason
    assert planned.result["confirm"].endswith(f" owned by {owner}")
    without = planned.result["confirm"].removesuffix(f" owned by {owner}")
    assert run("delete_job_execution", tmp_path / "without", **one, confirm=without).outcome == "refused"
    assert aws.changes() == []
    assert confirmed("delete_job_execution", tmp_path / "with", **one).outcome == "applied"


def test_a_confirmed_plan_and_a_plan_file_name_what_they_leave_alone(greengrass: StandIn, tmp_path: Path) -> None:
    """The run that applies it reads no rule anew: what was left alone is in the plan."""
    rule: dict[str, Any] = {"thing_name": "core-0", "statuses": "FAILED", "older_than": "1d", "max_fraction": 1.0}
    planned = run("sweep", tmp_path / "plan", **rule)
    plan_file = str(tmp_path / "plan" / "plan.json")
    dry = run("sweep", tmp_path / "other", plan_file=plan_file)
    ended = run("sweep", tmp_path / "plan", **rule, confirm=planned.result["confirm"])
    assert ended.outcome == "applied", ended.reason
    for each in (planned, dry, ended):
        assert [refusal["job_id"] for refusal in each.result["refusals"]] == [DEPLOYMENT], each.outcome
        assert each.result["counts"]["protected"] == 1


def test_a_single_delete_whose_owner_cannot_be_read_is_refused(greengrass: StandIn, tmp_path: Path) -> None:
    greengrass.deny("iot:DescribeJob", ".*job/" + DEPLOYMENT)
    ended = run("delete_job_execution", tmp_path / "run", job_id=DEPLOYMENT, thing_name="core-0", execution_number=1)
    assert ended.outcome in {"refused", "denied"}, ended.reason
    assert "iot:DescribeJob" in ended.reason


def test_an_ordinary_execution_behind_a_deployment_is_blocked_by_it(aws: StandIn, tmp_path: Path) -> None:
    """One queue over all namespaces."""
    aws.fleet.job(DEPLOYMENT, {"core-1": "IN_PROGRESS"}, days=40, namespace_id=GREENGRASS)
    aws.fleet.job("later", ["core-1"], days=20)
    looked = run("investigate", tmp_path / "run", job_id="later")
    text = (tmp_path / "run" / "executions.csv").read_text()
    assert "blocked" in text, looked.reason
    assert DEPLOYMENT in text
