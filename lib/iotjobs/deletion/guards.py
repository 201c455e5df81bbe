"""The guards of a delete and of a cancel: each a small pure function, plan in, refusals out.

Those of one execution stand in `GUARDS`, those of a sweep's plan in `SWEEP_GUARDS`; both again when a plan is applied,
with what was read then. The others are asked at their own moment: the phrase when it is given, the last look right
before each call.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from iotjobs.deletion.caps import CapsInForce, Exceeded
from iotjobs.deletion.job_facts import JobFacts
from iotjobs.deletion.plan import DEVICE_ACTIVE_WORDS, Plan
from iotjobs.deletion.sweep_plan import LeftAlone, SweepPlan
from iotjobs.errors import Denied, IotJobsError
from iotjobs.model import Action, Execution, ExecutionKey, Identity, Status, same_moment, utc_text
from iotjobs.project_file import Project

_UTC = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
STALE_AFTER = timedelta(hours=24)


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


@dataclass(frozen=True, slots=True)
class ApplyContext:
    """Where, when and under which caps a plan is to be applied, and what was read anew for it.

    ``jobs``: each of the plan's jobs as it was read now, or the error. ``spent``: the targets to which nothing more is
    sent, since it was, or since they are gone; they count neither for nor against. ``job_totals``: how many executions
    each job has besides. ``started``: the plan was begun in this run directory.
    ``project``: the project file in force.
    """

    account: str
    region: str
    endpoint: str
    now: datetime
    caps: CapsInForce = field(default_factory=CapsInForce.by_default)
    jobs: Mapping[str, JobFacts | IotJobsError] = field(default_factory=dict)
    job_totals: Mapping[str, int] = field(default_factory=dict)
    spent: frozenset[Identity] = frozenset()
    started: bool = False
    project: Project = field(default_factory=Project)


# --------------------------------------------------------------------------------------------- one execution


def unfinished_needs_force(plan: Plan) -> list[Refusal]:
    """Refuse to delete QUEUED and IN_PROGRESS without force, and to cancel IN_PROGRESS without it.

    Prevents: a working device cut off from its job by a plain delete or cancel. For a delete stricter than some
    services on purpose: the reference allows only terminal executions without force. A cancel of what is QUEUED needs
    none (API: CancelJobExecution, `force`).
    """
    if plan.execution.finished or plan.force:
        return []
    if not plan.deletes:
        return _cancel_needs_force(plan) if plan.execution.status == Status.IN_PROGRESS else []
    return [
        Refusal(
            "unfinished_needs_force",
            f"{plan.key} is {plan.execution.status}: without force only an execution in a terminal state "
            "can be deleted. If the device can recover from losing it, ask again with force (--force)",
            plan.key,
        )
    ]


def _cancel_needs_force(plan: Plan) -> list[Refusal]:
    return [
        Refusal(
            "unfinished_needs_force",
            f"{plan.key} is IN_PROGRESS, and without force AWS cancels only what is QUEUED "
            "(InvalidStateTransitionException). If the device can recover from losing it, ask again with force "
            "(--force)",
            plan.key,
        )
    ]


def ended_needs_no_cancel(plan: Plan) -> list[Refusal]:
    """Refuse to cancel what has ended.

    Prevents: a cancel that AWS refuses (InvalidStateTransitionException), taken for a queue that was freed.
    """
    if plan.deletes or not plan.execution.finished:
        return []
    return [
        Refusal(
            "ended_needs_no_cancel",
            f"{plan.key} has ended: it is {plan.execution.status}, and holds back nothing. There is nothing to cancel; "
            "where its record is unwanted, delete_job_execution removes it, without force",
            plan.key,
        )
    ]


def version_is_expected(plan: Plan) -> list[Refusal]:
    """Refuse an execution that is at another version than the caller expects (API: `expectedVersion`).

    Prevents: a cancel of what a device took up or reported since the caller looked.
    """
    version = plan.execution.version_number
    if plan.expected_version in (None, version):
        return []
    return [
        Refusal(
            "version_is_expected",
            f"{plan.key} is {plan.execution.status} at version {version}, and expected_version is "
            f"{plan.expected_version}: it moved since. Look at it again, then ask with its version, or without",
            plan.key,
        )
    ]


GUARDS: tuple[Callable[[Plan], list[Refusal]], ...] = (
    unfinished_needs_force,
    ended_needs_no_cancel,
    version_is_expected,
)


def refusals(plan: Plan) -> list[Refusal]:
    """What all the guards say of a plan; empty when it may be confirmed."""
    return [refusal for guard in GUARDS for refusal in guard(plan)]


def phrase_must_match(plan: Plan, confirm: str) -> list[Refusal]:
    """Refuse a phrase that is not this plan's; one that says that the device works holds when it has stopped to.

    Prevents: yesterday's confirmation hitting a number used again since, and a constant word typed by habit.
    """
    given, bare = confirm.strip(), plan.phrase.removesuffix(DEVICE_ACTIVE_WORDS)
    if given in (plan.phrase, bare + DEVICE_ACTIVE_WORDS):
        return []
    key, queued = plan.key, utc_text(plan.execution.queued_at)
    then = re.match(rf"\w+ {re.escape(str(key))} queued ({_UTC})(?: at version (\d+))?", given)
    if then and then[1] != queued:
        why = f"this execution was queued at {queued}: it is another one that uses the number again"
    elif then and then[2] and int(then[2]) != plan.execution.version_number:
        why = f"it moved since: it is {plan.execution.status} at version {plan.execution.version_number} now"
    elif plan.device_active and given == bare:
        why = "the device is at work on it, and the phrase must say so"
    else:
        why = "the phrase is not that of this plan"
    return [Refusal("phrase_must_match", f"{why}; to go on, read the plan and confirm with: {plan.phrase}", key)]


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


def allowed_by_project(plan: Plan | SweepPlan, context: ApplyContext) -> list[Refusal]:
    """Refuse what the project file protects, accounts and names; its ceilings are among the caps.

    Prevents: what a team agreed to leave alone, deleted by somebody's parameters or by a plan made elsewhere.
    """
    project = context.project
    if reason := project.forbids_changes_in(context.account):
        return [Refusal("protected_account", reason)]
    keys = [plan.key] if isinstance(plan, Plan) else [each.key for each in plan.targets]
    why = {key: project.protects(key.job_id, key.thing_name) for key in keys}
    return [Refusal("protected", f"{key} must be left alone: {reason}", key) for key, reason in why.items() if reason]


# --------------------------------------------------------------------------------------------- a sweep's plan


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


def live_needs_force(plan: SweepPlan, _context: ApplyContext) -> list[Refusal]:
    """Refuse a sweep that would take QUEUED or IN_PROGRESS executions away without the wish to.

    Prevents: a rule by age that also catches what devices wait for or work on. A sweep that cancels names that wish
    itself; only what is IN_PROGRESS needs force then, as with AWS.
    """
    if plan.rule.force:
        return []
    if plan.rule.action == Action.CANCEL:
        working = [each for each in plan.targets if each.removal.execution.status == Status.IN_PROGRESS]
        return [refusal for each in working for refusal in _cancel_needs_force(each.removal)]
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
    return [refusal for each in plan.targets for refusal in ended_needs_no_cancel(each.removal)]


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
            refused.append(protection_unknown(job_id, facts))
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


def fresh_enough(plan: Plan | SweepPlan, context: ApplyContext) -> list[Refusal]:
    """Refuse a plan that is older than a day, or made in the future; one that was begun may be finished.

    Prevents: a plan that somebody forgot, applied to a fleet that has moved on.
    """
    age = context.now - plan.made_at
    if context.started or timedelta(minutes=-5) <= age <= STALE_AFTER:
        return []
    return [
        Refusal(
            "plan_stale",
            f"the plan was made at {utc_text(plan.made_at)}, and now it is {utc_text(context.now)}: a plan holds for "
            f"{STALE_AFTER.total_seconds() / 3600:.0f} h. Make a new one",
        )
    ]


def is_for_this_place(plan: Plan | SweepPlan, context: ApplyContext) -> list[Refusal]:
    """Refuse a plan of another account, region or endpoint.

    Prevents: the right plan at the wrong place, where the same names may exist.
    """
    then, now = ((each.account, each.region, each.endpoint) for each in (plan, context))
    if then == now:
        return []
    return [
        Refusal(
            "plan_foreign",
            f"the plan is for account {then[0]}, region {then[1]}, at {then[2]}, and this is account {now[0]}, region "
            f"{now[1]}, at {now[2]}: connect there, or make a plan here",
        )
    ]


SWEEP_GUARDS: tuple[Callable[[SweepPlan, ApplyContext], list[Refusal]], ...] = (
    fresh_enough,
    live_needs_force,
    cancels_the_unfinished,
    names_not_protected,
    owners_known,
    within_max_deletes,
    within_max_fraction,
    allowed_by_project,
)


def sweep_refusals(plan: SweepPlan, context: ApplyContext) -> list[Refusal]:
    """What all the guards say of a sweep's plan; empty when it may be confirmed."""
    return is_for_this_place(plan, context) or [refusal for guard in SWEEP_GUARDS for refusal in guard(plan, context)]


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


# ---------------------------------------------------------------------------------------- the run directory


def is_the_plan_in_progress(plan_id: str, started: str | None) -> list[Refusal]:
    """Refuse to apply a plan in a run directory in which another one was begun.

    Prevents: what one plan names deleted under the record of another, which could then never go on.
    """
    if started in (None, plan_id):
        return []
    return [
        Refusal(
            "other_plan_begun",
            f"this run directory holds another plan, begun as {started}: give another run_dir for this one, or repeat "
            "what began that one to go on with it",
        )
    ]


def unmatched_patterns(patterns: Sequence[str], names: set[str]) -> tuple[str, ...]:
    """The patterns that match none of the names."""
    return tuple(pattern for pattern in patterns if not any(fnmatchcase(name, pattern) for name in names))


def in_a_sentence(refused: Sequence[Refusal]) -> str:
    """What the guards say, each once: the first of its refusals, and how many more are like it."""
    by_guard: dict[str, list[Refusal]] = {}
    for refusal in refused:
        by_guard.setdefault(refusal.guard, []).append(refusal)
    sentences = [
        mine[0].message + (f" (and {len(mine) - 1} more like it)" if len(mine) > 1 else "")
        for mine in by_guard.values()
    ]
    return "; ".join(sentences)
