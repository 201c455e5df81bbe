"""The second job of the kit: one execution deleted, guarded. What `delete_job_execution.ipynb` calls.

The work is done by `make_plan` and `apply_plan`; `Deletion` holds what a notebook and its panel show.
"""

from __future__ import annotations

import html
import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from iotjobs.aws import executions as fetch
from iotjobs.deletion import guards, plan_file, request
from iotjobs.deletion.executor import Executor
from iotjobs.deletion.guards import ApplyContext, Refusal
from iotjobs.deletion.plan import CANCEL, DELETE, Plan
from iotjobs.deletion.plan_signature import signed
from iotjobs.deletion.request import DeleteRequest
from iotjobs.deletion.results import TargetResult, TargetState, counts_of, outcome_of
from iotjobs.deletion.select import queue_context
from iotjobs.errors import Denied, InvalidInput, IotJobsError, NotFound
from iotjobs.model import Outcome, utc_text

if TYPE_CHECKING:
    from iotjobs.run.directory import Session
    from iotjobs.run.run import Run

PLAN_FILE = "plan.json"


@dataclass(frozen=True, slots=True)
class DeletionView:
    """One deletion as it stands. ``open``: the plan may be confirmed."""

    plan: Plan | None = None
    refusals: tuple[Refusal, ...] = ()
    result: TargetResult | None = None
    open: bool = False


def make_plan(
    run: Run, asked: DeleteRequest, *, cancel_first: bool, confirm: str | None, anew: bool = False
) -> DeletionView:
    """Describe the execution and say what its deletion would do, or take the plan of this run directory.

    That plan is taken when `confirm` is its phrase, since what was read is what is confirmed; while it is being carried
    out; and, unless one is asked for ``anew``, when it was carried out. Raises NotFound, Denied, IotJobsError, Refused
    while another run is at work.
    """
    with run.session() as session:
        started = session.started_plan_id()
        if started is not None:
            return _refuse(run, DeletionView(refusals=tuple(guards.is_the_plan_in_progress("of one delete", started))))
        stored, refused = _plan_of_directory(run, session, asked)
        if refused and confirm is not None:
            return _refuse(run, DeletionView(refusals=tuple(refused)))
        result = None if stored is None else _executor(run, session).settle(run.connection, stored)
        if stored is not None and result is not None:
            same_way = stored.execution.finished or stored.cancel_first == cancel_first
            confirmed = same_way and confirm is not None and not guards.phrase_must_match(stored, confirm)
            done = result.state in (TargetState.DELETED, TargetState.GONE) and confirm is None and not anew
            if confirmed or done or (result.touched and not result.state.is_final):
                return _offer(run, DeletionView(stored, result=result))
        try:
            execution = fetch.describe_execution(run.connection, asked.key)
        except NotFound:
            if stored is None or result is None or result.state not in (TargetState.DELETED, TargetState.GONE):
                raise
            return _offer(run, DeletionView(stored, result=result))
        plan = _plan_for(run, asked, execution, cancel_first=cancel_first)
        if isinstance(plan, Refusal):
            return _refuse(run, DeletionView(refusals=(plan,)))
        session.write_json(PLAN_FILE, signed(plan.as_document()))
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
            or guards.made_here(plan, context)
            or guards.fresh_enough(plan, replace(context, started=view.result is not None and view.result.touched))
        )
        if refused:
            return _refuse(run, replace(view, refusals=tuple(refused)))
        run.note(counts={"planned": 1, "deleted": 0})
        session.write_json(PLAN_FILE, signed(plan.as_document()))
        executor = _executor(run, session)
        ending: IotJobsError | None = None
        try:
            result = executor.run(connection, plan)
        except IotJobsError as error:
            ending = error
            result = executor.result(plan)
        return _finish(run, DeletionView(plan, result=result), ending)


def delete_job_execution(run: Run) -> Deletion:
    """Take the reference's request from the run's parameters. Makes no call; raises InvalidInput.

    Without any name a person is to choose one in the panel: the notebook then ends as `invalid`, with the
    missing parameters, unless somebody did.
    """
    with run.recorded():
        return Deletion(run)


