"""Long answers, read quicker: the rows of a listing as JSON gives them, without a walk through the service's model.

botocore checks every member of every row against its model, which takes most of the time of a long listing. Here
a page's rows are taken out of the answer before that (botocore's event `before-parse`); signing, retries, errors
and the rest of the answer stay botocore's. What does not look as expected is left to it as well, and so is all of
it where a botocore knows no such event.
"""

from __future__ import annotations

import json
from typing import Any

#: The operations whose rows are taken, and the member that holds them.
ROWS_OF = {
    "ListJobExecutionsForJob": "executionSummaries",
    "ListJobExecutionsForThing": "executionSummaries",
}
_MOMENTS = ("queuedAt", "startedAt", "lastUpdatedAt")
_HTTP_ERRORS = 300


def take_rows(
    *,
    operation_model: Any,
    response_dict: dict[str, Any],
    customized_response_dict: dict[str, Any],
    **_more: Any,
) -> None:
    """Handle `before-parse`: move the rows of a good answer, times as seconds since the epoch, past the parser."""
    member = ROWS_OF.get(operation_model.name)
    if member is None or response_dict["status_code"] >= _HTTP_ERRORS:
        return
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
