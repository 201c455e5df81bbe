"""When a job's schedule let it deliver: its start time and its recurring maintenance windows. Pure.

Source: SchedulingConfig in the API reference. Times are UTC; `maintenanceWindows[].startTime` is an AWS cron
expression of six fields, where the day of the week counts from 1 (Sunday) and `?` means any.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from cronsim import CronSim, CronSimError

_FIELDS = 6
_ANY_YEAR = {"*", "?"}


class UnreadableSchedule(ValueError):
    """The schedule is not in a form that we know; nothing must be concluded from it."""


def has_opened(scheduling: dict[str, Any], *, queued_at: datetime, as_of: datetime) -> bool:
    """Whether the job could deliver at some moment between `queued_at` and `as_of`.

    Raises UnreadableSchedule.
    """
    start = _start_time(scheduling)
    if start is not None and start > as_of:
        return False
    windows = scheduling.get("maintenanceWindows") or []
    since = max(queued_at, start) if start else queued_at
    return not windows or any(_first_overlap(window, since) <= as_of for window in windows)


def next_opening(scheduling: dict[str, Any], *, as_of: datetime) -> datetime | None:
    """The next moment at which the job starts to deliver, None when its schedule has none."""
    start = _start_time(scheduling)
    since = max(as_of, start) if start else as_of
    windows = scheduling.get("maintenanceWindows") or []
    if windows:
        return min(_occurrence(window, since) for window in windows)
    return start if start is not None and start > as_of else None


def is_scheduled(scheduling: Any) -> bool:
    """Whether a job's `schedulingConfig` says anything about when it delivers."""
    return isinstance(scheduling, dict) and bool(scheduling.get("startTime") or scheduling.get("maintenanceWindows"))


def _start_time(scheduling: dict[str, Any]) -> datetime | None:
    text = scheduling.get("startTime")
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(str(text).replace(" ", "T"))
    except ValueError as error:
        raise UnreadableSchedule(f"start time {text!r}") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _first_overlap(window: dict[str, Any], since: datetime) -> datetime:
    """The start of the first window that is still open at `since`, or opens after it."""
    length = timedelta(minutes=int(window.get("durationInMinutes") or 0))
    return _occurrence(window, since - length)


def _occurrence(window: dict[str, Any], since: datetime) -> datetime:
    text = str(window.get("startTime", ""))
    fields = re.sub(r"^cron\((.*)\)$", r"\1", text.strip()).split()
    if len(fields) != _FIELDS:
        raise UnreadableSchedule(f"maintenance window {text!r}")
    year = fields.pop()
    fields[4] = re.sub(r"(?<![#\d])([1-7])(?!\d)", lambda found: str(int(found.group(1)) - 1), fields[4])
    expression = " ".join(fields).replace("?", "*")
    try:
        for moment in CronSim(expression, since):
            if year in _ANY_YEAR or str(moment.year) == year:
                return moment
            if year.isdigit() and moment.year > int(year):
                break
    except CronSimError as error:
        raise UnreadableSchedule(f"maintenance window {text!r}: {error}") from error
    return datetime.max.replace(tzinfo=UTC)
