"""The fleets that the stand-in serves: each function builds one. `--build bench/fleets.py:NAME`."""

from __future__ import annotations

import os
from typing import Any


def finished(fleet: Any) -> None:
    """One job of 1,200 things that all failed; a sweep takes the first so many, by the statuses asked for."""
    _swept(fleet, "REJECTED")


def live(fleet: Any) -> None:
    """The same, and what is swept is at work or waits, on things of its own."""
    _swept(fleet, "IN_PROGRESS")


def _swept(fleet: Any, status: str) -> None:
    targets = int(os.environ.get("BENCH_TARGETS", "120"))
    statuses = {f"pump-{number:06}": status for number in range(targets)}
    statuses |= {f"valve-{number:06}": "SUCCEEDED" for number in range(int(targets * 0.2))}
    for name in statuses:
        fleet.thing(name, connected=False, since_days=20)
    fleet.job("firmware", statuses, days=60)


def account(fleet: Any) -> None:
    """100 jobs, each with 20 unfinished executions of 120, on 2,000 things; half of those run, all are offline."""
    names = [f"pump-{number:06}" for number in range(2000)]
    for name in names:
        fleet.thing(name, connected=False, since_days=20)
    for number in range(100):
        mine = names[20 * number : 20 * number + 20]
        statuses = {name: ("QUEUED", "IN_PROGRESS")[place % 2] for place, name in enumerate(mine)}
        done = {f"valve-{place:03}": "SUCCEEDED" for place in range(100)}
        fleet.job(f"job-{number:03}", {**statuses, **done}, days=60)


def large_job(fleet: Any) -> None:
    """One job of 50,000 things with 2,000 unfinished, of which half run; all of those are offline."""
    statuses = {}
    for number in range(50_000):
        unfinished = number % 25 == 0
        status = ("QUEUED", "IN_PROGRESS")[number // 25 % 2] if unfinished else "SUCCEEDED"
        statuses[f"pump-{number:06}"] = status
        fleet.thing(f"pump-{number:06}", connected=not unfinished, since_days=20)
    fleet.job("firmware", statuses, days=60)


def thing(fleet: Any) -> None:
    """A thing for which 60 jobs wait, one of them at work, and two other things in each job."""
    for name in ("core-1", "other-1", "other-2"):
        fleet.thing(name, connected=False, since_days=20)
    for number in range(60):
        status = "IN_PROGRESS" if number == 0 else "QUEUED"
        fleet.job(
            f"job-{number:03}", {"core-1": status, "other-1": "QUEUED", "other-2": "QUEUED"}, days=60 - number / 2
        )


def one(fleet: Any) -> None:
    """One failed execution."""
    fleet.job("firmware", {"pump-1": "FAILED", "pump-2": "QUEUED"}, days=60)
