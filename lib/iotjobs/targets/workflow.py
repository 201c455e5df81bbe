"""The two fleet workflows: the same investigation, and the same planned sweep, on every target side by side.

What `fleet.ipynb` and `fleet_sweep.ipynb` call. Each target is a run of its own, in `targets/NAME/` of the run
directory.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iotjobs import given_file
from iotjobs.deletion import plan_file, plan_signature
from iotjobs.deletion.refusal import Refusal
from iotjobs.errors import InvalidInput, RecordError, Refused
from iotjobs.model import Action, Outcome
from iotjobs.sweep_rule import require_in_plan
from iotjobs.targets import table, tasks
from iotjobs.targets.answers import Identity, TargetAnswer, left_alone
from iotjobs.targets.dispatch import Everywhere, Progress, on_every_target, targets_of
from iotjobs.targets.history import history_of
from iotjobs.targets.set_plan import PlannedTarget, SetPlan, from_document, of_answers
from iotjobs.targets.target import Target
from iotjobs.targets.view import FleetView, finish, offer, raise_if_interrupted, refuse, set_refusals
from iotjobs.workflows.sweep_planning import rule_of

if TYPE_CHECKING:
    from iotjobs.run.directory import Session
    from iotjobs.run.run import Run

_CAPS = ("max_deletes", "max_fraction", "max_total_deletes")
_GRACE_S = 30.0  # an execution that is being deleted is seen through
_DONE_BY = {Action.DELETE: "deleted", Action.CANCEL: "cancelled"}
_DONE = ("deleted", "gone", "drifted", "failed", "unsettled", "cancelled")


def fleet(run: Run, *, progress: Progress = lambda _line: None) -> FleetView:
    """Investigate every target, and put the tables side by side in `executions/`, by account and region.

    Parameters
    ----------
    run
        A run of "fleet": `targets`, `scheduler`, and the parameters of an investigation.
    progress
        Gets a line when a target has ended.

    Returns
    -------
    FleetView
        An answer of each target, one that failed among them, and the overview of all.

    Raises
    ------
    InvalidInput
        Targets that cannot be meant, no scheduler at the address, or no such run to compare with.
    Denied
        An Organization's accounts may not be listed.
    Interrupted
        A person stopped it; what was answered by then is on record.

    """
    with run.session(needs_lock=False) as session:
        path = session.directory.path
        history = history_of(run.parameters["compare_with"])
        shutil.rmtree(path / table.NAME, ignore_errors=True)  # of an earlier run in this directory
        done = on_every_target(run, targets_of(run), tasks.investigate_target, progress=progress)
        overview = table.overview_of(path)
        session.write_csv("overview.csv", overview)
        if len(history):
            session.write_csv("history.csv", history)
        view = FleetView(done.answers, overview, history=history, dashboard=done.dashboard)
        finish(run, view)
        raise_if_interrupted(run, done.answers)
        return view


def plan_fleet(run: Run, *, progress: Progress = lambda _line: None) -> FleetView:
    """Make every target's plan; or take those of `plan_file`, or of this directory when they were begun or confirmed.

    Changes nothing in AWS. Raises as `fleet`.
    """
    with run.session() as session:
        _rule(run)
        plan = _earlier_plan(run, session)
        if plan is not None:
            return offer(run, FleetView(_answers_of(plan, Outcome.PLANNED, "its plan was made earlier"), plan=plan))
        done = on_every_target(run, targets_of(run), tasks.plan_target, progress=progress)
        if any(answer.outcome == Outcome.INTERRUPTED for answer in done.answers):
            finish(run, FleetView(done.answers))
            raise_if_interrupted(run, done.answers)
        plan = of_answers(done.answers, max_total_deletes=run.parameters["max_total_deletes"])
        if plan.targets:
            plan_file.save(session, plan)
        return offer(run, FleetView(done.answers, plan=plan, dashboard=done.dashboard))


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
            return refuse(run, replace(view, refusals=tuple(refused)))
        tasks.remove_stop(session.directory.path)
        if started is None:
            plan_file.save(session, plan)
            session.journal.write("begun", plan_id=plan.plans_id, count=plan.count, ticket=run.parameters["ticket"])
        everywhere = _apply_everywhere(run, plan, phrase, progress=progress)
        ended = replace(view, answers=everywhere.answers, dashboard=everywhere.dashboard, applied=True)
        finish(run, ended)
        return ended


def _apply_everywhere(run: Run, plan: SetPlan, phrase: str | None, *, progress: Progress) -> Everywhere:
    """Apply each target's plan; the answers are of all targets of the set and of the run's parameter."""
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

    named = targets_of(run)
    targets = [target for target in named if target.name in planned]
    done = on_every_target(run, targets, tasks.apply_target, options=options, progress=progress, grace_s=_GRACE_S)
    missing = sorted(set(planned) - {target.name for target in targets})
    unplanned = [each.as_answer() for each in plan.unplanned]
    later = [target for target in named if target.name not in {*planned, *(each.name for each in unplanned)}]
    known = [_with_progress(run, planned[answer.name], answer) for answer in done.answers]
    answers = [*known, *(_not_named(planned[name]) for name in missing), *unplanned, *map(_not_in_the_set, later)]
    return Everywhere(tuple(sorted(answers, key=attrgetter("name"))), done.dashboard)


def fleet_sweep(run: Run, *, progress: Progress = lambda _line: None) -> FleetSweep:
    """Take one sweep of every target from the run's parameters; makes no call.

    Parameters
    ----------
    run
        A run of "fleet_sweep": `targets`, `max_total_deletes`, and the parameters of a sweep.
    progress
        Gets a line when a target has ended.

    Returns
    -------
    FleetSweep
        `plan` makes the plans of all targets, `apply` carries them out with the phrase of the whole.

    Raises
    ------
    InvalidInput
        The rule names nothing or cannot be meant.

    """
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
    if run.parameters["plan_file"] is not None:
        require_in_plan(run.parameters.given)
    rule_of(run)


def _earlier_plan(run: Run, session: Session) -> SetPlan | None:
    """The plans in progress here, those of `plan_file`, or those that are confirmed; None when they are to be made.

    Raises InvalidInput, and RecordError when `plan.json` is not what was begun.
    """
    path = session.directory.path / plan_file.NAME
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
    return {"plan_file": str(tasks.directory_of(above, one.name) / plan_file.NAME)}


def _not_named(one: PlannedTarget) -> TargetAnswer:
    why = "it has a plan, and `targets` does not name it now: nothing was changed"
    return TargetAnswer(one.name, one.region, Outcome.REFUSED.value, why, account=one.account)


def _not_in_the_set(target: Target) -> TargetAnswer:
    return left_alone(target, Outcome.REFUSED, "the plans that were confirmed have none for it: nothing was changed")


def _answers_of(plan: SetPlan, outcome: Outcome, reason: str) -> tuple[TargetAnswer, ...]:
    """The targets of a set that was read back, each with what is known of it."""
    planned = [
        TargetAnswer(
            each.name, each.region, outcome.value, reason, account=each.account, counts={"planned": each.count}
        )
        for each in plan.targets
    ]
    return tuple(sorted([*planned, *(each.as_answer() for each in plan.unplanned)], key=attrgetter("name")))


def _with_progress(run: Run, one: PlannedTarget, answer: TargetAnswer) -> TargetAnswer:
    """The answer with what the target's journal tells, where the task gave none or was not begun this time."""
    if answer.counts:
        return answer
    done = tasks.done_so_far(answer.name, run_dir=run.directory.path, plan_id=one.plan_id)
    if not any(done.get(name) for name in _DONE):
        return answer
    did = done[_DONE_BY[Action(one.action)]]
    reason = f"{answer.reason}; by its journal {did} of {done['planned']} are done so far"
    return replace(answer, counts=done, reason=reason)


def _read(path: Path) -> SetPlan:
    try:
        document = given_file.parse_json(given_file.read_given(path))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"plan.json of the run directory cannot be read: {error}") from error
    bare, unsigned = plan_signature.take_off(document) if isinstance(document, dict) else ({}, "")
    if unsigned:
        raise Refused(f"the plan in {path.name} is not taken: {unsigned}; make a new plan here", guard="plan_unsigned")
    return from_document(bare)


def _approval_refusals(run: Run, plan: SetPlan, phrase: str | None) -> list[Refusal]:
    refused = set_refusals(run, plan)
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
