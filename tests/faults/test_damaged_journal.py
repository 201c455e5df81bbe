"""A full disk, a directory that cannot be written, a record that was cut or edited, two runs at once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from iotjobs.model import Outcome
from iotjobs.run.journal import verify
from tests.faults.harness.crash_injection import Kill
from tests.faults.harness.http_proxy import Call
from tests.faults.harness.subprocess_run import ServiceJob

REFUSED, ERROR, INVALID, PARTIAL = (
    each.exit_code for each in (Outcome.REFUSED, Outcome.ERROR, Outcome.INVALID, Outcome.PARTIAL)
)


def _check_all_gone(job: ServiceJob) -> None:
    assert job.executions_left() == []
    assert job.invariants.violations.all() == []


@pytest.mark.parametrize("line", [1, 2, 7, 10])
def test_a_disk_that_is_full_from_some_line_on(service_job: ServiceJob, line: int) -> None:
    phrase = service_job.plan()
    assert service_job.sweep(confirm=phrase, full_after_line=line) in (ERROR, PARTIAL)
    assert service_job.invariants.violations.all() == []
    assert service_job.result()["outcome"] in ("error", "partial")
    assert service_job.sweep(confirm=phrase) == 0
    _check_all_gone(service_job)
    verify(service_job.run_dir)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not write here")
@pytest.mark.parametrize("started", [False, True], ids=["new", "started"])
def test_a_directory_that_cannot_be_written(service_job: ServiceJob, started: bool) -> None:
    phrase = service_job.plan()
    if started:
        service_job.sweep(confirm=phrase, kill=Kill(at="journal", nth=7, when="after"))
    accepted = len(service_job.invariants.accepted)
    _open_the_way_to(service_job.run_dir)
    service_job.run_dir.chmod(0o555)
    assert service_job.sweep(confirm=phrase, unprivileged=True) == INVALID
    assert len(service_job.invariants.accepted) == accepted
    service_job.run_dir.chmod(0o755)
    assert service_job.sweep(confirm=phrase) == 0
    _check_all_gone(service_job)


def _edit(journal: Path) -> None:
    journal.write_bytes(journal.read_bytes().replace(b"DeleteJobExecution", b"CancelJobExecution", 1))


def _cut_the_middle(journal: Path) -> None:
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:2] + lines[3:]))


def _cut_the_start(journal: Path) -> None:
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[1:]))


def _garble(journal: Path) -> None:
    journal.write_bytes(b"\0\0\0\n" + journal.read_bytes())


@pytest.mark.parametrize("harm", [_edit, _cut_the_middle, _cut_the_start, _garble])
def test_a_record_that_was_cut_or_edited_is_not_gone_on_with(
    service_job: ServiceJob, harm: Callable[[Path], None]
) -> None:
    phrase = service_job.plan()
    service_job.sweep(confirm=phrase, kill=Kill(at="journal", nth=7, when="after"))
    accepted = len(service_job.invariants.accepted)
    harm(service_job.run_dir / "journal.jsonl")
    assert service_job.sweep(confirm=phrase) == ERROR
    assert "was cut or edited" in service_job.result()["reason"]
    assert len(service_job.invariants.accepted) == accepted


def test_lines_cut_from_the_end_show_and_harm_nobody(service_job: ServiceJob) -> None:
    """The chain cannot show this cut: what was sealed in `result.json` does, and a look at AWS settles the rest."""
    phrase = service_job.plan()
    assert service_job.sweep(confirm=phrase) == 0
    journal = service_job.run_dir / "journal.jsonl"
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:-3]))
    assert service_job.sweep(confirm=phrase) == ERROR
    assert "was cut or edited" in service_job.result()["reason"]
    assert service_job.invariants.violations.all() == []


def test_a_plan_that_was_edited_after_it_was_started(service_job: ServiceJob) -> None:
    phrase = service_job.plan()
    service_job.sweep(confirm=phrase, kill=Kill(at="journal", nth=1, when="after"))
    plan = service_job.run_dir / "plan.json"
    plan.write_text(plan.read_text().replace(service_job.things[1], service_job.things[0]))
    assert service_job.sweep(confirm=phrase) in (ERROR, REFUSED)
    assert service_job.invariants.accepted == []


def test_the_second_of_two_processes_is_refused_and_touches_nothing(service_job: ServiceJob) -> None:
    phrase = service_job.plan()
    codes: list[int] = []

    def second_comes(call: Call) -> None:
        """While the first is in the middle of its first delete."""
        if call.operation == "DeleteJobExecution" and not codes:
            before = {path.name: path.read_bytes() for path in service_job.run_dir.iterdir()}
            past_the_proxy = service_job.fleet.server.environment
            codes.append(service_job.sweep(confirm=phrase, environment=past_the_proxy))
            assert {path.name: path.read_bytes() for path in service_job.run_dir.iterdir()} == before

    service_job.proxy.before = second_comes
    assert service_job.sweep(confirm=phrase) == 0
    assert codes == [REFUSED]
    _check_all_gone(service_job)


def _open_the_way_to(directory: Path) -> None:
    for parent in [directory, *directory.parents]:
        if parent.stat().st_uid == os.geteuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o055)
