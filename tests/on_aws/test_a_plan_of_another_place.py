"""A single plan confirmed where it was not made: the same names, even the same moment, may exist there too."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.aws_standin import StandIn
from tests.aws_standin.fleet import Fleet
from tests.on_aws.conftest import LogIn
from tests.on_aws.notebook_code import run

ONE = {"job_id": "rollout", "thing_name": "pump-1"}
CASES = [("delete_job_execution", {"execution_number": 1}, "FAILED"), ("cancel_job_execution", {}, "QUEUED")]


@pytest.fixture
def moment() -> float:
    return time.time() - 40 * 86400


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def _rolled_out(fleet: Fleet, moment: float, status: str) -> None:
    fleet.now = lambda: moment + 40 * 86400
    fleet.job("rollout", {"pump-1": status})


@pytest.mark.parametrize(("notebook", "more", "status"), CASES, ids=[case[0] for case in CASES])
def test_another_account_is_refused(
    log_in: LogIn, stack: ExitStack, tmp_path: Path, moment: float, notebook: str, more: dict[str, int], status: str
) -> None:
    first = stack.enter_context(StandIn())
    _rolled_out(first.fleet, moment, status)
    log_in(first)
    planned = run(notebook, tmp_path / "run", **ONE, **more)
    assert planned.outcome == "planned", planned.reason
    second = stack.enter_context(StandIn(account="111122223333"))
    _rolled_out(second.fleet, moment, status)
    log_in(second)
    ended = run(notebook, tmp_path / "run", confirm=planned.result["confirm"], **ONE, **more)
    assert (ended.outcome, [each["guard"] for each in ended.result["refusals"]]) == ("refused", ["plan_foreign"])
    assert "111122223333" in ended.reason
    assert second.changes() == []


@pytest.mark.parametrize(("notebook", "more", "status"), CASES, ids=[case[0] for case in CASES])
def test_another_region_is_refused(
    log_in: LogIn, stack: ExitStack, tmp_path: Path, moment: float, notebook: str, more: dict[str, int], status: str
) -> None:
    aws = stack.enter_context(StandIn())
    for region in ("us-west-2", aws.region):
        _rolled_out(aws.fleet_of(aws.account, region), moment, status)
    log_in(aws)
    planned = run(notebook, tmp_path / "run", region="us-west-2", **ONE, **more)
    ended = run(notebook, tmp_path / "run", confirm=planned.result["confirm"], **ONE, **more)
    assert (ended.outcome, [each["guard"] for each in ended.result["refusals"]]) == ("refused", ["plan_foreign"])
    assert aws.changes() == []
