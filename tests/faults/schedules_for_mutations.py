"""Schedules that notice a broken guard, see `test_mutations.py`: each plays runs, and the invariants watch."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from iotjobs.deletion import plan_file
from iotjobs.deletion.sweep_plan import SweepPlan
from iotjobs.model import Status
from tests.faults.harness.fault_injection import Fault
from tests.faults.harness.schedules import GREENGRASS, Event, Fleet, Injection, Job
from tests.faults.harness.simulation import Cancel, Simulation, SingleDelete, Sweep

CANCEL, DELETE, LOOK = "CancelJobExecution", "DeleteJobExecution", "DescribeJobExecution"
ONE: dict[str, Any] = {"job_id": "job-0", "thing_name": "thing-0", "execution_number": 1}


def planned(directory: Path, *jobs: Job, looks: int = 0, **parameters: Any) -> Sweep:
    rule: dict[str, Any] = {"job_id": "job-0", "force": True, "max_fraction": 1.0}
    sweep = Sweep(Simulation(directory / "run", Fleet(jobs, looks_until_shown=looks)), **(rule | parameters))
    sweep.plan()
    return sweep


def applied(directory: Path, *states: str, injections: Sequence[Injection] = (), **parameters: Any) -> Sweep:
    sweep = planned(directory, Job(states, continuous=True), **parameters)
    sweep.apply(*injections)
    return sweep


def shows_late(directory: Path) -> Sweep:
    sweep = planned(directory, Job(("FAILED",)), looks=300)
    for _ in range(3):
        sweep.apply()
    return sweep


def owned_by_greengrass(directory: Path) -> Sweep:
    sweep = planned(directory, Job(("FAILED",), namespace=GREENGRASS))
    sweep.apply()
    return sweep


def owned_since_the_plan(directory: Path) -> Sweep:
    sweep = planned(directory, Job(("FAILED",)))
    sweep.simulation.service.jobs["job-0"].namespace = GREENGRASS
    sweep.apply()
    return sweep


def owned_since_the_guards(directory: Path) -> Sweep:
    sweep = planned(directory, Job(("FAILED",)))

    def changes_hands(operation: str) -> None:
        if operation == "GetJobDocument":
            sweep.simulation.service.jobs["job-0"].namespace = GREENGRASS

    sweep.simulation.before_call = changes_hands
    sweep.apply()
    return sweep


def canceled_by_somebody(directory: Path) -> Sweep:
    quicker = Event(on=CANCEL, nth=2, what="canceled_by_somebody")
    sweep = applied(directory, "IN_PROGRESS", injections=[Fault(on=CANCEL, kind="request_lost"), quicker])
    sweep.apply()
    return sweep


def undisturbed(directory: Path) -> Sweep:
    return applied(directory, "FAILED", "IN_PROGRESS")


def three_fail_in_a_row(directory: Path) -> Sweep:
    refused = [Fault(on=DELETE, nth=nth, kind="too_many_requests") for nth in range(2, 20)]
    return applied(directory, *("FAILED",) * 5, injections=refused)


def device_starts_before_the_last_look(directory: Path) -> Sweep:
    return applied(directory, "QUEUED", injections=[Event(on=LOOK, nth=1, what="device_starts")])


def number_is_used_again_before_the_last_look(directory: Path) -> Sweep:
    return applied(directory, "FAILED", injections=[Event(on=LOOK, nth=1, what="number_used_again")])


def next_number_beside_it(directory: Path) -> Sweep:
    """The thing gets number 2 of the job while number 1 still waits: a cancel would hit number 2."""
    sweep = planned(directory, Job(("QUEUED",), continuous=True))
    looks = []

    def gets_another(operation: str) -> None:
        looks.append(operation)
        if operation == LOOK and looks.count(LOOK) == 1:
            sweep.simulation.service._queue("job-0", "thing-0")

    sweep.simulation.before_call = gets_another
    sweep.apply()
    return sweep


def next_number_beside_the_second(directory: Path) -> Sweep:
    """The second thing gets number 2 of the job once the first is gone: its look is the device plane's by then."""
    sweep = planned(directory, Job(("QUEUED", "QUEUED"), continuous=True))
    before: list[str] = []

    def gets_another(operation: str) -> None:
        if before.count(DELETE) == 1 and operation != DELETE:
            sweep.simulation.service._queue("job-0", "thing-1")
            before.clear()
        before.append(operation)

    sweep.simulation.before_call = gets_another
    sweep.apply()
    return sweep


