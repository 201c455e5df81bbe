"""The third job of the kit: many executions deleted, or only cancelled, by a rule, guarded. What `sweep.ipynb` calls.

Plan, approve, apply, verify. One run directory is one sweep: run again with it, the sweep goes on where it was. The
work is done by `sweep_planning.py` and `sweep_applying.py`, values in, values out; `Sweep` is what a notebook holds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

import pandas as pd

from iotjobs.deletion.refusal import Refusal
from iotjobs.deletion.results import (
    TargetResult,
    results_table,
)
from iotjobs.deletion.select import Chosen
from iotjobs.deletion.sweep_plan import SweepPlan
from iotjobs.errors import InvalidInput
from iotjobs.markup import visible
from iotjobs.model import Action, ExecutionKey
from iotjobs.workflows.sweep_applying import apply_plan
from iotjobs.workflows.sweep_planning import make_plan, offer, rule_of
from iotjobs.workflows.sweep_state import SweepView

if TYPE_CHECKING:
    from iotjobs.run.run import Run


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
            self.view = offer(self.run, session, plan.without(unwanted))
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
