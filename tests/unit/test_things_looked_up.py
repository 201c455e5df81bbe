"""Things are looked up in the index and live at once, each asked of one of the two, and what one denies the other tells."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from iotjobs.aws.connectivity import complete, look_up, look_up_soonest
from iotjobs.aws.things import things_table
from iotjobs.errors import Denied, IotJobsError, NotFound
from iotjobs.snapshot import Place

PLACE = Place(None, "eu-central-1", None)
NAMES = [f"{letter}-{number:03}" for letter in "ab" for number in range(150)]
OFFLINE_MS = 1_790_000_000_000


class Fleet:
    """A connection to an index and a registry of things; `asked` counts who was asked about which thing."""

    def __init__(self, *, gone: set[str] = frozenset(), errors: dict[str, IotJobsError] | None = None) -> None:  # type: ignore[assignment]
        self.gone = gone
        self.errors = errors or {}
        self.asked: dict[str, list[str]] = {}
        self.live_goes_on = threading.Event()
        self._noting = threading.Lock()

    def pages(self, operation: str, _key: str, **asked: Any) -> Iterator[list[dict[str, Any]]]:
        names = asked.get("queryString", "").split('"')[1::2]
        self._note(operation, names)
        if operation == "ListThings":
            yield [{"thingName": name} for name in NAMES if name not in self.gone]
            return
        connectivity = {"connected": False, "timestamp": OFFLINE_MS}
        yield [
            {"thingName": name, "thingGroupNames": ["pumps"], "connectivity": connectivity}
            for name in names
            if name not in self.gone
        ]

    def read(self, operation: str, **asked: Any) -> dict[str, Any]:
        name = asked.get("thingName", "")
        self._note(operation, [name])
        if operation == "DescribeThing" and name in self.gone:
            raise NotFound("there is no such thing")
        return {"thingName": name, "connected": False, "timestamp": OFFLINE_MS / 1000}

    def _note(self, operation: str, names: list[str]) -> None:
        with self._noting:
            self.asked.setdefault(operation, []).extend(names)
        if operation in self.errors:
            raise self.errors[operation]


def _denied(action: str) -> Denied:
    return Denied("access denied", action=f"iot:{action}")


def test_many_things_are_shared_between_the_index_and_live_calls() -> None:
    fleet = Fleet()
    first = look_up_soonest(fleet, NAMES)  # type: ignore[arg-type]
    assert sorted(fleet.asked["SearchIndex"] + fleet.asked["GetThingConnectivityData"]) == NAMES
    assert sorted(first.documents) == NAMES
    complete(fleet, first)  # type: ignore[arg-type]
    assert sorted(fleet.asked["SearchIndex"]) == NAMES


def test_a_thing_of_which_only_a_live_answer_tells_is_gone_once_the_index_was_asked() -> None:
    fleet = Fleet(gone=set(NAMES))
    first = look_up_soonest(fleet, NAMES)  # type: ignore[arg-type]
    early, _ = things_table(fleet, first, place=PLACE, trust_live=True)  # type: ignore[arg-type]
    table, gaps = things_table(fleet, complete(fleet, first), place=PLACE)  # type: ignore[arg-type]
    assert early["exists"].any()
    assert not table["exists"].any()
    assert gaps == []


@pytest.mark.parametrize("look", [look_up, look_up_soonest])
def test_what_the_index_denies_is_asked_live_and_the_registry_says_what_is_gone(look: Any) -> None:
    fleet = Fleet(gone={"a-007"}, errors={"SearchIndex": _denied("SearchIndex")})
    table, gaps = things_table(fleet, complete(fleet, look(fleet, NAMES)), place=PLACE)  # type: ignore[arg-type]
    assert table.loc[~table["exists"].astype(bool), "thing_name"].tolist() == ["a-007"]
    assert not table["connected"].astype(bool).any()
    assert table["changed_at"].dt.year.unique().tolist() == [2026]
    assert gaps == []


def test_what_a_live_call_denies_is_asked_of_the_index() -> None:
    fleet = Fleet(errors={"GetThingConnectivityData": _denied("GetThingConnectivityData")})
    first = look_up_soonest(fleet, NAMES)  # type: ignore[arg-type]
    assert len(fleet.asked["GetThingConnectivityData"]) == 1
    assert sorted(first.indexed) == NAMES


def test_where_neither_answers_the_gap_names_the_index() -> None:
    errors = {name: _denied(name) for name in ("SearchIndex", "GetThingConnectivityData")}
    fleet = Fleet(errors=dict(errors))
    table, gaps = things_table(fleet, look_up(fleet, NAMES[:3]), place=PLACE)  # type: ignore[arg-type]
    assert table["connected"].isna().all()
    assert "iot:SearchIndex" in str(gaps[0])
