"""Evidence in words and figures: the sentence that lets a person check each cause. Pure.

Written for hundreds of thousands of rows: each row's facts are taken out of the table column by column, once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pandas as pd

from iotjobs.diagnosis import schedule as windows
from iotjobs.diagnosis.service_owners import owner_of
from iotjobs.model import Cause, JobStatus, utc_text
from iotjobs.snapshot import FleetSnapshot, Gap

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


def describe_evidence(table: pd.DataFrame, snapshot: FleetSnapshot) -> pd.Series:
    """The evidence of each row of a diagnosed queue table (see `diagnose.diagnose_queues`)."""
    around = _Around(snapshot, {facts.thing_name: facts for facts in _facts(table[table["head"]], snapshot.as_of)})
    sentences = [_sentence(facts, around) for facts in _facts(table, snapshot.as_of)]
    return pd.Series(sentences, index=table.index, dtype="str")


class _Facts(NamedTuple):
    """What the sentence about one execution is made of; durations in seconds before `as_of`."""

    job_id: str
    thing_name: str
    number: int
    cause: str
    running: bool
    queued_s: float
    began_s: float
    report_s: float
    change_s: float
    retry: int | None
    connected: bool | None
    changed_s: float | None
    reason: str | None
    job_status: str | None
    namespace_id: str | None
    scheduling: Any
    minutes: int | None
    seconds_left: float | None
    position: int
    runs: int
    why_unknown: str
    behind: int | None
    longest_s: float | None


@dataclass(frozen=True, slots=True)
class _Around:
    """What is around the rows: the snapshot they were taken from, and the head of each thing's queue."""

    snapshot: FleetSnapshot
    heads: dict[str, _Facts]
    openings: dict[str, datetime | None] = field(default_factory=dict)

    @property
    def as_of(self) -> datetime:
        return self.snapshot.as_of

    def next_opening(self, facts: _Facts) -> datetime | None:
        """When the job delivers next, worked out once a job."""
        if facts.job_id not in self.openings:
            try:
                opening = windows.next_opening(facts.scheduling or {}, as_of=self.as_of)
            except windows.UnreadableSchedule:
                opening = None
            self.openings[facts.job_id] = opening
        return self.openings[facts.job_id]


def _facts(table: pd.DataFrame, as_of: datetime) -> Iterator[_Facts]:
    began = table["started_at"].fillna(table["queued_at"])
    ages = {
        name: (pd.Timestamp(as_of) - moments).dt.total_seconds()
        for name, moments in {
            "queued": table["queued_at"],
            "began": began,
            "report": table["last_updated_at"].fillna(began),
            "change": table["last_change"],
            "connectivity": table["changed_at"],
        }.items()
    }
    waits = ages["queued"].where(~table["running"])
    by_thing = waits.groupby(table["thing_name"])
    longest = by_thing.shift(-1).where(~table["running"], by_thing.transform("max"))
    columns = [
        table["job_id"],
        table["thing_name"],
        table["execution_number"],
        table["cause"],
        table["running"],
        ages["queued"],
        ages["began"],
        ages["report"],
        ages["change"],
        table["retry_attempt"],
        table["connected"],
        ages["connectivity"],
        table["reason"],
        table["job_status"],
        table["namespace_id"],
        table["scheduling"],
        table["timeout_minutes"],
        table["seconds_left"],
        table["position"],
        table["runs_on_thing"],
        table["why_unknown"],
        table["unblocks"],
        longest,
    ]
    plain = [column.astype(object).where(column.notna(), None).tolist() for column in columns]
    return map(_Facts._make, zip(*plain, strict=True))


def _sentence(facts: _Facts, around: _Around) -> str:
    text = f"{_state(facts)}, {_WORDS[facts.cause](facts, around)}"
    if facts.behind:
        waits = f"{facts.behind} executions wait" if facts.behind > 1 else "1 execution waits"
        longest = "" if facts.longest_s is None else f", the longest for {duration_text(facts.longest_s)}"
        text += f"; {waits} behind it{longest if facts.behind > 1 else longest.replace('the longest ', '')}"
    owner = owner_of(facts.job_id, facts.namespace_id)
    return f"{text}; the job belongs to {owner}" if owner else text


def _state(facts: _Facts) -> str:
    if not facts.running:
        retry = f" (retry {facts.retry})" if facts.retry else ""
        return f"QUEUED for {duration_text(facts.queued_s)}{retry}"
    return f"IN_PROGRESS for {duration_text(facts.began_s)}, last report {duration_text(facts.report_s)} ago"


