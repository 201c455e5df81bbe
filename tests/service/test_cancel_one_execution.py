"""A cancel without a delete, on a real service: it frees the queue, keeps the record, and is guarded as a delete is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import iotjobs
from iotjobs.errors import InvalidInput, NotFound
from iotjobs.model import utc_text
from iotjobs.sandbox.fleet import Fleet
from iotjobs.workflows.delete import Deletion
from tests.service.run_sweep import called


def _job(fleet: Fleet, thing: str, *, days: float = 5, status: str | None = None) -> dict[str, Any]:
    job_id = f"cancel-{thing}"[:64]
    with fleet.ago(days=days):
        fleet.job(job_id, things=[thing])
        if status:
            fleet.report(job_id, thing, status, statusDetails={"step": "flash 80 %"})
    return {"job_id": job_id, "thing_name": thing}


def _cancel(directory: Path, **parameters: Any) -> dict[str, Any]:
    run = iotjobs.start("cancel_job_execution", run_dir=str(directory), **parameters)
    iotjobs.cancel_job_execution(run).plan().apply()
    result: dict[str, Any] = json.loads((directory / "result.json").read_text())
    return result


def _now(fleet: Fleet, job_id: str, thing_name: str) -> dict[str, Any]:
    answer: dict[str, Any] = fleet.iot.describe_job_execution(jobId=job_id, thingName=thing_name)["execution"]
    return answer


def test_without_confirm_it_is_a_plan_and_the_phrase_is_the_contracts(
    fresh_thing: tuple[Fleet, str], tmp_path: Path
) -> None:
    fleet, thing = fresh_thing
    names = _job(fleet, thing)
    result = _cancel(tmp_path, **names)
    queued = utc_text(_now(fleet, **names)["queuedAt"])
    assert (result["outcome"], result["confirm"]) == ("planned", f"cancel {names['job_id']}/{thing}/1 queued {queued}")
    assert _now(fleet, **names)["status"] == "QUEUED"
    plan = json.loads((tmp_path / "plan.json").read_text())
    assert (plan["kind"], plan["operations"]) == ("cancel_job_execution", ["CancelJobExecution"])
    assert any("record stays" in words for words in plan["consequences"])


@pytest.mark.parametrize("status", [None, "IN_PROGRESS"], ids=["queued", "in-progress"])
def test_the_phrase_cancels_and_the_record_is_kept(
    fresh_thing: tuple[Fleet, str], tmp_path: Path, status: str | None
) -> None:
    fleet, thing = fresh_thing
    names = {**_job(fleet, thing, status=status), "force": status == "IN_PROGRESS" or None, "ticket": "T-1"}
    result = _cancel(tmp_path, **names, confirm=_cancel(tmp_path, **names)["confirm"])
    assert (result["outcome"], result["counts"]) == ("applied", {"planned": 1, "deleted": 0, "cancelled": 1})
    now = _now(fleet, names["job_id"], thing)
    details = now["statusDetails"]["detailsMap"]
    assert (now["status"], details["ticket"], details["run"]) == ("CANCELED", "T-1", tmp_path.name)
    assert details.get("step") == ("flash 80 %" if status else None)
    assert called(tmp_path) == [("CancelJobExecution", thing)]
    assert json.loads((tmp_path / "before.jsonl").read_text())["status"] == (status or "QUEUED")


def test_the_same_run_again_cancels_nothing_twice(fresh_thing: tuple[Fleet, str], tmp_path: Path) -> None:
    fleet, thing = fresh_thing
    names = _job(fleet, thing)
    phrase = _cancel(tmp_path, **names)["confirm"]
    _cancel(tmp_path, **names, confirm=phrase)
    again = _cancel(tmp_path, **names, confirm=phrase)
    assert (again["outcome"], again["counts"]["cancelled"]) == ("applied", 1)
    assert "already" in again["reason"]
    assert called(tmp_path) == [("CancelJobExecution", thing)]


def test_in_progress_is_refused_without_force(fresh_thing: tuple[Fleet, str], tmp_path: Path) -> None:
    fleet, thing = fresh_thing
    names = _job(fleet, thing, status="IN_PROGRESS")
    result = _cancel(tmp_path, **names)
    assert (result["outcome"], result["refusals"][0]["guard"]) == ("refused", "unfinished_needs_force")
    assert "InvalidStateTransition" in result["reason"]


def test_what_has_ended_is_refused_and_the_delete_is_named(fresh_thing: tuple[Fleet, str], tmp_path: Path) -> None:
    fleet, thing = fresh_thing
    result = _cancel(tmp_path, **_job(fleet, thing, status="FAILED"), force=True)
    assert (result["outcome"], result["refusals"][0]["guard"]) == ("refused", "ended_needs_no_cancel")
    assert "delete_job_execution" in result["reason"]


def test_another_version_than_the_expected_one_is_refused(fresh_thing: tuple[Fleet, str], tmp_path: Path) -> None:
    fleet, thing = fresh_thing
    names = _job(fleet, thing)
    assert _cancel(tmp_path, **names, expected_version=1)["outcome"] == "planned"
    result = _cancel(tmp_path, **names, expected_version=2)
    assert (result["outcome"], result["refusals"][0]["guard"]) == ("refused", "version_is_expected")


def test_what_moved_since_the_plan_is_refused(fresh_thing: tuple[Fleet, str], tmp_path: Path) -> None:
    fleet, thing = fresh_thing
    names = {**_job(fleet, thing, status="IN_PROGRESS"), "force": True}
    phrase = _cancel(tmp_path, **names)["confirm"]
    fleet.report(names["job_id"], thing, "IN_PROGRESS")
    result = _cancel(tmp_path, **names, confirm=phrase)
    assert (result["outcome"], result["refusals"][0]["guard"]) == ("refused", "drifted")
    assert _now(fleet, names["job_id"], thing)["status"] == "IN_PROGRESS"


def test_a_device_at_work_needs_the_longer_phrase(fresh_thing: tuple[Fleet, str], tmp_path: Path) -> None:
    fleet, thing = fresh_thing
    names = {**_job(fleet, thing, days=0.01, status="IN_PROGRESS"), "force": True}
    phrase = _cancel(tmp_path, **names)["confirm"]
    assert phrase.endswith(" while it works")
    short = _cancel(tmp_path, **names, confirm=phrase.removesuffix(" while it works"))
    assert (short["outcome"], short["refusals"][0]["guard"]) == ("refused", "phrase_must_match")
    assert _cancel(tmp_path, **names, confirm=phrase)["outcome"] == "applied"


def test_the_phrase_of_the_delete_cancels_nothing_nor_the_other_way_round(
    fresh_thing: tuple[Fleet, str], tmp_path: Path
) -> None:
    fleet, thing = fresh_thing
    names = _job(fleet, thing)
    phrase = _cancel(tmp_path, **names)["confirm"]
    other = phrase.replace("cancel", "delete", 1)
    assert _cancel(tmp_path, **names, confirm=other)["refusals"][0]["guard"] == "phrase_must_match"
    run = iotjobs.start(
        "delete_job_execution",
        run_dir=str(tmp_path), confirm=phrase, execution_number=1, force=True, cancel_first=True, **names,
    )  # fmt: skip
    deletion = iotjobs.delete_job_execution(run).plan().apply()
    assert [refusal.guard for refusal in deletion.refusals] == ["phrase_must_match"]
    assert _now(fleet, **names)["status"] == "QUEUED"


def _chosen_in_the_panel(directory: Path, *execution: str) -> Deletion:
    deletion = iotjobs.delete_job_execution(iotjobs.start("delete_job_execution", run_dir=str(directory)))
    deletion.choose(*execution, keeps_record=True)
    return deletion


def test_a_person_may_choose_it_in_the_panel_of_a_delete(fresh_thing: tuple[Fleet, str], tmp_path: Path) -> None:
    fleet, thing = fresh_thing
    names = _job(fleet, thing)
    deletion = _chosen_in_the_panel(tmp_path, names["job_id"], thing, "1")
    plan = deletion.plan().current_plan
    assert plan is not None
    assert plan.phrase.startswith(f"cancel {names['job_id']}/{thing}/1")
    assert deletion.apply(plan.phrase).run.outcome == "applied"
    assert _now(fleet, **names)["status"] == "CANCELED"


def test_a_number_that_is_not_the_newest_is_refused(fresh_thing: tuple[Fleet, str], tmp_path: Path) -> None:
    fleet, thing = fresh_thing
    names = _job(fleet, thing)
    deletion = _chosen_in_the_panel(tmp_path, names["job_id"], thing, "7")
    assert [refusal.guard for refusal in deletion.plan().refusals] == ["newest_is_meant"]


def test_what_is_not_there_or_not_named_is_said(fresh_thing: tuple[Fleet, str], tmp_path: Path) -> None:
    fleet, thing = fresh_thing
    with pytest.raises(NotFound, match="no execution of job no-such-job"):
        _cancel(tmp_path / "a", job_id="no-such-job", thing_name=thing)
    with pytest.raises(InvalidInput, match="--thing-name"):
        _cancel(tmp_path / "b", job_id="no-such-job")
    assert _cancel(tmp_path / "c")["outcome"] == "invalid"
    assert fleet
