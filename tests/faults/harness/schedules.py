"""Schedules: a fleet, what happens in the field, faults and kills, as plain data; random ones from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.faults.harness.crash_injection import Kill
from tests.faults.harness.fault_injection import CHANGE_FAULTS, READ_FAULTS, Fault, Moment

STATES = ("QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED")
CALLS = ("DescribeJobExecution", "CancelJobExecution", "DeleteJobExecution")
GREENGRASS = "aws-gg-deployment"

#: What can happen in the field; each is a method of `simulation.Field`. Those of `REPLACING_EVENTS` make another execution.
EVENTS = (
    "device_starts",
    "device_succeeds",
    "device_fails",
    "times_out",
    "thing_leaves",
    "thing_joins",
    "deleted_by_somebody",
    "canceled_by_somebody",
    "number_used_again",
    "next_number_at_same_version",
    "job_recreated",
    "job_canceled",
)
REPLACING_EVENTS = ("thing_joins", "number_used_again", "next_number_at_same_version", "job_recreated")


@dataclass(frozen=True)
class Job:
    """A job: the state of each thing's execution. All jobs share their things, `thing-0` and on."""

    states: tuple[str, ...]
    continuous: bool = False
    namespace: str | None = None
    retries: int = 0


@dataclass(frozen=True)
class Fleet:
    """The jobs `job-0` and on; ``looks_until_shown``: how many times what was changed is not seen yet."""

    jobs: tuple[Job, ...]
    looks_until_shown: int = 0


@dataclass(frozen=True, kw_only=True)
class Event(Moment):
    """Something happens in the field before a call: ``what`` of `EVENTS`, to the execution of a job on a thing."""

    what: str
    job: int = 0
    thing: int = 0


Injection = Fault | Event | Kill


def random_fleet(rng: random.Random, *, jobs: int = 2, things: int = 3) -> Fleet:
    """A few jobs for a few things, each execution in some state."""
    return Fleet(
        tuple(
            Job(
                tuple(rng.choices(STATES, k=rng.randint(1, things))),
                continuous=rng.random() < 0.6,
                namespace=GREENGRASS if rng.random() < 0.15 else None,
                retries=rng.choice((0, 0, 0, 1, 2)),
            )
            for _ in range(rng.randint(1, jobs))
        ),
        looks_until_shown=rng.choice((0, 0, 0, 0, 1, 3, 12)),
    )


def random_event(rng: random.Random, *, on: str = "", nth: int = 0) -> Event:
    """Something that happens in the field."""
    return Event(on=on, nth=nth, what=rng.choice(EVENTS), job=rng.randrange(3), thing=rng.randrange(3))


def random_injections(rng: random.Random, *, calls: int) -> list[Injection]:
    """What befalls one run of about so many calls; a quarter of the runs are left in peace."""
    injections: list[Injection] = []
    if rng.random() < 0.25:
        return injections
    for _ in range(rng.choice((0, 0, 1, 2))):
        on, nth = _moment(rng, calls)
        injections.append(random_event(rng, on=on, nth=nth))
    for _ in range(rng.randrange(4)):
        on, nth = _moment(rng, calls)
        injections.append(Fault(on=on, nth=nth, kind=rng.choice(CHANGE_FAULTS + READ_FAULTS)))
    if rng.random() < 0.2:  # a device that is quicker than the cancel
        injections.append(random_event(rng, on="CancelJobExecution", nth=rng.randint(1, 2)))
    if rng.random() < 0.1:  # declined, and the field moves in the pause before the next attempt
        injections.append(Fault(on="CancelJobExecution", nth=1, kind="too_many_requests"))
        injections.append(random_event(rng, on="DescribeJobExecution", nth=rng.randint(2, 6)))
    if rng.random() < 0.1:  # credentials that are gone, for a while or for good
        first = rng.randint(1, calls)
        gone_for = rng.choice((2, 5, 400))
        injections += [Fault(nth=nth, kind="credentials_expired") for nth in range(first, first + gone_for)]
    if rng.random() < 0.3:
        injections.append(_random_kill(rng, calls))
    return injections


def _moment(rng: random.Random, calls: int) -> tuple[str, int]:
    """Some call; every other time one that looks at an execution or changes it."""
    if rng.random() < 0.5:
        return "", rng.randint(1, calls)
    return rng.choice(CALLS), rng.randint(1, 4)


def _random_kill(rng: random.Random, calls: int) -> Kill:
    if rng.random() < 0.5:
        return Kill(at="call", nth=rng.randint(1, calls), when=rng.choice(("before", "after")))
    return Kill(at="journal", nth=rng.randint(1, calls), when=rng.choice(("before", "after", "torn")))
