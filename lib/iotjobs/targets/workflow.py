"""The two fleet workflows: the same investigation, and the same planned sweep, on every target side by side.

What `fleet.ipynb` and `fleet_sweep.ipynb` call. Each target is a run of its own, in `targets/NAME/` of the run
directory.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from iotjobs import given_file
from iotjobs.deletion import plan_signature
from iotjobs.deletion.guards import Refusal
from iotjobs.errors import InvalidInput, RecordError, Refused
from iotjobs.model import Outcome
from iotjobs.targets import answers as of_targets
from iotjobs.targets import tasks
from iotjobs.targets.answers import GOOD, Identity, TargetAnswer, left_alone
from iotjobs.targets.dispatch import Progress, on_every_target, targets_of
from iotjobs.targets.set_plan import PlannedTarget, SetPlan, from_document, of_answers
from iotjobs.targets.target import Target
from iotjobs.workflows.sweep import rule_of

if TYPE_CHECKING:
    from iotjobs.run.directory import Session
    from iotjobs.run.run import Run

PLAN_FILE = "plan.json"
_CAPS = ("max_deletes", "max_fraction", "max_total_deletes")


@dataclass(frozen=True, slots=True)
class FleetView:
    """A fleet's run as it stands.

    ``answers``: how each target's run ended, in the order of their names. ``overview``: OVERVIEW_COLUMNS, most stuck
    first. ``plan``: the plans of a sweep as one, None without any. ``refusals``: why it may not be confirmed.
    ``applied``: whether it was carried out.
    """

    answers: tuple[TargetAnswer, ...] = ()
    overview: pd.DataFrame | None = None
    plan: SetPlan | None = None
    refusals: tuple[Refusal, ...] = ()
    dashboard: str = ""
    applied: bool = False

    @property
    def targets(self) -> pd.DataFrame:
        """One row a target: name, account, region, outcome, reason, and the counts of executions."""
        rows = [{**answer.as_document(), **answer.counts} for answer in self.answers]
        return pd.DataFrame(rows).drop(columns="counts", errors="ignore")


def fleet(run: Run, *, progress: Progress = lambda _line: None) -> FleetView:
    """Investigate every target, and put the tables side by side in `executions/`, by account and region.

    ``progress`` gets a line when a target has ended. Raises InvalidInput for targets that cannot be meant and for no
    scheduler at the address, and Denied where an Organization's accounts may not be listed. A target that fails is in
    the answers.
    """
    with run.session(needs_lock=False) as session:
        shutil.rmtree(session.directory.path / "executions", ignore_errors=True)  # of an earlier run in this directory
        done = on_every_target(run, targets_of(run), tasks.investigate_target, progress=progress)
        overview = of_targets.overview_of(done.answers)
        session.write_csv("overview.csv", overview)
        view = FleetView(done.answers, overview, dashboard=done.dashboard)
        _finish(run, view)
        return view


def plan_fleet(run: Run, *, progress: Progress = lambda _line: None) -> FleetView:
    """Make every target's plan; or take those of `plan_file`, or of this directory when they were begun or confirmed.

    Changes nothing in AWS. Raises as `fleet`.
    """
    with run.session() as session:
        _rule(run)
        plan = _earlier_plan(run, session)
        if plan is not None:
            return _offer(run, FleetView(plan=plan))
        done = on_every_target(run, targets_of(run), tasks.plan_target, progress=progress)
        plan = of_answers(done.answers, max_total_deletes=run.parameters["max_total_deletes"])
        if plan.targets:
            session.write_json(PLAN_FILE, plan_signature.signed(plan.as_document()))
        return _offer(run, FleetView(done.answers, plan=plan, dashboard=done.dashboard))


def apply_fleet(run: Run, view: FleetView, phrase: str | None, *, progress: Progress = lambda _line: None) -> FleetView:
    """Apply the approved set of plans, a target beside the other, each with its own journal; or go on with it."""
    plan = view.plan
    if plan is None or not plan.targets or view.refusals:
        return view
    with run.session() as session:
        started = session.started_plan_id()
        refused = _approval_refusals(run, plan, phrase)
        if started not in (None, plan.plans_id):
            refused.append(Refusal("is_the_plan_in_progress", "another set of plans was begun in this run directory"))
        if refused:
            return _refuse(run, replace(view, refusals=tuple(refused)))
        tasks.remove_stop(session.directory.path)
        if started is None:
            session.write_json(PLAN_FILE, plan_signature.signed(plan.as_document()))
            session.journal.write("begun", plan_id=plan.plans_id, count=plan.count, ticket=run.parameters["ticket"])
        planned = {each.name: each for each in plan.targets}

        def options(target: Target, who: Identity) -> Mapping[str, Any] | TargetAnswer:
            one = planned[target.name]
            if (who.account, target.region) != (one.account, one.region):
                why = (
                    f"its plan is for account {one.account}, {one.region}, and its credentials are of {who.account}, "
                    f"{target.region}: nothing was changed"
                )
                return left_alone(target, Outcome.REFUSED, why, account=who.account)
            earlier = tasks.ended_before(target, run_dir=run.directory.path, account=who.account, plan_id=one.plan_id)
            approved = {"plan_id": one.plan_id, "phrase": one.phrase, "read": phrase is not None}
            return earlier or {**approved, "values": _plan_file_of(run, one)}

        targets = [target for target in targets_of(run) if target.name in planned]
        done = on_every_target(run, targets, tasks.apply_target, options=options, progress=progress)
        missing = sorted(set(planned) - {target.name for target in targets})
        answers = [*done.answers, *(_not_named(planned[name]) for name in missing)]
        ended = replace(view, answers=tuple(answers), dashboard=done.dashboard, applied=True)
        _finish(run, ended)
        return ended


def fleet_sweep(run: Run, *, progress: Progress = lambda _line: None) -> FleetSweep:
    """A sweep of every target; makes no call. ``progress`` gets a line when a target has ended."""
    with run.recorded():
        _rule(run)
    return FleetSweep(run, progress)


class FleetSweep:
    """A fleet's sweep as a notebook holds it: ``view`` is how it stands."""

    def __init__(self, run: Run, progress: Progress) -> None:
        self.run = run
        self.view = FleetView()
        self._progress = progress

    def plan(self) -> FleetSweep:
        """Make every target's plan, see `plan_fleet`."""
        self.view = plan_fleet(self.run, progress=self._progress)
        return self

    def apply(self) -> FleetSweep:
        """Apply the plans if they are approved, see `apply_fleet`; without approval they stay plans."""
        phrase = self.run.parameters["confirm"]
        if phrase is not None or self.run.parameters["unattended"]:
            self.view = apply_fleet(self.run, self.view, phrase, progress=self._progress)
        return self


