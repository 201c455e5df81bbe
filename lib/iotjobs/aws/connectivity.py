"""How things are connected, and in which groups they are: by the fleet index, or live and one by one.

The index answers for twelve things a query, or for a page of a hundred where their names begin alike; it knows their
groups, and which are still registered. GetThingConnectivityData answers for one thing, at 23 times the quota of
SearchIndex. Where an answer is waited for, both go through one list at once, from its two ends.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import takewhile
from typing import Any, TypeVar

from iotjobs.aws import concurrency
from iotjobs.aws.concurrency import map_concurrently, side_by_side
from iotjobs.aws.connection import Connection
from iotjobs.errors import Denied, IotJobsError, NotFound, about_credentials

#: For so few things a call each is taken without asking whether pages would be fewer.
FEW_THINGS = 25
_PAGES_AT_LEAST = 4
_INDEX_PAGE_ROWS = 100
_QUERY_TERMS, _QUERY_LENGTH = 12, 1000
_SOON = 15 * _QUERY_TERMS  # things: the index has told of them within a second

Document = dict[str, Any]
Page = TypeVar("Page")
Fact = TypeVar("Fact")


@dataclass(frozen=True, slots=True)
class Lookup:
    """What is known of things by name: the index's documents, and what only a live answer tells.

    ``failure``: why the index left some out.
    """

    things: tuple[str, ...]
    indexed: Mapping[str, Document]
    live: Mapping[str, Document] = field(default_factory=dict)
    failure: IotJobsError | None = None

    @property
    def documents(self) -> Mapping[str, Document]:
        """What is known of each thing."""
        return {**self.live, **self.indexed}


def look_up(connection: Connection, things: Sequence[str]) -> Lookup:
    """Look things up in the index; live where the index cannot be had, as without the permission."""
    indexed, failure = _search(connection, things)
    live: dict[str, Document] = {}
    if failure is not None:
        batches = deque(_queries([name for name in things if name not in indexed], _QUERY_TERMS))
        live, _ = _one_after_the_other(batches.popleft, partial(_live, connection))
    return Lookup(tuple(things), indexed, live, failure)


def look_up_soonest(connection: Connection, things: Sequence[str]) -> Lookup:
    """Look many things up in the least time, in the index and live at once; `complete` adds what the index knows."""
    if len(things) <= _SOON:
        return look_up(connection, things)
    indexed, failure = _by_pages(connection, things)
    batches = deque(_queries([name for name in things if name not in indexed], _QUERY_TERMS))
    (found, _), (live, _) = side_by_side(
        lambda: ({}, failure) if failure else _one_after_the_other(batches.popleft, partial(_query, connection)),
        lambda: _one_after_the_other(batches.pop, partial(_live, connection)),
    )
    return _with_rest(connection, Lookup(tuple(things), {**indexed, **found}, live, failure), but={*live})


def complete(connection: Connection, first: Lookup) -> Lookup:
    """Look up in the index what only a live answer told."""
    return _with_rest(connection, first, but=set()) if first.live else first


def _with_rest(connection: Connection, first: Lookup, *, but: set[str]) -> Lookup:
    rest = [name for name in first.things if name not in first.indexed and name not in but]
    if not rest:
        return first
    later = look_up(connection, rest)
    return Lookup(first.things, {**first.indexed, **later.indexed}, {**first.live, **later.live}, later.failure)


def _one_after_the_other(
    take: Callable[[], list[str]], ask: Callable[[Sequence[str]], dict[str, Document]]
) -> tuple[dict[str, Document], IotJobsError | None]:
    """Ask about names, a few at a time and several at once, until `take` has none left; what ended it early.

    The first name shows whether there is an answer at all. Raises Denied where the credentials are not usable.
    """
    documents: dict[str, Document] = {}

    def go_on(names: Sequence[str]) -> None:
        with suppress(IndexError):
            while True:
                documents.update(ask(names) if names else {})
                names = take()

    try:
        first, *others = take()
    except IndexError:
        return documents, None
    errors = map_concurrently(lambda name: documents.update(ask([name])), [first])
    if documents:
        errors = map_concurrently(go_on, [others, *[[]] * (concurrency.THREADS - 1)])
    return documents, next((error for error in errors if error is not None), None)


def _query(connection: Connection, names: Sequence[str]) -> dict[str, Document]:
    """The index's documents of a few things."""
    pages = _pages(connection, " OR ".join(f'thingName:"{name}"' for name in names))
    page = next(filter(None, pages), [])  # one may be empty and not the last
    return {name: document for name, document in _named(page).items() if name in names}


