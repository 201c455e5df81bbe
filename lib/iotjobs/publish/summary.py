"""A run that has ended, as its `result.json` tells it: what is notified and measured. Pure but for the file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from iotjobs.errors import InvalidInput
from iotjobs.markup import visible
from iotjobs.model import Outcome
from iotjobs.run import files

_LONGEST_REASON = 1000
_NOTEBOOK = re.compile(r"[a-z_]{1,64}")
_ACCOUNT = re.compile(r"[0-9]{12}")
_REGION = re.compile(r"[a-z0-9-]{1,64}")
_COUNT = re.compile(r"[a-zA-Z_]{1,64}")


@dataclass(frozen=True, slots=True)
class Summary:
    """The end of one run, without its parameters, paths and credentials: it may leave the machine."""

    run: str
    notebook: str
    outcome: str
    reason: str
    exit_code: int
    account: str | None
    region: str | None
    started_at: str | None
    finished_at: str | None
    counts: Mapping[str, int] = field(default_factory=dict)
    refused: int = 0

    def as_document(self) -> dict[str, Any]:
        """The summary as JSON can hold it."""
        return asdict(self) | {"counts": dict(self.counts)}

    def __str__(self) -> str:
        where = f" in account {self.account}, {self.region}" if self.account else ""
        return f"iotjobs {self.notebook}{where}: {self.outcome}. {self.reason}".strip()


def read_summary(run_dir: Path) -> Summary:
    """The summary of a run directory. Raises InvalidInput when there is no result of a run in it."""
    path = run_dir / "result.json"
    try:
        result = files.read_json(path)
        outcome = Outcome(result["outcome"])
        return Summary(
            run=visible(run_dir.resolve().name),
            notebook=_matching(result["notebook"], _NOTEBOOK),
            outcome=outcome.value,
            reason=visible(_without_path(str(result.get("reason") or ""), run_dir)[:_LONGEST_REASON]),
            exit_code=outcome.exit_code,
            account=_optional(result.get("account"), _ACCOUNT),
            region=_optional(result.get("region"), _REGION),
            started_at=_moment(result.get("started_at")),
            finished_at=_moment(result.get("finished_at")),
            counts={name: int(value) for name, value in result["counts"].items() if _COUNT.fullmatch(name)},
            refused=len(result.get("refusals") or []),
        )
    except (OSError, ValueError, OverflowError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(f"{run_dir} holds no result of a run that can be read: {error}") from error


def _without_path(reason: str, run_dir: Path) -> str:
    """The reason with the directory's name for its path: where a machine keeps its runs is its own."""
    return reason.replace(str(run_dir.resolve()), run_dir.resolve().name)


def _matching(value: object, pattern: re.Pattern[str]) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError("a value is not of a run's own")
    return value


def _optional(value: object, pattern: re.Pattern[str]) -> str | None:
    return None if value is None else _matching(value, pattern)


def _moment(value: object) -> str | None:
    return None if value is None else datetime.fromisoformat(str(value)).isoformat()
