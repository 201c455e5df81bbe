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
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from iotjobs.domain import utc_text
from iotjobs.errors import RecordError

_START = "0" * 64


class Journal:
    """The open journal of a run directory; a second one on the same directory is refused."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "journal.jsonl"
        self.entries: list[dict[str, Any]] = []
        self._last = _START

    def __enter__(self) -> Self:
        try:
            self._file = self.path.open("a+b")
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RecordError(f"another run is at work in {self.path.parent}; wait for it to end") from error
        except OSError as error:
            raise RecordError(f"the journal {self.path} cannot be written: {error}") from error
        self.entries, whole = read(self.path)
        if self.entries:
            self._last = _digest(_line(self.entries[-1]))
        self._file.truncate(whole)
        _sync_names(self.path.parent)
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
            self._file.write(line)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise RecordError(
                f"the journal {self.path} cannot be written ({event}): {error}; nothing more is called. Make room, "
                "then run again with the same run_dir"
            ) from error
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
    """How long the journal is and the SHA-256 of its last line, for `result.json`; None without a journal."""
    path = directory / "journal.jsonl"
    if not path.exists():
        return None
    lines = path.read_bytes().splitlines(keepends=True)
    return {"lines": len(lines), "sha256": _digest(lines[-1]) if lines else _START}


def verify(directory: Path) -> list[dict[str, Any]]:
    """The entries of a run's journal, after checking the chain, and its end against the seal in `result.json`.

    The chain alone does not show a cut or an edit of the last lines. Raises RecordError.
    """
    entries, _ = read(directory / "journal.jsonl")
    try:
        sealed = json.loads((directory / "result.json").read_text(encoding="utf-8")).get("journal")
    except FileNotFoundError:
        sealed = None
    except (OSError, ValueError, AttributeError) as error:
        raise RecordError(f"result.json in {directory} cannot be read: {error}") from error
    if sealed is not None and sealed != seal(directory):
        raise RecordError(f"the journal in {directory} was cut or edited at its end: it is not what result.json sealed")
    return entries


def _sync_names(directory: Path) -> None:
    """Put the directory's own entries on disk: a file that was just made is lost with its name otherwise."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def append_snapshot(directory: Path, execution: Mapping[str, Any]) -> None:
    """Keep an execution as it was in `before.jsonl`, on disk before it is changed. Raises RecordError."""
    _append(directory, "before.jsonl", execution)


def append_job_snapshot(directory: Path, job: Mapping[str, Any]) -> None:
    """Keep a job (`fetch.job_snapshot`) in `jobs_before.jsonl`, before its first execution is deleted.

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
        with (directory / name).open("a+b") as file:
            if _is_torn(file):
                file.write(b"\n")
            file.write(_line(document))
            file.flush()
            os.fsync(file.fileno())
        _sync_names(directory)
    except OSError as error:
        raise RecordError(f"{name} cannot be written in {directory}: {error}; nothing was called") from error


def _is_torn(file: BinaryIO) -> bool:
    if not file.seek(0, os.SEEK_END):
        return False
    file.seek(-1, os.SEEK_END)
    return file.read(1) != b"\n"


def _line(entry: Mapping[str, Any]) -> bytes:
    return (json.dumps(entry, sort_keys=True, default=str) + "\n").encode()


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()
