"""Each call ends: answers that drip, that are endless, too long or too deep, and listings that lead in a circle."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from iotjobs.aws import paging
from iotjobs.aws.connect import connect
from iotjobs.aws.connection import Connection
from iotjobs.aws.executions import job_executions
from iotjobs.aws.transport import Limits
from iotjobs.errors import IotJobsError, Unsettled
from tests.aws_standin import StandIn, control_plane

from .front import Front

LogIn = Callable[..., Path]
LIMITS = Limits(attempt_s=1, call_s=3, read_attempts=2, body_bytes=1 << 20)
PUMP: dict[str, Any] = {"jobId": "firmware", "thingName": "pump-1", "executionNumber": 1}


@pytest.fixture
def front(aws: StandIn, log_in: LogIn) -> Iterator[Front]:
    with Front() as server:
        log_in(aws, AWS_ENDPOINT_URL_IOT=server.url)
        yield server


def _drip() -> Iterator[bytes]:
    yield b'{"jobs": ['
    yield from itertools.repeat(b" ")


def test_a_reading_that_drips_is_given_up(front: Front) -> None:
    connection = connect(limits=LIMITS)
    front.body, front.pause_s = _drip(), 0.05
    started = time.monotonic()
    with pytest.raises(IotJobsError, match="did not end within"):
        connection.read("ListJobs")
    assert time.monotonic() - started < 4


@pytest.mark.parametrize("part", ["body", "headers"])
def test_a_page_that_drips_while_it_is_read_ahead_is_given_up(
    front: Front, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = "arn:aws:iot:eu-central-1:444455556666:thing/pump-1"
    summary = {"status": "QUEUED", "queuedAt": 1790000000, "executionNumber": 1}
    page = {"executionSummaries": [{"thingArn": arn, "jobExecutionSummary": summary}], "nextToken": "2"}

    class Pages:
        def __iter__(self) -> Iterator[bytes]:
            if "nextToken" in front.asked[-1]:
                front.pause_s = 0.05
                yield from _drip()
            yield json.dumps(page).encode()
            if part == "headers":
                monkeypatch.setattr(front.server.RequestHandlerClass, "end_headers", lambda _self: time.sleep(5))

    connection = connect(limits=LIMITS)
    front.body = Pages()
    started = time.monotonic()
    with pytest.raises(IotJobsError, match=r"ListJobExecutionsForJob .*did not end within"):
        job_executions(connection, "firmware")
    assert time.monotonic() - started < 4


def test_headers_that_drip_are_given_up(front: Front) -> None:
    connection = connect(limits=LIMITS)
    front.headers = {f"X-Slow-{number}": "x" for number in range(20)}
    front.body = _drip()
    front.server.RequestHandlerClass.end_headers = lambda _self: time.sleep(5)  # type: ignore[attr-defined]
    with pytest.raises(IotJobsError, match="did not end within"):
        connection.read("ListJobs")


def test_a_change_whose_answer_drips_is_unsettled(front: Front) -> None:
    connection = connect(limits=LIMITS)
    front.body, front.pause_s = _drip(), 0.05
    with pytest.raises(Unsettled, match="may or may not"):
        connection.change("DeleteJobExecution", **PUMP)
    assert len(front.asked) == 1


def test_an_answer_that_is_too_long_is_not_read(front: Front) -> None:
    connection = connect(limits=LIMITS)
    front.body = itertools.repeat(b"x" * 65_536)
    with pytest.raises(IotJobsError, match="longer than 1 MB"):
        connection.read("ListJobs")
    with pytest.raises(Unsettled, match="longer than 1 MB"):
        connection.change("DeleteJobExecution", **PUMP)


def test_an_answer_that_is_too_deep_is_an_error_of_that_call(front: Front) -> None:
    connection = connect(limits=LIMITS)
    front.body = b'{"job": ' + b"[" * 200_000
    with pytest.raises(IotJobsError, match=r"DescribeJob .*cannot be read"):
        connection.read("DescribeJob", jobId="firmware")
    with pytest.raises(IotJobsError, match=r"ListJobExecutionsForJob .*cannot be read"):
        connection.read("ListJobExecutionsForJob", jobId="firmware")


@pytest.mark.parametrize("body", [b"[]", b"7", b'{"job": 7}', b'{"job": []}', b"null", b"\xff\xfe", b"<html>"])
def test_an_answer_that_is_no_answer_is_an_error_of_that_call(front: Front, body: bytes) -> None:
    connection = connect(limits=LIMITS)
    front.body = body
    with pytest.raises(IotJobsError, match="DescribeJob"):
        connection.read("DescribeJob", jobId="firmware")


def test_tries_end_with_the_call_as_a_whole(front: Front) -> None:
    connection = connect(limits=Limits(attempt_s=60, call_s=1, read_attempts=50))
    front.status, front.body = 503, b"{}"
    started = time.monotonic()
    with pytest.raises(IotJobsError):
        connection.read("ListJobs")
    assert time.monotonic() - started < 30
    assert len(front.asked) < 40


@pytest.fixture
def connection(aws: StandIn, log_in: LogIn) -> Connection:
    log_in(aws)
    return connect()


def _pages(monkeypatch: pytest.MonkeyPatch, tokens: Iterator[str]) -> None:
    monkeypatch.setattr(control_plane, "list_jobs", lambda *_: {"jobs": [], "nextToken": next(tokens)})


@pytest.mark.parametrize("circle", ["A", "AB", "ABCD"])
def test_a_listing_that_leads_in_a_circle_ends(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, circle: str
) -> None:
    _pages(monkeypatch, itertools.cycle(circle))
    with pytest.raises(IotJobsError, match="ListJobs led back to a page"):
        list(connection.pages("ListJobs", "jobs"))
    assert connection.calls["ListJobs"] == len(circle) + 1


def test_a_listing_that_never_ends_ends(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MOST_PAGES", 20)
    _pages(monkeypatch, (str(number) for number in itertools.count()))
    with pytest.raises(IotJobsError, match="did not end after 20 pages"):
        list(connection.pages("ListJobs", "jobs"))


def test_pages_without_a_row_end(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "_MOST_EMPTY_PAGES", 5)
    _pages(monkeypatch, (str(number) for number in itertools.count()))
    with pytest.raises(IotJobsError, match="did not end after 5 pages without a row"):
        list(connection.pages("ListJobs", "jobs"))


def test_the_same_rows_under_a_new_token_are_a_circle(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = itertools.count()
    rows = [{"jobId": "firmware"}, {"jobId": "certificates"}]
    monkeypatch.setattr(control_plane, "list_jobs", lambda *_: {"jobs": rows, "nextToken": str(next(tokens))})
    with pytest.raises(IotJobsError, match="led back to a page"):
        list(connection.pages("ListJobs", "jobs"))
    assert connection.calls["ListJobs"] == 2


def test_rows_without_end_end(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "_MOST_ROWS", 50)
    numbers = itertools.count()
    fresh = lambda *_: {"jobs": [{"jobId": f"job-{next(numbers)}"} for _ in range(9)], "nextToken": str(next(numbers))}  # noqa: E731
    monkeypatch.setattr(control_plane, "list_jobs", fresh)
    with pytest.raises(IotJobsError, match="did not end after 54 rows"):
        list(connection.pages("ListJobs", "jobs"))


def test_pages_are_read_to_the_last(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    rest = iter(["a", "b"])
    more = lambda *_: {"jobs": [], **({"nextToken": token} if (token := next(rest, "")) else {})}  # noqa: E731
    monkeypatch.setattr(control_plane, "list_jobs", more)
    assert len(list(connection.pages("ListJobs", "jobs"))) == 3


def test_a_long_answer_that_is_one_is_read(front: Front) -> None:
    connection = connect(limits=LIMITS)
    whole = json.dumps({"jobs": [{"jobId": f"job-{number}"} for number in range(20_000)]}).encode()
    front.body = [whole[start : start + 10_000] for start in range(0, len(whole), 10_000)]
    front.headers = {"Content-Length": str(len(whole))}
    assert len(connection.read("ListJobs")["jobs"]) == 20_000
