"""Links, pipes, huge and unfolding files where a run reads and writes: nothing is followed, waited for or swallowed whole."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from iotjobs.deletion import plan_file, request
from iotjobs.deletion.restore import restoration
from iotjobs.errors import InvalidInput, IotJobsError, RecordError
from iotjobs.publish.command import prune
from iotjobs.publish.summary import read_summary
from iotjobs.run import files
from iotjobs.run.earlier import earlier_run
from iotjobs.run.lock import locked
from iotjobs.sandbox.server import Server
from iotjobs.targets.target import read_targets
from tests.unit.build_queues import AS_OF, build_queues
from tests.unit.test_earlier_run import ROWS, _write

#: What a run writes, and what may lie there before it.
WRITTEN = (
    *("result.json", "plan.json", "journal.jsonl", "before.jsonl", "jobs_before.jsonl", "deletions.csv"),
    *("delete_job_execution.ipynb", "report.html", ".owner", ".lock", ".lock-runner"),
)


def _huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(5 << 30)


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _deep(path: Path) -> None:
    path.write_text("[" * 200_000)


@pytest.fixture(params=[_huge, _pipe, _deep])
def put(request: pytest.FixtureRequest) -> Callable[[Path], None]:
    return request.param


@pytest.mark.parametrize("names", [["result.json"], ["delete_job_execution.ipynb"], [".lock"], WRITTEN], ids=str)
def test_a_link_that_lies_there_is_never_written_through(sandbox: Server, tmp_path: Path, names: list[str]) -> None:
    directory, victims = tmp_path / "run", tmp_path / "victims"
    directory.mkdir()
    victims.mkdir()
    for name in names:
        (victims / name).write_text("somebody's own")
        (directory / name).symlink_to(victims / name)
    command = [sys.executable, "-m", "iotjobs.cli", "run", "delete_job_execution", "--run-dir", str(directory)]
    ended = subprocess.run(
        [*command, "--job-id", "no-such-job", "--thing-name", "no-such-thing", "--execution-number", "1"],
        env={**os.environ, **sandbox.environment},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert ended.returncode in {1, 2}, ended.stderr
    assert {path.read_text() for path in victims.iterdir()} == {"somebody's own"}
    ours = [path for path in directory.rglob("*") if not path.is_symlink()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in ours if path.is_file()} <= {0o600}


def test_a_plan_targets_or_a_request_like_that_is_invalid(tmp_path: Path, put: Callable[[Path], None]) -> None:
    path = tmp_path / "file.toml"
    put(path)
    for read in (
        lambda: plan_file.load(path),
        lambda: read_targets(str(path)),
        lambda: request.build(cli_input_json=f"file://{path}"),
    ):
        with pytest.raises(InvalidInput, match=r"file\.toml|JSON"):
            read()


def test_a_run_directory_with_such_a_result_is_no_earlier_run(tmp_path: Path, put: Callable[[Path], None]) -> None:
    put(tmp_path / "result.json")
    for read in (lambda: earlier_run(str(tmp_path), now=AS_OF, parameters={}), lambda: read_summary(tmp_path)):
        with pytest.raises(InvalidInput):
            read()
    assert files.last_result(tmp_path) == {}


@pytest.mark.parametrize("put", [_huge, _pipe])
@pytest.mark.parametrize("name", ["journal.jsonl", "before.jsonl", "jobs_before.jsonl"])
def test_a_record_like_that_is_an_error_that_names_it(tmp_path: Path, put: Callable[[Path], None], name: str) -> None:
    (tmp_path / "result.json").write_text("{}")
    put(tmp_path / name)
    with pytest.raises(RecordError, match=name.replace(".", r"\.")):
        restoration(tmp_path)


@pytest.mark.parametrize("put", [_huge, _pipe])
def test_tables_like_that_are_not_compared_with(tmp_path: Path, put: Callable[[Path], None]) -> None:
    _write(tmp_path)
    for name in ("executions.parquet", "executions.csv"):
        (tmp_path / name).unlink()
        put(tmp_path / name)
    with pytest.raises(InvalidInput, match=r"executions"):
        earlier_run(str(tmp_path), now=AS_OF, parameters={})


@pytest.mark.parametrize("packed", [True, False])
def test_a_small_table_that_unfolds_is_not_unfolded(tmp_path: Path, *, packed: bool) -> None:
    _write(tmp_path)
    (tmp_path / "executions.csv").unlink()
    rows = pa.Table.from_pandas(pd.concat([build_queues(ROWS)] * 2_500, ignore_index=True))
    text = pa.DictionaryArray.from_arrays(pa.array([0] * len(rows), pa.int32()), pa.array(["x" * 1_000_000]))
    table = rows.set_column(rows.schema.get_field_index("evidence"), "evidence", text)
    pq.write_table(table, tmp_path / "executions.parquet", store_schema=packed)
    assert (tmp_path / "executions.parquet").stat().st_size < 4_000_000
    with pytest.raises(InvalidInput, match="far more than an investigation writes"):
        earlier_run(str(tmp_path), now=AS_OF, parameters={})


def test_an_ordinary_table_is_compared_with(tmp_path: Path) -> None:
    assert len(earlier_run(str(_write(tmp_path)), now=AS_OF, parameters={}).executions) == len(ROWS)


def test_a_temporary_name_is_not_to_be_guessed_and_private(tmp_path: Path) -> None:
    opened = []
    for _ in range(2):
        with files.replacing(tmp_path / "result.json") as file:
            opened += [(path.name, stat.S_IMODE(path.stat().st_mode)) for path in tmp_path.glob(".result.json.*")]
            file.write(b"{}")
    assert len(set(opened)) == 2
    assert {mode for _, mode in opened} == {0o600}


def test_directories_between_are_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        files.make_directories(tmp_path / "a" / "b" / "c", below=tmp_path)
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")} == {0o700}


@pytest.mark.parametrize("name", [".lock", ".lock-runner", "targets/plant/.lock"])
def test_a_directory_that_a_run_is_at_work_in_is_not_pruned(tmp_path: Path, name: str) -> None:
    runs, old = tmp_path / "runs", {"schema": 1, "notebook": "sweep", "finished_at": "2020-01-01T00:00:00Z"}
    for run in ("busy", "idle"):
        (runs / run / "targets" / "plant").mkdir(parents=True)
        (runs / run / "result.json").write_text(json.dumps(old))
    path = runs / "busy" / name
    lock, _ = locked(path.parent, path.name)
    assert lock is not None
    try:
        ended = CliRunner().invoke(prune, [str(runs), "--keep", "1d"])
    finally:
        lock.release()
    assert (ended.exit_code, [each.name for each in runs.iterdir()]) == (0, ["busy"]), ended.output
    assert "left alone: another run is at work" in ended.output
    assert CliRunner().invoke(prune, [str(runs), "--keep", "1d"]).exit_code == 0
    assert list(runs.iterdir()) == []


def test_a_run_that_began_meanwhile_is_not_pruned(tmp_path: Path) -> None:
    from iotjobs.publish.retention import remove

    result = tmp_path / "run" / "result.json"
    result.parent.mkdir()
    result.write_text(json.dumps({"schema": 1, "notebook": "sweep", "finished_at": None}))
    with pytest.raises(IotJobsError, match="meanwhile"):
        remove(result.parent, keep=timedelta(days=1), now=AS_OF)
    assert result.exists()