def _named(page: Iterable[Document]) -> dict[str, Document]:
    """Documents by the thing's name; one without a name tells nothing of anybody."""
    return {document["thingName"]: document for document in page if document.get("thingName")}


def _live(connection: Connection, names: Sequence[str]) -> dict[str, Document]:
    """How things are connected now, as the index would have it (API: GetThingConnectivityData)."""
    documents: dict[str, Document] = {}
    for name in names:
        try:
            answer = connection.read("GetThingConnectivityData", thingName=name)
        except NotFound:
            continue  # there is no such thing, or nothing is known of it: the registry and the index tell
        if answer.get("thingName") == name:
            at = answer.get("timestamp")
            connectivity = {**answer, "timestamp": at and 1000 * at}
            documents[name] = {"thingName": name, "connectivity": connectivity}
    return documents


def _pages(connection: Connection, query: str) -> Iterator[list[Document]]:
    return iter(connection.pages("SearchIndex", "things", queryString=query, maxResults=_INDEX_PAGE_ROWS))


def _by_pages(connection: Connection, things: Sequence[str]) -> tuple[dict[str, Document], IotJobsError | None]:
    """The documents of many things by what their names begin with, as far as pages bring more of them than queries."""
    if len(things) <= FEW_THINGS:
        return {}, None
    pages = _pages(connection, _common_query(things))
    return by_page(pages, set(things), _named, least=_QUERY_TERMS)


def _search(connection: Connection, things: Sequence[str]) -> tuple[dict[str, Document], IotJobsError | None]:
    """The index's documents of things by name, and the error that left some out.

    Pages of the index for many, by what their names begin with, as long as a page brings more than a query for
    one thing would; a query each for the rest.
    """
    documents, failure = _by_pages(connection, things)
    if failure is not None:
        return documents, failure
    query = partial(_query, connection)
    for most in (_QUERY_TERMS, 1):  # an index that knows no OR, or answers such a query short, is asked for each
        if failure is not None and not isinstance(failure, Denied):
            failure = None
        queries = _queries([name for name in things if name not in documents], most)
        for some in (queries[:1], queries[1:]):  # the first one shows whether the index answers at all
            for answer in map_concurrently(query, some) if failure is None else []:
                if isinstance(answer, IotJobsError):
                    failure = answer
                else:
                    documents |= answer
    return documents, failure


def _queries(names: Sequence[str], most: int) -> list[list[str]]:
    """The names by query: so many terms, and so many characters, are allowed in one (quotas of fleet indexing)."""
    queries: list[list[str]] = []
    length = 0
    for name in names:
        length += len(name) + len(' OR thingName:""')
        if not queries or len(queries[-1]) >= most or length > _QUERY_LENGTH:
            queries.append([])
            length = len(name) + len(' OR thingName:""')
        queries[-1].append(name)
    return queries


def by_page(
    pages: Iterable[Page], wanted: set[str], take: Callable[[Page], Mapping[str, Fact]], *, least: int = 1
) -> tuple[dict[str, Fact], IotJobsError | None]:
    """What pages have of the wanted things, while each brings ``least`` on average, and the error that ended it early.

    Raises Denied where the credentials are not usable.
    """
    facts: dict[str, Fact] = {}
    try:
        for number, page in enumerate(pages, start=1):
            facts |= {name: fact for name, fact in take(page).items() if name in wanted}
            if wanted <= facts.keys() or (number >= _PAGES_AT_LEAST and len(facts) < least * number):
                break
    except IotJobsError as error:
        if about_credentials(error):
            raise
        return facts, error
    return facts, None


def _common_query(things: Sequence[str]) -> str:
    """A query for what the names begin with in common; a colon would have another meaning there."""
    first, last = min(things), max(things)
    shared = [one for one, _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))]
    common = re.match(r"[a-zA-Z0-9_][a-zA-Z0-9_-]*", "".join(shared))
    return f"thingName:{common.group() if common else ''}*"
