"""Each guard is broken on purpose, and a schedule must notice: what nobody would miss is no guard.

A mutation replaces something by its name, so that one whose target has moved fails instead of going stale.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.faults.harness.schedules import GREENGRASS, Fleet, Job
from tests.faults.harness.simulation import Simulation, Sweep


def _sweep(directory: Path, *jobs: Job, looks: int = 0) -> Sweep:
    sweep = Sweep(
        Simulation(directory / "run", Fleet(jobs, looks_until_shown=looks)),
        job_id="job-0", force=True, max_fraction=1.0,
    )  # fmt: skip
    sweep.plan()
    return sweep


def _owned_by_greengrass(directory: Path) -> Sweep:
    sweep = _sweep(directory, Job(("FAILED",), namespace=GREENGRASS))
    sweep.apply()
    return sweep


def _no_trouble(directory: Path) -> Sweep:
    sweep = _sweep(directory, Job(("FAILED", "IN_PROGRESS")))
    sweep.apply()
    return sweep


@dataclass(frozen=True)
class Mutation:
    """What is broken (``target``, by its full name), how, and the schedule that must notice."""

    target: str
    broken: Callable[[Any], Any]
    noticed_by: Callable[[Path], Sweep]
    as_: str


def _returns(value: Any) -> Callable[[Any], Any]:
    return lambda _real: lambda *_arguments, **_named: value


MUTATIONS = {
    "nobody owns a job": Mutation(
        "iotjobs.diagnosis.service_owners._owner", _returns(None), _owned_by_greengrass, "outside_plan"
    ),
    "a line is not synced": Mutation(
        "iotjobs.run.journal._put", lambda _real: lambda file, line: file.write(line), _no_trouble, "unrecorded"
    ),
    "no snapshot before": Mutation("iotjobs.run.journal.Journal.snapshot", _returns(None), _no_trouble, "unrecorded"),
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
