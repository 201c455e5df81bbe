"""What to delete and on what conditions: the target with its identity, the consequences, the phrase. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from iotjobs.diagnosis.evidence_text import duration_text
from iotjobs.model import Execution, ExecutionKey, JobStatus, Status, exact_text, utc_text

CANCEL, DELETE = "CancelJobExecution", "DeleteJobExecution"
DEVICE_ACTIVE_WORDS = " while it works"
_AT_WORK = timedelta(hours=1)
_GOING_ON = (JobStatus.SCHEDULED, JobStatus.IN_PROGRESS)


@dataclass(frozen=True, slots=True)
class QueueContext:
    """What is around an execution: its job, and the queue of its thing in the order of delivery."""

    job_status: str | None = None
    target_selection: str | None = None
    unfinished_in_job: int | None = None
    queue: tuple[ExecutionKey, ...] = ()
    queue_known: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The deletion of one execution: who it is, how it is to be done, and what follows from it."""

    execution: Execution
    force: bool
    cancel_first: bool
    namespace_id: str | None
    account: str
    region: str
    caller_arn: str
    endpoint: str
    made_at: datetime
    queue_context: QueueContext

    @property
    def works(self) -> bool:
        """Whether the device reported within the last hour: it is at work on it."""
        last = self.execution.last_updated_at or self.execution.queued_at
        return self.execution.status == Status.IN_PROGRESS and self.made_at - last < _AT_WORK

    @property
    def phrase(self) -> str:
        """What to confirm with. It carries the identity, so it cannot fit a number that is used again."""
        queued = utc_text(self.execution.queued_at)
        return f"delete {self.execution.key} queued {queued}" + (DEVICE_ACTIVE_WORDS if self.works else "")

    @property
    def steps(self) -> tuple[str, ...]:
        """The calls that will be made, in words."""
        if self.cancel_first and not self.execution.finished:
            version = self.execution.version_number
            return (
                f"CancelJobExecution with force, only if the version is still {version}",
                "see that it is CANCELED",
                "DeleteJobExecution without force",
            )
        forced = self.force and not self.execution.finished  # a finished one needs none
        return (f"DeleteJobExecution {'with' if forced else 'without'} force",)

    @property
    def consequences(self) -> tuple[str, ...]:
        """What the device will see, what starts next, whether the job completes by it."""
        return (*self._on_the_device(), *self._in_the_queue(), *self._on_the_job())

    def as_document(self) -> dict[str, Any]:
        """The plan as JSON can hold it."""
        execution = self.execution
        return {
            "schema": 1,
            "kind": "delete_job_execution",
            "phrase": self.phrase,
            "job_id": execution.key.job_id,
            "thing_name": execution.key.thing_name,
            "execution_number": execution.key.execution_number,
            "queued_at": utc_text(execution.queued_at),
            "status": execution.status.value,
            "version_number": execution.version_number,
            "force": self.force,
            "cancel_first": self.cancel_first,
            "namespace_id": self.namespace_id,
            "account": self.account,
            "region": self.region,
            "endpoint": self.endpoint,
            "caller_arn": self.caller_arn,
            "made_at": utc_text(self.made_at),
            "steps": list(self.steps),
            "consequences": list(self.consequences),
            "queue_context": asdict(self.queue_context),
        }

    def _on_the_device(self) -> tuple[str, ...]:
        execution, thing = self.execution, self.execution.key.thing_name
        if execution.finished:
            return (f"{thing} sees nothing of it: the execution has ended ({execution.status}).",)
        if execution.status == Status.QUEUED:
            return (f"{thing} has not started it and will never be offered it.",)
        last = execution.last_updated_at or execution.queued_at
        ago = duration_text((self.made_at - last).total_seconds())
        caution = (
            f"CAUTION: {thing} is IN_PROGRESS with it. It will be unable to read the job or to report its "
            f"status, and it is not told to stop: make sure that {thing} can recover to a valid state."
        )
        working = f" It reported {ago} ago: it is at work on it now." if self.works else f" Last report {ago} ago."
        return (caution + working,)

    def _in_the_queue(self) -> tuple[str, ...]:
        thing = self.execution.key.thing_name
        if self.execution.finished:
            return ()
        if not self.queue_context.queue_known:
            return (f"The queue of {thing} could not be read: which execution starts next is not known.",)
        others = [key for key in self.queue_context.queue if key != self.execution.key]
        if not others:
            return (f"Nothing else waits for {thing}.",)
        was_head = bool(self.queue_context.queue) and self.queue_context.queue[0] == self.execution.key
        if was_head:
            return (
                f"Next on {thing} is {others[0].job_id} number {others[0].execution_number}; it is announced at once.",
            )
        return (f"The head of {thing}'s queue stays {others[0].job_id} number {others[0].execution_number}.",)

    def _on_the_job(self) -> tuple[str, ...]:
        around, job = self.queue_context, self.execution.key.job_id
        if self.execution.finished:
            return (f"Job {job} loses this execution from its counts and history.",)
        if around.job_status is None:
            return (f"Job {job} could not be read: whether it completes by this is not known.",)
        if around.job_status not in _GOING_ON:
            return (f"Job {job} is {around.job_status} already and stays so.",)
        last_one = around.unfinished_in_job == 1 and around.target_selection == "SNAPSHOT"
        if last_one and around.job_status == "IN_PROGRESS":
            return (f"It is the last unfinished execution of the snapshot job {job}: the job completes by it.",)
        return (f"Job {job} goes on without {self.execution.key.thing_name}.",)


def identity_of(plan: Plan) -> dict[str, Any]:
    """What every line of the journal about a plan's execution holds."""
    key = plan.execution.key
    return {
        "account": plan.account,
        "region": plan.region,
        "job_id": key.job_id,
        "thing_name": key.thing_name,
        "execution_number": key.execution_number,
        "queued_at": exact_text(plan.execution.queued_at),
    }


def may_have_acted(entries: Sequence[Mapping[str, Any]], operation: str) -> bool:
    """Whether the entries about one execution leave it open, or say, that a changing call acted.

    A call that was declined did nothing; one without an answer may have acted, or act late.
    """
    sent = [entry["event"] for entry in entries if entry.get("operation") == operation]
    if not {"called", "unanswered"}.isdisjoint(sent):
        return True
    return sent.count("calling") > sent.count("declined")
