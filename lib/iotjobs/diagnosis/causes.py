"""Each cause in words: when it holds, what is done about it, which evidence tells. Pure.

The order is the contract's: the first that holds, top to bottom. `diagnose` holds the same rules as code, and
`docs/causes.md` is checked against this file.
"""

from __future__ import annotations

from dataclasses import dataclass

from iotjobs.model import UNFINISHED, Cause, Status, Suggestion
from iotjobs.snapshot import Evidence

_QUEUED = frozenset({Status.QUEUED})
_RUNNING = frozenset({Status.IN_PROGRESS})
_EITHER = frozenset(UNFINISHED)


@dataclass(frozen=True, slots=True)
class CauseRule:
    """What is to be said of a cause.

    ``needs`` is the evidence without which nobody can tell whether it holds; ``statuses`` are those of the
    executions that it can hold for.
    """

    cause: Cause
    stuck: str
    when: str
    suggestion: Suggestion
    needs: Evidence | None = None
    statuses: frozenset[Status] = _EITHER


CAUSE_RULES: tuple[CauseRule, ...] = (
    CauseRule(
        Cause.THING_GONE,
        "yes",
        "the thing is no longer in the registry",
        Suggestion.FORCE_DELETE,
        Evidence.REGISTRATION,
    ),
    CauseRule(
        Cause.ORPHANED,
        "yes",
        "the job is CANCELED, COMPLETED or being deleted, the execution still unfinished",
        Suggestion.FORCE_DELETE,
        Evidence.JOB_STATUS,
    ),
    CauseRule(
        Cause.RETRYING,
        "no",
        "QUEUED with `retryAttempt` > 0, queued again less than `stuck_after` ago",
        Suggestion.WAIT,
        statuses=_QUEUED,
    ),
    CauseRule(
        Cause.FRESH,
        "no",
        "its last change (queued, started or reported) is younger than `stuck_after`",
        Suggestion.WAIT,
    ),
    CauseRule(
        Cause.WAITING_WINDOW,
        "no",
        "the job is SCHEDULED between its windows, or has windows or a start time of which none has opened since it "
        "was queued",
        Suggestion.WAIT,
        Evidence.SCHEDULE,
    ),
    CauseRule(
        Cause.TIMEOUT_PENDING,
        "no",
        "IN_PROGRESS with a timer that will end it",
        Suggestion.WAIT,
        Evidence.TIMER,
        _RUNNING,
    ),
    CauseRule(
        Cause.DEVICE_OFFLINE,
        "yes",
        "not connected, or never connected",
        Suggestion.CONTACT_DEVICE,
        Evidence.CONNECTIVITY,
    ),
    CauseRule(
        Cause.STALLED,
        "yes",
        "IN_PROGRESS, device connected, no update, no timer",
        Suggestion.CANCEL,
        statuses=_RUNNING,
    ),
    CauseRule(
        Cause.BLOCKED,
        "yes",
        "QUEUED behind another execution of the same thing that is IN_PROGRESS",
        Suggestion.FIX_BLOCKER,
        Evidence.QUEUE,
        _QUEUED,
    ),
    CauseRule(
        Cause.WAITING_TURN,
        "as its head",
        "QUEUED behind an older QUEUED execution of the same thing",
        Suggestion.FIX_BLOCKER,
        Evidence.ORDER,
        _QUEUED,
    ),
    CauseRule(
        Cause.NOT_PICKED_UP,
        "yes",
        "QUEUED, head of its queue, device connected, never started",
        Suggestion.CONTACT_DEVICE,
        statuses=_QUEUED,
    ),
    CauseRule(
        Cause.UNKNOWN,
        "yes",
        "the evidence needed is not to be had: says which, and how to switch it on",
        Suggestion.NONE,
    ),
)

NOT_STUCK = tuple(rule.cause for rule in CAUSE_RULES if rule.stuck == "no")
SUGGESTIONS = {rule.cause: rule.suggestion for rule in CAUSE_RULES}


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
