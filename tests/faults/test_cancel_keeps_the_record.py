"""A cancel without a delete under faults: settled by looking, never sent twice, never another one's taken for ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.harness.crash_injection import Kill
from tests.faults.harness.fault_injection import Fault
from tests.faults.harness.schedules import Event
from tests.faults.harness.simulation import Cancel, Sweep

CANCEL = "CancelJobExecution"
ONE = {"job_id": "job-0", "thing_name": "thing-0"}


def _planned(directory: Path, *states: str, continuous: bool = False) -> Cancel:
    cancel = Cancel.on_one_job(directory, *states, continuous=continuous, force="IN_PROGRESS" in states, **ONE)
    assert cancel.plan() == "planned"
    return cancel


def _is_whole(workflow: Cancel | Sweep) -> None:
    assert workflow.simulation.invariants.violations.all() == []
    assert workflow.simulation.deleted() == []


@pytest.mark.parametrize("kind", ["response_lost", "request_lost", "acts_late", "too_many_requests"])
def test_an_answer_that_is_lost_is_settled_by_the_mark(tmp_path: Path, kind: str) -> None:
    cancel = _planned(tmp_path, "IN_PROGRESS")
    assert cancel.apply(Fault(on=CANCEL, kind=kind)) == "applied"
    assert cancel.simulation.operations() == [CANCEL]
    _is_whole(cancel)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("line", range(1, 5))
def test_killed_at_any_line_it_goes_on(tmp_path: Path, line: int, when: str) -> None:
    cancel = _planned(tmp_path, "QUEUED")
    assert cancel.apply(Kill(at="journal", nth=line, when=when)) == "killed"
    assert cancel.apply() == "applied"
    assert cancel.simulation.operations() == [CANCEL]
    assert cancel.simulation.result()["counts"] == {"planned": 1, "deleted": 0, "cancelled": 1}
    _is_whole(cancel)


def test_somebody_elses_cancel_is_not_ours(tmp_path: Path) -> None:
    cancel = _planned(tmp_path, "QUEUED")
    cancel.apply(Fault(on=CANCEL, kind="request_lost"), Event(on=CANCEL, nth=2, what="canceled_by_somebody"))
    cancel.apply()
    assert cancel.simulation.result()["counts"]["cancelled"] == 0
    assert cancel.simulation.guards() == ["drifted"]
    _is_whole(cancel)


def test_a_record_that_somebody_deletes_is_not_said_to_be_kept(tmp_path: Path) -> None:
    cancel = _planned(tmp_path, "QUEUED")
    cancel.simulation.service.looks_until_shown = 3
    assert cancel.apply(Event(on="DescribeJobExecution", nth=2, what="deleted_by_somebody")) == "partial"
    assert "AWS accepted its cancel" in cancel.simulation.result()["reason"]
    _is_whole(cancel)


def test_the_next_number_is_not_cancelled_in_its_place(tmp_path: Path) -> None:
    cancel = _planned(tmp_path, "QUEUED", continuous=True)
    ended = cancel.apply(
        Fault(on=CANCEL, nth=1, kind="too_many_requests"),
        Event(on="DescribeJobExecution", nth=2, what="next_number_at_same_version"),
    )
    assert ended == "refused"
    assert cancel.simulation.operations() == []
    _is_whole(cancel)


def test_a_sweep_verifies_its_canary_before_it_cancels_the_rest(tmp_path: Path) -> None:
    sweep = Sweep.on_one_job(tmp_path, *["QUEUED"] * 4, action="cancel", job_id="job-0", max_fraction=1.0)
    assert sweep.plan() == "planned"
    sweep.simulation.service.looks_until_shown = 300
    assert sweep.apply() == "partial"
    assert sweep.simulation.operations() == [CANCEL]
    assert sweep.simulation.result()["counts"]["left"] == 3
    _is_whole(sweep)


def test_a_sweep_of_cancels_settles_what_was_in_flight_first(tmp_path: Path) -> None:
    sweep = Sweep.on_one_job(tmp_path, *["QUEUED"] * 3, action="cancel", job_id="job-0", max_fraction=1.0)
    assert sweep.plan() == "planned"
    assert sweep.apply(Kill(at="journal", nth=8, when="before")) == "killed"
    assert sweep.apply() == "applied"
    assert sweep.simulation.operations() == [CANCEL] * 3
    assert sweep.simulation.result()["counts"]["cancelled"] == 3
    _is_whole(sweep)
