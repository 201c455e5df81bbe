"""The guarded delete on a real service: what it does, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import iotjobs
from iotjobs.errors import NotFound
from iotjobs.sandbox.fleet import Fleet

JOB = "job-of-{}"


def _job(fleet: Fleet, thing: str, *, days: float = 5, status: str | None = None, **more: Any) -> dict[str, Any]:
    job_id = JOB.format(thing)[:64]
    with fleet.ago(days=days):
        fleet.job(job_id, things=[thing], **more)
        if status:
            fleet.report(job_id, thing, status)
    return {"job_id": job_id, "thing_name": thing, "execution_number": 1}


def _delete(directory: Path, *, confirm: str | None = None, **names: Any) -> dict[str, Any]:
    run = iotjobs.start("delete_job_execution", run_dir=str(directory), confirm=confirm, **names)
    iotjobs.delete_job_execution(run).plan().apply()
    return json.loads((directory / "result.json").read_text())


def _exists(fleet: Fleet, job_id: str, thing_name: str, execution_number: int) -> bool:
    summaries = fleet.iot.list_job_executions_for_thing(thingName=thing_name)["executionSummaries"]
    return any(
        item["jobId"] == job_id and item["jobExecutionSummary"]["executionNumber"] == execution_number
        for item in summaries
    )


def _journal(directory: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (directory / "journal.jsonl").read_text().splitlines()]


def test_nothing_is_deleted_without_confirm(fresh_thing: tuple[Fleet, str], tmp_path: Path) -> None:
    fleet, thing = fresh_thing
    names = _job(fleet, thing, status="FAILED")
    result = _delete(tmp_path, **names)
    assert result["outcome"] == "planned"
    assert result["confirm"].startswith(f"delete {names['job_id']}/{thing}/1 queued 20")
    assert _exists(fleet, **names)
    assert not (tmp_path / "journal.jsonl").exists()


def test_the_phrase_deletes_and_it_is_on_record(fresh_thing: tuple[Fleet, str], tmp_path: Path) -> None:
    fleet, thing = fresh_thing
    names = _job(fleet, thing, status="SUCCEEDED")
    phrase = _delete(tmp_path, **names)["confirm"]
    result = _delete(tmp_path, confirm=phrase, **names)
    assert (result["outcome"], result["counts"]) == ("applied", {"planned": 1, "deleted": 1})
    assert not _exists(fleet, **names)
    assert [entry["event"] for entry in _journal(tmp_path)] == ["calling", "called", "verified"]
    assert json.loads((tmp_path / "before.jsonl").read_text())["status"] == "SUCCEEDED"


def test_the_same_run_again_deletes_nothing_twice(fresh_thing: tuple[Fleet, str], tmp_path: Path) -> None:
    fleet, thing = fresh_thing
    names = _job(fleet, thing, status="SUCCEEDED")
    phrase = _delete(tmp_path, **names)["confirm"]
    _delete(tmp_path, confirm=phrase, **names)
    assert _delete(tmp_path, confirm=phrase, **names)["outcome"] == "applied"
    assert len(_journal(tmp_path)) == 3


@pytest.mark.parametrize("status", [None, "IN_PROGRESS"], ids=["queued", "in-progress"])
def test_an_unfinished_one_is_refused_without_force(
    fresh_thing: tuple[Fleet, str], tmp_path: Path, status: str | None
) -> None:
    fleet, thing = fresh_thing
    names = _job(fleet, thing, status=status)
    result = _delete(tmp_path, **names)
    assert result["outcome"] == "refused"
    assert result["refusals"][0]["guard"] == "unfinished_needs_force"
    assert result["refusals"][0]["thing_name"] == thing
    assert _exists(fleet, **names)


@pytest.mark.parametrize("cancel_first", [False, True])
def test_force_takes_an_unfinished_one(fresh_thing: tuple[Fleet, str], tmp_path: Path, cancel_first: bool) -> None:
    fleet, thing = fresh_thing
    names = {**_job(fleet, thing, status="IN_PROGRESS"), "force": True, "cancel_first": cancel_first}
    phrase = _delete(tmp_path, **names)["confirm"]
    assert _delete(tmp_path, confirm=phrase, **names)["outcome"] == "applied"
    assert not _exists(fleet, names["job_id"], thing, 1)
    called = [entry["operation"] for entry in _journal(tmp_path) if entry["event"] == "called"]
    assert called == (["CancelJobExecution"] if cancel_first else []) + ["DeleteJobExecution"]


def test_a_device_at_work_needs_the_longer_phrase(fresh_thing: tuple[Fleet, str], tmp_path: Path) -> None:
    fleet, thing = fresh_thing
    names = {**_job(fleet, thing, days=0.01, status="IN_PROGRESS"), "force": True}
    phrase = _delete(tmp_path, **names)["confirm"]
    assert phrase.endswith(" while it works")
    short = _delete(tmp_path, confirm=phrase.removesuffix(" while it works"), **names)
    assert short["outcome"] == "refused"
    assert "at work" in short["reason"]
    assert _delete(tmp_path, confirm=phrase, **names)["outcome"] == "applied"


def test_a_wrong_phrase_is_refused(fresh_thing: tuple[Fleet, str], tmp_path: Path) -> None:
    fleet, thing = fresh_thing
    names = _job(fleet, thing, status="FAILED")
    result = _delete(tmp_path, confirm="yes", **names)
    assert (result["outcome"], result["refusals"][0]["guard"]) == ("refused", "phrase_must_match")
    assert _exists(fleet, **names)


def test_yesterdays_phrase_does_not_hit_a_number_used_again(fresh_thing: tuple[Fleet, str], tmp_path: Path) -> None:
    fleet, thing = fresh_thing
    job_id, group = JOB.format(thing)[:64], f"group-{thing}"[:128]
    with fleet.ago(days=20):
        fleet.iot.create_thing_group(thingGroupName=group)
        fleet.iot.add_thing_to_thing_group(thingGroupName=group, thingName=thing)
        fleet.job(job_id, group=group, targetSelection="CONTINUOUS")
        fleet.report(job_id, thing, "SUCCEEDED")
    names: dict[str, Any] = {"job_id": job_id, "thing_name": thing, "execution_number": 1}
    phrase = _delete(tmp_path / "before", **names)["confirm"]
    with fleet.ago(days=10):
        fleet.iot.delete_job_execution(jobId=job_id, thingName=thing, executionNumber=1)
    with fleet.ago(days=5):
        fleet.iot.remove_thing_from_thing_group(thingGroupName=group, thingName=thing)
    result = _delete(tmp_path / "after", confirm=phrase, **names)
    assert result["outcome"] == "refused"
    assert "uses the number again" in result["reason"]
    assert _exists(fleet, **names)


def test_what_moved_since_the_plan_is_not_deleted(fresh_thing: tuple[Fleet, str], tmp_path: Path) -> None:
    fleet, thing = fresh_thing
    names = _job(fleet, thing, status="IN_PROGRESS")
    run = iotjobs.start("delete_job_execution", run_dir=str(tmp_path), force=True, **names)
    deletion = iotjobs.delete_job_execution(run).plan()
    fleet.report(names["job_id"], thing, "IN_PROGRESS", statusDetails={"progress": "99%"})
    deletion.apply(deletion.current_plan.phrase)
    result = json.loads((tmp_path / "result.json").read_text())
    assert (result["outcome"], result["refusals"][0]["guard"]) == ("refused", "drifted")
    assert _exists(fleet, **names)


def test_the_plan_says_what_starts_next_and_that_the_job_completes(
    fresh_thing: tuple[Fleet, str], tmp_path: Path
) -> None:
    fleet, thing = fresh_thing
    names = _job(fleet, thing, status="IN_PROGRESS")
    with fleet.ago(days=2):
        fleet.job(f"next-{thing}"[:64], things=[thing])
    run = iotjobs.start("delete_job_execution", run_dir=str(tmp_path), force=True, **names)
    text = repr(iotjobs.delete_job_execution(run).plan())
    assert f"next-{thing}"[:64] in text
    assert "the job completes by it" in text
    assert "CAUTION" in text
    assert f"SANDBOX: {fleet.server.endpoint_url}, as arn:aws:iam::000000000000:root" in text


def test_an_execution_that_does_not_exist_is_an_error(aged_fleet: Fleet, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no execution firmware-2-4-1/pump-berlin-01/99"):
        _delete(tmp_path, job_id="firmware-2-4-1", thing_name="pump-berlin-01", execution_number=99)


@pytest.mark.parametrize(("kind", "expected"), [("input", {"executionNumber": 0}), ("output", {})])
def test_skeletons_make_no_call(
    tmp_path: Path, kind: str, expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    result = _delete(tmp_path, generate_cli_skeleton=kind, job_id="j", thing_name="t", execution_number=1)
    assert result["outcome"] == "skeleton"
    assert expected.items() <= result["skeleton"].items()
    assert result["account"] is None
