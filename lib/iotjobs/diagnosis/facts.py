"""What the sentence and the command about one execution are made of. Pure.

Written for hundreds of thousands of rows: each row's facts are taken out of the table column by column, once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import pandas as pd

from iotjobs.diagnosis import schedule
from iotjobs.snapshot import FleetSnapshot, Gap


class Facts(NamedTuple):
    """One row of a diagnosed queue table, None where a value is missing; durations are seconds before `as_of`."""

    job_id: str
    thing_name: str
    execution_number: int
    cause: str
    running: bool
    queued_s: float
    began_s: float
    report_s: float
    change_s: float
    retry_attempt: int | None
    connected: bool | None
    connectivity_s: float | None
    reason: str | None
    job_status: str | None
    namespace_id: str | None
    scheduling: dict[str, Any] | None
    timeout_minutes: int | None
    seconds_left: float | None
    position: int
    runs_on_thing: int
    why_unknown: str
    unblocks: int | None
    longest_s: float | None

    @property
    def key_text(self) -> str:
        """Job, thing and number, as gaps name an execution."""
        return f"{self.job_id}/{self.thing_name}/{self.execution_number}"


@dataclass(frozen=True, slots=True)
class EvidenceContext:
    """What the rows were taken from: the snapshot, and the head of each thing's queue by the thing's name."""

    snapshot: FleetSnapshot
    heads: dict[str, Facts]
    _openings: dict[str, datetime | None] = field(default_factory=dict)

    @property
    def as_of(self) -> datetime:
        """When the reading began."""
        return self.snapshot.as_of

    def head(self, facts: Facts) -> Facts | None:
        """The head of the queue that an execution is in."""
        return self.heads.get(facts.thing_name)

    def gap(self, facts: Facts) -> Gap | None:
        """The gap that makes the cause of an execution unknown."""
        of_kind = (gap for gap in self.snapshot.gaps if gap.evidence == facts.why_unknown)
        names = (facts.thing_name, facts.job_id, facts.key_text)
        return next((gap for gap in of_kind if gap.concerns(*names)), None)

    def next_opening(self, facts: Facts) -> datetime | None:
        """When the job delivers next, worked out once a job."""
        if facts.job_id not in self._openings:
            try:
                opening = schedule.next_opening(facts.scheduling or {}, as_of=self.as_of)
            except schedule.UnreadableSchedule:
                opening = None
            self._openings[facts.job_id] = opening
        return self._openings[facts.job_id]


def facts_of(table: pd.DataFrame, *, as_of: datetime) -> Iterator[Facts]:
    """The facts of each row of a diagnosed queue table (see `diagnose.diagnose_queues`), in its order."""

    def seconds_since(moments: pd.Series) -> pd.Series:
        elapsed: pd.Series = (pd.Timestamp(as_of) - moments).dt.total_seconds()
        return elapsed

    began = table["started_at"].fillna(table["queued_at"])
    queued_s = seconds_since(table["queued_at"])
    waits = queued_s.where(~table["running"])
    by_thing = waits.groupby(table["thing_name"])
    frame = table.assign(
        queued_s=queued_s,
        began_s=seconds_since(began),
        report_s=seconds_since(table["last_updated_at"].fillna(began)),
        change_s=seconds_since(table["last_change"]),
        connectivity_s=seconds_since(table["changed_at"]),
        longest_s=by_thing.shift(-1).where(~table["running"], by_thing.transform("max")),
    )
    columns = (frame[name] for name in Facts._fields)
    plain = [column.astype(object).where(column.notna(), None).tolist() for column in columns]
    return map(Facts._make, zip(*plain, strict=True))
