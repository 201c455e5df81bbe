"""The second job of the kit: one execution deleted, or only cancelled, guarded.

What `delete_job_execution.ipynb` and `cancel_job_execution.ipynb` call.

The work is done by `delete_steps.py`; `Deletion` holds what a notebook and its panel show.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from iotjobs.aws.rights import rights
from iotjobs.deletion import last_look, request
from iotjobs.deletion.plan import Plan
from iotjobs.deletion.refusal import Refusal
from iotjobs.markup import visible
from iotjobs.model import ConnectionInfo, Outcome, utc_text
from iotjobs.workflows.delete_steps import VERB, DeletionView, Request, apply_plan, make_plan, refuse

if TYPE_CHECKING:
    from iotjobs.run.run import Run


def delete_job_execution(run: Run) -> Deletion:
    """Take the request of one delete from the run's parameters, as the AWS CLI does; makes no call.

    Without any name a person is to choose one in the panel: the notebook then ends as `invalid`, with the
    missing parameters, unless somebody did. Source: API DeleteJobExecution; its guards are in `deletion/guards.py`.

    Parameters
    ----------
    run
        A run of "delete_job_execution".

    Returns
    -------
    Deletion
        `plan` describes the execution and what follows, `apply` deletes it with the plan's phrase.

    Raises
    ------
    InvalidInput
        The request cannot be meant: a name, the number, or JSON input that does not fit the API.

    """
    with run.recorded():
        deletion = Deletion(run)
        values = run.parameters
        names = {name: values[name] for name in (*request.NAMES, "cli_input_json")}
        skeleton = values["generate_cli_skeleton"]
        if skeleton == "input":
            deletion.show_skeleton(request.INPUT_SKELETON)
        elif skeleton is None and all(value is None for value in names.values()):
            _ask_for(run, "--job-id, --thing-name, --execution-number")
        else:
            deletion.cancel_first, deletion.request = values["cancel_first"], request.build(**names)
            if skeleton == "output":
                deletion.show_skeleton(request.OUTPUT_SKELETON)
        return deletion


def cancel_job_execution(run: Run) -> Deletion:
    """Take the request of one cancel from the run's parameters; makes no call. Source: API CancelJobExecution.

    Parameters
    ----------
    run
        A run of "cancel_job_execution".

    Returns
    -------
    Deletion
        As of `delete_job_execution`, but its `apply` cancels by the version of the plan and keeps the record.

    Raises
    ------
    InvalidInput
        The request cannot be meant.

    """
    with run.recorded():
        deletion = Deletion(run, keeps_record=True)
        names = {name: run.parameters[name] for name in request.CANCEL_NAMES}
        if all(value is None for value in names.values()):
            _ask_for(run, "--job-id, --thing-name")
        else:
            deletion.request = request.build_cancel(**names)
        return deletion


def _ask_for(run: Run, missing: str) -> None:
    run.finish(Outcome.INVALID, reason=f"missing: {missing}; choose an execution in the panel, or set them")


class Deletion:
    """One `DeleteJobExecution` or `CancelJobExecution` as a notebook and its panel hold it: ``view`` is how it stands.

    ``request``: which execution, None while none is named. ``skeleton``: what was asked for instead of a call.
    ``keeps_record``: whether it is to be cancelled, and not deleted. ``chosen_queued_at``: when the execution was
    queued that a person chose from a table; None where it was named otherwise.
    """

    def __init__(self, run: Run, *, keeps_record: bool = False) -> None:
        self.run = run
        self.keeps_record = keeps_record
        self.view = DeletionView()
        self.request: Request | None = None
        self.skeleton: dict[str, Any] | None = None
        self.cancel_first = False
        self.chosen_queued_at: datetime | None = None
        self._chosen_by_hand = False
        self._namespace_id: str | None = None
        self._confirm: str | None = run.parameters["confirm"]

    @property
    def current_plan(self) -> Plan | None:
        """The plan made last."""
        return self.view.plan

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """Why the plan must not be carried out; empty when it may."""
        return self.view.refusals

    def choose(
        self,
        job_id: str,
        thing_name: str,
        execution_number: int | str | None,
        *,
        force: bool = False,
        cancel_first: bool = True,
        keeps_record: bool = False,
        ticket: str | None = None,
    ) -> None:
        """Name an execution by hand in the panel; a phrase given as a parameter is not for it. Raises InvalidInput.

        ``keeps_record``: cancel it, and delete nothing.
        """
        self.run.ticket = ticket
        if self.request is not None:
            self._namespace_id = self.request.namespace_id or self._namespace_id
        self.request, self.chosen_queued_at = None, None
        self.view, self.skeleton, self._confirm, self.keeps_record = DeletionView(), None, None, keeps_record
        names = {"job_id": job_id, "thing_name": thing_name, "execution_number": execution_number, "force": force}
        if keeps_record:
            self.request = request.build_cancel(**names)
        else:
            self.request = request.build(**names, namespace_id=self._namespace_id)
        self.cancel_first, self._chosen_by_hand = cancel_first and not keeps_record, True

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
        if self.view.open and self.view.plan is not None and self.chosen_queued_at is not None:
            another = last_look.is_the_one_chosen(self.view.plan, self.chosen_queued_at)
            self.view = refuse(self.run, DeletionView(refusals=tuple(another))) if another else self.view
        self.run.tell()
        return self

    def apply(self, confirm: str | None = None) -> Deletion:
        """Carry the plan out if it is confirmed; without a phrase it stays a plan.

        Parameters
        ----------
        confirm
            The plan's phrase, by default the run's parameter.

        Returns
        -------
        Deletion
            This one: `view.result` has what became of it, `run.outcome` how it ended.

        Raises
        ------
        Refused
            Another run is at work in the run directory. What a guard refuses is not raised: it is in `refusals`.
        RecordError
            The journal cannot be written; nothing more was called.

        """
        phrase = confirm if confirm is not None else self._confirm
        if self.view.open and phrase is not None:
            self.view = apply_plan(self.run, self.view, phrase)
            self.run.tell()
        return self

    def show_skeleton(self, skeleton: dict[str, Any]) -> None:
        """End the run with a skeleton instead of a call."""
        self.skeleton = skeleton
        self.run.finish(Outcome.SKELETON, skeleton=skeleton)

    def __repr__(self) -> str:
        return "\n".join(map(visible, self._lines()))

    def _lines(self) -> list[str]:
        if self.skeleton is not None:
            return json.dumps(self.skeleton, indent=4).split("\n")
        plan = self.view.plan
        if plan is None:
            request_text = f": {self.request}" if self.request else ": none chosen yet"
            verb = VERB[not self.keeps_record].title()
            return [f"{verb} one job execution{request_text}", *([self.run.reason] if self.run.reason else [])]
        execution = plan.execution
        who = f"{execution.status}, queued {utc_text(execution.queued_at)}, version {execution.version_number}"
        return [
            f"{VERB[plan.deletes].title()} {plan.key}, {who}, in account {plan.account}, region {plan.region}",
            f"{'SANDBOX' if self.run.connection.sandbox else 'LIVE'}: {plan.endpoint}, as {plan.caller_arn}",
            *rights(self.run.connection, job_id=plan.key.job_id, thing_name=plan.key.thing_name),
            *plan.consequences,
            *[f"Step {number}: {step}" for number, step in enumerate(plan.steps, start=1)],
            *self._verdict(plan),
        ]

    def _verdict(self, plan: Plan) -> list[str]:
        if self.view.refusals:
            return [f"REFUSED by {refusal.guard}: {refusal.message}" for refusal in self.view.refusals]
        if self.run.outcome != Outcome.PLANNED:
            return [f"{'Done' if self.run.outcome == Outcome.APPLIED else 'Failed'}: {self.run.reason}"]
        return [f"Nothing is changed yet. To confirm, {ConnectionInfo.of(self.run.connection).place}: {plan.phrase}"]
