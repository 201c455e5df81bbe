"""When a job's schedule let it deliver: its start time and its recurring maintenance windows. Pure.

Source: SchedulingConfig in the API reference. Times are UTC; `maintenanceWindows[].startTime` is an AWS cron
expression of six fields (minutes, hours, day of month, month, day of week, year), where the day of the week counts
from 1 (Sunday) and `?` means any. A window that begins after the job's `endTime` does not open.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from cronsim import CronSim, CronSimError

_FIELDS = 6
_ANY = {"*", "?"}
_DAYS = {name: str(number) for number, name in enumerate(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"])}
_FIRST_YEAR, _LAST_YEAR = 1970, 2199  # of AWS's cron expressions
_BEGINNING, _END = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_LONGEST_WINDOW = timedelta(days=366)  # AWS takes less than a day


class UnreadableSchedule(ValueError):
    """The schedule is not in a form that we know; nothing must be concluded from it."""


def delivered_until(scheduling: dict[str, Any], *, as_of: datetime) -> datetime:
    """The end of the last window that opened by `as_of`: what was queued before then could be delivered.

    The end of time when there is no end to it, its beginning when none has opened. Raises UnreadableSchedule.
    """
    start, end = _moment(scheduling, "startTime"), _moment(scheduling, "endTime")
    if start is not None and start > as_of:
        return _BEGINNING
    windows = _windows(scheduling)
    if not windows:
        return _END
    until = min(as_of, end) if end else as_of
    closings = [_last(cron, until) + length for cron, length in windows]
    last = min(max(closings), end or _END)
    return last if start is None or start < last else _BEGINNING


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
    since = start - _SECOND if start is not None and ahead else as_of
    opening = min(_next(cron, since) for cron, _ in windows)
    return opening if opening < (end or _END) else None


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
    windows = []
    for window in scheduling.get("maintenanceWindows") or []:
        try:
            length = timedelta(minutes=int(window["durationInMinutes"]))
            windows.append((str(window["startTime"]), min(length, _LONGEST_WINDOW)))
        except (TypeError, KeyError, ValueError, OverflowError) as error:
            raise UnreadableSchedule(f"maintenance window {window!r}") from error
    return windows


def _next(cron: str, since: datetime) -> datetime:
    """The first moment of a cron expression strictly after `since`; the end of time when there is none."""
    expression, years = _understood(cron)
    if years is None:
        return next(CronSim(expression, since), _END)
    for year in years:
        first = max(since, datetime(year, 1, 1, tzinfo=UTC) - _SECOND)
        moment = next(CronSim(expression, first), _END)
        if moment.year == year:
            return moment
    return _END


def _last(cron: str, until: datetime) -> datetime:
    """The last moment of a cron expression up to `until`; the beginning of time when there is none."""
    expression, years = _understood(cron)
    after = until.replace(microsecond=0) + _SECOND
    if years is None:
        return next(CronSim(expression, after, reverse=True), _BEGINNING)
    for year in years[::-1]:
        before = min(after, datetime(year + 1, 1, 1, tzinfo=UTC))
        moment = next(CronSim(expression, before, reverse=True), _BEGINNING)
        if moment.year == year:
            return moment
    return _BEGINNING


@lru_cache
def _understood(cron: str) -> tuple[str, list[int] | None]:
    """An AWS cron expression as CronSim reads it, and its years in order; None for any year."""
    fields = re.sub(r"^CRON\((.*)\)$", r"\1", cron.strip().upper()).split()
    if len(fields) != _FIELDS:
        raise UnreadableSchedule(f"maintenance window {cron!r}")
    *rest, weekday, year = fields
    if rest[2] not in _ANY and weekday not in _ANY:
        # AWS takes one of the two days only; other readers of cron differ on what both would mean.
        raise UnreadableSchedule(f"maintenance window {cron!r}: both days are given")
    try:
        expression = " ".join(["*" if field == "?" else field for field in rest] + [_weekday(weekday)])
        CronSim(expression, _BEGINNING)
        return expression, _years(year)
    except (CronSimError, ValueError) as error:
        raise UnreadableSchedule(f"maintenance window {cron!r}: {error}") from error


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


def _years(field: str) -> list[int] | None:
    if field in _ANY:
        return None
    years: set[int] = set()
    for term in field.split(","):
        span, _, step = term.partition("/")
        begin, dash, end = span.partition("-")
        lowest = _FIRST_YEAR if begin == "*" else int(begin)
        highest = int(end) if dash else (_LAST_YEAR if step else lowest)
        years |= set(range(max(lowest, _FIRST_YEAR), min(highest, _LAST_YEAR) + 1, int(step or 1)))
    return sorted(years)
