"""The account and place belong to each answer: two endpoints may disagree, and credentials may become another's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from iotjobs.aws import sandbox_proof
from iotjobs.aws.connect import connect
from iotjobs.aws.connection import Connection
from iotjobs.aws.executions import job_executions
from iotjobs.errors import IotJobsError, Refused
from iotjobs.sandbox.fleet import Fleet
from iotjobs.sandbox.server import Server
from tests.aws_standin import StandIn
from tests.aws_standin.logins import Role

from .front import Front

LogIn = Callable[..., Path]
OTHER = "arn:aws:iot:eu-central-1:222222222222:"


@pytest.fixture
def front(aws: StandIn, log_in: LogIn) -> Iterator[Front]:
    with Front() as server:
        log_in(aws, AWS_ENDPOINT_URL_IOT=server.url)
        yield server


@pytest.mark.parametrize(
    ("operation", "parameters", "answer"),
    [
        ("ListJobs", {}, {"jobs": [{"jobId": "j", "jobArn": f"{OTHER}job/j"}]}),
        ("ListThings", {}, {"things": [{"thingName": "t", "thingArn": f"{OTHER}thing/t"}]}),
        ("DescribeThing", {"thingName": "t"}, {"thingName": "t", "thingArn": f"{OTHER}thing/t"}),
        ("DescribeJob", {"jobId": "j"}, {"job": {"jobId": "j", "status": "IN_PROGRESS", "jobArn": f"{OTHER}job/j"}}),
        (
            "ListJobExecutionsForJob",
            {"jobId": "j"},
            {"executionSummaries": [{"thingArn": f"{OTHER}thing/t", "jobExecutionSummary": {"status": "QUEUED"}}]},
        ),
        (
            "DescribeJobExecution",
            {"jobId": "j", "thingName": "t"},
            {"execution": {"status": "QUEUED", "queuedAt": 1, "versionNumber": 1, "thingArn": f"{OTHER}thing/t"}},
        ),
    ],
)
@pytest.mark.parametrize(
    "place", [OTHER, "arn:aws:iot:us-east-1:444455556666:", "arn:aws-cn:iot:eu-central-1:444455556666:"]
)
def test_an_answer_about_another_account_or_region_is_refused(
    front: Front, operation: str, parameters: dict[str, str], answer: dict[str, object], place: str
) -> None:
    connection = connect()
    front.body = json.dumps(answer).replace(OTHER, place).encode()
    with pytest.raises(Refused, match="444455556666"):
        connection.read(operation, **parameters)
    front.body = json.dumps(answer).replace(OTHER, "arn:aws:iot:eu-central-1:444455556666:").encode()
    assert connection.read(operation, **parameters)


def test_a_listing_about_another_account_is_refused(front: Front) -> None:
    summary = {"status": "QUEUED", "queuedAt": 1790000000, "executionNumber": 1}
    rows = [{"thingArn": f"{OTHER}thing/t", "jobExecutionSummary": summary}]
    front.body = json.dumps({"executionSummaries": rows}).encode()
    with pytest.raises(Refused, match="444455556666"):
        job_executions(connect(), "firmware")


def test_an_account_that_is_no_account(aws: StandIn, log_in: LogIn) -> None:
    aws.account = "tenant-7"
    log_in(aws)
    with pytest.raises(IotJobsError, match="really AWS"):
        connect()


def _becomes(aws: StandIn, account: str) -> None:
    """All keys from now on are of another account, and those there are have ended."""
    for role in list(aws.logins.roles.values()):
        aws.logins.roles[role.arn] = Role(role.arn, role.name, account)


def test_credentials_that_are_renewed_for_another_account_are_refused(aws: StandIn, log_in: LogIn) -> None:
    aws.logins.issued_lasts_s = 1  # botocore renews at every call what is about to end
    log_in(aws, "source_profile")
    aws.logins.issued_lasts_s = 60
    connection = connect()
    connection.read("ListJobs")
    _becomes(aws, "777788889999")
    before = len(aws.calls)
    with pytest.raises(Refused, match=r"777788889999.*444455556666"):
        connection.change("DeleteJobExecution", jobId="firmware", thingName="pump-1", executionNumber=1)
    assert "DeleteJobExecution" not in [call.operation for call in aws.calls[before:]]


def test_credentials_that_are_renewed_for_the_same_account_go_on(aws: StandIn, log_in: LogIn) -> None:
    aws.logins.issued_lasts_s = 60
    log_in(aws, "source_profile")
    connection = connect()
    for _ in range(3):
        connection.read("ListJobs")
    assert len({call.caller for call in aws.called("ListJobs")}) >= 1
    assert len(aws.called("GetCallerIdentity")) >= 2


def test_the_identity_is_asked_once_while_the_key_stays(aws: StandIn, log_in: LogIn) -> None:
    log_in(aws)
    connection = connect()
    for _ in range(3):
        connection.read("ListJobs")
    assert len(aws.called("GetCallerIdentity")) == 1


# The sandbox proves itself; nothing else is one.


def test_the_sandbox_proves_itself(aged_fleet: Fleet) -> None:
    connection = connect()
    assert (connection.sandbox, connection.endpoint_kind, connection.warnings) == (True, "sandbox", ())


@pytest.mark.parametrize("secret", ["", "0" * 64])
def test_without_its_secret_it_is_live(aged_fleet: Fleet, monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    monkeypatch.setenv(sandbox_proof.SECRET_VARIABLE, secret)
    connection = connect()
    assert (connection.sandbox, connection.endpoint_kind) == (False, "other")


def test_a_service_that_gives_back_a_challenge_is_no_sandbox(
    aged_fleet: Fleet, front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(sandbox_proof.SECRET_VARIABLE, aged_fleet.server.secret)
    front.body = sandbox_proof.answer(
        aged_fleet.server.secret, f"challenge={'a' * 32}", aged_fleet.server.port
    ).encode()
    assert not sandbox_proof.is_proven(front.url)
    assert front.asked


def test_a_proof_is_of_one_port(aged_fleet: Fleet) -> None:
    """A proxy that passes on the sandbox's proof, and other calls to somewhere else, is no sandbox."""
    secret, query = aged_fleet.server.secret, f"challenge={'a' * 32}"
    assert sandbox_proof.answer(secret, query, 1) != sandbox_proof.answer(secret, query, 2)
    assert sandbox_proof.answer(secret, "challenge=x", 1) is None


