"""A refusal: why a guard said no, and what would make it pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from iotjobs.model import ExecutionKey


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a guard said no, and what would make it pass; ``key`` is None where it is about a job or a whole plan."""

    guard: str
    message: str
    key: ExecutionKey | None = None
    job_id: str | None = None

    def as_document(self) -> dict[str, Any]:
        """The refusal as `result.json` holds it."""
        return {
            "guard": self.guard,
            "message": self.message,
            "job_id": self.key.job_id if self.key else self.job_id,
            "thing_name": self.key and self.key.thing_name,
            "execution_number": self.key and self.key.execution_number,
        }


def in_a_sentence(refused: Sequence[Refusal]) -> str:
    """What the guards say, each once: the first of its refusals, and how many more are like it."""
    by_guard: dict[str, list[Refusal]] = {}
    for refusal in refused:
        by_guard.setdefault(refusal.guard, []).append(refusal)
    sentences = [
        group[0].message + (f" (and {len(group) - 1} more like it)" if len(group) > 1 else "")
        for group in by_guard.values()
    ]
    return "; ".join(sentences)
