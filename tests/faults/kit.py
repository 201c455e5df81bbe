"""The kit's jobs that delete, as a schedule runs them: each run anew, with the same run directory."""

from __future__ import annotations

import random
from typing import Any

from world import Trouble, World

import iotjobs


class OneDelete:
    """`delete_job_execution`: one execution, named by a person, confirmed with its phrase."""

    name = "delete_job_execution"
    calls = 9

    def __init__(self, world: World, named: dict[str, Any]) -> None:
        self.world = world
        self.named = named
        self.phrase: str | None = None

    @classmethod
    def chosen(cls, world: World, luck: random.Random) -> OneDelete:
        """One of the fleet's executions, with or without force and cancel."""
        item = luck.choice(list(world.service.all()))
        live = item.status in ("QUEUED", "IN_PROGRESS")
        named = {"job_id": item.job_id, "thing_name": item.thing_name, "execution_number": item.number}
        return cls(world, named | {"force": live or luck.random() < 0.3, "cancel_first": luck.random() < 0.7})

    def plan(self, trouble: Trouble | None = None) -> str:
        """A run without confirm."""
        ended = self.world.play(lambda: self._run(None), trouble)
        self.phrase = self.world.judge.phrase = self.world.result()["confirm"] if ended == "planned" else self.phrase
        return ended

    def apply(self, trouble: Trouble | None = None) -> str:
        """A run with the phrase, as it was said."""
        return self.world.play(lambda: self._run(self.phrase), trouble)

    def settled(self, ended: str) -> bool:
        """Whether another run has nothing left to do."""
        return ended in ("applied", "refused", "error")

    def check_settled(self, ended: str) -> None:
        """What was to be deleted is gone, or the record says why it was left."""
        target = self.world.judge.targets()
        assert ended != "applied" or all(self.world.gone(one) for one in target)

    def _run(self, confirm: str | None) -> None:
        run = iotjobs.start(self.name, run_dir=str(self.world.run_dir), confirm=confirm, **self.named)
        iotjobs.delete_job_execution(run, confirm=confirm, **self.named).plan().apply()
        run.end()


KITS = (OneDelete,)
