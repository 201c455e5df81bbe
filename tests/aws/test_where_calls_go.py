"""What botocore resolves decides where a call goes; the device plane is found as AWS says, or the control plane answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from iotjobs.aws.connect import connect
from iotjobs.aws.connection import Connection
from iotjobs.aws.endpoints import described_url, is_loopback, partition_of
from iotjobs.aws.read_fleet import place_of
from iotjobs.aws.transport import Limits
from iotjobs.diagnosis import commands
from iotjobs.errors import Denied, InvalidInput, IotJobsError, NotFound
from tests.aws_standin import StandIn, registry

LogIn = Callable[..., Path]
ONCE = Limits(read_attempts=1)
PUMP = {"jobId": "firmware", "thingName": "pump-2"}


def _on_device_plane(connection: Connection) -> str:
    return str(connection.read_device_plane("DescribeJobExecution", **PUMP)["execution"]["status"])


def _hosts(standin: StandIn, operation: str = "DescribeJobExecution") -> list[str]:
    return [call.host.way for call in standin.called(operation)]


def test_the_device_plane_is_the_accounts_own_host_and_asked_for_once(aws: StandIn, log_in: LogIn) -> None:
    log_in(aws)
    connection = connect()
    assert [_on_device_plane(connection), _on_device_plane(connection)] == ["IN_PROGRESS", "IN_PROGRESS"]
    assert _hosts(aws) == ["jobs", "jobs"]
    assert len(aws.called("DescribeEndpoint")) == 1


def test_where_iot_jobs_is_retired_data_ats_is_asked_for(log_in: LogIn) -> None:
    with StandIn(jobs_endpoint=False) as aws:
        aws.fleet.job("firmware", {"pump-2": "IN_PROGRESS"})
        log_in(aws)
        connection = connect()
        assert _on_device_plane(connection) == "IN_PROGRESS"
        assert _hosts(aws) == ["data-ats"]
        assert connection.warnings == ()


def test_where_no_host_serves_the_device_plane_the_control_plane_answers_and_it_is_said(log_in: LogIn) -> None:
    with StandIn(jobs_endpoint=False, data_ats_serves_jobs=False) as aws:
        aws.fleet.job("firmware", {"pump-2": "IN_PROGRESS"})
        log_in(aws)
        connection = connect()
        assert [_on_device_plane(connection), _on_device_plane(connection)] == ["IN_PROGRESS", "IN_PROGRESS"]
        assert _hosts(aws) == ["data-ats", "control", "control"]
        assert any("control plane is asked" in warning for warning in connection.warnings)


def test_where_describe_endpoint_is_denied_the_control_plane_answers(aws: StandIn, log_in: LogIn) -> None:
    log_in(aws)
    aws.deny("iot:DescribeEndpoint")
    connection = connect()
    assert [_on_device_plane(connection), _on_device_plane(connection)] == ["IN_PROGRESS", "IN_PROGRESS"]
    assert _hosts(aws) == ["control", "control"]
    assert len(aws.called("DescribeEndpoint")) == 1
    with pytest.raises(Denied, match="iot:DescribeEndpoint"):
        connection.read_device_plane("GetPendingJobExecutions", thingName="pump-2")


def test_one_thing_denied_on_the_device_plane_leaves_it_to_the_others(aws: StandIn, log_in: LogIn) -> None:
    log_in(aws)
    aws.deny("iotjobsdata:DescribeJobExecution", ".*thing/pump-2")
    connection = connect()
    assert _on_device_plane(connection) == "IN_PROGRESS"
    connection.read_device_plane("DescribeJobExecution", jobId="firmware", thingName="pump-3")
    assert _hosts(aws) == ["jobs", "control", "jobs"]


def test_denied_on_both_planes_is_denied(aws: StandIn, log_in: LogIn) -> None:
    log_in(aws)
    aws.deny("iot(jobsdata)?:DescribeJobExecution")
    with pytest.raises(Denied) as denied:
        _on_device_plane(connect())
    assert denied.value.action == "iotjobsdata:DescribeJobExecution"


@pytest.mark.parametrize(
    "host",
    ["evil.example.com", "x.iot.eu-central-1.amazonaws.com.evil.test", "u@a.jobs.iot.eu-central-1.amazonaws.com"],
)
def test_nothing_is_sent_to_a_host_that_is_not_aws(
    aws: StandIn, log_in: LogIn, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setattr(registry, "describe_endpoint", lambda *_: {"endpointAddress": host})
    log_in(aws)
    connection = connect()
    assert _on_device_plane(connection) == "IN_PROGRESS"
    assert (_hosts(aws), aws.strangers) == (["control"], [])
    assert any("no host of AWS" in warning for warning in connection.warnings)


def test_fips_is_kept_on_both_planes(log_in: LogIn) -> None:
    with StandIn(region="us-east-1") as aws:
        aws.fleet.job("firmware", {"pump-2": "IN_PROGRESS"})
        log_in(aws, AWS_USE_FIPS_ENDPOINT="true")
        connection = connect()
        assert _on_device_plane(connection) == "IN_PROGRESS"
        assert {call.host.fips for call in aws.calls} == {True}
        assert "iot-fips" in connection.endpoint


def test_where_no_fips_host_serves_the_device_plane_no_other_does(
    log_in: LogIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = {"endpointAddress": "abcdefghijkl.jobs.iot.us-east-1.amazonaws.com"}
    monkeypatch.setattr(registry, "describe_endpoint", lambda *_: answer)
    with StandIn(region="us-east-1") as aws:
        aws.fleet.job("firmware", {"pump-2": "IN_PROGRESS"})
        log_in(aws, AWS_USE_FIPS_ENDPOINT="true")
        connection = connect()
        assert _on_device_plane(connection) == "IN_PROGRESS"
        assert {call.host.fips for call in aws.calls} == {True}
        assert _hosts(aws) == ["nobody's", "control"]
        assert connection.warnings


def test_dual_stack(aws: StandIn, log_in: LogIn) -> None:
    log_in(aws, AWS_USE_DUALSTACK_ENDPOINT="true")
    connection = connect()
    assert _on_device_plane(connection) == "IN_PROGRESS"
    assert connection.endpoint == "https://iot.eu-central-1.api.aws"
    assert connection.endpoint_kind == "aws"
    assert _hosts(aws) == ["data-ats"]


def test_configured_endpoints_that_are_to_be_ignored_are(aws: StandIn, log_in: LogIn) -> None:
    log_in(aws, AWS_ENDPOINT_URL="http://127.0.0.1:9", AWS_IGNORE_CONFIGURED_ENDPOINT_URLS="true")
    connection = connect()
    assert connection.endpoint == "https://iot.eu-central-1.amazonaws.com"
    assert _on_device_plane(connection) == "IN_PROGRESS"
    assert _hosts(aws) == ["jobs"]


@pytest.mark.parametrize(("own", "answered_by"), [(True, ["jobs"]), (False, ["jobs", "control", "control"])])
def test_an_endpoint_in_a_profiles_services_section_holds(
    aws: StandIn, log_in: LogIn, own: bool, answered_by: list[str]
) -> None:
    """One of another account knows no execution of this one: then the control plane is asked, and it is said."""
    home = log_in(aws, "source_profile")
    answer = connect().read("DescribeEndpoint", endpointType="iot:Jobs")["endpointAddress"]
    host = answer if own else f"abcdefghijkl.{answer.partition('.')[2]}"
    config = home / ".aws" / "config"
    config.write_text(
        config.read_text().replace("[default]\n", "[default]\nservices = plant\n")
        + f"[services plant]\niot_jobs_data_plane =\n  endpoint_url = https://{host}\n"
    )
    connection = connect()
    for _ in range(len(answered_by) - (not own)):
        assert _on_device_plane(connection) == "IN_PROGRESS"
    assert _hosts(aws) == answered_by
    assert len(aws.called("DescribeEndpoint")) == 1
    assert any("another's host" in warning for warning in connection.warnings) is not own


def test_what_neither_plane_has_is_not_found(aws: StandIn, log_in: LogIn) -> None:
    log_in(aws)
    connection = connect()
    with pytest.raises(NotFound):
        connection.read_device_plane("DescribeJobExecution", jobId="firmware", thingName="nobody")
    assert connection.warnings == ()


def test_another_host_for_the_device_plane_alone_is_said(aws: StandIn, log_in: LogIn) -> None:
    log_in(aws, AWS_ENDPOINT_URL_IOT_JOBS_DATA_PLANE="http://127.0.0.1:9")
    assert any("two places" in warning for warning in connect().warnings)


def test_what_an_endpoint_hides_is_not_told(aws: StandIn, log_in: LogIn) -> None:
    log_in(aws, AWS_ENDPOINT_URL_IOT="http://user:hunter2@127.0.0.1:9/?token=hunter2")
    connection = connect(limits=ONCE)
    assert "hunter2" not in connection.endpoint + "".join(connection.warnings)
    with pytest.raises(IotJobsError) as failed:
        connection.read("ListJobs")
    assert "hunter2" not in str(failed.value)


@pytest.mark.parametrize(
    "url", ["https://user:hunter2@[", "user:hunter2@iot.example", "ftp://user:hunter2@iot.example"]
)
def test_an_endpoint_that_is_none_is_invalid_and_its_secrets_are_not_told(
    aws: StandIn, log_in: LogIn, url: str
) -> None:
    log_in(aws, AWS_ENDPOINT_URL_IOT=url)
    with pytest.raises(InvalidInput, match="AWS_ENDPOINT_URL") as refused:
        connect()
    assert "hunter2" not in str(refused.value)


def test_a_proxy_that_is_none_keeps_its_password(aws: StandIn, log_in: LogIn) -> None:
    log_in(aws, HTTPS_PROXY="http://user:hunter2@[bad")
    with pytest.raises(IotJobsError) as failed:
        connect(limits=ONCE)
    assert "hunter2" not in str(failed.value)


def test_an_endpoint_elsewhere_is_other_and_said(aws: StandIn, log_in: LogIn) -> None:
    log_in(aws, AWS_ENDPOINT_URL_IOT="http://iot.plant.example:8080")
    connection = connect()
    assert (connection.endpoint_kind, connection.sandbox) == ("other", False)
    words = " ".join(connection.warnings)
    assert "neither AWS's nor the sandbox's" in words
    assert "without encryption" in words
    assert "STS" in words
    printed = commands.iotjobs(place_of(connection), "run", "investigate")  # STS is not to be asked there either
    assert printed.startswith("AWS_ENDPOINT_URL_IOT=http://iot.plant.example:8080 iotjobs ")


def test_with_iot_alone_configured_the_device_plane_goes_there_too(aws: StandIn, log_in: LogIn) -> None:
    log_in(aws, AWS_ENDPOINT_URL_IOT="http://127.0.0.1:9")
    connection = connect(limits=ONCE)
    assert any("the jobs data plane" in warning for warning in connection.warnings)
    with pytest.raises(IotJobsError):
        connection.read_device_plane("GetPendingJobExecutions", thingName="pump-2")
    assert [call for call in aws.calls if call.service == "iot-jobs-data"] == []


@pytest.mark.parametrize(
    ("variables", "region", "warns"),
    [
        ({"AWS_REGION": "eu-west-1"}, "eu-west-1", True),
        ({"AWS_REGION": "eu-central-1"}, "eu-central-1", False),
        ({}, "eu-central-1", False),
    ],
)
def test_aws_region_holds_and_is_said_where_it_differs(
    aws: StandIn, log_in: LogIn, variables: dict[str, str], region: str, warns: bool
) -> None:
    log_in(aws, "source_profile", **variables)
    connection = connect()
    assert connection.region == region
    assert {call.host.region for call in aws.calls} == {region}
    assert any("AWS_REGION" in warning for warning in connection.warnings) is warns
    assert connect(region="us-west-2").region == "us-west-2"


def test_aws_region_alone_is_enough(aws: StandIn, log_in: LogIn, monkeypatch: pytest.MonkeyPatch) -> None:
    log_in(aws, AWS_REGION="eu-west-1")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert connect().region == "eu-west-1"
    assert connect().warnings == ()
    monkeypatch.delenv("AWS_REGION")
    with pytest.raises(InvalidInput, match="AWS_REGION"):
        connect()


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:4566", True),
        ("http://127.3.2.1", True),
        ("http://[::1]:80", True),
        ("http://localhost:1", True),
        ("http://127.0.0.1.evil.test", False),
        ("http://127.evil.test", False),
        ("http://localhost.evil.test", False),
        ("http://[::ffff:10.0.0.1]", False),
        ("http://[", False),
    ],
)
def test_loopback_is_an_address_no_prefix(url: str, here: bool) -> None:
    assert is_loopback(url) is here


def test_a_described_host_is_of_the_partition_and_region() -> None:
    partition = partition_of("eu-west-1", ())
    assert described_url("a.jobs.iot.eu-west-1.amazonaws.com", partition, "eu-west-1")
    assert described_url("a.jobs.iot.us-east-1.amazonaws.com", partition, "eu-west-1") is None
    assert described_url("a.jobs.iot.eu-west-1.amazonaws.com/x?", partition, "eu-west-1") is None
