"""How a sweep stands, in its run directory, and how its run ends: what making a plan and applying one share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from iotjobs.aws.executions import ThingList
from iotjobs.deletion import caps, guards, sweep_guards
from iotjobs.deletion.caps import Caps, CapsInForce
from iotjobs.deletion.evidence import Evidence, evidence_now
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
from iotjobs.deletion.sweep_executor import afterwards
from iotjobs.deletion.sweep_plan import SweepPlan
from iotjobs.errors import IotJobsError, RecordError
from iotjobs.model import Action, Identity, Outcome

if TYPE_CHECKING:
    from iotjobs.run.directory import Session
    from iotjobs.run.run import Run

#: The table of what became of each target, by the action.
RESULTS_FILE = {Action.DELETE.value: "deletions.csv", Action.CANCEL.value: "cancellations.csv"}
Results = dict[Identity, TargetResult]


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


def view_of(plan: SweepPlan, results: Results) -> SweepView:
    """A plan with what became of its targets."""
    return SweepView(plan, left_out=sweep_guards.left_alone(plan.reading.protected), results=results)


def executor_of(run: Run, session: Session, plan: SweepPlan) -> Executor:
    """What carries out the plan's executions in this run."""
    return Executor(
        session.journal,
        run_name=session.directory.path.name,
        ticket=run.ticket,
        stuck_after=plan.rule.stuck_after,
    )


def finish(
    run: Run,
    session: Session,
    view: SweepView,
    ending: IotJobsError | None,
    lists: Mapping[str, ThingList] | None = None,
) -> SweepView:
    """End the run with what became of each target.

    ``ending``: what ended it before its time; ``lists``: see `afterwards`.
    """
    plan, results = view.plan, list(view.results.values())
    assert plan is not None  # noqa: S101 - for the type checker
    warnings = []
    after: dict[str, str] = {}
    try:
        after = dict(afterwards(run.connection, results, lists or {}))
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
        counts=counts_of_view(view),
        refusals=[refusal.as_document() for refusal in (*not_done, *view.left_out)],
        warnings=warnings,
        plan_id=plan.plan_id,
    )
    return replace(view, afterwards=after)


def refuse(run: Run, view: SweepView, *, matched: int | None = None) -> SweepView:
    """Say why not. Where the plan was begun the outcome tells what was changed, and what was only cancelled."""
    results = list(view.results.values())
    touched = any(each.touched for each in results)
    reason = in_a_sentence(view.refusals)
    run.finish(
        Outcome.PARTIAL if touched else Outcome.REFUSED,
        reason=f"{sentence_of(results)}; {reason}" if touched else reason,
        refusals=[refusal.as_document() for refusal in dict.fromkeys((*view.refusals, *view.left_out))],
        counts=counts_of_view(view) | ({} if matched is None else {"matched": matched}),
    )
    return view


def evidence_of(run: Run, session: Session, plan: SweepPlan, results: Results) -> Evidence:
    """What the guards need to know of now; nothing where the plan is for another place."""
    if guards.is_for_this_place(plan, apply_context(run, plan)):
        return Evidence()
    journal = session.journal
    done = [identity for identity, each in results.items() if is_spent(each, journal.of(identity))]
    return evidence_now(run.connection, plan, done=done)


def apply_context(
    run: Run, plan: SweepPlan, evidence: Evidence | None = None, *, started: bool = False
) -> ApplyContext:
    """Where, when and under which caps the plan is to be applied, for the guards."""
    connection = run.connection
    evidence = evidence or Evidence()
    return ApplyContext(
        connection.account,
        connection.region,
        connection.endpoint,
        run.connection.now(),
        caps=caps_in_force(run, plan.caps),
        jobs=evidence.jobs,
        job_totals=evidence.job_totals,
        spent=evidence.spent,
        started=started,
        project=connection.project,
    )


def caps_in_force(run: Run, plan: Caps | None = None) -> CapsInForce:
    """The strictest of the caps of the parameters, of the project file and of a plan."""
    return caps.in_force(run.parameters.values, run.parameters.given, run.project, plan=plan)


def results_so_far(plan: SweepPlan, session: Session) -> Results:
    """What became of each target, by the journal."""
    return {
        each.identity: result_from_journal(each.removal, session.journal.of(each.identity)) for each in plan.targets
    }


def settled_results(run: Run, session: Session, plan: SweepPlan) -> Results:
    """What became of each, after looking at what was in flight when an earlier run ended. Raises IotJobsError."""
    results = results_so_far(plan, session)
    executor = executor_of(run, session, plan)
    for identity, result in results.items():
        if result.state is TargetState.UNSETTLED:
            results[identity] = executor.settle(run.connection, result.removal)
    return results


def counts_of_view(view: SweepView) -> dict[str, int]:
    """The counts of `result.json`."""
    return {
        **counts_of(view.results.values()),
        "protected": view.plan.reading.protected_count if view.plan else len(view.left_out),
    }
