"""The commands that a view prints, run as they stand: they plan exactly what the view shows, where it was read."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import iotjobs
from iotjobs.diagnosis.prevention import Prevention
from iotjobs.model import Action
from iotjobs.sandbox.fleet import Fleet
from iotjobs.ui.thing_panel import cancel_command, delete_command, sweep_of
from iotjobs.workflows.investigate import Findings


@pytest.fixture(scope="module")
def findings(aged_fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Findings:
    """A job of two things whose devices have started nothing for three hours, with a `stuck_after` of two."""
    things = ["printed-a", "printed-b"]
    with aged_fleet.ago(hours=3):
        for name in things:
            aged_fleet.iot.create_thing(thingName=name)
        aged_fleet.connect(*things)
        aged_fleet.job("printed-job", things=things)
    return _investigated("printed-job", tmp_path_factory.mktemp("shown"))


def test_each_printed_command_plans_what_the_view_shows(findings: Findings, tmp_path: Path) -> None:
    row = findings.executions.iloc[0].to_dict()
    assert (row["cause"], len(findings.executions)) == ("not_picked_up", 2)
    planned = _run(delete_command(row, findings), tmp_path / "delete")
    assert planned["outcome"] == "planned"
    assert f"printed-job/{row['thing_name']}/1" in str(planned["confirm"])
    cancel = cancel_command(row, findings)
    assert cancel is not None
    assert str(_run(cancel, tmp_path / "cancel")["confirm"]).startswith(f"cancel printed-job/{row['thing_name']}/1 ")
    sweep = sweep_of(row, findings, Action.DELETE)
    assert "2 of the 2 executions of job printed-job are more than max_fraction (0.1, the default)" in sweep.note
    assert _run(sweep.command, tmp_path / "refused")["outcome"] == "refused"
    (option,) = re.findall(r"add (--max-fraction [0-9.]*[0-9])", sweep.note)
    swept = _run(f"{sweep.command} {option}", tmp_path / "sweep")
    assert swept["outcome"] == "planned", swept["reason"]
    assert str(swept["confirm"]).startswith("delete 2 ")
    assert sweep_of(row, findings, Action.CANCEL).command == sweep.command.replace(" sweep ", " sweep --action cancel ")
    assert cancel_command({**row, "execution_number": 0}, findings) is None  # it would mean the newer one


def test_a_change_that_prevents_the_next_one_is_taken_by_the_service(
    findings: Findings, aged_fleet: Fleet, tmp_path: Path
) -> None:
    assert findings.preventions is findings.preventions  # worked out once: the record and the view both ask
    (before,) = findings.preventions.jobs
    assert before.job_id == "printed-job"
    assert _lacks(before) == {"no in-progress timer", "no end time", "no retries", "no abort criteria"}
    options = shlex.split(before.update)
    settings = {
        options[at]: json.loads(options[at + 1]) for at in range(len(options)) if options[at].endswith("-config")
    }
    aged_fleet.iot.update_job(
        jobId="printed-job", timeoutConfig=settings["--timeout-config"], abortConfig=settings["--abort-config"]
    )
    (after,) = _investigated("printed-job", tmp_path / "after").preventions.jobs
    assert _lacks(after) == {"no end time", "no retries"}
    assert not after.update
    with aged_fleet.ago(hours=3):
        aged_fleet.job("printed-next", things=["printed-a", "printed-b"], **json.loads(before.next_job))
    following = _investigated("printed-next", tmp_path / "next").preventions.jobs
    assert {job.job_id for job in following} == {"printed-job"}  # it holds back the queues of both things


def _lacks(job: Prevention) -> set[str]:
    return {why.partition(":")[0] for why in job.why}


def _investigated(job_id: str, directory: Path) -> Findings:
    run = iotjobs.start("investigate", run_dir=str(directory), job_id=job_id, stuck_after="2h")
    return iotjobs.investigate(run)


def _run(command: str, directory: Path) -> dict[str, object]:
    """Run a command in a shell whose own settings lead nowhere, as a person would who pasted it elsewhere."""
    elsewhere = {name: value for name, value in os.environ.items() if name not in {"AWS_ENDPOINT_URL", "AWS_REGION"}}
    elsewhere |= {"AWS_DEFAULT_REGION": "us-west-2", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    line = f"{command} --run-dir {shlex.quote(str(directory))}"
    subprocess.run(["/bin/sh", "-c", line], env=elsewhere, capture_output=True, text=True, check=False, timeout=240)
    result: dict[str, object] = json.loads((directory / "result.json").read_text())
    return result
