"""Answers that come late, not at all, or not from AWS; numbers that are used again; others who delete."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.faults.harness.fault_injection import Fault
from tests.faults.harness.schedules import Event, Fleet, Job
from tests.faults.harness.simulation import Simulation, SingleDelete, Sweep, Workflow

CANCEL, DELETE, LOOK = "CancelJobExecution", "DeleteJobExecution", "DescribeJobExecution"
ONE = {"job_id": "job-0", "thing_name": "thing-0", "execution_number": 1, "force": True, "cancel_first": True}
ALL = {"job_id": "job-0", "force": True, "max_fraction": 1.0}
BOTH = pytest.mark.parametrize(("workflow", "parameters"), [(SingleDelete, ONE), (Sweep, ALL)], ids=["one", "sweep"])


def _planned(
    directory: Path, workflow: type[Workflow], parameters: dict[str, Any], *jobs: Job, looks: int = 0
) -> Workflow:
    simulation = Simulation(directory / "run", Fleet(jobs, looks_until_shown=looks))
    work = workflow(simulation, **parameters)
    assert work.plan() == "planned"
    return work


def _settle(work: Workflow) -> str:
    ended = ""
    for _ in range(8):
        ended = work.apply()
        if ended == "applied":
            break
    assert work.simulation.invariants.violations.all() == []
    return ended


@BOTH
@pytest.mark.parametrize("looks", [1, 4])
@pytest.mark.parametrize("state", ["FAILED", "QUEUED"])
def test_a_change_that_shows_late_is_made_once(
    tmp_path: Path, workflow: type[Workflow], parameters: dict[str, Any], looks: int, state: str
) -> None:
    work = _planned(tmp_path, workflow, parameters, Job((state,)), looks=looks)
    assert _settle(work) == "applied"
    assert work.simulation.operations() == ([CANCEL] if state == "QUEUED" else []) + [DELETE]


@BOTH
def test_a_delete_that_shows_late_is_not_sent_to_the_next_user_of_the_number(
    tmp_path: Path, workflow: type[Workflow], parameters: dict[str, Any]
) -> None:
    work = _planned(tmp_path, workflow, parameters, Job(("FAILED",), continuous=True), looks=20)
    work.apply()
    simulation = work.simulation
    for execution in list(simulation.service.all()):
        simulation.service._remove(execution)
    simulation.happens(Event(what="thing_leaves"))  # number 1 is back, REMOVED
    for _ in range(3):
        work.apply()
    assert simulation.operations() == [DELETE]
    assert simulation.invariants.violations.all() == []
    assert [execution.status for execution in simulation.service.all()] == ["REMOVED"]


@BOTH
@pytest.mark.parametrize("look", range(1, 8))
def test_the_next_number_is_not_cancelled_by_a_second_attempt(
    tmp_path: Path, workflow: type[Workflow], parameters: dict[str, Any], look: int
) -> None:
    """The cancel is throttled; in the pause the thing rejoins and takes number 2 up, at the version that 1 had."""
    work = _planned(tmp_path, workflow, parameters, Job(("QUEUED",), continuous=True))
    rejoins = Event(on=LOOK, nth=look, what="next_number_at_same_version")
    work.apply(Fault(on=CANCEL, kind="too_many_requests"), rejoins)
    assert work.simulation.invariants.violations.all() == []
    running = [each for each in work.simulation.service.all() if each.number == 2]
    assert [each.status for each in running] in ([], ["IN_PROGRESS"])


def test_somebody_elses_delete_is_not_recorded_as_ours(tmp_path: Path) -> None:
    """Two executions used the number one after the other; ours was the first, and somebody deletes the second."""
    work = _planned(tmp_path, SingleDelete, ONE, Job(("FAILED",), continuous=True))
    assert work.apply() == "applied"
    work.simulation.happens(Event(what="thing_leaves"))  # number 1 is back, REMOVED
    work.simulation.service.age(days=60)
    second = SingleDelete(work.simulation, **ONE)
    if second.plan() == "planned":
        second.apply(*(Fault(on=DELETE, nth=nth, kind="denied") for nth in range(1, 9)))
        work.simulation.happens(Event(what="deleted_by_somebody"))
        second.apply()
    assert work.simulation.operations() == [DELETE]
    assert work.simulation.invariants.violations.all() == []


@BOTH
def test_an_execution_that_somebody_deleted_is_not_counted_as_deleted(
    tmp_path: Path, workflow: type[Workflow], parameters: dict[str, Any]
) -> None:
    work = _planned(tmp_path, workflow, parameters, Job(("FAILED",)))
    work.simulation.happens(Event(what="deleted_by_somebody"))
    assert work.apply() != "applied"
    assert not work.simulation.result()["counts"].get("deleted")
    assert work.simulation.invariants.violations.all() == []


@BOTH
@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 408])
@pytest.mark.parametrize("after", ["", "_after"], ids=["not-passed-on", "passed-on"])
def test_an_answer_that_is_not_awss_leaves_it_open_whether_it_was_done(
    tmp_path: Path, workflow: type[Workflow], parameters: dict[str, Any], status: int, after: str
) -> None:
    work = _planned(tmp_path, workflow, parameters, Job(("QUEUED",)))
    kind = f"gateway_{status}{after}"
    first = work.apply(Fault(on=CANCEL, kind=kind), Fault(on=DELETE, kind=kind))
    assert first != "refused"
    assert _settle(work) == "applied"
    assert work.simulation.operations() == [CANCEL, DELETE]


@BOTH
def test_a_retry_that_is_queued_after_a_lost_delete_is_not_touched(
    tmp_path: Path, workflow: type[Workflow], parameters: dict[str, Any]
) -> None:
    """The device fails while the delete is on its way; the job's retry configuration queues the next attempt."""
    work = _planned(tmp_path, workflow, parameters, Job(("IN_PROGRESS",), retries=1))
    work.apply(
        Fault(on=CANCEL, kind="request_lost"),
        Event(on=LOOK, nth=3, what="device_fails"),
    )
    for _ in range(3):
        work.apply()
    assert work.simulation.invariants.violations.all() == []
    assert all(each.number != 2 or each.status == "QUEUED" for each in work.simulation.service.all())
