"""When a job's schedule let it deliver: its start time and its recurring maintenance windows. Pure.

Source: SchedulingConfig in the API reference. Times are UTC; `maintenanceWindows[].startTime` is an AWS cron
expression of six fields (minutes, hours, day of month, month, day of week, year), where the day of the week counts
from 1 (Sunday) and `?` means any. A window that begins after the job's `endTime` does not open.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from cronsim import CronSim, CronSimError

_FIELDS = 6
_ANY = {"*", "?"}
_DAYS = {name: str(number) for number, name in enumerate(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"])}
_NEVER = datetime.max.replace(tzinfo=UTC)
_LAST_YEAR = 2199  # of AWS's cron expressions


class UnreadableSchedule(ValueError):
    """The schedule is not in a form that we know; nothing must be concluded from it."""


def has_opened(scheduling: dict[str, Any], *, queued_at: datetime, as_of: datetime) -> bool:
    """Whether the job could deliver at some moment between `queued_at` and `as_of`.

    Raises UnreadableSchedule.
    """
    start, end = _moment(scheduling, "startTime"), _moment(scheduling, "endTime")
    if start is not None and start > as_of:
        return False
    windows = _windows(scheduling)
    if not windows:
        return True
    since = max(queued_at, start) if start else queued_at
    until = min(as_of, end) if end else as_of
    return since <= until and any(_occurrence(cron, since - length) <= until for cron, length in windows)


def next_opening(scheduling: dict[str, Any], *, as_of: datetime) -> datetime | None:
    """The next moment at which the job starts to deliver, None when its schedule has none.

    Raises UnreadableSchedule.
    """
    start, end = _moment(scheduling, "startTime"), _moment(scheduling, "endTime")
    ahead = start is not None and start > as_of
    windows = _windows(scheduling)
    if not windows:
        return start if ahead else None
    # An occurrence is strictly after, and a window may open with the job itself.
    since = start - timedelta(seconds=1) if start is not None and ahead else as_of
    opening = min(_occurrence(cron, since) for cron, _ in windows)
    return opening if opening < (end or _NEVER) else None


def is_scheduled(scheduling: Any) -> bool:
    """Whether a job's `schedulingConfig` says anything about when it delivers."""
    return isinstance(scheduling, dict) and bool(scheduling.get("startTime") or scheduling.get("maintenanceWindows"))


def check(scheduling: dict[str, Any], *, as_of: datetime) -> None:
    """Read the whole schedule. Raises UnreadableSchedule."""
    next_opening(scheduling, as_of=as_of)


def _moment(scheduling: dict[str, Any], name: str) -> datetime | None:
    text = scheduling.get(name)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(str(text).replace(" ", "T"))
    except ValueError as error:
        words = {"startTime": "start time", "endTime": "end time"}[name]
        raise UnreadableSchedule(f"{words} {text!r}") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _windows(scheduling: dict[str, Any]) -> list[tuple[str, timedelta]]:
    """Each window's cron expression and length."""
    found = []
    for window in scheduling.get("maintenanceWindows") or []:
        try:
            found.append((str(window["startTime"]), timedelta(minutes=int(window["durationInMinutes"]))))
        except (TypeError, KeyError, ValueError) as error:
            raise UnreadableSchedule(f"maintenance window {window!r}") from error
    return found


def _occurrence(cron: str, since: datetime) -> datetime:
    """The first moment of a cron expression strictly after `since`; the end of time when there is none."""
    fields = re.sub(r"^CRON\((.*)\)$", r"\1", cron.strip().upper()).split()
    if len(fields) != _FIELDS:
        raise UnreadableSchedule(f"maintenance window {cron!r}")
    *rest, weekday, year = fields
    if rest[2] not in _ANY and weekday not in _ANY:
        # AWS takes one of the two days only; other readers of cron differ on what both would mean.
        raise UnreadableSchedule(f"maintenance window {cron!r}: both days are given")
    try:
        expression = " ".join(["*" if field == "?" else field for field in rest] + [_weekday(weekday)])
        for wanted in _years(year, since.year):
            begin = since if wanted is None else max(since, datetime(wanted, 1, 1, tzinfo=UTC) - timedelta(seconds=1))
            moment = next(CronSim(expression, begin), None)
            if moment is not None and (wanted is None or moment.year == wanted):
                return moment
    except (CronSimError, ValueError) as error:
        raise UnreadableSchedule(f"maintenance window {cron!r}: {error}") from error
    return _NEVER


def _weekday(field: str) -> str:
    """AWS's day of the week, 1 to 7 from Sunday, as cron's 0 to 6."""
    if field in _ANY:
        return "*"
    return ",".join(_weekday_term(term) for term in field.split(","))


def _weekday_term(term: str) -> str:
    days, slash, step = term.partition("/")
    if days == "L":
        return _DAYS["SAT"]
    which, mark, nth = days.partition("#")
    numbered = re.sub("|".join(_DAYS), lambda name: str(int(_DAYS[name.group()]) + 1), which)
    counted = re.sub(r"\d+", lambda day: str(int(day.group()) - 1), numbered)
    return counted + mark + nth + slash + step


def _years(field: str, first: int) -> list[int | None]:
    """The years of a field that are not over, in order; [None] for any year."""
    if field in _ANY:
        return [None]
    years: set[int] = set()
    for term in field.split(","):
        span, _, step = term.partition("/")
        begin, dash, end = span.partition("-")
        lowest = 1970 if begin == "*" else int(begin)
        highest = int(end) if dash else (_LAST_YEAR if step else lowest)
        years |= set(range(lowest, highest + 1, int(step or 1)))
    return [year for year in sorted(years) if year >= first]
