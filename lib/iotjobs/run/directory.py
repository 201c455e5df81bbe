"""The run directory: result.json, tables and records, and who may write them. Knows nothing of AWS."""

from __future__ import annotations

import errno
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from iotjobs.columns import DIAGNOSIS_COLUMNS, EXECUTION_COLUMNS
from iotjobs.errors import InvalidInput, RecordError, Refused
from iotjobs.model import utc_text
from iotjobs.run import files
from iotjobs.run.journal import Journal
from iotjobs.run.lock import DirectoryLock
from iotjobs.visible_text import visible_lines

SCHEMA = 1
_MOST_STEPS = 7
# Where a spreadsheet may begin a cell (in some languages a semicolon or a tab divides them) with a formula.
_FORMULA = re.compile(r"(^|[;\n\t|])(?=\s*[\"']?[=+\-@\uff1d\uff0b\uff0d\uff20])|^(?=[\t\n])")
_ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")
_OWNER_ONLY = 0o700
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class RunDirectory:
    """Where one run keeps its files, and the right to write them.

    Every method that writes raises Refused when another run, process or thread is at work there, and touches nothing
    then; and RecordError when the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = DirectoryLock.of(path)
        self._token = ""
        self._session: Session | None = None

    @classmethod
    def open(cls, run_dir: object, *, notebook: str, started_at: datetime) -> RunDirectory:
        """Make the directory, or use the one given. Raises InvalidInput when it cannot be written."""
        if run_dir is not None and (not isinstance(run_dir, str) or not run_dir.strip()):
            raise InvalidInput(
                f"run_dir is {run_dir!r}; it takes the path of a directory, as text: `-r run_dir PATH` with papermill"
            )
        if run_dir and _ADDRESS.match(run_dir):
            raise InvalidInput(
                f"run_dir is {run_dir!r}, an address; it takes a directory of this machine: copy it there afterwards"
            )
        try:
            path = _made(Path(run_dir).expanduser()) if run_dir else _fresh(notebook, started_at)
            with tempfile.TemporaryFile(dir=path):
                pass
        except (OSError, ValueError, RuntimeError) as error:
            raise InvalidInput(f"run_dir {run_dir!r} cannot be written: {error}") from error
        return cls(path.resolve())

    @property
    def display_path(self) -> str:
        """The path as a notebook may show it: below the working directory, else its name; no path of this machine."""
        here = Path.cwd()
        return str(self.path.relative_to(here)) if self.path.is_relative_to(here) else self.path.name

    @property
    def busy(self) -> bool:
        """Whether another thread of this process is at work here."""
        return self._lock.busy

    @property
    def warnings(self) -> tuple[str, ...]:
        """What this file system cannot do."""
        words = []
        if self._lock.unlocked_because:
            words.append(f"{self._lock.unlocked_because}: see to it that no two runs use this run_dir at once")
        elif self._lock.soft:
            words.append("its file system has no locks, so a lock file stands in: a run that is killed may leave it")
        with suppress(OSError):
            if not files.sync_names(self.path):
                words.append("its file system does not sync file names: a loss of power may take the record away")
        return tuple(words)

    def take(self, *, patience_s: float = 0.0) -> None:
        """Make this run the one that may write here, and keep other processes out until `leave`.

        An idle earlier run of this process loses it. Raises Refused when one is at work, for longer than
        ``patience_s`` where it is another process; nothing of its files was touched then.
        """
        self._token = self._lock.take(patience_s=patience_s)

    def leave(self) -> None:
        """Let other runs in; whoever works here again takes the directory back for as long as that lasts."""
        with suppress(Refused):
            self._lock.leave(self._token)

    @contextmanager
    def holding(self, *, needs_lock: bool = False) -> Iterator[None]:
        """Keep all others out while it lasts. Raises Refused."""
        with self._lock.at_work(self._token, needs_lock=needs_lock):
            yield

    @contextmanager
    def exclusive(self, *, needs_lock: bool = True) -> Iterator[Session]:
        """Keep all others out while it lasts, with the journal open; the same session again in the same thread.

        Raises Refused, also where the file system gives no lock at all and ``needs_lock``: nothing is deleted
        without one. Raises RecordError when the journal was cut or edited.
        """
        with self.holding(needs_lock=needs_lock):
            if self._session is not None:
                yield self._session
                return
            with Journal(self.path) as journal:
                self._session = Session(self, journal)
                try:
                    yield self._session
                finally:
                    self._session = None

    def write_result(self, result: Mapping[str, Any]) -> None:
        """Write `result.json`, whole or not at all."""
        self.write_json("result.json", {"schema": SCHEMA, **result})

    def read_json(self, name: str) -> Any:
        """What a JSON file of the directory holds. Raises OSError, ValueError."""
        return files.read_json(self.path / name)

    def write_json(self, name: str, document: Mapping[str, Any]) -> None:
        """Write a JSON file atomically and durably; what was there stays when it fails."""
        with self._writing(name):
            files.write_json(self.path / name, document)

    def write_executions(self, executions: pd.DataFrame) -> None:
        """Write `executions.csv`, safe to open in a spreadsheet, and `executions.parquet`."""
        first = [*EXECUTION_COLUMNS, *DIAGNOSIS_COLUMNS]
        ordered = executions[[*first, *[name for name in executions.columns if name not in first]]]
        with self._writing("executions.parquet"), files.replacing(self.path / "executions.parquet") as file:
            ordered.to_parquet(file, index=False)
        self.write_csv("executions.csv", ordered)

    def write_csv(self, name: str, table: pd.DataFrame) -> None:
        """Write a table as CSV: times ISO 8601 UTC, nothing hidden, and no cell that a spreadsheet would run."""
        readable = table.copy()
        for column in readable.columns:
            if isinstance(readable[column].dtype, pd.DatetimeTZDtype):
                readable[column] = readable[column].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
            elif readable[column].dtype in ("str", "object"):
                readable[column] = readable[column].map(lambda cell: _visible(harmless(cell)))
        with self._writing(name), files.replacing(self.path / name) as file:
            readable.to_csv(file, index=False)

    @contextmanager
    def _writing(self, name: str) -> Iterator[None]:
        with self.holding():
            try:
                yield
            except OSError as error:
                what_to_do = "make room" if error.errno in _FULL else "see that it can be written there"
                raise RecordError(
                    f"{name} cannot be written in {self.path}: {error}; {what_to_do}, then run again"
                ) from error


@dataclass(frozen=True, slots=True)
class Session:
    """A run directory while nobody else can write into it, with its journal open."""

    directory: RunDirectory
    journal: Journal

    def started_plan_id(self) -> str | None:
        """The plan that was begun here, None when none was."""
        ids = [str(entry["plan_id"]) for entry in self.journal.entries if entry["event"] == "begun"]
        return ids[-1] if ids else None

    def write_json(self, name: str, document: Mapping[str, Any]) -> None:
        """See `RunDirectory.write_json`."""
        self.directory.write_json(name, document)

    def write_csv(self, name: str, table: pd.DataFrame) -> None:
        """See `RunDirectory.write_csv`."""
        self.directory.write_csv(name, table)

    def write_executions(self, executions: pd.DataFrame) -> None:
        """See `RunDirectory.write_executions`."""
        self.directory.write_executions(executions)


def _default_path(notebook: str, started_at: datetime) -> Path:
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
        path = _default_path(notebook, started_at)
        path.parent.mkdir(exist_ok=True)
        try:
            path.mkdir(mode=_OWNER_ONLY)
        except FileExistsError:
            continue
        path.chmod(_OWNER_ONLY)  # whatever the umask
        return path


def _made(path: Path) -> Path:
    """Make a directory that only its owner can look into; one that holds other things is left as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir(mode=_OWNER_ONLY)
    except FileExistsError:
        if any(path.iterdir()):
            _require_files_of_runs(path)
            return path
    with suppress(PermissionError):  # another's: that it can be written is seen next
        path.chmod(_OWNER_ONLY)
    return path


