"""The files of a run: always there, whole, safe to open, and each run's own."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

import iotjobs
from iotjobs.columns import DIAGNOSIS_COLUMNS, EXECUTION_COLUMNS, table
from iotjobs.errors import InvalidInput, RecordError
from iotjobs.model import Outcome
from iotjobs.run.directory import RunDirectory
from iotjobs.run.journal import Journal

AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
CONTRACT = {
    "schema", "notebook", "outcome", "account", "region", "endpoint", "caller_arn", "started_at", "finished_at",
    "parameters", "counts", "refusals", "confirm", "warnings",
}  # fmt: skip


def _result(directory: Path) -> dict[str, Any]:
    return json.loads((directory / "result.json").read_text())


def _taken(path: Path) -> RunDirectory:
    directory = RunDirectory(path)
    directory.take()
    return directory


def test_a_run_that_was_killed_has_a_result_that_says_so(tmp_path: Path) -> None:
    iotjobs.start("sweep", run_dir=str(tmp_path), ticket="T-1")
    result = _result(tmp_path)
    assert set(result) >= CONTRACT
    assert (result["outcome"], result["finished_at"]) == ("error", None)
    assert "not ended" in result["warnings"][0]


def test_runs_of_the_same_second_have_directories_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with ThreadPoolExecutor(16) as pool:
        paths = list(pool.map(lambda _: RunDirectory.open(None, notebook="sweep", started_at=AT).path, range(32)))
    assert len(set(paths)) == 32
    assert paths[0].parent == tmp_path / "runs"


@pytest.mark.parametrize("bad", [7, True, "", "  ", "a\x00b"], ids=repr)
def test_a_run_dir_that_cannot_be_meant(bad: Any) -> None:
    with pytest.raises(InvalidInput, match="run_dir"):
        iotjobs.start("sweep", run_dir=bad)


def test_a_run_dir_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="cannot be written"):
        iotjobs.start("sweep", run_dir=str(tmp_path / "file" / "below"))


def test_invalid_parameters_are_on_record(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        iotjobs.start("delete_job_execution", run_dir=str(tmp_path), thing_name=7)
    assert _result(tmp_path)["outcome"] == "invalid"


def test_a_skeleton_is_shown_whatever_else_is_given(tmp_path: Path) -> None:
    parameters = {"generate_cli_skeleton": "input", "job_id": "a/b", "execution_number": 0}
    run = iotjobs.start("delete_job_execution", run_dir=str(tmp_path), **parameters)
    iotjobs.delete_job_execution(run).plan().apply()
    run.end()
    assert _result(tmp_path)["outcome"] == "skeleton"
    assert _result(tmp_path)["skeleton"]["executionNumber"] == 0


def test_a_run_that_failed_half_way_does_not_say_that_it_has_not_ended(tmp_path: Path) -> None:
    run = iotjobs.start("delete_job_execution", run_dir=str(tmp_path))
    run.finish(Outcome.PLANNED, warnings=["the index is off"])
    run.note(counts={"planned": 1})
    run.failed(InvalidInput("x"))
    assert _result(tmp_path)["warnings"] == []


def test_no_partial_file_is_left(tmp_path: Path) -> None:
    run = iotjobs.start("sweep", run_dir=str(tmp_path))
    run.finish(Outcome.OK)
    assert [file.name for file in tmp_path.iterdir() if file.name not in (".lock", ".owner")] == ["result.json"]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(InvalidInput("x"), "invalid"), (KeyboardInterrupt(), "interrupted"), (ValueError("x"), "error")],
    ids=repr,
)
def test_an_error_in_a_cell_is_on_record(tmp_path: Path, error: BaseException, outcome: str) -> None:
    run = iotjobs.start("sweep", run_dir=str(tmp_path))
    run.finish(Outcome.PLANNED, confirm="phrase")
    run.failed(error)
    assert (_result(tmp_path)["outcome"], _result(tmp_path)["confirm"]) == (outcome, None)


def test_a_later_run_in_the_same_kernel_leaves_the_earlier_record_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks: list[Any] = []
    events = SimpleNamespace(register=lambda _, hook: hooks.append(hook), unregister=lambda _, hook: hooks.remove(hook))
    monkeypatch.setattr("IPython.get_ipython", lambda: SimpleNamespace(events=events, user_ns={}))
    earlier = iotjobs.start("sweep", run_dir=str(tmp_path / "earlier"))
    earlier.finish(Outcome.APPLIED)
    later = iotjobs.start("sweep", run_dir=str(tmp_path / "later"))
    for hook in hooks:
        hook(SimpleNamespace(error_in_exec=ValueError("x"), error_before_exec=None))
    assert _result(tmp_path / "earlier")["outcome"] == "applied"
    assert _result(tmp_path / "later")["reason"] == "ValueError: x"
    later.finish(Outcome.OK)
    later.end()
    assert hooks == []


def test_a_carriage_return_starts_no_row(tmp_path: Path) -> None:
    columns = EXECUTION_COLUMNS | DIAGNOSIS_COLUMNS
    _taken(tmp_path).write_executions(table(columns, {"evidence": ["harmless\r=1+1"]}))
    assert "\r" not in (tmp_path / "executions.csv").read_bytes().decode()
    assert len(pd.read_csv(tmp_path / "executions.csv", dtype=str)) == 1


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_runs_in_a_spreadsheet(tmp_path: Path, start: str) -> None:
    columns = EXECUTION_COLUMNS | DIAGNOSIS_COLUMNS
    evil = f"{start}cmd|' /C calc'!A0"
    rows = table(columns, {"thing_name": [evil], "evidence": [evil], "age_s": [-5]})
    _taken(tmp_path).write_executions(rows)
    read = pd.read_csv(tmp_path / "executions.csv", dtype=str)
    assert list(read.columns) == list(columns)
    assert str(read.loc[0, "evidence"]).startswith("'")
    assert read.loc[0, "age_s"] == "-5"
    assert pd.read_parquet(tmp_path / "executions.parquet").loc[0, "evidence"] == evil


def test_a_journal_that_was_cut_since_the_last_run_shows_before_anything_is_done(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.write("calling", number=1)
        journal.write("called", number=1)
    iotjobs.start("sweep", run_dir=str(tmp_path)).finish(Outcome.OK)
    iotjobs.start("sweep", run_dir=str(tmp_path))
    lines = (tmp_path / "journal.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "journal.jsonl").write_text(lines[0])
    with pytest.raises(RecordError, match="cut or edited at its end"):
        iotjobs.start("sweep", run_dir=str(tmp_path))
    assert _result(tmp_path)["outcome"] == "error"
