"""The record of a run: one line on disk before every call that changes anything, each chained to the one before.

`journal.jsonl` is append-only; each line holds the SHA-256 of the line before it, so a cut or an edit shows. A last
line that was torn by a crash is tolerated, since nothing was called before the line was whole on disk.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from iotjobs.errors import RecordError
from iotjobs.model import utc_text
from iotjobs.run.directory import sync_names

_START = "0" * 64


class Journal:
    """The open journal of a run directory; a second one on the same directory is refused."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "journal.jsonl"
        self.entries: list[dict[str, Any]] = []
        self._last = _START

    def __enter__(self) -> Self:
        try:
            self._file = self.path.open("a+b", buffering=0)  # no line waits in a buffer to be written later
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RecordError(f"another run is at work in {self.path.parent}; wait for it to end") from error
        except OSError as error:
            raise RecordError(f"the journal {self.path} cannot be written: {error}") from error
        self.entries, whole = read(self.path)
        if self.entries:
            self._last = _digest(_line(self.entries[-1]))
        self._file.truncate(whole)
        self._whole: int | None = whole
        sync_names(self.path.parent)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, event: str, **facts: Any) -> None:
        """Put a line on disk, and return only when it is there. Raises RecordError."""
        entry = {"at": utc_text(datetime.now(UTC)), "event": event, **facts, "previous": self._last}
        line = _line(entry)
        try:
            if self._whole is None:
                raise OSError("an earlier line is torn")  # noqa: TRY301 - one message for all
            _put(self._file, line)
        except OSError as error:
            self._whole = _taken_back(self._file, self._whole)
            raise RecordError(
                f"the journal {self.path} cannot be written ({event}): {error}; nothing more is called. Make room, "
                "then run again with the same run_dir"
            ) from error
        self._whole += len(line)
        self._last = _digest(line)
        self.entries.append(entry)

    def mark(self) -> str:
        """A word that only this run directory has, on record before it is used: what carries it was done here."""
        for entry in self.entries:
            if entry["event"] == "marked":
                return str(entry["mark"])
        self.write("marked", mark=uuid.uuid4().hex)
        return self.mark()

    def about(self, identity: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The entries about one execution, by what makes it itself."""
        return [entry for entry in self.entries if identity.items() <= entry.items()]


def read(path: Path) -> tuple[list[dict[str, Any]], int]:
    """The entries of a journal and the length of its whole lines. Raises RecordError when the chain is broken."""
    entries: list[dict[str, Any]] = []
    previous, whole = _START, 0
    content = path.read_bytes() if path.exists() else b""
    for number, line in enumerate(content.splitlines(keepends=True), start=1):
        if not line.endswith(b"\n"):
            break
        try:
            entry = json.loads(line)
            chained = entry["previous"] == previous
        except (ValueError, KeyError, TypeError):
            chained = False
        if not chained:
            raise RecordError(f"{path} was cut or edited: line {number} does not follow from the one before")
        entries.append(entry)
        previous, whole = _digest(line), whole + len(line)
    return entries, whole


def seal(directory: Path) -> dict[str, Any] | None:
    """How many whole lines the journal has and the SHA-256 of the last, for `result.json`; None without a journal."""
    path = directory / "journal.jsonl"
    if not path.exists():
        return None
    lines = _whole_lines(path)
    return {"lines": len(lines), "sha256": _digest(lines[-1]) if lines else _START}


def sealed(directory: Path) -> dict[str, Any] | None:
    """What the last `result.json` sealed; None when there is none that says."""
    try:
        found = json.loads((directory / "result.json").read_text(encoding="utf-8")).get("journal")
        return {"lines": int(found["lines"]), "sha256": str(found["sha256"])}
    except (OSError, ValueError, AttributeError, TypeError, KeyError):
        return None


def verify(directory: Path) -> list[dict[str, Any]]:
    """The entries of a run's journal, after checking the chain, and against the seal in `result.json`.

    The chain alone does not show a cut or an edit of the last lines. Lines may follow what was sealed: those of a run
    that was killed. Raises RecordError.
    """
    path = directory / "journal.jsonl"
    entries, _ = read(path)
    before = sealed(directory)
    if before is not None:
        lines = [b"", *(_whole_lines(path) if path.exists() else [])]
        count = before["lines"]
        if count >= len(lines) or (count and _digest(lines[count]) != before["sha256"]):
            raise RecordError(
                f"the journal in {directory} was cut or edited at its end: it is not what result.json sealed"
            )
    return entries


def _whole_lines(path: Path) -> list[bytes]:
    return [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]


def append_snapshot(directory: Path, execution: Mapping[str, Any]) -> None:
    """Keep an execution as it was in `before.jsonl`, on disk before it is changed. Raises RecordError."""
    _append(directory, "before.jsonl", execution)


def append_job_snapshot(directory: Path, job: Mapping[str, Any]) -> None:
    """Keep a job (`jobs.job_snapshot`) in `jobs_before.jsonl`, before its first execution is deleted.

    `restore` makes the request that queues it again from this; the first of a job counts. Raises RecordError.
    """
    _append(directory, "jobs_before.jsonl", job)


def snapshots(path: Path) -> list[dict[str, Any]]:
    """The lines of `before.jsonl` or `jobs_before.jsonl`, oldest first.

    A line that was torn by a crash is left out: nothing was called before it was whole on disk.
    """
    found = []
    for line in path.read_bytes().split(b"\n") if path.exists() else []:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def _append(directory: Path, name: str, document: Mapping[str, Any]) -> None:
    try:
        with (directory / name).open("a+b", buffering=0) as file:
            whole = file.seek(0, os.SEEK_END)
            try:
                _put(file, (b"\n" if _is_torn(file) else b"") + _line(document))
            except OSError:
                _taken_back(file, whole)
                raise
        sync_names(directory)
    except OSError as error:
        raise RecordError(f"{name} cannot be written in {directory}: {error}; nothing was called") from error


def _is_torn(file: FileIO) -> bool:
    if not file.seek(0, os.SEEK_END):
        return False
    file.seek(-1, os.SEEK_END)
    return file.read(1) != b"\n"


def _put(file: FileIO, line: bytes) -> None:
    """Put a line on disk, whole: an unbuffered write may take a part of it only."""
    rest = line
    while rest:
        rest = rest[file.write(rest) :]
    os.fsync(file.fileno())


def _taken_back(file: FileIO, whole: int | None) -> int | None:
    """Take back the part of a line that was written; the length of the file, None when not even that works."""
    try:
        if whole is not None:
            file.truncate(whole)
    except OSError:
        return None
    return whole


def _line(entry: Mapping[str, Any]) -> bytes:
    return (json.dumps(entry, sort_keys=True, default=str) + "\n").encode()


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()
