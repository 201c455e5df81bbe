"""Random fleets and random trouble, from a seed: the same seed, the same schedule."""

from __future__ import annotations

import random

from tests.faults.faulty_seam import CHANGE_FAULTS, READ_FAULTS, At
from tests.faults.killable import Kill
from tests.faults.world import MOVES, Fleet, Move, Trouble

STATES = ("QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED")


def fleet(luck: random.Random, *, jobs: int = 2, things: int = 3) -> Fleet:
    """A few jobs for a few things, each execution in some state."""
    return Fleet(
        tuple(
            (luck.random() < 0.6, tuple(luck.choices(STATES, k=luck.randint(1, things))))
            for _ in range(luck.randint(1, jobs))
        )
    )


def move(luck: random.Random) -> Move:
    """Something that happens in the field."""
    return luck.choice(MOVES), luck.randrange(3), luck.randrange(3)


def trouble(luck: random.Random, *, calls: int) -> Trouble:
    """What befalls one run of about so many calls; a quarter of the runs are left in peace."""
    if luck.random() < 0.25:
        return Trouble()
    moves: tuple[tuple[At, Move], ...] = tuple((at(luck, calls), move(luck)) for _ in range(luck.choice((0, 0, 1, 2))))
    faults: list[tuple[At, str]] = [
        (at(luck, calls), luck.choice(CHANGE_FAULTS + READ_FAULTS)) for _ in range(luck.randrange(4))
    ]
    if luck.random() < 0.2:  # a device that is quicker than the cancel
        moves += ((("cancel_job_execution", luck.randint(1, 2)), move(luck)),)
    if luck.random() < 0.1:  # credentials that are gone, for a while or for good
        first = luck.randint(1, calls)
        faults += [(number, "expired") for number in range(first, first + luck.choice((2, 5, 1000)))]
    return Trouble(moves, tuple(faults), kill(luck, calls=calls) if luck.random() < 0.3 else None)


def at(luck: random.Random, calls: int) -> At:
    """Some call; every other time one that looks at an execution or changes it."""
    if luck.random() < 0.5:
        return luck.randint(1, calls)
    return luck.choice(("describe_job_execution", "cancel_job_execution", "delete_job_execution")), luck.randint(1, 4)


def kill(luck: random.Random, *, calls: int) -> Kill:
    """A step at which the process is killed."""
    if luck.random() < 0.5:
        return Kill("call", luck.randint(1, calls), luck.choice(("before", "after")))
    return Kill("write", luck.randint(1, calls), luck.choice(("before", "after", "torn")))
