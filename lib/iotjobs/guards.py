"""The guards of a delete: each a small pure function, plan in, refusals out. They stand in `GUARDS`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from iotjobs.domain import Execution, ExecutionKey, utc_text
from iotjobs.plan import AT_WORK_WORDS, Plan


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a guard said no, and what would make it pass."""

    guard: str
    message: str
    key: ExecutionKey

    def as_document(self) -> dict[str, Any]:
        """The refusal as `result.json` holds it."""
        return {
            "guard": self.guard,
            "message": self.message,
            "job_id": self.key.job_id,
            "thing_name": self.key.thing_name,
            "execution_number": self.key.execution_number,
        }


def unfinished_needs_force(plan: Plan) -> list[Refusal]:
    """Refuse QUEUED and IN_PROGRESS without force.

    Prevents: a working device cut off from its job by a plain delete. Stricter than some services on purpose:
    the reference allows only terminal executions without force.
    """
    if plan.execution.finished or plan.force:
        return []
    return [
        Refusal(
            "unfinished_needs_force",
            f"{plan.execution.key} is {plan.execution.status}: without force only an execution in a terminal state "
            "can be deleted. If the device can recover from losing it, ask again with force (--force)",
            plan.execution.key,
        )
    ]


GUARDS: tuple[Callable[[Plan], list[Refusal]], ...] = (unfinished_needs_force,)


def refusals(plan: Plan) -> list[Refusal]:
    """What all the guards say of a plan; empty when it may be confirmed."""
    return [refusal for guard in GUARDS for refusal in guard(plan)]


def phrase_must_match(plan: Plan, confirm: str) -> list[Refusal]:
    """Refuse a phrase that is not this plan's.

    Prevents: yesterday's confirmation hitting a number used again since, and a constant word typed by habit.
    """
    if confirm.strip().removesuffix(AT_WORK_WORDS) == plan.phrase.removesuffix(AT_WORK_WORDS) and (
        not plan.works or confirm.strip().endswith(AT_WORK_WORDS)
    ):
        return []
    key, queued = plan.execution.key, utc_text(plan.execution.queued_at)
    given = confirm.strip()
    if given.startswith(f"delete {key} queued ") and queued not in given:
        why = f"this execution was queued at {queued}: it is another one that uses the number again"
    elif plan.works and given == plan.phrase.removesuffix(AT_WORK_WORDS):
        why = "the device is at work on it, and the phrase must say so"
    else:
        why = "the phrase is not that of this plan"
    return [Refusal("phrase_must_match", f"{why}; to delete it, confirm with: {plan.phrase}", key)]


def unchanged_since_plan(plan: Plan, now: Execution | None) -> list[Refusal]:
    """Refuse when identity, status or version moved between the plan and the delete.

    Prevents: deleting what a device just took up or finished, and a late delete of a reused number.
    """
    then, key = plan.execution, plan.execution.key
    if now is None:
        return [Refusal("drifted", f"{key} is gone since the plan; nothing was done", key)]
    if now.queued_at != then.queued_at:
        change = f"its number was used again: queued {utc_text(now.queued_at)}, not {utc_text(then.queued_at)}"
    elif now.status != then.status:
        change = f"it is {now.status} now and was {then.status}"
    elif now.version_number != then.version_number:
        change = f"its version is {now.version_number} now and was {then.version_number}: the device reported"
    else:
        return []
    return [Refusal("drifted", f"{key} moved since the plan: {change}; look again and make a new plan", key)]
