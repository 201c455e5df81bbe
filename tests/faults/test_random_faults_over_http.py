"""Random faults and events between the kit and the embedded service, with all of boto3 and HTTP in between."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from iotjobs.sandbox.fleet import Fleet
from tests.faults.harness.http_proxy import HTTP_FAULTS, Call
from tests.faults.harness.invariants import is_moment
from tests.faults.harness.schedules import REPLACING_EVENTS
from tests.faults.harness.subprocess_run import ServiceJob

STATES = ("FAILED", "QUEUED", "IN_PROGRESS", "SUCCEEDED")
_FOR_READS = tuple(
    fault
    for fault in HTTP_FAULTS
    if not fault.endswith("_after") and fault not in ("does_nothing", "too_many_requests")
)
_DONE = (0, 3, 5)  # applied or nothing to do, partial, refused
_RUNS_IN_PEACE = 4


@pytest.mark.parametrize("seed", range(4))
def test_the_invariants_hold_on_the_service(aged_fleet: Fleet, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    name = f"random-{seed}-{abs(hash(str(tmp_path))) % 10**6}"
    job = ServiceJob(aged_fleet, name, tmp_path, STATES, grouped=True)
    with job.proxy:
        phrase = job.plan()
        for _ in range(2):
            _schedule(job, rng)
            job.sweep(confirm=phrase)
        job.proxy.fault_of, job.proxy.before = lambda _call: "", lambda _call: None
        ended = _settle(job, phrase)
        acted = list(job.proxy.acted)
        job.sweep(confirm=phrase)
    assert job.invariants.violations.all() == []
    assert job.proxy.acted == acted, "a run after the end changed something"
    assert ended != 0 or not any(_is_left(job, target) for target in job.invariants.targets())


def _schedule(job: ServiceJob, rng: random.Random) -> None:
    """Up to five faults and an event for one run, by the number of the call from now on."""
    faults = {rng.randint(1, 40): rng.choice(HTTP_FAULTS) for _ in range(rng.randint(1, 5))}
    thing = rng.choice(job.things)
    pending = [(rng.randint(1, 40), *rng.choice(_events(job, thing)))]
    first: list[int] = []
    last: dict[str, str] = {}  # the last call about each thing; others' come between those of one

    def before(call: Call) -> None:
        """The field moves; not between the last look and the delete, against which there is no precondition."""
        first[:] = first or [call.number]
        last[call.thing_name] = call.operation
        for event in [event for event in pending if event[0] <= call.number - first[0] + 1]:
            moving = job.things if event[1] == "job_recreated" else [thing]
            looked_at = any(last.get(name) == "DescribeJobExecution" for name in moving if name != call.thing_name)
            if (
                looked_at
                or call.operation == "DeleteJobExecution"
                or (call.operation == "CancelJobExecution" and event[1] in REPLACING_EVENTS)
            ):
                continue
            pending.remove(event)
            try:
                event[2]()
            except ClientError:
                continue

    def fault_of(call: Call) -> str:
        fault = faults.get(call.number - first[0] + 1, "")
        return fault if call.changing or fault in _FOR_READS else ""

    job.proxy.before, job.proxy.fault_of = before, fault_of


def _events(job: ServiceJob, thing: str) -> list[tuple[str, Callable[[], Any]]]:
    iot, names = job.fleet.iot, {"jobId": job.job_id, "thingName": thing}

    def number_used_again() -> None:
        iot.delete_job_execution(**names, executionNumber=1, force=True)
        iot.remove_thing_from_thing_group(thingGroupName=job.job_id, thingName=thing)

    def job_recreated() -> None:
        iot.delete_job(jobId=job.job_id, force=True)
        job.create(grouped=True)

    return [
        ("device_starts", lambda: job.fleet.report(job.job_id, thing, "IN_PROGRESS")),
        ("device_succeeds", lambda: job.fleet.report(job.job_id, thing, "SUCCEEDED")),
        ("deleted_by_somebody", lambda: iot.delete_job_execution(**names, executionNumber=1, force=True)),
        ("canceled_by_somebody", lambda: iot.cancel_job_execution(**names, force=True)),
        ("number_used_again", number_used_again),
        ("job_recreated", job_recreated),
    ]


def _settle(job: ServiceJob, phrase: str) -> int:
    for _ in range(_RUNS_IN_PEACE):
        ended = job.sweep(confirm=phrase)
        counts = job.result()["counts"]
        if ended in _DONE and not counts["failed"] and not counts["left"]:
            return ended
    raise AssertionError(f"not settled: {ended}")


def _is_left(job: ServiceJob, target: dict[str, Any]) -> bool:
    try:
        names = {"jobId": job.job_id, "thingName": target["thing_name"]}
        execution = job.fleet.iot.describe_job_execution(**names, executionNumber=target["execution_number"])
    except ClientError:
        return False
    return is_moment(execution["execution"]["queuedAt"].timestamp(), target["queued_at"])
