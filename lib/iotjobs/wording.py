"""Evidence in words and figures: the sentence that lets a person check each cause. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, cast

import pandas as pd

from iotjobs import windows
from iotjobs.domain import Cause, utc_text
from iotjobs.owners import owner_of
from iotjobs.picture import Picture

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def duration_text(seconds: float) -> str:
    """A duration as a person says it: `3 d 7 h`, `2 h 5 min`, `40 s`."""
    whole = max(0, int(seconds))
    days, hours, minutes = whole // _DAY, whole % _DAY // _HOUR, whole % _HOUR // _MINUTE
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min" if minutes else f"{whole} s"


def describe_evidence(table: pd.DataFrame, picture: Picture) -> pd.Series:
    """The evidence of each row of a diagnosed queue table (see `diagnose.diagnose_queues`)."""
    rows = cast("list[dict[str, Any]]", table.to_dict("records"))
    heads = {row["thing_name"]: row for row in rows if row["head"]}
    sentences = [_sentence(row, heads.get(row["thing_name"]), picture) for row in rows]
    return pd.Series(sentences, index=table.index, dtype="str")


def _sentence(row: dict[str, Any], head: dict[str, Any] | None, picture: Picture) -> str:
    parts = [_state(row, picture.as_of)]
    words = _WORDS[Cause(row["cause"])](row, head, picture)
    parts.append(words)
    if pd.notna(row["unblocks"]) and row["unblocks"]:
        count = int(row["unblocks"])
        waiting = f"{count} executions of this thing wait" if count > 1 else "1 execution of this thing waits"
        parts.append(f"{waiting} behind it")
    owner = owner_of(row["job_id"], row["namespace_id"])
    if owner:
        parts.append(f"the job belongs to {owner}")
    return "; ".join(part for part in parts if part)


def _ago(moment: Any, as_of: datetime) -> str:
    return duration_text((as_of - moment).total_seconds())


def _state(row: dict[str, Any], as_of: datetime) -> str:
    if not row["running"]:
        attempt = row["retry_attempt"]
        retry = f" (retry {attempt})" if pd.notna(attempt) and attempt else ""
        return f"QUEUED for {_ago(row['queued_at'], as_of)}{retry}"
    began = row["started_at"] if pd.notna(row["started_at"]) else row["queued_at"]
    last = row["last_updated_at"] if pd.notna(row["last_updated_at"]) else began
    return f"IN_PROGRESS for {_ago(began, as_of)}, last report {_ago(last, as_of)} ago"


def _connection(row: dict[str, Any], picture: Picture) -> str:
    since = row["changed_at"]
    if row["connected"] is True or (pd.notna(row["connected"]) and bool(row["connected"])):
        return "device connected" + (f" since {_ago(since, picture.as_of)}" if pd.notna(since) else "")
    if pd.isna(since):
        return "the device has never connected under the thing's name as its client id"
    reason = row["reason"] if isinstance(row["reason"], str) and row["reason"] else "no reason on record"
    return f"device offline since {_ago(since, picture.as_of)} ({utc_text(since)}, {reason})"


def _thing_gone(_row: dict[str, Any], _head: Any, _picture: Picture) -> str:
    return "the thing is no longer in the registry"


def _orphaned(row: dict[str, Any], _head: Any, _picture: Picture) -> str:
    return f"the job is {row['job_status']}, this execution was left behind"


def _retrying(_row: dict[str, Any], _head: Any, _picture: Picture) -> str:
    return "queued again by the job's retry configuration"


def _fresh(row: dict[str, Any], _head: Any, picture: Picture) -> str:
    return f"last change {_ago(row['last_change'], picture.as_of)} ago"


def _waiting_window(row: dict[str, Any], _head: Any, picture: Picture) -> str:
    try:
        opening = windows.next_opening(row["scheduling"] or {}, as_of=picture.as_of)
    except (windows.UnreadableSchedule, AttributeError):
        opening = None
    when = f", next at {utc_text(opening)}" if opening is not None else ""
    return f"no window of the job has opened since it was queued{when}"


def _timeout_pending(row: dict[str, Any], _head: Any, picture: Picture) -> str:
    if pd.notna(row["seconds_left"]):
        ends = picture.as_of + pd.Timedelta(seconds=float(row["seconds_left"]))
        return f"a timer ends it in {duration_text(float(row['seconds_left']))}, at {utc_text(ends)}"
    began = row["started_at"] if pd.notna(row["started_at"]) else row["last_change"]
    ends = began + pd.Timedelta(minutes=int(row["timeout_minutes"]))
    return f"the job's timer of {int(row['timeout_minutes'])} min ends it at {utc_text(ends)}"


def _device_offline(row: dict[str, Any], _head: Any, picture: Picture) -> str:
    return _connection(row, picture)


def _stalled(row: dict[str, Any], _head: Any, picture: Picture) -> str:
    return f"{_connection(row, picture)}, no timer"


def _name_head(head: dict[str, Any] | None, picture: Picture) -> str:
    if head is None:
        return "another execution"
    key = f"{head['job_id']} number {head['execution_number']}"
    return f"{key} ({_state(head, picture.as_of)}, cause {head['cause']})"


def _blocked(row: dict[str, Any], head: dict[str, Any] | None, picture: Picture) -> str:
    return f"held back by {_name_head(head, picture)}; {_connection(row, picture)}"


def _waiting_turn(row: dict[str, Any], head: dict[str, Any] | None, picture: Picture) -> str:
    return f"position {row['position']} in the queue, whose head is {_name_head(head, picture)}"


def _not_picked_up(row: dict[str, Any], _head: Any, picture: Picture) -> str:
    return f"head of its queue, {_connection(row, picture)}, never started"


def _unknown(row: dict[str, Any], _head: Any, picture: Picture) -> str:
    missing = row["why_unknown"] or "evidence"
    gaps = [str(gap) for gap in picture.gaps if gap.evidence == missing]
    return gaps[0] if gaps else f"{missing} could not be read"


_WORDS: dict[Cause, Callable[[dict[str, Any], Any, Picture], str]] = {
    Cause.THING_GONE: _thing_gone,
    Cause.ORPHANED: _orphaned,
    Cause.RETRYING: _retrying,
    Cause.FRESH: _fresh,
    Cause.WAITING_WINDOW: _waiting_window,
    Cause.TIMEOUT_PENDING: _timeout_pending,
    Cause.DEVICE_OFFLINE: _device_offline,
    Cause.STALLED: _stalled,
    Cause.BLOCKED: _blocked,
    Cause.WAITING_TURN: _waiting_turn,
    Cause.NOT_PICKED_UP: _not_picked_up,
    Cause.UNKNOWN: _unknown,
}
