"""A run directory that is used again after its number was: the record settles its own execution, no other."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import iotjobs
from iotjobs.errors import NotFound
from iotjobs.sandbox.fleet import Fleet
from iotjobs.workflows.delete import Deletion


@pytest.fixture
def used_again(fresh_thing: tuple[Fleet, str], tmp_path: Path) -> dict[str, Any]:
    """Number 1 deleted in this directory, then used again by AWS: the thing left the job's group."""
    fleet, thing = fresh_thing
    job_id, group = f"job-of-{thing[-50:]}", f"group-{thing}"[:128]
    with fleet.ago(days=20):
        fleet.iot.create_thing_group(thingGroupName=group)
        fleet.iot.add_thing_to_thing_group(thingGroupName=group, thingName=thing)
        fleet.job(job_id, group=group, targetSelection="CONTINUOUS")
        fleet.report(job_id, thing, "SUCCEEDED")
    names = {"job_id": job_id, "thing_name": thing, "execution_number": 1}
    deletion = _opened(tmp_path, **names).plan()
    deletion.apply(_phrase(deletion))
    assert _result(tmp_path)["outcome"] == "applied"
    with fleet.ago(days=5):
        fleet.iot.remove_thing_from_thing_group(thingGroupName=group, thingName=thing)
    return names


def _opened(directory: Path, **parameters: Any) -> Deletion:
    return iotjobs.delete_job_execution(iotjobs.start("delete_job_execution", run_dir=str(directory), **parameters))


def _phrase(deletion: Deletion) -> str:
    assert deletion.current_plan is not None
    return deletion.current_plan.phrase


def _result(directory: Path) -> dict[str, Any]:
    return json.loads((directory / "result.json").read_text())


def _deletes(directory: Path) -> int:
    lines = (directory / "journal.jsonl").read_text().splitlines()
    return sum(json.loads(line)["event"] == "verified" for line in lines)


def test_the_same_run_again_leaves_the_new_one_alone(used_again: dict[str, Any], tmp_path: Path) -> None:
    _opened(tmp_path, **used_again).plan().apply()
    assert (_result(tmp_path)["outcome"], _deletes(tmp_path)) == ("applied", 1)


def test_the_new_ones_own_phrase_is_not_answered_with_the_old_record(
    used_again: dict[str, Any], tmp_path: Path
) -> None:
    phrase = _phrase(_opened(tmp_path / "elsewhere", **used_again).plan())
    _opened(tmp_path, confirm=phrase, **used_again).plan().apply()
    assert (_result(tmp_path)["outcome"], _deletes(tmp_path)) == ("applied", 2)


def test_chosen_from_an_older_table_the_new_one_is_not_planned(used_again: dict[str, Any], tmp_path: Path) -> None:
    deletion = _opened(tmp_path / "elsewhere", **used_again)
    deletion.chosen_queued_at = datetime.now(UTC) - timedelta(days=20)
    deletion.plan()
    assert [refusal.guard for refusal in deletion.refusals] == ["is_the_one_chosen"]
    assert deletion.current_plan is None
    assert _result(tmp_path / "elsewhere")["outcome"] == "refused"


def test_chosen_by_hand_it_is_the_one_that_is_there(used_again: dict[str, Any], tmp_path: Path) -> None:
    deletion = _opened(tmp_path)
    deletion.choose(*used_again.values())
    deletion.plan()
    assert _result(tmp_path)["outcome"] == "planned"
    deletion.apply(_phrase(deletion))
    assert (_result(tmp_path)["outcome"], _deletes(tmp_path)) == ("applied", 2)


def test_a_delete_that_was_refused_is_not_done(fresh_thing: tuple[Fleet, str], tmp_path: Path) -> None:
    fleet, thing = fresh_thing
    job_id = f"job-of-{thing[-50:]}"
    with fleet.ago(days=5):
        fleet.job(job_id, things=[thing])
        fleet.report(job_id, thing, "FAILED")
    names = {"job_id": job_id, "thing_name": thing, "execution_number": 1}
    deletion = _opened(tmp_path, **names).plan()
    assert deletion.current_plan is not None

    def somebody_is_quicker(_operation: str, **_given: Any) -> None:
        fleet.iot.delete_job_execution(jobId=job_id, thingName=thing, executionNumber=1)
        raise NotFound("not found")

    deletion.run.connection.change = somebody_is_quicker  # type: ignore[assignment,method-assign]
    deletion.apply(_phrase(deletion))
    assert _result(tmp_path)["outcome"] == "refused"
    with pytest.raises(NotFound):
        _opened(tmp_path, **names).plan()
