"""What became of each target of a sweep, by the journal alone, and what that says of the whole. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pandas as pd

from iotjobs.deletion.plan import CANCEL, DELETE, identity_of, may_have_acted
from iotjobs.deletion.sweep_plan import SweepPlan, Target
from iotjobs.errors import IotJobsError, Refused
from iotjobs.model import Outcome


class TargetState(StrEnum):
    """How one target stands."""

    LEFT = "left"
    DELETED = "deleted"
    DRIFTED = "drifted"
    FAILED = "failed"
    UNSETTLED = "unsettled"


_EVENTS = {
    "verified": TargetState.DELETED,
    "canary": TargetState.DELETED,
    "drifted": TargetState.DRIFTED,
    "failed": TargetState.FAILED,
}
_IN_FLIGHT = "a call was in flight when the run ended: run again with the same run_dir to settle it"


@dataclass(frozen=True, slots=True)
class TargetResult:
    """One target and what became of it. ``touched``: a changing call acted on it, or may have."""

    target: Target
    standing: TargetState
    why: str = ""
    touched: bool = False


def results_from_journal(plan: SweepPlan, entries: Sequence[Mapping[str, Any]]) -> list[TargetResult]:
    """How each target of a plan stands by the journal's entries."""
    return [_row(target, entries) for target in plan.targets]


def _row(target: Target, entries: Sequence[Mapping[str, Any]]) -> TargetResult:
    identity = identity_of(target.removal)
    mine = [entry for entry in entries if identity.items() <= entry.items()]
    if not mine:
        return TargetResult(target, TargetState.LEFT)
    last = mine[-1]
    touched = any(may_have_acted(mine, operation) for operation in (CANCEL, DELETE))
    if last["event"] in _EVENTS:
        return TargetResult(target, _EVENTS[last["event"]], str(last.get("why") or ""), touched)
    if touched:
        return TargetResult(target, TargetState.UNSETTLED, _IN_FLIGHT, touched)
    return TargetResult(target, TargetState.LEFT, str(last.get("why") or ""))


def counts_of(rows: Sequence[TargetResult]) -> dict[str, int]:
    """How many targets stand how; one that could not be settled counts as failed."""
    standings = [row.standing for row in rows]
    return {
        "planned": len(rows),
        "deleted": standings.count(TargetState.DELETED),
        "drifted": standings.count(TargetState.DRIFTED),
        "failed": standings.count(TargetState.FAILED) + standings.count(TargetState.UNSETTLED),
        "left": standings.count(TargetState.LEFT),
    }


def outcome_of(rows: Sequence[TargetResult], ending: IotJobsError | None) -> Outcome:
    """How the sweep ended; ``ending`` is the error that ended it before its time, if one did."""
    counts = counts_of(rows)
    if ending is not None and ending.outcome in (Outcome.DENIED, Outcome.INTERRUPTED):
        return ending.outcome
    if counts["deleted"] == counts["planned"]:
        return Outcome.APPLIED
    if counts["deleted"]:
        return Outcome.PARTIAL
    all_drifted = counts["drifted"] == counts["planned"]
    if all_drifted and any(row.touched for row in rows):
        return Outcome.PARTIAL  # refused would say that nothing was changed
    return Outcome.REFUSED if all_drifted or isinstance(ending, Refused) else Outcome.ERROR


def results_table(rows: Sequence[TargetResult], afterwards: Mapping[str, str]) -> pd.DataFrame:
    """One row a target, failures first: its names, what it `was`, `standing`, `why`, and what came `afterwards`.

    ``afterwards`` is by `job/thing/number`. All columns are text but `execution_number` (int64).
    """
    order = [TargetState.FAILED, TargetState.UNSETTLED, TargetState.DRIFTED, TargetState.LEFT, TargetState.DELETED]
    ranked = sorted(rows, key=lambda row: order.index(row.standing))
    return pd.DataFrame(
        {
            "job_id": [row.target.key.job_id for row in ranked],
            "thing_name": [row.target.key.thing_name for row in ranked],
            "execution_number": [row.target.key.execution_number for row in ranked],
            "was": [row.target.removal.execution.status.value for row in ranked],
            "standing": [row.standing.value for row in ranked],
            "why": [row.why for row in ranked],
            "afterwards": [afterwards.get(str(row.target.key), "") for row in ranked],
        }
    )
