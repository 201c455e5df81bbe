"""Removing run directories that are old enough: only what is one, has ended, and nobody is at work in."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from iotjobs.errors import InvalidInput


def old_runs(runs: Path, *, keep: timedelta, now: datetime) -> Iterator[Path]:
    """The run directories right below ``runs`` that ended longer than ``keep`` ago, oldest name first.

    What is no run directory, has not ended, or is a symbolic link is left alone.
    """
    if not runs.is_dir():
        raise InvalidInput(f"{runs} is no directory")
    for path in sorted(runs.iterdir()):
        ended = None if path.is_symlink() or not path.is_dir() else _ended_at(path)
        if ended is not None and now - ended > keep:
            yield path


def remove(path: Path) -> None:
    """Remove one run directory. Raises OSError."""
    shutil.rmtree(path)


def _ended_at(path: Path) -> datetime | None:
    try:
        result = json.loads((path / "result.json").read_text(encoding="utf-8"))
        if result["schema"] != 1 or "notebook" not in result:
            return None
        ended = datetime.fromisoformat(result["finished_at"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return ended if ended.tzinfo else ended.replace(tzinfo=UTC)
