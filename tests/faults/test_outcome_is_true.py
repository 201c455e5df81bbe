"""What a run says of itself is true, also when the worst comes between two calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.faults.harness.fault_injection import Fault
from tests.faults.harness.schedules import Event
from tests.faults.harness.simulation import Cancel, SingleDelete, Sweep, Workflow

CANCEL, DELETE, LOOK = "CancelJobExecution", "DeleteJobExecution", "DescribeJobExecution"
LIST = "ListJobExecutionsForThing"
ONE = {"job_id": "job-0", "thing_name": "thing-0", "execution_number": 1, "force": True, "cancel_first": True}
ALL = {"job_id": "job-0", "force": True, "max_fraction": 1.0}


def _planned(directory: Path, workflow: type[Workflow], parameters: dict[str, Any], *states: str) -> Workflow:
    work = workflow.on_one_job(directory, *states, **parameters)
    assert work.plan() == "planned"
    return work


@pytest.mark.parametrize(("workflow", "parameters"), [(SingleDelete, ONE), (Sweep, ALL)], ids=["one", "sweep"])
def test_a_cancel_without_answer_is_not_said_to_have_changed_nothing(
    tmp_path: Path, workflow: type[Workflow], parameters: dict[str, Any]
) -> None:
    work = _planned(tmp_path, workflow, parameters, "IN_PROGRESS")
    ended = work.apply(Fault(on=CANCEL, kind="response_lost"), Event(on=CANCEL, what="job_recreated"))
    assert ended in ("partial", "error")
    assert work.simulation.operations() == [CANCEL]
    assert "nothing was changed" not in work.simulation.result()["reason"]


@pytest.mark.parametrize("kind", ["request_lost", "unavailable"])
@pytest.mark.parametrize(("workflow", "parameters"), [(SingleDelete, ONE), (Sweep, ALL)], ids=["one", "sweep"])
def test_a_cancel_that_may_not_have_acted_is_not_called_one(
    tmp_path: Path, workflow: type[Workflow], parameters: dict[str, Any], kind: str
) -> None:
    work = _planned(tmp_path, workflow, parameters, "IN_PROGRESS")
    assert work.apply(*(Fault(on=CANCEL, nth=nth, kind=kind) for nth in range(1, 20))) == "partial"
    result = work.simulation.result()
    assert work.simulation.operations() == []
    assert not result["counts"].get("cancelled")
    assert "was cancelled" not in result["reason"]
    assert "cancelled:" not in result["reason"]
    assert "it is not known whether it acted" in str(result)
    assert work.apply() == "applied"


def test_a_sweep_that_may_have_cancelled_is_never_refused(tmp_path: Path) -> None:
    work = _planned(tmp_path, Sweep, ALL, "IN_PROGRESS")
    work.apply(Fault(on=CANCEL, kind="response_lost"), Event(on=CANCEL, what="job_recreated"))
    assert work.apply() == "partial"
    assert work.simulation.operations() == [CANCEL]
    counts = work.simulation.result()["counts"]
    assert {name: counts[name] for name in ("planned", "deleted", "drifted", "failed", "left")} == {
        "planned": 1, "deleted": 0, "drifted": 1, "failed": 0, "left": 0,
    }  # fmt: skip


def test_a_delete_without_answer_is_not_said_to_be_undone(tmp_path: Path) -> None:
    work = _planned(tmp_path, SingleDelete, ONE, "IN_PROGRESS")
    blind = [Fault(on=LOOK, nth=nth, kind="internal_error") for nth in range(5, 30)]  # from the delete on
    assert work.apply(Fault(on=DELETE, kind="response_lost"), *blind) == "partial"
    assert work.simulation.operations() == [CANCEL, DELETE]
    assert "not deleted" not in work.simulation.result()["reason"]
    assert work.apply() == "applied"


@pytest.mark.parametrize(("state", "look", "message"), [("FAILED", 2, "was sent"), ("QUEUED", 3, "was cancelled")])
def test_a_login_that_ends_after_the_delete_is_partial_and_says_what_was_done(
    tmp_path: Path, state: str, look: int, message: str
) -> None:
    work = _planned(tmp_path, SingleDelete, ONE, state)
    assert work.apply(*(Fault(on=LOOK, nth=nth, kind="credentials_expired") for nth in range(look, 60))) == "partial"
    reason = work.simulation.result()["reason"]
    assert message in reason
    assert "is not known yet" in reason
    assert "log in again" in reason
    assert work.apply() == "applied"
    assert work.simulation.operations().count(DELETE) == 1


@pytest.mark.parametrize("kind", ["credentials_expired", "request_lost"])
def test_a_cancel_that_could_not_be_seen_is_said_to_have_been_sent(tmp_path: Path, kind: str) -> None:
    work = _planned(tmp_path, Cancel, {"job_id": "job-0", "thing_name": "thing-0"}, "QUEUED")
    assert work.apply(*(Fault(on=LOOK, nth=nth, kind=kind) for nth in range(2, 60))) == "partial"
    assert work.simulation.operations() == [CANCEL]
    assert "was sent" in work.simulation.result()["reason"]
    assert work.apply() == "applied"


@pytest.mark.parametrize("fault", ["denied", "credentials_expired"])
def test_a_sweep_that_may_cancel_but_not_delete_stops_at_the_first(tmp_path: Path, fault: str) -> None:
    work = _planned(tmp_path, Sweep, ALL, "IN_PROGRESS", "IN_PROGRESS", "QUEUED", "SUCCEEDED")
    assert work.apply(*(Fault(on=DELETE, nth=nth, kind=fault) for nth in range(2, 9))) == "partial"
    assert work.simulation.operations() == [DELETE, CANCEL]
    reason = work.simulation.result()["reason"]
    assert "1 of 4 deleted" in reason
    assert "cancelled: job-0/thing-0/1 (not deleted)" in reason
    assert "DeleteJobExecution" in reason
    assert work.apply() == "applied"


def test_what_has_ended_comes_first_and_shows_that_the_delete_is_denied_before_anything_is_cancelled(
    tmp_path: Path,
) -> None:
    work = _planned(tmp_path, Sweep, ALL, "IN_PROGRESS", "QUEUED", "SUCCEEDED")
    assert work.apply(*(Fault(on=DELETE, nth=nth, kind="denied") for nth in range(1, 9))) == "denied"
    assert work.simulation.operations() == []
    assert "iot:DeleteJobExecution" in work.simulation.result()["reason"]


def test_where_all_are_live_the_one_that_was_cancelled_is_named(tmp_path: Path) -> None:
    work = _planned(tmp_path, Sweep, ALL, "IN_PROGRESS", "IN_PROGRESS")
    assert work.apply(*(Fault(on=DELETE, nth=nth, kind="denied") for nth in range(1, 9))) == "partial"
    assert work.simulation.operations() == [CANCEL]
    assert "cancelled: job-0/thing-0/1 (not deleted)" in work.simulation.result()["reason"]
    assert work.simulation.result()["counts"]["cancelled"] == 1
    assert work.apply() == "applied"


def test_credentials_that_expired_between_cancel_and_delete_are_read_anew(tmp_path: Path) -> None:
    work = _planned(tmp_path, Sweep, ALL, "IN_PROGRESS", "SUCCEEDED")
    assert work.apply(Fault(on=DELETE, nth=2, kind="credentials_expired")) == "applied"


def test_what_failed_before_its_first_call_is_kept_as_it_was_when_it_goes_on(tmp_path: Path) -> None:
    work = _planned(tmp_path, Sweep, ALL, "FAILED")
    assert work.apply(Fault(on=LOOK, nth=1, kind="internal_error")) == "error"
    assert work.apply() == "applied"
    assert work.simulation.invariants.violations.all() == []


def test_somebody_elses_cancel_after_ours_was_lost_is_not_taken_for_ours(tmp_path: Path) -> None:
    work = _planned(tmp_path, Sweep, ALL, "IN_PROGRESS")
    work.apply(Fault(on=CANCEL, kind="request_lost"), Event(on=CANCEL, nth=2, what="canceled_by_somebody"))
    work.apply()
    assert work.simulation.operations() == []
    assert work.simulation.invariants.violations.all() == []
    assert [execution.status for execution in work.simulation.service.all()] == ["CANCELED"]
    (drifted,) = (line for line in work.simulation.invariants.journal() if line["event"] == "drifted")
    assert "CancelJobExecution was sent before, and whether it acted is not known" in drifted["why"]


@pytest.mark.parametrize(
    ("kind", "outcome"), [("denied", "denied"), ("internal_error", "error"), ("cut_short", "error")]
)
@pytest.mark.parametrize("first_moves", [False, True])
def test_what_would_show_that_the_first_one_is_gone_is_read_before_it_is_touched(
    tmp_path: Path, kind: str, outcome: str, *, first_moves: bool
) -> None:
    work = _planned(tmp_path, Sweep, ALL, "FAILED", "FAILED")
    moves = [Event(on=LOOK, nth=1, what="deleted_by_somebody")] if first_moves else []
    unread = [Fault(on=LIST, nth=nth, kind=kind) for nth in range(1 + first_moves, 40)]
    assert work.apply(*moves, *unread) == outcome
    assert work.simulation.operations() == []
    assert LIST in work.simulation.result()["reason"]
    assert work.apply() == ("partial" if first_moves else "applied")
    assert len(work.simulation.operations()) == 2 - first_moves
