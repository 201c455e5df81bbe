"""A job that a service owns is left alone, and so is one of which it could not be read: on every way into a delete."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import iotjobs
from tests.faults.harness.fault_injection import Fault
from tests.faults.harness.schedules import GREENGRASS, Fleet, Job
from tests.faults.harness.simulation import Simulation, SingleDelete, Sweep

#: Ways to choose the same finished executions of job-0; on thing-0 nothing is unfinished.
WAYS: list[dict[str, Any]] = [
    {"job_id": "job-0"},
    {"thing_name": "thing-0"},
    {"job_id": "job-0", "thing_name": "thing-0"},
    {"statuses": "FAILED"},
    {"thing_groups": "line-1"},
    {"thing_groups": "line-1", "statuses": "FAILED", "job_id": "job-0"},
]
NO_JOB = [Fault(on="DescribeJob", nth=nth, kind="denied") for nth in range(1, 9)]


def _sweep(directory: Path, parameters: dict[str, Any], *, namespace: str | None = GREENGRASS) -> Sweep:
    simulation = Simulation(directory / "run", Fleet((Job(("FAILED",), namespace=namespace),)))
    return Sweep(simulation, max_fraction=1.0, **parameters)


@pytest.mark.parametrize("parameters", WAYS, ids=str)
def test_what_greengrass_owns_is_left_alone_whichever_way_it_is_chosen(
    tmp_path: Path, parameters: dict[str, Any]
) -> None:
    sweep = _sweep(tmp_path, parameters)
    assert sweep.plan() == "refused"
    assert set(sweep.simulation.guards()) == {"protected"}


@pytest.mark.parametrize("parameters", WAYS, ids=str)
def test_an_owner_that_could_not_be_read_is_a_refusal(tmp_path: Path, parameters: dict[str, Any]) -> None:
    sweep = _sweep(tmp_path, parameters)
    assert sweep.plan(*NO_JOB) == "refused"
    assert set(sweep.simulation.guards()) == {"protection_unknown"}
    assert sweep.simulation.result()["refusals"][0]["job_id"] == "job-0"
    assert "iot:DescribeJob" in sweep.simulation.result()["reason"]


@pytest.mark.parametrize("causes", ["device_offline", "orphaned"])
def test_what_greengrass_owns_is_left_alone_when_it_is_chosen_by_its_cause(tmp_path: Path, causes: str) -> None:
    jobs = (Job(("IN_PROGRESS",), namespace=GREENGRASS), Job(("QUEUED",), namespace=GREENGRASS))
    simulation = Simulation(tmp_path / "run", Fleet(jobs))
    simulation.service.cancel_job("job-0") if causes == "orphaned" else None
    sweep = Sweep(simulation, causes=causes, force=True, max_fraction=1.0)
    assert sweep.plan() == "refused"
    assert set(simulation.guards()) == {"protected"}


def test_a_group_that_cannot_be_read_is_no_group_without_things(tmp_path: Path) -> None:
    sweep = _sweep(tmp_path, {"thing_groups": "line-1"}, namespace=None)
    assert sweep.plan(Fault(on="ListThingsInThingGroup", kind="denied")) == "denied"
    assert not (sweep.simulation.run_dir / "plan.json").exists()
    assert sweep.plan() == "planned"


@pytest.mark.parametrize("owner_known", [True, False])
def test_a_panel_of_many_is_not_open_where_a_service_owns_the_job_or_may(tmp_path: Path, *, owner_known: bool) -> None:
    sweep = _sweep(tmp_path, {"job_id": "job-0"})
    opened: list[Any] = []

    def look_and_press() -> None:
        run = sweep.start()
        work = iotjobs.sweep(run).plan()
        work.apply("delete 1 " + "0" * 32)
        opened.append(work.view.open)
        run.end()

    assert sweep.simulation.run(look_and_press, *([] if owner_known else NO_JOB)) == "refused"
    assert opened == [False]
    assert sweep.simulation.operations() == []


@pytest.mark.parametrize("owner_known", [True, False])
def test_a_panel_of_one_names_the_owner_or_refuses(tmp_path: Path, *, owner_known: bool) -> None:
    """An execution that a person picks in the panel: planned with the owner in its phrase, or not at all."""
    simulation = Simulation(tmp_path / "run", Fleet((Job(("FAILED",), namespace=GREENGRASS), Job(("FAILED",)))))
    one = SingleDelete(simulation, job_id="job-1", thing_name="thing-0", execution_number=1)

    def choose_another() -> None:
        run = one.start()
        work = iotjobs.delete_job_execution(run)
        work.choose("job-0", "thing-0", 1)
        phrase = work.plan().current_plan and work.current_plan.phrase
        work.apply((phrase or "").removesuffix(" owned by Greengrass"))
        run.end()

    assert simulation.run(choose_another, *([] if owner_known else NO_JOB)) == "refused"
    assert set(simulation.guards()) == ({"phrase_must_match"} if owner_known else {"protection_unknown"})
    assert simulation.operations() == []


def test_a_job_of_the_accounts_own_is_planned_by_thing(tmp_path: Path) -> None:
    assert _sweep(tmp_path, {"thing_name": "thing-0"}, namespace=None).plan() == "planned"


def test_rows_that_a_listing_repeats_do_not_widen_the_fraction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    states = ("FAILED",) * 4 + ("SUCCEEDED",) * 6
    sweep = Sweep.on_one_job(tmp_path, *states, job_id="job-0", statuses="FAILED", max_fraction=0.2)
    listed = sweep.simulation.service.list_job_executions_for_job

    def repeated(**parameters: Any) -> dict[str, Any]:
        return {"executionSummaries": listed(**parameters)["executionSummaries"] * 2}

    monkeypatch.setattr(sweep.simulation.service, "list_job_executions_for_job", repeated)
    assert sweep.plan() == "refused"
    assert sweep.simulation.guards() == ["max_fraction"]
