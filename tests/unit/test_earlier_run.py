"""`compare_with` names the run directory of an earlier investigation; anything else ends before any call."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import iotjobs
from iotjobs.diagnosis.changes import compare
from iotjobs.errors import InvalidInput
from iotjobs.run.directory import RunDirectory, blank_result
from iotjobs.run.earlier import EarlierRun, earlier_run
from tests.unit.build_queues import AS_OF, build_queues

ROWS = [
    ("pump-1", "-dashed", "IN_PROGRESS", "stalled", 100, 79),
    ("pump-1", "certs", "QUEUED", "blocked", 60, None),
]


def _write(path: Path, **changes: Any) -> Path:
    """An investigation's run directory, as one that ended a day before AS_OF left it."""
    directory = RunDirectory.open(str(path), notebook="investigate", started_at=AS_OF)
    directory.take()
    table = build_queues(ROWS)
    directory.write_executions(table)
    result = blank_result("investigate", AS_OF - timedelta(days=1), {"job_id": None, "stuck_after": "24h"})
    record = {"outcome": "ok", "account": "111111111111", "region": "eu-west-1", "endpoint": "e", "warnings": []}
    ended = {"finished_at": "2026-11-19T10:01:00Z", "counts": {"executions": len(table)}}
    directory.write_result({**result, **record, **ended, **changes})
    return path


def _read(path: Any, **parameters: Any) -> EarlierRun:
    return earlier_run(str(path), now=AS_OF, parameters={"job_id": None, "stuck_after": "24h", **parameters})


def test_the_csv_alone_compares_as_the_parquet_does(tmp_path: Path) -> None:
    whole = _read(_write(tmp_path))
    assert whole.warnings == ()
    (tmp_path / "executions.parquet").unlink()
    run = _read(tmp_path)
    assert "its CSV is" in run.warnings[0]
    table, as_before, _ = compare(run.executions, build_queues(ROWS), since=run.started_at)
    assert (len(table), as_before) == (0, 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"warnings": ["no indexing"]}, "could not read everything: no indexing"),
        ({"counts": {"executions": 9}}, "read 9 executions and its file has 2"),
        ({"outcome": "interrupted", "reason": "stopped"}, "ended as interrupted: stopped"),
    ],
    ids=["warnings", "cut", "interrupted"],
)
def test_an_earlier_run_that_is_less_than_whole_is_said(tmp_path: Path, changes: dict, message: str) -> None:
    assert message in _read(_write(tmp_path, **changes)).warnings[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"notebook": "sweep"}, "is a run of sweep, not of investigate"),
        ({"finished_at": None}, "has not ended"),
        ({"account": None, "reason": "no credentials"}, "before it read anything: no credentials"),
        ({"started_at": "2026-11-21T00:00:00Z"}, "later than now"),
        ({"started_at": "yesterday"}, "no readable started_at"),
        ({"parameters": {"job_id": "other"}}, "no execution in common"),
    ],
    ids=["another notebook", "not ended", "nothing read", "from the future", "no time", "another job"],
)
def test_a_run_that_cannot_be_compared_with_is_refused(tmp_path: Path, changes: dict, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        _read(_write(tmp_path, **changes), job_id="firmware")


@pytest.mark.parametrize("broken", ["result.json", "executions.parquet", "executions.csv"])
def test_files_that_are_missing_or_torn_are_said(tmp_path: Path, broken: str) -> None:
    _write(tmp_path)
    (tmp_path / broken).write_text("{torn")
    if broken == "executions.csv":
        (tmp_path / "executions.parquet").unlink()
    if broken == "executions.parquet":
        (tmp_path / "executions.csv").unlink()
    with pytest.raises(InvalidInput, match=r"compare_with.*(cannot be read|can be read|have no)"):
        _read(tmp_path)


def test_a_run_of_another_account_or_region_is_refused(tmp_path: Path) -> None:
    run = _read(_write(tmp_path))
    run.require_same_place(account="111111111111", region="eu-west-1")
    for account, region in (("222222222222", "eu-west-1"), ("111111111111", "us-east-1")):
        with pytest.raises(InvalidInput, match="same account and region"):
            run.require_same_place(account=account, region=region)


def test_other_parameters_are_said(tmp_path: Path) -> None:
    run = _read(_write(tmp_path))
    wider, stuck = run.differences({"job_id": "firmware", "stuck_after": "1h"})
    assert "job_id = None" in wider
    assert "what counts as stuck differs" in stuck


@pytest.mark.parametrize("bad", ["nowhere", "", 7, float("nan"), "a\0b"], ids=repr)
def test_a_bad_directory_ends_invalid_before_any_call(
    tmp_path: Path, bad: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(InvalidInput, match="compare_with"):
        iotjobs.start("investigate", run_dir=str(tmp_path / "run"), compare_with=bad)
    assert json.loads((tmp_path / "run" / "result.json").read_text())["outcome"] == "invalid"


def test_this_very_run_is_refused(tmp_path: Path) -> None:
    _write(tmp_path, started_at=datetime.now(UTC).isoformat())
    with pytest.raises(InvalidInput, match="give this one a run_dir of its own"):
        iotjobs.start("investigate", run_dir=str(tmp_path), compare_with=str(tmp_path))


def test_the_tables_read_back_have_what_is_compared(tmp_path: Path) -> None:
    (_write(tmp_path) / "executions.parquet").unlink()
    table = _read(tmp_path).executions
    assert table["job_id"].tolist() == ["-dashed", "certs"]
    assert isinstance(table["queued_at"].dtype, pd.DatetimeTZDtype)
