"""What was read of a fleet at one moment: the tables a diagnosis is made from, and what is missing. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from iotjobs.domain import COUNT, EXECUTION_COLUMNS, TEXT, TIME

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

#: Executions in the order of delivery within a thing: `delivery` breaks ties of the same second.
QUEUE_COLUMNS: dict[str, str] = {**EXECUTION_COLUMNS, "delivery": COUNT}

KEY = ["job_id", "thing_name", "execution_number"]


@dataclass(frozen=True, slots=True)
class Gap:
    """Evidence that could not be had: which, why, and how to switch it on."""

    evidence: str
    why: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.evidence} could not be read: {self.why}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class Picture:
    """The tables of one reading.

    ``executions`` (EXECUTION_COLUMNS) is what was asked for; ``queues`` (QUEUE_COLUMNS) holds every
    unfinished execution of the things concerned; ``jobs`` (JOB_COLUMNS), ``things`` (THING_COLUMNS) and
    ``timers`` (TIMER_COLUMNS) are the evidence about them. ``as_of`` is when the reading began, UTC.
    """

    executions: pd.DataFrame
    queues: pd.DataFrame
    jobs: pd.DataFrame
    things: pd.DataFrame
    timers: pd.DataFrame
    gaps: tuple[Gap, ...]
    as_of: datetime
