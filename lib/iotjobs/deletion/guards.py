"""The guards of a delete and of a cancel: each a small pure function, plan in, refusals out.

Those of one execution stand in `GUARDS`; a sweep's plan has its own in `sweep_guards.py`, and the last look right
before each call those of `last_look.py`. The others here are asked at their own moment: the phrase when it is given,
where and under which project a plan is applied when it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from iotjobs.deletion.caps import CapsInForce
from iotjobs.deletion.job_facts import JobFacts
from iotjobs.deletion.plan import DEVICE_ACTIVE_WORDS, Plan
from iotjobs.deletion.refusal import Refusal
from iotjobs.deletion.sweep_plan import SweepPlan
from iotjobs.errors import Denied, IotJobsError
from iotjobs.model import Identity, Status, utc_text
from iotjobs.project_file import Project

_UTC = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
STALE_AFTER = timedelta(hours=24)


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


def unfinished_needs_force(plan: Plan) -> list[Refusal]:
    """Refuse to delete QUEUED and IN_PROGRESS without force, and to cancel IN_PROGRESS without it.

    Prevents: a working device cut off from its job by a plain delete or cancel. For a delete stricter than some
    services on purpose: the reference allows only terminal executions without force. A cancel of what is QUEUED needs
    none (API: CancelJobExecution, `force`).
    """
    if plan.execution.finished or plan.force:
        return []
    if not plan.deletes:
        return cancel_needs_force(plan) if plan.execution.status == Status.IN_PROGRESS else []
    return [
        Refusal(
            "unfinished_needs_force",
            f"{plan.key} is {plan.execution.status}: without force only an execution in a terminal state "
            "can be deleted. If the device can recover from losing it, ask again with force (--force)",
            plan.key,
        )
    ]


def cancel_needs_force(plan: Plan) -> list[Refusal]:
    """Refuse to cancel what is IN_PROGRESS without force."""
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
    phrase, bare = confirm.strip(), plan.phrase.removesuffix(DEVICE_ACTIVE_WORDS)
    if phrase in (plan.phrase, bare + DEVICE_ACTIVE_WORDS):
        return []
    key, queued = plan.key, utc_text(plan.execution.queued_at)
    then = re.match(rf"\w+ {re.escape(str(key))} queued ({_UTC})(?: at version (\d+))?", phrase)
    if then and then[1] != queued:
        why = f"this execution was queued at {queued}: it is another one that uses the number again"
    elif then and then[2] and int(then[2]) != plan.execution.version_number:
        why = f"it moved since: it is {plan.execution.status} at version {plan.execution.version_number} now"
    elif plan.device_active and phrase == bare:
        why = "the device is at work on it, and the phrase must say so"
    else:
        why = "the phrase is not that of this plan"
    return [Refusal("phrase_must_match", f"{why}; to go on, read the plan and confirm with: {plan.phrase}", key)]


def allowed_by_project(plan: Plan | SweepPlan, context: ApplyContext) -> list[Refusal]:
    """Refuse what the project file protects: accounts and names.

    Prevents: what a team agreed to leave alone, deleted by somebody's parameters or by a plan made elsewhere.
    """
    project = context.project
    if reason := project.forbids_changes_in(context.account):
        return [Refusal("protected_account", reason)]
    keys = [plan.key] if isinstance(plan, Plan) else [each.key for each in plan.targets]
    why = {key: project.protects(key.job_id, key.thing_name) for key in keys}
    return [Refusal("protected", f"{key} must be left alone: {reason}", key) for key, reason in why.items() if reason]


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
