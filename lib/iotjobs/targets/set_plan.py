"""The plans of many targets as one: its phrase carries every plan's id, its file every target. Pure.

`RUN_DIR/plan.json` holds it; each target's own plan lies in `RUN_DIR/targets/NAME/plan.json`. Like a sweep's digest,
the one here shows accidents; what each target's plan claims is read again when it is applied.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from operator import attrgetter
from typing import Any

from iotjobs.errors import InvalidInput
from iotjobs.model import Action, Outcome
from iotjobs.targets.answers import TargetAnswer
from iotjobs.targets.target import ACCOUNT, REGION, TARGET_NAME

SCHEMA = 3
KIND = "fleet_sweep"
_ID_LENGTH = 32
_PLAN_ID = re.compile(r"[0-9a-f]{32,64}")
_MOST = 10**9  # executions, far more than any fleet has
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
class Unplanned:
    """A target without a plan, and why: nothing is done there, and every result of the set names it."""

    name: str
    account: str | None
    region: str
    outcome: str
    reason: str

    def as_answer(self) -> TargetAnswer:
        """The target's answer in the result of a run that applies the set."""
        reason = self.reason if self.outcome == Outcome.NOTHING_TO_DO else f"no plan was made: {self.reason}"
        return TargetAnswer(self.name, self.region, self.outcome, reason, account=self.account)


@dataclass(frozen=True, slots=True)
class SetPlan:
    """The plans of all targets that have one, by name, and the targets that have none."""

    targets: tuple[PlannedTarget, ...]
    max_total_deletes: int
    unplanned: tuple[Unplanned, ...] = ()

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
        """The digest of every target with its plan or why it has none, and of the cap for the whole."""
        targets = [astuple(target) for target in self.targets]
        about = [self.max_total_deletes, targets, [astuple(target) for target in self.unplanned]]
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
            "unplanned": [asdict(target) for target in self.unplanned],
        }


def of_answers(answers: Sequence[TargetAnswer], *, max_total_deletes: int) -> SetPlan:
    """The set of the plans that the targets' answers name, by their names."""
    planned = [
        PlannedTarget(
            *(answer.name, str(answer.account), answer.region, str(answer.plan_id), answer.planned),
            *(answer.device_active, answer.action),
        )
        for answer in answers
        if answer.outcome == Outcome.PLANNED and answer.plan_id
    ]
    names = {each.name for each in planned}
    others = [
        Unplanned(answer.name, answer.account, answer.region, answer.outcome, answer.reason)
        for answer in answers
        if answer.name not in names
    ]
    by_name = attrgetter("name")
    return SetPlan(tuple(sorted(planned, key=by_name)), max_total_deletes, tuple(sorted(others, key=by_name)))


def from_document(document: Mapping[str, Any]) -> SetPlan:
    """The set that `as_document` wrote. Raises InvalidInput for anything else, and for one that was edited."""
    try:
        if document["schema"] != SCHEMA or document["kind"] != KIND:
            raise InvalidInput(f"this is not a plan of a fleet sweep of schema {SCHEMA}: make a new one")
        plan = SetPlan(
            tuple(_target(each) for each in document["targets"]),
            _count(document["max_total_deletes"], "max_total_deletes"),
            tuple(_unplanned(each) for each in document["unplanned"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(f"the plan of the fleet sweep cannot be read ({error!r}): make a new one") from error
    if len({target.action for target in plan.targets}) > 1:
        raise InvalidInput("the plan of the fleet sweep deletes in some targets and cancels in others: make a new one")
    names = [*(each.name for each in plan.targets), *(each.name for each in plan.unplanned)]
    if len(set(names)) < len(names):
        raise InvalidInput("the plan of the fleet sweep names a target twice: make a new one")
    if plan.plans_id != document.get("plans_id") or plan.phrase != document.get("phrase"):
        raise InvalidInput("the plan of the fleet sweep was edited since it was made: make a new one")
    return plan


def _unplanned(document: Mapping[str, Any]) -> Unplanned:
    target = Unplanned(**document)
    _matches(target.name, TARGET_NAME, "name")
    _matches(target.region, REGION, "region")
    if target.account is not None:
        _matches(target.account, ACCOUNT, "account")
    if not isinstance(target.reason, str):
        raise TypeError(f"reason is {target.reason!r}")
    return replace(target, outcome=Outcome(target.outcome).value)


def _target(document: Mapping[str, Any]) -> PlannedTarget:
    target = PlannedTarget(**document)
    patterns = {"name": TARGET_NAME, "account": ACCOUNT, "region": REGION, "plan_id": _PLAN_ID}
    for name, pattern in patterns.items():
        _matches(getattr(target, name), pattern, name)
    if _count(target.count, "count") < 1 or not isinstance(target.device_active, bool):
        raise ValueError(f"count is {target.count!r}, and device_active {target.device_active!r}")
    return replace(target, action=Action(target.action).value)


def _matches(value: object, pattern: re.Pattern[str], name: str) -> None:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError(f"{name} is {value!r}")


def _count(value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST:
        raise ValueError(f"{name} is {value!r}")
    return value
