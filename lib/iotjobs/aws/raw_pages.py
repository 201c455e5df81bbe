"""Pages of a long listing of executions as they came: many at once to columns, without an object for each row.

Arrow's reader of JSON takes a value only as what it is declared to be, and refuses members that stand twice, numbers
out of range and broken text. Whatever is not exactly as expected is left to `rows`, which says what is odd about it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from iotjobs.model import JOB_ID, LATEST_S, THING_NAME, Status

ROWS = "executionSummaries"
TIMES = ("queuedAt", "startedAt", "lastUpdatedAt")
_SUMMARY = b'"jobExecutionSummary"'
_TOKEN = rb'"nextToken"\s*:\s*(null|"(?:[^"\\]|\\.)*")\s*'
_HEAD = re.compile(rb'\s*\{\s*(?:%b,\s*)?"%b"\s*:\s*\[' % (_TOKEN, ROWS.encode()))
_TAIL = re.compile(rb"\]\s*(?:,\s*%b)?\}\s*" % _TOKEN)
_EDGE = 200
_TIME = pa.timestamp("ns", "UTC")
#: JobExecutionSummaryForJob, JobExecutionSummaryForThing and JobExecutionSummary in the API reference.
_SUMMARY_TYPE = pa.struct(
    {
        "executionNumber": pa.int64(),
        "status": pa.string(),
        **dict.fromkeys(TIMES, pa.float64()),
        "retryAttempt": pa.int64(),
    }
)
_ROW_TYPE = pa.struct({"thingArn": pa.string(), "jobId": pa.string(), "jobExecutionSummary": _SUMMARY_TYPE})
_PARSING = pyarrow.json.ParseOptions(
    explicit_schema=pa.schema({ROWS: pa.list_(_ROW_TYPE), "nextToken": pa.string()}),
    newlines_in_values=True,
    unexpected_field_behavior="ignore",
)
_STATUSES = pa.array([status.value for status in Status])

#: The columns of executions that were listed.
LISTED = pa.schema(
    {
        "job_id": pa.dictionary(pa.int32(), pa.string()),
        "thing_name": pa.string(),
        "execution_number": pa.int64(),
        "status": pa.dictionary(pa.int8(), pa.string()),
        "queued_at": _TIME,
        "started_at": _TIME,
        "last_updated_at": _TIME,
        "retry_attempt": pa.int64(),
    }
)


@dataclass(frozen=True, slots=True)
class RawPage:
    """One page: the answer's body, the token of the next page in it, and about how many rows it has.

    ``edges`` tells it from other pages, whatever their tokens are.
    """

    body: bytes
    next_token: str | None
    count: int
    edges: tuple[int, bytes, bytes]

    def __len__(self) -> int:
        return self.count


def raw_page(body: bytes) -> RawPage | None:
    """A good answer as a page; None where it does not look like one, and has to be read as any other answer.

    That the body is JSON and the token is the one of the page itself is checked by `executions`.
    """
    head = _HEAD.match(body) if body.isascii() else None
    if head is None:
        return None
    position = body.rfind(b'"nextToken"', head.end())
    end = body.rfind(b"]", 0, position if position >= 0 else len(body))
    tail = _TAIL.fullmatch(body, end) if end >= 0 else None
    if tail is None or (head[1] and tail[1]):
        return None
    count, rows = body.count(_SUMMARY, head.end()), body[head.end() : end]
    if not count and rows.strip():
        return None
    try:
        token = json.loads(head[1] or tail[1] or b"null")
    except ValueError:
        return None
    return RawPage(body, token or None, count, (len(rows), rows[:_EDGE], rows[-_EDGE:]))


def executions(pages: Sequence[RawPage], *, job_id: str | None, thing_name: str | None, arns: str) -> pa.Table | None:
    """The rows of many pages (LISTED); None where something is not as it has to be, which is for `rows` to say.

    What was asked for is the ``job_id`` or the ``thing_name``, the other one is in the rows. ``arns``: what the ARN of
    each thing begins with.
    """
    bodies = [page.body for page in pages]
    reading = pyarrow.json.ReadOptions(use_threads=False, block_size=sum(map(len, bodies)) + len(bodies))
    try:
        answers = pyarrow.json.read_json(pa.BufferReader(b"\n".join(bodies)), reading, _PARSING)
    except pa.ArrowException:
        return None
    lists = answers[ROWS].combine_chunks()
    rows = lists.flatten()
    summaries = rows.field("jobExecutionSummary")
    tokens = [token or None for token in answers["nextToken"].to_pylist()]
    if lists.null_count or tokens != [page.next_token for page in pages]:
        return None
    count = len(rows)
    if thing_name is None:
        column = rows.field("thingArn")
        arn = f"{arns}thing/"
        names = pc.utf8_slice_codeunits(column, len(arn))
        right = _all(pc.match_substring_regex(names, rf"\A{THING_NAME.pattern}\z"))
        valid = right and _all(pc.starts_with(column, arn))
        things, jobs = names, _same(job_id, count)
    else:
        column = rows.field("jobId")
        valid = _all(pc.match_substring_regex(column, rf"\A{JOB_ID.pattern}\z"))
        things, jobs = _same(thing_name, count).cast(pa.string()), column.dictionary_encode()
    seconds = [summaries.field(name) for name in TIMES]
    numbers, retries = summaries.field("executionNumber"), summaries.field("retryAttempt")
    statuses = pc.index_in(summaries.field("status"), _STATUSES)
    understood = (
        valid
        and _all(pc.greater_equal(numbers, 1))
        and statuses.null_count == 0
        and seconds[0].null_count == 0
        and all(_all(pc.and_(pc.greater_equal(each, 0), pc.less(each, LATEST_S)), or_none=True) for each in seconds)
        and _all(pc.greater_equal(retries, 0), or_none=True)
    )
    if not understood:
        return None
    return listed(jobs=jobs, things=things, numbers=numbers, statuses=statuses, seconds=seconds, retries=retries)


def listed(
    *,
    jobs: pa.Array,
    things: pa.Array,
    numbers: pa.Array,
    statuses: pa.Array,
    seconds: Iterable[pa.Array],
    retries: pa.Array,
) -> pa.Table:
    """Columns that were checked, as a table (LISTED). ``statuses``: their places in `Status`; ``seconds``: of TIMES."""
    states = pa.DictionaryArray.from_arrays(statuses.cast(pa.int8()), _STATUSES)
    return pa.Table.from_arrays(
        [jobs, things, numbers, states, *map(_moments, seconds), retries.fill_null(0)], schema=LISTED
    )


def _moments(seconds: pa.Array) -> pa.Array:
    """To the microsecond, which is as far as a float holds and a datetime goes."""
    return pc.round(pc.multiply(seconds, 1e6)).cast(pa.int64()).cast(pa.timestamp("us", "UTC")).cast(_TIME)


def _same(text: str | None, count: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), count), pa.array([text], pa.string()))


def _all(true: pa.Array, *, or_none: bool = False) -> bool:
    return (or_none or true.null_count == 0) and bool(pc.all(true, min_count=0).as_py())
