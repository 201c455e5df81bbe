"""One colour for each cause and status, in figures and tables alike. Pure.

Okabe and Ito's palette is told apart by all kinds of colour vision; a hatch tells apart what shares a colour. What
needs a person is strong, what is held back by it is yellow, what goes on by itself is pale.
"""

from __future__ import annotations

from dataclasses import dataclass

from iotjobs.diagnosis.causes import BY_CAUSE
from iotjobs.model import Status


@dataclass(frozen=True, slots=True)
class Look:
    """A fill, and the hatch over it."""

    fill: str
    hatch: str = ""


CAUSE_LOOKS: dict[str, Look] = {cause: Look(rule.fill, rule.hatch) for cause, rule in BY_CAUSE.items()}
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
