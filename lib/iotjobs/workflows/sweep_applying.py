"""A sweep's plan carried out, once it is approved."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from iotjobs.deletion import caps, guards, plan_file, sweep_guards
from iotjobs.deletion.executor import Executor
from iotjobs.deletion.results import (
    TargetResult,
    counts_of,
)
from iotjobs.deletion.sweep_executor import SweepExecutor
from iotjobs.deletion.sweep_plan import SweepPlan
from iotjobs.errors import IotJobsError
from iotjobs.run.progress import Meter, told
from iotjobs.workflows.sweep_state import (
    Results,
    SweepView,
    apply_context,
    evidence_of,
    executor_of,
    finish,
    refuse,
    results_so_far,
    settled_results,
)

if TYPE_CHECKING:
    from iotjobs.run.directory import Session
    from iotjobs.run.run import Run

_SECONDS_BETWEEN_NOTES = 1.0


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
        results = results_so_far(plan, session)
        missing = [name for name in caps.NAMES if name not in run.parameters.given]
        if phrase is None:
            refused = sweep_guards.unattended_is_safe(plan, missing)
        else:
            refused = sweep_guards.sweep_phrase_must_match(plan, phrase)
        refused = refused or guards.is_the_plan_in_progress(plan.plan_id, started or _single_delete_in(session))
        refused = refused or guards.is_for_this_place(plan, apply_context(run, plan))
        if not refused:
            results = settled_results(run, session, plan)
            evidence = evidence_of(run, session, plan, results)
            refused = sweep_guards.sweep_refusals(plan, apply_context(run, plan, evidence, started=started is not None))
        if refused:
            return refuse(run, replace(view, refusals=tuple(refused), results=results))
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
        else:
            plan_file.hold(session)
        executor = executor_of(run, session, plan)
        ending = _carry_out(run, session, plan, results, executor, stop=stop, progress=progress)
        return finish(run, session, replace(view, refusals=(), results=results, open=False), ending, executor.lists)


def _carry_out(
    run: Run,
    session: Session,
    plan: SweepPlan,
    results: Results,
    executor: Executor,
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

    sweep_executor = SweepExecutor(
        plan,
        results,
        executor=executor,
        journal=session.journal,
        directory=session.directory.path,
        connect=lambda: run.connection,
        reconnect=run.reconnect,
    )
    try:
        with told(meter.line):
            sweep_executor.run(stop=stop, progress=done)
    except IotJobsError as error:
        return error
    finally:
        results |= results_so_far(plan, session)
    return None


def _single_delete_in(session: Session) -> str | None:
    """What stands for a plan in progress where single executions were deleted: no sweep goes on there."""
    touched = any(entry["event"] == "calling" for entry in session.journal.entries)
    return "the delete of one execution" if touched else None
