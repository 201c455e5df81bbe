"""Pages read many at once are what reading them a row at a time makes of them, also where they are odd or hostile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iotjobs.aws.connection import Connection
from iotjobs.aws.executions import job_executions, thing_executions
from iotjobs.aws.raw_pages import raw_page
from iotjobs.columns import EXECUTION_COLUMNS
from iotjobs.errors import IotJobsError

ARNS = "arn:aws:iot:eu-central-1:000000000000:"
SUMMARY = {"status": "FAILED", "queuedAt": 1790000000.123, "lastUpdatedAt": 1790000100, "executionNumber": 1}
_THING = f'"thingArn": "{ARNS}thing/pump-1"'
_WHOLE = '"status": "QUEUED", "queuedAt": 1790000000, "executionNumber": 1'


class Pages(Connection):
    """A connection whose listing has these bodies: as they are, or read as JSON."""

    arns = ARNS

    def __init__(self, *bodies: bytes, raw: bool) -> None:
        self.bodies, self.raw = bodies, raw
        self.quick = True

    def pages(self, *_: Any, **__: Any) -> Iterator[list[dict[str, Any]]]:
        self.quick = False
        return (json.loads(body)["executionSummaries"] for body in self.bodies)

    def raw_pages(self, *_: Any, **__: Any) -> Iterator[Any]:
        pages = [raw_page(body) for body in self.bodies] if self.raw else list(self.pages())
        assert all(page is not None for page in pages)
        return iter([pages[:1], pages[1:]] if len(pages) > 1 else [pages])


def read(*bodies: bytes, raw: bool, thing: str | None = None) -> tuple[pd.DataFrame | str, bool]:
    connection = Pages(*bodies, raw=raw)
    try:
        table = thing_executions(connection, thing) if thing else job_executions(connection, "job")
    except (IotJobsError, ValueError) as error:
        return str(error), connection.quick
    return table, connection.quick


def same(*bodies: bytes, thing: str | None = None) -> bool:
    """Whether the quick way was taken; that both ways end alike is asserted."""
    quickly, quick = read(*bodies, raw=True, thing=thing)
    carefully, _ = read(*bodies, raw=False, thing=thing)
    if isinstance(carefully, str):
        assert quickly == carefully
    else:
        assert isinstance(quickly, pd.DataFrame)
        pd.testing.assert_frame_equal(quickly.astype(EXECUTION_COLUMNS), carefully.astype(EXECUTION_COLUMNS))
    return quick


def body(*rows: dict[str, Any], more: str | None = None) -> bytes:
    rest = {"nextToken": more} if more else {}
    return json.dumps({"executionSummaries": list(rows), **rest}).encode()


def of_thing(name: str, **summary: Any) -> dict[str, Any]:
    return {"thingArn": f"{ARNS}thing/{name}", "jobExecutionSummary": SUMMARY | summary}


def of_job(job_id: str, **summary: Any) -> dict[str, Any]:
    return {"jobId": job_id, "jobExecutionSummary": SUMMARY | summary}


def test_pages_are_read_at_once() -> None:
    first = body(of_thing("a"), of_thing("b", startedAt=1790000050.5, retryAttempt=2), more='t/+= ]"1')
    assert same(first, body(), body(of_thing("c", executionNumber=2**63 - 1, status="QUEUED", startedAt=None)))
    assert same(body(of_job("one"), of_job("two"), more="2"), body(of_job("three")), thing="pump-1")
    assert same(body())
    assert same(b'{"executionSummaries": [], "nextToken": ""}')


@pytest.mark.parametrize(
    "text",
    [
        '{"nextToken": "a", "executionSummaries": [{ARN, "jobExecutionSummary": {WHOLE}}]}',
        '{"executionSummaries": [{ARN, "jobExecutionSummary": {WHOLE}}], "nextToken": null}\r\n',
        ' {\n "executionSummaries" : [\n {ARN,\n "jobExecutionSummary":{WHOLE}}\n ]\n }',
        '{"executionSummaries": [{ARN, "new": [{"x": [1, null, "y"]}], "jobExecutionSummary": {WHOLE, "new": {}}}]}',
    ],
)
def test_other_ways_to_write_the_same_are_read_at_once(text: str) -> None:
    assert same(text.replace("ARN", _THING).replace("WHOLE", _WHOLE).encode())


HOSTILE = {
    "a member twice": '"status": "QUEUED", "queuedAt": 1790000000, "executionNumber": 1, "status": "FAILED"',
    "a number of another kind": '"status": "QUEUED", "queuedAt": 1790000000, "executionNumber": 1.0',
    "a truth for a number": '"status": "QUEUED", "queuedAt": 1790000000, "executionNumber": true',
    "a number without end": '"status": "QUEUED", "queuedAt": 1790000000, "executionNumber": 1' + "0" * 400,
    "a number out of range": '"status": "QUEUED", "queuedAt": 1790000000, "executionNumber": 9223372036854775808',
    "a time without end": '"status": "QUEUED", "queuedAt": 1e999, "executionNumber": 1',
    "no number": '"status": "QUEUED", "queuedAt": NaN, "executionNumber": 1',
    "a time of before": '"status": "QUEUED", "queuedAt": -1, "executionNumber": 1',
    "a time of long after": '"status": "QUEUED", "queuedAt": 9.3e9, "executionNumber": 1',
    "a time that is text": '"status": "QUEUED", "queuedAt": "2026-11-20T10:00:00Z", "executionNumber": 1',
    "half a character": '"status": "\\ud800", "queuedAt": 1790000000, "executionNumber": 1',
    "half a character aside": '"status": "QUEUED", "queuedAt": 1790000000, "executionNumber": 1, "x": "\\ud800"',
    "a zero byte": '"status": "QUEUED\\u0000", "queuedAt": 1790000000, "executionNumber": 1',
    "a list for a text": '"status": ["QUEUED"], "queuedAt": 1790000000, "executionNumber": 1',
    "an object for a number": '"status": "QUEUED", "queuedAt": {}, "executionNumber": 1',
    "a name in disguise": '"st\\u0061tus": "QUEUED", "queuedAt": 1790000000, "executionNumber": 1',
    "a broken number": '"status": "QUEUED", "queuedAt": 01790000000, "executionNumber": 1',
    "an end too early": '"status": "QUEUED", "queuedAt": 1790000000, "executionNumber": 1}}]}{"a": [{"b": {',
    "nothing": "",
}


@pytest.mark.parametrize("summary", HOSTILE.values(), ids=HOSTILE)
def test_what_is_odd_ends_as_it_does_a_row_at_a_time(summary: str) -> None:
    good = body(of_thing("a"), more="2")
    bad = f'{{"executionSummaries": [{{{_THING}, "jobExecutionSummary": {{{summary}}}}}]}}'.encode()
    same(bad)
    same(good, bad)


@pytest.mark.parametrize(
    "item",
    [
        {"thingArn": None, "jobExecutionSummary": SUMMARY},
        {"thingArn": f"{ARNS}thing/", "jobExecutionSummary": SUMMARY},
        {"thingArn": f"{ARNS}thing/a b", "jobExecutionSummary": SUMMARY},
        {"thingArn": f"{ARNS}thing/{'t' * 129}", "jobExecutionSummary": SUMMARY},
        {"thingArn": f"{ARNS}thing/a\n", "jobExecutionSummary": SUMMARY},
        {"thingArn": f"{ARNS}thing/ü", "jobExecutionSummary": SUMMARY},
        {"jobExecutionSummary": SUMMARY},
        {"thingArn": f"{ARNS}thing/a", "jobExecutionSummary": None},
        {"jobId": "a/b", "jobExecutionSummary": SUMMARY},
    ],
    ids=str,
)
def test_rows_of_no_thing_or_without_a_summary_end_as_they_do_one_at_a_time(item: dict[str, Any]) -> None:
    assert not same(body(of_thing("a"), more="2"), body(item))
    assert not same(body(of_job("a"), item), thing="pump-1")


def test_rows_of_another_account_are_never_read_at_once() -> None:
    other = body({"thingArn": "arn:aws:iot:eu-central-1:222222222222:thing/a", "jobExecutionSummary": SUMMARY})
    assert not read(body(of_thing("a"), more="2"), other, raw=True)[1]


@pytest.mark.parametrize(
    "text",
    [
        b"<html>",
        b"[]",
        b"{}",
        b'{"executionSummaries": null}',
        b'{"executionSummaries": [1]}',
        b'{"executionSummaries": [[[[',
        b'{"executionSummaries": [], "nextToken": 7}',
        b'{"executionSummaries": [], "nextToken": "\\x"}',
        b'{"nextToken": "a", "executionSummaries": [], "nextToken": "b"}',
        b'{"executionSummaries": [{"jobExecutionSummary": {"status": "\xff"}}]}',
    ],
)
def test_what_looks_like_no_page_is_read_as_any_other_answer(text: bytes) -> None:
    assert raw_page(text) is None


def test_a_row_takes_little_memory() -> None:
    rows = [of_thing(f"pump-{number:06}", startedAt=1790000050) for number in range(2_000)]
    table, _ = read(body(*rows), raw=True)
    assert isinstance(table, pd.DataFrame)
    assert table.memory_usage(index=False, deep=True).sum() / len(rows) <= 60


def test_two_answers_in_one_are_none() -> None:
    assert not same(body(of_thing("a"), more="2"), body(of_thing("b")) + body(of_thing("c")))


VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just([]), st.just({}))


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from([*SUMMARY, "startedAt", "retryAttempt", "other"]), VALUES), st.data())
def test_any_summary_ends_as_it_does_a_row_at_a_time(summary: dict[str, Any], data: st.DataObject) -> None:
    left_out = data.draw(st.sets(st.sampled_from(list(SUMMARY)), max_size=1))
    row = of_thing("a", **summary)
    row["jobExecutionSummary"] = {k: v for k, v in row["jobExecutionSummary"].items() if k not in left_out}
    same(body(of_thing("b"), row))
