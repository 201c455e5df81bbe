"""The guards of a sweep's plan, in the list `SWEEP_GUARDS`: asked when it is made, and again when it is applied.

The others are asked at their own moment: the phrase when it is given, the caps of an unattended sweep before it begins.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from iotjobs.deletion import guards
from iotjobs.deletion.caps import Exceeded
from iotjobs.deletion.guards import ApplyContext
from iotjobs.deletion.plan import DEVICE_ACTIVE_WORDS
from iotjobs.deletion.refusal import Refusal
from iotjobs.deletion.sweep_plan import LeftAlone, SweepPlan
from iotjobs.errors import IotJobsError
from iotjobs.model import Action, Status


def live_needs_force(plan: SweepPlan, _context: ApplyContext) -> list[Refusal]:
    """Refuse a sweep that would take QUEUED or IN_PROGRESS executions away without the wish to.

    Prevents: a rule by age that also catches what devices wait for or work on. A sweep that cancels names that wish
    itself; only what is IN_PROGRESS needs force then, as with AWS.
    """
    if plan.rule.force:
        return []
    if plan.rule.action == Action.CANCEL:
        working = [each for each in plan.targets if each.removal.execution.status == Status.IN_PROGRESS]
        return [refusal for each in working for refusal in guards.cancel_needs_force(each.removal)]
    return [
        Refusal(
            "unfinished_needs_force",
            f"{each.key} is {each.removal.execution.status}: without force only executions in a terminal state are "
            "swept. Ask with force, or narrow the rule, such as by statuses",
            each.key,
        )
        for each in plan.targets
        if not each.removal.execution.finished
    ]


def cancels_the_unfinished(plan: SweepPlan, _context: ApplyContext) -> list[Refusal]:
    """Refuse a plan to cancel with an execution that has ended.

    Prevents: a plan that was put together by other means than its rule.
    """
    return [refusal for each in plan.targets for refusal in guards.ended_needs_no_cancel(each.removal)]


def within_max_deletes(plan: SweepPlan, context: ApplyContext) -> list[Refusal]:
    """Refuse a plan of more than `max_deletes`; it is never cut to fit.

    Prevents: a rule that matches more than anybody thought, deleting the first so many.
    """
    return over_caps(context.caps.exceeded_by(len(plan.targets)))


def within_max_fraction(plan: SweepPlan, context: ApplyContext) -> list[Refusal]:
    """Refuse a plan that has more than `max_fraction` of a job's executions, by the plan and by what is there now.

    Prevents: a whole job swept away, history and all, by a rule meant for its stragglers.
    """
    return over_caps(context.caps.exceeded_by(0, _of_each_job(plan, context)))


def over_caps(exceeded: Sequence[Exceeded]) -> list[Refusal]:
    """Refuse what exceeds a cap, also before there is a plan."""
    return [Refusal(each.cap.name, str(each), job_id=each.job_id) for each in exceeded]


def _of_each_job(plan: SweepPlan, context: ApplyContext) -> list[tuple[str, int, int]]:
    """Each job with how many of its executions the plan has, and how many there are, by the plan or now."""
    counts = Counter(each.key.job_id for each in plan.targets if each.identity not in context.spent)
    spent = Counter(identity.job_id for identity in context.spent)
    totals = {job_id: plan.job_totals.get(job_id, 0) - spent[job_id] for job_id in counts}
    return [
        (job_id, count, min(totals[job_id], context.job_totals.get(job_id, totals[job_id])))
        for job_id, count in sorted(counts.items())
    ]


def owners_known(_plan: SweepPlan, context: ApplyContext) -> list[Refusal]:
    """Refuse a plan with a job that a service owns, or of which that is not known now, whatever the plan says.

    Prevents: a plan that somebody else made, believed about who owns what it deletes.
    """
    refused = []
    for job_id, facts in sorted(context.jobs.items()):
        if isinstance(facts, IotJobsError):
            refused.append(guards.protection_unknown(job_id, facts))
        elif facts.owner:
            refused.append(Refusal("protected", f"job {job_id} belongs to {facts.owner}: leave it out", job_id=job_id))
    return refused


def names_not_protected(plan: SweepPlan, _context: ApplyContext) -> list[Refusal]:
    """Refuse a plan with a name that its own rule protects.

    Prevents: a plan that was put together by other means than its rule.
    """
    why = {each.key: plan.rule.protects(each.key.job_id, each.key.thing_name) for each in plan.targets}
    return [Refusal("protected", f"{key} must be left alone: {reason}", key) for key, reason in why.items() if reason]


def left_alone(protected: Sequence[LeftAlone]) -> tuple[Refusal, ...]:
    """What fits a rule and is protected, as refusals."""
    return tuple(Refusal("protected", f"{each.key} is left alone: {each.why}", each.key) for each in protected)


SWEEP_GUARDS: tuple[Callable[[SweepPlan, ApplyContext], list[Refusal]], ...] = (
    guards.fresh_enough,
    live_needs_force,
    cancels_the_unfinished,
    names_not_protected,
    owners_known,
    within_max_deletes,
    within_max_fraction,
    guards.allowed_by_project,
)


def sweep_refusals(plan: SweepPlan, context: ApplyContext) -> list[Refusal]:
    """What all the guards say of a sweep's plan; empty when it may be confirmed."""
    return guards.is_for_this_place(plan, context) or [
        refusal for guard in SWEEP_GUARDS for refusal in guard(plan, context)
    ]


def sweep_phrase_must_match(plan: SweepPlan, confirm: str) -> list[Refusal]:
    """Refuse a phrase that is not this plan's: it counts the executions and names the plan.

    Prevents: a constant word typed by habit, and a confirmation of what has changed since.
    """
    if confirm.strip() == plan.phrase:
        return []
    active = plan.device_active and confirm.strip() == plan.phrase.removesuffix(DEVICE_ACTIVE_WORDS)
    why = (
        "a device is at work on one of them, and the phrase must say so"
        if active
        else "this is not its phrase, which holds for one plan alone: that of its run_dir or plan_file"
    )
    return [Refusal("phrase_must_match", f"{why}. Read the plan, then confirm with: {plan.phrase}")]


def unattended_is_safe(plan: SweepPlan, missing_caps: Sequence[str]) -> list[Refusal]:
    """Refuse a sweep that confirms itself without caps of its own, or with a pattern that protects nothing.

    Prevents: nobody having read what a default lets through, or that `prod` was meant to be `prod-*`.
    """
    refused = []
    if missing_caps:
        why = f"unattended needs {' and '.join(missing_caps)} given explicitly, since nobody reads the plan"
        refused.append(Refusal("unattended_needs_caps", f"{why}: give them, or confirm with the phrase"))
    if plan.reading.unmatched:
        names = ", ".join(plan.reading.unmatched)
        why = f"the protect pattern {names} matches no job and no thing that was read, and nobody reads the plan"
        refused.append(Refusal("protect_matches_nothing", f"{why}: correct it, or confirm with the phrase"))
    return refused
