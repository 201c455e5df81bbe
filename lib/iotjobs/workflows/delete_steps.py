"""One execution's deletion, or cancel, planned and applied in a run's directory: values in, values out.

`Deletion` in `delete.py` is what a notebook and its panel hold of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from iotjobs.aws import executions as fetch
from iotjobs.deletion import guards, last_look, plan_file
from iotjobs.deletion.evidence import queue_context
from iotjobs.deletion.executor import Executor
from iotjobs.deletion.guards import ApplyContext
from iotjobs.deletion.plan import CANCEL, DELETE, Plan
from iotjobs.deletion.refusal import Refusal, in_a_sentence
from iotjobs.deletion.request import CancelRequest, DeleteRequest
from iotjobs.deletion.results import TargetResult, TargetState, counts_of, outcome_of
from iotjobs.errors import Denied, IotJobsError, NotFound
from iotjobs.model import Execution, ExecutionKey, Outcome

if TYPE_CHECKING:
    from iotjobs.run.directory import Session
    from iotjobs.run.run import Run

Request = DeleteRequest | CancelRequest
VERB = {True: "delete", False: "cancel"}


@dataclass(frozen=True, slots=True)
class DeletionView:
    """One deletion, or cancel, as it stands. ``open``: the plan may be confirmed."""

    plan: Plan | None = None
    refusals: tuple[Refusal, ...] = ()
    result: TargetResult | None = None
    open: bool = False


def make_plan(run: Run, asked: Request, *, cancel_first: bool, confirm: str | None, anew: bool = False) -> DeletionView:
    """Describe the execution and say what its deletion or cancel would do, or take the plan of this run directory.

    That plan is taken when `confirm` is its phrase, since what was read is what is confirmed; while it is being carried
    out; and, unless one is asked for ``anew``, when it was carried out. Raises NotFound, Denied, IotJobsError, Refused
    while another run is at work.
    """
    with run.session() as session:
        started = session.started_plan_id()
        if started is not None:
            return refuse(run, DeletionView(refusals=tuple(guards.is_the_plan_in_progress("of one delete", started))))
        stored, refused = _plan_of_directory(run, session, asked)
        if refused and confirm is not None:
            return refuse(run, DeletionView(refusals=tuple(refused)))
        result = None if stored is None else _executor(run, session).settle(run.connection, stored)
        if stored is not None and result is not None:
            same_way = stored.execution.finished or stored.cancel_first == cancel_first
            confirmed = same_way and confirm is not None and not guards.phrase_must_match(stored, confirm)
            done = _has_ended(result) and confirm is None and not anew
            if confirmed or done or (result.touched and not result.state.is_final):
                return _offer(run, DeletionView(stored, result=result))
        asked_at = _now(run)
        try:
            execution = _describe(run, asked)
        except NotFound:
            if stored is None or result is None or not _has_ended(result):
                raise
            return _offer(run, DeletionView(stored, result=result))
        plan = _plan_for(run, asked, execution, cancel_first=cancel_first, made_at=asked_at)
        if isinstance(plan, Refusal):
            return refuse(run, DeletionView(refusals=(plan,)))
        plan_file.save(session, plan)
        return _offer(run, DeletionView(plan))


def apply_plan(run: Run, view: DeletionView, phrase: str) -> DeletionView:
    """Carry a plan out if `phrase` confirms it. What ended it is not raised but stands in the outcome."""
    plan = view.plan
    assert plan is not None  # noqa: S101 - for the type checker
    with run.session() as session:
        connection = run.connection
        context = _context(run)
        refused = (
            guards.refusals(plan)
            or guards.phrase_must_match(plan, phrase)
            or guards.is_the_plan_in_progress("of one delete", session.started_plan_id())
            or guards.allowed_by_project(plan, context)
            or guards.is_for_this_place(plan, context)
            or guards.fresh_enough(plan, replace(context, started=view.result is not None and view.result.touched))
        )
        if refused:
            return refuse(run, replace(view, refusals=tuple(refused)))
        run.note(counts=_nothing_done(plan))
        plan_file.save(session, plan)
        executor = _executor(run, session)
        ending: IotJobsError | None = None
        try:
            result = executor.run(connection, plan)
        except IotJobsError as error:
            ending = error
            result = executor.result(plan)
        return _finish(run, DeletionView(plan, result=result), ending)


def _has_ended(result: TargetResult) -> bool:
    """Whether the run directory has nothing left to do about it."""
    return result.state.is_done or result.state is TargetState.GONE


def _describe(run: Run, asked: Request) -> Execution:
    """The execution that the request means. Raises NotFound, and Refused where a cancel would hit another one."""
    if isinstance(asked, DeleteRequest):
        return fetch.describe_execution(run.connection, asked.key)
    try:
        return fetch.newest_execution(run.connection, job_id=asked.job_id, thing_name=asked.thing_name)
    except NotFound as error:
        raise NotFound(
            f"there is no execution of job {asked.job_id} on {asked.thing_name} in account {run.connection.account}, "
            f"region {run.connection.region}: the job or the thing is wrong, or it was deleted already"
        ) from error


def _plan_of_directory(run: Run, session: Session, asked: Request) -> tuple[Plan | None, list[Refusal]]:
    """The plan that an earlier run made here for the same request, or why it is refused."""
    plan, refused = plan_file.left_in(session)
    if not isinstance(plan, Plan):
        return None, refused
    if not _is_asked(plan, asked):
        return None, []
    foreign = guards.is_for_this_place(plan, _context(run))  # names and even moments may be the same in another place
    return (None, foreign) if foreign else (plan, [])


def _is_asked(plan: Plan, asked: Request) -> bool:
    """Whether a plan was made for this very request."""
    key, wish = plan.key, (asked.force, asked.namespace_id, asked.expected_version)
    same_one = (key.job_id, key.thing_name) == (asked.job_id, asked.thing_name)
    same_one = same_one and asked.execution_number in (None, key.execution_number)
    same_way = plan.deletes == isinstance(asked, DeleteRequest)
    return same_one and same_way and (plan.force, plan.namespace_id, plan.expected_version) == wish


def _plan_for(
    run: Run, asked: Request, execution: Execution, *, cancel_first: bool, made_at: datetime
) -> Plan | Refusal:
    """The plan, or the refusal where it could not be read who owns the job, or where a cancel would hit another one.

    Raises IotJobsError.
    """
    connection = run.connection
    if asked.execution_number not in (None, execution.key.execution_number):
        requested = ExecutionKey(asked.job_id, asked.thing_name, asked.execution_number)
        return last_look.newest_is_meant(requested, execution.key.execution_number)[0]
    in_steps = (CANCEL, DELETE) if cancel_first and not execution.finished else (DELETE,)
    try:
        context = queue_context(connection, execution)
    except (Denied, NotFound) as error:
        if isinstance(error, Denied) and error.action != "iot:DescribeJob":
            raise
        return guards.protection_unknown(asked.job_id, error)
    return Plan(
        execution=execution,
        operations=(CANCEL,) if isinstance(asked, CancelRequest) else in_steps,
        force=asked.force,
        namespace_id=asked.namespace_id,
        account=connection.account,
        region=connection.region,
        caller_arn=connection.caller_arn,
        endpoint=connection.endpoint,
        made_at=made_at,
        queue_context=context,
        project=connection.project.label,
        expected_version=asked.expected_version,
    )


def _executor(run: Run, session: Session) -> Executor:
    return Executor(session.journal, run_name=session.directory.path.name, ticket=run.ticket)


def _offer(run: Run, view: DeletionView) -> DeletionView:
    """Show a plan that may be confirmed, say which guards refuse it, or what became of it already."""
    plan = view.plan
    assert plan is not None  # noqa: S101 - for the type checker
    if view.result is not None and view.result.state.is_final:
        return _finish(run, view, None, already=True)
    refused = guards.refusals(plan) or guards.allowed_by_project(plan, _context(run))
    if refused:
        return refuse(run, replace(view, refusals=tuple(refused)))
    run.finish(
        Outcome.PLANNED,
        reason=f"nothing was changed; confirm with the phrase to {VERB[plan.deletes]} it",
        confirm=plan.phrase,
        counts=_nothing_done(plan),
    )
    return replace(view, open=True)


def refuse(run: Run, view: DeletionView) -> DeletionView:
    """End the run with what the guards say."""
    run.finish(
        Outcome.REFUSED,
        reason=in_a_sentence(view.refusals),
        refusals=[refusal.as_document() for refusal in view.refusals],
        counts=_nothing_done(view.plan),
    )
    return view


def _finish(run: Run, view: DeletionView, ending: IotJobsError | None, *, already: bool = False) -> DeletionView:
    result = view.result
    assert result is not None  # noqa: S101 - for the type checker
    counts = counts_of([result])
    outcome, key = outcome_of([result], ending), result.removal.key
    refusals: tuple[Refusal, ...] = ()
    if outcome is Outcome.APPLIED:
        done = result.state.value
        reason = f"{key} was {done} already, in this run directory" if already else f"{done} {key}"
    else:
        so_far = f"{key} was cancelled, {result.only_cancelled}: " if result.only_cancelled else ""
        if ending is not None and result.touched and not so_far:
            verb = VERB[result.delete_sent]
            so_far = f"the {verb} of {key} was sent, and whether it acted is not known yet: "
        reason = f"{so_far}{ending or result.why}"
        refusals = (Refusal(result.guard or result.state, reason, key),)
    run.finish(
        outcome,
        reason=reason,
        counts={name: counts[name] for name in _nothing_done(result.removal)},
        refusals=[refusal.as_document() for refusal in refusals],
    )
    return replace(view, refusals=refusals if outcome is Outcome.REFUSED else (), open=False)


def _nothing_done(plan: Plan | None) -> dict[str, int]:
    return {"planned": 1, "deleted": 0, **({} if plan is None or plan.deletes else {"cancelled": 0})}


def _context(run: Run) -> ApplyContext:
    here = run.connection
    return ApplyContext(here.account, here.region, here.endpoint, _now(run), project=here.project)


def _now(run: Run) -> datetime:
    return run.connection.now()