# -------------------------------------------------------------------------------------------------- which plans


def _rule(run: Run) -> None:
    """Check what the targets would each find wrong. Raises InvalidInput."""
    if run.parameters["plan_file"] is not None and "thing_groups" in run.parameters.given:
        raise InvalidInput("thing_groups cannot be given beside plan_file: a plan names its things")
    rule_of(run)


def _earlier_plan(run: Run, session: Session) -> SetPlan | None:
    """The plans in progress here, those of `plan_file`, or those that are confirmed; None when they are to be made.

    Raises InvalidInput, and RecordError when `plan.json` is not what was begun.
    """
    path = session.directory.path / PLAN_FILE
    started = session.started_plan_id()
    if started is not None:
        try:
            plan = _read(path)
        except InvalidInput as error:
            raise RecordError(f"the sweep of this run directory cannot go on: {error}") from error
        if plan.plans_id != started:
            raise RecordError("the sweep of this run directory cannot go on: plan.json is not the plan that was begun")
        return plan
    if run.parameters["plan_file"] is not None:
        return _read(Path(run.parameters["plan_file"]).expanduser())
    return _read(path) if run.parameters["confirm"] is not None and path.exists() else None


def _plan_file_of(run: Run, one: PlannedTarget) -> dict[str, str]:
    """Where a target's own plan lies, when the set's was given as a file."""
    if run.parameters["plan_file"] is None:
        return {}
    above = Path(run.parameters["plan_file"]).expanduser().absolute().parent
    return {"plan_file": str(tasks.directory_of(above, one.name) / PLAN_FILE)}


