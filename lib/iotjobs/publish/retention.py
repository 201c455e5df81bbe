"""Removing run directories that are old enough: only what is one, has ended, and nobody is at work in."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from iotjobs.errors import InvalidInput, Refused
from iotjobs.run import files
from iotjobs.run.lock import NAMES, locked


def old_runs(runs: Path, *, keep: timedelta, now: datetime) -> Iterator[Path]:
    """The run directories right below ``runs`` that ended longer than ``keep`` ago, oldest name first.

    What is no run directory, has not ended, or is a symbolic link is left alone.
    """
    if not runs.is_dir():
        raise InvalidInput(f"{runs} is not a directory")
    for path in sorted(runs.iterdir()):
        if not path.is_symlink() and path.is_dir() and _is_old(path, keep=keep, now=now):
            yield path


def remove(path: Path, *, keep: timedelta, now: datetime) -> None:
    """Remove one run directory, with every other run kept out of it and of its targets' directories.

    Raises Refused when one is at work there, or has been since it was looked at; OSError.
    """
    with ExitStack() as locks:
        for directory in [path, *(each for each in path.glob("targets/*") if each.is_dir() and not each.is_symlink())]:
            for name in NAMES:
                lock, _ = locked(directory, name)
                if lock is not None:
                    locks.callback(lock.release)
        if not _is_old(path, keep=keep, now=now):
            raise Refused(f"another run has been at work in {path} meanwhile: it is left alone")
        shutil.rmtree(path)


def _is_old(path: Path, *, keep: timedelta, now: datetime) -> bool:
    try:
        result = files.read_json(path / "result.json")
        if result["schema"] != 1 or "notebook" not in result:
            return False
        ended = datetime.fromisoformat(result["finished_at"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return now - (ended if ended.tzinfo else ended.replace(tzinfo=UTC)) > keep
