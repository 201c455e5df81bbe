"""A sweep's plan made, or taken up again: of `plan_file`, of this run directory, or the one in progress there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from iotjobs import sweep_rule
from iotjobs.deletion import caps, guards, plan_file, plan_signature, sweep_guards
from iotjobs.deletion.evidence import Evidence
from iotjobs.deletion.refusal import Refusal
from iotjobs.deletion.select import Chosen, select_targets
from iotjobs.deletion.sweep_plan import SweepPlan
from iotjobs.errors import InvalidInput
from iotjobs.model import Action, Outcome
from iotjobs.run.progress import Meter, told
from iotjobs.sweep_rule import SweepRule
from iotjobs.workflows.sweep_state import (
    Results,
    SweepView,
    apply_context,
    caps_in_force,
    counts_of_view,
    evidence_of,
    finish,
    refuse,
    results_so_far,
    settled_results,
    view_of,
)

if TYPE_CHECKING:
    from iotjobs.run.directory import Session
    from iotjobs.run.run import Run

_NONE_AS_CHOSEN = "none of the rows chosen is as it was when the table was read, or still fits: read the fleet anew"


def make_plan(run: Run, *, action: Action | None = None, only: Chosen | None = None) -> SweepView:
    """Make the plan, or take that of `plan_file`, of this run directory, or the one in progress there.

    ``action``: what a person chose in the panel instead of the parameter; ``only``: what a new plan may have in it.
    Changes nothing in AWS.
    Raises InvalidInput, NotFound, Denied, IotJobsError, Refused while another run is at work.
    """
    with run.session() as session:
        asked = rule_of(run, action=action)
        refused: list[Refusal] = []
        plan = _plan_in_progress(session)
        if plan is not None:
            return _go_on(run, session, plan, _another_than(run, asked, plan, action))
        if run.parameters["plan_file"] is not None:
            plan, refused = _from_file(run, action)
        elif run.parameters["confirm"] is not None:
            plan, refused = _from_directory(session, asked)
        if refused:
            return refuse(run, SweepView(refusals=tuple(refused)))
        if plan is not None:
            return offer(run, session, plan, evidence=evidence_of(run, session, plan, {}))
        return _choose(run, session, asked, only)


def rule_of(run: Run, *, action: Action | None = None) -> SweepRule:
    """The rule that a run's parameters name, with the ``action`` that was chosen instead of theirs.

    Raises InvalidInput when they name nothing.
    """
    chosen = {} if action is None else {"action": action}
    asked = sweep_rule.from_parameters({**run.parameters.values, **chosen})
    if run.parameters["plan_file"] is None and not asked.names_something:
        raise InvalidInput(
            f"the rule is empty: give at least one of {', '.join(sweep_rule.SELECTORS)}; nothing sweeps everything "
            "by default"
        )
    return asked


def _plan_in_progress(session: Session) -> SweepPlan | None:
    """The plan that was begun in this run directory. Raises RecordError when `plan.json` is not that plan any more."""
    started = session.started_plan_id()
    if started is None:
        return None
    refused: list[Refusal] = []
    try:
        plan, refused = plan_file.load(session.directory.path / plan_file.NAME)
    except InvalidInput as error:
        plan, refused = None, [plan_file.damaged(session, error)]
    if isinstance(plan, SweepPlan) and plan.plan_id == started:
        return plan
    why = refused[0].message if refused else "plan.json is another plan than the one that was begun"
    raise plan_file.cannot_go_on(why)


def _another_than(run: Run, asked: SweepRule, plan: SweepPlan, action: Action | None) -> list[Refusal]:
    """Whether the run asks for another sweep than the one in progress in its directory."""
    if run.parameters["plan_file"] is None:
        same = asked == plan.rule
        return [] if same else guards.is_the_plan_in_progress("of another rule", plan.plan_id)
    requested, refused = _from_file(run, action)
    if requested is None:
        return refused
    targets = {each.identity for each in plan.targets}
    part = requested.rule.action == plan.rule.action and targets <= {each.identity for each in requested.targets}
    same = requested.plan_id == plan.plan_id or part
    return [] if same else guards.is_the_plan_in_progress(requested.plan_id, plan.plan_id)


def _from_file(run: Run, action: Action | None) -> tuple[SweepPlan | None, list[Refusal]]:
    """The plan of `plan_file`, which the parameters given beside it may only tighten. Raises InvalidInput."""
    given = run.parameters.given
    sweep_rule.require_in_plan(given)
    path = Path(run.parameters["plan_file"]).expanduser()
    plan, refused = plan_file.load(path)
    if not isinstance(plan, SweepPlan):
        if refused:
            return None, refused
        raise InvalidInput(f"{path.name} holds no plan of a sweep: it takes the plan.json of a sweep's run directory")
    beside = {each.name: run.parameters[each.name] for each in sweep_rule.PARAMETERS if each.name in given}
    stricter, wider = sweep_rule.restricted(plan.rule, beside | ({} if action is None else {"action": action}))
    asked = caps_in_force(run).values
    wider += [name for name in caps.NAMES if name in given and getattr(asked, name) > getattr(plan.caps, name)]
    if "action" in wider:
        why = f"the plan is to {plan.rule.action}, and action is the other one: leave it out, or make a new plan"
        return None, [Refusal("plan_loosened", why)]
    if wider:
        why = f"{', '.join(sorted(wider))} would widen the plan; beside a plan parameters may only tighten it"
        return None, [Refusal("plan_loosened", f"{why}: leave them out, or make a new plan")]
    return (plan if stricter == plan.rule else plan.restricted(stricter)), []


def _from_directory(session: Session, asked: SweepRule) -> tuple[SweepPlan | None, list[Refusal]]:
    """The plan that an earlier run made here by the same rule: what was read is what is confirmed."""
    plan, refused = plan_file.left_in(session)
    if refused:
        return None, refused
    return (plan, []) if isinstance(plan, SweepPlan) and plan.rule == asked else (None, [])


def _choose(run: Run, session: Session, asked: SweepRule, only: Chosen | None) -> SweepView:
    meter = Meter("Reading", lambda: run.brake_now)
    with told(meter.line):
        choice = select_targets(run.connection, asked, caps_in_force(run), chosen=only, progress=meter)
    view = SweepView(left_out=sweep_guards.left_alone(choice.left_out))
    if choice.plan is not None:
        return offer(run, session, choice.plan)
    if choice.refusals or (choice.left_out and not choice.matched):
        refused = choice.refusals or view.left_out
        return refuse(run, replace(view, refusals=refused), matched=choice.matched)
    moved = f"all {choice.matched} that fit the rule moved while the plan was made: look again"
    run.finish(
        Outcome.NOTHING_TO_DO,
        reason=moved if choice.matched else "no execution fits the rule" if only is None else _NONE_AS_CHOSEN,
        counts=counts_of_view(view),
        refusals=[refusal.as_document() for refusal in view.left_out],
    )
    return view


def _go_on(run: Run, session: Session, plan: SweepPlan, refused: list[Refusal]) -> SweepView:
    """The sweep in progress here: what was in flight is settled first, by looking."""
    if refused:
        return refuse(run, SweepView(refusals=tuple(refused)))
    # before any look: elsewhere nothing of it can be seen
    refused = guards.is_for_this_place(plan, apply_context(run, plan))
    if refused:
        return refuse(run, replace(view_of(plan, results_so_far(plan, session)), refusals=tuple(refused)))
    results = settled_results(run, session, plan)
    if all(result.state.is_final for result in results.values()):
        return finish(run, session, view_of(plan, results), None)
    return offer(run, session, plan, evidence=evidence_of(run, session, plan, results), results=results)


def offer(
    run: Run,
    session: Session,
    plan: SweepPlan,
    *,
    evidence: Evidence | None = None,
    results: Results | None = None,
) -> SweepView:
    """Show a plan that may be confirmed, or say which guards refuse it."""
    view = view_of(plan, results_so_far(plan, session) if results is None else results)
    if not plan.targets:
        run.finish(Outcome.NOTHING_TO_DO, reason="no execution is left in the plan", counts=counts_of_view(view))
        return view
    if results is None:
        plan_file.save(session, plan)
    refused = sweep_guards.sweep_refusals(plan, apply_context(run, plan, evidence, started=results is not None))
    if refused:
        return refuse(run, replace(view, refusals=tuple(refused)))
    pending = sum(not each.state.is_final for each in view.results.values())
    progress = (
        "" if results is None else f"this run directory's sweep was begun, {pending} of {len(results)} are left; "
    )
    moved = f"; {len(plan.reading.moved)} more fit and are left out, since they moved" if plan.reading.moved else ""
    run.finish(
        Outcome.PLANNED,
        reason=f"{progress}nothing was changed; confirm with the phrase to {plan.rule.action} them{moved}",
        confirm=plan.phrase,
        counts=counts_of_view(view),
        refusals=[refusal.as_document() for refusal in view.left_out],
        warnings=[*_warnings(plan), *_unkeyed(run)],
        plan_id=plan.plan_id,
    )
    return replace(view, open=True)


def _warnings(plan: SweepPlan) -> list[str]:
    unmatched = [
        f"the protect pattern {pattern!r} matches no job and no thing that was read; is it spelt right?"
        for pattern in plan.reading.unmatched
    ]
    return [*unmatched, *plan.reading.moved]


def _unkeyed(run: Run) -> list[str]:
    return [] if run.parameters["plan_file"] is None or plan_signature.is_keyed() else [plan_signature.UNKEYED]
