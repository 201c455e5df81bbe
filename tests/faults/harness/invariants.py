"""What must hold whatever happens: every changing call that the service accepted, held against the plan and the record.

Knows nothing of the kit but its files: `plan.json` says what was allowed, `journal.jsonl` what was announced,
`result.json` what is said to have happened.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.faults.harness.fault_injection import Attempt
from tests.faults.harness.service_model import LIVE, AcceptedCall, ExecutionRecord

#: Outcomes that say that the run changed nothing.
UNCHANGED = ("planned", "refused", "invalid", "nothing_to_do", "denied")
_FAILURES_IN_A_ROW = 3


@dataclass
class Violations:
    """What was found wrong, in words; empty lists when the invariants held."""

    outside_plan: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    unrecorded: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)  # gone on without a canary, or after failures in a row
    untrue: list[str] = field(default_factory=list)  # the record says what did not happen

    def all(self) -> list[str]:
        """Everything that was found."""
        return [*self.outside_plan, *self.repeated, *self.unrecorded, *self.unchecked, *self.untrue]


class Invariants:
    """Watches one run directory while the service accepts calls.

    ``is_done`` asks the service whether a target is as planned; ``owner_of`` for the namespace of a job, None where it has none.
    """

    def __init__(
        self,
        run_dir: Path,
        *,
        is_done: Callable[[Mapping[str, Any]], bool] | None = None,
        owner_of: Callable[[str], str | None] = lambda _job_id: None,
    ) -> None:
        self.run_dir = run_dir
        self.phrase: str | None = None  # what was confirmed
        #: What speaks against a call by what the person asked for, whatever the plan says.
        self.not_wanted: Callable[[AcceptedCall], list[str]] = lambda _call: []
        self.violations = Violations()
        self.accepted: list[AcceptedCall] = []
        self.attempts: list[Attempt] = []
        self._is_done, self._owner_of = is_done, owner_of
        self._run_began_at_call, self._run_began_at_line = 0, 0

    def run_begins(self) -> None:
        """Another run of the kit begins."""
        self._run_began_at_call, self._run_began_at_line = len(self.accepted), len(self.journal())

    def check_call(self, call: AcceptedCall, *, late: bool = False) -> None:
        """Check a call at the moment when the service accepted it."""
        text = f"{call.operation} of {call.before} ({call.parameters})"
        if not self._is_allowed(call):
            self.violations.outside_plan.append(f"not in the plan as it was: {text}")
        if self._owner_of(call.before.job_id) and " owned by " not in (self.phrase or ""):
            self.violations.outside_plan.append(f"a service owns it, and the phrase does not say so: {text}")
        self.violations.outside_plan.extend(f"{why}: {text}" for why in self.not_wanted(call))
        if self._is_repeated(call):
            self.violations.repeated.append(f"a second time: {text}")
        self._check_record(call, text, late=late)
        self.accepted.append(call)

    def check_result(self, outcome: str) -> None:
        """Check, when a run has ended, that `result.json` says what happened."""
        result, targets, untrue = self.result(), self.targets(), self.violations.untrue
        accepted = self.accepted[self._run_began_at_call :]
        if result["outcome"] != outcome:
            untrue.append(f"the run ended as {outcome}, and result.json says {result['outcome']}")
        if outcome in UNCHANGED and accepted:
            untrue.append(f"{outcome} says that nothing was changed, but {accepted}")
        is_done = self._is_done or (lambda _target: True)
        left = [target for target in targets if not is_done(target)]
        if outcome == "applied" and left:
            untrue.append(f"applied, but still there: {left}")
        for counts, event, operation in (
            ("deleted", "verified", "DeleteJobExecution"), ("cancelled", "cancelled", "CancelJobExecution")
        ):  # fmt: skip
            matching = [target for target in targets if target["operations"][-1] == operation]
            ours = sum(self.was_ended(target) and is_done(target) for target in matching)
            counted = result["counts"].get(counts)
            if matching and counted is not None and outcome in ("applied", "refused") and counted < ours:
                untrue.append(f"{outcome} with {counted} {counts} by the record, {ours} by the service")
            keys = {_key(line) for line in self.journal() if line["event"] == event}
            if matching and (counted or 0) > sum(_key(target) in keys for target in matching):
                untrue.append(f"{counted} counted as {counts}, and only {len(keys)} of them seen to be so by our doing")
            for line in self.journal():
                if line["event"] == event and not self._may_be_ours(line, operation):
                    untrue.append(f"said to be {counts} by us, and no call of ours can have done it: {_key(line)}")

    def targets(self) -> list[dict[str, Any]]:
        """The executions that the confirmed plan on disk allows to be deleted."""
        path = self.run_dir / "plan.json"
        try:
            document = json.loads(path.read_text())
        except (OSError, ValueError):  # removed or damaged: nothing that is done from here on is approved
            return []
        if "targets" in document:
            approved = self.phrase is None or document["plan_id"] in self.phrase
            return list(document["targets"]) if approved else []
        confirmed = self.phrase is None or f"queued {document['queued_at'][:19]}" in self.phrase
        return [{**document, "single": True}] if confirmed else []

    def journal(self) -> list[dict[str, Any]]:
        """The whole lines of the journal."""
        return self._lines("journal.jsonl")

    def result(self) -> dict[str, Any]:
        """What `result.json` says."""
        return dict(json.loads((self.run_dir / "result.json").read_text()))

    def was_ended(self, target: Mapping[str, Any]) -> bool:
        """Whether the last call that a target's plan has, a delete or a cancel, was ours and was accepted."""
        return self._was_accepted(target["operations"][-1], target)

    def _was_accepted(self, operation: str, target: Mapping[str, Any]) -> bool:
        return any(c.operation == operation and is_target(c.before, target) for c in self.accepted)

    def _lines(self, name: str) -> list[dict[str, Any]]:
        path = self.run_dir / name
        return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1] if line] if path.exists() else []

    def _check_record(self, call: AcceptedCall, text: str, *, late: bool) -> None:
        if not any(_is_snapshot_of(snapshot, call.before) for snapshot in self._lines("before.jsonl")):
            self.violations.unrecorded.append(f"not in before.jsonl as it was: {text}")
        journal = self.journal()
        lines = [line for line in journal if _is_about(line, call, "calling")]
        about_it = [line for line in journal if is_target(call.before, line)] if lines else []
        if not lines or not (late or _is_about(about_it[-1], call, "calling")):
            self.violations.unrecorded.append(f"not announced in the journal: {text}")
        elif not late:
            self._check_caution(journal[: journal.index(about_it[-1]) + 1], text)

    def _check_caution(self, journal: Sequence[Mapping[str, Any]], text: str) -> None:
        """A sweep touches others only when the first one is gone, and no more after three failures in a row."""
        touched = {_key(line): line for line in journal if line["event"] == "calling"}
        drifted = {_key(line) for line in journal if line["event"] == "drifted"}
        others = [line for key, line in touched.items() if key != _key(journal[-1]) and key not in drifted]
        plans = {_key(target): target for target in self.targets()}
        if self._is_done and others and not any(self._is_done({**plans.get(_key(o), {}), **o}) for o in others):
            self.violations.unchecked.append(f"none of those before it is done: {text}")
        ends = [line["event"] for line in journal[self._run_began_at_line :]]
        ends = [event for event in ends if event in ("failed", "verified", "cancelled", "drifted")]
        if ends[-_FAILURES_IN_A_ROW:] == ["failed"] * _FAILURES_IN_A_ROW:
            self.violations.unchecked.append(f"after three failures in a row: {text}")

    def _is_repeated(self, call: AcceptedCall) -> bool:
        """Whether the same was done before, and is on record as done or can be seen.

        What had no answer and does not show yet may be sent again: to look is all that a client can do.
        """
        if not any(_did_the_same(call, earlier) for earlier in self.accepted):
            return False
        shows_late = call.before.delete_shows_after or call.before.cancel_shows_after
        return not shows_late or any(_is_about(line, call, "called") for line in self.journal())

    def _is_allowed(self, call: AcceptedCall) -> bool:
        target = next((target for target in self.targets() if is_target(call.before, target)), None)
        if target is None:
            return False
        now = (call.before.status, call.before.version)
        planned = (target["status"], target["version_number"])
        if call.operation not in target["operations"]:
            return False
        if call.operation == "CancelJobExecution":
            forced = target["operations"] == ["CancelJobExecution"] and call.parameters["force"] != target["force"]
            by_version = call.parameters["expectedVersion"] == target["version_number"]
            return now == planned and planned[0] in LIVE and by_version and not forced
        if call.before.status == "CANCELED" and planned[0] in LIVE:
            return not call.parameters["force"] and self._was_canceled(call.before)
        if planned[0] in LIVE:
            return now == planned and bool(target.get("single")) and target["force"] and not target["cancel_first"]
        return now == planned and not call.parameters["force"]

    def _was_canceled(self, item: ExecutionRecord) -> bool:
        """Whether it was our own cancel that made it CANCELED."""
        return any(c.operation == "CancelJobExecution" and is_same(c.before, item) for c in self.accepted)

    def _may_be_ours(self, line: Mapping[str, Any], operation: str) -> bool:
        """Whether a call of ours acted, or may have, on the execution of a journal line."""
        sent = (each for each in self.attempts if each.operation == operation and not each.declined)
        return self._was_accepted(operation, line) or any(each.about and is_target(each.about, line) for each in sent)


