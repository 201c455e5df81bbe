"""The queue of a thing: since when each execution is where it is, and what starts when it ends."""

from __future__ import annotations

import pandas as pd
import pytest

from iotjobs.diagnosis.queue_effects import with_consequences
from tests.unit.build_queues import AS_OF, build_queues

BEHIND_FIRMWARE = [
    ("pump-1", "firmware", "IN_PROGRESS", "stalled", 100, 79),
    ("pump-1", "certs", "QUEUED", "blocked", 90, None),
    ("pump-1", "logs", "QUEUED", "blocked", 50, None),
    ("pump-1", "config", "QUEUED", "blocked", 40, None),
]


def _queue(lines: list) -> pd.DataFrame:
    return with_consequences(build_queues(lines), as_of=AS_OF)


def test_each_end_says_what_starts_and_how_many_wait() -> None:
    assert _queue(BEHIND_FIRMWARE)["when_it_ends"].tolist() == [
        "certs #1 starts; 2 more wait",
        "logs #1 starts; 1 more waits",
        "config #1 starts",
        "nothing waits behind it",
    ]


def test_it_has_been_held_back_no_longer_than_what_holds_it_runs() -> None:
    hours = (_queue(BEHIND_FIRMWARE)["so_for_s"] / 3600).tolist()
    assert hours == [79, 79, 50, 40]


def test_a_queued_head_waits_since_it_was_queued() -> None:
    lines = [("a", "x", "QUEUED", "not_picked_up", 30, None), ("a", "y", "QUEUED", "waiting_turn", 20, None)]
    assert (_queue(lines)["so_for_s"] / 3600).tolist() == [30, 20]


@pytest.mark.parametrize(
    ("cause", "message"),
    [
        ("device_offline", "y #1 is next, once the device is back"),
        ("waiting_window", "y #1 is next, when its window opens"),
        ("unknown", "y #1 is next"),
    ],
)
def test_what_cannot_start_yet_is_only_next(cause: str, message: str) -> None:
    lines = [("a", "x", "IN_PROGRESS", "orphaned", 30, 29), ("a", "y", "QUEUED", cause, 20, None)]
    assert _queue(lines)["when_it_ends"][0] == message


def test_with_two_in_progress_the_end_of_one_starts_nothing() -> None:
    lines = [
        ("a", "x", "IN_PROGRESS", "stalled", 30, 29),
        ("a", "y", "IN_PROGRESS", "stalled", 28, 27),
        ("a", "z", "QUEUED", "blocked", 20, None),
    ]
    assert _queue(lines)["when_it_ends"].tolist()[0] == "nothing starts yet: y #1 is in progress as well"


def test_an_empty_queue_stays_empty() -> None:
    assert _queue([]).empty
