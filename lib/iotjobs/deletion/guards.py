"""The guards of a delete: each a small pure function, plan in, refusals out.

Those of one execution stand in `GUARDS`, those of a sweep's plan in `SWEEP_GUARDS`; the others are asked at their own
moment: the phrase when it is given, the drift right before each delete.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from iotjobs.deletion.plan import DEVICE_ACTIVE_WORDS, Plan
from iotjobs.deletion.rule import SweepRule
from iotjobs.deletion.sweep_plan import SweepPlan
from iotjobs.errors import Denied, IotJobsError
from iotjobs.model import Execution, ExecutionKey, same_moment, utc_text

_UTC = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
STALE_AFTER = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a guard said no, and what would make it pass; ``key`` is None where it is about a whole plan."""

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


@dataclass(frozen=True, slots=True)
class ApplyContext:
    """Where and when a plan is to be applied."""

    account: str
    region: str
    now: datetime


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
    if confirm.strip().removesuffix(DEVICE_ACTIVE_WORDS) == plan.phrase.removesuffix(DEVICE_ACTIVE_WORDS) and (
        not plan.works or confirm.strip().endswith(DEVICE_ACTIVE_WORDS)
    ):
        return []
    key, queued = plan.execution.key, utc_text(plan.execution.queued_at)
    given = confirm.strip()
    then = re.match(rf"delete {key} queued ({_UTC})", given)
    if then and then[1] != queued:
        why = f"this execution was queued at {queued}: it is another one that uses the number again"
    elif plan.works and given == plan.phrase.removesuffix(DEVICE_ACTIVE_WORDS):
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
    if not same_moment(now.queued_at, then.queued_at):
        change = f"its number was used again: queued {utc_text(now.queued_at)}, not {utc_text(then.queued_at)}"
    elif now.status != then.status:
        change = f"it is {now.status} now and was {then.status}"
    elif now.version_number != then.version_number:
        change = f"its version is {now.version_number} now and was {then.version_number}: the device reported"
    else:
        return []
    return [Refusal("drifted", f"{key} moved since the plan: {change}; look again and make a new plan", key)]


def newest_is_meant(plan: Plan, newest: int | None) -> list[Refusal]:
    """Refuse to cancel an execution that is not its thing's newest one of the job.

    Prevents: a cancel that hits another execution, since `CancelJobExecution` takes no number.
    """
    key = plan.execution.key
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


def protection_unknown(job_id: str, error: IotJobsError) -> Refusal:
    """Refuse to touch a job of which it could not be read who owns it.

    Prevents: a deployment of Greengrass taken for the account's own job, because its namespace was not read.
    """
    lacks = f" ({error.action} is missing)" if isinstance(error, Denied) and error.action else ""
    return Refusal(
        "protection_unknown",
        f"whether a service such as Greengrass owns job {job_id} is not known{lacks}: {error}. Nothing of it may be "
        "deleted until DescribeJob answers (permission iot:DescribeJob)",
        job_id=job_id,
    )


def live_needs_force(plan: SweepPlan, _here: ApplyContext) -> list[Refusal]:
    """Refuse a sweep that would take QUEUED or IN_PROGRESS executions away without the wish to.

    Prevents: a rule by age that also catches what devices wait for or work on.
    """
    live = [each.removal.execution for each in plan.targets if not each.removal.execution.finished]
    if plan.rule.force:
        return []
    return [
        Refusal(
            "unfinished_needs_force",
            f"{one.key} is {one.status}: without force only executions in a terminal state are swept. Ask with force, "
            "or narrow the rule, such as by statuses",
            one.key,
        )
        for one in live
    ]


def within_max_deletes(plan: SweepPlan, _here: ApplyContext) -> list[Refusal]:
    """Refuse a plan of more than `max_deletes`; it is never cut to fit.

    Prevents: a rule that matches more than anybody thought, deleting the first so many.
    """
    return too_many(len(plan.targets), plan.caps.max_deletes)


def too_many(count: int, max_deletes: int) -> list[Refusal]:
    """Refuse a number of deletes over the cap, also before there is a plan."""
    if count <= max_deletes:
        return []
    return [
        Refusal(
            "max_deletes",
            f"the rule matches {count} executions, more than max_deletes ({max_deletes}): nothing is deleted. Narrow "
            f"the rule, or plan again with max_deletes of at least {count} if all of them are meant",
        )
    ]


