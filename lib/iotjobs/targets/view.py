"""A fleet's run as it stands, and how it ends: what goes into its `result.json`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pandas as pd

from iotjobs.deletion.refusal import Refusal
from iotjobs.diagnosis.changes import Change
from iotjobs.errors import Interrupted
from iotjobs.model import NOT_AWS, SANDBOX, Outcome
from iotjobs.targets.answers import GOOD, TargetAnswer, counts_of, outcome_of, reason_of
from iotjobs.targets.set_plan import SetPlan

if TYPE_CHECKING:
    from iotjobs.run.run import Run


@dataclass(frozen=True, slots=True)
class FleetView:
    """A fleet's run as it stands.

    ``answers``: how each target's run ended, in the order of their names. ``overview``: `table.OVERVIEW_COLUMNS`, most
    stuck first. ``history``: `history.HISTORY_COLUMNS`, the runs before this one. ``plan``: the plans of a sweep as
    one, None without any. ``refusals``: why it may not be confirmed.
    ``applied``: whether it was carried out.
    """

    answers: tuple[TargetAnswer, ...] = ()
    overview: pd.DataFrame | None = None
    history: pd.DataFrame | None = None
    plan: SetPlan | None = None
    refusals: tuple[Refusal, ...] = ()
    dashboard: str = ""
    applied: bool = False

    @property
    def place(self) -> str:
        """SANDBOX where each target with a plan proved to be it, else LIVE and where: what stands beside the phrase."""
        planned = {} if self.plan is None else {each.name: each for each in self.plan.targets}
        places = {each.name: each.place for each in self.answers if each.name in planned and each.place}
        live = [place for place in places.values() if place != SANDBOX]
        if planned and not live and places.keys() == planned.keys():
            return SANDBOX
        accounts = sorted({each.account for each in planned.values()})
        foreign = sorted(place for place in live if NOT_AWS in place)
        return "; ".join([f"LIVE: account{'s' * (len(accounts) > 1)} {', '.join(accounts)}", *foreign])

    @property
    def changes(self) -> pd.DataFrame:
        """One row a target with an earlier run: how many executions changed since in which way (`changes.Change`)."""
        rows = {
            answer.name: {change.value: answer.counts.get(f"changes_{change.value}", 0) for change in Change}
            for answer in self.answers
            if f"changes_{Change.NEW.value}" in answer.counts
        }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("target").reset_index()

    @property
    def targets(self) -> pd.DataFrame:
        """One row a target: name, account, region, outcome, reason, and the counts of executions."""
        rows = [{**answer.as_document(), **answer.counts} for answer in self.answers]
        return pd.DataFrame(rows).drop(columns="counts", errors="ignore")


def finish(run: Run, view: FleetView) -> None:
    """The run has ended with what the targets answered."""
    run.finish(
        outcome_of(view.answers),
        reason=reason_of(view.answers),
        counts=counts_of(view.answers),
        warnings=_warnings(view),
        targets=[answer.as_document() for answer in view.answers],
    )


def raise_if_interrupted(run: Run, answers: Sequence[TargetAnswer]) -> None:
    """End the notebook where a person stopped it: no later cell goes on, and every target is named already.

    Raises Interrupted.
    """
    if any(answer.outcome == Outcome.INTERRUPTED for answer in answers):
        raise Interrupted(run.reason)


def offer(run: Run, view: FleetView) -> FleetView:
    """The plans may be confirmed by their phrase, unless there are none or they are too many together."""
    plan = view.plan
    assert plan is not None  # noqa: S101 - for the type checker
    if not plan.targets:
        finish(run, view)
        return view
    refused = set_refusals(run, plan)
    if refused:
        return refuse(run, replace(view, refusals=tuple(refused)))
    run.finish(
        outcome_of(view.answers),
        reason=f"{reason_of(view.answers)}; nothing was changed; confirm with the phrase to {plan.action} them",
        confirm=plan.phrase,
        counts={**counts_of(view.answers), "planned": plan.count},
        warnings=_warnings(view),
        targets=[answer.as_document() for answer in view.answers],
        plans_id=plan.plans_id,
    )
    return view


def refuse(run: Run, view: FleetView) -> FleetView:
    """A guard said no to the whole of the plans."""
    run.finish(
        Outcome.REFUSED,
        reason="; ".join(refusal.message for refusal in view.refusals),
        refusals=[refusal.as_document() for refusal in view.refusals],
        counts=counts_of(view.answers),
        targets=[answer.as_document() for answer in view.answers],
    )
    return view


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


def _warnings(view: FleetView) -> list[str]:
    bad = [answer for answer in view.answers if Outcome(answer.outcome) not in GOOD]
    return [f"target {answer.name}: {answer.reason}" for answer in bad]


def set_refusals(run: Run, plan: SetPlan) -> list[Refusal]:
    """What speaks against the plans as a whole."""
    return [*_another_action(run, plan), *_total_refusals(plan, run.parameters["max_total_deletes"])]


def _another_action(run: Run, plan: SetPlan) -> list[Refusal]:
    """Refuse plans to delete where a cancel is asked for, and the other way round."""
    asked = run.parameters["action"]
    taken = run.parameters["plan_file"] is not None and "action" not in run.parameters.given
    if taken or asked == plan.action:
        return []
    why = f"the plans are to {plan.action}, and action is {asked}: give action {plan.action}, or make new plans"
    return [Refusal("plan_loosened", why)]
