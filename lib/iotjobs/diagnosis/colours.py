"""One colour for each cause and status, in figures and tables alike. Pure.

Okabe and Ito's palette is told apart by all kinds of colour vision; a hatch tells apart what shares a colour. What
needs a person is strong, what is held back by it is yellow, what goes on by itself is pale.
"""

from __future__ import annotations

from dataclasses import dataclass

from iotjobs.model import Cause, Status


@dataclass(frozen=True, slots=True)
class Look:
    """A fill, and the hatch over it."""

    fill: str
    hatch: str = ""


CAUSE_LOOKS: dict[str, Look] = {
    Cause.THING_GONE: Look("#4d4d4d", "//"),
    Cause.ORPHANED: Look("#4d4d4d"),
    Cause.STALLED: Look("#d55e00"),
    Cause.DEVICE_OFFLINE: Look("#0072b2"),
    Cause.NOT_PICKED_UP: Look("#cc79a7"),
    Cause.UNKNOWN: Look("#a6a6a6", "xx"),
    Cause.BLOCKED: Look("#e69f00"),
    Cause.WAITING_TURN: Look("#e69f00", "//"),
    Cause.TIMEOUT_PENDING: Look("#9fd8c6"),
    Cause.WAITING_WINDOW: Look("#9fd8c6", "//"),
    Cause.FRESH: Look("#cfe8f7"),
    Cause.RETRYING: Look("#cfe8f7", "//"),
}
STATUS_LOOKS: dict[str, Look] = {
    Status.QUEUED: Look("#c9ccd1"),
    Status.IN_PROGRESS: Look("#56b4e9"),
    Status.SUCCEEDED: Look("#009e73"),
    Status.FAILED: Look("#4d4d4d"),
    Status.TIMED_OUT: Look("#4d4d4d", "//"),
    Status.REJECTED: Look("#4d4d4d", ".."),
    Status.REMOVED: Look("#7d838c", "//"),
    Status.CANCELED: Look("#7d838c", "xx"),
}