def last_look_is_slow(directory: Path) -> Sweep:
    """It takes 25 s, after which the number is another execution's."""
    sweep = planned(directory, Job(("FAILED",), continuous=True))
    slow = []

    def after_a_look(event: str) -> None:
        if event == "GetJobDocument":
            slow.append(event)

    sweep.simulation.before_call = after_a_look
    describe = sweep.simulation.service.describe_job_execution

    def slowly(**names: Any) -> dict[str, Any]:
        answer = describe(**names)
        if slow:
            slow.clear()
            sweep.simulation.service.tick(25)
            sweep.simulation.happens(Event(what="number_used_again"))
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweep.simulation.service, "describe_job_execution", slowly)
        sweep.apply()
    return sweep


def comes_online(directory: Path) -> Sweep:
    sweep = planned(directory, Job(("QUEUED",)), causes="device_offline")
    sweep.simulation.service.online.add("thing-0")
    sweep.apply()
    return sweep


def more_than_the_cap(directory: Path) -> Sweep:
    sweep = planned(directory, Job(("FAILED",) * 3))
    sweep.parameters = {"max_deletes": 2}
    sweep.hand_over(sweep.simulation.run_dir / "plan.json")
    sweep.apply()
    return sweep


def more_than_the_fraction(directory: Path) -> Sweep:
    return applied(directory, *("FAILED",) * 3, *("SUCCEEDED",) * 3, statuses="FAILED", max_fraction=0.2)


def a_job_that_shrank(directory: Path) -> Sweep:
    sweep = planned(directory, Job(("FAILED", *("SUCCEEDED",) * 9)), statuses="FAILED", max_fraction=0.1)
    for item in [item for item in sweep.simulation.service.all() if item.status == "SUCCEEDED"][1:]:
        sweep.simulation.service.delete_job_execution(item.job_id, item.thing_name, item.number)
    sweep.apply()
    return sweep


def without_force(directory: Path) -> Sweep:
    return applied(directory, "QUEUED", force=False)


def single_without_force(directory: Path) -> SingleDelete:
    one = SingleDelete.on_one_job(directory, "QUEUED", **ONE)
    if one.plan() == "planned":
        one.apply()
    return one


def _apply_edited(sweep: Sweep, change: Callable[[SweepPlan], SweepPlan]) -> Sweep:
    """Apply a plan that was put together by other means than its rule, and that holds together."""
    file = sweep.simulation.run_dir / "plan.json"
    plan, _ = plan_file.load(file)
    assert isinstance(plan, SweepPlan)
    changed = change(plan)
    file.write_text(json.dumps(changed.as_document()))
    sweep.hand_over(file)
    sweep.phrase = sweep.simulation.invariants.phrase = changed.phrase
    sweep.apply()
    return sweep


def protected_name(directory: Path) -> Sweep:
    """A plan with a name that its own rule protects."""
    sweep = planned(directory, Job(("FAILED", "FAILED")))
    sweep.protected = "thing-0"
    return _apply_edited(sweep, lambda plan: replace(plan, rule=replace(plan.rule, protect=("thing-0",))))


def cancel_plan_with_what_has_ended(directory: Path) -> Sweep:
    def ended(plan: SweepPlan) -> SweepPlan:
        removal = plan.targets[0].removal
        failed = replace(removal, execution=replace(removal.execution, status=Status.FAILED))
        return replace(plan, targets=(replace(plan.targets[0], removal=failed),))

    return _apply_edited(cancels(directory, "QUEUED"), ended)


def another_phrase(directory: Path) -> Sweep:
    sweep = planned(directory, Job(("FAILED",)))
    sweep.phrase = sweep.simulation.invariants.phrase = "delete 1 " + "0" * 32
    sweep.apply()
    return sweep


def another_phrase_for_one(directory: Path) -> SingleDelete:
    one = SingleDelete.on_one_job(directory, "FAILED", **ONE)
    one.plan()
    one.phrase = one.simulation.invariants.phrase = "yes"
    one.apply()
    return one


def a_day_later(directory: Path) -> Sweep:
    sweep = planned(directory, Job(("FAILED",)))
    sweep.simulation.ahead_s = 25 * 3600
    sweep.apply()
    return sweep