def is_target(item: ExecutionRecord, target: Mapping[str, Any]) -> bool:
    """Whether an execution is the very one that a target names, not one that uses its number again."""
    key = tuple(target.get(name) for name in ("job_id", "thing_name", "execution_number"))
    return (item.job_id, item.thing_name, item.number) == key and is_moment(item.queued_at, target["queued_at"])


def is_same(one: ExecutionRecord, other: ExecutionRecord) -> bool:
    """Whether two records are of the same execution."""
    return all(getattr(one, name) == getattr(other, name) for name in ("job_id", "thing_name", "number", "queued_at"))


def is_moment(seconds: float, text: Any) -> bool:
    """Whether a moment is what the kit's files call it: to the second, in which no two executions are queued."""
    return isinstance(text, str) and int(datetime.fromisoformat(text).timestamp()) == int(seconds)


def _did_the_same(one: AcceptedCall, other: AcceptedCall) -> bool:
    return one.operation == other.operation and is_same(one.before, other.before)


def _is_snapshot_of(snapshot: Mapping[str, Any], item: ExecutionRecord) -> bool:
    key = (snapshot["jobId"], snapshot["thingArn"].rpartition("/")[2], snapshot["executionNumber"])
    return key == (item.job_id, item.thing_name, item.number) and int(snapshot["queuedAt"]) == int(item.queued_at)


def _key(line: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(line.get(name) for name in ("job_id", "thing_name", "execution_number", "queued_at"))


def _is_about(line: Mapping[str, Any], call: AcceptedCall, event: str) -> bool:
    is_it = line.get("event") == event and line.get("operation") == call.operation
    return is_it and is_target(call.before, line)
