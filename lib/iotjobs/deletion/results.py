"""What became of each target, by the journal alone, and what that says of the whole. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pandas as pd

from iotjobs.deletion.plan import CANCEL, DELETE, Plan
from iotjobs.errors import Denied, Interrupted, IotJobsError, Refused
from iotjobs.model import Outcome

Entries = Sequence[Mapping[str, Any]]


class TargetState(StrEnum):
    """How one target stands.

    ``CANCELLED``: as planned, its record is kept. ``GONE``: it went away, and whether by this run is not known.
    """

    LEFT = "left"
    DELETED = "deleted"
    CANCELLED = "cancelled"
    GONE = "gone"
    DRIFTED = "drifted"
    FAILED = "failed"
    UNSETTLED = "unsettled"

    @property
    def is_final(self) -> bool:
        """Whether nothing more is done about it in this run directory."""
        return self.is_done or self in (TargetState.GONE, TargetState.DRIFTED)

    @property
    def is_done(self) -> bool:
        """Whether all that was planned for it was done, and was seen to be."""
        return self in (TargetState.DELETED, TargetState.CANCELLED)


class Sent(StrEnum):
    """What is known of a changing call about one execution."""

    NOT = "not sent, or declined"
    PERHAPS = "sent, and no answer came"
    ACCEPTED = "accepted"


_EVENTS = {
    "verified": TargetState.DELETED,
    "cancelled": TargetState.CANCELLED,
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

    ``guard``: which one found that it drifted. ``cancelled``: AWS accepted its cancel. ``cancel_sent``,
    ``delete_sent``: that call acted, or may have.
    """

    removal: Plan
    state: TargetState
    why: str = ""
    cancelled: bool = False
    cancel_sent: bool = False
    delete_sent: bool = False
    guard: str = ""

    @property
    def touched(self) -> bool:
        """Whether a changing call acted, or may have."""
        return self.cancel_sent or self.delete_sent

    @property
    def only_cancelled(self) -> str:
        """What stands instead of the delete of one that was cancelled; empty where it was deleted, or not cancelled."""
        if not self.cancelled or self.state is TargetState.DELETED or not self.removal.deletes:
            return ""
        return "whether it was deleted is not known yet" if self.delete_sent else "not deleted"


def sent(entries: Entries, operation: str) -> Sent:
    """What the entries about one execution say of a changing call.

    A call that was declined did nothing; one without an answer may have acted, or act late.
    """
    events = [entry["event"] for entry in entries if entry.get("operation") == operation]
    if "called" in events:
        return Sent.ACCEPTED
    open_calls = events.count("calling") > events.count("declined")
    return Sent.PERHAPS if open_calls or "unanswered" in events else Sent.NOT


def in_flight(removal: Plan, entries: Entries) -> bool:
    """Whether what was sent last may have acted and was not seen yet: the last step accepted, or a call unanswered."""
    last = removal.operations[-1]
    return sent(entries, last) is not Sent.NOT or any(
        sent(entries, each) is Sent.PERHAPS for each in removal.operations
    )


def is_spent(result: TargetResult, entries: Entries) -> bool:
    """Whether nothing more is sent to a target in this run directory. What has no answer may be sent again."""
    return result.state.is_final or sent(entries, result.removal.operations[-1]) is Sent.ACCEPTED


def result_from_journal(removal: Plan, entries: Entries) -> TargetResult:
    """What became of one execution by the journal's entries about its identity, oldest first."""
    about = [entry for entry in entries if entry["event"] != "canary"]  # that one is about the sweep
    if not about:
        return TargetResult(removal, TargetState.LEFT)
    last = about[-1]
    cancel, delete = (sent(entries, operation) for operation in (CANCEL, DELETE))
    why, guard = str(last.get("why") or ""), str(last.get("guard") or "")
    state = _EVENTS.get(last["event"])
    if state is None and in_flight(removal, entries):
        state, why = TargetState.UNSETTLED, _IN_FLIGHT
    elif state is None and cancel is Sent.ACCEPTED:
        state, why = TargetState.FAILED, f"cancelled, and not deleted: {why}"
    return TargetResult(
        removal,
        state or TargetState.LEFT,
        why,
        cancelled=cancel is Sent.ACCEPTED,
        cancel_sent=cancel is not Sent.NOT,
        delete_sent=delete is not Sent.NOT,
        guard=guard,
    )


def counts_of(results: Collection[TargetResult]) -> dict[str, int]:
    """How many targets stand how; `gone`, `unsettled` and `cancelled` (and not deleted) only where there are some.

    Where all that is planned is a cancel, `cancelled` always is there.
    """
    states = Counter(result.state.value for result in results)
    always = {name: states[name] for name in ("deleted", "drifted", "failed", "left")}
    rare = {name: states[name] for name in ("gone", "unsettled")}
    rare["cancelled"] = states["cancelled"] + sum(bool(result.only_cancelled) for result in results)
    if results and not any(result.removal.deletes for result in results):
        always["cancelled"] = rare.pop("cancelled")
    return {"planned": len(results), **always, **{name: count for name, count in rare.items() if count}}


def outcome_of(results: Collection[TargetResult], ending: IotJobsError | None) -> Outcome:
    """How it ended; ``ending`` is the error that ended it before its time, if one did.

    Where a call changed something, or may have, it is `partial` whatever ended it, unless all is done: no other word
    but a person's `interrupted` says that something was changed (contract, the table of outcomes).
    """
    if isinstance(ending, Interrupted):
        return Outcome.INTERRUPTED
    if all(result.state.is_done for result in results):
        return Outcome.APPLIED
    if any(result.touched for result in results):
        return Outcome.PARTIAL
    if isinstance(ending, Denied):
        return Outcome.DENIED
    drifted = all(result.state is TargetState.DRIFTED for result in results)
    return Outcome.REFUSED if drifted or isinstance(ending, Refused) else Outcome.ERROR


def sentence_of(results: Collection[TargetResult]) -> str:
    """What was done and what was not, in a line; names what was cancelled and not deleted."""
    counts = counts_of(results)
    done = "deleted" if any(each.removal.deletes for each in results) else "cancelled"
    words = f"{counts[done]} of {counts['planned']} {done}"
    words += "".join(f", {counts[name]} {name}" for name in _NOT_DELETED if counts.get(name))
    cancelled = [f"{each.removal.key} ({each.only_cancelled})" for each in results if each.only_cancelled]
    if cancelled:
        more = f" and {len(cancelled) - 3} more" if len(cancelled) > 3 else ""  # noqa: PLR2004 - the rest is in the table
        words += f"; cancelled: {', '.join(cancelled[:3])}{more}"
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
        TargetState.CANCELLED,
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
