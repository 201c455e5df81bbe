"""Queues of things as an investigation diagnoses them, from a line for each execution."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from iotjobs.columns import COUNT, DIAGNOSIS_COLUMNS, EXECUTION_COLUMNS, TEXT, table

AS_OF = datetime(2026, 11, 20, 10, tzinfo=UTC)
SELF_RESOLVING = ("canceling", "fresh", "retrying", "waiting_window", "timeout_pending")
SUGGESTIONS = {
    "stalled": "cancel",
    "orphaned": "force_delete",
    "thing_gone": "force_delete",
    "device_offline": "contact_device",
    "not_picked_up": "contact_device",
    "blocked": "fix_blocker",
    "waiting_turn": "fix_blocker",
    "unknown": "enable_indexing",
}
_COLUMNS = {**EXECUTION_COLUMNS, **DIAGNOSIS_COLUMNS, "thing_groups": TEXT, "position": COUNT, "head": "boolean"}

#: thing, job, status, cause, hours since queued, hours since started
Line = tuple[str, str, str, str, float, float | None]


def build_queues(lines: Sequence[Line], *, groups: dict[str, str] | None = None) -> pd.DataFrame:
    """A queues table (see `Findings.queues`); the lines of a thing stand in the order of delivery."""
    places: dict[str, int] = {}
    rows: list[dict[str, Any]] = []
    for thing, job, status, cause, queued, started in lines:
        places[thing] = places.get(thing, 0) + 1
        behind = sum(1 for line in lines if line[0] == thing and line[2] == "QUEUED") - sum(
            1 for row in rows if row["thing_name"] == thing and row["status"] == "QUEUED"
        )
        rows.append(
            {
                "job_id": job,
                "thing_name": thing,
                "execution_number": 1,
                "status": status,
                "queued_at": _before(queued),
                "started_at": _before(started),
                "last_updated_at": _before(started if started is not None else queued),
                "age_s": int(queued * 3600),
                "stuck": cause not in SELF_RESOLVING,
                "cause": cause,
                "evidence": "evidence",
                "suggestion": SUGGESTIONS.get(cause, "wait"),
                "unblocks": behind - (status == "QUEUED"),
                "thing_groups": (groups or {}).get(thing, ""),
                "position": places[thing],
                "head": places[thing] == 1,
            }
        )
    return table(_COLUMNS, {name: [row.get(name) for row in rows] for name in _COLUMNS})


def _before(hours: float | None) -> pd.Timestamp | None:
    return None if hours is None else pd.Timestamp(AS_OF - timedelta(hours=hours))
