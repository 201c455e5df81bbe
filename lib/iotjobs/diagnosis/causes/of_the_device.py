"""Causes that lie in the device, or in what is before an execution in the device's queue. Pure."""

from __future__ import annotations

from iotjobs.diagnosis import evidence_text, verify_commands
from iotjobs.diagnosis.causes.rule import QUEUED, RUNNING, CauseRule, QueueRows, Verdict, is_so
from iotjobs.diagnosis.facts import EvidenceContext, Facts
from iotjobs.model import Cause, Suggestion
from iotjobs.snapshot import Evidence


class DeviceOffline(CauseRule):
    """What the fleet index knows of the connection (API: ThingConnectivity)."""

    cause = Cause.DEVICE_OFFLINE
    stuck = "yes"
    when = "not connected"
    suggestion = Suggestion.CONTACT_DEVICE
    needs = Evidence.CONNECTIVITY
    harm = 4
    step_why = "not connected under the thing's name"
    fill = "#0072b2"
    recognised_by = (
        "the fleet index's `connectivity`: since when, and why it went. Without a time on record "
        f"{evidence_text.NO_TIME_ON_RECORD}: AWS does not say which. A connection counts whose MQTT client id is the "
        "thing's name."
    )
    to_do = "get the device back online; its queue then goes on by itself."
    can_go_wrong = (
        "a device that connects under another client id looks offline and is not. Deleting what it works on hurts it."
    )
    verify = staticmethod(verify_commands.connectivity)

    def test(self, rows: QueueRows) -> Verdict:
        connected = rows.table["connected"]
        return Verdict(is_so(connected, value=False), connected.notna())

    def because(self, facts: Facts, context: EvidenceContext) -> str:
        return evidence_text.connection(facts, context)

    def step(self, _job_id: str, where: str) -> str:
        return f"Get {where} back online"


class Stalled(CauseRule):
    """All of the above is known not to be: the device is there, says nothing, and nothing will end it."""

    cause = Cause.STALLED
    stuck = "yes"
    when = "IN_PROGRESS, device connected, no update, no timer"
    suggestion = Suggestion.CANCEL
    statuses = RUNNING
    harm = 6
    lies_in_job = True
    step_why = "started, then no more reports; the device is connected and no timer will end it"
    fill = "#d55e00"
    recognised_by = "all of the above is known not to be: the device is there, says nothing, and nothing will end it."
    to_do = (
        "look at the device. Then cancel the execution by its version: what waits behind it starts, and the record is "
        "kept. Delete it only where the record itself is unwanted."
    )
    can_go_wrong = (
        "the device may be in the middle of it, an update being written for instance. Cancel first: the service "
        "refuses if the device moved meanwhile."
    )
    verify = staticmethod(verify_commands.connectivity)

    def test(self, rows: QueueRows) -> Verdict:
        return Verdict(rows.running)

    def because(self, facts: Facts, context: EvidenceContext) -> str:
        return f"{evidence_text.connection(facts, context)}, no timer"

    def step(self, job_id: str, where: str) -> str:
        return f"Fix or cancel {job_id} on {where}"


class Blocked(CauseRule):
    """A thing works on one execution at a time."""

    cause = Cause.BLOCKED
    stuck = "yes"
    when = "QUEUED behind another execution of the same thing that is IN_PROGRESS"
    suggestion = Suggestion.FIX_BLOCKER
    needs = Evidence.QUEUE
    statuses = QUEUED
    harm = 2
    held = freed_with_head = True
    fill = "#e69f00"
    recognised_by = "the thing's own list of executions. The evidence names the blocker, its age and its cause."
    to_do = "deal with the blocker. This one then starts by itself."
    can_go_wrong = "deleting this one frees nobody."
    verify = staticmethod(verify_commands.queue)

    def test(self, rows: QueueRows) -> Verdict:
        return Verdict(rows.queued & (rows.table["runs_on_thing"] > 0), rows.table["queue_known"])

    def because(self, facts: Facts, context: EvidenceContext) -> str:
        others = f" and {facts.runs_on_thing - 1} more in progress" if facts.runs_on_thing > 1 else ""
        device = evidence_text.connection(facts, context)
        return f"held back by {evidence_text.head_of_queue(facts, context)}{others}; {device}"


class WaitingTurn(CauseRule):
    """As stuck as the head of its queue, see `diagnose`."""

    cause = Cause.WAITING_TURN
    stuck = "as its head"
    when = "QUEUED behind an older QUEUED execution of the same thing"
    suggestion = Suggestion.FIX_BLOCKER
    needs = Evidence.ORDER
    statuses = QUEUED
    harm = 1
    held = freed_with_head = True
    fill, hatch = "#e69f00", "//"
    recognised_by = (
        "as above; the evidence names the head of the queue and its cause. If the head only waits, so does this one, "
        "and the suggestion is `wait`."
    )
    to_do = "deal with the head."
    can_go_wrong = "a head that is removed announces the next execution to the device at once."
    verify = staticmethod(verify_commands.queue)

    def test(self, rows: QueueRows) -> Verdict:
        return Verdict(rows.queued & ~rows.table["head"], ~rows.table["perhaps_head"])

    def because(self, facts: Facts, context: EvidenceContext) -> str:
        head = evidence_text.head_of_queue(facts, context)
        return f"position {facts.position} in the queue, whose head is {head}"


class NotPickedUp(CauseRule):
    """Nothing is in its way, and the device has not asked for it."""

    cause = Cause.NOT_PICKED_UP
    stuck = "yes"
    when = "QUEUED, head of its queue, device connected, never started"
    suggestion = Suggestion.CONTACT_DEVICE
    statuses = QUEUED
    harm = 5
    step_why = "first in the queue, the device connected, never started; see whether its job agent runs"
    fill = "#cc79a7"
    recognised_by = "nothing is in its way, and the device has not asked for it."
    to_do = "see whether the device runs a jobs client, listens to its jobs topics and may use them."
    can_go_wrong = (
        "a client that only reads the announcement of the next execution misses it when it was offline then; a "
        "restart of the client helps."
    )
    verify = staticmethod(verify_commands.connectivity)

    def test(self, rows: QueueRows) -> Verdict:
        return Verdict(rows.queued)

    def because(self, facts: Facts, context: EvidenceContext) -> str:
        return f"head of its queue, {evidence_text.connection(facts, context)}, never started"

    def step(self, _job_id: str, where: str) -> str:
        return f"Look at {where}: connected, but no execution starts"
