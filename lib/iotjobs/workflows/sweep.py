"""The third job of the kit: many executions deleted, or only cancelled, by a rule, guarded. What `sweep.ipynb` calls.

Plan, approve, apply, verify. One run directory is one sweep: run again with it, the sweep goes on where it was. The
work is done by `make_plan` and `apply_plan`, values in, values out; `Sweep` holds what a notebook and its panel show.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from iotjobs import sweep_rule
from iotjobs.deletion import caps, guards, plan_file, plan_signature, sweep_guards
from iotjobs.deletion.caps import Caps, CapsInForce
from iotjobs.deletion.evidence import Evidence, cause_now, evidence_now
from iotjobs.deletion.executor import Executor
from iotjobs.deletion.guards import ApplyContext
from iotjobs.deletion.refusal import Refusal, in_a_sentence
from iotjobs.deletion.results import (
    TargetResult,
    TargetState,
    counts_of,
    is_spent,
    outcome_of,
    result_from_journal,
    results_table,
    sentence_of,
)
from iotjobs.deletion.select import select_targets
from iotjobs.deletion.sweep_executor import SweepExecutor, afterwards
from iotjobs.deletion.sweep_plan import SweepPlan
from iotjobs.errors import InvalidInput, IotJobsError, RecordError
from iotjobs.markup import visible
from iotjobs.model import Action, ExecutionKey, Identity, Outcome, utc_text
from iotjobs.run.progress import Meter, told
from iotjobs.sweep_rule import SweepRule

if TYPE_CHECKING:
    from iotjobs.run.directory import Session
    from iotjobs.run.run import Run

#: The table of what became of each target, by the action.
RESULTS_FILE = {Action.DELETE.value: "deletions.csv", Action.CANCEL.value: "cancellations.csv"}
_SECONDS_BETWEEN_NOTES = 1.0
Results = dict[Identity, TargetResult]
#: Executions that a person chose, each with the second when it was queued: a key alone may be used again.
Chosen = frozenset[tuple[ExecutionKey, str]]


@dataclass(frozen=True, slots=True)
class SweepView:
    """A sweep as it stands: its plan, what speaks against it, and what became of each target, in the plan's order.

    ``left_out``: what fits the rule and is protected. ``open``: the plan may be confirmed.
    """

    plan: SweepPlan | None = None
    refusals: tuple[Refusal, ...] = ()
    left_out: tuple[Refusal, ...] = ()
    results: Results = field(default_factory=dict)
    afterwards: dict[str, str] = field(default_factory=dict)
    open: bool = False


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
            return _refuse(run, SweepView(refusals=tuple(refused)))
        if plan is not None:
            return _offer(run, session, plan, evidence=_evidence(run, session, plan, {}))
        return _choose(run, session, asked, only)


def apply_plan(
    run: Run,
    view: SweepView,
    phrase: str | None,
    *,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[TargetResult], None] = lambda _result: None,
) -> SweepView:
    """Carry a plan out if it is approved, by its phrase or because the run is unattended.

    An error that ends the sweep is not raised but stands in the outcome, so that what became of each shows.
    """
    plan = view.plan
    assert plan is not None  # noqa: S101 - for the type checker
    with run.session() as session:
        started = session.started_plan_id()
        results = _results(plan, session)
        missing = [name for name in caps.NAMES if name not in run.parameters.given]
        if phrase is None:
            refused = sweep_guards.unattended_is_safe(plan, missing)
        else:
            refused = sweep_guards.sweep_phrase_must_match(plan, phrase)
        refused = refused or guards.is_the_plan_in_progress(plan.plan_id, started or _single_delete_in(session))
        refused = refused or guards.is_for_this_place(plan, _context(run, plan))
        if not refused:
            results = _settled(run, session, plan)
            evidence = _evidence(run, session, plan, results)
            refused = sweep_guards.sweep_refusals(plan, _context(run, plan, evidence, started=started is not None))
        if refused:
            return _refuse(run, replace(view, refusals=tuple(refused), results=results))
        run.note(counts=counts_of(results.values()))
        if started is None:
            plan_file.save(session, plan)
            session.journal.write(
                "begun",
                plan_id=plan.plan_id,
                count=len(plan.targets),
                by=run.connection.caller_arn,
                made_by=plan.caller_arn,
                ticket=run.ticket,
                account=plan.account,
                region=plan.region,
            )
        ending = _carry_out(run, session, plan, results, stop=stop, progress=progress)
        return _finish(run, session, replace(view, refusals=(), results=results, open=False), ending)


def rule_of(run: Run, *, action: Action | None = None) -> SweepRule:
    """The rule that a run's parameters name, with the ``action`` that was chosen instead of theirs.

    Raises InvalidInput when they name nothing.
    """
    chosen = {} if action is None else {"action": action}
    asked = sweep_rule.from_parameters({**run.parameters.values, **chosen})
    if run.parameters["plan_file"] is None and not asked.names_something:
        raise InvalidInput(
            f"nothing is named: give at least one of {', '.join(sweep_rule.SELECTORS)}; a sweep of "
            "everything must be meant"
        )
    return asked


def sweep(run: Run) -> Sweep:
    """Take the rule and the caps of a sweep from the run's parameters; makes no call.

    Parameters
    ----------
    run
        A run of "sweep". The rule is `sweep_rule.SweepRule`, the caps are `max_deletes` and `max_fraction` (0 to 1).

    Returns
    -------
    Sweep
        `plan` says which executions and what follows, `apply` carries the plan out with its phrase.

    Raises
    ------
    InvalidInput
        The rule names nothing or cannot be meant.

    """
    with run.recorded():
        rule_of(run)
    return Sweep(run)


class Sweep:
    """One sweep as a notebook and its panel hold it: ``view`` is how it stands.

    ``only``: the executions that a person chose; a plan has no others. None: all that fit the rule.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.only: Chosen | None = None
        self.view = SweepView()
        self._action: Action | None = None

    @property
    def action(self) -> Action:
        """What is done with what the rule chooses: the plan's, else what was chosen, else the parameter."""
        plan = self.view.plan
        return Action(self._action or self.run.parameters["action"]) if plan is None else Action(plan.rule.action)

    @property
    def current_plan(self) -> SweepPlan | None:
        """The plan; None before `plan`, and where there is none."""
        return self.view.plan

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """Why it may not be carried out; empty when it may."""
        return self.view.refusals

    @property
    def left_out(self) -> tuple[Refusal, ...]:
        """What fits the rule and is protected."""
        return self.view.left_out

    @property
    def results(self) -> pd.DataFrame:
        """One row a target, failures first, see `results_table`."""
        return results_table(self.view.results.values(), self.view.afterwards)

    def plan(self, action: Action | None = None) -> Sweep:
        """Make the plan, see `make_plan`; an ``action`` that is chosen stays chosen."""
        self.view = SweepView()
        self._action = self._action if action is None else action
        self.view = make_plan(self.run, action=self._action, only=self.only)
        self.run.tell()
        return self

    def prune(self, keys: Collection[ExecutionKey | tuple[str, str, int]]) -> Sweep:
        """Leave some targets out, by hand: the plan is another one then, with another phrase."""
        plan = self.view.plan
        with self.run.session() as session:
            if plan is None or session.started_plan_id() is not None:
                raise InvalidInput("there is no plan that could be pruned: one that was begun goes on as it is")
            unwanted = {key if isinstance(key, ExecutionKey) else ExecutionKey(*key) for key in keys}
            self.view = _offer(self.run, session, plan.without(unwanted))
        self.run.tell()
        return self

    def apply(
        self,
        confirm: str | None = None,
        *,
        stop: Callable[[], bool] = lambda: False,
        progress: Callable[[TargetResult], None] = lambda _result: None,
    ) -> Sweep:
        """Carry the plan out if it is approved; without a phrase it stays a plan.

        Parameters
        ----------
        confirm
            The plan's phrase, by default the run's parameter.
        stop
            Asked before each execution; True ends the sweep, and the same run directory goes on with it.
        progress
            Gets each target's result.

        Returns
        -------
        Sweep
            This one: `results` has what became of each target, `run.outcome` how it ended.

        Raises
        ------
        Refused
            Another run is at work in the run directory. What a guard refuses is not raised: it is in `refusals`.
        RecordError
            The journal cannot be written; nothing more was called.

        """
        phrase = confirm if confirm is not None else self.run.parameters["confirm"]
        if self.view.open and (phrase is not None or self.run.parameters["unattended"]):
            self.view = apply_plan(self.run, self.view, phrase, stop=stop, progress=progress)
            self.run.tell()
        return self

    def __repr__(self) -> str:
        plan = self.view.plan
        about = f"{plan.phrase} in account {plan.account}, region {plan.region}" if plan else "no plan"
        return "\n".join(
            map(visible, [f"Sweep: {about}", f"{self.run.outcome or 'not planned yet'}: {self.run.reason}"])
        )


