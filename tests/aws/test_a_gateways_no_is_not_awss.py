"""What stands before AWS may answer after AWS acted: a changing call's no counts only when it is AWS's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from iotjobs.aws.connect import connect
from iotjobs.aws.connection import Connection
from iotjobs.errors import (
    Denied,
    IotJobsError,
    NotFound,
    StateConflict,
    Throttled,
    Unsettled,
)
from tests.aws_standin import Fault, StandIn

from .front import Front

LogIn = Callable[..., Path]
PUMP: dict[str, Any] = {"jobId": "firmware", "thingName": "pump-1", "executionNumber": 1}


@pytest.fixture
def connection(aws: StandIn, log_in: LogIn) -> Connection:
    log_in(aws)
    return connect()


@pytest.mark.parametrize("acted", [True, False])
@pytest.mark.parametrize("status", [301, 302, 400, 401, 403, 404, 407, 408, 410, 413, 429, 500, 503])
def test_a_changing_call_is_unsettled(aws: StandIn, connection: Connection, status: int, acted: bool) -> None:
    aws.script.fail("DeleteJobExecution", Fault("gateway", status=status, acted=acted))
    with pytest.raises(Unsettled, match=f"{status}.*may or may not"):
        connection.change("DeleteJobExecution", **PUMP)
    assert len(aws.called("DeleteJobExecution")) == 1


@pytest.mark.parametrize("status", [301, 400, 404, 408, 410])
def test_a_reading_call_is_never_not_found(aws: StandIn, connection: Connection, status: int) -> None:
    aws.script.fail("DescribeJobExecution", Fault("gateway", status=status))
    with pytest.raises(IotJobsError, match="without an error of AWS") as failed:
        connection.read("DescribeJobExecution", **PUMP)
    assert not isinstance(failed.value, NotFound | Denied)


@pytest.fixture
def front() -> Iterator[Front]:
    with Front() as server:
        yield server


@pytest.mark.parametrize(
    ("status", "headers", "body", "error"),
    [
        (403, {"x-amzn-ErrorType": "AccessDeniedException"}, b'{"message": "no"}', Denied),
        (403, {}, b'{"__type": "AccessDeniedException", "message": "no"}', Denied),
        (404, {"x-amzn-ErrorType": "ResourceNotFoundException:http://x/"}, b"{}", NotFound),
        (409, {"x-amzn-ErrorType": "VersionConflictException"}, b"{}", StateConflict),
        (400, {"x-amzn-ErrorType": "ThrottlingException"}, b"{}", Throttled),
        (403, {}, b'{"message": "Forbidden"}', Unsettled),
        (
            403,
            {"x-amzn-ErrorType": "ForbiddenException", "x-amzn-RequestId": "1"},
            b'{"message": "Forbidden"}',
            Unsettled,
        ),
        (404, {}, b'{"code": "ResourceNotFoundException"}', Unsettled),
        (404, {}, b'{"code": 404, "message": "not found"}', Unsettled),
        (404, {}, b'["not", "an", "error"]', Unsettled),
        (404, {}, b"[" * 100_000, Unsettled),
        (503, {"x-amzn-ErrorType": "ServiceUnavailableException"}, b"{}", Unsettled),
        (302, {"Location": "http://127.0.0.1:9/login"}, b"", Unsettled),
    ],
)
def test_only_aws_own_form_of_a_no_is_one(
    aws: StandIn,
    log_in: LogIn,
    front: Front,
    status: int,
    headers: dict[str, str],
    body: bytes,
    error: type[IotJobsError],
) -> None:
    log_in(aws, AWS_ENDPOINT_URL_IOT=front.url)
    front.status, front.headers, front.body = status, headers, body
    connection = connect()
    with pytest.raises(IotJobsError) as failed:
        connection.change("DeleteJobExecution", **PUMP)
    assert type(failed.value) is error
    assert len(front.asked) == 1  # sent once; no redirect was followed


def test_a_gateway_that_names_a_code_of_aws_does_not_make_an_execution_gone(
    aws: StandIn, log_in: LogIn, front: Front
) -> None:
    log_in(aws, AWS_ENDPOINT_URL_IOT=front.url)
    front.status, front.body = 404, b'{"code": "ResourceNotFoundException"}'
    with pytest.raises(IotJobsError, match="without an error of AWS") as failed:
        connect().read("DescribeJobExecution", **PUMP)
    assert not isinstance(failed.value, NotFound)


def test_the_code_of_aws_is_kept(aws: StandIn, connection: Connection) -> None:
    with pytest.raises(NotFound) as failed:
        connection.change("DeleteJobExecution", **(PUMP | {"jobId": "no-such-job"}))
    assert failed.value.code == "ResourceNotFoundException"


@pytest.mark.parametrize("acted", [True, False])
def test_a_connection_that_is_cut_is_unsettled(aws: StandIn, connection: Connection, acted: bool) -> None:
    aws.script.fail("DeleteJobExecution", Fault("drop", acted=acted))
    with pytest.raises(Unsettled):
        connection.change("DeleteJobExecution", **PUMP)


def _quoting(words: str) -> bytes:
    return f'{{"message": "{words}"}}'.encode()


def test_a_message_that_quotes_the_signed_request_is_not_kept(aws: StandIn, log_in: LogIn, front: Front) -> None:
    log_in(aws, "source_profile", AWS_ENDPOINT_URL_IOT=front.url)
    connection = connect()
    token = next(key.token for key in aws.logins.keys.values() if key.token)
    quoted = _quoting(f"DELETE /x\\\\nx-amz-security-token:{token}\\\\nhost;x-amz-date {'x' * 5_000_000}")
    front.status, front.headers, front.body = 403, {"x-amzn-ErrorType": "InvalidSignatureException"}, quoted
    with pytest.raises(Denied) as failed:
        connection.change("DeleteJobExecution", **PUMP)
    assert token not in str(failed.value)
    assert len(str(failed.value)) < 900
    chain: Any = failed.value
    assert (chain.__cause__, chain.__suppress_context__) == (None, True)
