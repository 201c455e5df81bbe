"""The last look before a call is whole and fresh: what it finds moved is not touched, and an old look is no look."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.faults.harness.fault_injection import Fault
from tests.faults.harness.schedules import GREENGRASS, Event
from tests.faults.harness.simulation import Cancel, SingleDelete, Sweep, Workflow

CANCEL, DELETE, LOOK = "CancelJobExecution", "DeleteJobExecution", "DescribeJobExecution"
ONE: dict[str, Any] = {
    "job_id": "job-0", "thing_name": "thing-0", "execution_number": 1, "force": True, "cancel_first": True,
}  # fmt: skip
ALL: dict[str, Any] = {"job_id": "job-0", "force": True, "max_fraction": 1.0}
BOTH = pytest.mark.parametrize(("workflow", "parameters"), [(SingleDelete, ONE), (Sweep, ALL)], ids=["one", "sweep"])


def _planned(directory: Path, workflow: type[Workflow], parameters: dict[str, Any], *states: str) -> Workflow:
    work = workflow.on_one_job(directory, *states, continuous=True, **parameters)
    assert work.plan() == "planned"
    return work


@BOTH
@pytest.mark.parametrize("state", ["FAILED", "QUEUED"])
def test_a_look_that_took_long_is_taken_again(
    tmp_path: Path, workflow: type[Workflow], parameters: dict[str, Any], state: str
) -> None:
    """One answer comes after 25 s; the device takes the execution up before the next look, or it is used again."""
    work = _planned(tmp_path, workflow, parameters, state)
    service, looks = work.simulation.service, 0

    def slow(operation: str) -> None:
        nonlocal looks
        looks += operation == LOOK
        if operation == LOOK and looks == 1:  # the last look before the first call
            service.tick(25)

    work.simulation.before_call = slow
    what = "number_used_again" if state == "FAILED" else "device_starts"
    work.apply(Event(on=LOOK, nth=2, what=what))
    assert work.simulation.operations() == []
    assert work.simulation.invariants.violations.all() == []


@BOTH
def test_where_every_look_takes_too_long_nothing_is_sent(
    tmp_path: Path, workflow: type[Workflow], parameters: dict[str, Any]
) -> None:
    work = _planned(tmp_path, workflow, parameters, "FAILED")
    work.simulation.before_call = lambda operation: work.simulation.service.tick(25 if operation == LOOK else 0)
    assert work.apply() == "error"
    assert work.simulation.operations() == []
    assert "answers so slowly" in work.simulation.result()["reason"]
    work.simulation.before_call = lambda _operation: None
    assert work.apply() == "applied"


@BOTH
def test_a_disk_that_is_slow_makes_the_look_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workflow: type[Workflow], parameters: dict[str, Any]
) -> None:
    """The line that announces the call takes 25 s: what was looked at before it may have moved."""
    from iotjobs.run.journal import Journal

    work = _planned(tmp_path, workflow, parameters, "FAILED")
    write, service = Journal.write, work.simulation.service

    def slow(journal: Journal, event: str, *about: Any, **facts: Any) -> None:
        write(journal, event, *about, **facts)
        service.tick(25 if event == "calling" else 0)

    monkeypatch.setattr(Journal, "write", slow)
    assert work.apply() == "error"
    assert work.simulation.operations() == []


@BOTH
@pytest.mark.parametrize("what", ["job", "thing", "number"])
def test_an_answer_about_another_execution_is_not_taken_for_the_one_asked_for(
    tmp_path: Path, workflow: type[Workflow], parameters: dict[str, Any], what: str
) -> None:
    """A cache that ignores the query."""
    work = _planned(tmp_path, workflow, parameters, "FAILED", "FAILED")
    service = work.simulation.service
    describe = service.describe_job_execution
    arn = service._arn(next(item for item in service.all() if item.thing_name == "thing-1"))
    other = {"job": {"jobId": "another"}, "thing": {"thingArn": arn}, "number": {"executionNumber": 7}}[what]
    service.describe_job_execution = lambda **names: {"execution": describe(**names)["execution"] | other}  # type: ignore[method-assign]
    assert work.apply() == "error"
    assert work.simulation.operations() == []


@BOTH
@pytest.mark.parametrize("state", ["FAILED", "QUEUED"])
def test_a_job_that_greengrass_owns_by_now_is_left_alone_at_the_last_look(
    tmp_path: Path, workflow: type[Workflow], parameters: dict[str, Any], state: str
) -> None:
    work = _planned(tmp_path, workflow, parameters, state)

    def changes_hands(operation: str) -> None:
        if operation == "GetJobDocument":  # after the guards, before the last look
            work.simulation.service.jobs["job-0"].namespace = GREENGRASS

    work.simulation.before_call = changes_hands
    assert work.apply() == "refused"
    assert work.simulation.operations() == []
    assert "Greengrass" in work.simulation.result()["reason"] + str(work.simulation.result()["refusals"])


@pytest.mark.parametrize("cancel_first", [False, True])
@pytest.mark.parametrize("what", ["device_starts", "device_fails", "thing_leaves", "job_recreated"])
def test_the_plan_that_was_read_is_the_one_that_is_carried_out(
    tmp_path: Path, what: str, *, cancel_first: bool
) -> None:
    """Read as QUEUED at version 1, confirmed when it is at work or another: it is not what was approved."""
    work = _planned(tmp_path, SingleDelete, ONE | {"cancel_first": cancel_first}, "QUEUED")
    work.simulation.happens(Event(what=what))
    assert work.apply() == "refused"
    assert work.simulation.operations() == []


@BOTH
@pytest.mark.parametrize("on", [LOOK, "DescribeJob", "GetJobDocument"])
@pytest.mark.parametrize("nth", range(1, 5))
@pytest.mark.parametrize("state", ["FAILED", "QUEUED"])
def test_the_look_is_the_last_call_before_the_delete(
    tmp_path: Path, workflow: type[Workflow], parameters: dict[str, Any], state: str, nth: int, on: str
) -> None:
    """The job is made again before any other call: number 1 is another execution then, which nobody planned."""
    work = _planned(tmp_path, workflow, parameters, state)
    work.simulation.before_call = lambda operation: work.simulation.service.tick(0.6 if operation == LOOK else 0)
    work.apply(Event(on=on, nth=nth, what="job_recreated"))
    assert work.simulation.invariants.violations.all() == []


@BOTH
@pytest.mark.parametrize("what", ["device_starts", "number_used_again", "thing_leaves", "job_recreated"])
def test_what_moves_between_two_attempts_is_not_sent_again(
    tmp_path: Path, workflow: type[Workflow], parameters: dict[str, Any], what: str
) -> None:
    work = _planned(tmp_path, workflow, parameters, "QUEUED")
    work.apply(Fault(on=CANCEL, kind="too_many_requests"), Event(on=LOOK, nth=2, what=what))
    assert work.simulation.operations() == []
    assert work.simulation.invariants.violations.all() == []


def test_a_stop_is_heard_while_a_delete_does_not_show(tmp_path: Path) -> None:
    """AWS accepts the delete and shows it for ever: minutes of looking, in which a person says stop."""
    sweep = Sweep.on_one_job(tmp_path, "FAILED", "FAILED", **ALL)
    assert sweep.plan() == "planned"
    sweep.simulation.service.looks_until_shown = 1000
    stop = sweep.simulation.run_dir / "stop"
    looks = []

    def stops(operation: str) -> None:
        looks.append(operation)
        if looks.count(LOOK) == 6:
            stop.touch()

    sweep.simulation.before_call = stops
    assert sweep.apply() == "interrupted"
    assert looks.count(LOOK) == 6
    assert sweep.simulation.result()["counts"]["unsettled"] == 1
    assert sweep.simulation.operations() == [DELETE]


def test_a_stop_is_heard_while_the_service_asks_to_wait(tmp_path: Path) -> None:
    sweep = Sweep.on_one_job(tmp_path, "FAILED", "FAILED", **ALL)
    assert sweep.plan() == "planned"
    sweep.simulation.before_call = lambda op: (sweep.simulation.run_dir / "stop").touch() if op == DELETE else None
    assert sweep.apply(*(Fault(on=DELETE, nth=nth, kind="too_many_requests") for nth in range(1, 20))) == "interrupted"
    assert len(sweep.simulation.invariants.attempts) == 1


@pytest.mark.parametrize(
    ("workflow", "parameters"),
    [(SingleDelete, ONE), (Sweep, ALL), (Cancel, {"job_id": "job-0", "thing_name": "thing-0", "force": True})],
    ids=["delete", "sweep", "cancel"],
)
def test_a_plan_is_dated_before_anything_that_it_was_read_from(
    tmp_path: Path, workflow: type[Workflow], parameters: dict[str, Any]
) -> None:
    """What had been queued for five seconds by then was read in another second than that in which it was queued.

    By that the device's plane, which tells whole seconds, is believed (`recheck.unmoved_on_device_plane`).
    """
    work = workflow.on_one_job(tmp_path, "QUEUED", **parameters)
    simulation, asked_at = work.simulation, []

    def a_slow_answer(operation: str) -> None:
        if "JobExecution" in operation:
            asked_at.append(datetime.now(UTC) + timedelta(seconds=simulation.ahead_s))
        simulation.ahead_s += 10

    simulation.before_call = a_slow_answer
    assert work.plan() == "planned"
    made_at = json.loads((simulation.run_dir / "plan.json").read_text())["made_at"]
    assert datetime.fromisoformat(made_at) <= asked_at[0]
