"""A job's schedule: whether it could deliver since an execution was queued."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from iotjobs.diagnosis import schedule as windows

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)  # a Tuesday
WEEKLY_TUESDAY_3AM = {"maintenanceWindows": [{"startTime": "cron(0 3 ? * 3 *)", "durationInMinutes": 60}]}


def _has_opened(scheduling: dict[str, Any], *, queued_at: datetime, as_of: datetime) -> bool:
    return queued_at < windows.delivered_until(scheduling, as_of=as_of)


@pytest.mark.parametrize(
    ("scheduling", "queued_ago", "opened"),
    [
        ({"startTime": "2026-12-01T10:00"}, timedelta(days=3), False),
        ({"startTime": "2026-11-23T10:00"}, timedelta(days=3), True),
        (WEEKLY_TUESDAY_3AM, timedelta(days=3), True),
        (WEEKLY_TUESDAY_3AM, timedelta(hours=4), False),
        (WEEKLY_TUESDAY_3AM, timedelta(hours=8, minutes=30), True),
        (WEEKLY_TUESDAY_3AM, timedelta(hours=8), False),
        (WEEKLY_TUESDAY_3AM | {"startTime": "2026-11-24T04:30"}, timedelta(days=30), False),
        (
            {"maintenanceWindows": [{"startTime": "cron(0 3 1 1 ? 2027)", "durationInMinutes": 60}]},
            timedelta(days=3),
            False,
        ),
        (
            {"maintenanceWindows": [{"startTime": "cron(0 3 1 1 ? 2025)", "durationInMinutes": 60}]},
            timedelta(days=3),
            False,
        ),
        ({}, timedelta(days=3), True),
    ],
    ids=[
        "start-ahead",
        "start-past",
        "window-since",
        "window-before-queued",
        "queued-inside-window",
        "queued-as-it-closed",
        "start-after-window",
        "only-next-year",
        "year-is-over",
        "no-schedule",
    ],
)
def test_whether_the_job_could_deliver(scheduling: dict, queued_ago: timedelta, opened: bool) -> None:
    assert _has_opened(scheduling, queued_at=NOW - queued_ago, as_of=NOW) is opened


def test_the_next_opening_of_a_weekly_window() -> None:
    assert windows.next_opening(WEEKLY_TUESDAY_3AM, as_of=NOW) == datetime(2026, 12, 1, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "opens"),
    [
        ("cron(0 3 ? * 2/2 *)", (2026, 11, 25)),  # Monday, Wednesday, Friday
        ("cron(0 3 ? * MON-FRI *)", (2026, 11, 25)),
        ("cron(0 3 ? * 6L *)", (2026, 11, 27)),  # the month's last Friday
        ("cron(0 3 ? * fri#1 *)", (2026, 12, 4)),
        ("cron(0 3 ? * L *)", (2026, 11, 28)),  # the week's last day
        ("cron(0 3 L * ? *)", (2026, 11, 30)),
        ("cron(0 3 1 JAN ? 2025-2028)", (2027, 1, 1)),
        ("cron(0 3 1 1 ? 2025,2029)", (2029, 1, 1)),
        ("cron(0 3 1 1 ? 2020/3)", (2029, 1, 1)),
        ("0 3 ? * 1 *", (2026, 11, 29)),
    ],
)
def test_the_cron_expressions_of_aws(cron: str, opens: tuple[int, int, int]) -> None:
    scheduling = {"maintenanceWindows": [{"startTime": cron, "durationInMinutes": 60}]}
    assert windows.next_opening(scheduling, as_of=NOW) == datetime(*opens, 3, tzinfo=UTC)


def test_a_window_after_the_end_time_does_not_open() -> None:
    over = WEEKLY_TUESDAY_3AM | {"endTime": "2026-11-23T10:00"}
    assert _has_opened(over, queued_at=NOW - timedelta(days=3), as_of=NOW) is False
    assert windows.next_opening(over, as_of=NOW) is None
    assert _has_opened(over, queued_at=NOW - timedelta(days=9), as_of=NOW) is True


def test_a_window_may_open_with_the_job_itself() -> None:
    both = WEEKLY_TUESDAY_3AM | {"startTime": "2026-12-01T03:00"}
    assert windows.next_opening(both, as_of=NOW) == datetime(2026, 12, 1, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    "window",
    [
        {},
        {"startTime": "cron(0 3 ? * 3 *)"},
        {"startTime": "cron(0 3 ? * 3 *)", "durationInMinutes": 10**25},
        "tonight",
    ],
    ids=str,
)
def test_a_window_without_start_or_length_is_not_taken_for_an_open_one(window: object) -> None:
    with pytest.raises(windows.UnreadableSchedule):
        _has_opened({"maintenanceWindows": [window]}, queued_at=NOW, as_of=NOW)


@pytest.mark.parametrize(
    "text", ["every Tuesday", "cron(61 3 ? * 3 *)", "cron(0 3 * *)", "", "cron(0 3 1 * MON *)", "cron(0 3 ? * 3 x)"]
)
def test_a_window_we_cannot_read_is_not_taken_for_an_open_one(text: str) -> None:
    scheduling = {"maintenanceWindows": [{"startTime": text, "durationInMinutes": 60}]}
    with pytest.raises(windows.UnreadableSchedule):
        _has_opened(scheduling, queued_at=NOW, as_of=NOW)


def test_a_start_time_we_cannot_read_is_said() -> None:
    with pytest.raises(windows.UnreadableSchedule, match="start time 'soon'"):
        _has_opened({"startTime": "soon"}, queued_at=NOW, as_of=NOW)
