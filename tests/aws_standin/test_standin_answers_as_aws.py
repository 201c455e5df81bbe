"""The stand-in itself: AWS's times, errors, refusals and logins, and that it cannot answer what AWS does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.exceptions import ConnectionError as NoConnection

from tests.aws_standin import CHAINS, Fault, NotInTheModel, StandIn, control_plane, in_process

Client = Callable[..., Any]
_MODELS = botocore.session.get_session().get_component("data_loader")
_ONCE = Config(retries={"total_max_attempts": 1})


@pytest.fixture
def aws() -> Iterator[StandIn]:
    with StandIn() as standin:
        standin.fleet.job("firmware", {"pump-1": "FAILED", "pump-2": "IN_PROGRESS", "pump-3": "QUEUED"})
        yield standin


@pytest.fixture
def log_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Client]:
    """Log in to a stand-in by one of the chains; gives a maker of clients."""

    def use(standin: StandIn, chain: str = "static keys", **settings: str) -> Client:
        in_process.use(monkeypatch, CHAINS[chain](standin, tmp_path / chain) | settings)
        return lambda service, **more: _session().client(service, config=_ONCE, **more)

    return use


def _session(**more: Any) -> boto3.Session:
    """A session of its own, whose service models are read once for all tests."""
    core = botocore.session.Session()
    core.register_component("data_loader", _MODELS)
    return boto3.Session(botocore_session=core, **more)


def _code(call: Callable[..., Any], **asked: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as refused:
        call(**asked)
    answer: Any = refused.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize("chain", CHAINS)
def test_every_way_to_log_in_reaches_the_account(aws: StandIn, log_in: Callable[..., Client], chain: str) -> None:
    client = log_in(aws, chain)
    assert client("sts").get_caller_identity()["Account"] == aws.account
    assert [job["jobId"] for job in client("iot").list_jobs()["jobs"]] == ["firmware"]


def test_the_control_plane_has_milliseconds_and_the_device_plane_whole_seconds(
    aws: StandIn, log_in: Callable[..., Client]
) -> None:
    held = aws.fleet.newest("firmware", "pump-2")
    assert held is not None
    held.queued_at = 1_790_000_000.123
    client = log_in(aws)
    asked = {"jobId": "firmware", "thingName": "pump-2"}
    described = client("iot").describe_job_execution(**asked)["execution"]
    listed = client("iot").list_job_executions_for_thing(thingName="pump-2")["executionSummaries"][0]
    assert described["queuedAt"] == listed["jobExecutionSummary"]["queuedAt"]
    assert described["queuedAt"].timestamp() == 1_790_000_000.123
    host = client("iot").describe_endpoint(endpointType="iot:Jobs")["endpointAddress"]
    data = client("iot-jobs-data", endpoint_url=f"https://{host}")
    assert data.describe_job_execution(**asked)["execution"]["queuedAt"] == 1_790_000_000


def test_refusals_have_the_codes_of_aws(aws: StandIn, log_in: Callable[..., Client]) -> None:
    client = log_in(aws)
    iot = client("iot")
    running, failed = ({"jobId": "firmware", "thingName": f"pump-{number}"} for number in (2, 1))
    assert _code(iot.delete_job_execution, **running, executionNumber=1) == ("InvalidStateTransitionException", 409)
    assert _code(iot.cancel_job_execution, **running, expectedVersion=9) == ("VersionConflictException", 409)
    assert _code(iot.describe_job_execution, **failed, executionNumber=2) == ("ResourceNotFoundException", 404)
    assert _code(iot.describe_job_execution, **failed, executionNumber=0) == ("InvalidRequestException", 400)
    host = iot.describe_endpoint(endpointType="iot:Jobs")["endpointAddress"]
    data = client("iot-jobs-data", endpoint_url=f"https://{host}")
    assert _code(data.describe_job_execution, **failed) == ("TerminalStateException", 410)
    generic = client("iot-jobs-data")
    assert _code(generic.get_pending_job_executions, thingName="pump-2") == ("AccessDeniedException", 403)


def test_keys_that_have_ended_are_refused_and_those_unknown(aws: StandIn, log_in: Callable[..., Client]) -> None:
    iot, sts = log_in(aws, "source_profile")("iot"), log_in(aws, "source_profile")("sts")
    iot.list_jobs()
    sts.get_caller_identity()
    aws.logins.revoke()
    assert _code(iot.list_jobs) == ("ExpiredTokenException", 403)
    assert _code(sts.get_caller_identity) == ("ExpiredToken", 403)
    unknown = {"aws_access_key_id": "AKIANOBODY", "aws_secret_access_key": "x"}
    iot, sts = (_session(**unknown).client(name, config=_ONCE) for name in ("iot", "sts"))
    assert _code(iot.list_jobs) == ("UnrecognizedClientException", 403)
    assert _code(sts.get_caller_identity) == ("InvalidClientTokenId", 403)


def test_hosts_of_fips_dual_stack_and_china_are_the_real_ones(log_in: Callable[..., Client]) -> None:
    for region, settings, name in (
        ("us-east-1", {"AWS_USE_FIPS_ENDPOINT": "true"}, "iot-fips.us-east-1.amazonaws.com"),
        ("eu-central-1", {"AWS_USE_DUALSTACK_ENDPOINT": "true"}, "iot.eu-central-1.api.aws"),
        ("cn-north-1", {}, "iot.cn-north-1.amazonaws.com.cn"),
    ):
        with StandIn(region=region) as standin:
            client = log_in(standin, **settings)
            client("iot").list_jobs()
            assert [call.host.name for call in standin.calls] == [name]
            assert client("sts").get_caller_identity()["Arn"].startswith(f"arn:{standin.partition}:")
    with StandIn(region="eu-central-1") as standin:  # AWS has no FIPS there
        with pytest.raises((EndpointConnectionError, NoConnection)):
            log_in(standin, AWS_USE_FIPS_ENDPOINT="true")("iot").list_jobs()
        assert standin.strangers == ["iot-fips.eu-central-1.amazonaws.com"]


def test_what_the_model_does_not_know_fails_the_test(
    aws: StandIn, log_in: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, answer in (
        ("list_jobs", {"jobs": [{"jobId": "firmware", "colour": "red"}]}),
        ("describe_job", {"job": {"jobId": "no id", "status": "IN_PROGRESS"}}),
        ("get_job_document", {"document": 7}),
    ):
        with pytest.raises(NotInTheModel), StandIn() as standin:  # noqa: PT012 - the call fails, then the `with` does
            monkeypatch.setattr(control_plane, name, lambda *_, answer=answer: answer)
            asked = {} if name == "list_jobs" else {"jobId": "firmware"}
            with pytest.raises(ClientError):
                getattr(log_in(standin)("iot"), name)(**asked)


def test_moves_faults_and_quotas_come_at_their_call(aws: StandIn, log_in: Callable[..., Client]) -> None:
    iot = log_in(aws)("iot")
    aws.script.after("ListJobs", lambda: aws.fleet.report("firmware", "pump-2", "SUCCEEDED"), call=2)
    aws.script.fail("DescribeJob", Fault("drop"), call=2)
    iot.list_jobs()
    assert aws.fleet.left("firmware")["pump-2"] == "IN_PROGRESS"
    iot.list_jobs()
    assert aws.fleet.left("firmware")["pump-2"] == "SUCCEEDED"
    iot.describe_job(jobId="firmware")
    with pytest.raises(NoConnection):
        iot.describe_job(jobId="firmware")
    iot.describe_job(jobId="firmware")
    with StandIn(limits={"ListThings": 2}) as limited:
        iot = log_in(limited)("iot")
        codes = []
        for _ in range(3):
            try:
                iot.list_things()
                codes.append("")
            except ClientError as refused:
                codes.append(refused.response["Error"]["Code"])
        assert codes == ["", "", "ThrottlingException"]
        log_in(limited)("iot", region_name="eu-west-1").list_things()  # each account and region has quotas of its own


def test_cancels_and_deletes_show_late(aws: StandIn, log_in: Callable[..., Client]) -> None:
    iot = log_in(aws)("iot")
    aws.fleet.cancels_show_after_s = aws.fleet.deletes_show_after_s = 60
    iot.cancel_job_execution(jobId="firmware", thingName="pump-2", force=True, statusDetails={"by": "alice"})
    iot.delete_job_execution(jobId="firmware", thingName="pump-1", executionNumber=1)
    assert aws.fleet.left("firmware") == {"pump-1": "FAILED", "pump-2": "IN_PROGRESS", "pump-3": "QUEUED"}
    aws.advance(61)
    assert aws.fleet.left("firmware") == {"pump-2": "CANCELED", "pump-3": "QUEUED"}
    described = iot.describe_job_execution(jobId="firmware", thingName="pump-2")["execution"]
    assert described["statusDetails"] == {"detailsMap": {"by": "alice"}}
