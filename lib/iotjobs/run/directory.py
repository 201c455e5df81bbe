"""The run directory: result.json, tables and records. Written atomically; knows nothing of AWS."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import pandas as pd

from iotjobs.errors import InvalidInput, RecordError, Refused
from iotjobs.model import DIAGNOSIS_COLUMNS, EXECUTION_COLUMNS, utc_text

SCHEMA = 1
_MOST_STEPS = 7
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


_held: dict[Path, IO[bytes]] = {}


class RunDirectory:
    """Where one run keeps its files."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def shown(self) -> str:
        """The path as a notebook may show it: below the working directory, else its name; no path of this machine."""
        here = Path.cwd()
        return str(self.path.relative_to(here)) if self.path.is_relative_to(here) else self.path.name

    def hold(self, lock: str = ".lock", *, patience_s: float = 0.0) -> None:
        """Keep other runs out of the directory for as long as this process lives, or until `release`.

        Raises Refused when another run holds it for longer than `patience_s`; nothing of its files was touched then.
        """
        name = self.path / lock
        if name in _held:
            return
        try:
            file = name.open("ab")
        except OSError as error:
            raise InvalidInput(f"run_dir {str(self.path)!r} cannot be written: {error}") from error
        until = time.monotonic() + patience_s
        while not _locked(file):
            if time.monotonic() >= until:
                file.close()
                raise Refused(
                    f"another run is at work in {self.path}: wait for it to end, or give another run_dir; nothing was "
                    "changed"
                )
            time.sleep(0.1)
        _held[name] = file

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the directory for as long as the context lasts, also where this process holds it already."""
        mine = self.path / ".lock" not in _held
        self.hold()
        try:
            yield
        finally:
            if mine:
                self.release()

    def release(self, lock: str = ".lock") -> None:
        """Let other runs into the directory."""
        file = _held.pop(self.path / lock, None)
        if file is not None:
            file.close()

    @classmethod
    def open(cls, run_dir: Any, *, notebook: str, started_at: datetime) -> RunDirectory:
        """Make the directory, or use the one given. Raises InvalidInput when it cannot be written."""
        if run_dir is not None and (not isinstance(run_dir, str) or not run_dir.strip()):
            raise InvalidInput(
                f"run_dir is {run_dir!r}; it takes the path of a directory, as text: `-r run_dir PATH` with papermill"
            )
        try:
            path = Path(run_dir).expanduser() if run_dir else _fresh(notebook, started_at)
            path.mkdir(parents=True, exist_ok=True)
            probe = path / f".write-{os.getpid()}"
            probe.write_text("")
            probe.unlink()
        except (OSError, ValueError, RuntimeError) as error:
            raise InvalidInput(f"run_dir {run_dir!r} cannot be written: {error}") from error
        return cls(path.resolve())

    def write_result(self, result: Mapping[str, Any]) -> None:
        """Write `result.json`, whole or not at all."""
        self.write_json("result.json", {"schema": SCHEMA, **result})

    def read_json(self, name: str) -> Any:
        """What a JSON file of the directory holds. Raises OSError, ValueError."""
        return json.loads((self.path / name).read_text(encoding="utf-8"))

    def write_json(self, name: str, document: Mapping[str, Any]) -> None:
        """Write a JSON file atomically and durably; what was there stays when it fails. Raises RecordError."""
        partial = self.path / f".{name}.{os.getpid()}"
        with self._written(name):
            try:
                with partial.open("w", encoding="utf-8") as file:
                    json.dump(document, file, indent=2, default=str)
                    file.write("\n")
                    file.flush()
                    os.fsync(file.fileno())
                partial.replace(self.path / name)
            finally:
                partial.unlink(missing_ok=True)
            sync_names(self.path)

    def write_executions(self, executions: pd.DataFrame) -> None:
        """Write `executions.csv`, safe to open in a spreadsheet, and `executions.parquet`."""
        first = [*EXECUTION_COLUMNS, *DIAGNOSIS_COLUMNS]
        ordered = executions[[*first, *[name for name in executions.columns if name not in first]]]
        ordered.to_parquet(self.path / "executions.parquet", index=False)
        self.write_csv("executions.csv", ordered)

    def write_csv(self, name: str, table: pd.DataFrame) -> None:
        """Write a table as CSV: times ISO 8601 UTC, and no cell that a spreadsheet would run. Raises RecordError."""
        readable = table.copy()
        for column in readable.columns:
            if isinstance(readable[column].dtype, pd.DatetimeTZDtype):
                readable[column] = readable[column].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
            elif readable[column].dtype in ("str", "object"):
                readable[column] = readable[column].map(harmless)
        with self._written(name):
            readable.to_csv(self.path / name, index=False)

    @contextmanager
    def _written(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RecordError(f"{name} cannot be written in {self.path}: {error}; make room, then run again") from error


def sync_names(directory: Path) -> None:
    """Put the directory's own entries on disk: a file that was just made is lost with its name otherwise."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _locked(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def default_path(notebook: str, started_at: datetime) -> Path:
    """`runs/<UTC time>-<notebook>` under the working directory, with a number where that is taken."""
    name = f"{started_at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{notebook}"
    path, number = Path("runs") / name, 1
    while path.exists():
        number += 1
        path = Path("runs") / f"{name}-{number}"
    return path.absolute()


def _fresh(notebook: str, started_at: datetime) -> Path:
    """Make a directory of this run's own: of two runs that start in the same second one takes the next name."""
    while True:
        path = default_path(notebook, started_at)
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        return path


def blank_result(notebook: str, started_at: datetime, given: Mapping[str, Any]) -> dict[str, Any]:
    """The contract's keys, with what is known when a run begins."""
    return {
        "notebook": notebook,
        "outcome": "error",
        "account": None,
        "region": None,
        "endpoint": None,
        "caller_arn": None,
        "started_at": utc_text(started_at),
        "finished_at": None,
        "parameters": dict(given),
        "counts": {},
        "refusals": [],
        "confirm": None,
        "warnings": ["this run has not ended"],
    }


def numbered_steps(result: Mapping[str, Any]) -> list[str]:
    """The first steps of a result as lines, `1. Get 8 things back online: 8 executions`."""
    return [f"{step['rank']}. {step['what']}: {step['effect']}" for step in result.get("steps", [])[:_MOST_STEPS]]


def harmless(cell: Any) -> Any:
    """Keep a spreadsheet from running a cell as a formula.

    A lone carriage return is written without quotes, and what follows it would start a row of its own.
    """
    if not isinstance(cell, str):
        return cell
    guarded = f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell
    return guarded.replace("\r\n", "\n").replace("\r", "\n")
