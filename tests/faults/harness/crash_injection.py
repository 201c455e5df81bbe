"""A process that can be killed at any step of its record, inside one process: after the kill nothing is written."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from iotjobs.aws.pace import Pace
from iotjobs.deletion import executor
from iotjobs.run.journal import Journal
from tests.faults.harness.fault_injection import Killed


@dataclass(frozen=True, kw_only=True)
class Kill:
    """At which step: the ``nth`` line of the ``journal``, or ``call`` of the kit; before, after, or torn (a line)."""

    at: str
    nth: int
    when: str = "before"


class CrashPoint:
    """Counts the steps of a run and ends it at the chosen one; remembers what was put on disk by fsync."""

    def __init__(self, kill: Kill | None = None) -> None:
        self.kill = kill
        self.dead = False
        self._lines = 0
        self._synced: dict[int, int] = {}

    def die(self) -> None:
        """End the process, as far as its record is concerned."""
        self.dead = True
        raise Killed

    def reaches(self, at: str, nth: int, when: str) -> None:
        """Die here, if this is the step; a dead process reaches nothing."""
        if self.dead:
            raise Killed
        if self.kill == Kill(at=at, nth=nth, when=when):
            self.die()

    def is_on_disk(self, path: Path) -> bool:
        """Whether all that is in a file was synced."""
        return path.exists() and self._synced.get(path.stat().st_ino) == path.stat().st_size

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Have all that the kit puts on disk go through here."""
        write, sync = Journal.write, os.fsync

        def journal_write(journal: Journal, *arguments: Any, **facts: Any) -> None:
            self._lines += 1
            self.reaches("journal", self._lines, "before")
            if self.kill == Kill(at="journal", nth=self._lines, when="torn"):
                with journal.path.open("ab") as file:
                    file.write(b'{"at": "2026-11-24T12:00:0')
                self.die()
            write(journal, *arguments, **facts)
            self.reaches("journal", self._lines, "after")

        def fsync(handle: int) -> None:
            if self.dead:
                raise Killed
            sync(handle)
            self._synced[os.fstat(handle).st_ino] = os.fstat(handle).st_size

        with patch.object(Journal, "write", journal_write), patch.object(os, "fsync", fsync):
            yield


@contextmanager
def executor_times(sleep: Callable[[float], None], clock: Callable[[], float]) -> Iterator[None]:
    """Give the executors that the kit makes another `sleep` and `clock`.

    `time.sleep` itself stays: threads that other tests left behind call it too, and would move the service's clock.
    """
    defaults = getattr(getattr(executor, "Executor", object).__init__, "__kwdefaults__", None) or {}
    with patch.dict(defaults, sleep=sleep, clock=clock):
        yield


@contextmanager
def in_no_time() -> Iterator[None]:
    """All pauses of this process pass at once: between attempts, and for a quota that a refused call showed."""
    passed_s = [0.0]

    def sleep(seconds: float) -> None:
        passed_s[0] += seconds

    def clock() -> float:
        return time.monotonic() + passed_s[0]

    paces = patch.dict(Pace.__init__.__kwdefaults__, sleep=sleep, clock=clock)
    with (
        patch.object(time, "sleep", lambda _seconds: None),
        executor_times(lambda _seconds: None, time.monotonic),
        paces,
    ):
        yield


def counting_calls(send: Callable[..., Any], crash: CrashPoint) -> Callable[..., Any]:
    """A changing call of the kit that is a step too, where no injector counts the calls."""
    calls = 0

    def change(*arguments: Any, **parameters: Any) -> Any:
        nonlocal calls
        calls += 1
        crash.reaches("call", calls, "before")
        answer = send(*arguments, **parameters)
        crash.reaches("call", calls, "after")
        return answer

    return change
