"""A copy of a finished run directory in S3: every regular file, no symbolic link followed, `result.json` last."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from iotjobs.errors import InvalidInput, IotJobsError
from iotjobs.run.files import read_own

if TYPE_CHECKING:
    from iotjobs.aws.connection import Connection

_URI = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>.*))?")
_LARGEST_FILE = 5 * 1024**3  # as much as one PutObject takes
_LAST = "result.json"


def copy_to_s3(connection: Connection, run_dir: Path, uri: str) -> int:
    """Copy a run directory below `s3://BUCKET/PREFIX`, and return how many files were copied.

    Its `result.json` goes last: where it is, the copy is whole. Raises InvalidInput for what is no such address, Denied
    and IotJobsError when a file cannot be copied.
    """
    bucket, prefix = split(uri)
    files = sorted(_files(run_dir), key=lambda path: path.name == _LAST)
    for path in files:
        if path.stat().st_size > _LARGEST_FILE:
            raise IotJobsError(f"{path.name} is larger than S3 takes in one object: it and what follows is not copied")
        key = "/".join(filter(None, [prefix, run_dir.resolve().name, path.relative_to(run_dir).as_posix()]))
        body = read_own(path, most_bytes=_LARGEST_FILE)
        try:
            connection.put_object(bucket, key, body)
        except IotJobsError as error:
            error.args = (f"s3://{bucket}/{key} was not written: {error}",)
            raise
    return len(files)


def split(uri: str) -> tuple[str, str]:
    """Bucket and prefix of `s3://BUCKET/PREFIX`. Raises InvalidInput."""
    parts = _URI.fullmatch(uri)
    if parts is None:
        raise InvalidInput(f"{uri!r} is not an address in S3; it takes s3://BUCKET/PREFIX")
    return parts["bucket"], (parts["prefix"] or "").strip("/")


def _files(run_dir: Path) -> Iterator[Path]:
    for path in run_dir.rglob("*"):
        if path.is_file() and not path.is_symlink() and not path.name.startswith("."):
            yield path
