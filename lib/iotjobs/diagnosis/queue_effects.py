"""The queue of one thing: since when each execution is where it is, and what starts when it ends. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pandas as pd

from iotjobs.model import Cause, Status
from iotjobs.plurals import agreeing


def with_consequences(queue: pd.DataFrame, *, as_of: datetime) -> pd.DataFrame:
    """Add to one thing's queue, in the order of delivery, what each end would free and how long it has been so.

    `since` (UTC): a running execution's start; for one that is held back the later of its own queuing and the
    start of what holds it. `so_for_s`: seconds from then to `as_of`. `when_it_ends`: a sentence, unescaped.
    """
    rows = queue.reset_index(drop=True).copy()
    running = rows["status"] == Status.IN_PROGRESS
    began = rows["started_at"].where(running).fillna(rows["queued_at"])
    held_from = began[0] if len(rows) and running[0] else None
    if held_from is not None:
        began = began.where(running | (began > held_from), held_from)
    rows["since"] = began
    rows["so_for_s"] = ((pd.Timestamp(as_of) - began).dt.total_seconds() // 1).astype("Int64")
    records = rows.to_dict("records")
    rows["when_it_ends"] = pd.Series(
        [_when_it_ends(place, records) for place in range(len(records))], index=rows.index, dtype="str"
    )
    return rows


def name_of(row: Any) -> str:
    """An execution of a known thing: `firmware-2 #1`."""
    return f"{row['job_id']} #{row['execution_number']}"


def _when_it_ends(place: int, records: list[dict[Any, Any]]) -> str:
    others_running = [row for at, row in enumerate(records) if at != place and row["status"] == Status.IN_PROGRESS]
    after = records[place + 1 :]
    if others_running and place == 0:
        return f"nothing starts yet: {name_of(others_running[0])} is in progress as well"
    if not after:
        return "nothing waits behind it"
    more = len(after) - 1
    wait = f"; {more} more {agreeing(more, 'waits', 'wait')}" if more else ""
    return f"{_starts(after[0])}{wait}"


def _starts(row: dict[Any, Any]) -> str:
    if row["cause"] == Cause.WAITING_WINDOW:
        return f"{name_of(row)} is next, when its window opens"
    if row["cause"] == Cause.DEVICE_OFFLINE:
        return f"{name_of(row)} is next, once the device is back"
    if row["cause"] == Cause.UNKNOWN:
        return f"{name_of(row)} is next"
    return f"{name_of(row)} starts"
