"""A full disk, a directory that cannot be written, a record that was cut or edited, two runs at once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from iotjobs.model import Outcome
from iotjobs.run.journal import verify
from tests.faults.child import Run
from tests.faults.killable import Kill
from tests.faults.stage import Stage

REFUSED, ERROR, INVALID, PARTIAL = (
    each.exit_code for each in (Outcome.REFUSED, Outcome.ERROR, Outcome.INVALID, Outcome.PARTIAL)
)


@pytest.mark.parametrize("line", [1, 2, 7, 10])
def test_a_disk_that_is_full_from_some_line_on(stage: Stage, line: int) -> None:
    phrase = stage.planned()
    assert stage.run(confirm=phrase, full_after_write=line) in (ERROR, PARTIAL)
    assert stage.judge.verdict.broken == []
    assert stage.result()["outcome"] in ("error", "partial")
    assert stage.run(confirm=phrase) == 0
    assert (stage.left(), stage.judge.verdict.broken) == ([], [])
    verify(stage.run_dir)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not write here")
@pytest.mark.parametrize("begun", [False, True], ids=["new", "begun"])
def test_a_directory_that_cannot_be_written(stage: Stage, begun: bool) -> None:
    phrase = stage.planned()
    if begun:
        stage.run(confirm=phrase, kill=Kill("write", 7, "after"))
    done = len(stage.judge.accepted)
    _open_the_way_to(stage.run_dir)
    stage.run_dir.chmod(0o555)
    assert stage.run(confirm=phrase, unprivileged=True) == INVALID
    assert len(stage.judge.accepted) == done
    stage.run_dir.chmod(0o755)
    assert stage.run(confirm=phrase) == 0
    assert (stage.left(), stage.judge.verdict.broken) == ([], [])


def _edited(journal: Path) -> None:
    journal.write_bytes(journal.read_bytes().replace(b"DeleteJobExecution", b"CancelJobExecution", 1))


def _cut_in_the_middle(journal: Path) -> None:
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:2] + lines[3:]))


def _cut_at_the_start(journal: Path) -> None:
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[1:]))


def _garbled(journal: Path) -> None:
    journal.write_bytes(b"\0\0\0\n" + journal.read_bytes())


@pytest.mark.parametrize("harm", [_edited, _cut_in_the_middle, _cut_at_the_start, _garbled])
def test_a_record_that_was_cut_or_edited_is_not_gone_on_with(stage: Stage, harm: Callable[[Path], None]) -> None:
    phrase = stage.planned()
    stage.run(confirm=phrase, kill=Kill("write", 7, "after"))
    done = len(stage.judge.accepted)
    harm(stage.run_dir / "journal.jsonl")
    assert stage.run(confirm=phrase) == ERROR
    assert "was cut or edited" in stage.result()["reason"]
    assert len(stage.judge.accepted) == done


def test_lines_cut_from_the_end_show_and_harm_nobody(stage: Stage) -> None:
    """The chain cannot show this cut: what was sealed in `result.json` does, and a look at AWS settles the rest."""
    phrase = stage.planned()
    assert stage.run(confirm=phrase) == 0
    journal = stage.run_dir / "journal.jsonl"
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:-3]))
    assert stage.run(confirm=phrase) == ERROR
    assert "was cut or edited" in stage.result()["reason"]
    assert stage.judge.verdict.broken == []


def test_a_plan_that_was_edited_after_it_was_begun(stage: Stage) -> None:
    phrase = stage.planned()
    stage.run(confirm=phrase, kill=Kill("write", 1, "after"))
    plan = stage.run_dir / "plan.json"
    plan.write_text(plan.read_text().replace(stage.things[1], stage.things[0]))
    assert stage.run(confirm=phrase) in (ERROR, REFUSED)
    assert stage.judge.accepted == []


def test_the_second_of_two_runs_is_refused_and_touches_nothing(stage: Stage) -> None:
    phrase = stage.planned()
    given = {"job_id": stage.job_id, "force": True, "max_fraction": 1.0, "run_dir": str(stage.run_dir)}
    seconds: list[int] = []

    def second_comes(call: object) -> None:
        """While the first is in the middle of its first delete."""
        if getattr(call, "operation", "") == "DeleteJobExecution" and not seconds:
            seconds.append(0)
            before = {path.name: path.read_bytes() for path in stage.run_dir.iterdir()}
            environment = stage.fleet.server.environment  # past the proxy, which is busy with the first
            seconds[0] = Run("sweep", given | {"confirm": phrase}, environment).wait()
            assert {path.name: path.read_bytes() for path in stage.run_dir.iterdir()} == before

    stage.proxy.between(second_comes)
    assert stage.run(confirm=phrase) == 0
    assert (seconds, stage.left(), stage.judge.verdict.broken) == ([REFUSED], [], [])


def _open_the_way_to(directory: Path) -> None:
    for parent in [directory, *directory.parents]:
        if parent.stat().st_uid == os.geteuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o055)
