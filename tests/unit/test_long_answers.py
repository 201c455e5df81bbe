"""The rows of a long listing go past botocore's parser, and only when they are what they should be."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from iotjobs.listing import take_rows

ROW = {"thingArn": "arn:aws:iot:x:0:thing/t", "jobExecutionSummary": {"status": "QUEUED", "queuedAt": 1790000000.123}}


def _taken(body: bytes, *, status: int = 200, operation: str = "ListJobExecutionsForJob") -> tuple[dict[str, Any], Any]:
    taken: dict[str, Any] = {}
    response = {"status_code": status, "headers": {}, "body": body}
    take_rows(
        operation_model=SimpleNamespace(name=operation),
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


def test_an_error_is_left_to_botocore() -> None:
    body = json.dumps({"executionSummaries": [ROW]}).encode()
    assert _taken(body, status=429) == ({}, body)


def test_another_operation_is_left_to_botocore() -> None:
    body = json.dumps({"executionSummaries": [ROW]}).encode()
    assert _taken(body, operation="ListJobs") == ({}, body)
