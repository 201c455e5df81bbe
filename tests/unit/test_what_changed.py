"""Run again with the earlier run's directory: what got stuck, what moved, what is gone, what is new."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from iotjobs.diagnosis.changes import CHANGE_COLUMNS, Changes, compare, missing_now
from tests.unit.build_queues import AS_OF, Line, build_queues

SINCE = AS_OF - timedelta(hours=24)
HUNG: Line = ("pump-1", "firmware", "IN_PROGRESS", "stalled", 100, 79)
WAITS: Line = ("pump-1", "certs", "QUEUED", "blocked", 60, None)
DONE: Line = ("pump-1", "firmware", "SUCCEEDED", "", 100, 79)


def _found(before: list[Line], now: list[Line], **more: Any) -> dict[tuple[str, str], tuple[str, str]]:
    table, _, _ = compare(build_queues(before), _executions(now), since=SINCE, **more)
    assert list(table.columns) == list(CHANGE_COLUMNS)
    keys = zip(table["thing_name"], table["job_id"], strict=True)
    return dict(zip(keys, zip(table["change"], table["note"], strict=True), strict=True))


def _executions(lines: list[Line]) -> pd.DataFrame:
    table = build_queues(lines)
    table.loc[table["cause"] == "", "stuck"] = False
    return table


def test_what_hangs_as_it_did_is_no_change() -> None:
    table, as_before, not_compared = compare(build_queues([HUNG]), build_queues([HUNG]), since=SINCE)
    assert (len(table), as_before, not_compared) == (0, 1, 0)


def test_what_was_fresh_and_is_stuck_now_is_newly_stuck() -> None:
    fresh = ("pump-1", "firmware", "IN_PROGRESS", "fresh", 100, 79)
    assert _found([fresh], [HUNG]) == {("pump-1", "firmware"): ("newly_stuck", "fresh → stalled")}


def test_what_finished_is_no_longer_stuck() -> None:
    assert _found([HUNG], [DONE]) == {("pump-1", "firmware"): ("no_longer_stuck", "finished: SUCCEEDED")}


def test_another_cause_and_another_report_are_moves() -> None:
    starved = ("pump-1", "certs", "QUEUED", "not_picked_up", 60, None)
    reported = ("pump-1", "firmware", "IN_PROGRESS", "stalled", 100, 79)
    now = build_queues([reported, starved])
    now.loc[0, "last_updated_at"] = pd.Timestamp(AS_OF - timedelta(hours=30))
    table, _, _ = compare(build_queues([HUNG, WAITS]), now, since=SINCE)
    assert dict(zip(table["job_id"], table["note"], strict=True)) == {
        "firmware": "reported again",
        "certs": "blocked → not_picked_up",
    }
    assert set(table["change"]) == {"moved"}


def test_what_was_looked_for_and_is_not_there_was_deleted() -> None:
    key = ("firmware", "pump-1", 1)
    assert _found([HUNG], [], deleted=[key])["pump-1", "firmware"] == ("gone", "deleted")
    assert missing_now(build_queues([HUNG]), build_queues([]))["job_id"].tolist() == ["firmware"]


def test_a_number_used_again_is_one_gone_and_one_new() -> None:
    again = ("pump-1", "firmware", "QUEUED", "fresh", 3, None)
    table, _, _ = compare(build_queues([HUNG]), build_queues([again]), since=SINCE)
    assert list(zip(table["change"], table["note"], strict=True)) == [
        ("new", "uses the number of one that is gone again"),
        ("gone", "deleted, and its number was used again"),
    ]


def test_what_was_queued_since_is_new() -> None:
    assert _found([], [("fan-1", "config", "QUEUED", "fresh", 3, None)])["fan-1", "config"] == ("new", "queued since")


def test_what_the_earlier_run_never_read_is_said_to_be_so() -> None:
    note = _found([], [HUNG])["pump-1", "firmware"]
    assert note == ("new", "queued before, but the earlier run did not read it")


def test_what_could_not_be_looked_at_is_not_called_gone() -> None:
    key = ("firmware", "pump-1", 1)
    table, as_before, not_compared = compare(build_queues([HUNG]), build_queues([]), since=SINCE, unread=[key])
    assert (len(table), as_before, not_compared) == (0, 0, 1)


def test_finished_ones_that_a_run_does_not_read_are_no_change() -> None:
    finished = _executions([DONE])
    assert compare(finished, build_queues([]), since=SINCE)[2] == 1
    assert compare(build_queues([]), finished, since=SINCE)[2] == 1
    table, _, _ = compare(finished, build_queues([]), since=SINCE, read_whole=["firmware"])
    assert table["note"].tolist() == ["deleted"]


def test_the_sentence_says_how_many_of_each() -> None:
    table, same, skipped = compare(build_queues([HUNG, WAITS]), _executions([DONE, WAITS]), since=SINCE)
    summary = Changes(table, same, skipped, SINCE, "earlier").summary(AS_OF)
    assert summary == ("Since 2026-11-19 10:00 UTC, 1 d ago: 1 no longer stuck (1 finished); 1 is as it was.")


STATES = st.sampled_from([("QUEUED", "fresh"), ("QUEUED", "blocked"), ("IN_PROGRESS", "stalled"), ("SUCCEEDED", "")])
FLEET = st.dictionaries(
    st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), st.tuples(STATES, st.integers(1, 60)), max_size=9
)


@settings(max_examples=40, deadline=None)
@given(FLEET, FLEET)
def test_every_execution_of_either_run_is_accounted_for_once(before: dict, now: dict) -> None:
    earlier, later = (
        _executions([(thing, job, *state, queued, None) for (thing, job), (state, queued) in fleet.items()])
        for fleet in (before, now)
    )
    table, as_before, not_compared = compare(earlier, later, since=SINCE)
    identities = {(key, queued) for fleet in (before, now) for key, (_, queued) in fleet.items()}
    assert len(table) + as_before + not_compared == len(identities)
    assert not table.duplicated(["job_id", "thing_name", "execution_number", "queued_at"]).any()
