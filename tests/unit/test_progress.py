"""How far long work is: one line for a person, on a terminal and nowhere else."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path

import pytest

from iotjobs.run.progress import Meter, on_terminal, progress_sentence, told


class Terminal(io.StringIO):
    """Takes itself for one."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("done", "total", "elapsed_s", "words"),
    [
        (0, 16, 5, "0 of 16 deleted"),
        (4, 16, 2, "4 of 16 deleted, 2.0 a second, about 6 s to go"),
        (2, 16, 20, "2 of 16 deleted, one in 10.0 s, about 2 min to go"),
        (16, 16, 20, "16 of 16 deleted"),
        (12_500, 50_000, 5, "12,500 of 50,000 deleted, 2,500 a second, about 15 s to go"),
        (12_500, 0, 5, "12,500 deleted, 2,500 a second"),
    ],
)
def test_how_far_how_fast_how_long_yet(done: int, total: int, elapsed_s: float, words: str) -> None:
    assert progress_sentence(done, total, elapsed_s=elapsed_s, verb="deleted") == words


def test_the_line_says_what_is_under_way_and_which_quota_is_the_brake() -> None:
    now, brake = [0.0], list[str]()
    meter = Meter("Reading", lambda: brake[-1] if brake else None, clock=lambda: now[0])
    assert meter.line() == "Reading, 0 s: asking"
    meter("executions read", 0, 1000)
    meter("timers looked up", 0, 10)
    now[0] = 4
    meter("executions read", 400, 0)
    meter("timers looked up", 10, 0)
    brake.append("ListJobExecutionsForJob")
    line = "Reading, 4 s: 400 of 1,000 executions read, 100 a second, about 6 s to go; quota: ListJobExecutionsForJob"
    assert meter.line() == line
    meter("executions read", 700, 0)  # it grew meanwhile
    brake.clear()
    assert meter.line() == "Reading, 4 s: 1,100 of 1,100 executions read; 10 of 10 timers looked up"


def test_a_terminal_has_one_line_which_goes_when_the_work_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setenv("COLUMNS", "30")
    with on_terminal(terminal) as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        with told(lambda: "Reading, 1 s: 250 of 50,000 \x1b[2Jexecutions"):
            deadline = time.monotonic() + 10
            while "Reading" not in terminal.getvalue() and time.monotonic() < deadline:
                time.sleep(0.05)
    written = terminal.getvalue()
    assert written.startswith("\r\x1b[KReading, 1 s: 250 of 50,000")
    assert written.endswith("\r\x1b[K")
    assert "\n" not in written
    assert "\x1b[2J" not in written
    assert max(map(len, written.split("\r\x1b[K"))) < 30
    assert not any(Path(value).exists() for value in environment.values())


def test_a_pipe_gets_nothing() -> None:
    pipe = io.StringIO()
    with on_terminal(pipe) as environment, told(lambda: "Reading"):
        time.sleep(0.7)
    assert (environment, pipe.getvalue()) == ({}, "")
    assert "IOTJOBS_PROGRESS" not in os.environ


def test_work_goes_on_when_nobody_can_be_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IOTJOBS_PROGRESS", str(tmp_path / "not there" / "progress"))
    lines: list[str] = []

    def show(line: str) -> None:
        lines.append(line)
        raise OSError("the front end has gone")

    with told(lambda: "Reading", show):
        time.sleep(1.3)
    assert len(lines) >= 2