def test_identity_of_the_sandbox_and_jobs_of_another_place_is_live_and_said(
    aged_fleet: Fleet, front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in aged_fleet.server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL_IOT", front.url)
    connection = connect()
    assert (connection.sandbox, connection.endpoint_kind, connection.endpoint) == (False, "other", front.url)
    front.body = json.dumps({"jobs": [{"jobId": "j", "jobArn": f"{OTHER}job/j"}]}).encode()
    with pytest.raises(Refused):
        connection.read("ListJobs")


def test_a_loopback_endpoint_of_a_made_up_account_is_no_sandbox(aws: StandIn, log_in: LogIn, front: Front) -> None:
    assert not connect().sandbox


def test_each_sandbox_has_a_secret_of_its_own() -> None:
    first, second = Server(), Server()
    assert first.secret != second.secret
    assert first.environment[sandbox_proof.SECRET_VARIABLE] == first.secret
    for server in (first, second):
        server._socket.close()


def test_both_planes_and_sts_elsewhere_than_iot_are_said(aws: StandIn, log_in: LogIn) -> None:
    with Front() as sts:
        sts.body = (
            b"<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/x</Arn>"
            b"<Account>123456789012</Account><UserId>x</UserId></GetCallerIdentityResult></GetCallerIdentityResponse>"
        )
        log_in(aws, AWS_ENDPOINT_URL_STS=sts.url)
        connection = connect()
        assert connection.endpoint_kind == "aws"
        assert any("STS" in warning and "two places" in warning for warning in connection.warnings)
        with pytest.raises(Refused):
            _jobs(connection)


def _jobs(connection: Connection) -> list[object]:
    return [job for page in connection.pages("ListJobs", "jobs") for job in page]


@pytest.mark.parametrize(
    ("operation", "parameters", "answer"),
    [
        ("SearchIndex", {"queryString": "*"}, {"things": [None]}),
        ("SearchIndex", {"queryString": "*"}, {"things": [{"thingName": 7}]}),
        ("GetIndexingConfiguration", {}, {"thingIndexingConfiguration": {"thingIndexingMode": []}}),
        ("GetThingConnectivityData", {"thingName": "t"}, {"disconnectReason": ["LOST"]}),
        ("DescribeJob", {"jobId": "j"}, {"job": {"jobId": "j", "status": "COMPLETED", "namespaceId": [1]}}),
        ("DescribeEndpoint", {}, {"endpointAddress": True}),
    ],
    ids=str,
)
def test_an_answer_that_is_not_of_awss_shape_is_an_error_and_no_answer(
    front: Front, operation: str, parameters: dict[str, str], answer: dict[str, object]
) -> None:
    connection = connect()
    front.body = json.dumps(answer).encode()
    with pytest.raises(IotJobsError, match=rf"the answer to {operation}.* cannot be read .*which is no"):
        connection.read(operation, **parameters)


def test_an_answer_that_a_cache_kept_is_no_look(front: Front) -> None:
    connection = connect()
    front.body, front.headers = b'{"job": {"jobId": "j", "status": "COMPLETED"}}', {"Age": "30"}
    with pytest.raises(IotJobsError, match=r"DescribeJob .* is 30 s old, from a cache"):
        connection.read("DescribeJob", jobId="j")
