"""Answers before botocore reads them: rows go past its parser only when they are rows, and errors can be read."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from iotjobs.aws.response_parsing import before_parse, missing

ROW = {"thingArn": "arn:aws:iot:x:0:thing/t", "jobExecutionSummary": {"status": "QUEUED", "queuedAt": 1790000000.123}}


def _taken(
    body: bytes, *, status: int = 200, operation: str = "ListJobExecutionsForJob", output: object = "a shape"
) -> tuple[dict[str, Any], Any]:
    taken: dict[str, Any] = {}
    response = {"status_code": status, "headers": {}, "body": body}
    before_parse(
        operation_model=SimpleNamespace(name=operation, output_shape=output),
        response_dict=response,
        customized_response_dict=taken,
        parser=0,
    )
    return taken, response["body"]


def test_rows_are_taken_and_the_rest_of_the_answer_stays() -> None:
    taken, left = _taken(json.dumps({"executionSummaries": [ROW], "nextToken": "2"}).encode())
    assert taken == {"executionSummaries": [ROW]}
    assert json.loads(left) == {"nextToken": "2"}


@pytest.mark.parametrize(
    "body",
    [
        b"<html>a captive portal</html>",
        b"{}",
        b"[]",
        b'{"executionSummaries": {}',
        b'{"executionSummaries": 7}',
        b'{"executionSummaries": [{"jobExecutionSummary": {"queuedAt": "2026-11-20T10:00:00Z"}}]}',
        b"[" * 100_000,
    ],
)
def test_what_is_not_as_expected_is_left_to_botocore(body: bytes) -> None:
    assert _taken(body) == ({}, body)


def test_half_a_character_becomes_a_question_mark_and_whole_ones_stay() -> None:
    """JSON may escape what no text of UTF-8 can hold; a table or a file fails on it, far from here."""
    _, left = _taken(
        b'{"a": "x\\ud800y", "b": "\\uDC9b", "c": "\\ud83d\\ude00", "d": ["\\ud800"]}', operation="DescribeJob"
    )
    assert json.loads(left) == {"a": "x?y", "b": "?", "c": "\U0001f600", "d": ["?"]}


def test_an_error_keeps_its_body() -> None:
    body = json.dumps({"executionSummaries": [ROW]}).encode()
    assert _taken(body, status=429) == ({"FromAws": False}, body)


def test_another_operation_is_left_to_botocore() -> None:
    body = json.dumps({"executionSummaries": [ROW]}).encode()
    assert _taken(body, operation="ListJobs") == ({}, body)


@pytest.mark.parametrize(
    ("status", "body", "is_awss"),
    [
        (200, b"", True),
        (200, b"{}", True),
        (204, b"", False),
        (200, b"<html>a captive portal</html>", False),
        (200, b'{"error": "log in first"}', False),
        (200, b"[]", False),
        (200, b'{"cut', False),
    ],
)
def test_an_operation_without_output_is_answered_with_nothing(status: int, body: bytes, *, is_awss: bool) -> None:
    assert _taken(body, status=status, operation="DeleteJobExecution", output=None) == ({"FromAws": is_awss}, body)


@pytest.mark.parametrize(
    ("headers", "said", "code"),
    [
        ({"x-amzn-errortype": "ExpiredTokenException:http://x/"}, {"message": "old"}, "ExpiredTokenException"),
        ({}, {"__type": "com.amazon#AccessDeniedException", "Message": "no <b>"}, "AccessDeniedException"),
        ({}, {"code": "ThrottlingException"}, "ThrottlingException"),
        ({}, "oops", ""),
    ],
)
def test_an_error_in_json_is_put_into_the_xml_of_sts(headers: dict[str, str], said: Any, code: str) -> None:
    body = json.dumps(said).encode()
    response: dict[str, Any] = {"status_code": 403, "headers": headers, "body": body}
    before_parse(
        operation_model=SimpleNamespace(name="GetCallerIdentity"), response_dict=response, customized_response_dict={}
    )
    assert f"<Code>{code}</Code>".encode() in response["body"]
    assert b"<b>" not in response["body"]


def test_an_error_in_xml_stays_as_it_is() -> None:
    body = b"<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"
    assert _taken(body, status=403, operation="GetCallerIdentity") == ({"FromAws": True}, body)


@pytest.mark.parametrize(
    ("answer", "lacks"),
    [
        ({}, "execution.status"),
        ({"execution": {}}, "execution.status"),
        ({"execution": None}, "execution.status"),
        ({"execution": {"status": "QUEUED", "queuedAt": 1.0}}, "execution.versionNumber"),
        ({"execution": {"status": "QUEUED", "queuedAt": 1.0, "versionNumber": 1}}, None),
    ],
)
def test_an_answer_that_lacks_what_makes_it_one_is_found(answer: dict[str, Any], lacks: str | None) -> None:
    assert missing("DescribeJobExecution", answer) == lacks


@pytest.mark.parametrize(
    ("rows", "lacks"),
    [([], None), ("", "executionSummaries"), ({}, "executionSummaries"), (None, "executionSummaries")],
)
def test_what_is_no_list_is_no_empty_list(rows: Any, lacks: str | None) -> None:
    assert missing("ListJobExecutionsForThing", {"executionSummaries": rows}) == lacks
