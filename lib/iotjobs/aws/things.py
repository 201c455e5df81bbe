"""What is known of things: whether they are registered, and how they are connected. One page for many of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any, TypeVar

import pandas as pd

from iotjobs.aws.concurrency import map_concurrently
from iotjobs.aws.connection import Connection
from iotjobs.aws.executions import PAGE_ROWS
from iotjobs.aws.gaps import Gaps, reason, remedy
from iotjobs.errors import Denied, IotJobsError, NotFound
from iotjobs.model import table
from iotjobs.snapshot import THING_COLUMNS, Evidence

_FEW_THINGS = 25
_PAGES_AT_LEAST = 4
_INDEX_PAGE_ROWS = 100

Document = dict[str, Any]
Page = TypeVar("Page")


def list_things(connection: Connection) -> Iterator[set[str]]:
    """The names of the registry's things, a page at a time."""
    for page in connection.pages("ListThings", "things", maxResults=PAGE_ROWS):
        yield {str(thing["thingName"]) for thing in page}


def group_members(connection: Connection, group: str) -> set[str]:
    """The things of a group and of the groups below it (ListThingsInThingGroup, all pages). Raises NotFound."""
    pages = connection.pages(
        "ListThingsInThingGroup", "things", thingGroupName=group, recursive=True, maxResults=PAGE_ROWS
    )
    return {str(name) for page in pages for name in page}


class Things:
    """Reads the fleet index, and the registry for what the index does not have."""

    def __init__(self, connection: Connection, gaps: Gaps) -> None:
        self._connection = connection
        self._gaps = gaps

    def table(self, things: Sequence[str], *, known_queues: set[str]) -> pd.DataFrame:
        """Read what is known of things (THING_COLUMNS); what cannot be had is missing, and a gap."""
        documents, failure = self._search(things)
        exists = self._registered([name for name in things if name not in documents])
        exists |= dict.fromkeys(documents, True)
        rows = [_row(name, documents.get(name), exists.get(name), name in known_queues) for name in things]
        self._note_unconnected(things, documents, exists, failure)
        return table(THING_COLUMNS, {column: [row[column] for row in rows] for column in THING_COLUMNS})

    def _search(self, things: Sequence[str]) -> tuple[dict[str, Document], IotJobsError | None]:
        """The index's documents of things by name, and the error that left some out.

        Pages of the index for many, by what their names begin with, as long as a page brings more than a query for
        one thing would; a query each for the rest.
        """
        wanted, found = set(things), dict[str, Document]()
        try:
            if len(things) > _FEW_THINGS:
                for page in _worthwhile(self._pages(_common_query(things)), wanted, found):
                    found |= {item["thingName"]: item for item in page if item["thingName"] in wanted}
            missing = [name for name in things if name not in found]
            if missing:  # the first one shows whether the index answers at all
                found |= self._query(missing[0])
        except IotJobsError as error:
            return found, _own(error)
        failure = None
        for answer in map_concurrently(self._query, missing[1:]):
            if isinstance(answer, IotJobsError):
                failure = answer
            else:
                found |= answer
        return found, failure

    def _query(self, thing_name: str) -> dict[str, Document]:
        page = next(iter(self._pages(f'thingName:"{thing_name}"')))
        return {item["thingName"]: item for item in page if item["thingName"] == thing_name}

    def _pages(self, query: str) -> Iterator[list[Document]]:
        return self._connection.pages("SearchIndex", "things", queryString=query, maxResults=_INDEX_PAGE_ROWS)

    def _registered(self, things: Sequence[str]) -> dict[str, bool]:
        """Whether things are in the registry; those left out are not known to be or not to be."""
        seen: dict[str, bool] = {}
        if len(things) > _FEW_THINGS:
            try:
                for page in _worthwhile(list_things(self._connection), set(things), seen):
                    seen |= dict.fromkeys(page.intersection(things), True)
            except IotJobsError as error:
                _own(error)  # a permission more than the kit needs: the things are described instead

        def described(thing_name: str) -> bool:
            try:
                self._connection.read("DescribeThing", thingName=thing_name)
            except NotFound:
                return False
            return True

        rest = [name for name in things if name not in seen]
        for name, answer in zip(rest, map_concurrently(described, rest), strict=True):
            if isinstance(answer, IotJobsError):
                self._gaps.add_error(Evidence.REGISTRATION, answer, about=[name])
            else:
                seen[name] = answer
        return seen

    def _note_unconnected(
        self,
        things: Sequence[str],
        documents: dict[str, Document],
        exists: dict[str, bool],
        failure: IotJobsError | None,
    ) -> None:
        """Say why the connectivity of things is not known, and how to switch it on."""
        unknown = [
            name for name in things if _connectivity(documents.get(name)) is None and exists.get(name) is not False
        ]
        if not unknown:
            return
        if isinstance(failure, Denied):
            self._gaps.add_error(Evidence.CONNECTIVITY, failure, about=unknown)
            return
        mode, connectivity, switch_on = self._indexing()
        if mode is None and failure is None:
            why, then, off = "fleet indexing has no connectivity", switch_on, True
        elif mode is None:
            why, then, off = f"fleet indexing does not answer ({reason(failure)})", switch_on, True  # type: ignore[arg-type]
        elif "OFF" in (mode, connectivity):
            why = "fleet indexing is off" if mode == "OFF" else "fleet indexing has no connectivity"
            then, off = switch_on, True
        elif failure is not None:
            why, then, off = f"fleet indexing does not answer ({reason(failure)})", remedy(failure), False
        else:
            why, then, off = "the fleet index does not have it yet", "run this again in a few minutes", False
        self._gaps.add(Evidence.CONNECTIVITY, why, then, about=unknown, indexing_off=off)

    def _indexing(self) -> tuple[str | None, str | None, str]:
        """The modes of thing indexing as far as they may be read, and the command that switches connectivity on.

        The command keeps what is set already: an update replaces the whole configuration.
        """
        try:
            answer = self._connection.read("GetIndexingConfiguration")
        except IotJobsError as error:
            _own(error)
            return None, None, _switch_on({})
        now = answer.get("thingIndexingConfiguration") or {}
        return now.get("thingIndexingMode", "OFF"), now.get("thingConnectivityIndexingMode", "OFF"), _switch_on(now)


