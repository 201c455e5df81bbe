"""What an execution is: statuses, causes, outcomes, identity.

Pure: knows nothing of AWS, of widgets or of the clock.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    pass


class Status(StrEnum):
    """The states of a job execution (API: JobExecutionStatus)."""

    QUEUED = "QUEUED"
    IN_PROGRESS = "IN_PROGRESS"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    REJECTED = "REJECTED"
    REMOVED = "REMOVED"
    CANCELED = "CANCELED"


UNFINISHED = (Status.QUEUED, Status.IN_PROGRESS)
TERMINAL = tuple(status for status in Status if status not in UNFINISHED)


class Action(StrEnum):
    """What is done with an execution: its record goes as well, or is kept."""

    DELETE = "delete"
    CANCEL = "cancel"


class JobStatus(StrEnum):
    """The states of a job (API: JobStatus)."""

    SCHEDULED = "SCHEDULED"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    CANCELED = "CANCELED"
    DELETION_IN_PROGRESS = "DELETION_IN_PROGRESS"


class Cause(StrEnum):
    """Why an execution has not finished; the rules are in `diagnosis.causes`, in this order."""

    THING_GONE = "thing_gone"
    CANCELING = "canceling"
    ORPHANED = "orphaned"
    RETRYING = "retrying"
    FRESH = "fresh"
    WAITING_WINDOW = "waiting_window"
    TIMEOUT_PENDING = "timeout_pending"
    DEVICE_OFFLINE = "device_offline"
    STALLED = "stalled"
    BLOCKED = "blocked"
    WAITING_TURN = "waiting_turn"
    NOT_PICKED_UP = "not_picked_up"
    UNKNOWN = "unknown"


class Suggestion(StrEnum):
    """What to do about an execution."""

    WAIT = "wait"
    CONTACT_DEVICE = "contact_device"
    FIX_BLOCKER = "fix_blocker"
    CANCEL = "cancel"
    DELETE = "delete"
    FORCE_DELETE = "force_delete"
    ENABLE_INDEXING = "enable_indexing"
    NONE = "none"


class Outcome(StrEnum):
    """How a run ended; each has an exit code of `iotjobs run`."""

    OK = "ok"
    PLANNED = "planned"
    APPLIED = "applied"
    NOTHING_TO_DO = "nothing_to_do"
    SKELETON = "skeleton"
    ERROR = "error"
    INVALID = "invalid"
    PARTIAL = "partial"
    DENIED = "denied"
    REFUSED = "refused"
    INTERRUPTED = "interrupted"

    @property
    def exit_code(self) -> int:
        """The exit code of `iotjobs run` for this outcome."""
        return _EXIT_CODES.get(self, 0)


_EXIT_CODES = {
    Outcome.ERROR: 1,
    Outcome.INVALID: 2,
    Outcome.PARTIAL: 3,
    Outcome.DENIED: 4,
    Outcome.REFUSED: 5,
    Outcome.INTERRUPTED: 130,
}

#: The states of a job that leave nothing for a device to do.
ENDED_JOBS = (JobStatus.CANCELED, JobStatus.COMPLETED, JobStatus.DELETION_IN_PROGRESS)

JOB_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
THING_NAME = re.compile(r"[a-zA-Z0-9:_-]{1,128}")
NAMESPACE_ID = re.compile(r"[a-zA-Z0-9_-]+")
EXECUTION_NUMBER_MAX = 2**63 - 1
#: As far as a timestamp of nanoseconds reaches, in seconds since the epoch.
LATEST_S = datetime(2262, 1, 1, tzinfo=UTC).timestamp()


@dataclass(frozen=True, slots=True, order=True)
class ExecutionKey:
    """What names an execution. Numbers are reused: with `queued_at` it becomes an identity."""

    job_id: str
    thing_name: str
    execution_number: int

    def __str__(self) -> str:
        return f"{self.job_id}/{self.thing_name}/{self.execution_number}"


@dataclass(frozen=True, slots=True, order=True)
class Identity:
    """What makes an execution itself: its key and the moment (UTC, aware) at which it was queued.

    Numbers are reused, so a key alone does not name one execution for good. `queued_at` is as exact as AWS told it.
    """

    job_id: str
    thing_name: str
    execution_number: int
    queued_at: datetime

    @property
    def key(self) -> ExecutionKey:
        """What names it in a call."""
        return ExecutionKey(self.job_id, self.thing_name, self.execution_number)

    def as_document(self) -> dict[str, Any]:
        """The identity as every file of a run holds it; `queued_at` is exact ISO 8601."""
        return {
            "job_id": self.job_id,
            "thing_name": self.thing_name,
            "execution_number": self.execution_number,
            "queued_at": exact_text(self.queued_at),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Identity:
        """Read an identity that `as_document` wrote, perhaps among other members.

        Raises KeyError, TypeError or ValueError for what is none, also for a moment without a time zone.
        """
        queued_at = datetime.fromisoformat(document["queued_at"])
        if queued_at.tzinfo is None:
            raise ValueError(f"{document['queued_at']} has no time zone")
        number = document["execution_number"]
        if isinstance(number, bool) or not isinstance(number, int):
            raise TypeError(f"{number!r} is no execution number")
        return cls(str(document["job_id"]), str(document["thing_name"]), number, queued_at.astimezone(UTC))


SANDBOX = "SANDBOX"
NOT_AWS = "which is not AWS's"


def place_words(endpoint_kind: object, *, account: object, region: object, endpoint: object) -> str:
    """SANDBOX, or LIVE with the account and region, and with the endpoint where that is not AWS's."""
    if endpoint_kind == "sandbox":
        return SANDBOX
    where = "" if endpoint_kind == "aws" else f" at {endpoint}, {NOT_AWS}"
    return f"LIVE{where}: account {account}, {region}"


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """Where and as whom AWS was asked, as plain values for a view. ``denied``: the IAM actions that were, by then."""

    account: str
    region: str
    endpoint: str
    caller_arn: str
    profile: str | None
    sandbox: bool
    endpoint_kind: str
    warnings: tuple[str, ...]
    denied: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """What stands beside a phrase: whether anything there is real, and where that is."""
        return place_words(self.endpoint_kind, account=self.account, region=self.region, endpoint=self.endpoint)

    @classmethod
    def of(cls, connection: Any) -> ConnectionInfo:
        """The values of a connection."""
        return cls(**{field.name: getattr(connection, field.name) for field in fields(cls)})


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution as `DescribeJobExecution` tells it. All times are UTC and aware."""

    key: ExecutionKey
    status: Status
    queued_at: datetime
    version_number: int
    started_at: datetime | None = None
    last_updated_at: datetime | None = None
    status_details: dict[str, str] = field(default_factory=dict)
    raw: dict[str, Any] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """Whether the status is terminal."""
        return self.status in TERMINAL

    @property
    def identity(self) -> Identity:
        """What makes this execution itself: its key and the moment it was queued."""
        return Identity(self.key.job_id, self.key.thing_name, self.key.execution_number, self.queued_at)


def utc_text(moment: datetime) -> str:
    """A moment as ISO 8601 UTC to the second, the form of phrases and files: `2026-11-20T10:00:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def exact_text(moment: datetime) -> str:
    """A moment as ISO 8601 UTC with all that it has, so that it can be read back: an identity must not be rounded."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def same_moment(one: datetime, other: datetime) -> bool:
    """Whether two answers tell the same moment, at the coarser precision of the two.

    AWS tells milliseconds on the control plane and whole seconds on the device plane, and a float of seconds carries
    noise below a microsecond. Seconds count where either has whole seconds only, else milliseconds.
    """
    first, second = round(one.timestamp() * 1000), round(other.timestamp() * 1000)
    if first % 1000 == 0 or second % 1000 == 0:
        return first // 1000 == second // 1000
    return first == second
