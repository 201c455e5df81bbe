"""What to do with one execution and on what conditions: its identity, the steps, what follows, the phrase. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from iotjobs.diagnosis.evidence_text import duration_text
from iotjobs.model import Execution, ExecutionKey, Identity, JobStatus, Status, exact_text, utc_text

SCHEMA = 3
KIND_ONE, KIND_CANCEL, KIND_SWEEP = "delete_job_execution", "cancel_job_execution", "sweep"
_ID_LENGTH = 32

CANCEL, DELETE = "CancelJobExecution", "DeleteJobExecution"
DEVICE_ACTIVE_WORDS = " while it works"
_DEVICE_ACTIVE = timedelta(hours=1)
_GOING_ON = (JobStatus.SCHEDULED, JobStatus.IN_PROGRESS)


@dataclass(frozen=True, slots=True)
class QueueContext:
    """What is around an execution: its job, and the queue of its thing in the order of delivery.

    ``owner``: the service that made the job, None for the account's own. ``canceling``: AWS is cancelling the job's
    executions. ``abort_warning``: see `JobFacts.abort_warning`.
    """

    job_status: str | None = None
    target_selection: str | None = None
    unfinished_in_job: int | None = None
    queue: tuple[ExecutionKey, ...] = ()
    queue_known: bool = False
    owner: str | None = None
    canceling: bool = False
    abort_warning: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The end of one execution: who it is, how it is to be done, and what follows from it.

    ``operations`` are the changing calls, in order: `CANCEL` before `DELETE`, or one of them. `CANCEL` alone frees the
    queue and keeps the record. ``project``: the project file under which it was made, empty without one.
    ``expected_version``: the only version that the caller wants it at.
    """

    execution: Execution
    operations: tuple[str, ...]
    force: bool
    namespace_id: str | None
    account: str
    region: str
    caller_arn: str
    endpoint: str
    made_at: datetime
    queue_context: QueueContext
    project: str = ""
    expected_version: int | None = None

    @property
    def identity(self) -> Identity:
        """What makes the execution itself."""
        return self.execution.identity

    @property
    def key(self) -> ExecutionKey:
        """What names the execution."""
        return self.execution.key

    @property
    def deletes(self) -> bool:
        """Whether the record goes as well; else the execution is cancelled and stays in the job's history."""
        return DELETE in self.operations

    @property
    def cancel_first(self) -> bool:
        """Whether it is cancelled by its version before it is deleted."""
        return self.operations == (CANCEL, DELETE)

    @property
    def device_active(self) -> bool:
        """Whether the device reported within the last hour: it is at work on it."""
        last = self.execution.last_updated_at or self.execution.queued_at
        return self.execution.status == Status.IN_PROGRESS and self.made_at - last < _DEVICE_ACTIVE

    @property
    def phrase(self) -> str:
        """What to confirm with. It carries the identity, so it cannot fit a number that is used again.

        That of a cancel names no version: AWS itself is sent the one that the plan saw.
        """
        verb = "delete" if self.deletes else "cancel"
        bound = self.deletes and not self.execution.finished
        version = f" at version {self.execution.version_number}" if bound else ""
        owned = f" owned by {owner_name(self.queue_context.owner)}" if self.queue_context.owner else ""
        active = DEVICE_ACTIVE_WORDS if self.device_active else ""
        return f"{verb} {self.key} queued {utc_text(self.execution.queued_at)}{version}{owned}{active}"

    @property
    def steps(self) -> tuple[str, ...]:
        """The calls that will be made, in words."""
        steps: tuple[str, ...] = ()
        if CANCEL in self.operations:
            version = self.execution.version_number
            steps += (
                f"CancelJobExecution {_with(self.cancel_forced)} force, only if the version is still {version}",
                "see that it is CANCELED",
            )
        if self.deletes:
            steps += (f"DeleteJobExecution {_with(self.forced)} force",)
        return steps

    @property
    def forced(self) -> bool:
        """Whether the delete is sent with force: what has ended, also by our cancel, needs none."""
        return self.force and not self.execution.finished and CANCEL not in self.operations

    @property
    def cancel_forced(self) -> bool:
        """Whether the cancel is sent with force, which AWS wants for IN_PROGRESS alone; its version guards it."""
        return self.deletes or self.force

    @property
    def consequences(self) -> tuple[str, ...]:
        """What the device will see, what starts next, whether the job completes by it, who owns it."""
        warning = self.queue_context.abort_warning
        return (
            *self._on_the_device(),
            *self._in_the_queue(),
            *self._on_the_job(),
            *self._on_the_record(),
            *((warning,) if warning else ()),
            *self._on_the_owner(),
        )

    def as_document(self) -> dict[str, Any]:
        """The plan as `plan.json` holds it."""
        document = {
            "schema": SCHEMA,
            "kind": KIND_ONE if self.deletes else KIND_CANCEL,
            "phrase": self.phrase,
            "account": self.account,
            "region": self.region,
            "endpoint": self.endpoint,
            "caller_arn": self.caller_arn,
            "made_at": exact_text(self.made_at),
            **({"project": self.project} if self.project else {}),
            **self.execution_document(),
        }
        return {**document, "plan_id": digest_of(document)}

    def execution_document(self) -> dict[str, Any]:
        """The part of the document that is about the execution, the same in a sweep's."""
        one, context = self.execution, self.queue_context
        return {
            **self.identity.as_document(),
            "status": one.status.value,
            "version_number": one.version_number,
            "started_at": one.started_at and exact_text(one.started_at),
            "last_updated_at": one.last_updated_at and exact_text(one.last_updated_at),
            "operations": list(self.operations),
            "force": self.force,
            "cancel_first": self.cancel_first,
            "namespace_id": self.namespace_id,
            "expected_version": self.expected_version,
            "steps": list(self.steps),
            "consequences": list(self.consequences),
            "queue_context": {**asdict(context), "queue": [asdict(key) for key in context.queue]},
        }

    def _on_the_device(self) -> tuple[str, ...]:
        execution, thing = self.execution, self.key.thing_name
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
        active = (
            f" It reported {ago} ago: it is at work on it now." if self.device_active else f" Last report {ago} ago."
        )
        return (caution + active,)

    def _in_the_queue(self) -> tuple[str, ...]:
        thing, queue = self.key.thing_name, self.queue_context.queue
        if self.execution.finished:
            return ()
        if not self.queue_context.queue_known:
            return (f"The queue of {thing} could not be read: which execution starts next is not known.",)
        others = [key for key in queue if key != self.key]
        if not others:
            return (f"Nothing else waits for {thing}.",)
        first = f"{others[0].job_id} number {others[0].execution_number}"
        if queue[0] == self.key:
            return (f"Next on {thing} is {first}; it is announced at once.",)
        return (f"The head of {thing}'s queue stays {first}.",)

    def _on_the_job(self) -> tuple[str, ...]:
        context, job = self.queue_context, self.key.job_id
        if self.execution.finished:
            return (f"Job {job} loses this execution from its counts and history.",) if self.deletes else ()
        if context.job_status is None:
            return (f"Job {job} could not be read: whether it completes by this is not known.",)
        if context.canceling:
            return (f"Job {job} is CANCELED and AWS is still cancelling its executions: waiting is enough.",)
        if context.job_status not in _GOING_ON:
            return (f"Job {job} is {context.job_status} already and stays so.",)
        last_one = context.unfinished_in_job == 1 and context.target_selection == "SNAPSHOT"
        if last_one and context.job_status == JobStatus.IN_PROGRESS:
            return (f"It is the last unfinished execution of the snapshot job {job}: the job completes by it.",)
        return (f"Job {job} goes on without {self.key.thing_name}.",)

    def _on_the_record(self) -> tuple[str, ...]:
        if self.deletes or self.execution.finished:
            return ()
        return (f"Its record stays: it is CANCELED in job {self.key.job_id} then, and nothing is deleted.",)

    def _on_the_owner(self) -> tuple[str, ...]:
        if self.queue_context.owner is None:
            return ()
        name, job, thing = owner_name(self.queue_context.owner), self.key.job_id, self.key.thing_name
        if name == "OTA":
            words = (
                "a FreeRTOS OTA update. For a single device AWS names delete-job-execution; delete-ota-update with its "
                "job would take the update from ALL its devices."
            )
        elif name == "Greengrass":
            words = (
                "a Greengrass deployment. What helps there is a new revision of the deployment, which ends this one; "
                f"and the queue of {thing} may hold deployments that the lists of Jobs do not show."
            )
        else:
            words = f"the service {name}: what helps there is that service's to say."
        return (f"CAUTION: job {job} belongs to {words}",)


def _with(force: bool) -> str:  # noqa: FBT001 - a word for a flag
    return "with" if force else "without"


def owner_name(owner: str) -> str:
    """The short name of a service that owns a job, as phrases have it: `OTA`, `Greengrass`, else its namespace."""
    if "Greengrass" in owner or "OTA" in owner:
        return "Greengrass" if "Greengrass" in owner else "OTA"
    namespace = re.search(r"namespace ([a-zA-Z0-9_-]+)", owner)
    return namespace[1] if namespace else "a service"


def digest_of(document: Any) -> str:
    """The id of a plan: the first 128 bits of a SHA-256 over its document, as JSON with sorted keys."""
    return hashlib.sha256(json.dumps(document, sort_keys=True, ensure_ascii=True).encode()).hexdigest()[:_ID_LENGTH]
