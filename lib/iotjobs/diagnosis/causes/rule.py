"""What a cause is: its test, its sentence, its command, its step, its colour and its documentation. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, NamedTuple

import pandas as pd

from iotjobs.diagnosis import verify_commands
from iotjobs.diagnosis.commands import Place
from iotjobs.diagnosis.facts import EvidenceContext, Facts
from iotjobs.model import UNFINISHED, Cause, Status, Suggestion
from iotjobs.snapshot import Evidence, FleetSnapshot

QUEUED = frozenset({Status.QUEUED})
RUNNING = frozenset({Status.IN_PROGRESS})


@dataclass(frozen=True, slots=True)
class QueueRows:
    """The rows that a cause is tested on: a queue table with its evidence (see `diagnose`), and what it is from."""

    table: pd.DataFrame
    snapshot: FleetSnapshot
    stuck_after: timedelta

    @property
    def queued(self) -> pd.Series:
        """Where an execution is QUEUED."""
        return ~self.table["running"]

    @property
    def running(self) -> pd.Series:
        """Where an execution is IN_PROGRESS."""
        return self.table["running"]

    def younger(self, column: str) -> pd.Series:
        """Where the moment of a column is less than `stuck_after` ago."""
        return pd.Timestamp(self.snapshot.as_of) - self.table[column] < self.stuck_after


class Verdict(NamedTuple):
    """Where a cause holds, and where that is known; None: everywhere."""

    holds: pd.Series
    known: pd.Series | None = None


class CauseRule:
    """One cause. The first of `CAUSE_RULES` that holds is the cause of an execution.

    Where `test` does not know, the cause is `unknown` for lack of the evidence `needs`.
    """

    #: The cause, whether it is stuck ("yes", "no", "as its head"), and when it holds, in the contract's words.
    cause: ClassVar[Cause]
    stuck: ClassVar[str]
    when: ClassVar[str]
    suggestion: ClassVar[Suggestion]
    #: The evidence without which nobody can tell whether it holds, and the statuses that it can hold for.
    needs: ClassVar[Evidence | None] = None
    statuses: ClassVar[frozenset[Status]] = frozenset(UNFINISHED)
    #: How bad it is: of two causes the higher is the worse. 0 goes on by itself.
    harm: ClassVar[int] = 0
    #: Whether it waits for the head of its queue and for nothing else; whether it starts once those before it are gone.
    held: ClassVar[bool] = False
    freed_with_head: ClassVar[bool] = False
    #: Whether it lies in a job (a step for each job) or in the devices (one step for all of them); why the step.
    lies_in_job: ClassVar[bool] = False
    step_why: ClassVar[str] = ""
    #: The fill of figures and tables, and the hatch over it that tells apart what shares one.
    fill: ClassVar[str]
    hatch: ClassVar[str] = ""
    #: The paragraphs of docs/causes.md.
    recognised_by: ClassVar[str]
    to_do: ClassVar[str]
    can_go_wrong: ClassVar[str]
    #: The command that shows what the evidence says.
    verify: Callable[[Place, Facts], str] = staticmethod(verify_commands.execution)

    def test(self, rows: QueueRows) -> Verdict:
        """Where it holds among rows, and where that is known."""
        raise NotImplementedError

    def because(self, facts: Facts, context: EvidenceContext) -> str:
        """The part of the evidence that says why the execution has not finished."""
        raise NotImplementedError

    def step(self, job_id: str, where: str) -> str:
        """What to do about it, of a job and on things as `where` says them; causes that are held have no step."""
        raise NotImplementedError


def is_so(flags: pd.Series, *, value: bool = True) -> pd.Series:
    """Where a flag that may be missing is known to be so."""
    return flags.eq(other=value).fillna(value=False).astype(bool)
