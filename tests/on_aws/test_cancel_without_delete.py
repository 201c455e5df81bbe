"""A cancel that keeps the record, on AWS's host names: one execution, and many by a rule."""

from __future__ import annotations

from math import inf
from pathlib import Path
from typing import Any

import pytest

from tests.aws_standin import Fault, StandIn
from tests.on_aws.notebook_code import confirmed, run, settles_by_looking

ONE: dict[str, Any] = {"job_id": "firmware", "thing_name": "pump-3", "force": True}
CANCEL = ("CancelJobExecution", "firmware", "pump-3")


def test_one_is_cancelled_and_its_record_is_kept(aws: StandIn, tmp_path: Path) -> None:
    planned = run("cancel_job_execution", tmp_path / "run", **ONE)
    assert planned.result["confirm"].startswith("cancel firmware/pump-3/1 queued ")
    ended = run("cancel_job_execution", tmp_path / "run", **ONE, confirm=planned.result["confirm"])
    assert (ended.outcome, aws.changes()) == ("applied", [CANCEL])
    assert aws.fleet.left("firmware")["pump-3"] == "CANCELED"


def test_what_waits_is_cancelled_without_force(aws: StandIn, tmp_path: Path) -> None:
    ended = confirmed("cancel_job_execution", tmp_path, job_id="firmware", thing_name="pump-4")
    assert ended.outcome == "applied", ended.reason
    assert aws.fleet.left("firmware")["pump-4"] == "CANCELED"


@pytest.mark.parametrize(
    "fault",
    [Fault("drop", acted=True), Fault("gateway", acted=True, status=502), Fault("garbage", acted=True)],
    ids=["drop", "502", "garbage"],
)
def test_a_cancel_whose_answer_is_lost_is_settled_by_looking(aws: StandIn, tmp_path: Path, fault: Fault) -> None:
    settles_by_looking(aws, tmp_path / "run", "cancel_job_execution", "CancelJobExecution", fault, **ONE)


def test_one_of_a_service_needs_the_phrase_that_names_it(aws: StandIn, tmp_path: Path) -> None:
    aws.fleet.job("AFR_OTA-update", {"pump-5": "QUEUED"})
    names = {"job_id": "AFR_OTA-update", "thing_name": "pump-5"}
    phrase = run("cancel_job_execution", tmp_path, **names).result["confirm"]
    assert phrase.endswith(" owned by OTA")
    short = run("cancel_job_execution", tmp_path, **names, confirm=phrase.removesuffix(" owned by OTA"))
    assert (short.outcome, aws.changes()) == ("refused", [])


def test_a_sweep_cancels_by_version_and_deletes_nothing(aws: StandIn, tmp_path: Path) -> None:
    aws.fleet.job("old", {"pump-5": "QUEUED", "pump-6": "IN_PROGRESS", "pump-7": "FAILED"})
    aws.fleet.cancels_show_after_s = 60
    aws.script.after("DescribeJobExecution", lambda: aws.advance(20), times=inf)
    rule = {"action": "cancel", "job_id": "old", "force": True, "max_fraction": 1.0}
    planned = run("sweep", tmp_path / "run", **rule)
    assert planned.result["confirm"].startswith("cancel 2 ")
    ended = run("sweep", tmp_path / "run", **rule, confirm=planned.result["confirm"])
    assert ended.outcome == "applied", ended.reason
    assert aws.fleet.left("old") == {"pump-5": "CANCELED", "pump-6": "CANCELED", "pump-7": "FAILED"}
    assert sorted(aws.changes()) == [("CancelJobExecution", "old", "pump-5"), ("CancelJobExecution", "old", "pump-6")]
    assert ended.result["counts"]["cancelled"] == 2
