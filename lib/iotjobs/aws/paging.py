"""All pages of a listing, one after another, and when a listing that never ends is given up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from iotjobs.aws.raw_pages import RawPage
from iotjobs.aws.service_errors import CHECK_ENDPOINT, about
from iotjobs.errors import IotJobsError

#: Of one listing. A page of AWS has 250 rows at most; a service that gives a new token with every page never ends.
MOST_PAGES = 8_000
_MOST_ROWS = 2_000_000
_MOST_EMPTY_PAGES = 100


def pages(
    ask: Callable[[dict[str, Any]], dict[str, Any]], operation: str, key: str, parameters: dict[str, Any]
) -> Iterator[tuple[Any, bool]]:
    """Yield the rows under `key` of each page, and whether there is another one.

    ``ask`` makes the call with its parameters. Raises IotJobsError when the listing leads back to a page that was read,
    or never ends.
    """
    known: set[Any] = set()
    token: str | None = None
    rows_read = empty = 0
    for _ in range(MOST_PAGES):
        answer = ask(parameters | {"nextToken": token})
        rows, token = answer.get(key, []), answer.get("nextToken")
        yield rows, bool(token)
        if not token:
            return
        rows_read, empty = rows_read + len(rows), 0 if rows else empty + 1
        if rows_read > _MOST_ROWS or empty >= _MOST_EMPTY_PAGES:
            what = f"{empty} pages without a row" if empty else f"{rows_read:,} rows"
            raise _endless(operation, parameters, f"did not end after {what}")
        # a token of its own for the same rows is a circle as well
        edges = rows.edges if isinstance(rows, RawPage) else f"rows {len(rows)} {rows[:1]} {rows[-1:]}"
        marks = {f"token {token}", *([edges] if len(rows) > 1 else [])}
        if marks & known:
            raise _endless(operation, parameters, "led back to a page that was read already")
        known |= marks
    raise _endless(operation, parameters, f"did not end after {MOST_PAGES} pages")


def _endless(operation: str, parameters: dict[str, Any], why: str) -> IotJobsError:
    return IotJobsError(
        f"{about(operation, parameters)} {why}; the reading is not complete: run this again; {CHECK_ENDPOINT}"
    )