def within_max_fraction(plan: SweepPlan, _here: ApplyContext) -> list[Refusal]:
    """Refuse a plan that has more than `max_fraction` of a job's executions.

    Prevents: a whole job swept away, history and all, by a rule meant for its stragglers.
    """
    counts = Counter(each.key.job_id for each in plan.targets)
    refused = []
    for job_id, count in sorted(counts.items()):
        total = plan.job_totals.get(job_id, 0)
        if count > plan.caps.max_fraction * total + 1e-9:
            needed = f"{count / total:.2g}" if total else "any"
            refused.append(
                Refusal(
                    "max_fraction",
                    f"the rule matches {count} of the {total} executions of job {job_id} ({needed}), more than "
                    f"max_fraction ({plan.caps.max_fraction:g}): nothing is deleted. Narrow the rule, or plan again "
                    "with a greater max_fraction if that is meant",
                )
            )
    return refused


def fresh_enough(plan: SweepPlan, here: ApplyContext) -> list[Refusal]:
    """Refuse a plan that is older than a day, or made in the future.

    Prevents: a plan that somebody forgot, applied to a fleet that has moved on.
    """
    age = here.now - plan.made_at
    if timedelta(minutes=-5) <= age <= STALE_AFTER:
        return []
    return [
        Refusal(
            "plan_stale",
            f"the plan was made at {utc_text(plan.made_at)}, and now it is {utc_text(here.now)}: a plan holds for "
            f"{STALE_AFTER.total_seconds() / 3600:.0f} h. Make a new one",
        )
    ]


def made_here(plan: SweepPlan, here: ApplyContext) -> list[Refusal]:
    """Refuse a plan of another account or region.

    Prevents: the right plan at the wrong place, where the same names may exist.
    """
    if (plan.account, plan.region) == (here.account, here.region):
        return []
    return [
        Refusal(
            "plan_foreign",
            f"the plan is for account {plan.account}, region {plan.region}, and this is account {here.account}, region "
            f"{here.region}: connect there, or make a plan here",
        )
    ]


def same_sweep(begun: SweepPlan, meant: SweepRule | SweepPlan) -> list[Refusal]:
    """Refuse another rule or plan in a run directory whose sweep was begun; a pruned one is still the same.

    Prevents: a scheduled sweep that confirms itself and, in a directory used again, carries out what an earlier rule
    chose; and one that is said to be applied although nothing of it was done.
    """
    if isinstance(meant, SweepRule):
        same = meant == begun.rule
    else:
        named = [each.identity for each in meant.targets]
        here = (meant.account, meant.region) == (begun.account, begun.region)
        same = here and all(each.identity in named for each in begun.targets)
    if same:
        return []
    return [
        Refusal(
            "other_plan_begun",
            f"this run directory holds another sweep, begun with plan {begun.plan_id}: give another run_dir for this "
            "one, or repeat the rule or the plan_file of that one to go on with it",
        )
    ]


def no_sweep_begun(entries: Sequence[Mapping[str, Any]]) -> list[Refusal]:
    """Refuse to plan the delete of one execution in the run directory of a sweep that was begun.

    Prevents: its plan.json written over, without which a sweep that was stopped can never go on.
    """
    ids = [entry["plan_id"] for entry in entries if entry["event"] == "begun"]
    if not ids:
        return []
    return [
        Refusal(
            "other_plan_begun",
            f"this run directory holds a sweep, begun with plan {ids[-1]}: give another run_dir for this delete",
        )
    ]


def in_a_sentence(refusals: Sequence[Refusal]) -> str:
    """What the guards say, each once: the first of its refusals, and how many more are like it."""
    by_guard: dict[str, list[Refusal]] = {}
    for refusal in refusals:
        by_guard.setdefault(refusal.guard, []).append(refusal)
    more = {guard: len(mine) - 1 for guard, mine in by_guard.items()}
    said = [
        mine[0].message + (f" (and {more[guard]} more like it)" if more[guard] else "")
        for guard, mine in by_guard.items()
    ]
    return "; ".join(said)


SWEEP_GUARDS: tuple[Callable[[SweepPlan, ApplyContext], list[Refusal]], ...] = (
    made_here,
    fresh_enough,
    live_needs_force,
    within_max_deletes,
    within_max_fraction,
)


def sweep_refusals(plan: SweepPlan, here: ApplyContext) -> list[Refusal]:
    """What all the guards say of a sweep's plan; empty when it may be confirmed."""
    return [refusal for guard in SWEEP_GUARDS for refusal in guard(plan, here)]


def sweep_phrase_must_match(plan: SweepPlan, confirm: str) -> list[Refusal]:
    """Refuse a phrase that is not this plan's: it counts the executions and names the plan.

    Prevents: a constant word typed by habit, and a confirmation of what has changed since.
    """
    given = confirm.strip()
    bare = plan.phrase.removesuffix(DEVICE_ACTIVE_WORDS)
    if given == plan.phrase or given == bare + DEVICE_ACTIVE_WORDS:  # it may have stopped to work since
        return []
    working = plan.works and given == bare
    why = "a device is at work on one of them, and the phrase must say so" if working else "this is not its phrase"
    return [Refusal("phrase_must_match", f"{why}: read the plan, then confirm with: {plan.phrase}")]
