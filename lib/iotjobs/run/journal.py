"""The record of a run: one line on disk before every call that changes anything, each chained to the one before.

`journal.jsonl` is append-only; each line holds the SHA-256 of the line before it, so a cut or an edit shows. A last
line that was torn by a crash is tolerated, since nothing was called before the line was whole on disk. Lines that
follow a snapshot hold the SHA-256 of all of its file, so that `before.jsonl` is part of the chain.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import threading
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from iotjobs.errors import RecordError
from iotjobs.given_file import parse_json
from iotjobs.model import ExecutionKey, Identity, same_moment, utc_text
from iotjobs.run.files import last_result, open_own, read_own, sync_names

NAME = "journal.jsonl"
BEFORE = "before.jsonl"
JOBS_BEFORE = "jobs_before.jsonl"
_START = "0" * 64


class Journal:
    """The open journal of a run directory. Whoever opens it holds the directory, see `RunDirectory.exclusive`.

    ``entries``: all lines, oldest first. The file is made by the first `write`. Safe to use from several threads.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / NAME
        self.entries: list[dict[str, Any]] = []
        self._of_key: dict[ExecutionKey, list[dict[str, Any]]] = defaultdict(list)
        self._last = _START
        self._whole = 0
        self._file: FileIO | None = None
        self._snapshots: dict[str, _Snapshots] = {}
        self._unchained: dict[str, Any] = {}
        self._held: dict[Path, tuple[FileIO, int]] = {}
        self._writing = threading.RLock()

    def __enter__(self) -> Self:
        """Read what is there. Raises RecordError when it was cut or edited."""
        entries, lines = _verified(self.path.parent, last_result(self.path.parent))
        self._whole = sum(len(line) for line in lines)
        if lines:
            self._last = _digest(lines[-1])
        for entry in entries:
            self._remember(entry)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        snapshots, held = (each.file for each in self._snapshots.values()), (file for file, _ in self._held.values())
        for file in (self._file, *snapshots, *held):
            if file is not None:
                file.close()
        self._file, self._snapshots, self._held = None, {}, {}

    def write(self, event: str, identity: Identity | None = None, /, **facts: Any) -> None:
        """Put a line on disk, and return only when it is there. Raises RecordError."""
        with self._writing:
            if event == "calling":
                self._require_held()
            self._write(event, identity, facts)

    def _write(self, event: str, identity: Identity | None, facts: Mapping[str, Any]) -> None:
        about = {} if identity is None else identity.as_document()
        chained = {"snapshots": self._unchained} if self._unchained else {}
        at = utc_text(datetime.now(UTC))
        entry = {"at": at, "event": event, **facts, **about, **chained, "previous": self._last}
        line = _line(entry)
        try:
            self._whole = _appended(self._opened(), self.path, self._whole, line)
        except OSError as error:
            raise RecordError(
                f"the journal {self.path} cannot be written ({event}): {error}; nothing more is called. Put that "
                "right, make room, then run again with the same run_dir"
            ) from error
        self._last = _digest(line)
        self._unchained = {}
        self._remember(entry)

    def hold(self, path: Path) -> None:
        """Have no call announced any more once this file is another one than now: what is done rests on it.

        Raises RecordError.
        """
        try:
            file = FileIO(open_own(path, os.O_RDONLY))
        except OSError as error:
            raise _not_as_it_was(path, error) from error
        before, _ = self._held.get(path, (None, 0))
        if before is not None:
            before.close()
        self._held[path] = (file, os.fstat(file.fileno()).st_size)

    def _require_held(self) -> None:
        for path, (file, length) in self._held.items():
            try:
                _require_same_file(file, path, length)
            except OSError as error:
                raise _not_as_it_was(path, error) from error

    def of(self, identity: Identity) -> Sequence[dict[str, Any]]:
        """The entries about one execution, oldest first."""
        mine = self._of_key.get(identity.key, [])
        return [entry for entry in mine if same_moment(_queued_at(entry), identity.queued_at)]

    def about(self, identity: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The entries that hold all of these facts."""
        return [entry for entry in self.entries if identity.items() <= entry.items()]

    def mark(self) -> str:
        """A word that only this run directory has, on record before it is used: what carries it was done here."""
        with self._writing:
            for entry in self.entries:
                if entry["event"] == "marked":
                    return str(entry["mark"])
            self.write("marked", mark=uuid.uuid4().hex)
            return self.mark()

    def snapshot(self, execution: Mapping[str, Any]) -> None:
        """Keep an execution as it was in `before.jsonl`, on disk before it is changed. Raises RecordError."""
        self._append(BEFORE, execution)

    def job_snapshot(self, job: Mapping[str, Any]) -> None:
        """Keep a job (`jobs.job_snapshot`) in `jobs_before.jsonl`, before its first execution is deleted.

        `restore` makes the request that queues it again from this; the first of a job counts. Raises RecordError.
        """
        self._append(JOBS_BEFORE, job)

    def _append(self, name: str, document: Mapping[str, Any]) -> None:
        path = self.path.parent / name
        try:
            with self._writing:
                if name not in self._snapshots:
                    self._snapshots[name] = _Snapshots(path)
                self._unchained[name] = self._snapshots[name].append(_line(document))
        except OSError as error:
            raise RecordError(f"{name} cannot be written in {path.parent}: {error}; nothing was called") from error

    def _opened(self) -> FileIO:
        if self._file is None:
            fresh = not self.path.exists()
            flags = os.O_RDWR | os.O_APPEND | ((os.O_CREAT | os.O_EXCL) if fresh else 0)
            self._file = FileIO(open_own(self.path, flags), "r+")  # unbuffered: no line waits to be written later
            _keep_torn_tail(self._file, self.path, self._whole)
            sync_names(self.path.parent)
        return self._file

    def _remember(self, entry: dict[str, Any]) -> None:
        self.entries.append(entry)
        if {"job_id", "thing_name", "execution_number", "queued_at"} <= entry.keys():
            key = ExecutionKey(entry["job_id"], entry["thing_name"], entry["execution_number"])
            self._of_key[key].append(entry)


class _Snapshots:
    """`before.jsonl` or `jobs_before.jsonl`, open to be added to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        content = read_own(path)
        self._digest = hashlib.sha256(content)
        self._length = len(content)
        self._torn = content[-1:] not in (b"", b"\n")
        self.file = FileIO(open_own(path, os.O_RDWR | os.O_APPEND | os.O_CREAT), "r+")
        sync_names(path.parent)

    def append(self, line: bytes) -> dict[str, Any]:
        """Put a line on disk; the length and SHA-256 of the whole file with it."""
        whole = (b"\n" if self._torn else b"") + line
        self._length = _appended(self.file, self._path, self._length, whole)
        self._torn = False
        self._digest.update(whole)
        return {"bytes": self._length, "sha256": self._digest.hexdigest()}


def read(path: Path) -> tuple[list[dict[str, Any]], list[bytes]]:
    """The entries of a journal and its whole lines. Raises RecordError when the chain is broken."""
    entries: list[dict[str, Any]] = []
    previous, lines = _START, _whole_lines(path)
    for number, line in enumerate(lines, start=1):
        try:
            entry = json.loads(line)
            chained = entry["previous"] == previous and isinstance(entry["event"], str)
        except (ValueError, KeyError, TypeError, RecursionError):
            chained = False
        if not chained:
            raise RecordError(f"{path} was cut or edited: line {number} does not follow from the one before")
        entries.append(entry)
        previous = _digest(line)
    return entries, lines


def seal(directory: Path) -> dict[str, Any] | None:
    """How many whole lines the journal has and the SHA-256 of the last, for `result.json`; None without a journal."""
    lines = _whole_lines(directory / NAME)
    if not lines and not (directory / NAME).exists():
        return None
    return {"lines": len(lines), "sha256": _digest(lines[-1]) if lines else _START}


def sealed(result: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a `result.json` sealed; None when it says nothing of it."""
    try:
        return {"lines": int(result["journal"]["lines"]), "sha256": str(result["journal"]["sha256"])}
    except (ValueError, TypeError, LookupError):
        return None


def verify(directory: Path, result: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """The entries of a run's journal, after checking the chain, the seal in `result.json`, and the snapshots.

    ``result``: what `result.json` holds, for whoever has just written it. The chain alone does not show a cut or an
    edit of the last lines. Lines may follow what was sealed: those of a run that was killed. Raises RecordError.
    """
    return _verified(directory, last_result(directory) if result is None else result)[0]


def _verified(directory: Path, result: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[bytes]]:
    entries, lines = read(directory / NAME)
    seal_before = sealed(result)
    if seal_before is not None:
        count = seal_before["lines"]
        if not 0 <= count <= len(lines) or (count and _digest(lines[count - 1]) != seal_before["sha256"]):
            raise RecordError(
                f"the journal in {directory} was cut or edited at its end: it is not what result.json sealed"
            )
    _verify_snapshots(directory, entries)
    return entries, lines


def _verify_snapshots(directory: Path, entries: Sequence[Mapping[str, Any]]) -> None:
    last: dict[str, Any] = {}
    for entry in entries:
        last |= entry.get("snapshots") or {}
    for name in (BEFORE, JOBS_BEFORE):
        if name in last:
            content = _content(directory / name)[: last[name]["bytes"]]
            if hashlib.sha256(content).hexdigest() != last[name]["sha256"]:
                raise RecordError(f"{directory / name} was cut or edited: it is not what the journal has on record")


def snapshots(path: Path) -> list[dict[str, Any]]:
    """The lines of `before.jsonl` or `jobs_before.jsonl`, oldest first.

    A line that was torn by a crash is left out: nothing was called before it was whole on disk.
    """
    lines = []
    for line in _content(path).split(b"\n"):
        try:
            lines.append(parse_json(line))
        except ValueError:
            continue
    return lines


def _content(path: Path) -> bytes:
    try:
        return read_own(path)
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error}") from error


def _whole_lines(path: Path) -> list[bytes]:
    return [line for line in _content(path).splitlines(keepends=True) if line.endswith(b"\n")]


def _queued_at(entry: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(entry["queued_at"])


def _not_as_it_was(path: Path, error: OSError) -> RecordError:
    return RecordError(
        f"{path.name} in {path.parent} is not as it was: {error}; nothing more is called. Put it back as it was and "
        "run again with the same run_dir, or make a new plan in another one; what was done is in journal.jsonl"
    )


def _require_same_file(file: FileIO, path: Path, length: int) -> None:
    """Raise OSError unless the path still names the file that is open, as long as it was left."""
    opened = os.fstat(file.fileno())
    try:
        at_path = path.stat(follow_symlinks=False)
    except FileNotFoundError as error:
        raise OSError("it was removed while the run was at work") from error
    if stat.S_ISLNK(at_path.st_mode) or not os.path.samestat(opened, at_path):
        raise OSError("another file was put in its place while the run was at work")
    if opened.st_size != length:
        raise OSError(f"somebody else wrote to it: it has {opened.st_size} bytes, not {length}")


def _keep_torn_tail(file: FileIO, path: Path, whole: int) -> None:
    """Take a line that a crash has torn off the end, and keep it beside: it may be somebody's after all."""
    size = os.fstat(file.fileno()).st_size
    if size <= whole:
        return
    file.seek(whole)
    torn = file.read(size - whole)
    with FileIO(open_own(path.with_name(f"{path.name}.torn"), os.O_WRONLY | os.O_APPEND | os.O_CREAT), "w") as beside:
        _put(beside, torn + b"\n")
    file.truncate(whole)


def _appended(file: FileIO, path: Path, length: int, line: bytes) -> int:
    """Put a line at the end of a file that is as it was left; its length then. Raises OSError.

    What was written of a line that did not fit is taken back, else the next one would be joined to it.
    """
    _require_same_file(file, path, length)
    try:
        _put(file, line)
    except OSError:
        with suppress(OSError):  # not even that works: the next line is refused, since the length is another
            file.truncate(length)
        raise
    return length + len(line)


def _put(file: FileIO, line: bytes) -> None:
    """Put a line on disk, whole: an unbuffered write may take a part of it only."""
    rest = line
    while rest:
        rest = rest[file.write(rest) :]
    os.fsync(file.fileno())


def _line(entry: Mapping[str, Any]) -> bytes:
    return (json.dumps(entry, sort_keys=True, default=str) + "\n").encode()


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()
