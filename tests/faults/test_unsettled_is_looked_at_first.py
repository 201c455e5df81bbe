"""A look that fails after AWS accepted a call leaves it unsettled: the next run looks, before any cap is counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.faults.harness.fault_injection import Fault
from tests.faults.harness.schedules import Event
from tests.faults.harness.simulation import SingleDelete, Sweep, Workflow

CANCEL, DELETE, LOOK = "CancelJobExecution", "DeleteJobExecution", "DescribeJobExecution"
ONE: dict[str, Any] = {
    "job_id": "job-0",
    "thing_name": "thing-0",
    "execution_number": 1,
    "force": True,
    "cancel_first": True,
}
ALL: dict[str, Any] = {"job_id": "job-0", "force": True, "max_fraction": 1.0}
BOTH = pytest.mark.parametrize(("workflow", "parameters"), [(SingleDelete, ONE), (Sweep, ALL)], ids=["one", "sweep"])
#: Of the looks of a run at its first execution, the one that follows the accepted delete.
AFTER_DELETE = {"FAILED": 2, "IN_PROGRESS": 3}


def _looks_fail(*, first: int, kind: str = "request_lost") -> list[Fault]:
    return [Fault(on=LOOK, nth=nth, kind=kind) for nth in range(first, first + 40)]


def _planned(directory: Path, *states: str, **parameters: Any) -> Sweep:
    sweep = Sweep.on_one_job(directory, *states, **(ALL | parameters))
    assert sweep.plan() == "planned"
    return sweep


@BOTH
@pytest.mark.parametrize("state", AFTER_DELETE)
@pytest.mark.parametrize(
    "kind", ["request_lost", "internal_error", "cut_short", "throttled", "credentials_expired", "denied"]
)
def test_a_failed_look_after_the_delete_is_partial_and_settled_by_the_next_run(
    tmp_path: Path, workflow: type[Workflow], parameters: dict[str, Any], kind: str, state: str
) -> None:
    work = workflow.on_one_job(tmp_path, state, **parameters)
    assert work.plan() == "planned"
    assert work.apply(*_looks_fail(first=AFTER_DELETE[state], kind=kind)) == "partial"
    assert work.simulation.operations()[-1] == DELETE
    assert "failed" not in {line["event"] for line in work.simulation.invariants.journal()}
    assert work.apply() == "applied"
    assert work.simulation.operations().count(DELETE) == 1
    assert work.simulation.invariants.violations.all() == []


@pytest.mark.parametrize("states", [("FAILED",) * 2, ("FAILED", "QUEUED", "FAILED")])
def test_what_this_sweep_deleted_counts_neither_for_nor_against_its_caps(
    tmp_path: Path, states: tuple[str, ...]
) -> None:
    sweep = _planned(tmp_path, *states)
    sweep.apply(*_looks_fail(first=2))
    assert sweep.simulation.result()["counts"]["unsettled"] == 1
    assert sweep.simulation.operations() == [DELETE]
    assert sweep.apply() == "applied"
    assert sweep.simulation.operations().count(DELETE) == len(states)


def test_what_somebody_deleted_meanwhile_does_not_stop_the_rest(tmp_path: Path) -> None:
    sweep = _planned(tmp_path, "FAILED", "FAILED", "FAILED")
    sweep.apply(*_looks_fail(first=2))
    sweep.simulation.happens(Event(what="deleted_by_somebody", thing=1))
    assert sweep.apply() == "partial"
    counts = sweep.simulation.result()["counts"]
    assert {name: counts[name] for name in ("deleted", "drifted", "left")} == {"deleted": 2, "drifted": 1, "left": 0}


def test_a_job_that_others_emptied_is_over_the_cap_when_the_sweep_goes_on(tmp_path: Path) -> None:
    """Of 20 the plan has 2, within a tenth; with 16 of them gone the one that is left to do is a third."""
    sweep = _planned(tmp_path, *("FAILED",) * 2, *("SUCCEEDED",) * 18, statuses="FAILED", max_fraction=0.1)
    sweep.apply(*_looks_fail(first=2))
    service = sweep.simulation.service
    for item in [item for item in service.all() if item.status == "SUCCEEDED"][2:]:
        service.delete_job_execution(item.job_id, item.thing_name, item.number)
    assert sweep.apply() == "partial"
    assert sweep.simulation.guards() == ["max_fraction"]
    assert sweep.simulation.operations() == [DELETE]


def test_an_empty_list_is_not_believed_while_a_look_finds_the_executions(tmp_path: Path) -> None:
    """The list of the job is late, or of another shard: no cap may be passed because of it."""
    sweep = _planned(tmp_path, "FAILED", "FAILED")
    sweep.simulation.service.list_job_executions_for_job = lambda **_: {"executionSummaries": []}  # type: ignore[method-assign]
    assert sweep.apply() == "refused"
    assert sweep.simulation.guards() == ["max_fraction"]


@BOTH
def test_nothing_is_settled_by_looking_at_another_place(
    tmp_path: Path, workflow: type[Workflow], parameters: dict[str, Any]
) -> None:
    """The delete was lost, and in the other region there is no such execution: that does not show that it acted."""
    work = workflow.on_one_job(tmp_path, "FAILED", **parameters)
    work.plan()
    lost = [Fault(on=DELETE, nth=nth, kind="request_lost") for nth in range(1, 20)]
    work.apply(*lost, *_looks_fail(first=2))
    service = work.simulation.service
    service.region, service.executions = "eu-west-3", {}
    assert work.apply() in ("refused", "partial", "error")
    assert "verified" not in {line["event"] for line in work.simulation.invariants.journal()}
