"""What was read of a fleet at one moment: the tables a diagnosis is made from, and what is missing. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import pandas as pd

from iotjobs.columns import COUNT, EXECUTION_COLUMNS, TEXT, TIME


class Evidence(StrEnum):
    """What a rule may need to know. Where it is missing, `why_unknown` is one of these."""

    REGISTRATION = "the thing's registration"
    JOB_STATUS = "the job's status"
    SCHEDULE = "the job's schedule"
    TIMER = "the execution's timer"
    CONNECTIVITY = "the device's connectivity"
    QUEUE = "the thing's queue"
    ORDER = "the order of the thing's queue"


#: One row a thing of an unfinished execution. `exists` and `connected` are missing where it is not known;
#: `queue_known` says whether all unfinished executions of the thing were read.
THING_COLUMNS: dict[str, str] = {
    "thing_name": TEXT,
    "exists": "boolean",
    "connected": "boolean",
    "changed_at": TIME,
    "reason": TEXT,
    "thing_groups": TEXT,
    "queue_known": "boolean",
}

#: One row an execution whose timer was looked up; `seconds_left` is missing when no timer runs.
TIMER_COLUMNS: dict[str, str] = {
    "job_id": TEXT,
    "thing_name": TEXT,
    "execution_number": COUNT,
    "seconds_left": "Float64",
    "version_number": COUNT,
}

#: Executions in the order of delivery within a thing: `delivery` breaks ties of the same second, and is missing
#: where the order of a tie is not known.
QUEUE_COLUMNS: dict[str, str] = {**EXECUTION_COLUMNS, "delivery": COUNT}

KEY = ["job_id", "thing_name", "execution_number"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a snapshot was read: what a command needs to act there. None: the standard settings of the shell do.

    ``endpoint`` only where it is configured and none of AWS's own; ``iot_alone``: not for STS, which is elsewhere.
    """

    profile: str | None = None
    region: str | None = None
    endpoint: str | None = None
    iot_alone: bool = False


@dataclass(frozen=True, slots=True)
class Gap:
    """Evidence that could not be had: which, why, and how to switch it on.

    ``about`` holds the things, jobs or executions it is missing for; empty when it is missing for all.
    ``indexing_off`` is whether switching fleet indexing on is the remedy, ``denied`` whether a permission is missing.
    """

    evidence: str
    why: str
    remedy: str
    about: frozenset[str] = frozenset()
    indexing_off: bool = False
    denied: bool = False

    def __str__(self) -> str:
        of = ""
        if self.about:
            first, others = min(self.about), len(self.about) - 1
            of = f" of {first}" + (f" and {others} more" if others else "")
        return f"{self.evidence}{of} could not be read: {self.why}; {self.remedy}"

    def concerns(self, *names: str) -> bool:
        """Whether the evidence is missing for one of these."""
        return not self.about or not self.about.isdisjoint(names)


@dataclass(frozen=True, slots=True)
class FleetSnapshot:
    """The tables of one reading.

    ``executions`` (EXECUTION_COLUMNS) is what was asked for; ``queues`` (QUEUE_COLUMNS) holds every
    unfinished execution of the things concerned; ``jobs`` (JOB_COLUMNS), ``things`` (THING_COLUMNS) and
    ``timers`` (TIMER_COLUMNS) are the evidence about them. ``as_of`` is when the reading began, UTC, ``place`` where.
    ``jobs_listed`` is how many jobs the account has in the region, in whatever state; None where that was not asked.
    """

    executions: pd.DataFrame
    queues: pd.DataFrame
    jobs: pd.DataFrame
    things: pd.DataFrame
    timers: pd.DataFrame
    gaps: tuple[Gap, ...]
    as_of: datetime
    place: Place = Place()
    jobs_listed: int | None = None


def last_change(executions: pd.DataFrame) -> pd.Series:
    """When each execution of a table (EXECUTION_COLUMNS) changed last: queued, started or reported."""
    changes: pd.Series = executions[["queued_at", "started_at", "last_updated_at"]].max(axis=1)
    return changes
