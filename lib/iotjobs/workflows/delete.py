"""The second job of the kit: one execution deleted, guarded. What `delete_job_execution.ipynb` calls."""

from __future__ import annotations

import html
import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from iotjobs.aws import executions as fetch
from iotjobs.aws.jobs import describe_job
from iotjobs.deletion import guards, request
from iotjobs.deletion.executor import DeletionExecutor
from iotjobs.deletion.guards import Refusal
from iotjobs.deletion.plan import DELETE, Plan, QueueContext, may_have_acted
from iotjobs.errors import NotFound
from iotjobs.model import UNFINISHED, Execution, ExecutionKey, Outcome, utc_text
from iotjobs.run.journal import read as read_journal
from iotjobs.run.run import Run


def delete_job_execution(run: Run) -> Deletion:
    """Take the reference's request from the run's parameters. Makes no call; raises InvalidInput.

    Without any name a person is to choose one in the panel: the notebook then ends as `invalid`, with the
    missing parameters, unless somebody did.
    """
    with run.recorded():
        return Deletion(run)


class Deletion:
    """One `DeleteJobExecution`: the request, its plan, and its carrying out."""

    def __init__(self, run: Run) -> None:
        values = run.parameters
        self.run = run
        self.current_plan: Plan | None = None
        self.refusals: list[Refusal] = []
        self._done = False
        self._by_hand = False
        self.request: request.DeleteRequest | None = None
        self.skeleton: dict[str, Any] | None = None
        self._confirm: str | None = values["confirm"]
        self._ticket: str | None = values["ticket"]
        self.cancel_first: bool = values["cancel_first"]
        if values["generate_cli_skeleton"] == "input":
            self._show_skeleton(request.INPUT_SKELETON)
            return
        named = {name: values[name] for name in (*request.NAMES, "cli_input_json")}
        if all(value is None for value in named.values()) and values["generate_cli_skeleton"] is None:
            self._ask_for_names()
            return
        self.request = request.build(**named)
        if values["generate_cli_skeleton"] == "output":
            self._show_skeleton(request.OUTPUT_SKELETON)

    def choose(
        self,
        job_id: Any,
        thing_name: Any,
        execution_number: Any,
        *,
        force: bool = False,
        cancel_first: bool = True,
    ) -> None:
        """Name another execution, by hand in the panel. Raises InvalidInput."""
        self.current_plan, self.skeleton, self.request = None, None, None
        self.refusals, self._done, self._by_hand = [], False, True
        self.request = request.build(
            job_id=job_id, thing_name=thing_name, execution_number=execution_number, force=force
        )
        self.cancel_first = cancel_first

    def plan(self) -> Deletion:
        """Describe the execution and say what its deletion would do. Raises NotFound, Denied, IotJobsError."""
        self.current_plan, self.refusals, self._done = None, [], False
        if self.request is not None and self.skeleton is None:
            with self.run.session():
                self._look_around(self.request)
        return self

    def _look_around(self, wanted: request.DeleteRequest) -> None:
        if self._done_before(wanted.key):
            return
        other = guards.no_sweep_begun(read_journal(self.run.directory.path / "journal.jsonl")[0])
        if other:
            self._say_refused(other)
            return
        execution = fetch.describe_execution(self.run.connection, wanted.key)
        connection = self.run.connection
        self.current_plan = Plan(
            execution=execution,
            force=wanted.force,
            cancel_first=self.cancel_first,
            namespace_id=wanted.namespace_id,
            account=connection.account,
            region=connection.region,
            caller_arn=connection.caller_arn,
            endpoint=connection.endpoint,
            made_at=datetime.now(UTC),
            queue_context=self._surroundings(execution),
        )
        self.run.directory.write_json("plan.json", self.current_plan.as_document())
        self._say_planned(self.current_plan)

    def apply(self, confirm: str | None = None) -> Deletion:
        """Carry the plan out if it is confirmed; without a phrase it stays a plan. Raises IotJobsError."""
        phrase = confirm if confirm is not None else self._confirm
        if self.current_plan is not None and phrase is not None and not self._done:
            with self.run.session():
                self._carry_out(self.current_plan, phrase)
        return self

    def _carry_out(self, plan: Plan, phrase: str) -> None:
        refused = guards.refusals(plan) or guards.phrase_must_match(plan, phrase)
        if not refused:
            with self.run.directory.exclusive() as session:
                self.run.note(counts={"planned": 1, "deleted": 0})
                run_name = self.run.directory.path.name
                work = DeletionExecutor(self.run.connection, plan, session.journal, run_name, ticket=self._ticket)
                refused = work.run()
        if refused:
            self._say_refused(refused)
        else:
            self._say_applied(f"deleted {plan.execution.key}")

    def _surroundings(self, execution: Execution) -> QueueContext:
        """The job and the queue around an unfinished execution; nothing follows from the end of a finished one.

        A reading that fails ends the plan: without it the consequences are not known. That there is no such job or
        thing any more is an answer, and no failure.
        """
        if execution.finished:
            return QueueContext()
        facts: dict[str, Any] = {}
        with suppress(NotFound):
            job = describe_job(self.run.connection, execution.key.job_id)
            facts = {
                "job_status": job["status"],
                "target_selection": job["target_selection"],
                "unfinished_in_job": sum(job[status.value] or 0 for status in UNFINISHED),
            }
        with suppress(NotFound):
            queue = fetch.thing_queue(self.run.connection, execution.key.thing_name)
            named = zip(queue["job_id"], queue["thing_name"], queue["execution_number"], strict=True)
            facts |= {"queue": tuple(ExecutionKey(*row) for row in named), "queue_known": True}
        return QueueContext(**facts)

    def _done_before(self, key: ExecutionKey) -> bool:
        """Settle what an earlier run in this directory left: a delete on record is not done a second time.

        A confirmation, or a choice by hand, of another execution with the same number is a wish of its own.
        """
        directory = self.run.directory.path
        wanted = {"job_id": key.job_id, "thing_name": key.thing_name, "execution_number": key.execution_number}
        here = wanted | {"account": self.run.connection.account, "region": self.run.connection.region}
        mine = [entry for entry in read_journal(directory / "journal.jsonl")[0] if here.items() <= entry.items()]
        if not mine or mine[-1]["event"] == "drifted" or not may_have_acted(mine, DELETE):
            return False
        then = datetime.fromisoformat(mine[-1]["queued_at"])
        if self._confirm is not None and f"queued {utc_text(then)}" not in self._confirm and not self._by_hand:
            return False
        try:
            now: datetime | None = fetch.describe_execution(self.run.connection, key).queued_at
        except NotFound:
            now = None
        if now == then or (now is not None and self._by_hand):
            return False
        if mine[-1]["event"] != "verified":
            with self.run.directory.exclusive() as session:
                session.journal.write("verified", **here, queued_at=mine[-1]["queued_at"], settled="found gone")
        self._say_applied(f"{key} was deleted already by an earlier run in this directory")
        return True

    def _show_skeleton(self, skeleton: dict[str, Any]) -> None:
        self.skeleton = skeleton
        self.run.finish(Outcome.SKELETON, skeleton=skeleton)

    def _ask_for_names(self) -> None:
        missing = "missing: --job-id, --thing-name, --execution-number; choose an execution in the panel, or set them"
        self.run.finish(Outcome.INVALID, reason=missing)

    def _say_planned(self, plan: Plan) -> None:
        refused = guards.refusals(plan)
        if refused:
            self._say_refused(refused)
            return
        self.run.finish(
            Outcome.PLANNED,
            reason="nothing was changed; confirm with the phrase to delete it",
            confirm=plan.phrase,
            counts={"planned": 1, "deleted": 0},
        )

    def _say_refused(self, refusals: list[Refusal]) -> None:
        self.refusals = refusals
        self.run.finish(
            Outcome.REFUSED,
            reason="; ".join(refusal.message for refusal in refusals),
            refusals=[refusal.as_document() for refusal in refusals],
            counts={"planned": 1, "deleted": 0},
        )

    def _say_applied(self, reason: str) -> None:
        self._done, self.refusals = True, []
        self.run.finish(Outcome.APPLIED, reason=reason, counts={"planned": 1, "deleted": 1})

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _repr_html_(self) -> str:
        lines = self._lines()
        head, rest = html.escape(lines[0]), "".join(f"<li>{html.escape(line)}</li>" for line in lines[1:])
        return f"<div class='iotjobs-plan'><p><b>{head}</b></p><ul>{rest}</ul></div>"

    def _lines(self) -> list[str]:
        if self.skeleton is not None:
            return [json.dumps(self.skeleton, indent=4)]
        if self.current_plan is None:
            named = f": {self.request.key}" if self.request else ": none chosen yet"
            return [f"Delete one job execution{named}", *([self.run.reason] if self.run.reason else [])]
        plan = self.current_plan
        execution = plan.execution
        who = f"{execution.status}, queued {utc_text(execution.queued_at)}, version {execution.version_number}"
        return [
            f"Delete {execution.key}, {who}, in account {plan.account}, region {plan.region}",
            f"{'SANDBOX' if self.run.connection.sandbox else 'LIVE'}: {plan.endpoint}, as {plan.caller_arn}",
            *plan.consequences,
            *[f"Step {number}: {step}" for number, step in enumerate(plan.steps, start=1)],
            *self._verdict(plan),
        ]

    def _verdict(self, plan: Plan) -> list[str]:
        if self.refusals:
            return [f"REFUSED by {refusal.guard}: {refusal.message}" for refusal in self.refusals]
        if self.run.outcome != Outcome.PLANNED:
            return [f"{'Done' if self._done else 'Failed'}: {self.run.reason}"]
        return [f"Nothing is changed yet. To confirm: {plan.phrase}"]
