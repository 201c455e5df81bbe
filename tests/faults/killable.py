"""A process that can be killed at any step of its record, inside one process: after the kill nothing is written."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from iotjobs.run.directory import RunDirectory
from iotjobs.run.journal import Journal
from tests.faults.faulty_seam import Killed


@dataclass(frozen=True)
class Kill:
    """At which step: `write` number n of the journal, `call` number n of the kit; before, after, or torn (a line)."""

    step: str
    number: int
    when: str = "before"


class Lifeline:
    """Counts the steps of a run and ends it at the chosen one; remembers what was put on disk by fsync."""

    def __init__(self, kill: Kill | None = None) -> None:
        self.kill = kill
        self.dead = False
        self.writes = 0
        self._synced: dict[int, int] = {}

    def die(self) -> None:
        self.dead = True
        raise Killed

    def check(self) -> None:
        if self.dead:
            raise Killed

    def reaches(self, step: str, number: int, when: str) -> None:
        """Die here, if this is the step."""
        self.check()
        if self.kill == Kill(step, number, when):
            self.die()

    def on_disk(self, path: Path) -> bool:
        """Whether all that is in a file was synced."""
        return path.exists() and self._synced.get(path.stat().st_ino) == path.stat().st_size

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Have the kit's writing go through here."""
        life, write, sync, snapshot = self, Journal.write, os.fsync, Journal.snapshot
        document = RunDirectory.write_json

        def journal_write(book: Journal, event: str, *about: Any, **facts: Any) -> None:
            life.writes += 1
            life.reaches("write", life.writes, "before")
            if life.kill == Kill("write", life.writes, "torn"):
                with book.path.open("ab") as file:
                    file.write(b'{"at": "2026-11-24T12:00:0')
                life.die()
            write(book, event, *about, **facts)
            life.reaches("write", life.writes, "after")

        def fsync(handle: int) -> None:
            sync(handle)
            seen = os.fstat(handle)
            life._synced[seen.st_ino] = seen.st_size

        def guarded(act: Callable[..., Any]) -> Callable[..., Any]:
            def acting(*given: Any, **named: Any) -> Any:
                life.check()
                return act(*given, **named)

            return acting

        with (
            patch.object(Journal, "write", journal_write),
            patch.object(os, "fsync", fsync),
            patch.object(Journal, "snapshot", guarded(snapshot)),
            patch.object(RunDirectory, "write_json", guarded(document)),
        ):
            yield
