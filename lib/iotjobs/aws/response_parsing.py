"""AWS's answers, before botocore reads them: quicker where they are long, and errors that it could not read.

`before_parse` handles botocore's event of that name: signing, retries and the rest of the reading stay botocore's, and
all of it does where a botocore knows no such event.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

#: The operations whose rows are taken past botocore's parser, and the member that holds them: it checks every member
#: of every row against its model, which takes most of the time of a long listing.
_ROWS_OF = {
    "ListJobExecutionsForJob": "executionSummaries",
    "ListJobExecutionsForThing": "executionSummaries",
}
#: What an answer holds when it is one of AWS at all.
_HELD_BY: dict[str, tuple[str, ...]] = {
    **{operation: (rows,) for operation, rows in _ROWS_OF.items()},
    "ListJobs": ("jobs",),
    "ListThings": ("things",),
    "ListThingsInThingGroup": ("things",),
    "DescribeJob": ("job.jobId", "job.status"),
    "DescribeJobExecution": ("execution.status", "execution.queuedAt", "execution.versionNumber"),
    "GetCallerIdentity": ("Account", "Arn"),
}
_MOMENTS = ("queuedAt", "startedAt", "lastUpdatedAt")
_ERRORS = 300


def seconds(value: Any) -> float:
    """Read a timestamp as the service sends it: a number, or text for the few operations that send ISO 8601."""
    try:
        return float(value)
    except (TypeError, ValueError):
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def missing(operation: str, answer: dict[str, Any]) -> str | None:
    """What an answer of this operation must hold and does not: an empty answer is no empty list."""
    for path in _HELD_BY.get(operation, ()):
        outer, _, inner = path.partition(".")
        if outer not in answer or (inner and inner not in (answer[outer] or {})):
            return path
    return None


def before_parse(
    *, operation_model: Any, response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_more: Any
) -> None:
    """Take the rows of a good listing; put an error in JSON into the XML that the operation's protocol has."""
    name = operation_model.name
    if response_dict["status_code"] >= _ERRORS:
        if name == "GetCallerIdentity":
            _put_error_into_xml(response_dict)
    elif name in _ROWS_OF:
        _take_rows(_ROWS_OF[name], response_dict, customized_response_dict)


def _take_rows(member: str, response_dict: dict[str, Any], customized_response_dict: dict[str, Any]) -> None:
    """Move the rows past the parser, times as they came; what does not look as expected is left to botocore."""
    try:
        answer = json.loads(response_dict["body"])
        rows = answer.pop(member)
        as_expected = all(_as_expected(row["jobExecutionSummary"]) for row in rows)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return
    if as_expected:
        customized_response_dict[member] = rows
        response_dict["body"] = json.dumps(answer).encode()


def _as_expected(summary: dict[str, Any]) -> bool:
    return all(isinstance(summary.get(name, 0), int | float) for name in _MOMENTS)


def _put_error_into_xml(response_dict: dict[str, Any]) -> None:
    """What stands before AWS, a proxy or a gateway, answers every service alike, STS too, whose protocol is XML."""
    body = response_dict["body"].decode(errors="replace").strip()
    if body.startswith("<"):
        return
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    said = said if isinstance(said, dict) else {"message": body}
    named = response_dict["headers"].get("x-amzn-errortype") or said.get("__type") or said.get("code") or ""
    words = said.get("message") or said.get("Message") or ""
    code = str(named).partition(":")[0].rpartition("#")[2]
    error = f"<Error><Code>{escape(code)}</Code><Message>{escape(str(words))}</Message></Error>"
    response_dict["body"] = f"<ErrorResponse>{error}</ErrorResponse>".encode()
