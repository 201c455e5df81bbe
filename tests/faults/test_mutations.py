"""Each guard is broken on purpose, and a schedule must notice: what nobody would miss is no guard.

A mutation replaces something by its name, so that one whose target has moved fails instead of going stale. Where a
second guard stands behind the one that is broken, the schedule notices that it was the second one.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from iotjobs.deletion import guards, recheck, sweep_guards
from iotjobs.project_file import Project
from tests.faults import schedules_for_mutations as play
from tests.faults.harness.simulation import Workflow


def _never_accepted(real: Callable[..., Any]) -> Callable[..., Any]:
    def sent(entries: Any, operation: str) -> Any:
        state = real(entries, operation)
        return type(state).NOT if state is type(state).ACCEPTED else state

    return sent


@dataclass(frozen=True)
class Mutation:
    """What is broken (``target``, by its full name), how, and the schedule that must notice.

    ``as_``: which invariant is violated; `planned` and `begun` where another guard stands behind it and it came to
    that; after `refused by`, the guard that refused instead.
    """

    target: str
    broken: Callable[[Any], Any]
    noticed_by: Callable[[Path], Workflow]
    as_: str = "outside_plan"


def _returns(value: Any) -> Callable[[Any], Any]:
    return lambda _real: lambda *_arguments, **_named: value


def _without(name: str) -> Callable[[Any], Any]:
    """The list of guards without one of them."""

    def fewer(real: tuple[Callable[..., Any], ...]) -> tuple[Callable[..., Any], ...]:
        rest = tuple(guard for guard in real if guard.__name__ != name)
        assert len(rest) == len(real) - 1, f"there is no guard {name}"
        return rest

    return fewer


DELETION = "iotjobs.deletion"
GUARDS, SWEEP_GUARDS = f"{DELETION}.guards.GUARDS", f"{DELETION}.sweep_guards.SWEEP_GUARDS"
MUTATIONS = {
    # The lists of guards: each of them is left out once.
    "unfinished_needs_force": Mutation(GUARDS, _without("unfinished_needs_force"), play.single_without_force),
    "fresh_enough": Mutation(SWEEP_GUARDS, _without("fresh_enough"), play.a_day_later),
    "live_needs_force": Mutation(SWEEP_GUARDS, _without("live_needs_force"), play.without_force),
    "names_not_protected": Mutation(SWEEP_GUARDS, _without("names_not_protected"), play.protected_name),
    "owners_known": Mutation(SWEEP_GUARDS, _without("owners_known"), play.owned_since_the_plan, "refused by drifted"),
    "within_max_deletes": Mutation(SWEEP_GUARDS, _without("within_max_deletes"), play.more_than_the_cap),
    "within_max_fraction": Mutation(SWEEP_GUARDS, _without("within_max_fraction"), play.more_than_the_fraction),
    "allowed_by_project": Mutation(SWEEP_GUARDS, _without("allowed_by_project"), play.protected_by_the_project_file),
    "the project file's ceilings are no caps": Mutation(
        f"{DELETION}.caps.in_force",
        lambda real: lambda parameters, given, _project, **more: real(parameters, given, Project(), **more),
        play.more_than_the_project_allows,
        "begun",
    ),
    "cancels_the_unfinished": Mutation(
        SWEEP_GUARDS, _without("cancels_the_unfinished"), play.cancel_plan_with_what_has_ended, "begun"
    ),
    "ended_needs_no_cancel": Mutation(
        GUARDS, _without("ended_needs_no_cancel"), play.cancel_of_what_has_ended, "planned"
    ),
    "version_is_expected": Mutation(GUARDS, _without("version_is_expected"), play.cancel_of_another_version, "planned"),
    # Those that are asked at a moment of their own.
    "an earlier total is believed": Mutation(
        "iotjobs.workflows.sweep_state.evidence_now",
        lambda real: lambda *about, **more: replace(real(*about, **more), job_totals={}),
        play.a_job_that_shrank,
        "begun",
    ),
    "another account": Mutation(f"{DELETION}.guards.is_for_this_place", _returns([]), play.another_account, "begun"),
    "another region": Mutation(f"{DELETION}.guards.is_for_this_place", _returns([]), play.another_region, "begun"),
    "any phrase": Mutation(f"{DELETION}.sweep_guards.sweep_phrase_must_match", _returns([]), play.another_phrase),
    "any phrase for one": Mutation(f"{DELETION}.guards.phrase_must_match", _returns([]), play.another_phrase_for_one),
    "unattended without caps": Mutation(
        f"{DELETION}.sweep_guards.unattended_is_safe", _returns([]), play.unattended_without_caps, "begun"
    ),
    "any plan in a directory": Mutation(
        f"{DELETION}.guards.is_the_plan_in_progress", _returns([]), play.another_sweep_in_the_directory
    ),
    "nobody owns a job": Mutation("iotjobs.diagnosis.service_owners._owner", _returns(None), play.owned_by_greengrass),
    "another account in the middle": Mutation(
        f"{DELETION}.sweep_executor.SweepExecutor._connection",
        lambda _real: lambda executor: executor._connect(),
        play.credentials_of_another_account_in_the_middle,
    ),
    # The last look before a call.
    "a device that started is not noticed": Mutation(
        f"{DELETION}.last_look.unchanged", _returns([]), play.device_starts_before_the_last_look
    ),
    "a number that was used again is not noticed": Mutation(
        f"{DELETION}.last_look.unchanged", _returns([]), play.number_is_used_again_before_the_last_look
    ),
    "an old look is a look": Mutation(f"{DELETION}.step.FRESH_S", lambda _real: float("inf"), play.last_look_is_slow),
    "what the device's plane says is not compared": Mutation(
        f"{DELETION}.recheck.unmoved_on_device_plane",
        lambda _real: lambda _connection, plan: plan.execution,
        play.next_number_beside_the_second,
    ),
    "a cancel hits the newest": Mutation(
        f"{DELETION}.recheck.newest",
        lambda _real: lambda connection, plan, **_more: recheck.current(connection, plan),
        play.next_number_beside_it,
    ),
    "an owner since the plan is not noticed": Mutation(
        f"{DELETION}.last_look.job_unchanged", _returns([]), play.owned_since_the_guards
    ),
    "a cause that went is not noticed": Mutation(
        f"{DELETION}.last_look.cause_unchanged", _returns([]), play.comes_online
    ),
    # What was sent, and the record.
    "what was accepted is sent again": Mutation(f"{DELETION}.step.sent", _never_accepted, play.shows_late, "repeated"),
    "anybody's cancel is ours": Mutation(
        f"{DELETION}.step.Step._is_cancelled_by_us",
        lambda _real: lambda _step, now: now is not None and now.status == "CANCELED",
        play.canceled_by_somebody,
    ),
    "a line is not synced": Mutation(
        "iotjobs.run.journal._put", lambda _real: lambda file, line: file.write(line), play.undisturbed, "unrecorded"
    ),
    "no snapshot before": Mutation(
        "iotjobs.run.journal.Journal.snapshot", _returns(None), play.undisturbed, "unrecorded"
    ),
    "a plan is deleted with force": Mutation(
        f"{DELETION}.step.Step._parameters",
        lambda real: lambda step, operation, now: {**real(step, operation, now), "force": True},
        play.undisturbed,
    ),
    "a cancel deletes as well": Mutation(
        f"{DELETION}.plan.Plan.deletes", lambda _real: property(lambda _plan: True), play.cancels_two
    ),
    "a cancel that was accepted is sent again": Mutation(
        f"{DELETION}.step.sent", _never_accepted, play.cancel_shows_late, "repeated"
    ),
    "a cancel goes without its version": Mutation(
        f"{DELETION}.step.Step._parameters",
        lambda real: lambda step, operation, now: {**real(step, operation, now), "expectedVersion": None},
        play.cancels_two,
    ),
    "what moved is cancelled all the same": Mutation(
        f"{DELETION}.last_look.unchanged", _returns([]), play.device_reports_before_the_cancel
    ),
    "the next is cancelled before the first one shows": Mutation(
        f"{DELETION}.sweep_executor.SweepExecutor._check_canary", _returns(None), play.cancel_shows_late, "unchecked"
    ),
    "it goes on after failures": Mutation(
        f"{DELETION}.sweep_executor.SweepExecutor._raise_after_failures",
        _returns(None),
        play.three_fail_in_a_row,
        "unchecked",
    ),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_broken_guard_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    mutation = MUTATIONS[name]
    assert not _notices(mutation.noticed_by(tmp_path / "whole"), mutation.as_)
    module, attribute = _resolve(mutation.target)
    monkeypatch.setattr(module, attribute, mutation.broken(getattr(module, attribute)))
    assert _notices(mutation.noticed_by(tmp_path / "broken"), mutation.as_), "nobody noticed"


def test_each_guard_has_a_mutation() -> None:
    assert {guard.__name__ for guard in (*guards.GUARDS, *sweep_guards.SWEEP_GUARDS)} <= set(MUTATIONS)


def _notices(workflow: Workflow, as_: str) -> bool:
    simulation = workflow.simulation
    if as_.startswith("refused by "):
        return set(simulation.guards()) == {as_.removeprefix("refused by ")}
    if as_ == "planned":
        return workflow.phrase is not None
    if as_ == "begun":
        return any(line["event"] == "begun" for line in simulation.invariants.journal())
    assert not simulation.invariants.violations.all() or getattr(simulation.invariants.violations, as_)
    return bool(getattr(simulation.invariants.violations, as_))


def _resolve(target: str) -> tuple[Any, str]:
    """The module or class that has the target, and its name there."""
    path, _, attribute = target.rpartition(".")
    try:
        return importlib.import_module(path), attribute
    except ModuleNotFoundError:
        module, _, name = path.rpartition(".")
        return getattr(importlib.import_module(module), name), attribute