# ----------------------------------------------------------------------------------------------- which plan


def _plan_in_progress(session: Session) -> SweepPlan | None:
    """The plan that was begun in this run directory. Raises RecordError when `plan.json` is not that plan any more."""
    started = session.started_plan_id()
    if started is None:
        return None
    refused: list[Refusal] = []
    try:
        plan, refused = plan_file.load(session.directory.path / plan_file.NAME)
    except InvalidInput as error:
        plan, refused = None, [Refusal("plan_edited", str(error))]
    if isinstance(plan, SweepPlan) and plan.plan_id == started:
        return plan
    why = refused[0].message if refused else "plan.json is another plan than the one that was begun"
    raise RecordError(f"the sweep of this run directory cannot go on: {why}; look at its journal.jsonl")


def _another_than(run: Run, asked: SweepRule, plan: SweepPlan, action: Action | None) -> list[Refusal]:
    """Whether the run asks for another sweep than the one in progress in its directory."""
    if run.parameters["plan_file"] is None:
        same = asked == plan.rule
        return [] if same else guards.is_the_plan_in_progress("of another rule", plan.plan_id)
    meant, refused = _from_file(run, action)
    if meant is None:
        return refused
    begun = {each.identity for each in plan.targets}
    part = meant.rule.action == plan.rule.action and begun <= {each.identity for each in meant.targets}
    same = meant.plan_id == plan.plan_id or part
    return [] if same else guards.is_the_plan_in_progress(meant.plan_id, plan.plan_id)


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
    asked = _caps(run).values
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
    path = session.directory.path / plan_file.NAME
    if not path.exists():
        return None, []
    try:
        plan, refused = plan_file.load(path)
    except InvalidInput:
        return None, []
    if refused:
        return None, refused
    return (plan, []) if isinstance(plan, SweepPlan) and plan.rule == asked else (None, [])


