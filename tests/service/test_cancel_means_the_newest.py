"""CancelJobExecution takes no number, and an execution made anew has the same version: the last look is before it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import iotjobs
from iotjobs.aws.connection import Connection
from iotjobs.sandbox.fleet import Fleet


def test_an_execution_made_anew_before_the_last_look_is_not_cancelled(
    fresh_thing: tuple[Fleet, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet, thing = fresh_thing
    job_id = f"job-of-{thing[-50:]}"
    with fleet.ago(days=5):
        fleet.job(job_id, things=[thing])
    names = {"job_id": job_id, "thing_name": thing, "execution_number": 1}
    run = iotjobs.start("delete_job_execution", run_dir=str(tmp_path), force=True, cancel_first=True, **names)
    deletion = iotjobs.delete_job_execution(run).plan()
    read = Connection.read

    def made_anew_first(connection: Connection, operation: str, **parameters: Any) -> dict[str, Any]:
        if operation == "DescribeJobExecution" and "executionNumber" not in parameters:
            fleet.iot.delete_job(jobId=job_id, force=True)
            fleet.job(job_id, things=[thing])
        return read(connection, operation, **parameters)

    monkeypatch.setattr(Connection, "read", made_anew_first)
    assert deletion.current_plan is not None
    deletion.apply(deletion.current_plan.phrase)
    now = fleet.iot.describe_job_execution(jobId=job_id, thingName=thing)["execution"]
    assert (now["status"], now["versionNumber"]) == ("QUEUED", 1)
    result = json.loads((tmp_path / "result.json").read_text())
    assert (result["outcome"], result["refusals"][0]["guard"]) == ("refused", "drifted")
