"""What a sweep must say of its choice: patterns that protect nothing, rows that moved while the plan was made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.faults.harness.fault_injection import Fault
from tests.faults.harness.schedules import Event
from tests.faults.harness.simulation import Sweep

DELETE, LOOK = "DeleteJobExecution", "DescribeJobExecution"
FAILED: dict[str, Any] = {"job_id": "job-0", "statuses": "FAILED", "max_fraction": 1.0, "max_deletes": 25}


@pytest.mark.parametrize("pattern", ["Thing-0", "thing", "{thing-0,thing-1}", "thing-0 "])
def test_a_pattern_that_protects_nothing_is_said_and_ends_an_unattended_sweep(tmp_path: Path, pattern: str) -> None:
    sweep = Sweep.on_one_job(tmp_path, "FAILED", **FAILED, protect=pattern)
    sweep.plan()
    if pattern.endswith(" "):  # blanks around a name are none of it
        assert sweep.simulation.result()["counts"]["protected"] == 1
        return
    warnings = [
        warning for warning in sweep.simulation.result()["warnings"] if "matches no job and no thing" in warning
    ]
    assert len(warnings) == len(pattern.split(","))
    sweep.parameters["unattended"] = True
    assert (sweep.apply(), sweep.simulation.guards()) == ("refused", ["protect_matches_nothing"])
    assert sweep.simulation.operations() == []


def test_where_all_that_fit_moved_it_is_not_said_that_none_fits(tmp_path: Path) -> None:
    sweep = Sweep.on_one_job(tmp_path, "IN_PROGRESS", "SUCCEEDED", job_id="job-0", statuses="IN_PROGRESS", force=True)
    sweep.parameters["max_fraction"] = 1.0
    assert sweep.plan(Event(on=LOOK, what="device_succeeds")) == "nothing_to_do"
    assert "moved while the plan was made" in sweep.simulation.result()["reason"]


def test_a_plan_that_shrank_says_so(tmp_path: Path) -> None:
    sweep = Sweep.on_one_job(tmp_path, "IN_PROGRESS", "IN_PROGRESS", job_id="job-0", force=True, max_fraction=1.0)
    assert sweep.plan(Event(on=LOOK, what="device_succeeds")) == "planned"
    result = sweep.simulation.result()
    assert result["counts"]["planned"] == 1
    assert "1 more fit and are left out, since they moved" in result["reason"]
    assert any("job-0/thing-0/1" in warning for warning in result["warnings"])


def test_things_that_are_no_longer_registered_are_swept_in_one_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their lists answer ResourceNotFound: what has no queue has left it, and the canary is content."""
    from tests.faults.harness.service_model import service_error

    sweep = Sweep.on_one_job(tmp_path, *("FAILED",) * 3, **FAILED)
    assert sweep.plan() == "planned"

    def not_found(**_named: Any) -> dict[str, Any]:
        raise service_error("ResourceNotFoundException", "ListJobExecutionsForThing", 404)

    service = sweep.simulation.service
    monkeypatch.setattr(service, "list_job_executions_for_thing", not_found)
    monkeypatch.setattr(service, "describe_thing", not_found)
    assert sweep.apply() == "applied"
    assert len(sweep.simulation.deleted()) == 3


def test_a_canary_that_stays_in_its_things_list_leaves_the_rest_alone(tmp_path: Path) -> None:
    sweep = Sweep.on_one_job(tmp_path, *("FAILED",) * 3, **FAILED)
    assert sweep.plan() == "planned"
    service = sweep.simulation.service
    rows = service.list_job_executions_for_thing(thingName="thing-0")
    service.list_job_executions_for_thing = lambda **_named: rows  # type: ignore[method-assign]
    assert sweep.apply() == "partial"
    assert len(sweep.simulation.deleted()) == 1
    assert "still in its thing's list" in sweep.simulation.result()["reason"]


def test_another_execution_with_the_number_after_a_lost_delete_does_not_show_that_it_was_ours(tmp_path: Path) -> None:
    """The delete was lost on its way; somebody else's, and a retry or a rejoin, made the number another execution's."""
    sweep = Sweep.on_one_job(tmp_path, "FAILED", continuous=True, **FAILED)
    assert sweep.plan() == "planned"
    lost = (Fault(on=DELETE, nth=nth, kind="request_lost") for nth in range(1, 9))
    assert sweep.apply(*lost, Event(on=LOOK, nth=2, what="number_used_again")) == "partial"
    counts = sweep.simulation.result()["counts"]
    assert (counts["deleted"], counts["gone"]) == (0, 1)
    assert "verified" not in {line["event"] for line in sweep.simulation.invariants.journal()}
    assert sweep.apply() == "partial"
    assert sweep.simulation.operations() == []
