"""Investigate, delete one and sweep, on AWS's host names, whichever way the caller logs in."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.aws_standin import CHAINS, StandIn
from tests.on_aws.conftest import LogIn
from tests.on_aws.notebook_code import Ended, confirmed, run

ONE = {"job_id": "firmware", "thing_name": "pump-1", "execution_number": 1}
SWEEP = {"job_id": "firmware", "statuses": "SUCCEEDED", "max_fraction": 1.0, "older_than": "1d"}


def causes(ended: Ended) -> dict[str, str]:
    """The cause of each unfinished execution, by its thing."""
    return causes_in(ended.directory)


def causes_in(directory: Path) -> dict[str, str]:
    with (directory / "executions.csv").open() as file:
        return {row["thing_name"]: row["cause"] for row in csv.DictReader(file) if row["cause"]}


@pytest.mark.parametrize("chain", CHAINS)
def test_the_three_jobs(aws: StandIn, log_in: LogIn, tmp_path: Path, chain: str) -> None:
    log_in(aws, chain)
    looked = run("investigate", tmp_path / "investigate", job_id="firmware")
    assert looked.outcome == "ok", looked.reason
    assert causes(looked) == {"pump-2": "device_offline", "pump-3": "stalled", "pump-4": "not_picked_up"}
    deleted = confirmed("delete_job_execution", tmp_path / "delete", **ONE)
    assert deleted.outcome == "applied", deleted.reason
    swept = confirmed("sweep", tmp_path / "sweep", **SWEEP)
    assert swept.outcome == "applied", swept.reason
    assert sorted(aws.fleet.left("firmware")) == ["pump-2", "pump-3", "pump-4"]
    assert len(aws.changes()) == 7
    for ended in (looked, deleted, swept):
        assert (ended.result["account"], ended.result["region"]) == (aws.account, aws.region)
    assert aws.called("DeleteJobExecution")[-1].caller == swept.result["caller_arn"]
    assert aws.strangers == []
