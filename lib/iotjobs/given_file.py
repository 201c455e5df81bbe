"""A file that somebody named, a plan, targets, a request: read whole, up to a size, and waited for by nobody."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from pathlib import Path
from typing import Any, BinaryIO

_HALVES = re.compile(rb"\\u[dD][89a-fA-F]")
MOST_BYTES = 64 * 1024 * 1024
_UNHINDERED = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)


def read_given(path: Path, *, most_bytes: int = MOST_BYTES) -> bytes:
    """All that a file holds; a link is followed. Raises OSError, also for what is no file, and for a larger one."""
    handle = os.open(path, os.O_RDONLY | _UNHINDERED)  # a pipe would be waited for
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EPERM, "it is not an ordinary file", path.name)
        return bounded(file, path, most_bytes)


def bounded(file: BinaryIO, path: Path, most_bytes: int) -> bytes:
    """All of an open file. Raises OSError for a larger one, of which no more than that is read."""
    content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise OSError(errno.EFBIG, f"it is larger than {most_bytes >> 20} MB", path.name)
    return content


def with_whole_characters(content: bytes) -> bytes:
    r"""JSON with `?` for each half of a character (`\ud800`): no table, file or page can hold one."""
    if not _HALVES.search(content):
        return content
    try:
        return json.dumps(json.loads(content), ensure_ascii=False).encode(errors="replace")
    except (ValueError, RecursionError):  # who reads it says what is odd about it
        return content


def parse_json(content: bytes) -> Any:
    """What JSON says, see `with_whole_characters`. Raises ValueError, also for what is nested too deep."""
    try:
        return json.loads(with_whole_characters(content))
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    except ValueError as error:
        if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
            raise
        raise ValueError("it has a number of too many digits") from None
