"""What changed between two investigations: what got stuck, what moved, what is gone, what is new. Pure.

Executions are compared by identity: job, thing, number and the second they were queued. A number that was used
again is therefore one execution that is gone and one that is new.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import pandas as pd

from iotjobs.columns import COUNT, DIAGNOSIS_COLUMNS, EXECUTION_COLUMNS, TEXT, TIME
from iotjobs.diagnosis.evidence_text import duration_text
from iotjobs.model import UNFINISHED
from iotjobs.plurals import agreeing
from iotjobs.snapshot import KEY

IDENTITY = [*KEY, "queued_at"]


class Change(StrEnum):
    """What happened to an execution, in the order in which a person wants to read it."""

    NEWLY_STUCK = "newly_stuck"
    NEW = "new"
    MOVED = "moved"
    NO_LONGER_STUCK = "no_longer_stuck"
    GONE = "gone"


#: One row an execution that changed. `note` says what happened, in words.
CHANGE_COLUMNS: dict[str, str] = {
    "change": TEXT,
    "job_id": TEXT,
    "thing_name": TEXT,
    "execution_number": COUNT,
    "queued_at": TIME,
    "note": TEXT,
    "status_before": TEXT,
    "status": TEXT,
    "cause_before": TEXT,
    "cause": TEXT,
    "stuck_before": "boolean",
    "stuck": "boolean",
    "evidence": TEXT,
    "suggestion": TEXT,
}

#: What an executions table must have to be compared.
COMPARED = [*IDENTITY, "status", "last_updated_at", "stuck", "cause", "evidence", "suggestion"]
_DTYPES: dict[Any, Any] = {name: {**EXECUTION_COLUMNS, **DIAGNOSIS_COLUMNS}[name] for name in COMPARED}


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed since an earlier run: `table` has CHANGE_COLUMNS; ``as_before`` and ``not_compared`` are counts.

    ``since``: when the earlier reading began. ``earlier``: the name of its run directory. ``warnings``: what
    makes the comparison less than whole.
    """

    table: pd.DataFrame
    as_before: int
    not_compared: int
    since: datetime
    earlier: str
    warnings: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """How many executions changed in which way, and how many did not: for `result.json`."""
        by_change = self.table["change"].value_counts()
        counts = {f"changes_{change.value}": int(by_change.get(change.value, 0)) for change in Change}
        return counts | {"changes_as_before": self.as_before, "changes_not_compared": self.not_compared}

    def summary(self, as_of: datetime) -> str:
        """What changed, in one sentence."""
        table, count = self.table, self.counts
        new_stuck = int((table["stuck"].fillna(value=False) & table["change"].eq(Change.NEW)).sum())
        left = table[table["change"].eq(Change.NO_LONGER_STUCK)]
        finished = int((~left["status"].isin(UNFINISHED)).sum())
        notes = {
            "no_longer_stuck": f" ({finished} finished)" if finished else "",
            "new": f" ({new_stuck} of them stuck)" if new_stuck else "",
        }
        words = [
            f"{count[f'changes_{name}']} {name.replace('_', ' ')}{notes.get(name, '')}"
            for name in ("newly_stuck", "no_longer_stuck", "moved", "gone", "new")
            if count[f"changes_{name}"]
        ]
        ago = duration_text((as_of - self.since).total_seconds())
        rest = f"{self.as_before} {agreeing(self.as_before, 'is as it was', 'are as they were')}"
        return f"Since {self.since:%Y-%m-%d %H:%M} UTC, {ago} ago: {', '.join(words) or 'no change'}; {rest}."