def _connection(facts: _Facts, around: _Around) -> str:
    if facts.connected is None:
        return "it is not known whether the device is connected"
    if facts.connected:
        return "device connected" + ("" if facts.changed_s is None else f" since {duration_text(facts.changed_s)}")
    if facts.changed_s is None:
        return "the device has never connected under the thing's name as its client id"
    since = utc_text(around.as_of - timedelta(seconds=facts.changed_s))
    return f"device offline since {duration_text(facts.changed_s)} ({since}, {facts.reason or 'no reason on record'})"


def _thing_gone(_facts: _Facts, _around: _Around) -> str:
    return "the thing is no longer in the registry"


def _orphaned(facts: _Facts, _around: _Around) -> str:
    return f"the job is {facts.job_status}, this execution was left behind"


def _retrying(_facts: _Facts, _around: _Around) -> str:
    return "queued again by the job's retry configuration"


def _fresh(facts: _Facts, _around: _Around) -> str:
    return f"last change {duration_text(facts.change_s)} ago"


def _waiting_window(facts: _Facts, around: _Around) -> str:
    opening = around.next_opening(facts)
    if opening is not None:
        ahead = duration_text((opening - around.as_of).total_seconds())
        when = f", next at {utc_text(opening)}, in {ahead}"
    else:
        when = ", and none is to come" if windows.is_scheduled(facts.scheduling) else ""
    if facts.job_status == JobStatus.SCHEDULED:
        return f"the job is SCHEDULED, between its windows{when}"
    return f"no window of the job has opened since it was queued{when}"


def _timeout_pending(facts: _Facts, around: _Around) -> str:
    if facts.seconds_left is not None:
        ends = utc_text(around.as_of + timedelta(seconds=facts.seconds_left))
        return f"a timer ends it in {duration_text(facts.seconds_left)}, at {ends}"
    minutes = facts.minutes or 0
    ends = utc_text(around.as_of + timedelta(minutes=minutes) - timedelta(seconds=facts.began_s))
    return f"the job's timer of {minutes} min ends it at {ends}"


def _stalled(facts: _Facts, around: _Around) -> str:
    return f"{_connection(facts, around)}, no timer"


def _name_head(facts: _Facts, around: _Around) -> str:
    head = around.heads.get(facts.thing_name)
    if head is None:
        return "another execution"
    return f"{head.job_id} number {head.number} ({_state(head)}, cause {head.cause})"


def _blocked(facts: _Facts, around: _Around) -> str:
    others = f" and {facts.runs - 1} more in progress" if facts.runs > 1 else ""
    return f"held back by {_name_head(facts, around)}{others}; {_connection(facts, around)}"


def _waiting_turn(facts: _Facts, around: _Around) -> str:
    return f"position {facts.position} in the queue, whose head is {_name_head(facts, around)}"


def _not_picked_up(facts: _Facts, around: _Around) -> str:
    return f"head of its queue, {_connection(facts, around)}, never started"


def _unknown(facts: _Facts, around: _Around) -> str:
    gap = _gap_of(facts, around)
    head = around.heads.get(facts.thing_name)
    if gap is None and head is not None and head.why_unknown == facts.why_unknown:
        gap = _gap_of(head, around)
        waits = f"behind {_name_head(facts, around)}, of which "
    else:
        waits = ""
    return waits + (_gap_words(gap) if gap else f"{facts.why_unknown or 'the evidence needed'} could not be read")


def _gap_of(facts: _Facts, around: _Around) -> Gap | None:
    names = (facts.thing_name, facts.job_id, f"{facts.job_id}/{facts.thing_name}/{facts.number}")
    of_kind = (gap for gap in around.snapshot.gaps if gap.evidence == facts.why_unknown)
    return next((gap for gap in of_kind if gap.concerns(*names)), None)


def _gap_words(gap: Gap) -> str:
    return f"{gap.evidence} could not be read: {gap.why}; {gap.remedy}"


_WORDS: dict[str, Callable[[_Facts, _Around], str]] = {
    Cause.THING_GONE: _thing_gone,
    Cause.ORPHANED: _orphaned,
    Cause.RETRYING: _retrying,
    Cause.FRESH: _fresh,
    Cause.WAITING_WINDOW: _waiting_window,
    Cause.TIMEOUT_PENDING: _timeout_pending,
    Cause.DEVICE_OFFLINE: _connection,
    Cause.STALLED: _stalled,
    Cause.BLOCKED: _blocked,
    Cause.WAITING_TURN: _waiting_turn,
    Cause.NOT_PICKED_UP: _not_picked_up,
    Cause.UNKNOWN: _unknown,
}
