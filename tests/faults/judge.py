"""Who was right: every changing call that the service accepted, held against the plan and the journal on disk.

Knows nothing of the kit but its files: `plan.json` says what was allowed, `journal.jsonl` what was announced.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.faults.service_model import LIVE, Accepted, Held


@dataclass
class Verdict:
    """What was found wrong, in words; empty lists when the promise held."""

    wrong: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unrecorded: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)  # gone on without a canary, or after failures in a row
    deletes: int = 0
    cancels: int = 0

    @property
    def broken(self) -> list[str]:
        return [*self.wrong, *self.doubled, *self.unrecorded, *self.unchecked]


class Judge:
    """Watches one run directory while the service accepts calls."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self.phrase: str | None = None  # what was confirmed, where one execution is deleted
        self.verdict = Verdict()
        self.accepted: list[Accepted] = []
        self.gone: Callable[[dict[str, Any]], bool] | None = None  # asks the service; None where it is not asked
        self._lines_before = 0

    def run_begins(self) -> None:
        """Another run of the kit begins."""
        self._lines_before = len(self.journal())

    def hear(self, call: Accepted, *, late: bool = False) -> None:
        """Judge a call at the moment when the service accepted it."""
        named = f"{call.operation} of {call.before} ({call.given})"
        self._count(call)
        if not self._allowed(call):
            self.verdict.wrong.append(f"not in the plan as it was: {named}")
        if not any(_pictures(snapshot, call.before) for snapshot in self._lines("before.jsonl")):
            self.verdict.unrecorded.append(f"not in before.jsonl as it was: {named}")
        if any(same(call, earlier) for earlier in self.accepted):
            self.verdict.doubled.append(f"a second time: {named}")
        journal = self.journal()
        lines = [line for line in journal if _announces(line, call)]
        if not lines or not (late or _announces(journal[-1], call)):
            self.verdict.unrecorded.append(f"not announced in the journal: {named}")
        elif not late:
            self._check_caution(journal, named)
        self.accepted.append(call)

    def targets(self) -> list[dict[str, Any]]:
        """What the plan on disk allows."""
        path = self.run_dir / "plan.json"
        document = json.loads(path.read_text()) if path.exists() else {"targets": []}
        if "targets" in document:
            approved = self.phrase is None or document["plan_id"] in self.phrase
            return list(document["targets"]) if approved else []
        confirmed = self.phrase is None or f"queued {document['queued_at'][:19]}" in self.phrase
        return [{**document, "single": True}] if confirmed else []

    def journal(self) -> list[dict[str, Any]]:
        """The whole lines of the journal."""
        return self._lines("journal.jsonl")

    def deleted(self, target: dict[str, Any]) -> bool:
        """Whether a call of ours deleted a target."""
        return any(c.operation == "DeleteJobExecution" and is_target(c.before, target) for c in self.accepted)

    def _lines(self, name: str) -> list[dict[str, Any]]:
        path = self.run_dir / name
        return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1] if line] if path.exists() else []

    def _check_caution(self, journal: list[dict[str, Any]], named: str) -> None:
        """A sweep touches others only when the first one is gone, and no more after three failures in a row."""
        touched = {key: line for line in journal if line["event"] == "calling" for key in [_key(line)]}
        drifted = {_key(line) for line in journal if line["event"] == "drifted"}
        others = [line for key, line in touched.items() if key != _key(journal[-1]) and key not in drifted]
        if self.gone and others and not any(self.gone(line) for line in others):
            self.verdict.unchecked.append(f"none of those before it is gone: {named}")
        ends = [line for line in journal[self._lines_before :] if line["event"] in ("failed", "verified", "drifted")]
        if len(ends) >= 3 and {line["event"] for line in ends[-3:]} == {"failed"}:
            self.verdict.unchecked.append(f"after three failures in a row: {named}")

    def _count(self, call: Accepted) -> None:
        if call.operation == "DeleteJobExecution":
            self.verdict.deletes += 1
        else:
            self.verdict.cancels += 1

    def _allowed(self, call: Accepted) -> bool:
        target = next((target for target in self.targets() if is_target(call.before, target)), None)
        if target is None:
            return False
        now = (call.before.status, call.before.version)
        planned = (target["status"], target["version_number"])
        if call.operation == "CancelJobExecution":
            return now == planned and planned[0] in LIVE
        if call.before.status == "CANCELED" and planned[0] in LIVE:
            return not call.given["force"] and self._canceled(call.before)
        if planned[0] in LIVE:
            return now == planned and bool(target.get("single")) and target["force"] and not target["cancel_first"]
        return now == planned and not call.given["force"]

    def _canceled(self, item: Held) -> bool:
        """Whether it was our own cancel that made it CANCELED."""
        return any(c.operation == "CancelJobExecution" and is_same(c.before, item) for c in self.accepted)


def is_target(item: Held, target: dict[str, Any]) -> bool:
    """Whether an execution is the very one that a plan's target names, not one that uses its number again."""
    named = (target["job_id"], target["thing_name"], target["execution_number"])
    return (item.job_id, item.thing_name, item.number) == named and is_moment(item.queued_at, target["queued_at"])


def same(one: Accepted, other: Accepted) -> bool:
    """Whether two calls did the same to the same execution."""
    return one.operation == other.operation and is_same(one.before, other.before)


def is_same(one: Held, other: Held) -> bool:
    """Whether two pictures are of the same execution."""
    return all(getattr(one, name) == getattr(other, name) for name in ("job_id", "thing_name", "number", "queued_at"))


def _pictures(snapshot: dict[str, Any], item: Held) -> bool:
    """Whether a line of `before.jsonl` is of this execution."""
    named = (snapshot["jobId"], snapshot["thingArn"].rpartition("/")[2], snapshot["executionNumber"])
    return named == (item.job_id, item.thing_name, item.number) and int(snapshot["queuedAt"]) == int(item.queued_at)


def _key(line: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(line.get(name) for name in ("job_id", "thing_name", "execution_number", "queued_at"))


def is_moment(seconds: float, text: Any) -> bool:
    """Whether a moment is what the kit's files call it: to the second, in which no two executions are queued."""
    return isinstance(text, str) and int(datetime.fromisoformat(text).timestamp()) == int(seconds)


def _announces(line: dict[str, Any], call: Accepted) -> bool:
    item = call.before
    return (
        line.get("event") == "calling"
        and line.get("operation") == call.operation
        and (line.get("job_id"), line.get("thing_name"), line.get("execution_number"))
        == (item.job_id, item.thing_name, item.number)
        and is_moment(item.queued_at, line.get("queued_at"))
    )
