"""A job that a service owns is left alone, and so is one of which it could not be read: on every way into a delete."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.faults.harness.fault_injection import Fault
from tests.faults.harness.schedules import GREENGRASS, Fleet, Job
from tests.faults.harness.simulation import Simulation, Sweep

#: Ways to choose the same finished executions of job-0; on thing-0 nothing is unfinished.
WAYS: list[dict[str, Any]] = [
    {"job_id": "job-0"},
    {"thing_name": "thing-0"},
    {"job_id": "job-0", "thing_name": "thing-0"},
    {"statuses": "FAILED"},
]


def _sweep(directory: Path, parameters: dict[str, Any], *, namespace: str | None = GREENGRASS) -> Sweep:
    simulation = Simulation(directory / "run", Fleet((Job(("FAILED",), namespace=namespace),)))
    return Sweep(simulation, max_fraction=1.0, **parameters)


@pytest.mark.parametrize("given", WAYS, ids=str)
def test_what_greengrass_owns_is_left_alone_whichever_way_it_is_chosen(tmp_path: Path, given: dict[str, Any]) -> None:
    sweep = _sweep(tmp_path, given)
    assert sweep.plan() == "refused"
    assert set(sweep.simulation.guards()) == {"protected"}


@pytest.mark.parametrize("given", WAYS, ids=str)
def test_an_owner_that_could_not_be_read_is_a_refusal(tmp_path: Path, given: dict[str, Any]) -> None:
    sweep = _sweep(tmp_path, given)
    assert sweep.plan(*(Fault(on="DescribeJob", nth=nth, kind="denied") for nth in range(1, 9))) == "refused"
    assert set(sweep.simulation.guards()) == {"protection_unknown"}
    assert sweep.simulation.result()["refusals"][0]["job_id"] == "job-0"
    assert "iot:DescribeJob" in sweep.simulation.result()["reason"]


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
