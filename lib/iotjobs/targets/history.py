"""Earlier investigations of a fleet: each names the one before it as its `compare_with`, and so on back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from iotjobs.errors import InvalidInput
from iotjobs.model import Outcome
from iotjobs.run import files
from iotjobs.targets.target import TARGET_NAME

_NOTEBOOK = "fleet"
_MOST_RUNS = 30
_COUNTS = ("targets", "targets_failed", "unfinished", "stuck")
HISTORY_COLUMNS = ["run", "started_at", "outcome", *_COUNTS]


def history_of(compare_with: str | None) -> pd.DataFrame:
    """One row an earlier run of the fleet (HISTORY_COLUMNS), the latest first; at most thirty.

    Raises InvalidInput when ``compare_with`` is not the directory of a fleet's investigation that has ended. An older
    one that is gone or cannot be read ends the history.
    """
    rows = [] if compare_with is None else [_row(path, result) for path, result in _walk(Path(compare_with))]
    return pd.DataFrame(rows, columns=HISTORY_COLUMNS)


def read_there(run_dir: Path, *, name: str, account: str, region: str) -> str | None:
    """The target that an earlier run of the fleet read in this account and region, the one of this name if it is.

    None where it read none there.
    """
    try:
        targets = [each for each in _result(run_dir)["targets"] if each["outcome"] == Outcome.OK]
        places = [str(each["name"]) for each in targets if (each["account"], each["region"]) == (account, region)]
    except (InvalidInput, LookupError, TypeError):
        return None
    known = [each for each in places if TARGET_NAME.fullmatch(each)]
    return name if name in known else next(iter(known), None)


def _walk(first: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    path, seen = first.expanduser().absolute(), set[Path]()
    while path not in seen and len(seen) < _MOST_RUNS:
        try:
            result = _result(path)
        except InvalidInput:
            if not seen:
                raise
            return
        yield path, result
        seen.add(path)
        earlier = result["parameters"].get("compare_with")
        if not isinstance(earlier, str) or not earlier:
            return
        path = Path(earlier).expanduser().absolute()


def _result(path: Path) -> dict[str, Any]:
    try:
        result = files.read_json(path / "result.json")
        is_one = result["notebook"] == _NOTEBOOK and isinstance(result["parameters"], dict)
        ended = is_one and datetime.fromisoformat(result["finished_at"]) is not None
        readable = ended and all(isinstance(result["counts"].get(name, 0), int) for name in _COUNTS)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        readable = False
    if not readable:
        raise InvalidInput(
            f"compare_with: {path} is not the run directory of a fleet's investigation that has ended; name one, or "
            "leave compare_with out"
        )
    return dict(result)


def _row(path: Path, result: Mapping[str, Any]) -> dict[str, Any]:
    counts = {name: result["counts"].get(name, 0) for name in _COUNTS}
    return {"run": path.name, "started_at": str(result["started_at"]), "outcome": str(result["outcome"]), **counts}
