"""A run directory that holds somebody's own files: they stay as they are, and so does who may look into it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import iotjobs
from iotjobs.errors import InvalidInput, RecordError


def _run(path: Path) -> None:
    iotjobs.start("sweep", run_dir=str(path), job_id="firmware").directory.leave()


@pytest.mark.parametrize("name", ["result.json", "plan.json"])
def test_files_of_the_same_name_that_no_run_wrote_are_not_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text('{"tests": "mine"}')
    with pytest.raises(InvalidInput, match=f"{name} that no run wrote"):
        _run(tmp_path)
    assert json.loads((tmp_path / name).read_text()) == {"tests": "mine"}


def test_its_mode_stays_also_when_a_run_comes_again(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("")
    tmp_path.chmod(0o755)
    for _ in range(2):
        _run(tmp_path)
        assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_where_the_owner_cannot_be_written_the_error_says_where_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / ".owner").mkdir()
    with pytest.raises(RecordError, match=r"cannot be written.*make room"):
        _run(tmp_path)
    (tmp_path / ".owner").rmdir()
    _run(tmp_path)  # the lock was let go
