"""The causes, in the contract's order: the first that holds is why an execution has not finished. Pure.

Each is one class with all that there is to it; a new one is a class, its place here and in `model.Cause`, and a test.
"""

from __future__ import annotations

from iotjobs.diagnosis.causes.of_the_device import Blocked, DeviceOffline, NotPickedUp, Stalled, WaitingTurn
from iotjobs.diagnosis.causes.of_the_job import Canceling, Fresh, Orphaned, Retrying, ThingGone
from iotjobs.diagnosis.causes.of_time import TimeoutPending, WaitingWindow
from iotjobs.diagnosis.causes.rule import CauseRule, QueueRows, Verdict
from iotjobs.diagnosis.causes.unknown import Unknown
from iotjobs.model import Cause

__all__ = ["BY_CAUSE", "CAUSE_RULES", "SELF_RESOLVING", "CauseRule", "QueueRows", "Verdict", "possible_causes"]

CAUSE_RULES: tuple[CauseRule, ...] = (
    ThingGone(),
    Canceling(),
    Orphaned(),
    Retrying(),
    Fresh(),
    WaitingWindow(),
    TimeoutPending(),
    DeviceOffline(),
    Stalled(),
    Blocked(),
    WaitingTurn(),
    NotPickedUp(),
    Unknown(),
)

BY_CAUSE: dict[str, CauseRule] = {rule.cause.value: rule for rule in CAUSE_RULES}
#: What goes on by itself, once nothing stands before it.
SELF_RESOLVING = tuple(rule.cause for rule in CAUSE_RULES if rule.stuck == "no")


def possible_causes(why_unknown: str) -> frozenset[Cause]:
    """The causes that an execution can still have when this evidence about it is missing.

    The rules before the one that needs the evidence are known not to hold. Empty text (nothing is missing) allows
    none; a name that is not of `Evidence` allows all.
    """
    if not why_unknown:
        return frozenset()
    places = [place for place, rule in enumerate(CAUSE_RULES) if rule.needs == why_unknown]
    left = CAUSE_RULES[places[0] : -1] if places else CAUSE_RULES[:-1]
    statuses = left[0].statuses
    return frozenset(rule.cause for rule in left if rule.statuses & statuses)
