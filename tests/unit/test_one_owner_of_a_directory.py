"""A run directory has one owner: of two runs, processes or threads one is refused, and nothing of the other is touched."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

import iotjobs
from iotjobs.columns import DIAGNOSIS_COLUMNS, EXECUTION_COLUMNS, table
from iotjobs.errors import InvalidInput, RecordError, Refused
from iotjobs.model import Outcome

ELSEWHERE = """
import sys, iotjobs
from iotjobs.errors import IotJobsError
try:
    iotjobs.start("sweep", run_dir=sys.argv[1]).finish(iotjobs.run.run.Outcome.PLANNED)
except IotJobsError as error:
    print(type(error).__name__, error)
    sys.exit(error.outcome.exit_code)
"""


def _start(path: Path, **parameters: object) -> iotjobs.Run:
    return iotjobs.start("sweep", run_dir=str(path), **parameters)


def _files(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir() if file.is_file()}


def _elsewhere(path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", ELSEWHERE, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _in_a_thread(work: object) -> BaseException | None:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).exception()  # type: ignore[arg-type]


def test_another_process_is_refused_and_touches_nothing(tmp_path: Path) -> None:
    _start(tmp_path).finish(Outcome.PLANNED, confirm="delete 2 abc")
    before = _files(tmp_path)
    ended = _elsewhere(tmp_path)
    assert ended.returncode == Outcome.REFUSED.exit_code
    assert "another run is at work" in ended.stdout
    assert _files(tmp_path) == before


def test_another_thread_is_refused_while_one_is_at_work_and_touches_nothing(tmp_path: Path) -> None:
    run = _start(tmp_path)
    with run.session() as session:
        session.write_json("plan.json", {"plan_id": "first"})
        before = _files(tmp_path)
        for work in (
            lambda: _start(tmp_path),
            lambda: run.session().__enter__(),
            lambda: run.directory.write_json("plan.json", {"plan_id": "second"}),
            lambda: run.finish(Outcome.PLANNED),
        ):
            assert isinstance(_in_a_thread(work), Refused)
        assert _files(tmp_path) == before


def test_the_notebook_does_not_end_while_its_panel_is_at_work(tmp_path: Path) -> None:
    run = _start(tmp_path)
    run.finish(Outcome.PLANNED)
    at_work, done = threading.Event(), threading.Event()

    def panel() -> None:
        with run.session():
            at_work.set()
            done.wait(10)
            run.finish(Outcome.APPLIED)

    thread = threading.Thread(target=panel)
    thread.start()
    at_work.wait(10)
    text = repr(run.end())
    run.cell_failed(NameError("a scratch cell"))
    refused = _elsewhere(tmp_path)
    done.set()
    thread.join()
    assert "still at work" in text
    assert refused.returncode == Outcome.REFUSED.exit_code
    assert "applied" in repr(run.end())
    assert _elsewhere(tmp_path).returncode == 0


def test_a_notebook_run_again_from_its_top_takes_over_and_the_earlier_panels_are_refused(tmp_path: Path) -> None:
    earlier = _start(tmp_path)
    later = _start(tmp_path)
    later.finish(Outcome.PLANNED)
    before = _files(tmp_path)
    with pytest.raises(Refused, match="since this one began"), earlier.session():
        pytest.fail("the earlier run must not go on")
    with pytest.raises(Refused, match="since this one began"):
        earlier.finish(Outcome.APPLIED)
    assert _files(tmp_path) == before


def test_a_panel_left_open_is_refused_after_another_process_was_at_work_there(tmp_path: Path) -> None:
    run = _start(tmp_path)
    run.finish(Outcome.PLANNED)
    run.end()
    assert _elsewhere(tmp_path).returncode == 0
    before = _files(tmp_path)
    with pytest.raises(Refused, match="since this one began"), run.session():
        pytest.fail("another run was here")
    assert _files(tmp_path) == before


def test_a_panel_goes_on_after_the_notebooks_end_when_nobody_came_between(tmp_path: Path) -> None:
    run = _start(tmp_path)
    run.finish(Outcome.PLANNED)
    run.end()
    with run.session():
        assert _elsewhere(tmp_path).returncode == Outcome.REFUSED.exit_code
        run.finish(Outcome.APPLIED)
    assert _elsewhere(tmp_path).returncode == 0


def test_a_session_within_a_session_is_the_same_one(tmp_path: Path) -> None:
    with _start(tmp_path).session() as outer, outer.directory.exclusive() as inner:
        assert inner is outer


def test_threads_that_write_the_result_leave_it_whole(tmp_path: Path) -> None:
    run = _start(tmp_path)

    def write(number: int) -> None:
        try:
            run.finish(Outcome.PLANNED, counts={"number": number})
        except Refused:
            return

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(100)))
    assert json.loads((tmp_path / "result.json").read_text())["outcome"] == "planned"
    assert [name for name in _files(tmp_path) if name.startswith(".result")] == []


def test_a_broken_journal_leaves_nothing_open_or_locked(tmp_path: Path) -> None:
    run = _start(tmp_path)
    (tmp_path / "journal.jsonl").write_text('{"event": "begun", "previous": "no"}\n')
    for _ in range(2):
        with pytest.raises(RecordError, match="cut or edited"), run.session():
            pytest.fail("the journal is broken")
    run.finish(Outcome.ERROR)
    with pytest.raises(iotjobs.errors.IotJobsError):
        run.end()
    assert "another run" not in _elsewhere(tmp_path).stdout


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL])
def test_where_the_file_system_has_no_locks_a_lock_file_stands_in_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def unsupported(*_arguments: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", unsupported)
    run = _start(tmp_path)
    with run.session():
        run.finish(Outcome.PLANNED)
    assert "no locks" in " ".join(json.loads((tmp_path / "result.json").read_text())["warnings"])
    assert (tmp_path / ".lock-file").exists()
    run.end()
    assert not (tmp_path / ".lock-file").exists()


def test_where_not_even_a_lock_file_works_reading_goes_on_and_deleting_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iotjobs.run.lock.locked", lambda *_, **__: (None, "its file system has no locks (x)"))
    run = _start(tmp_path)
    with run.session(needs_lock=False):
        run.finish(Outcome.OK)
    assert "no two runs" in " ".join(json.loads((tmp_path / "result.json").read_text())["warnings"])
    with pytest.raises(Refused, match="nothing is deleted"), run.session():
        pytest.fail("there is no lock")
    assert json.loads((tmp_path / "result.json").read_text())["outcome"] == "ok"


def test_where_names_cannot_be_synced_it_is_said_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really = os.fsync

    def fsync(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        really(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    run = _start(tmp_path)
    with run.session() as session:
        session.journal.write("calling")
    run.finish(Outcome.APPLIED)
    assert "sync" in " ".join(json.loads((tmp_path / "result.json").read_text())["warnings"])


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o277])
def test_only_its_owner_can_read_a_run_directory(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        run = _start(tmp_path / "run")
        run.directory.write_executions(table(EXECUTION_COLUMNS | DIAGNOSIS_COLUMNS))
        with run.session() as session:
            session.journal.write("calling")
            session.journal.snapshot({"jobId": "j"})
    finally:
        os.umask(before)
    modes = {file.name: oct(file.stat().st_mode & 0o777) for file in (tmp_path / "run").iterdir()}
    assert {name: mode for name, mode in modes.items() if int(mode, 8) & 0o077} == {}
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["result.json", "executions.csv", "executions.parquet", "journal.jsonl", ".lock"])
def test_no_planted_link_is_written_through(tmp_path: Path, name: str) -> None:
    victim, directory = tmp_path / "victim", tmp_path / "run"
    victim.write_text("not ours, and no whole line")
    directory.mkdir()
    (directory / name).symlink_to(victim)
    try:
        run = _start(directory)
        run.directory.write_executions(table(EXECUTION_COLUMNS | DIAGNOSIS_COLUMNS))
        with run.session() as session:
            session.journal.write("calling")
    except (RecordError, InvalidInput):
        pass
    assert victim.read_text() == "not ours, and no whole line"


def test_a_hard_link_is_not_written_through(tmp_path: Path) -> None:
    victim, directory = tmp_path / "victim", tmp_path / "run"
    victim.write_text("not ours")
    directory.mkdir()
    os.link(victim, directory / "journal.jsonl")
    run = _start(directory)
    with pytest.raises(RecordError, match="hard link"), run.session() as session:
        session.journal.write("calling")
    assert victim.read_text() == "not ours"


def test_the_tail_of_a_journal_that_is_cut_off_is_kept_beside_it(tmp_path: Path) -> None:
    run = _start(tmp_path)
    (tmp_path / "journal.jsonl").write_text("somebody's only line")
    with run.session() as session:
        session.journal.write("calling")
    assert (tmp_path / "journal.jsonl.torn").read_text() == "somebody's only line\n"


@pytest.mark.parametrize("how", ["removed", "rotated", "replaced", "cut", "added to"])
def test_a_journal_that_is_touched_while_the_run_is_at_work_stops_it_at_once(tmp_path: Path, how: str) -> None:
    path = tmp_path / "journal.jsonl"
    run = _start(tmp_path)
    with run.session() as session:
        session.journal.write("begun", plan_id="p")
        if how == "removed":
            path.unlink()
        elif how == "rotated":
            path.rename(tmp_path / "journal.1")
            path.touch()
        elif how == "replaced":
            copy = path.read_bytes()
            path.unlink()
            path.write_bytes(copy)
        elif how == "cut":
            path.write_text("")
        else:
            path.write_text(path.read_text() + "another's\n")
        with pytest.raises(RecordError, match="nothing more is called"):
            session.journal.write("calling")
        with pytest.raises(RecordError):
            session.journal.write("calling")


@pytest.mark.parametrize("how", ["edited", "removed"])
def test_what_was_there_before_a_delete_is_part_of_the_chain(tmp_path: Path, how: str) -> None:
    run = _start(tmp_path)
    with run.session() as session:
        session.journal.snapshot({"jobId": "j", "status": "FAILED"})
        session.journal.write("calling")
    before = tmp_path / "before.jsonl"
    if how == "edited":
        before.write_text(before.read_text().replace("FAILED", "QUEUED"))
    else:
        before.unlink()
    with pytest.raises(RecordError, match=r"before\.jsonl was cut or edited"), run.session():
        pytest.fail("before.jsonl was touched")


def test_a_full_disk_is_a_record_error_for_parquet_too_and_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = _start(tmp_path).directory
    rows = table(EXECUTION_COLUMNS | DIAGNOSIS_COLUMNS)
    directory.write_executions(rows)
    before = (tmp_path / "executions.parquet").read_bytes()

    def full(*_arguments: object, **_named: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_parquet", full)
    with pytest.raises(RecordError, match="No space left"):
        directory.write_executions(rows)
    assert (tmp_path / "executions.parquet").read_bytes() == before
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".executions")] == []


@pytest.mark.parametrize("address", ["s3://bucket/x", "gs://bucket/x", "https://host/x", "file:///tmp/x"])
def test_an_address_is_no_run_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInput, match="an address"):
        iotjobs.start("sweep", run_dir=address)
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------------------------ how a run ended


def _result(path: Path) -> dict[str, object]:
    return json.loads((path / "result.json").read_text())


def test_keys_of_an_earlier_ending_do_not_stay(tmp_path: Path) -> None:
    run = _start(tmp_path)
    run.finish(Outcome.SKELETON, skeleton={"jobId": ""}, plan_id="old")
    run.finish(Outcome.PLANNED, confirm="x")
    assert {"skeleton", "plan_id"} & set(_result(tmp_path)) == set()


def test_a_scratch_cell_that_fails_does_not_undo_what_was_applied(tmp_path: Path) -> None:
    run = _start(tmp_path)
    run.finish(Outcome.APPLIED, counts={"deleted": 3})
    run.cell_failed(NameError("name 'x' is not defined"))
    assert (_result(tmp_path)["outcome"], _result(tmp_path)["counts"]) == ("applied", {"deleted": 3})
    run.end()
    assert "a cell failed: NameError" in str(_result(tmp_path)["warnings"])


def test_a_notebook_that_goes_on_to_its_end_has_the_outcome_of_its_work(tmp_path: Path) -> None:
    run = _start(tmp_path)
    run.finish(Outcome.PLANNED, confirm="delete 1 x")
    run.cell_failed(NameError("x"))
    assert (_result(tmp_path)["outcome"], _result(tmp_path)["confirm"]) == ("error", None)
    run.end()
    assert (_result(tmp_path)["outcome"], _result(tmp_path)["confirm"]) == ("planned", "delete 1 x")


def test_the_first_error_stays_however_many_cells_fail_after_it(tmp_path: Path) -> None:
    run = _start(tmp_path)
    run.cell_failed(iotjobs.errors.Denied("log in again"))
    run.cell_failed(NameError("name 'findings' is not defined"))
    assert _result(tmp_path)["outcome"] == "denied"
    with pytest.raises(iotjobs.errors.Denied):
        run.end()
    assert (_result(tmp_path)["outcome"], _result(tmp_path)["reason"]) == ("denied", "log in again")