class Deletion:
    """One `DeleteJobExecution` as a notebook and its panel hold it: ``view`` is how it stands.

    ``request``: which execution, None while none is named. ``skeleton``: what was asked for instead of a call.
    """

    def __init__(self, run: Run) -> None:
        values = run.parameters
        self.run = run
        self.view = DeletionView()
        self.request: DeleteRequest | None = None
        self.skeleton: dict[str, Any] | None = None
        self.cancel_first: bool = values["cancel_first"]
        self._chosen_by_hand = False
        self._confirm: str | None = values["confirm"]
        skeleton = values["generate_cli_skeleton"]
        named = {name: values[name] for name in (*request.NAMES, "cli_input_json")}
        if skeleton == "input":
            self._show_skeleton(request.INPUT_SKELETON)
        elif skeleton is None and all(value is None for value in named.values()):
            missing = "--job-id, --thing-name, --execution-number"
            reason = f"missing: {missing}; choose an execution in the panel, or set them"
            run.finish(Outcome.INVALID, reason=reason)
        else:
            self.request = request.build(**named)
            if skeleton == "output":
                self._show_skeleton(request.OUTPUT_SKELETON)

    @property
    def current_plan(self) -> Plan | None:
        """The plan made last."""
        return self.view.plan

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """Why the plan must not be carried out; empty when it may."""
        return self.view.refusals

    def choose(
        self, job_id: Any, thing_name: Any, execution_number: Any, *, force: bool = False, cancel_first: bool = True
    ) -> None:
        """Name an execution by hand in the panel; a phrase given as a parameter is not for it. Raises InvalidInput."""
        namespace = self.request.namespace_id if self.request is not None else None
        self.view, self.skeleton, self.request, self._confirm = DeletionView(), None, None, None
        self.request = request.build(
            job_id=job_id,
            thing_name=thing_name,
            execution_number=execution_number,
            force=force,
            namespace_id=namespace,
        )
        self.cancel_first, self._chosen_by_hand = cancel_first, True

    def plan(self) -> Deletion:
        """Make the plan, see `make_plan`."""
        self.view = DeletionView()
        if self.request is not None and self.skeleton is None:
            self.view = make_plan(
                self.run,
                self.request,
                cancel_first=self.cancel_first,
                confirm=self._confirm,
                anew=self._chosen_by_hand,
            )
        return self

    def apply(self, confirm: str | None = None) -> Deletion:
        """Carry the plan out if it is confirmed, see `apply_plan`; without a phrase it stays a plan."""
        phrase = confirm if confirm is not None else self._confirm
        if self.view.open and phrase is not None:
            self.view = apply_plan(self.run, self.view, phrase)
        return self

    def _show_skeleton(self, skeleton: dict[str, Any]) -> None:
        self.skeleton = skeleton
        self.run.finish(Outcome.SKELETON, skeleton=skeleton)

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _repr_html_(self) -> str:
        lines = self._lines()
        head, rest = html.escape(lines[0]), "".join(f"<li>{html.escape(line)}</li>" for line in lines[1:])
        return f"<div class='iotjobs-plan'><p><b>{head}</b></p><ul>{rest}</ul></div>"

    def _lines(self) -> list[str]:
        if self.skeleton is not None:
            return [json.dumps(self.skeleton, indent=4)]
        plan = self.view.plan
        if plan is None:
            named = f": {self.request.key}" if self.request else ": none chosen yet"
            return [f"Delete one job execution{named}", *([self.run.reason] if self.run.reason else [])]
        execution = plan.execution
        who = f"{execution.status}, queued {utc_text(execution.queued_at)}, version {execution.version_number}"
        return [
            f"Delete {plan.key}, {who}, in account {plan.account}, region {plan.region}",
            f"{'SANDBOX' if self.run.connection.sandbox else 'LIVE'}: {plan.endpoint}, as {plan.caller_arn}",
            *plan.consequences,
            *[f"Step {number}: {step}" for number, step in enumerate(plan.steps, start=1)],
            *self._verdict(plan),
        ]

    def _verdict(self, plan: Plan) -> list[str]:
        if self.view.refusals:
            return [f"REFUSED by {refusal.guard}: {refusal.message}" for refusal in self.view.refusals]
        if self.run.outcome != Outcome.PLANNED:
            return [f"{'Done' if self.run.outcome == Outcome.APPLIED else 'Failed'}: {self.run.reason}"]
        return [f"Nothing is changed yet. To confirm: {plan.phrase}"]


