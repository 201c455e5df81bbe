"""The record of a run: chained, durable, one writer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from iotjobs.errors import RecordError
from iotjobs.run.journal import Journal, read, seal, snapshots, verify


def _written(directory: Path) -> Path:
    with Journal(directory) as journal:
        for number in range(3):
            journal.write("calling", number=number)
    return directory / "journal.jsonl"


def test_a_journal_goes_on_where_it_was(tmp_path: Path) -> None:
    path = _written(tmp_path)
    with Journal(tmp_path) as journal:
        journal.write("called", number=3)
    assert [entry["number"] for entry in read(path)[0]] == [0, 1, 2, 3]


def test_an_edit_shows(tmp_path: Path) -> None:
    path = _written(tmp_path)
    path.write_text(path.read_text().replace('"number": 1', '"number": 9'))
    with pytest.raises(RecordError, match="cut or edited: line 3"):
        read(path)


def test_a_cut_shows(tmp_path: Path) -> None:
    path = _written(tmp_path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text(lines[0] + lines[2])
    with pytest.raises(RecordError, match="line 2"):
        read(path)


def test_a_torn_last_line_is_dropped(tmp_path: Path) -> None:
    path = _written(tmp_path)
    with path.open("a") as file:
        file.write('{"event": "call')
    with Journal(tmp_path) as journal:
        journal.write("called", number=3)
    assert [entry["number"] for entry in read(path)[0]] == [0, 1, 2, 3]


@pytest.mark.parametrize("harm", ["cut", "edit"])
def test_a_cut_or_an_edit_of_the_last_line_shows_against_the_result(tmp_path: Path, harm: str) -> None:
    path = _written(tmp_path)
    (tmp_path / "result.json").write_text(json.dumps({"journal": seal(tmp_path)}))
    assert len(verify(tmp_path)) == 3
    lines = path.read_text().splitlines(keepends=True)
    last = [] if harm == "cut" else [lines[2].replace('"number": 2', '"number": 9')]
    path.write_text("".join([*lines[:2], *last]))
    with pytest.raises(RecordError, match="at its end"):
        verify(tmp_path)


def test_a_line_is_on_disk_before_write_returns(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.write("calling", number=1)
        assert [entry["number"] for entry in read(journal.path)[0]] == [1]


def test_a_line_that_did_not_fit_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would be written with the next one, once there is room, and break the chain."""
    with Journal(tmp_path) as journal:
        journal.write("one")
        assert journal._file is not None
        room, whole = {"is": False}, journal._file.write

        def torn(file: object, line: bytes) -> None:
            whole(line[:10])
            if not room["is"]:
                raise OSError(28, "No space left on device")
            whole(line[10:])

        monkeypatch.setattr("iotjobs.run.journal._put", torn)
        with pytest.raises(RecordError, match="No space left"):
            journal.write("two")
        room["is"] = True
        journal.write("three")
    assert [entry["event"] for entry in read(tmp_path / "journal.jsonl")[0]] == ["one", "three"]


def test_a_snapshot_after_a_torn_one_is_found(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.job_snapshot({"job_id": "a"})
    with (tmp_path / "jobs_before.jsonl").open("a") as file:
        file.write('{"job_id": "to')
    with Journal(tmp_path) as journal:
        journal.job_snapshot({"job_id": "b"})
    assert snapshots(tmp_path / "jobs_before.jsonl") == [{"job_id": "a"}, {"job_id": "b"}]
