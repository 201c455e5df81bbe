"""Fleets made from a seed on the embedded service, of every kind it can show, with labels by the contract.

A fleet is first imagined as a `FleetSpec` of plain facts, which the contract's oracle labels, and as the calls that make it;
the calls are then made in the order of their age, under the travelled clock.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from iotjobs.sandbox.fleet import Fleet
from iotjobs.sandbox.server import ACCOUNT, REGION
from tests.contract_oracle import ExecutionSpec, FleetSpec, JobSpec, ThingSpec

Label = tuple[str, bool, int]
DAY = timedelta(days=1)
WEEK_MINUTES = 7 * 1440
QUEUED_KINDS = ["plain", "plain", "plain", "start_ahead", "start_past", "window_unopened", "window_opened", "template"]
RUNNING_KINDS = [
    "plain",
    "plain",
    "timer",
    "timer_passed",
    "step",
    "step_replaced",
    "timer_added_later",
    "timer_shortened_later",
    "start_ahead",
    "window_opened",
    "cancelled",
    "aborted",
    "namespace",
    "ota",
]
ENDED_KINDS = ["finished", "force_cancelled", "deleted_job"]


class LabelledFleet:
    """Imagines a fleet; `make` makes it, `labels` says what must be said of it."""

    def __init__(self, seed: int, *, now: datetime, things: int = 24) -> None:
        self.chance = random.Random(seed)
        self.prefix = f"s{seed}"
        self.spec = FleetSpec([])
        self.now = now
        self._calls: list[tuple[timedelta, int, Callable[[Fleet], Any]]] = []
        for number in range(things):
            thing = self._thing(f"{self.prefix}-thing-{number}")
            self._executions(thing)
        self._continuous()
        self._rollout()
        self._thing_deleted()

    def make(self, fleet: Fleet) -> None:
        """Make all calls, oldest first."""
        ordered = sorted(self._calls, key=lambda one: (-one[0], one[1]))
        for age, calls in groupby(ordered, key=lambda one: one[0]):
            with fleet.ago(seconds=age.total_seconds()):  # one travel, so that what is the same age keeps its order
                for _, _, call in calls:
                    call(fleet)

    def labels(self) -> dict[tuple[str, str, int], Label]:
        """Cause, stuck and unblocks of every unfinished execution, by the contract."""
        unfinished = [one for one in self.spec.executions if one.status in ("QUEUED", "IN_PROGRESS")]
        return {one.key: self.spec.label(one) for one in unfinished}

    def _at(self, age: timedelta, call: Callable[..., Any]) -> None:
        self._calls.append((age, len(self._calls), call))

    def _thing(self, name: str) -> ThingSpec:
        kind = self.chance.choice(
            ["connected"] * 9 + ["reconnected"] * 3 + ["offline", "vanished", "never", "other_name"]
        )
        thing = ThingSpec(name, connected=kind in ("connected", "reconnected"))
        self.spec.things.append(thing)
        self._at(40 * DAY, lambda fleet: fleet.iot.create_thing(thingName=name))
        if kind == "other_name":
            self._at(39 * DAY, lambda fleet: fleet.connect(f"{name}-client"))
        elif kind != "never":
            self._at(39 * DAY, lambda fleet: fleet.connect(name))
        if kind in ("offline", "reconnected"):
            self._at(30 * DAY, lambda fleet: fleet.disconnect(name))
        if kind == "vanished":
            self._at(30 * DAY, lambda fleet: fleet.vanish(name))
        if kind == "reconnected":
            self._at(29 * DAY, lambda fleet: fleet.connect(name))
        return thing

    def _age(self, oldest: float = 25) -> timedelta:
        """An age that is not within an hour of `stuck_after`."""
        days = self.chance.choice([self.chance.uniform(0.05, 0.9), *[self.chance.uniform(1.1, oldest)] * 3])
        return min(days, oldest) * DAY

    def _executions(self, thing: ThingSpec) -> None:
        age = None
        for place in range(self.chance.randint(1, 5)):
            same_second = age is not None and self.chance.random() < 0.3
            age = age if same_second and age is not None else self._age()
            status = self.chance.choice(["QUEUED", "QUEUED", "IN_PROGRESS", "ENDED"])
            kinds = {"QUEUED": QUEUED_KINDS, "IN_PROGRESS": RUNNING_KINDS, "ENDED": ENDED_KINDS}[status]
            kind = self.chance.choice(kinds)
            prefix = "AFR_OTA-" if kind == "ota" else ""
            job = JobSpec(f"{prefix}{self.prefix}-{thing.name.rpartition('-')[2]}-{place}-{kind}")
            one = ExecutionSpec(job, thing, status, age, place=len(self._calls))
            self._job(one, kind)
            if status == "IN_PROGRESS":
                self._run(one, kind)
            if status == "ENDED":
                self._end(one, kind)
            if kind != "deleted_job":
                self.spec.executions.append(one)

    def _job(self, one: ExecutionSpec, kind: str) -> None:
        job, age = one.job, one.queued
        more: dict[str, Any] = {}
        if kind in ("start_ahead", "start_past"):
            start = self.now + (20 * DAY if kind == "start_ahead" else -age + timedelta(minutes=45))
            more["schedulingConfig"] = {"startTime": start.strftime("%Y-%m-%dT%H:%M")}
        if kind in ("window_unopened", "window_opened"):
            more["schedulingConfig"] = {"maintenanceWindows": [self._window(age, opened=kind == "window_opened")]}
        if kind in ("timer", "timer_passed", "timer_shortened_later"):
            more["timeoutConfig"] = {"inProgressTimeoutInMinutes": 60 if kind == "timer_passed" else WEEK_MINUTES}
        if kind == "aborted":
            rule = {"failureType": "ALL", "action": "CANCEL", "thresholdPercentage": 20.0}
            more["abortConfig"] = {"criteriaList": [rule | {"minNumberOfExecutedThings": 1}]}
        if kind == "namespace":
            more["namespaceId"] = "my-namespace"
        job.opened = {"start_ahead": False, "window_unopened": False, "start_past": True, "window_opened": True}.get(
            kind
        )
        things = [one.thing.name, *([f"{one.thing.name}-other"] if kind == "aborted" else [])]
        if kind == "aborted":
            self._at(40 * DAY, lambda fleet: fleet.iot.create_thing(thingName=things[1]))
        if kind == "template":
            self._at(age, lambda fleet: _from_template(fleet, job.job_id, things))
        else:
            self._at(age, lambda fleet: fleet.job(job.job_id, things=things, **more))

    def _window(self, age: timedelta, *, opened: bool) -> dict[str, Any]:
        """A yearly window that was open an hour after the job was queued, or that opens in twenty days only."""
        moment = self.now - age + timedelta(hours=1) if opened else self.now + 20 * DAY
        cron = f"cron({moment.minute} {moment.hour} {moment.day} {moment.month} ? *)"
        return {"startTime": cron, "durationInMinutes": 30}

    def _run(self, one: ExecutionSpec, kind: str) -> None:
        job_id, thing = one.job.job_id, one.thing.name
        youngest = 6 * DAY if kind in ("timer", "step", "step_replaced", "timer_shortened_later") else one.queued
        one.started = self._younger(min(one.queued, youngest))
        one.reported = one.started
        step = {"stepTimeoutInMinutes": 60 if kind == "step_replaced" else WEEK_MINUTES}
        first: dict[str, Any] = step if kind in ("step", "step_replaced") else {}
        self._at(one.started, lambda fleet: fleet.report(job_id, thing, **first))
        if kind == "step_replaced":
            one.reported = one.started - min(timedelta(minutes=20), one.started * 0.2)
            again: dict[str, Any] = {"stepTimeoutInMinutes": WEEK_MINUTES}
            self._at(one.reported, lambda fleet: fleet.report(job_id, thing, **again))
        elif self.chance.random() < 0.5 and kind not in ("timer_passed", "step"):
            one.reported = self._younger(one.started)
            self._at(one.reported, lambda fleet: fleet.report(job_id, thing, statusDetails={"step": "2"}))
        if kind in ("timer", "step", "step_replaced", "timer_shortened_later"):
            one.left = 1e5
        if kind in ("timer_added_later", "timer_shortened_later"):
            minutes = {"inProgressTimeoutInMinutes": 60}
            self._at(one.started / 2, lambda fleet: fleet.iot.update_job(jobId=job_id, timeoutConfig=minutes))
        if kind == "timer_passed" and one.started > timedelta(hours=1):
            one.status = "TIMED_OUT"
        if kind == "cancelled":
            one.job.status = "CANCELED"
            self._at(one.reported / 2, lambda fleet: fleet.iot.cancel_job(jobId=job_id))
        if kind == "aborted":
            one.job.status = "CANCELED"
            self._at(one.reported / 2, lambda fleet: fleet.report(job_id, f"{thing}-other", "FAILED"))

    def _younger(self, age: timedelta) -> timedelta:
        since = age * self.chance.uniform(0.05, 0.95)
        return since if abs(since - DAY) > timedelta(hours=1) else since - timedelta(hours=3)

    def _end(self, one: ExecutionSpec, kind: str) -> None:
        job_id, thing = one.job.job_id, one.thing.name
        one.status = "SUCCEEDED"
        if kind == "finished":
            self._at(one.queued / 2, lambda fleet: fleet.report(job_id, thing, "SUCCEEDED"))
        if kind == "force_cancelled":
            self._at(one.queued / 2, lambda fleet: fleet.iot.cancel_job(jobId=job_id, force=True))
        if kind == "deleted_job":
            self._at(one.queued / 2, lambda fleet: fleet.iot.delete_job(jobId=job_id, force=True))

    def _continuous(self) -> None:
        """A job of a group whose members come, finish, go and come again: numbers 1 and 2."""
        group, job = f"{self.prefix}-group", JobSpec(f"{self.prefix}-continuous")
        arn = f"arn:aws:iot:{REGION}:{ACCOUNT}:thinggroup/{group}"
        self._at(40 * DAY, lambda fleet: fleet.iot.create_thing_group(thingGroupName=group))
        self._at(
            35 * DAY,
            lambda fleet: fleet.iot.create_job(
                jobId=job.job_id, targets=[arn], document="{}", targetSelection="CONTINUOUS"
            ),
        )
        for thing in self.spec.things[:6]:
            names = {"thingGroupName": group, "thingName": thing.name}
            joined, again = 34 * DAY, self._age(20)
            one = ExecutionSpec(job, thing, "QUEUED", joined, place=len(self._calls))
            self._at(joined, lambda fleet, names=names: fleet.iot.add_thing_to_thing_group(**names))
            self.spec.executions.append(one)
            kind = self.chance.choice(["waits", "runs_though_it_left", "removed", "second", "second_runs"])
            if kind == "waits":
                continue
            one.started = one.reported = 33 * DAY
            status = "IN_PROGRESS" if kind == "runs_though_it_left" else "SUCCEEDED"
            if kind != "removed":
                self._at(33 * DAY, lambda fleet, name=thing.name, status=status: fleet.report(job.job_id, name, status))
            self._at(32 * DAY, lambda fleet, names=names: fleet.iot.remove_thing_from_thing_group(**names))
            one.status = "REMOVED" if kind == "removed" else status
            if kind in ("second", "second_runs"):
                two = ExecutionSpec(job, thing, "QUEUED", again, number=2, place=len(self._calls))
                self._at(again, lambda fleet, names=names: fleet.iot.add_thing_to_thing_group(**names))
                self.spec.executions.append(two)
                if kind == "second_runs":
                    two.status, two.started = "IN_PROGRESS", self._younger(again)
                    two.reported = two.started
                    self._at(two.started, lambda fleet, name=thing.name: fleet.report(job.job_id, name))

    def _rollout(self) -> None:
        """A job that reaches one thing a minute: those not reached yet have no execution. No label but for the first."""
        job = JobSpec(f"{self.prefix}-rollout")
        things = [ThingSpec(f"{self.prefix}-rollout-{number}", connected=False, seen=None) for number in range(3)]
        for thing in things:
            self._at(40 * DAY, lambda fleet, name=thing.name: fleet.iot.create_thing(thingName=name))
        rate = {"maximumPerMinute": 1}
        names = [thing.name for thing in things]
        self._at(5 * DAY, lambda fleet: fleet.job(job.job_id, things=names, jobExecutionsRolloutConfig=rate))
        self.spec.executions.append(ExecutionSpec(job, things[0], "QUEUED", 5 * DAY))

    def _thing_deleted(self) -> None:
        """Things that were deleted, with a job; one of them registered anew."""
        for name in (f"{self.prefix}-gone", f"{self.prefix}-back"):
            self._at(40 * DAY, lambda fleet, name=name: fleet.iot.create_thing(thingName=name))
            self._at(8 * DAY, lambda fleet, name=name: fleet.job(f"{name}-job", things=[name]))
            self._at(7 * DAY, lambda fleet, name=name: fleet.iot.delete_thing(thingName=name))
        back = ThingSpec(f"{self.prefix}-back", connected=False, seen=None)
        job = JobSpec(f"{back.name}-job-2")
        self._at(6 * DAY, lambda fleet: fleet.iot.create_thing(thingName=back.name))
        self._at(5 * DAY, lambda fleet: fleet.job(job.job_id, things=[back.name]))
        self.spec.executions.append(ExecutionSpec(job, back, "QUEUED", 5 * DAY))


def _from_template(fleet: Fleet, job_id: str, things: list[str]) -> None:
    template = fleet.iot.create_job_template(jobTemplateId=job_id, document="{}", description="a template")
    targets = [f"arn:aws:iot:{REGION}:{ACCOUNT}:thing/{name}" for name in things]
    fleet.iot.create_job(jobId=job_id, targets=targets, jobTemplateArn=template["jobTemplateArn"])
