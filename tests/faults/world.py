"""A fleet in the model, a run directory, and a kit between them that faults, devices and kills befall.

A schedule is plain data: which runs are made and what happens before which call. `World` plays it and judges every
call that the service accepts, as it is accepted.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from iotjobs.aws import concurrency
from iotjobs.aws import connection as aws
from iotjobs.deletion import executor as apply
from iotjobs.errors import IotJobsError
from iotjobs.run.directory import RunDirectory
from iotjobs.run.journal import verify
from tests.faults.faulty_seam import At, Killed, ModelConnection, Seam
from tests.faults.judge import Judge, is_target
from tests.faults.killable import Kill, Lifeline
from tests.faults.service_model import REGION, Accepted, ServiceModel

Move = tuple[str, int, int]  # what, which job, which thing: what happens in the field

MOVES = (
    "starts",
    "succeeds",
    "fails",
    "times_out",
    "leaves",
    "joins",
    "is_deleted",
    "is_canceled",
    "number_used_again",
    "job_made_again",
    "job_is_canceled",
)


@dataclass(frozen=True)
class Fleet:
    """Jobs as (continuous?, the state of each thing's execution); things are shared by all jobs, in order."""

    jobs: tuple[tuple[bool, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Trouble:
    """What befalls one run of the kit: moves and faults by the number of the call, and at most one kill."""

    moves: tuple[tuple[At, Move], ...] = ()
    faults: tuple[tuple[At, str], ...] = ()
    kill: Kill | None = None


@dataclass
class Figures:
    """What was tried and what came of it."""

    schedules: int = 0
    runs: int = 0
    calls: int = 0
    faults: int = 0
    moves: int = 0
    kills: int = 0
    deletes: int = 0
    cancels: int = 0
    wrong: int = 0
    doubled: int = 0
    unrecorded: int = 0
    unchecked: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)

    def add(self, other: Figures) -> None:
        """Take another schedule's figures in."""
        for name, value in vars(other).items():
            if name == "outcomes":
                for outcome, count in value.items():
                    self.outcomes[outcome] = self.outcomes.get(outcome, 0) + count
            else:
                setattr(self, name, getattr(self, name) + value)


class World:
    """One schedule being played."""

    def __init__(self, directory: Path, fleet: Fleet) -> None:
        self.run_dir = directory
        self.service = ServiceModel(round(time.time(), 3))  # AWS counts milliseconds
        self.judge = Judge(directory)
        self.judge.gone = self.gone
        self.figures = Figures(schedules=1)
        self.last_outcome = ""
        self.phrase: str | None = None
        self.region = REGION
        self._waiting: list[Move] = []
        self._build(fleet)

    def play(self, act: Callable[[], Any], trouble: Trouble | None = None) -> str:
        """One run of the kit with its trouble; how it ended: an outcome, or `killed`."""
        trouble = trouble or Trouble()
        life = Lifeline(trouble.kill)
        before = len(self.judge.accepted)
        self.judge.run_begins()
        seam = Seam(
            self.service,
            faults=dict(trouble.faults),
            before=lambda *call: self._between(seam, trouble, life, *call),
            after=lambda number: life.reaches("call", number, "after"),
            accepted=lambda call: self._heard(call, seam, life),
        )
        ended = self._run(act, seam, life)
        seam.act_late()
        self._note(seam, ended)
        if ended != "killed":
            self._check_record(ended, self.judge.accepted[before:])
        return ended

    def happen(self, move: Move) -> bool:
        """Something happens in the field; False when it cannot."""
        what, job_number, thing_number = move
        jobs = sorted(self.service.jobs)
        if not jobs:
            return False
        job_id = jobs[job_number % len(jobs)]
        things = sorted(self.service.jobs[job_id].members | {thing for thing, of in self.service.held if of == job_id})
        thing = things[thing_number % len(things)] if things else "nobody"
        held = self.service.held.get((thing, job_id), [])
        happening: dict[str, Callable[[], object]] = {
            "starts": lambda: self.service.report(job_id, thing, "IN_PROGRESS"),
            "succeeds": lambda: self.service.report(job_id, thing, "SUCCEEDED"),
            "fails": lambda: self.service.report(job_id, thing, "FAILED"),
            "times_out": lambda: self.service.time_out(job_id, thing),
            "leaves": lambda: self.service.leave(job_id, thing),
            "joins": lambda: self.service.join(job_id, thing),
            "is_deleted": lambda: held and self.service.delete_job_execution(job_id, thing, held[0].number, force=True),
            "is_canceled": lambda: (
                held and held[0].status in ("QUEUED", "IN_PROGRESS") and self._cancel_by_hand(job_id, thing)
            ),
            "number_used_again": lambda: self._use_number_again(job_id, thing),
            "job_made_again": lambda: self.service.recreate(job_id),
            "job_is_canceled": lambda: self.service.cancel_job(job_id),
        }
        return bool(happening[what]())

    def result(self) -> dict[str, Any]:
        return dict(json.loads((self.run_dir / "result.json").read_text()))

    def gone(self, target: dict[str, Any]) -> bool:
        """Whether a target of the plan is no longer in the service."""
        return not any(is_target(item, target) for item in self.service.all())

    def close(self) -> None:
        """Let go of the run directory, as the end of a process does."""
        directory = RunDirectory(self.run_dir.resolve())
        directory.take()
        directory.leave()

    def _build(self, fleet: Fleet) -> None:
        for number, (continuous, states) in enumerate(fleet.jobs):
            job_id = f"job-{number}"
            things = [f"thing-{place}" for place in range(len(states))]
            self.service.create_job(job_id, things, continuous=continuous)
            for thing, state in zip(things, states, strict=True):
                if state != "QUEUED":
                    self.service.report(job_id, thing, state)
        self.service.age(days=60)

    def _cancel_by_hand(self, job_id: str, thing: str) -> bool:
        self.service.cancel_job_execution(job_id, thing, force=True, statusDetails={"canceledBy": "somebody else"})
        return True

    def _use_number_again(self, job_id: str, thing: str) -> bool:
        """Delete, leave the group: the number is back, REMOVED, on another execution."""
        held = self.service.held.get((thing, job_id), [])
        if len(held) != 1 or not self.service.jobs[job_id].continuous or thing not in self.service.jobs[job_id].members:
            return False
        self.service.delete_job_execution(job_id, thing, held[0].number, force=True)
        return self.service.leave(job_id, thing)

    def _between(self, seam: Seam, trouble: Trouble, life: Lifeline, number: int, operation: str, nth: int) -> None:
        """What happens before a call; what no client can be safe from waits until the call is over.

        DeleteJobExecution has no precondition: nothing moves between the last look and the delete, nor while one is
        on its way. CancelJobExecution knows the newest execution and its version alone: everything may move but the
        making of an execution anew, which may have the same version.
        """
        coming = [*self._waiting, *(move for at, move in trouble.moves if at in (number, (operation, nth)))]
        self._waiting = []
        under_way = {operation} | seam.on_its_way()
        for move in coming:
            anew = move[0] in ("job_made_again", "joins", "number_used_again")
            if "delete_job_execution" in under_way or ("cancel_job_execution" in under_way and anew):
                self._waiting.append(move)
            else:
                self.figures.moves += self.happen(move)
        life.reaches("call", number, "before")

    def _heard(self, call: Accepted, seam: Seam, life: Lifeline) -> None:
        late = seam.acting_late
        self.judge.hear(call, late=late)
        if not life.on_disk(self.run_dir / "journal.jsonl"):
            self.judge.verdict.unrecorded.append(f"announced, but not on disk yet: {call.operation} of {call.before}")

    def _run(self, act: Callable[[], Any], seam: Seam, life: Lifeline) -> str:
        with ExitStack() as stack:
            stack.enter_context(patch.object(aws, "connect", lambda **_: ModelConnection(seam, self.region)))
            stack.enter_context(patch.object(apply, "_FIRST_PAUSE_S", 0.0))
            stack.enter_context(patch.object(concurrency, "THREADS", 1))  # one order of calls for one schedule
            stack.enter_context(life.holding())
            try:
                act()
            except Killed:
                return "killed"
            except (IotJobsError, KeyboardInterrupt):
                pass
        return str(self.result()["outcome"])

    def _note(self, seam: Seam, ended: str) -> None:
        self.last_outcome = ended
        verdict, figures = self.judge.verdict, self.figures
        figures.runs += 1
        figures.calls += seam.calls
        figures.faults += len(seam.hit)
        figures.kills += ended == "killed"
        figures.outcomes[ended] = figures.outcomes.get(ended, 0) + 1
        figures.deletes, figures.cancels = verdict.deletes, verdict.cancels
        figures.wrong, figures.doubled = len(verdict.wrong), len(verdict.doubled)
        figures.unrecorded, figures.unchecked = len(verdict.unrecorded), len(verdict.unchecked)

    def _check_record(self, ended: str, accepted: Sequence[Accepted]) -> None:
        """What `result.json` says is what happened."""
        verify(self.run_dir)
        result, targets = self.result(), self.judge.targets()
        assert result["outcome"] == ended
        if ended in ("planned", "refused", "invalid", "nothing_to_do"):
            assert not accepted, f"{ended} says that nothing was changed, but {accepted}"
        if ended == "applied":
            left = [target for target in targets if not self.gone(target)]
            assert not left, f"applied, but still there: {left}"
        ours = sum(self.judge.deleted(target) for target in targets)
        said = result["counts"].get("deleted")
        if said is not None and ended in ("applied", "refused"):
            assert said >= ours, f"{said} deleted by the record, {ours} by the service"
