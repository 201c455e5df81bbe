"""The kit's jobs that delete, as a schedule runs them: each run anew, with the same run directory."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import iotjobs
from iotjobs.run.run import Run
from tests.faults.judge import is_target
from tests.faults.service_model import LIVE, Held
from tests.faults.world import Trouble, World

_OLD = 30 * 86400


class Kit:
    """One wish of a person or a scheduler, run as often as it takes."""

    name = ""
    calls = 9  # about so many calls a run makes

    def __init__(self, world: World, given: dict[str, Any]) -> None:
        self.world = world
        self.given = given
        self.phrase: str | None = None

    def plan(self, trouble: Trouble | None = None) -> str:
        """A run without confirm."""
        ended = self.world.play(self._run(None), trouble)
        if ended == "planned":
            self.phrase = self.world.judge.phrase = self.world.result()["confirm"]
        return ended

    def apply(self, trouble: Trouble | None = None) -> str:
        """A run with the phrase, as it was said."""
        return self.world.play(self._run(self.phrase), trouble)

    def settled(self, ended: str) -> bool:
        """Whether another run has nothing left to do."""
        raise NotImplementedError

    def check_settled(self, ended: str) -> None:
        """What was to be deleted is gone, or the record says why it was left; and it tells every delete."""
        targets, judge = self.world.judge.targets(), self.world.judge
        if ended == "applied":
            assert all(self.world.gone(target) for target in targets)
        if ended in ("applied", "partial"):
            said, ours = self.world.result()["counts"]["deleted"], sum(judge.deleted(target) for target in targets)
            assert said >= ours, f"{said} deleted by the record, {ours} by the service"

    def _run(self, confirm: str | None) -> Callable[[], None]:
        raise NotImplementedError


class OneDelete(Kit):
    """`delete_job_execution`: one execution, named by a person, confirmed with its phrase."""

    name = "delete_job_execution"

    @classmethod
    def chosen(cls, world: World, luck: random.Random) -> OneDelete:
        """One of the fleet's executions, with or without force and cancel."""
        item = luck.choice(list(world.service.all()))
        named = {"job_id": item.job_id, "thing_name": item.thing_name, "execution_number": item.number}
        force = item.status in LIVE or luck.random() < 0.3
        return cls(world, named | {"force": force, "cancel_first": luck.random() < 0.7})

    def settled(self, ended: str) -> bool:
        return ended in ("applied", "refused", "error")

    def _run(self, confirm: str | None) -> Callable[[], None]:
        def act() -> None:
            run = iotjobs.start(self.name, run_dir=str(self.world.run_dir), confirm=confirm, **self.given)
            with _hooked(run):
                iotjobs.delete_job_execution(run).plan().apply()
                run.end()

        return act


class ManyDeletes(Kit):
    """`sweep`: many executions by a rule, confirmed with the phrase, by a scheduler, or with a plan file."""

    name = "sweep"
    calls = 20
    saves = False  # whether the plan is handed over as a file
    _file: Path | None = None

    @classmethod
    def chosen(cls, world: World, luck: random.Random) -> ManyDeletes:
        """A rule of some kind, with caps that fit or do not."""
        rules: list[dict[str, Any]] = [
            {"job_id": "job-0"},
            {"thing_name": "thing-0"},
            {"statuses": "SUCCEEDED,FAILED,REJECTED,QUEUED"},
            {"statuses": "IN_PROGRESS,QUEUED"},
            {"job_id": "job-0", "statuses": "FAILED,QUEUED,IN_PROGRESS"},
        ]
        given = luck.choice(rules) | {"force": luck.random() < 0.9, "max_fraction": 1.0}
        given["max_deletes"] = luck.choice((25, 25, 25, 25, 2))
        if luck.random() < 0.2:
            given["protect"] = "thing-1"
        if luck.random() < 0.2:
            given["unattended"] = True
        made = cls(world, given)
        made.saves = luck.random() < 0.75
        return made

    def plan(self, trouble: Trouble | None = None) -> str:
        """A run without confirm: the plan is of all that fits, or there is none."""
        expected = self._fitting()
        unattended = self.given.pop("unattended", None)
        ended = super().plan(trouble)
        if unattended:
            self.given["unattended"] = True
            if not self.saves:  # nobody approves a plan: each run makes its own, until one is begun
                self.world.judge.phrase = None
        if ended == "planned" and not (trouble and trouble.moves):
            targets = self.world.judge.targets()
            assert len(targets) == len(expected), f"{len(expected)} fit, {len(targets)} planned"
            assert all(any(is_target(item, target) for target in targets) for item in expected)
            assert len(targets) <= self.given.get("max_deletes", 25)
        if ended == "planned" and self.saves:
            self._file = self.world.run_dir.with_suffix(".approved.json")
            shutil.copy(self.world.run_dir / "plan.json", self._file)
        return ended

    def apply(self, trouble: Trouble | None = None) -> str:
        """A run with the phrase, or by a scheduler that has none."""
        phrase = None if self.given.get("unattended") else self.phrase
        return self.world.play(self._run(phrase), trouble)

    def settled(self, ended: str) -> bool:
        counts = self.world.result()["counts"]
        done = not counts.get("failed") and not counts.get("left")
        return (ended in ("applied", "partial") and done) or ended in ("refused", "nothing_to_do")

    def check_settled(self, ended: str) -> None:
        super().check_settled(ended)
        if ended not in ("applied", "partial"):
            return
        named = [(one["job_id"], one["thing_name"], one["execution_number"]) for one in self.world.result()["refusals"]]
        for target in self.world.judge.targets():
            key = (target["job_id"], target["thing_name"], target["execution_number"])
            assert self.world.gone(target) or key in named, f"{key} is still there, and the record says nothing of it"

    def _fitting(self) -> list[Held]:
        """What the rule is about, by the service itself."""
        statuses = self.given.get("statuses", "").split(",")
        return [
            item
            for item in self.world.service.all()
            if self.given.get("job_id") in (None, item.job_id)
            and self.given.get("thing_name") in (None, item.thing_name)
            and (statuses == [""] or item.status in statuses)
            and self.world.service.now - max(item.queued_at, item.updated_at) > _OLD
            and not fnmatchcase(item.thing_name, self.given.get("protect", ""))
        ]

    def _run(self, confirm: str | None) -> Callable[[], None]:
        handed = {"plan_file": str(self._file)} if self._file else {}

        def act() -> None:
            run = iotjobs.start(self.name, run_dir=str(self.world.run_dir), confirm=confirm, **self.given, **handed)
            with _hooked(run):
                iotjobs.sweep(run).plan().apply()
                run.end()

        return act


@contextmanager
def _hooked(run: Run) -> Iterator[None]:
    """As the hook of IPython does when a cell fails."""
    try:
        yield
    except Exception as error:
        run.failed(error)
        raise


KITS = (OneDelete, ManyDeletes)