def _require_files_of_runs(path: Path) -> None:
    """Raise InvalidInput where files that a run would replace are not a run's."""
    for name in ("result.json", "plan.json"):
        try:
            content = files.read_json(path / name)
        except (OSError, ValueError):  # none there, or damaged: whoever needs it says so
            continue
        if not isinstance(content, dict) or not {"schema", "outcome", "plan_id"} & content.keys():
            raise InvalidInput(
                f"run_dir {str(path)!r} holds a {name} that no run wrote, and which would be overwritten: give another "
                "directory"
            )
        return  # a run was here: what lies there is its own


def ending_before(result: Mapping[str, Any]) -> dict[str, Any] | None:
    """How the last run that ended did, by a `result.json`: its `outcome` and `finished_at`; None when none did."""
    try:
        ended = result if result["finished_at"] else result["previous"]
        return {"outcome": str(ended["outcome"]), "finished_at": str(ended["finished_at"])}
    except (LookupError, TypeError):
        return None


def blank_result(notebook: str, started_at: datetime, parameters: Mapping[str, Any]) -> dict[str, Any]:
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
        "parameters": dict(parameters),
        "counts": {},
        "refusals": [],
        "confirm": None,
        "warnings": ["this run has not ended"],
    }


def numbered_steps(result: Mapping[str, Any]) -> list[str]:
    """The first steps of a result as lines, `1. Get 8 things back online: 8 executions`."""
    return [f"{step['rank']}. {step['what']}: {step['effect']}" for step in result.get("steps", [])[:_MOST_STEPS]]


def _visible(cell: Any) -> Any:
    return visible_lines(cell) if isinstance(cell, str) else cell


def harmless(cell: Any) -> Any:
    """Keep a spreadsheet from running a cell, or what it takes for one, as a formula.

    A lone carriage return is written without quotes, and what follows it would start a row of its own.
    """
    return _FORMULA.sub(r"\1'", cell.replace("\r\n", "\n").replace("\r", "\n")) if isinstance(cell, str) else cell
