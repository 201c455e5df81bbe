"""Every error of the kit, one class for each thing that a caller can do about it.

The message says what happened, to which job, thing and number, and what to do next. The outcome that an
error ends a run with is part of its class (see the table of outcomes in the README).
"""

from __future__ import annotations

from iotjobs.model import Outcome
from iotjobs.permissions import grant_of
from iotjobs.visible_text import visible_text


class IotJobsError(Exception):
    """The root of all errors of the kit: AWS or the machine failed. ``code``: AWS's error code, where it named one."""

    outcome = Outcome.ERROR
    code = ""

    def __str__(self) -> str:
        """One line, all of it visible: it is the last line of a notebook, and what a scheduler shows of a run."""
        return visible_text(" ".join(super().__str__().split()))

    def _render_traceback_(self) -> list[str]:
        """Show one sentence instead of a stack: IPython calls this for an error that ends a cell."""
        return [f"{type(self).__name__}: {self}"]


class InvalidInput(IotJobsError):
    """A parameter that cannot be meant; raised before any call is made."""

    outcome = Outcome.INVALID


class Denied(IotJobsError):
    """No credentials, expired ones, or a permission that is missing.

    ``action`` is the IAM action that was refused; None when it is the credentials that are, for all calls alike.
    ``expired`` says that they were good once, so that fresh ones may be there by now.
    The message ends with the statement of `iam/` that grants the action.
    """

    outcome = Outcome.DENIED

    def __init__(self, message: str, *, action: str | None = None, expired: bool = False) -> None:
        grant = grant_of(action) if action else None
        super().__init__(f"{message}; see {grant}" if grant else message)
        self.action = action
        self.expired = expired


def about_credentials(error: IotJobsError) -> bool:
    """Whether it is the credentials that are refused, for all calls alike: then nothing else can be read either."""
    return isinstance(error, Denied) and error.action is None


class NotFound(IotJobsError):
    """The job, thing or execution does not exist in this account and region."""


class Refused(IotJobsError):
    """A guard said no; nothing was changed. ``guard``: its name, where it is one that plans do not know."""

    outcome = Outcome.REFUSED

    def __init__(self, message: str, *, guard: str = "") -> None:
        super().__init__(message)
        self.guard = guard


class PartlyDone(IotJobsError):
    """Some of a plan was done; the rest drifted or failed."""

    outcome = Outcome.PARTIAL


class Interrupted(IotJobsError):
    """A person stopped the run; what was done is in the journal."""

    outcome = Outcome.INTERRUPTED


class StateConflict(IotJobsError):
    """The service refused a change because of the execution's state or version."""


class Throttled(IotJobsError):
    """The service asked to slow down; the call did nothing. ``retry_after_s``: how long it asked to wait, if it did."""

    def __init__(self, message: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Unavailable(IotJobsError):
    """The service answered a reading call that it cannot serve it now."""


class Unsettled(IotJobsError):
    """A changing call was sent and no answer came: it may or may not have acted. Look before going on."""


class RecordError(IotJobsError):
    """The record of a run cannot be written or does not hold together."""
