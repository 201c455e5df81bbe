"""Evidence in words and figures: the phrases of the sentences that let a person check a cause. Pure."""

from __future__ import annotations

from datetime import timedelta

from iotjobs.diagnosis.facts import EvidenceContext, Facts
from iotjobs.diagnosis.service_owners import owner_of
from iotjobs.model import utc_text

_MINUTE, _HOUR, _DAY = 60, 3600, 86400

#: What AWS says by `connected: false` without a time (API: ThingConnectivity, GetThingConnectivityData).
NO_TIME_ON_RECORD = "it never connected under the thing's name, or has been offline since before the index knows"


def duration_text(seconds: float) -> str:
    """A duration as a person says it: `3 d 7 h`, `2 h 5 min`, `40 s`."""
    whole = max(0, int(seconds))
    days, hours, minutes = whole // _DAY, whole % _DAY // _HOUR, whole % _HOUR // _MINUTE
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min" if minutes else f"{whole} s"


def state(facts: Facts) -> str:
    """The execution's status with its age."""
    if not facts.running:
        retry = f" (retry {facts.retry_attempt})" if facts.retry_attempt else ""
        return f"QUEUED for {duration_text(facts.queued_s)}{retry}"
    return f"IN_PROGRESS for {duration_text(facts.began_s)}, last report {duration_text(facts.report_s)} ago"


def connection(facts: Facts, context: EvidenceContext) -> str:
    """Whether the device is connected, and since when."""
    if facts.connected is None:
        return "it is not known whether the device is connected"
    if facts.connected:
        how_long = "" if facts.connectivity_s is None else f" for {duration_text(facts.connectivity_s)}"
        return f"device connected{how_long}"
    if facts.connectivity_s is None:
        return f"device not connected, with no time on record: {NO_TIME_ON_RECORD}"
    moment = utc_text(context.as_of - timedelta(seconds=facts.connectivity_s))
    why = facts.reason or "no reason on record"
    return f"device offline for {duration_text(facts.connectivity_s)} (since {moment}, {why})"


def head_of_queue(facts: Facts, context: EvidenceContext) -> str:
    """The execution that is the head of the same queue, with its age and cause."""
    head = context.head(facts)
    if head is None:
        return "another execution"
    return f"{head.job_id} number {head.execution_number} ({state(head)}, cause {head.cause})"


def sentence(facts: Facts, because: str) -> str:
    """The whole evidence of one execution: its state, why it has not finished, what waits behind it, who owns it."""
    text = f"{state(facts)}, {because}"
    if facts.unblocks:
        waits = f"{facts.unblocks} executions wait" if facts.unblocks > 1 else "1 execution waits"
        longest = "" if facts.longest_s is None else f", the longest for {duration_text(facts.longest_s)}"
        text += f"; {waits} behind it{longest if facts.unblocks > 1 else longest.replace('the longest ', '')}"
    owner = owner_of(facts.job_id, facts.namespace_id)
    return f"{text}; the job belongs to {owner}" if owner else text
