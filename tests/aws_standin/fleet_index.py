"""Fleet indexing: which things a query string means, and the document that the index has of each.

The grammar is the part of it that fleets use: `field:value` with `*` and `?`, quotes, parentheses, AND, OR and NOT;
terms beside each other are joined by AND. Source: "Fleet indexing query syntax", AWS IoT developer guide.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from .errors import AwsError, invalid
from .fleet import Fleet, Thing

Test = Callable[[Thing], bool]
_TOKENS = re.compile(r'\s*(\(|\)|AND\b|OR\b|NOT\b|[\w.]+:"[^"]*"|[\w.]+:\(|[\w.]+:[^\s()]+|\*|"[^"]*"|[^\s()]+)')
_MOST_TERMS, _LONGEST = 12, 1000
_NAMED = r'thingName:(?:"([^"*?]+)"|([^"*?\s()]+))'


def documents(fleet: Fleet, thing: Thing) -> dict[str, Any]:
    """The document of a thing, as SearchIndex answers it."""
    document: dict[str, Any] = {"thingName": thing.name, "thingGroupNames": list(thing.groups)}
    if thing.attributes:
        document["attributes"] = dict(thing.attributes)
    if fleet.indexing["thingConnectivityIndexingMode"] == "STATUS" and thing.connectivity is not None:
        document["connectivity"] = dict(thing.connectivity)
    return document


def matching(fleet: Fleet, query: str) -> list[Thing]:
    """The registered things that a query means, by name. Raises AwsError for a query that AWS refuses."""
    if not query:
        raise invalid("queryString is required")
    if len(query) > _LONGEST:
        raise AwsError("InvalidQueryException", f"The query is longer than {_LONGEST} characters")
    if re.fullmatch(rf"{_NAMED}(?: OR {_NAMED}){{0,{_MOST_TERMS - 1}}}", query):  # without a look at every thing
        names = sorted({quoted or bare for quoted, bare in re.findall(_NAMED, query)})
        return [thing for name in names if (thing := fleet.things.get(name)) and thing.registered]
    test = _Query(_TOKENS.findall(query)).read()
    return sorted((one for one in fleet.things.values() if one.registered and test(one)), key=lambda one: one.name)


class _Query:
    """A recursive descent over the tokens of a query."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._terms = 0

    def read(self) -> Test:
        test = self._any()
        if self._tokens:
            raise AwsError("InvalidQueryException", f"Invalid query near {self._tokens[0]}")
        return test

    def _any(self, within: str | None = None) -> Test:
        tests = [self._all(within)]
        while self._next("OR"):
            tests.append(self._all(within))
        return lambda thing: any(test(thing) for test in tests)

    def _all(self, within: str | None) -> Test:
        tests = [self._one(within)]
        while self._tokens and self._tokens[0] not in {"OR", ")"}:
            self._next("AND")
            tests.append(self._one(within))
        return lambda thing: all(test(thing) for test in tests)

    def _one(self, within: str | None) -> Test:
        if not self._tokens:
            raise AwsError("InvalidQueryException", "Invalid query: it ends too early")
        if self._next("NOT"):
            other = self._one(within)
            return lambda thing: not other(thing)
        word = self._tokens.pop(0)
        if word == "(" or word.endswith(":("):
            test = self._any(word[:-2] or within if word != "(" else within)
            if not self._next(")"):
                raise AwsError("InvalidQueryException", "Invalid query: a parenthesis is not closed")
            return test
        self._terms += 1
        if self._terms > _MOST_TERMS:
            raise AwsError("InvalidQueryException", f"The query has more than {_MOST_TERMS} terms")
        return _term(word, within)

    def _next(self, word: str) -> bool:
        if self._tokens and self._tokens[0] == word:
            self._tokens.pop(0)
            return True
        return False


def _term(word: str, within: str | None) -> Test:
    name, _, value = word.partition(":") if within is None and ":" in word else (within or "", "", word)
    pattern = value.strip('"').lower()
    if not name:
        if pattern == "*":
            return lambda _thing: True
        raise AwsError("InvalidQueryException", f"Invalid query: {word} names no field")
    return lambda thing: any(fnmatchcase(text.lower(), pattern) for text in _values(thing, name))


def _values(thing: Thing, name: str) -> list[str]:
    if name == "thingName":
        return [thing.name]
    if name == "thingGroupNames":
        return list(thing.groups)
    outer, _, inner = name.partition(".")
    if outer == "attributes":
        return [thing.attributes[inner]] if inner in thing.attributes else []
    if outer == "connectivity" and thing.connectivity is not None and inner in thing.connectivity:
        return [str(thing.connectivity[inner])]
    return []
