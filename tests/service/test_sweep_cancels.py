"""A sweep with action cancel: unfinished executions are ended by their version, and nothing is deleted."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from iotjobs.deletion import executor
from iotjobs.deletion.restore import restoration
from iotjobs.errors import InvalidInput
from iotjobs.model import Action
from iotjobs.sandbox.fleet import Fleet
from tests.service.run_sweep import called, confirmed, guards_of, left, old_job, result, sweep

MIXED = ["QUEUED", "IN_PROGRESS", "FAILED", "QUEUED"]
CANCEL: dict[str, Any] = {"action": "cancel", "force": True}


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "_FIRST_PAUSE_S", 0.0)


def test_what_is_unfinished_is_cancelled_and_nothing_is_deleted(aged_fleet: Fleet, tmp_path: Path) -> None:
    things = old_job(aged_fleet, "cancelled", MIXED)
    swept = confirmed(tmp_path, job_id="cancelled", **CANCEL)
    outcome = result(tmp_path)
    counts = outcome["counts"]
    assert (outcome["outcome"], counts["planned"], counts["cancelled"], counts["deleted"]) == ("applied", 3, 3, 0)
    assert outcome["reason"].startswith("3 of 3 cancelled")
    ended = dict.fromkeys([things[0], things[1], things[3]], "CANCELED")
    assert left(aged_fleet, "cancelled") == {**ended, things[2]: "FAILED"}
    assert {operation for operation, _ in called(tmp_path)} == {"CancelJobExecution"}
    assert set(swept.results["state"]) == {"cancelled"}
    assert set(swept.results["afterwards"]) == {"its queue is empty; the job is COMPLETED"}
    assert "cancelled" in (tmp_path / "cancellations.csv").read_text()


def test_its_phrase_says_cancel_and_its_plan_is_another_one_than_the_deletes(aged_fleet: Fleet, tmp_path: Path) -> None:
    old_job(aged_fleet, "two-actions", ["QUEUED"])
    to_cancel = sweep(tmp_path / "c", job_id="two-actions", **CANCEL).current_plan
    to_delete = sweep(tmp_path / "d", job_id="two-actions", force=True).current_plan
    assert to_cancel is not None
    assert to_delete is not None
    assert to_cancel.phrase == f"cancel 1 {to_cancel.plan_id}"
    assert to_cancel.plan_id != to_delete.plan_id
    assert to_cancel.as_document()["rule"]["action"] == "cancel"


def test_what_waits_needs_no_force_and_what_is_in_progress_does(aged_fleet: Fleet, tmp_path: Path) -> None:
    old_job(aged_fleet, "cancel-force", ["QUEUED", "IN_PROGRESS"])
    refused = sweep(tmp_path / "all", job_id="cancel-force", action="cancel")
    assert [refusal.guard for refusal in refused.refusals] == ["unfinished_needs_force"]
    confirmed(tmp_path / "queued", job_id="cancel-force", action="cancel", statuses="QUEUED")
    assert sorted(left(aged_fleet, "cancel-force").values()) == ["CANCELED", "IN_PROGRESS"]


def test_caps_and_protection_hold(aged_fleet: Fleet, tmp_path: Path) -> None:
    things = old_job(aged_fleet, "cancel-capped", ["QUEUED"] * 3)
    sweep(tmp_path / "many", job_id="cancel-capped", **CANCEL, max_deletes=2)
    assert guards_of(tmp_path / "many") == ["max_deletes"]
    sweep(tmp_path / "share", job_id="cancel-capped", **CANCEL, max_fraction=0.5)
    assert guards_of(tmp_path / "share") == ["max_fraction"]
    confirmed(tmp_path / "rest", job_id="cancel-capped", **CANCEL, protect=things[0])
    assert left(aged_fleet, "cancel-capped") == {things[0]: "QUEUED", things[1]: "CANCELED", things[2]: "CANCELED"}


def test_a_status_that_has_ended_cannot_be_meant(aged_fleet: Fleet, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="FAILED"):
        sweep(tmp_path, action="cancel", statuses="QUEUED,FAILED")
    with pytest.raises(InvalidInput, match="delete or cancel"):
        sweep(tmp_path / "b", action="remove", statuses="QUEUED")
    assert aged_fleet


def test_a_plan_files_action_binds(aged_fleet: Fleet, tmp_path: Path) -> None:
    old_job(aged_fleet, "cancel-file", ["QUEUED"])
    plan = sweep(tmp_path / "made", job_id="cancel-file", **CANCEL).current_plan
    assert plan is not None
    file = shutil.copy(tmp_path / "made" / "plan.json", tmp_path / "approved.json")
    beside = sweep(tmp_path / "other", plan_file=str(file), action="delete", older_than="1d")
    assert [refusal.guard for refusal in beside.refusals] == ["plan_loosened"]
    assert "plan is to cancel" in beside.refusals[0].message
    sweep(tmp_path / "run", plan_file=str(file)).apply(plan.phrase)
    assert left(aged_fleet, "cancel-file") == {"cancel-file-1": "CANCELED"}


def test_a_plan_file_edited_to_delete_is_refused(aged_fleet: Fleet, tmp_path: Path) -> None:
    old_job(aged_fleet, "cancel-edited", ["QUEUED"])
    sweep(tmp_path / "made", job_id="cancel-edited", **CANCEL)
    document = json.loads((tmp_path / "made" / "plan.json").read_text())
    document["rule"]["action"] = "delete"
    (tmp_path / "edited.json").write_text(json.dumps(document))
    edited = sweep(tmp_path / "run", plan_file=str(tmp_path / "edited.json"))
    assert [refusal.guard for refusal in edited.refusals] == ["plan_edited"]


def _stop_after_the_first(directory: Path, job_id: str) -> None:
    plan = sweep(directory, job_id=job_id, **CANCEL)
    assert plan.current_plan is not None
    done: list[Any] = []
    plan.apply(plan.current_plan.phrase, stop=lambda: bool(done), progress=done.append)


def test_stopped_and_run_again_it_goes_on(aged_fleet: Fleet, tmp_path: Path) -> None:
    old_job(aged_fleet, "cancel-stopped", ["QUEUED"] * 3)
    _stop_after_the_first(tmp_path, "cancel-stopped")
    assert (result(tmp_path)["outcome"], len(called(tmp_path))) == ("interrupted", 1)
    again = sweep(tmp_path, job_id="cancel-stopped", **CANCEL)
    assert again.current_plan is not None
    again.apply(again.current_plan.phrase)
    assert (result(tmp_path)["outcome"], result(tmp_path)["counts"]["cancelled"]) == ("applied", 3)
    assert len(set(called(tmp_path))) == len(called(tmp_path)) == 3


def test_the_other_action_does_not_go_on_with_it(aged_fleet: Fleet, tmp_path: Path) -> None:
    old_job(aged_fleet, "cancel-begun", ["QUEUED"] * 2)
    _stop_after_the_first(tmp_path, "cancel-begun")
    other = sweep(tmp_path, job_id="cancel-begun", force=True)
    assert [refusal.guard for refusal in other.refusals] == ["other_plan_begun"]


def test_a_person_may_change_the_action_in_the_panel(aged_fleet: Fleet, tmp_path: Path) -> None:
    old_job(aged_fleet, "cancel-panel", ["QUEUED", "FAILED"])
    planned = sweep(tmp_path, job_id="cancel-panel", force=True)
    assert (planned.action, len(planned.current_plan.targets)) == ("delete", 2)
    planned.plan(Action.CANCEL)
    assert (planned.action, len(planned.current_plan.targets)) == ("cancel", 1)
    planned.apply(planned.current_plan.phrase)
    assert sorted(left(aged_fleet, "cancel-panel").values()) == ["CANCELED", "FAILED"]


def test_unattended_it_needs_caps_and_confirms_itself(aged_fleet: Fleet, tmp_path: Path) -> None:
    old_job(aged_fleet, "cancel-alone", ["QUEUED"])
    sweep(tmp_path / "bare", job_id="cancel-alone", **CANCEL, unattended=True).apply()
    assert guards_of(tmp_path / "bare") == ["unattended_needs_caps"]
    sweep(tmp_path / "run", job_id="cancel-alone", **CANCEL, unattended=True, max_deletes=5).apply()
    assert left(aged_fleet, "cancel-alone") == {"cancel-alone-1": "CANCELED"}


def test_what_was_cancelled_can_be_queued_again(aged_fleet: Fleet, tmp_path: Path) -> None:
    old_job(aged_fleet, "cancel-again", ["QUEUED", "IN_PROGRESS"])
    confirmed(tmp_path, job_id="cancel-again", **CANCEL)
    answer = restoration(tmp_path)
    assert (len(answer.table), len(answer.requests), answer.complete) == (2, 1, True)
    assert "Cancelled: 2 executions of 1 job" in repr(answer)
    assert "Removed" not in repr(answer)
