"""FIPS, dual stack, China, and where the device plane is: what botocore resolves is what is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.aws_standin import StandIn
from tests.on_aws.conftest import LogIn, build_pumps
from tests.on_aws.notebook_code import confirmed, run
from tests.on_aws.test_the_three_jobs_under_every_login import ONE, SWEEP, causes

CAUSES = {"pump-2": "device_offline", "pump-3": "stalled", "pump-4": "not_picked_up"}


@pytest.mark.parametrize(
    ("region", "settings", "endpoint"),
    [
        ("us-east-1", {"AWS_USE_FIPS_ENDPOINT": "true"}, "https://iot-fips.us-east-1.amazonaws.com"),
        ("eu-central-1", {"AWS_USE_DUALSTACK_ENDPOINT": "true"}, "https://iot.eu-central-1.api.aws"),
        ("cn-north-1", {}, "https://iot.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_the_three_jobs_in_other_places(
    log_in: LogIn, tmp_path: Path, region: str, settings: dict[str, str], endpoint: str
) -> None:
    with StandIn(region=region) as aws:
        build_pumps(aws)
        log_in(aws, "source_profile", settings=settings)
        looked = run("investigate", tmp_path / "investigate", job_id="firmware")
        assert (looked.outcome, looked.result["endpoint"]) == ("ok", endpoint), looked.reason
        assert causes(looked) == CAUSES
        assert confirmed("delete_job_execution", tmp_path / "delete", **ONE).outcome == "applied"
        assert confirmed("sweep", tmp_path / "sweep", **SWEEP).outcome == "applied"
        assert sorted(aws.fleet.left("firmware")) == ["pump-2", "pump-3", "pump-4"]
        assert looked.result["caller_arn"].startswith(f"arn:{aws.partition}:")
        if "AWS_USE_FIPS_ENDPOINT" in settings:
            without = {call.host.name for call in aws.calls if not call.host.fips}
            assert not without or "FIPS" in " ".join(looked.result["warnings"]), without


@pytest.mark.parametrize(
    ("options", "way"),
    [
        ({}, {"jobs"}),
        ({"jobs_endpoint": False}, {"data-ats"}),
        ({"jobs_endpoint": False, "data_ats_serves_jobs": False}, {"control"}),
    ],
    ids=["iot:Jobs", "iot:Data-ATS", "neither"],
)
def test_a_running_execution_is_described_where_aws_serves_it(
    log_in: LogIn, tmp_path: Path, options: dict[str, Any], way: set[str]
) -> None:
    with StandIn(**options) as aws:
        build_pumps(aws)
        aws.fleet.job("timed", {"pump-3": "IN_PROGRESS"}, days=30, timeoutConfig={"inProgressTimeoutInMinutes": 50_000})
        log_in(aws)
        looked = run("investigate", tmp_path / "run", job_id="firmware")
        assert (looked.outcome, causes(looked)) == ("ok", CAUSES), looked.reason
        ways = {call.host.way for call in aws.called("DescribeJobExecution") if call.error is None}
        assert ways == way
        timed = run("investigate", tmp_path / "timed", job_id="timed")
        assert causes(timed) == {"pump-3": "timeout_pending"}


def test_a_region_by_parameter_is_asked_though_another_is_set(aws: StandIn, log_in: LogIn, tmp_path: Path) -> None:
    log_in(aws, settings={"AWS_DEFAULT_REGION": "us-east-1"})
    looked = run("investigate", tmp_path / "run", job_id="firmware", region=aws.region)
    assert (looked.outcome, looked.result["region"]) == ("ok", aws.region), looked.reason
    assert {call.host.region for call in aws.calls if call.service == "iot"} == {aws.region}
