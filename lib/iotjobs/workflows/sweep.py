"""The third job of the kit: many executions deleted by a rule, guarded. What `sweep.ipynb` calls.

Plan, approve, apply, verify. One run directory is one sweep: run again with it, the sweep goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from iotjobs.deletion import guards, rule
from iotjobs.deletion import plan_file as plan_files
from iotjobs.deletion.guards import ApplyContext, Refusal
from iotjobs.deletion.results import (
    TargetResult,
    TargetState,
    counts_of,
    outcome_of,
    results_from_journal,
    results_table,
)
from iotjobs.deletion.select import choose
from iotjobs.deletion.sweep_executor import SweepExecutor, after
from iotjobs.deletion.sweep_plan import Caps, SweepPlan
from iotjobs.errors import InvalidInput, IotJobsError, RecordError
from iotjobs.model import ExecutionKey, Outcome
from iotjobs.run.journal import Journal, read

if TYPE_CHECKING:
    from iotjobs.run.run import Run

_CAPS = ("max_deletes", "max_fraction")


def sweep(run: Run) -> Sweep:
    """Take the rule and the caps from the run's parameters. Makes no call; raises InvalidInput."""
    return Sweep(run)


class Sweep:
    """One sweep: its plan, who approved it, and what became of each execution.

    ``current_plan`` is None before `plan` and where there is none; ``rows`` say how each target stands.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.current_plan: SweepPlan | None = None
        self.refusals: list[Refusal] = []
        self.left_out: tuple[Refusal, ...] = ()
        self.rows: list[TargetResult] = []
        self.afterwards: dict[str, str] = {}
        self._open = False
        given = run.parameters
        self._given, self._said = given.values, given.given
        self._caps = Caps(given["max_deletes"], given["max_fraction"])
        self._confirm: str | None = given["confirm"]
        self._ticket: str | None = given["ticket"]
        self._unattended: bool = given["unattended"]
        self._plan_file: str | None = given["plan_file"]
        self._rule = rule.from_parameters({name: given[name] for name in _RULE})
        if self._plan_file is None and not self._rule.names_something:
            raise InvalidInput(
                "nothing is named: give at least one of job_id, thing_name, causes, statuses, thing_groups; a sweep of "
                "everything must be meant"
            )

    def plan(self) -> Sweep:
        """Make the plan, or take the one of `plan_file` or of this run directory. Changes nothing in AWS.

        Raises InvalidInput, NotFound, Denied, IotJobsError.
        """
        self.current_plan, self.refusals, self.left_out, self.rows = None, [], (), []
        self._open = False
        with self.run.session():
            begun = self._begun()
            if begun is not None:
                self._go_on_with(begun)
            elif self._plan_file is not None:
                self._take_from_file(Path(self._plan_file).expanduser())
            else:
                self._choose()
        return self

    def prune(self, keys: Collection[ExecutionKey | tuple[str, str, int]]) -> Sweep:
        """Leave some targets out, by hand: the plan is another one then, with another phrase."""
        if self.current_plan is None or self._begun() is not None:
            raise InvalidInput("there is no plan that could be pruned: one that was begun goes on as it is")
        unwanted = {key if isinstance(key, ExecutionKey) else ExecutionKey(*key) for key in keys}
        self._take(self.current_plan.without(unwanted))
        return self

    def apply(
        self,
        confirm: str | None = None,
        *,
        stop: Callable[[], bool] = lambda: False,
        progress: Callable[[TargetResult], None] = lambda _row: None,
    ) -> Sweep:
        """Carry the plan out if it is approved; without a phrase it stays a plan.

        An error that ends the sweep is not raised but stands in the outcome, so that what became of each shows.
        """
        plan = self.current_plan
        phrase = confirm if confirm is not None else self._confirm
        if plan is None or not self._open or (phrase is None and not self._unattended):
            return self
        approved = guards.sweep_phrase_must_match(plan, phrase) if phrase is not None else self._unattended_refusals()
        refused = approved or guards.sweep_refusals(plan, self._here())
        if refused:
            self._refuse(refused)
            return self
        with self.run.session():
            self._open = False
            self.run.note(counts=self._counts())
            ending: IotJobsError | None = None
            try:
                self._carry_out(plan, stop, progress)
            except IotJobsError as error:
                ending = error
            finally:
                self.rows = results_from_journal(plan, self._entries())
            self._finish_applied(ending)
        return self

    @property
    def results(self) -> pd.DataFrame:
        """One row a target, failures first, see `sweep_rows.results_table`."""
        return results_table(self.rows, self.afterwards)

    def __repr__(self) -> str:
        plan = self.current_plan
        about = f"{plan.phrase} in account {plan.account}, region {plan.region}" if plan else "no plan"
        return f"Sweep: {about}\n{self.run.outcome or 'not planned yet'}: {self.run.reason}"

    def _choose(self) -> None:
        choice = choose(self.run.connection, self._rule, self._caps)
        self.left_out = choice.left_out
        if choice.refusals:
            self._refuse([*choice.refusals], matched=choice.matched)
        elif choice.plan is not None:
            self._take(choice.plan, warnings=choice.warnings)
        elif choice.left_out:
            self._refuse([*choice.left_out], matched=0)
        else:
            moved = f"all {choice.matched} that fit the rule moved while the plan was made: look again"
            self.run.finish(
                Outcome.NOTHING_TO_DO,
                reason=moved if choice.matched else "no execution fits the rule",
                counts=self._counts(),
                warnings=choice.warnings,
            )

    def _take_from_file(self, path: Path) -> None:
        """A plan made earlier, perhaps by somebody else; parameters beside it may only tighten it."""
        plan, refused = self._from_file(path)
        if plan is None:
            self._refuse(refused)
        else:
            self._take(plan)

    def _from_file(self, path: Path) -> tuple[SweepPlan | None, list[Refusal]]:
        plan, refused = plan_files.load(path)
        if plan is None:
            return None, refused
        given = {name: self._given[name] for name in _RULE if name in self._said}
        return plan_files.tightened(plan, given=given, caps=self._caps_said())

    def _caps_said(self) -> dict[str, Any]:
        return {name: getattr(self._caps, name) for name in _CAPS if name in self._said}

    def _another_than(self, plan: SweepPlan) -> list[Refusal]:
        """Whether this run asks for another sweep than the one that its directory has begun."""
        if self._plan_file is None:
            return guards.same_sweep(plan, self._rule)
        meant, refused = self._from_file(Path(self._plan_file).expanduser())
        return refused if meant is None else guards.same_sweep(plan, meant)

    def _take(self, plan: SweepPlan, *, warnings: Sequence[str] = ()) -> None:
        self.current_plan, self.rows = plan, results_from_journal(plan, [])
        self.refusals, self._open = [], False
        if not plan.targets:
            self.run.finish(Outcome.NOTHING_TO_DO, reason="no execution is left in the plan", counts=self._counts())
            return
        self.run.directory.write_json("plan.json", plan.as_document())
        self._offer(plan, "", warnings)

    def _go_on_with(self, plan: SweepPlan) -> None:
        """The sweep that was begun in this run directory: what was in flight is settled first, by looking."""
        another = self._another_than(plan)
        if another:
            self._refuse(another)
            return
        plan = replace(plan, caps=plan.caps.tightened(replace(plan.caps, **self._caps_said())))
        self.current_plan = plan
        with self.run.directory.exclusive() as session:
            self._application(plan, session.journal).settle()
            self.rows = results_from_journal(plan, session.journal.entries)
        left = sum(row.standing not in (TargetState.DELETED, TargetState.DRIFTED) for row in self.rows)
        if left:
            self._offer(plan, f"this run directory's sweep was begun, and {left} of {len(self.rows)} are left; ", ())
        else:
            self._finish_applied(None)

    def _offer(self, plan: SweepPlan, begun: str, warnings: Sequence[str]) -> None:
        refused = guards.sweep_refusals(plan, self._here())
        if refused and any(row.standing is TargetState.DELETED for row in self.rows):
            self._finish_applied(IotJobsError("; ".join(refusal.message for refusal in refused)))
            return
        if refused:
            self._refuse(refused)
            return
        self._open = True
        self.run.finish(
            Outcome.PLANNED,
            reason=f"{begun}nothing was changed; confirm with the phrase to delete them",
            confirm=plan.phrase,
            counts=self._counts(),
            refusals=[refusal.as_document() for refusal in self.left_out],
            warnings=warnings,
            plan_id=plan.plan_id,
        )

    def _here(self) -> ApplyContext:
        connection = self.run.connection
        return ApplyContext(connection.account, connection.region, datetime.now(UTC))

    def _unattended_refusals(self) -> list[Refusal]:
        missing = [name for name in _CAPS if name not in self._said]
        if not missing:
            return []
        why = f"unattended needs {' and '.join(missing)} given explicitly, since nobody reads the plan"
        return [Refusal("unattended_needs_caps", f"{why}: give them, or confirm with the phrase")]

    def _carry_out(self, plan: SweepPlan, stop: Callable[[], bool], progress: Callable[[TargetResult], None]) -> None:
        def noted(row: TargetResult) -> None:
            self.rows = results_from_journal(plan, journal.entries)
            self.run.note(counts=self._counts())
            progress(row)

        with self.run.directory.exclusive() as session:
            journal = session.journal
            if not any(entry["event"] == "begun" for entry in journal.entries):
                who = self.run.connection.caller_arn
                journal.write(
                    "begun",
                    plan_id=plan.plan_id,
                    count=len(plan.targets),
                    by=who,
                    made_by=plan.caller_arn,
                    ticket=self._ticket,
                )
            self._application(plan, journal).run(stop=stop, progress=noted)

    def _application(self, plan: SweepPlan, journal: Journal) -> SweepExecutor:
        return SweepExecutor(
            plan=plan,
            journal=journal,
            directory=self.run.directory.path,
            ticket=self._ticket,
            connect=lambda: self.run.connection,
            reconnect=self.run.reconnect,
        )

    def _finish_applied(self, ending: IotJobsError | None) -> None:
        plan = self.current_plan
        assert plan is not None  # noqa: S101 - for the type checker
        warnings = []
        try:
            self.afterwards = after(self.run.connection, self.rows)
        except IotJobsError as error:
            warnings = [f"what the queues look like afterwards could not be read: {error}"]
        try:
            self.run.directory.write_csv("deletions.csv", self.results)
        except RecordError as error:
            warnings.append(str(error))
        counts = self._counts()
        outcome = outcome_of(self.rows, ending)
        named = [row for row in self.rows if row.standing is not TargetState.DELETED]
        refusals = [Refusal(row.standing.value, row.why or "not done", row.target.key).as_document() for row in named]
        reason = f"{counts['deleted']} of {counts['planned']} deleted"
        reason += "".join(f", {counts[name]} {name}" for name in ("drifted", "failed", "left") if counts[name])
        self.run.finish(
            outcome,
            reason=f"{reason}{f': {ending}' if ending else ''}",
            counts=counts,
            refusals=refusals,
            warnings=warnings,
            plan_id=plan.plan_id,
        )

    def _refuse(self, refusals: list[Refusal], *, matched: int | None = None) -> None:
        self.refusals = refusals
        counts = self._counts()
        self.run.finish(
            Outcome.REFUSED,
            reason=guards.in_a_sentence(refusals),
            refusals=[refusal.as_document() for refusal in [*refusals, *self.left_out] if refusal],
            counts=counts if matched is None else {**counts, "matched": matched},
        )

    def _counts(self) -> dict[str, int]:
        return {**counts_of(self.rows), "protected": len(self.left_out)}

    def _entries(self) -> list[dict[str, Any]]:
        return read(self.run.directory.path / "journal.jsonl")[0]

    def _begun(self) -> SweepPlan | None:
        return plan_files.begun(self.run.directory.path, self._entries())


_RULE = ("job_id", "thing_name", "causes", "statuses", "thing_groups", "older_than", "stuck_after", "force", "protect")