def _own(error: IotJobsError) -> IotJobsError:
    """Give an error back that is about one call; raise one that is about the credentials."""
    if isinstance(error, Denied) and error.action is None:
        raise error
    return error


def _row(name: str, document: Document | None, exists: bool | None, queue_known: bool) -> dict[str, Any]:  # noqa: FBT001 - four facts of one row
    connectivity = _connectivity(document) or {}
    changed = connectivity.get("timestamp")
    return {
        "thing_name": name,
        "exists": exists,
        "connected": connectivity.get("connected"),
        "changed_at": datetime.fromtimestamp(changed / 1000, tz=UTC) if changed else None,
        "reason": connectivity.get("disconnectReason"),
        "thing_groups": ", ".join((document or {}).get("thingGroupNames", [])),
        "queue_known": queue_known,
    }


def _connectivity(document: Document | None) -> dict[str, Any] | None:
    connectivity = (document or {}).get("connectivity") or {}
    return connectivity if "connected" in connectivity else None


def _common_query(things: Sequence[str]) -> str:
    """A query for what the names begin with in common; a colon would have another meaning there."""
    first, last = min(things), max(things)
    shared = [one for one, _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))]
    common = re.match(r"[a-zA-Z0-9_][a-zA-Z0-9_-]*", "".join(shared))
    return f"thingName:{common.group() if common else ''}*"


def _worthwhile(pages: Iterable[Page], wanted: set[str], found: dict[str, Any]) -> Iterator[Page]:
    """Pages while each has brought one thing on average; `found` is filled by the caller meanwhile."""
    for number, page in enumerate(pages, start=1):
        yield page
        if wanted <= found.keys() or (number >= _PAGES_AT_LEAST and len(found) < number):
            return


def _switch_on(now: dict[str, Any]) -> str:
    kept = {name: value for name, value in now.items() if value and name != "managedFields"}
    mode = now.get("thingIndexingMode")
    wanted = {
        **kept,
        "thingIndexingMode": mode if mode not in (None, "OFF") else "REGISTRY",
        "thingConnectivityIndexingMode": "STATUS",
    }
    plain = all(isinstance(value, str) for value in wanted.values())
    given = ",".join(f"{name}={value}" for name, value in wanted.items()) if plain else f"'{json.dumps(wanted)}'"
    return f"switch it on with `aws iot update-indexing-configuration --thing-indexing-configuration {given}`"
