"""Whatever botocore can log in with, the kit can: STS and SSO are asked by botocore's own clients, unchanged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from iotjobs.aws import executions as fetch
from iotjobs.aws.connect import connect
from tests.aws_standin import CHAINS, StandIn
from tests.aws_standin.chains import sso

from .conftest import Settings

LogIn = Callable[..., Path]


@pytest.mark.parametrize("chain", CHAINS)
def test_it_reaches_the_account_and_its_jobs(aws: StandIn, log_in: LogIn, chain: str) -> None:
    log_in(aws, chain)
    connection = connect()
    assert (connection.account, connection.endpoint_kind, connection.warnings) == (aws.account, "aws", ())
    assert connection.caller_arn.startswith("arn:aws:")
    assert [job["jobId"] for page in connection.pages("ListJobs", "jobs") for job in page] == ["firmware"]


def test_an_sso_login_that_can_be_refreshed_is(aws: StandIn, use: Settings, tmp_path: Path) -> None:
    use(sso(aws, tmp_path, lasts_s=-60, refreshable=True))
    assert connect().account == aws.account


@pytest.mark.parametrize(
    ("region", "partition", "suffix"),
    [("cn-north-1", "aws-cn", "amazonaws.com.cn"), ("us-gov-west-1", "aws-us-gov", "amazonaws.com")],
)
def test_china_and_govcloud(log_in: LogIn, region: str, partition: str, suffix: str) -> None:
    with StandIn(region=region) as standin:
        standin.fleet.job("firmware", {"pump-1": "IN_PROGRESS"})
        log_in(standin, "source_profile")
        connection = connect()
        assert connection.caller_arn.startswith(f"arn:{partition}:sts:")
        assert (connection.endpoint, connection.endpoint_kind) == (f"https://iot.{region}.{suffix}", "aws")
        assert len(fetch.job_executions(connection, "firmware")) == 1
        asked = {"jobId": "firmware", "thingName": "pump-1"}
        assert connection.read_device_plane("DescribeJobExecution", **asked)["execution"]["jobId"] == "firmware"
        assert {call.host.partition for call in standin.calls} == {partition}