def _plan_of_directory(run: Run, session: Session, asked: DeleteRequest) -> tuple[Plan | None, list[Refusal]]:
    """The plan that an earlier run made here for the same request, or why it is refused."""
    path = session.directory.path / PLAN_FILE
    if not path.exists():
        return None, []
    try:
        plan, refused = plan_file.load(path)
    except InvalidInput:
        return None, []
    if not isinstance(plan, Plan):
        return None, refused
    same = (plan.key, plan.force, plan.namespace_id) == (asked.key, asked.force, asked.namespace_id)
    here = run.connection
    same = same and (plan.account, plan.region, plan.endpoint) == (here.account, here.region, here.endpoint)
    return (plan if same else None), []


def _plan_for(run: Run, asked: DeleteRequest, execution: Any, *, cancel_first: bool) -> Plan | Refusal:
    """The plan, or the refusal where it could not be read who owns the job. Raises IotJobsError."""
    connection = run.connection
    try:
        context = queue_context(connection, execution)
    except (Denied, NotFound) as error:
        if isinstance(error, Denied) and error.action != "iot:DescribeJob":
            raise
        return guards.protection_unknown(asked.job_id, error)
    return Plan(
        execution=execution,
        operations=(CANCEL, DELETE) if cancel_first and not execution.finished else (DELETE,),
        force=asked.force,
        namespace_id=asked.namespace_id,
        account=connection.account,
        region=connection.region,
        caller_arn=connection.caller_arn,
        endpoint=connection.endpoint,
        made_at=_now(run),
        queue_context=context,
        project=connection.project.label,
    )


def _executor(run: Run, session: Session) -> Executor:
    return Executor(session.journal, run_name=session.directory.path.name, ticket=run.parameters["ticket"])


def _offer(run: Run, view: DeletionView) -> DeletionView:
    """Show a plan that may be confirmed, say which guards refuse it, or what became of it already."""
    plan = view.plan
    assert plan is not None  # noqa: S101 - for the type checker
    if view.result is not None and view.result.state.is_final:
        return _finish(run, view, None, already=True)
    refused = guards.refusals(plan) or guards.allowed_by_project(plan, _context(run))
    if refused:
        return _refuse(run, replace(view, refusals=tuple(refused)))
    run.finish(
        Outcome.PLANNED,
        reason="nothing was changed; confirm with the phrase to delete it",
        confirm=plan.phrase,
        counts={"planned": 1, "deleted": 0},
    )
    return replace(view, open=True)


def _refuse(run: Run, view: DeletionView) -> DeletionView:
    run.finish(
        Outcome.REFUSED,
        reason=guards.in_a_sentence(view.refusals),
        refusals=[refusal.as_document() for refusal in view.refusals],
        counts={"planned": 1, "deleted": 0},
    )
    return view


def _finish(run: Run, view: DeletionView, ending: IotJobsError | None, *, already: bool = False) -> DeletionView:
    result = view.result
    assert result is not None  # noqa: S101 - for the type checker
    counts = counts_of([result])
    outcome, key = outcome_of([result], ending), result.removal.key
    if outcome is Outcome.DENIED and result.touched:
        outcome = Outcome.PARTIAL
    refusals: tuple[Refusal, ...] = ()
    if outcome is Outcome.APPLIED:
        reason = f"{key} was deleted already, in this run directory" if already else f"deleted {key}"
    else:
        so_far = f"{key} was cancelled, {result.only_cancelled}: " if result.only_cancelled else ""
        if ending is not None and result.delete_sent and not so_far:
            so_far = f"the delete of {key} was sent, and whether it acted is not known yet: "
        reason = f"{so_far}{ending or result.why}"
        refusals = (Refusal(result.guard or result.state, reason, key),)
    run.finish(
        outcome,
        reason=reason,
        counts={"planned": 1, "deleted": counts["deleted"]},
        refusals=[refusal.as_document() for refusal in refusals],
    )
    return replace(view, refusals=refusals if outcome is Outcome.REFUSED else (), open=False)


def _context(run: Run) -> ApplyContext:
    here = run.connection
    return ApplyContext(here.account, here.region, here.endpoint, _now(run), project=here.project)


def _now(run: Run) -> datetime:
    return run.connection.now()
