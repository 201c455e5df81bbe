"""The guards of the last look, right before a call: is it still what was approved? Pure: then and now in, refusals out.

The executor asks them at every attempt, see `step.py`.
"""

from __future__ import annotations

from datetime import datetime

from iotjobs.deletion.job_facts import JobFacts
from iotjobs.deletion.plan import Plan
from iotjobs.deletion.refusal import Refusal, in_a_sentence
from iotjobs.model import Execution, ExecutionKey, same_moment, utc_text


class Drifted(Exception):
    """It is not as it was approved; nothing was sent. ``refusals`` say why."""

    def __init__(self, refused: list[Refusal]) -> None:
        super().__init__(in_a_sentence(refused))
        self.refusals = refused


def unchanged(then: Execution, now: Execution | None) -> list[Refusal]:
    """Refuse when identity, status or version moved between the plan and the call.

    Prevents: deleting what a device just took up or finished, and a late delete of a reused number.
    """
    key = then.key
    if now is None:
        return [Refusal("drifted", f"{key} is gone since the plan", key)]
    if not same_moment(now.queued_at, then.queued_at):
        change = f"its number was used again: queued {utc_text(now.queued_at)}, not {utc_text(then.queued_at)}"
    elif now.status != then.status:
        change = f"it is {now.status} now and was {then.status}"
    elif now.version_number != then.version_number:
        change = f"its version is {now.version_number} now and was {then.version_number}: the device reported"
    else:
        return []
    return [Refusal("drifted", f"{key} moved since the plan: {change}; look again and make a new plan", key)]


def newest_is_meant(key: ExecutionKey, newest: int | None) -> list[Refusal]:
    """Refuse to cancel an execution that is not its thing's newest one of the job.

    Prevents: a cancel that hits another execution, since `CancelJobExecution` takes no number.
    """
    if newest == key.execution_number:
        return []
    return [
        Refusal(
            "newest_is_meant",
            f"{key} cannot be cancelled: number {newest} of the same job is newer on {key.thing_name}, and "
            "CancelJobExecution, which takes no number, would hit that one",
            key,
        )
    ]


def is_the_one_chosen(plan: Plan, queued_at: datetime) -> list[Refusal]:
    """Refuse another execution than the one that a person chose from a table.

    Prevents: a plan for what is under the number by now, since a number is used again after a delete.
    """
    then, now = utc_text(queued_at), utc_text(plan.execution.queued_at)
    if then == now:
        return []
    return [
        Refusal(
            "is_the_one_chosen",
            f"{plan.key} was queued at {then} when it was chosen, and what has its number now at {now}: look again, "
            "and choose from what is there",
            plan.key,
        )
    ]


def job_unchanged(plan: Plan, now: JobFacts) -> list[Refusal]:
    """Refuse when the job's owner is not the one of the plan, or AWS began to cancel the job since.

    Prevents: an execution that Greengrass owns taken for the account's own, and a cancel of our own on top of AWS's.
    """
    key, context = plan.key, plan.queue_context
    if now.owner != context.owner:
        return [Refusal("protected", f"{key} is left alone: its job belongs to {now.owner or 'no service'} now", key)]
    if now.canceling and not context.canceling and not plan.execution.finished:
        why = f"{key}: AWS is cancelling job {key.job_id} since the plan, and ends its executions: wait for it"
        return [Refusal("drifted", why, key)]
    return []


def cause_unchanged(key: ExecutionKey, then: str, now: str) -> list[Refusal]:
    """Refuse what a rule chose by its cause when that cause no longer holds.

    Prevents: a device that was offline when the plan was made, and is online and about to start now.
    """
    if then == now:
        return []
    return [Refusal("drifted", f"{key} moved since the plan: its cause was {then} and is {now or 'none'} now", key)]
