"""A run that has ended, as its `result.json` tells it: what is notified and measured. Pure but for the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from iotjobs.errors import InvalidInput
from iotjobs.model import Outcome
from iotjobs.run import files

_LONGEST_REASON = 1000


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
        counts = {str(name): int(value) for name, value in result["counts"].items()}
        return Summary(
            run=run_dir.resolve().name,
            notebook=str(result["notebook"]),
            outcome=outcome.value,
            reason=str(result.get("reason") or "")[:_LONGEST_REASON],
            exit_code=outcome.exit_code,
            account=result.get("account"),
            region=result.get("region"),
            started_at=result.get("started_at"),
            finished_at=result.get("finished_at"),
            counts=counts,
            refused=len(result.get("refusals") or []),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(f"{run_dir} holds no result of a run that can be read: {error}") from error