def another_account(directory: Path) -> Sweep:
    sweep = planned(directory, Job(("FAILED",)))
    sweep.simulation.service.account = "111122223333"
    sweep.apply()
    return sweep


def another_region(directory: Path) -> Sweep:
    sweep = planned(directory, Job(("FAILED",)))
    sweep.simulation.service.region = "eu-west-3"
    sweep.apply()
    return sweep


def unattended_without_caps(directory: Path) -> Sweep:
    sweep = planned(directory, Job(("FAILED",)))
    del sweep.parameters["max_fraction"]
    sweep.parameters["unattended"] = True
    sweep.hand_over(sweep.simulation.run_dir / "plan.json")
    sweep.apply()
    return sweep


def another_sweep_in_the_directory(directory: Path) -> Sweep:
    """A sweep was stopped on its way; a scheduler starts one of another rule there."""
    simulation = Simulation(directory / "run", Fleet((Job(("FAILED",) * 2), Job(("SUCCEEDED",)))))
    first = Sweep(simulation, job_id="job-0", max_fraction=1.0)
    first.plan()
    first.apply(Fault(on=DELETE, nth=2, kind="denied"))
    second = Sweep(simulation, job_id="job-1", max_fraction=1.0, max_deletes=25, unattended=True)
    simulation.invariants.phrase = "none of the first sweep's"
    second.apply()
    return second


def credentials_of_another_account_in_the_middle(directory: Path) -> Sweep:
    sweep = planned(directory, Job(("FAILED",) * 3))
    deletes = []

    def logs_in_elsewhere(operation: str) -> None:
        deletes.append(operation)
        if deletes.count(DELETE) == 2:  # the one whose credentials have expired
            sweep.simulation.service.account = "111122223333"

    sweep.simulation.before_call = logs_in_elsewhere
    sweep.apply(Fault(on=DELETE, nth=2, kind="credentials_expired"))
    return sweep


def cancels(directory: Path, *states: str, looks: int = 0) -> Sweep:
    simulation = Simulation(directory / "run", Fleet((Job(states),), looks_until_shown=looks))
    sweep = Sweep(simulation, action="cancel", job_id="job-0", force=True, max_fraction=1.0)
    sweep.plan()
    return sweep


def cancels_two(directory: Path) -> Sweep:
    sweep = cancels(directory, "QUEUED", "IN_PROGRESS")
    sweep.apply()
    return sweep


def cancel_shows_late(directory: Path) -> Sweep:
    sweep = cancels(directory, "QUEUED", "QUEUED", looks=300)
    for _ in range(3):
        sweep.apply()
    return sweep


def device_reports_before_the_cancel(directory: Path) -> Cancel:
    cancel = Cancel.on_one_job(directory, "IN_PROGRESS", job_id="job-0", thing_name="thing-0", force=True)
    cancel.plan()
    cancel.simulation.service.report("job-0", "thing-0", "IN_PROGRESS")
    cancel.apply()
    return cancel


def cancel_of_another_version(directory: Path) -> Cancel:
    cancel = Cancel.on_one_job(
        directory, "QUEUED", job_id="job-0", thing_name="thing-0", force=True, expected_version=7
    )
    if cancel.plan() == "planned":
        cancel.apply()
    return cancel


def cancel_of_what_has_ended(directory: Path) -> Cancel:
    cancel = Cancel.on_one_job(directory, "FAILED", job_id="job-0", thing_name="thing-0", force=True)
    if cancel.plan() == "planned":
        cancel.apply()
    return cancel


def protected_by_the_project_file(directory: Path) -> Sweep:
    """The file is there when the plan is applied, and was not when it was made elsewhere."""
    sweep = planned(directory, Job(("FAILED",)))
    sweep.protected = "thing-*"
    return _under_project(sweep, directory, 'protect = ["thing-*"]\n')


def more_than_the_project_allows(directory: Path) -> Sweep:
    return _under_project(planned(directory, Job(("FAILED",))), directory, "max_deletes = 0\n")


def _under_project(sweep: Sweep, directory: Path, text: str) -> Sweep:
    config = directory / "iotjobs.toml"
    config.write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IOTJOBS_CONFIG", str(config))
        sweep.apply()
    return sweep
