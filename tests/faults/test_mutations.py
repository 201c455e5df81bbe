"""Each guard is broken on purpose, and a schedule must notice: what nobody would miss is no guard.

A mutation replaces something by its name, so that one whose target has moved fails instead of going stale.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.faults.harness.fault_injection import Fault
from tests.faults.harness.schedules import GREENGRASS, Event, Fleet, Job
from tests.faults.harness.simulation import Cancel, Simulation, Sweep, Workflow

CANCEL, DELETE = "CancelJobExecution", "DeleteJobExecution"


def _sweep(directory: Path, *jobs: Job, looks: int = 0) -> Sweep:
    sweep = Sweep(
        Simulation(directory / "run", Fleet(jobs, looks_until_shown=looks)),
        job_id="job-0", force=True, max_fraction=1.0,
    )  # fmt: skip
    sweep.plan()
    return sweep


def _shows_late(directory: Path) -> Sweep:
    sweep = _sweep(directory, Job(("FAILED",)), looks=300)
    for _ in range(3):
        sweep.apply()
    return sweep


def _owned_by_greengrass(directory: Path) -> Sweep:
    sweep = _sweep(directory, Job(("FAILED",), namespace=GREENGRASS))
    sweep.apply()
    return sweep


def _canceled_by_somebody(directory: Path) -> Sweep:
    sweep = _sweep(directory, Job(("IN_PROGRESS",)))
    quicker = Event(on=CANCEL, nth=2, what="canceled_by_somebody")
    sweep.apply(Fault(on=CANCEL, kind="request_lost"), quicker)
    sweep.apply()
    return sweep


def _no_trouble(directory: Path) -> Sweep:
    sweep = _sweep(directory, Job(("FAILED", "IN_PROGRESS")))
    sweep.apply()
    return sweep


def _three_fail_in_a_row(directory: Path) -> Sweep:
    sweep = _sweep(directory, Job(("FAILED",) * 5))
    sweep.apply(*(Fault(on=DELETE, nth=nth, kind="too_many_requests") for nth in range(2, 20)))
    return sweep


def _cancels(directory: Path, *states: str, looks: int = 0) -> Sweep:
    sweep = Sweep(
        Simulation(directory / "run", Fleet((Job(states),), looks_until_shown=looks)),
        action="cancel", job_id="job-0", force=True, max_fraction=1.0,
    )  # fmt: skip
    sweep.plan()
    return sweep


def _cancels_two(directory: Path) -> Sweep:
    sweep = _cancels(directory, "QUEUED", "IN_PROGRESS")
    sweep.apply()
    return sweep


def _cancel_shows_late(directory: Path) -> Sweep:
    sweep = _cancels(directory, "QUEUED", "QUEUED", looks=300)
    for _ in range(3):
        sweep.apply()
    return sweep


def _device_reports_before_the_cancel(directory: Path) -> Workflow:
    cancel = Cancel.on_one_job(directory, "IN_PROGRESS", job_id="job-0", thing_name="thing-0", force=True)
    cancel.plan()
    cancel.simulation.service.report("job-0", "thing-0", "IN_PROGRESS")
    cancel.apply()
    return cancel


def _never_accepted(real: Callable[..., Any]) -> Callable[..., Any]:
    def sent(entries: Any, operation: str) -> Any:
        state = real(entries, operation)
        return type(state).NOT if state is type(state).ACCEPTED else state

    return sent


@dataclass(frozen=True)
class Mutation:
    """What is broken (``target``, by its full name), how, and the schedule that must notice."""

    target: str
    broken: Callable[[Any], Any]
    noticed_by: Callable[[Path], Workflow]
    as_: str


def _returns(value: Any) -> Callable[[Any], Any]:
    return lambda _real: lambda *_arguments, **_named: value


DELETION = "iotjobs.deletion"
MUTATIONS = {
    "what was accepted is sent again": Mutation(f"{DELETION}.executor.sent", _never_accepted, _shows_late, "repeated"),
    "nobody owns a job": Mutation(
        "iotjobs.diagnosis.service_owners._owner", _returns(None), _owned_by_greengrass, "outside_plan"
    ),
    "anybody's cancel is ours": Mutation(
        f"{DELETION}.executor._Step._is_cancelled_by_us",
        lambda _real: lambda _step, now: now is not None and now.status == "CANCELED",
        _canceled_by_somebody,
        "outside_plan",
    ),
    "a line is not synced": Mutation(
        "iotjobs.run.journal._put", lambda _real: lambda file, line: file.write(line), _no_trouble, "unrecorded"
    ),
    "no snapshot before": Mutation("iotjobs.run.journal.Journal.snapshot", _returns(None), _no_trouble, "unrecorded"),
    "a plan is deleted with force": Mutation(
        f"{DELETION}.executor._Step._parameters",
        lambda real: lambda step, operation, now: {**real(step, operation, now), "force": True},
        _no_trouble,
        "outside_plan",
    ),
    "a cancel deletes as well": Mutation(
        f"{DELETION}.plan.Plan.deletes", lambda _real: property(lambda _plan: True), _cancels_two, "outside_plan"
    ),
    "a cancel that was accepted is sent again": Mutation(
        f"{DELETION}.executor.sent", _never_accepted, _cancel_shows_late, "repeated"
    ),
    "a cancel goes without its version": Mutation(
        f"{DELETION}.executor._Step._parameters",
        lambda real: lambda step, operation, now: {**real(step, operation, now), "expectedVersion": None},
        _cancels_two,
        "outside_plan",
    ),
    "what moved is cancelled all the same": Mutation(
        f"{DELETION}.guards.unchanged", _returns([]), _device_reports_before_the_cancel, "outside_plan"
    ),
    "the next is cancelled before the first one shows": Mutation(
        f"{DELETION}.sweep_executor.SweepExecutor._check_canary", _returns(None), _cancel_shows_late, "unchecked"
    ),
    "it goes on after failures": Mutation(
        f"{DELETION}.sweep_executor.SweepExecutor._raise_after_failures",
        _returns(None),
        _three_fail_in_a_row,
        "unchecked",
    ),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_broken_guard_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    mutation = MUTATIONS[name]
    assert mutation.noticed_by(tmp_path / "whole").simulation.invariants.violations.all() == []
    module, attribute = _resolve(mutation.target)
    monkeypatch.setattr(module, attribute, mutation.broken(getattr(module, attribute)))
    violations = mutation.noticed_by(tmp_path / "broken").simulation.invariants.violations
    assert getattr(violations, mutation.as_), "nobody noticed"


def _resolve(target: str) -> tuple[Any, str]:
    """The module or class that has the target, and its name there."""
    import importlib

    path, _, attribute = target.rpartition(".")
    try:
        return importlib.import_module(path), attribute
    except ModuleNotFoundError:
        module, _, name = path.rpartition(".")
        return getattr(importlib.import_module(module), name), attribute
