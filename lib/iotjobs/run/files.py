"""How a run writes a file: whole or not at all, for its owner's eyes only, and never through somebody else's link."""

from __future__ import annotations

import errno
import json
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from iotjobs import given_file

#: What file systems answer that cannot do a thing at all (EFS, CIFS, WSL, Windows).
CANNOT = {
    errno.EINVAL,
    errno.ENOSYS,
    errno.ENOLCK,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
    errno.EBADF,
    *([errno.EACCES] if os.name == "nt" else []),
}
#: A journal or table of the largest sweep has some 50 MB; what is read of a file is in memory.
MOST_BYTES = 256 * 1024 * 1024
_NO_LINKS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_WAITS_FOR_NOBODY = getattr(os, "O_NONBLOCK", 0)  # a pipe that lies there instead of a file


def open_own(path: Path, flags: int) -> int:
    """Open a file of a run directory, made with mode 0600. Raises OSError for what another could have put there.

    Neither a link nor a pipe is opened, and to be written neither a second name of some file nor another user's file.
    """
    handle = os.open(path, flags | _NO_LINKS | _WAITS_FOR_NOBODY, 0o600)
    try:
        facts = os.fstat(handle)
        _require_own(facts, path, to_write=bool(flags & (os.O_WRONLY | os.O_RDWR)))
    except OSError:
        os.close(handle)
        raise
    return handle


def _require_own(facts: os.stat_result, path: Path, *, to_write: bool) -> None:
    if not stat.S_ISREG(facts.st_mode):
        raise OSError(errno.EPERM, "it is not an ordinary file", str(path))
    if not to_write:
        return
    if facts.st_nlink > 1:
        raise OSError(errno.EPERM, "it has another name as well (a hard link)", str(path))
    owners = {path.parent.stat().st_uid}  # some mounts show one owner for everything
    if hasattr(os, "geteuid") and facts.st_uid not in owners | {os.geteuid()}:
        raise OSError(errno.EPERM, f"it belongs to another user (uid {facts.st_uid})", str(path))


def read_own(path: Path, *, most_bytes: int = MOST_BYTES) -> bytes:
    """All that a file of a run directory holds; nothing where there is none. Raises OSError, also for a larger one."""
    try:
        handle = open_own(path, os.O_RDONLY)
    except FileNotFoundError:
        return b""
    with os.fdopen(handle, "rb") as file:
        return given_file.bounded(file, path, most_bytes)


def read_json(path: Path, *, most_bytes: int = given_file.MOST_BYTES) -> Any:
    """What a JSON file of a run directory holds. Raises OSError, and ValueError for what is no JSON."""
    handle = open_own(path, os.O_RDONLY)
    with os.fdopen(handle, "rb") as file:
        content = given_file.bounded(file, path, most_bytes)
    return given_file.parse_json(content)


def last_result(directory: Path) -> dict[str, Any]:
    """What the `result.json` of a run directory holds; nothing where none can be read."""
    try:
        result = read_json(directory / "result.json")
    except (OSError, ValueError):
        return {}
    return result if isinstance(result, dict) else {}


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Write a file atomically and durably; what was there stays when it fails. Raises OSError."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600, a name nobody can guess
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    sync_names(path.parent)


def make_fresh(path: Path) -> None:
    """Put an empty file in place of whatever has a name, for a program that writes it by that name. Raises OSError.

    What a link there leads to is left alone.
    """
    path.unlink(missing_ok=True)
    os.close(open_own(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))


def make_directories(path: Path, *, below: Path) -> None:
    """Make a directory and those between it and ``below``, for their owner only. Raises OSError."""
    for each in reversed([path, *path.parents]):
        if each.is_relative_to(below) and each != below and not each.is_dir():
            each.mkdir(mode=0o700, exist_ok=True)


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON file atomically and durably. Raises OSError."""
    with replacing(path) as file:
        file.write((json.dumps(document, indent=2, default=str) + "\n").encode())


def sync_names(directory: Path) -> bool:
    """Put the directory's own entries on disk: a file that was just made is lost with its name otherwise.

    False where the file system cannot do it. Raises OSError when it could and failed.
    """
    try:
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno in CANNOT:
            return False
        raise
    return True