def _choose(run: Run, session: Session, asked: SweepRule, only: Chosen | None) -> SweepView:
    meter = Meter("Reading", lambda: run.brake_now)
    with told(meter.line):
        choice = select_targets(run.connection, asked, _caps(run), now=_now(run), progress=meter)
    view = SweepView(left_out=sweep_guards.left_alone(choice.left_out))
    if choice.plan is not None:
        return _offer(run, session, choice.plan if only is None else choice.plan.without(_others(choice.plan, only)))
    if choice.refusals or (choice.left_out and not choice.matched):
        refused = choice.refusals or view.left_out
        return _refuse(run, replace(view, refusals=refused), matched=choice.matched)
    moved = f"all {choice.matched} that fit the rule moved while the plan was made: look again"
    run.finish(
        Outcome.NOTHING_TO_DO,
        reason=moved if choice.matched else "no execution fits the rule",
        counts=_counts(view),
        refusals=[refusal.as_document() for refusal in view.left_out],
    )
    return view


def _others(plan: SweepPlan, chosen: Chosen) -> set[ExecutionKey]:
    """What of a plan was not chosen, or is another execution by now, under a number used again."""
    identities = {each.key: utc_text(each.identity.queued_at) for each in plan.targets}
    return {key for key, queued in identities.items() if (key, queued) not in chosen}