def _not_named(one: PlannedTarget) -> TargetAnswer:
    why = "it has a plan, and `targets` does not name it now: nothing was changed"
    return TargetAnswer(one.name, one.region, Outcome.REFUSED.value, why, account=one.account)


# ------------------------------------------------------------------------------------------------ how it stands


def _read(path: Path) -> SetPlan:
    try:
        document = given_file.parse_json(given_file.read_given(path))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"plan.json of the run directory cannot be read: {error}") from error
    bare, unsigned = plan_signature.take_off(document) if isinstance(document, dict) else ({}, "")
    if unsigned:
        raise Refused(f"the plan in {path.name} is not taken: {unsigned}; make a new plan here", guard="plan_unsigned")
    return from_document(bare)


def _total_refusals(plan: SetPlan, max_total_deletes: int) -> list[Refusal]:
    """Refuse a set of more than `max_total_deletes`; it is never cut to fit."""
    most = min(plan.max_total_deletes, max_total_deletes)
    if plan.count <= most:
        return []
    return [
        Refusal(
            "max_total_deletes",
            f"the plans have {plan.count} executions together, more than max_total_deletes ({most}): nothing is "
            "done anywhere. Narrow the rule, or plan again with a greater max_total_deletes if that is meant",
        )
    ]


def _another_action(run: Run, plan: SetPlan) -> list[Refusal]:
    """Refuse plans to delete where a cancel is asked for, and the other way round."""
    asked = run.parameters["action"]
    taken = run.parameters["plan_file"] is not None and "action" not in run.parameters.given
    if taken or asked == plan.action:
        return []
    why = f"the plans are to {plan.action}, and action is {asked}: give action {plan.action}, or make new plans"
    return [Refusal("plan_loosened", why)]


def _approval_refusals(run: Run, plan: SetPlan, phrase: str | None) -> list[Refusal]:
    refused = [*_another_action(run, plan), *_total_refusals(plan, run.parameters["max_total_deletes"])]
    if phrase is not None:
        if phrase.strip() != plan.phrase:
            why = f"this is not the phrase of these plans: read them, then confirm with: {plan.phrase}"
            refused.append(Refusal("phrase_must_match", why))
    else:
        missing = [name for name in _CAPS if name not in run.parameters.given]
        if missing:
            why = f"unattended needs {', '.join(missing)} given explicitly, since nobody reads the plans"
            refused.append(Refusal("unattended_needs_caps", why))
    return refused


def _offer(run: Run, view: FleetView) -> FleetView:
    plan = view.plan
    assert plan is not None  # noqa: S101 - for the type checker
    if not plan.targets:
        _finish(run, view)
        return view
    refused = [*_another_action(run, plan), *_total_refusals(plan, run.parameters["max_total_deletes"])]
    if refused:
        return _refuse(run, replace(view, refusals=tuple(refused)))
    outcome = of_targets.outcome_of(view.answers) if view.answers else Outcome.PLANNED
    begun = "" if not view.answers else f"{of_targets.reason_of(view.answers)}; "
    run.finish(
        outcome,
        reason=f"{begun}nothing was changed; confirm with the phrase to {plan.action} them",
        confirm=plan.phrase,
        counts={**of_targets.counts_of(view.answers), "planned": plan.count},
        targets=[answer.as_document() for answer in view.answers],
        plans_id=plan.plans_id,
    )
    return view


def _refuse(run: Run, view: FleetView) -> FleetView:
    run.finish(
        Outcome.REFUSED,
        reason="; ".join(refusal.message for refusal in view.refusals),
        refusals=[refusal.as_document() for refusal in view.refusals],
        counts=of_targets.counts_of(view.answers),
        targets=[answer.as_document() for answer in view.answers],
    )
    return view


def _finish(run: Run, view: FleetView) -> None:
    bad = [answer for answer in view.answers if Outcome(answer.outcome) not in GOOD]
    run.finish(
        of_targets.outcome_of(view.answers),
        reason=of_targets.reason_of(view.answers),
        counts=of_targets.counts_of(view.answers),
        warnings=[f"target {answer.name}: {answer.reason}" for answer in bad],
        targets=[answer.as_document() for answer in view.answers],
    )
