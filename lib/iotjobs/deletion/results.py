"""What became of each target, by the journal alone, and what that says of the whole. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pandas as pd

from iotjobs.deletion.plan import CANCEL, DELETE, Plan
from iotjobs.errors import IotJobsError, Refused
from iotjobs.model import Outcome

Entries = Sequence[Mapping[str, Any]]


class TargetState(StrEnum):
    """How one target stands. ``GONE``: it went away, and whether by this run is not known."""

    LEFT = "left"
    DELETED = "deleted"
    GONE = "gone"
    DRIFTED = "drifted"
    FAILED = "failed"
    UNSETTLED = "unsettled"

    @property
    def is_final(self) -> bool:
        """Whether nothing more is done about it in this run directory."""
        return self in (TargetState.DELETED, TargetState.GONE, TargetState.DRIFTED)


class Sent(StrEnum):
    """What is known of a changing call about one execution."""

    NOT = "not sent, or declined"
    PERHAPS = "sent, and no answer came"
    ACCEPTED = "accepted"


_EVENTS = {
    "verified": TargetState.DELETED,
    "canary": TargetState.DELETED,
    "gone": TargetState.GONE,
    "drifted": TargetState.DRIFTED,
    "failed": TargetState.FAILED,
    "unsettled": TargetState.UNSETTLED,
}
_NOT_DELETED = ("gone", "drifted", "failed", "unsettled", "left")
_IN_FLIGHT = "a call was in flight when the run ended: run again with the same run_dir to settle it"


@dataclass(frozen=True, slots=True)
class TargetResult:
    """One execution's plan and what became of it.

    ``guard``: which one found that it drifted. ``cancelled``: it was cancelled by this run, or may
    have been. ``touched``: a changing call acted, or may have.
    """

    removal: Plan
    state: TargetState
    why: str = ""
    cancelled: bool = False
    touched: bool = False
    guard: str = ""


def sent(entries: Entries, operation: str) -> Sent:
    """What the entries about one execution say of a changing call.

    A call that was declined did nothing; one without an answer may have acted, or act late.
    """
    events = [entry["event"] for entry in entries if entry.get("operation") == operation]
    if "called" in events:
        return Sent.ACCEPTED
    open_calls = events.count("calling") > events.count("declined")
    return Sent.PERHAPS if open_calls or "unanswered" in events else Sent.NOT


def result_from_journal(removal: Plan, entries: Entries) -> TargetResult:
    """What became of one execution by the journal's entries about its identity, oldest first."""
    if not entries:
        return TargetResult(removal, TargetState.LEFT)
    last = entries[-1]
    cancelled = sent(entries, CANCEL) is not Sent.NOT
    touched = cancelled or sent(entries, DELETE) is not Sent.NOT
    why = str(last.get("why") or "")
    if last["event"] in _EVENTS:
        return TargetResult(removal, _EVENTS[last["event"]], why, cancelled, touched, str(last.get("guard") or ""))
    if sent(entries, DELETE) is not Sent.NOT or sent(entries, CANCEL) is Sent.PERHAPS:
        return TargetResult(removal, TargetState.UNSETTLED, _IN_FLIGHT, cancelled, touched)
    if cancelled:
        return TargetResult(removal, TargetState.FAILED, f"cancelled, and not deleted: {why}", cancelled, touched)
    return TargetResult(removal, TargetState.LEFT, why)


def counts_of(results: Collection[TargetResult]) -> dict[str, int]:
    """How many targets stand how; `cancelled` counts those that were cancelled and not deleted."""
    states = [result.state for result in results]
    counts = {state.value: states.count(state) for state in TargetState}
    cancelled = sum(result.cancelled and result.state is not TargetState.DELETED for result in results)
    return {"planned": len(results), **counts, "cancelled": cancelled}


def outcome_of(results: Collection[TargetResult], ending: IotJobsError | None) -> Outcome:
    """How it ended; ``ending`` is the error that ended it before its time, if one did."""
    counts = counts_of(results)
    if ending is not None and ending.outcome in (Outcome.DENIED, Outcome.INTERRUPTED):
        return ending.outcome
    if counts["deleted"] == counts["planned"]:
        return Outcome.APPLIED
    if any(result.touched for result in results):
        unknown = all(result.state in (TargetState.FAILED, TargetState.LEFT) for result in results)
        return Outcome.ERROR if unknown and not counts["cancelled"] else Outcome.PARTIAL
    drifted = counts["drifted"] == counts["planned"]
    return Outcome.REFUSED if drifted or isinstance(ending, Refused) else Outcome.ERROR


def sentence_of(results: Collection[TargetResult]) -> str:
    """What was done and what was not, in a line; names what was cancelled and not deleted."""
    counts = counts_of(results)
    words = f"{counts['deleted']} of {counts['planned']} deleted"
    words += "".join(
        f", {counts[name]} {name}" for name in ("gone", "drifted", "failed", "unsettled", "left") if counts[name]
    )
    cancelled = [str(each.removal.key) for each in results if each.cancelled and each.state is not TargetState.DELETED]
    if cancelled:
        more = f" and {len(cancelled) - 3} more" if len(cancelled) > 3 else ""  # noqa: PLR2004 - the rest is in the table
        words += f"; cancelled and not deleted: {', '.join(cancelled[:3])}{more}"
    return words


def results_table(results: Collection[TargetResult], afterwards: Mapping[str, str]) -> pd.DataFrame:
    """One row a target, failures first: its names, `status_before`, `state`, `why`, and what came `afterwards`.

    ``afterwards`` is by `job/thing/number`. All columns are text but `execution_number` (int64).
    """
    order = [
        TargetState.FAILED,
        TargetState.UNSETTLED,
        TargetState.GONE,
        TargetState.DRIFTED,
        TargetState.LEFT,
        TargetState.DELETED,
    ]
    ranked = sorted(results, key=lambda result: order.index(result.state))
    return pd.DataFrame(
        {
            "job_id": [result.removal.key.job_id for result in ranked],
            "thing_name": [result.removal.key.thing_name for result in ranked],
            "execution_number": [result.removal.key.execution_number for result in ranked],
            "status_before": [result.removal.execution.status.value for result in ranked],
            "state": [result.state.value for result in ranked],
            "why": [result.why for result in ranked],
            "afterwards": [afterwards.get(str(result.removal.key), "") for result in ranked],
        }
    )