def _go_on(run: Run, session: Session, plan: SweepPlan, refused: list[Refusal]) -> SweepView:
    """The sweep in progress here: what was in flight is settled first, by looking."""
    if refused:
        return _refuse(run, SweepView(refusals=tuple(refused)))
    # before any look: elsewhere nothing of it can be seen
    refused = guards.is_for_this_place(plan, _context(run, plan))
    if refused:
        return _refuse(run, replace(_view(plan, _results(plan, session)), refusals=tuple(refused)))
    results = _settled(run, session, plan)
    if all(result.state.is_final for result in results.values()):
        return _finish(run, session, _view(plan, results), None)
    return _offer(run, session, plan, evidence=_evidence(run, session, plan, results), results=results)


def _offer(
    run: Run,
    session: Session,
    plan: SweepPlan,
    *,
    evidence: Evidence | None = None,
    results: Results | None = None,
) -> SweepView:
    """Show a plan that may be confirmed, or say which guards refuse it."""
    view = _view(plan, _results(plan, session) if results is None else results)
    if not plan.targets:
        run.finish(Outcome.NOTHING_TO_DO, reason="no execution is left in the plan", counts=_counts(view))
        return view
    if results is None:
        plan_file.save(session, plan)
    refused = sweep_guards.sweep_refusals(plan, _context(run, plan, evidence, started=results is not None))
    if refused:
        return _refuse(run, replace(view, refusals=tuple(refused)))
    pending = sum(not each.state.is_final for each in view.results.values())
    begun = "" if results is None else f"this run directory's sweep was begun, {pending} of {len(results)} are left; "
    moved = f"; {len(plan.reading.moved)} more fit and are left out, since they moved" if plan.reading.moved else ""
    run.finish(
        Outcome.PLANNED,
        reason=f"{begun}nothing was changed; confirm with the phrase to {plan.rule.action} them{moved}",
        confirm=plan.phrase,
        counts=_counts(view),
        refusals=[refusal.as_document() for refusal in view.left_out],
        warnings=[*_warnings(plan), *_unkeyed(run)],
        plan_id=plan.plan_id,
    )
    return replace(view, open=True)


def _view(plan: SweepPlan, results: Results) -> SweepView:
    return SweepView(plan, left_out=sweep_guards.left_alone(plan.reading.protected), results=results)


def _warnings(plan: SweepPlan) -> list[str]:
    unmatched = [
        f"the protect pattern {pattern!r} matches no job and no thing that was read; is it spelt right?"
        for pattern in plan.reading.unmatched
    ]
    return [*unmatched, *plan.reading.moved]


def _unkeyed(run: Run) -> list[str]:
    return [] if run.parameters["plan_file"] is None or plan_signature.is_keyed() else [plan_signature.UNKEYED]


# --------------------------------------------------------------------------------------------- carrying out


def _carry_out(
    run: Run,
    session: Session,
    plan: SweepPlan,
    results: Results,
    *,
    stop: Callable[[], bool],
    progress: Callable[[TargetResult], None],
) -> IotJobsError | None:
    """Do what is left; the error that ended it before its time. `results` is brought up to date."""
    noted_at = float("-inf")
    meter = Meter("Sweeping", lambda: run.brake_now)
    meter("done", 0, sum(not result.state.is_final for result in results.values()))

    def done(result: TargetResult) -> None:
        nonlocal noted_at
        meter("done", int(result.state.is_final), 0)
        if time.monotonic() - noted_at > _SECONDS_BETWEEN_NOTES:
            noted_at = time.monotonic()
            run.note(counts=counts_of(results.values()))
        progress(result)

    executor = SweepExecutor(
        plan,
        results,
        executor=_executor(run, session, plan),
        journal=session.journal,
        directory=session.directory.path,
        connect=lambda: run.connection,
        reconnect=run.reconnect,
    )
    try:
        with told(meter.line):
            executor.run(stop=stop, progress=done)
    except IotJobsError as error:
        return error
    finally:
        results |= _results(plan, session)
    return None


