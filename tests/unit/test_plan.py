"""What a plan says before anything is done."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from iotjobs.deletion.plan import QueueContext
from iotjobs.model import ExecutionKey
from tests.unit.build_plans import KEY, NOW, execution, plan

NEXT = ExecutionKey("config", "pump-01", 1)
RUNNING: dict[str, Any] = {"job_status": "IN_PROGRESS", "target_selection": "SNAPSHOT", "unfinished_in_job": 1}


def _said(status: str = "IN_PROGRESS", **around: Any) -> str:
    return "\n".join(plan(execution(status), force=True, queue_context=QueueContext(**around)).consequences)


def test_the_phrase_carries_the_identity() -> None:
    assert plan().phrase == "delete firmware/pump-01/3 queued 2026-11-22T12:00:00Z"


@pytest.mark.parametrize(
    ("status", "minutes", "works"),
    [("IN_PROGRESS", 59, True), ("IN_PROGRESS", 60, False), ("QUEUED", 1, False), ("FAILED", 1, False)],
)
def test_at_work_is_in_progress_and_reported_within_the_hour(status: str, minutes: int, works: bool) -> None:
    forced = plan(execution(status, last_updated_at=NOW - timedelta(minutes=minutes)), force=True)
    assert forced.phrase.endswith(" while it works") == works


def test_force_on_a_running_one_has_the_references_caution() -> None:
    text = _said()
    assert "CAUTION" in text
    assert "unable to read the job" in text
    assert "recover to a valid state" in text


def test_a_finished_one_has_no_caution() -> None:
    assert "CAUTION" not in _said("FAILED")


def test_the_head_of_the_queue_hands_over() -> None:
    assert "Next on pump-01 is config number 1" in _said(queue=(KEY, NEXT), queue_known=True)


def test_behind_another_the_head_stays() -> None:
    assert "stays config number 1" in _said("QUEUED", queue=(NEXT, KEY), queue_known=True)


def test_alone_nothing_waits() -> None:
    assert "Nothing else waits" in _said(queue=(KEY,), queue_known=True)


def test_the_last_one_of_a_snapshot_job_completes_it() -> None:
    assert "completes by it" in _said(**RUNNING)


@pytest.mark.parametrize("other", [{"target_selection": "CONTINUOUS"}, {"unfinished_in_job": 2}], ids=str)
def test_other_jobs_go_on(other: dict[str, Any]) -> None:
    assert "goes on without" in _said(**(RUNNING | other))


def test_a_job_that_is_over_stays_so() -> None:
    assert "CANCELED already" in _said(**(RUNNING | {"job_status": "CANCELED"}))


def test_what_could_not_be_read_is_not_guessed() -> None:
    text = _said()
    assert "queue of pump-01 could not be read" in text
    assert "firmware could not be read" in text
    assert "goes on" not in text


def test_cancel_first_is_two_steps_and_none_for_a_finished_one() -> None:
    assert [step.split()[0] for step in plan(execution("QUEUED"), force=True, cancel_first=True).steps] == [
        "CancelJobExecution",
        "see",
        "DeleteJobExecution",
    ]
    assert plan(cancel_first=True).steps == ("DeleteJobExecution without force",)
    assert plan(force=True).steps == ("DeleteJobExecution without force",)


def test_plan_json_holds_the_target_with_its_identity() -> None:
    document = json.loads(json.dumps(plan().as_document(), default=str))
    assert (document["queued_at"], document["version_number"]) == ("2026-11-22T12:00:00Z", 2)
    assert (document["account"], document["region"]) == ("123456789012", "eu-central-1")
