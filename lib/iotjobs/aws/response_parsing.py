"""AWS's answers, before botocore reads them: quicker where they are long, and errors that it could not read.

`before_parse` handles botocore's event of that name: signing, retries and the rest of the reading stay botocore's, and
all of it does where a botocore knows no such event.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from iotjobs.aws.raw_pages import ROWS, TIMES, RawPage, raw_page
from iotjobs.given_file import with_whole_characters

#: The operations whose rows are taken past botocore's parser, and the member that holds them: it checks every member
#: of every row against its model, which takes most of the time of a long listing.
_ROWS_OF = dict.fromkeys(("ListJobExecutionsForJob", "ListJobExecutionsForThing"), ROWS)
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
#: Where an answer names the account and region that it is of: the ARNs of jobs and things.
_ARNS_IN: dict[str, tuple[str, str]] = {
    "ListJobs": ("jobs", "jobArn"),
    "ListThings": ("things", "thingArn"),
    "ListJobExecutionsForJob": (ROWS, "thingArn"),
    "DescribeJob": ("job", "jobArn"),
    "DescribeJobExecution": ("execution", "thingArn"),
    "DescribeThing": ("", "thingArn"),
}
_NOTHING = (b"", b"{}")
_PYTHON_TYPES: dict[str, type | tuple[type, ...]] = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "boolean": bool,
    **dict.fromkeys(("integer", "long"), int),
    **dict.fromkeys(("float", "double", "timestamp"), (int, float)),
}
_OK = 200
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
        part = answer.get(outer)
        is_list = not operation.startswith("List") or isinstance(part, list | RawPage)
        if part is None or not is_list or (inner and inner not in part):
            return path
    return None


def arns(operation: str, answer: dict[str, Any]) -> set[str]:
    """The ARNs of jobs and things in an answer; those of one account and region differ in the name only."""
    outer, name = _ARNS_IN.get(operation, ("", ""))
    if not name:
        return set()
    part = answer.get(outer) if outer else answer
    rows = part if isinstance(part, list) else [part]
    return {str(row[name]) for row in rows if isinstance(row, dict) and row.get(name)}


def require_shape(shape: Any, value: Any, where: str) -> None:
    """Raise ValueError where an answer is not of botocore's shape: botocore itself passes it on as it came."""
    kind = shape.type_name
    fits = isinstance(value, _PYTHON_TYPES.get(kind, object)) and (kind == "boolean" or not isinstance(value, bool))
    if not fits:
        raise ValueError(f"{where} is {ascii(value)[:80]}, which is no {kind}")
    if kind == "structure":
        for name, member in shape.members.items():
            if value.get(name) is not None:
                require_shape(member, value[name], f"{where}.{name}")
    elif kind in {"list", "map"}:
        for part in value if kind == "list" else value.values():
            require_shape(shape.member if kind == "list" else shape.value, part, f"an item of {where}")


def after_call(*, model: Any, parsed: dict[str, Any], http_response: Any, **_more: Any) -> None:
    """Check a good answer against botocore's model of it; the rows of a listing are checked one by one, by `rows`.

    Raises ValueError.
    """
    if http_response.status_code < _ERRORS and model.output_shape is not None and not model.name.startswith("List"):
        require_shape(model.output_shape, parsed, "it")


def before_parse(
    *,
    operation_model: Any,
    response_dict: dict[str, Any],
    customized_response_dict: dict[str, Any],
    raw: bool = False,
    **_more: Any,
) -> None:
    """Take the rows of a good listing, ``raw`` as a `RawPage` where they look like one.

    Of any other answer, say as `FromAws` whether it has the form of one of AWS. An error has AWS's own form of one; in
    JSON it is put into the XML that the operation's protocol has. An operation without output answers 200 with an empty
    body (API_DeleteJobExecution, API_CancelJobExecution): botocore takes any other page for that, as that of a portal
    that asks for a login.
    """
    name = operation_model.name
    response_dict["body"] = with_whole_characters(response_dict["body"])
    if response_dict["status_code"] >= _ERRORS:
        customized_response_dict["FromAws"] = _has_error_type(response_dict)
        if name == "GetCallerIdentity":
            _put_error_into_xml(response_dict)
    elif name in _ROWS_OF:
        page = raw_page(response_dict["body"]) if raw else None
        if page is None:
            _take_rows(_ROWS_OF[name], response_dict, customized_response_dict)
        else:
            customized_response_dict |= {_ROWS_OF[name]: page, "nextToken": page.next_token}
            response_dict["body"] = b"{}"
    elif operation_model.output_shape is None:
        is_empty = response_dict["body"].strip() in _NOTHING
        customized_response_dict["FromAws"] = is_empty and response_dict["status_code"] == _OK


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
    return all(isinstance(summary.get(name, 0), int | float) for name in TIMES)


def _has_error_type(response_dict: dict[str, Any]) -> bool:
    """Whether an error names its type as AWS does: a header, `__type` in JSON, an ErrorResponse in XML, or S3's Error.

    Source: smithy.io, "Operation error serialization" of the AWS restJson1 and awsQuery protocols; S3 API, "Error
    responses", whose header x-amz-request-id no other service has.
    """
    headers, body = response_dict["headers"], response_dict["body"]
    if headers.get("x-amzn-errortype"):
        return True
    if b"<ErrorResponse" in body[:500] or (b"<Error>" in body[:500] and headers.get("x-amz-request-id")):
        return True
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return False
    if not isinstance(answer, dict):
        return False
    return bool(answer.get("__type") or (answer.get("code") and headers.get("x-amzn-requestid")))


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
