"""The plans of many targets as one: its phrase carries every plan's id, its file every target. Pure.

`RUN_DIR/plan.json` holds it; each target's own plan lies in `RUN_DIR/targets/NAME/plan.json`. Like a sweep's digest,
the one here shows accidents; what each target's plan claims is read again when it is applied.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from iotjobs.errors import InvalidInput
from iotjobs.model import Action, Outcome
from iotjobs.targets.answers import TargetAnswer

SCHEMA = 2
KIND = "fleet_sweep"
_ID_LENGTH = 32
_ACTIVE = " while it works"


@dataclass(frozen=True, slots=True)
class PlannedTarget:
    """One target's plan in the set: what is done, to how many executions, and its id."""

    name: str
    account: str
    region: str
    plan_id: str
    count: int
    device_active: bool = False
    action: str = Action.DELETE.value

    @property
    def phrase(self) -> str:
        """What the target's own plan is confirmed with."""
        return f"{self.action} {self.count} {self.plan_id}" + (_ACTIVE if self.device_active else "")


@dataclass(frozen=True, slots=True)
class SetPlan:
    """The plans of all targets that have one, by name."""

    targets: tuple[PlannedTarget, ...]
    max_total_deletes: int

    @property
    def action(self) -> Action:
        """What is done, the same in all targets."""
        return Action(self.targets[0].action) if self.targets else Action.DELETE

    @property
    def count(self) -> int:
        """How many executions all plans have together."""
        return sum(target.count for target in self.targets)

    @property
    def plans_id(self) -> str:
        """The digest of every target with its plan, and of the cap for the whole."""
        about = [self.max_total_deletes, sorted(list(asdict(target).values()) for target in self.targets)]
        return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:_ID_LENGTH]

    @property
    def phrase(self) -> str:
        """What to confirm all of them with (contract: `fleet_sweep`)."""
        active = any(target.device_active for target in self.targets)
        what = f"{self.action} {self.count} in {len(self.targets)} targets"
        return f"{what} {self.plans_id}" + (_ACTIVE if active else "")

    def as_document(self) -> dict[str, Any]:
        """The set as `plan.json` holds it."""
        return {
            "schema": SCHEMA,
            "kind": KIND,
            "plans_id": self.plans_id,
            "phrase": self.phrase,
            "max_total_deletes": self.max_total_deletes,
            "targets": [asdict(target) for target in self.targets],
        }


def of_answers(answers: Sequence[TargetAnswer], *, max_total_deletes: int) -> SetPlan:
    """The set of the plans that the targets' answers name."""
    planned = [
        PlannedTarget(
            *(answer.name, str(answer.account), answer.region, str(answer.plan_id), answer.planned),
            *(answer.device_active, answer.action),
        )
        for answer in answers
        if answer.outcome == Outcome.PLANNED and answer.plan_id
    ]
    return SetPlan(tuple(sorted(planned, key=lambda each: each.name)), max_total_deletes)


def from_document(document: Mapping[str, Any]) -> SetPlan:
    """The set that `as_document` wrote. Raises InvalidInput for anything else, and for one that was edited."""
    try:
        if document["schema"] != SCHEMA or document["kind"] != KIND:
            raise InvalidInput(f"this is no plan of a fleet sweep of schema {SCHEMA}: make a new one")
        plan = SetPlan(tuple(_target(each) for each in document["targets"]), int(document["max_total_deletes"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(f"the plan of the fleet sweep cannot be read ({error!r}): make a new one") from error
    if len({target.action for target in plan.targets}) > 1:
        raise InvalidInput("the plan of the fleet sweep deletes in some targets and cancels in others: make a new one")
    if plan.plans_id != document.get("plans_id") or plan.phrase != document.get("phrase"):
        raise InvalidInput("the plan of the fleet sweep was edited since it was made: make a new one")
    return plan


def _target(document: Mapping[str, Any]) -> PlannedTarget:
    target = PlannedTarget(**document)
    Action(target.action)
    patterns = {"name": r"[A-Za-z0-9_-][A-Za-z0-9@._+-]*", "account": r"\d{12}", "plan_id": r"[0-9a-f]{32,64}"}
    for name, pattern in patterns.items():
        if not re.fullmatch(pattern, getattr(target, name)):
            raise ValueError(f"{name} is {getattr(target, name)!r}")
    if isinstance(target.count, bool) or not isinstance(target.count, int) or target.count < 1:
        raise ValueError(f"count is {target.count!r}")
    return target