def _executor(run: Run, session: Session, plan: SweepPlan) -> Executor:
    return Executor(
        session.journal,
        run_name=session.directory.path.name,
        ticket=run.ticket,
        cause_now=lambda connection, removal: cause_now(connection, removal, plan.rule),
    )


def _finish(run: Run, session: Session, view: SweepView, ending: IotJobsError | None) -> SweepView:
    plan, results = view.plan, list(view.results.values())
    assert plan is not None  # noqa: S101 - for the type checker
    warnings = []
    after: dict[str, str] = {}
    try:
        after = dict(afterwards(run.connection, results))
    except IotJobsError as error:
        warnings = [f"what the queues look like afterwards could not be read: {error}"]
    try:
        session.write_csv(RESULTS_FILE[plan.rule.action], results_table(results, after))
    except RecordError as error:
        warnings.append(str(error))
    not_done = [
        Refusal(each.state, each.why or "not done", each.removal.key) for each in results if not each.state.is_done
    ]
    run.finish(
        outcome_of(results, ending),
        reason=f"{sentence_of(results)}{f': {ending}' if ending else ''}",
        counts=_counts(view),
        refusals=[refusal.as_document() for refusal in (*not_done, *view.left_out)],
        warnings=warnings,
        plan_id=plan.plan_id,
    )
    return replace(view, afterwards=after)


def _refuse(run: Run, view: SweepView, *, matched: int | None = None) -> SweepView:
    """Say why not. Where the plan was begun the outcome tells what was changed, and what was only cancelled."""
    results = list(view.results.values())
    touched = any(each.touched for each in results)
    reason = in_a_sentence(view.refusals)
    run.finish(
        Outcome.PARTIAL if touched else Outcome.REFUSED,
        reason=f"{sentence_of(results)}; {reason}" if touched else reason,
        refusals=[refusal.as_document() for refusal in dict.fromkeys((*view.refusals, *view.left_out))],
        counts=_counts(view) | ({} if matched is None else {"matched": matched}),
    )
    return view


def _evidence(run: Run, session: Session, plan: SweepPlan, results: Results) -> Evidence:
    """What the guards need to know of now; nothing where the plan is for another place."""
    if guards.is_for_this_place(plan, _context(run, plan)):
        return Evidence()
    journal = session.journal
    done = [identity for identity, each in results.items() if is_spent(each, journal.of(identity))]
    return evidence_now(run.connection, plan, done=done)


def _context(run: Run, plan: SweepPlan, evidence: Evidence | None = None, *, started: bool = False) -> ApplyContext:
    connection = run.connection
    evidence = evidence or Evidence()
    return ApplyContext(
        connection.account,
        connection.region,
        connection.endpoint,
        _now(run),
        caps=_caps(run, plan.caps),
        jobs=evidence.jobs,
        job_totals=evidence.job_totals,
        spent=evidence.spent,
        started=started,
        project=connection.project,
    )


def _caps(run: Run, plan: Caps | None = None) -> CapsInForce:
    return caps.in_force(run.parameters.values, run.parameters.given, run.project, plan=plan)


def _results(plan: SweepPlan, session: Session) -> Results:
    return {
        each.identity: result_from_journal(each.removal, session.journal.of(each.identity)) for each in plan.targets
    }


def _settled(run: Run, session: Session, plan: SweepPlan) -> Results:
    """What became of each, after looking at what was in flight when an earlier run ended. Raises IotJobsError."""
    results = _results(plan, session)
    executor = _executor(run, session, plan)
    for identity, result in results.items():
        if result.state is TargetState.UNSETTLED:
            results[identity] = executor.settle(run.connection, result.removal)
    return results


def _single_delete_in(session: Session) -> str | None:
    """What stands for a plan in progress where single executions were deleted: no sweep goes on there."""
    touched = any(entry["event"] == "calling" for entry in session.journal.entries)
    return "the delete of one execution" if touched else None


def _counts(view: SweepView) -> dict[str, int]:
    return {
        **counts_of(view.results.values()),
        "protected": view.plan.reading.protected_count if view.plan else len(view.left_out),
    }


def _now(run: Run) -> datetime:
    return run.connection.now()
