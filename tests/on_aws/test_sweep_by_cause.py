"""A sweep by cause looks at the cause again before each cancel: many at once, and with a thing's list only where it must."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.aws_standin import StandIn
from tests.on_aws.conftest import LogIn
from tests.on_aws.notebook_code import confirmed

NAMES = [f"pump-{number:02}" for number in range(20)]
RULE = {"job_id": "firmware", "force": True, "max_fraction": 1.0}


@pytest.fixture
def aws(log_in: LogIn) -> Iterator[StandIn]:
    with StandIn() as standin:
        log_in(standin)
        yield standin


def test_offline_ones_are_looked_up_together_and_no_list_is_read_for_it(aws: StandIn, tmp_path: Path) -> None:
    for name in NAMES:
        aws.fleet.thing(name, connected=False, since_days=20)
    aws.fleet.job("firmware", dict.fromkeys(NAMES, "IN_PROGRESS"), days=40)
    ended = confirmed("sweep", tmp_path / "run", **RULE, causes="device_offline")
    assert ended.outcome == "applied", ended.reason
    assert len(aws.changes()) == 2 * len(NAMES)
    # for the plan and to see that it is gone; that of the canary's thing also before it is touched, and after
    assert len(aws.called("ListJobExecutionsForThing")) == 2 * len(NAMES) + 2
    assert len(aws.called("SearchIndex")) < len(NAMES)


def test_those_that_wait_behind_another_are_looked_at_with_their_queues(aws: StandIn, tmp_path: Path) -> None:
    for name in NAMES[:3]:
        aws.fleet.thing(name, connected=True, since_days=20)
    aws.fleet.job("stuck", dict.fromkeys(NAMES[:3], "IN_PROGRESS"), days=50)
    aws.fleet.job("firmware", dict.fromkeys(NAMES[:3], "QUEUED"), days=40)
    ended = confirmed("sweep", tmp_path / "run", **RULE, causes="blocked")
    assert ended.outcome == "applied", ended.reason
    assert {thing for _, job_id, thing in aws.changes() if job_id == "firmware"} == set(NAMES[:3])


def test_one_whose_device_came_back_is_left_alone(aws: StandIn, tmp_path: Path) -> None:
    for name in NAMES[:4]:
        aws.fleet.thing(name, connected=False, since_days=20)
    aws.fleet.job("firmware", dict.fromkeys(NAMES[:4], "IN_PROGRESS"), days=40)
    last = NAMES[3]

    def comes_back() -> None:
        aws.fleet.thing(last, connected=True, since_days=0)

    aws.script.after("DeleteJobExecution", comes_back)
    ended = confirmed("sweep", tmp_path / "run", **RULE, causes="device_offline")
    assert ended.result["counts"]["drifted"] == 1, ended.reason
    assert last not in {thing for _, _, thing in aws.changes()}
