"""Undo's best substitute: what a run removed is shown, and a request is written that queues it again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import iotjobs
from iotjobs.aws import jobs
from iotjobs.aws.connect import connect
from iotjobs.deletion.restore import Restoration, restoration
from iotjobs.run.journal import Journal
from iotjobs.sandbox.fleet import Fleet
from iotjobs.sandbox.server import Server


def _deleted(fleet: Fleet, directory: Path, thing: str, *, status: str | None = None, **more: Any) -> str:
    """A job of the thing's own, whose execution is deleted by the kit with force; returns the job's id."""
    job_id = more.pop("job_id", f"again-{thing}"[:40])
    with fleet.ago(days=4):
        fleet.job(job_id, things=[thing], **more)
        if status:
            fleet.report(job_id, thing, status, statusDetails={"step": "flash"})
    names = {"job_id": job_id, "thing_name": thing, "execution_number": 1, "force": True, "cancel_first": True}
    run = iotjobs.start("delete_job_execution", run_dir=str(directory), **names)
    deletion = iotjobs.delete_job_execution(run).plan()
    assert deletion.current_plan is not None
    deletion.apply(deletion.current_plan.phrase)
    assert run.outcome == "applied", run.reason
    return job_id


def _request(restored: Restoration) -> dict[str, Any]:
    assert len(restored.files) == 1, restored
    return json.loads(restored.files[0].read_text())


def _queued(fleet: Fleet, thing: str) -> list[tuple[str, str]]:
    summaries = fleet.iot.list_job_executions_for_thing(thingName=thing)["executionSummaries"]
    return [(item["jobId"], item["jobExecutionSummary"]["status"]) for item in summaries]


def test_a_deleted_execution_is_queued_again_with_its_document(fresh_thing: tuple[Fleet, str], tmp_path: Path) -> None:
    fleet, thing = fresh_thing
    settings = {
        "description": "new firmware",
        "timeoutConfig": {"inProgressTimeoutInMinutes": 10_000},
        "abortConfig": {
            "criteriaList": [
                {"failureType": "FAILED", "action": "CANCEL", "thresholdPercentage": 50, "minNumberOfExecutedThings": 1}
            ]
        },
        "jobExecutionsRolloutConfig": {"maximumPerMinute": 50},
    }
    job_id = _deleted(fleet, tmp_path, thing, status="IN_PROGRESS", **settings)
    assert _queued(fleet, thing) == []

    restored = restoration(tmp_path)
    assert list(restored.table["job_id"]) == [job_id]
    assert list(restored.table["status"]) == ["IN_PROGRESS"]
    assert restored.complete
    request = _request(restored)
    assert settings.items() <= request.items()
    assert request["targetSelection"] == "SNAPSHOT"

    fleet.iot.create_job(**request)
    assert _queued(fleet, thing) == [(request["jobId"], "QUEUED")]
    pending = fleet.plane.describe_job_execution(thingName=thing, jobId="$next", includeJobDocument=True)
    assert json.loads(pending["execution"]["jobDocument"]) == {"operation": "demo"}


def test_the_command_shows_it_and_says_what_cannot_come_back(fresh_thing: tuple[Fleet, str], tmp_path: Path) -> None:
    fleet, thing = fresh_thing
    job_id = _deleted(fleet, tmp_path / "run", thing)
    command = [sys.executable, "-m", "iotjobs.cli", "restore", str(tmp_path / "run"), "--out", str(tmp_path / "out")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    (written,) = (tmp_path / "out").iterdir()
    assert f"aws iot create-job --cli-input-json file://{written}" in ended.stdout
    assert thing in ended.stdout
    assert "cannot come back" in ended.stdout
    assert json.loads(written.read_text())["jobId"].startswith(job_id[:20])


def test_looking_twice_gives_the_same_job_so_that_nothing_is_queued_twice(
    fresh_thing: tuple[Fleet, str], tmp_path: Path
) -> None:
    fleet, thing = fresh_thing
    _deleted(fleet, tmp_path, thing)
    first = _request(restoration(tmp_path, out=tmp_path / "first"))
    second = _request(restoration(tmp_path, out=tmp_path / "second"))
    fleet.iot.create_job(**first)
    with pytest.raises(fleet.iot.exceptions.ResourceAlreadyExistsException):
        fleet.iot.create_job(**second)


def test_what_had_ended_is_queued_again_only_when_asked(fresh_thing: tuple[Fleet, str], tmp_path: Path) -> None:
    fleet, thing = fresh_thing
    _deleted(fleet, tmp_path, thing, status="FAILED")
    restored = restoration(tmp_path)
    assert restored.files == ()
    assert "had ended (FAILED)" in repr(restored)
    assert restored.complete
    assert len(restoration(tmp_path, also_ended=True).files) == 1


def test_a_service_s_job_is_left_to_the_service(fresh_thing: tuple[Fleet, str], tmp_path: Path) -> None:
    fleet, thing = fresh_thing
    _deleted(fleet, tmp_path, thing, job_id=f"AFR_OTA-{thing}"[:64])
    restored = restoration(tmp_path)
    assert restored.files == ()
    assert "FreeRTOS OTA update" in repr(restored)
    assert not restored.complete


def test_a_document_that_could_not_be_read_is_said_and_the_file_is_marked(
    fresh_thing: tuple[Fleet, str], tmp_path: Path
) -> None:
    fleet, thing = fresh_thing
    job_id = _deleted(fleet, tmp_path, thing)
    (tmp_path / "jobs_before.jsonl").unlink()  # as of a run that may not read jobs
    restored = restoration(tmp_path)
    assert [file.name for file in restored.files] == [f"create-job-{_request(restored)['jobId']}.incomplete.json"]
    assert f"{job_id}: the job as it was is not on record" in repr(restored)
    assert not restored.complete
    assert restored.commands == ()


def test_a_job_that_cannot_be_read_is_a_gap_and_in_nobodys_way(sandbox: Server) -> None:
    snapshot = jobs.job_snapshot(connect(), "no-such-job")
    assert (snapshot["job"], snapshot["document"]) == (None, None)
    assert [gap.split(":")[0] for gap in snapshot["gaps"]] == [
        "the job's settings could not be read",
        "the job's document could not be read",
    ]


def test_a_run_that_went_on_shows_what_was_there_before_its_own_cancel(
    fresh_thing: tuple[Fleet, str], tmp_path: Path
) -> None:
    fleet, thing = fresh_thing
    _deleted(fleet, tmp_path, thing)
    before = tmp_path / "before.jsonl"
    first = json.loads(before.read_text())
    with Journal(tmp_path) as record:
        record.snapshot(first | {"status": "CANCELED"})
    with before.open("a") as file:
        file.write('{"torn by a cra')
    with Journal(tmp_path) as record:
        record.snapshot(first | {"status": "CANCELED"})
    assert list(restoration(tmp_path).table["status"]) == ["QUEUED"]


def test_a_delete_that_was_not_seen_to_the_end_is_not_counted_and_said(
    fresh_thing: tuple[Fleet, str], tmp_path: Path
) -> None:
    fleet, thing = fresh_thing
    _deleted(fleet, tmp_path, thing)
    journal = tmp_path / "journal.jsonl"
    *rest, last = journal.read_text().splitlines(keepends=True)
    assert json.loads(last)["event"] == "verified"
    journal.write_text("".join(rest))  # as after a crash
    restored = restoration(tmp_path)
    assert restored.table.empty
    assert "DeleteJobExecution was sent, but what came of it was not seen" in repr(restored)
    assert not (tmp_path / "restore").exists()


def test_a_start_that_is_past_is_left_out_and_the_windows_stay(fresh_thing: tuple[Fleet, str], tmp_path: Path) -> None:
    fleet, thing = fresh_thing
    windows = [{"startTime": "cron(0 2 * * ? *)", "durationInMinutes": 90}]
    start = (fleet.now.replace(microsecond=0)).strftime("%Y-%m-%dT%H:%M")
    _deleted(fleet, tmp_path, thing, schedulingConfig={"startTime": start, "maintenanceWindows": windows})
    restored = restoration(tmp_path)
    assert _request(restored)["schedulingConfig"] == {"maintenanceWindows": windows}
    assert "startTime are left out" in repr(restored)


def test_a_run_that_only_planned_removed_nothing(fresh_thing: tuple[Fleet, str], tmp_path: Path) -> None:
    fleet, thing = fresh_thing
    with fleet.ago(days=4):
        fleet.job(f"kept-{thing}"[:64], things=[thing])
    names = {"job_id": f"kept-{thing}"[:64], "thing_name": thing, "execution_number": 1}
    run = iotjobs.start("delete_job_execution", run_dir=str(tmp_path), force=True, **names)
    iotjobs.delete_job_execution(run).plan()
    restored = iotjobs.removed(run)
    assert "removed nothing" in restored._repr_html_()
    assert not (tmp_path / "restore").exists()