def missing_now(earlier: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """The executions that were unfinished then and are not in the present reading: IDENTITY, longest queued first.

    Each has finished, was deleted, or could not be read: only a look at it tells which.
    """
    unfinished = _comparable(earlier[earlier["status"].isin(UNFINISHED)])
    merged = unfinished[IDENTITY].merge(_comparable(now)[IDENTITY], on=IDENTITY, how="left", indicator=True)
    absent = merged[merged["_merge"] == "left_only"][IDENTITY]
    return absent.sort_values("queued_at", kind="stable", ignore_index=True)


def compare(
    earlier: pd.DataFrame,
    now: pd.DataFrame,
    *,
    since: datetime,
    deleted: Collection[tuple[str, str, int]] = (),
    unread: Collection[tuple[str, str, int]] = (),
    read_whole: Collection[str] = (),
) -> tuple[pd.DataFrame, int, int]:
    """Compare two executions tables (COMPARED) of the same scope.

    ``since`` is when the earlier reading began. Of those `missing_now`, ``deleted`` were looked for and are not
    there, ``unread`` could not be looked at. ``read_whole``: jobs of which every execution was read now.
    Returns the changes (CHANGE_COLUMNS), how many are as before, and how many could not be compared.
    """
    both = _comparable(earlier).merge(
        _comparable(now), on=IDENTITY, how="outer", suffixes=("_before", ""), indicator="seen"
    )
    both["key"] = pd.Series(list(both[KEY].itertuples(index=False, name=None)), index=both.index, dtype=object)
    in_both = both["seen"] == "both"
    stuck, was_stuck = (both[name].fillna(value=False).astype(bool) for name in ("stuck", "stuck_before"))
    moved = in_both & (
        (both["status"] != both["status_before"])
        | (both["cause"] != both["cause_before"])
        | (both["last_updated_at"] > both["last_updated_at_before"]).fillna(value=False)
    )
    both["change"] = ""
    both.loc[moved, "change"] = Change.MOVED.value
    both.loc[in_both & stuck & ~was_stuck, "change"] = Change.NEWLY_STUCK.value
    both.loc[in_both & ~stuck & was_stuck, "change"] = Change.NO_LONGER_STUCK.value
    both.loc[both["seen"] == "left_only", "change"] = Change.GONE.value
    both.loc[both["seen"] == "right_only", "change"] = Change.NEW.value
    compared = _can_be_compared(both, since, unread=unread, read_whole=read_whole)
    changed = both[compared & (both["change"] != "")].copy()
    changed["note"] = _notes(changed, since, deleted)
    order = {change.value: place for place, change in enumerate(Change)}
    changed = changed.assign(
        order=changed["change"].map(order), self_resolving=~changed["stuck"].fillna(value=False).astype(bool)
    )
    changed = changed.sort_values(["order", "self_resolving", *KEY], kind="stable", ignore_index=True)
    types: dict[Any, Any] = dict(CHANGE_COLUMNS)
    table = changed[list(CHANGE_COLUMNS)].astype(types)
    return table, int((compared & (both["change"] == "")).sum()), int((~compared).sum())


def _comparable(table: pd.DataFrame) -> pd.DataFrame:
    """The columns compared, times to the second: the CSV keeps no more."""
    rows = table[COMPARED].copy()
    for name in ("job_id", "thing_name", "status", "cause", "evidence", "suggestion"):
        rows[name] = rows[name].fillna("")
    for name in ("queued_at", "last_updated_at"):
        rows[name] = pd.to_datetime(rows[name], utc=True).dt.floor("s")
    return rows.astype(_DTYPES)


def _can_be_compared(
    both: pd.DataFrame, since: datetime, *, unread: Collection[tuple[str, str, int]], read_whole: Collection[str]
) -> pd.Series:
    """Where a difference is one of the fleet, and not of what the two runs happened to read.

    An investigation reads the finished executions of some jobs only; so one that is on one side alone says
    something only if it was unfinished, was queued since, or its job was read whole.
    """
    gone, new = both["change"] == Change.GONE, both["change"] == Change.NEW
    could_not_look = both["key"].isin(list(unread))
    was_finished = ~both["status_before"].isin(UNFINISHED)
    is_finished = ~both["status"].isin(UNFINISHED)
    queued_before = both["queued_at"] < pd.Timestamp(since).floor("s")
    doubtful = (gone & (could_not_look | (was_finished & ~both["job_id"].isin(list(read_whole))))) | (
        new & is_finished & queued_before
    )
    return ~doubtful | both["key"].duplicated(keep=False)


def _notes(changed: pd.DataFrame, since: datetime, deleted: Collection[tuple[str, str, int]]) -> pd.Series:
    finished = ~changed["status"].isin(UNFINISHED)
    status = changed["status_before"] + " → " + changed["status"]
    cause = changed["cause_before"] + " → " + changed["cause"]
    note = pd.Series("reported again", index=changed.index, dtype="str")
    note = note.mask(changed["cause"] != changed["cause_before"], cause)
    note = note.mask(changed["status"] != changed["status_before"], status)
    note = note.mask(finished, "finished: " + changed["status"])
    gone, new = changed["change"] == Change.GONE, changed["change"] == Change.NEW
    used_again = changed["key"].duplicated(keep=False)
    was_finished = ~changed["status_before"].isin(UNFINISHED)
    note = note.mask(gone, "no longer among what is read: it finished with its job, or was deleted")
    note = note.mask(gone & (was_finished | changed["key"].isin(list(deleted))), "deleted")
    note = note.mask(gone & used_again, "deleted, and its number was used again")
    note = note.mask(new & ~finished, "queued since")
    note = note.mask(new & finished, "queued since, " + note)
    before = changed["queued_at"] < pd.Timestamp(since).floor("s")
    note = note.mask(new & before, "queued before, but the earlier run did not read it")
    return note.mask(new & used_again, "uses the number of one that is gone again")
