"""Fleets made from a seed, with labels by the contract's words, against what an investigation says of them.

The oracle below reads the table of causes top to bottom for one execution at a time, in plain Python; the kit does it
over tables. `pytest -s` prints the confusion table of each fleet.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

import iotjobs
from iotjobs.sandbox.fleet import Fleet

DAY_MINUTES = 1440
Label = tuple[str, bool, int]


@dataclass
class Made:
    """One execution as it was made; ages in days."""

    job_id: str
    queued: float
    kind: str  # plain, timer, step, window, cancelled
    running: bool
    started: float = 0.0

    @property
    def changed(self) -> float:
        return self.started if self.running else self.queued


@dataclass
class MadeThing:
    """One thing, how it is connected, and its executions, oldest first."""

    name: str
    connection: str
    executions: list[Made] = field(default_factory=list)


def _imagine(seed: int) -> list[MadeThing]:
    chance = random.Random(seed)
    things = []
    for number in range(24):
        thing = MadeThing(f"s{seed}-thing-{number}", chance.choice(["connected", "connected", "offline", "never"]))
        ages = sorted((chance.uniform(0.1, 25) for _ in range(chance.randint(1, 4))), reverse=True)
        for place, age in enumerate(ages):
            kind = chance.choice(["plain", "plain", "plain", "timer", "step", "window", "cancelled"])
            running = kind in ("step", "cancelled") or (kind != "window" and chance.random() < 0.35)
            youngest = min(age, 6.0 if kind in ("timer", "step") else age)
            made = Made(f"s{seed}-job-{number}-{place}", age, kind, running, chance.uniform(0.02, youngest))
            thing.executions.append(made)
        things.append(thing)
    return things


def _make(fleet: Fleet, things: list[MadeThing]) -> None:
    start = (fleet.now + timedelta(days=20)).strftime("%Y-%m-%dT%H:%M")
    with fleet.ago(days=40):
        for thing in things:
            fleet.iot.create_thing(thingName=thing.name)
        fleet.connect(*[thing.name for thing in things if thing.connection != "never"])
    with fleet.ago(days=30):
        fleet.disconnect(*[thing.name for thing in things if thing.connection == "offline"])
    for thing in things:
        for made in thing.executions:
            more = {
                "timer": {"timeoutConfig": {"inProgressTimeoutInMinutes": 7 * DAY_MINUTES}},
                "window": {"schedulingConfig": {"startTime": start}},
            }.get(made.kind, {})
            with fleet.ago(days=made.queued):
                fleet.job(made.job_id, things=[thing.name], **more)
            if made.running:
                step = {"stepTimeoutInMinutes": 7 * DAY_MINUTES} if made.kind == "step" else {}
                with fleet.ago(days=made.started):
                    fleet.report(made.job_id, thing.name, **step)
            if made.kind == "cancelled":
                with fleet.ago(days=made.started / 2):
                    fleet.iot.cancel_job(jobId=made.job_id)


def _label(thing: MadeThing, made: Made, *, connectivity: bool) -> Label:
    queued = [other for other in thing.executions if not other.running]
    blocked = any(other.running for other in thing.executions)
    behind = queued if made.running else queued[queued.index(made) + 1 :]
    if made.kind == "cancelled":
        cause = "orphaned"
    elif made.changed < 1:
        cause = "fresh"
    elif made.kind == "window":
        cause = "waiting_window"
    elif made.running and made.kind in ("timer", "step"):
        cause = "timeout_pending"
    elif not connectivity:
        cause = "unknown"
    elif thing.connection != "connected":
        cause = "device_offline"
    elif made.running:
        cause = "stalled"
    elif blocked:
        cause = "blocked"
    elif queued[0] is not made:
        head_stuck = _label(thing, queued[0], connectivity=connectivity)[1]
        return "waiting_turn", head_stuck, len(behind)
    else:
        cause = "not_picked_up"
    return cause, cause not in ("fresh", "waiting_window", "timeout_pending"), len(behind)


def _labels(things: list[MadeThing], *, connectivity: bool = True) -> dict[tuple[str, str], Label]:
    return {
        (made.job_id, thing.name): _label(thing, made, connectivity=connectivity)
        for thing in things
        for made in thing.executions
    }


def _said(directory: Path, **given: object) -> dict[tuple[str, str], Label]:
    run = iotjobs.start("investigate", run_dir=str(directory))
    table = iotjobs.investigate(run, **given).executions
    rows = table[table["cause"] != ""].to_dict("records")
    return {
        (row["job_id"], row["thing_name"]): (row["cause"], bool(row["stuck"]), int(row["unblocks"])) for row in rows
    }


def _compare(said: dict[tuple[str, str], Label], labels: dict[tuple[str, str], Label]) -> None:
    confusion = Counter((label[0], said[key][0]) for key, label in labels.items())
    print("\nlabel -> said: count")
    for (label, answer), count in sorted(confusion.items()):
        print(f"{label:16} -> {answer:16} {count:4}")
    wrong = {key: (label, said[key]) for key, label in labels.items() if said[key] != label}
    assert not wrong


@pytest.mark.parametrize("seed", range(4))
def test_cause_stuck_and_unblocks_of_every_execution(aged_fleet: Fleet, tmp_path: Path, seed: int) -> None:
    things = _imagine(seed)
    _make(aged_fleet, things)
    labels = _labels(things)
    _compare(_said(tmp_path), labels)
    for thing in things[:5]:
        mine = {key: label for key, label in labels.items() if key[1] == thing.name}
        _compare(_said(tmp_path, thing_name=thing.name), mine)
        _compare(_said(tmp_path, job_id=thing.executions[0].job_id), dict(list(mine.items())[:1]))


def test_without_connectivity_it_is_unknown_and_never_a_wrong_cause(aged_fleet: Fleet, tmp_path: Path) -> None:
    things = _imagine(99)
    _make(aged_fleet, things)
    aged_fleet.index(connectivity=False)
    try:
        said = _said(tmp_path)
    finally:
        aged_fleet.index()
    _compare(said, _labels(things, connectivity=False))
