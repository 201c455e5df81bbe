"""Greengrass's and OTA's executions, on a service that has namespaces: left alone by a sweep, named by a plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.aws_standin import GREENGRASS, StandIn
from tests.on_aws.notebook_code import run

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


def test_an_ordinary_execution_behind_a_deployment_is_blocked_by_it(aws: StandIn, tmp_path: Path) -> None:
    """One queue over all namespaces."""
    aws.fleet.job(DEPLOYMENT, {"core-1": "IN_PROGRESS"}, days=40, namespace_id=GREENGRASS)
    aws.fleet.job("later", ["core-1"], days=20)
    looked = run("investigate", tmp_path / "run", job_id="later")
    text = (tmp_path / "run" / "executions.csv").read_text()
    assert "blocked" in text, looked.reason
    assert DEPLOYMENT in text
