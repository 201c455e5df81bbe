"""Cancels that take effect late, deletes that show late, answers that are lost: nothing is sent twice."""

from __future__ import annotations

from math import inf
from pathlib import Path
from typing import Any

import pytest

from tests.aws_standin import Fault, StandIn
from tests.on_aws.conftest import LogIn
from tests.on_aws.notebook_code import run, settles_by_looking
from tests.on_aws.test_the_three_jobs_under_every_login import causes

ONE: dict[str, Any] = {"job_id": "firmware", "thing_name": "pump-1", "execution_number": 1}
DELETE = ("DeleteJobExecution", "firmware", "pump-1")


def _time_passes_with_every_look(aws: StandIn, seconds: float) -> None:
    """The service's clock goes on at each describe, so that a test need not wait for what shows late."""
    aws.script.after("DescribeJobExecution", lambda: aws.advance(seconds), times=inf)


def test_a_sweep_with_deletes_that_show_late_sends_each_once(aws: StandIn, tmp_path: Path) -> None:
    aws.fleet.job("old", {"pump-5": "FAILED", "pump-6": "FAILED"})
    planned = run("sweep", tmp_path / "run", job_id="old", max_fraction=1.0)
    aws.fleet.deletes_show_after_s = 10
    _time_passes_with_every_look(aws, 5)
    ended = run("sweep", tmp_path / "run", job_id="old", max_fraction=1.0, confirm=planned.result["confirm"])
    assert ended.outcome == "applied", ended.reason
    assert len(set(aws.changes())) == len(aws.changes()) == 2


def test_a_delete_that_shows_late_is_sent_once(aws: StandIn, tmp_path: Path) -> None:
    planned = run("delete_job_execution", tmp_path / "run", **ONE)
    aws.fleet.deletes_show_after_s = 20
    _time_passes_with_every_look(aws, 10)
    ended = run("delete_job_execution", tmp_path / "run", **ONE, confirm=planned.result["confirm"])
    assert ended.outcome == "applied", ended.reason
    assert aws.changes() == [DELETE]


def test_what_a_run_sent_is_only_looked_at_by_the_next(aws: StandIn, log_in: LogIn, tmp_path: Path) -> None:
    """The login ends right after AWS accepted the delete, and the number is used again before the next one."""
    log_in(aws, lasts_s=3600)
    planned = run("delete_job_execution", tmp_path / "run", **ONE)
    aws.script.after("DeleteJobExecution", aws.logins.revoke)
    ended = run("delete_job_execution", tmp_path / "run", **ONE, confirm=planned.result["confirm"])
    assert ended.outcome == "partial", ended.reason
    aws.fleet.use_number_again("firmware", "pump-1")
    log_in(aws)
    run("delete_job_execution", tmp_path / "run", **ONE, confirm=planned.result["confirm"])
    assert aws.changes() == [("DeleteJobExecution", "firmware", "pump-1")]
    assert aws.fleet.left("firmware")["pump-1"] == "QUEUED"


def test_a_cancel_that_shows_late_is_sent_once_and_the_delete_follows(aws: StandIn, tmp_path: Path) -> None:
    aws.fleet.job("old", {"pump-5": "QUEUED"})
    rule = {"job_id": "old", "force": True, "max_fraction": 1.0}
    planned = run("sweep", tmp_path / "run", **rule)
    aws.fleet.cancels_show_after_s = 60
    _time_passes_with_every_look(aws, 20)
    ended = run("sweep", tmp_path / "run", **rule, confirm=planned.result["confirm"])
    assert ended.outcome == "applied", ended.reason
    assert aws.changes() == [("CancelJobExecution", "old", "pump-5"), ("DeleteJobExecution", "old", "pump-5")]


@pytest.mark.parametrize(
    "fault",
    [
        Fault("drop", acted=True),
        Fault("gateway", acted=True, status=502),
        Fault("gateway", acted=True, status=403),
        Fault("gateway", acted=True, status=404),
        Fault("garbage", acted=True),
        Fault("cut", acted=True),
    ],
    ids=["drop", "502", "403", "404", "garbage", "cut"],
)
def test_a_delete_whose_answer_is_lost_is_settled_by_looking(aws: StandIn, tmp_path: Path, fault: Fault) -> None:
    settles_by_looking(aws, tmp_path / "run", "delete_job_execution", "DeleteJobExecution", fault, **ONE)


@pytest.mark.parametrize(
    "page",
    [Fault("gateway", status=200), Fault("gateway", status=302), Fault("garbage", body=b'{"error": "log in first"}')],
    ids=["portal", "redirect", "json"],
)
def test_a_page_of_something_on_the_way_is_no_accepted_delete(aws: StandIn, tmp_path: Path, page: Fault) -> None:
    planned = run("delete_job_execution", tmp_path / "run", **ONE)
    aws.script.fail("DeleteJobExecution", page)
    ended = run("delete_job_execution", tmp_path / "run", **ONE, confirm=planned.result["confirm"])
    assert ended.outcome == "applied", ended.reason
    assert aws.changes() == [DELETE]


def test_a_job_that_aws_is_still_cancelling_is_waited_for(aws: StandIn, tmp_path: Path) -> None:
    aws.fleet.job("recalled", ["pump-5", "pump-6"])
    aws.fleet.cancel_job("recalled", takes_s=6000)
    looked = run("investigate", tmp_path / "run", job_id="recalled")
    assert causes(looked) == {"pump-5": "canceling", "pump-6": "canceling"}, looked.reason


def test_connectivity_without_a_time_is_not_never_connected(aws: StandIn, tmp_path: Path) -> None:
    aws.fleet.thing("pump-2", connected=False, since_days=None)
    looked = run("investigate", tmp_path / "run", job_id="firmware")
    text = (tmp_path / "run" / "executions.csv").read_text()
    assert causes(looked)["pump-2"] == "device_offline", looked.reason
    assert "no time on record" in text
    assert "has never connected" not in text
