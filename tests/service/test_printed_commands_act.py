"""The commands that a view prints, run as they stand: they plan exactly what the view shows, where it was read."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import iotjobs
from iotjobs.model import Action
from iotjobs.sandbox.fleet import Fleet
from iotjobs.ui.thing_panel import cancel_command, delete_command, sweep_command
from iotjobs.workflows.investigate import Findings


@pytest.fixture
def findings(aged_fleet: Fleet, tmp_path: Path) -> Findings:
    """A job of two things whose devices have started nothing for three hours, with a `stuck_after` of two."""
    things = ["printed-a", "printed-b"]
    with aged_fleet.ago(hours=3):
        for name in things:
            aged_fleet.iot.create_thing(thingName=name)
        aged_fleet.connect(*things)
        aged_fleet.job("printed-job", things=things)
    run = iotjobs.start("investigate", run_dir=str(tmp_path / "shown"), job_id="printed-job", stuck_after="2h")
    return iotjobs.investigate(run)


def test_each_printed_command_plans_what_the_view_shows(findings: Findings, tmp_path: Path) -> None:
    row = findings.executions.iloc[0].to_dict()
    assert (row["cause"], len(findings.executions)) == ("not_picked_up", 2)
    planned = _run(delete_command(row, findings), tmp_path / "delete")
    assert planned["outcome"] == "planned"
    assert f"printed-job/{row['thing_name']}/1" in str(planned["confirm"])
    cancel = cancel_command(row, findings)
    assert cancel is not None
    assert str(_run(cancel, tmp_path / "cancel")["confirm"]).startswith(f"cancel printed-job/{row['thing_name']}/1 ")
    sweep = sweep_command(row, findings)
    swept = _run(sweep, tmp_path / "sweep")
    assert swept["outcome"] == "planned", swept["reason"]
    assert str(swept["confirm"]).startswith("delete 2 ")
    assert sweep_command(row, findings, Action.CANCEL) == sweep.replace(" sweep ", " sweep --action cancel ")
    assert cancel_command({**row, "execution_number": 0}, findings) is None  # it would mean the newer one


def _run(command: str, directory: Path) -> dict[str, object]:
    """Run a command in a shell whose own settings lead nowhere, as a person would who pasted it elsewhere."""
    elsewhere = {name: value for name, value in os.environ.items() if name not in {"AWS_ENDPOINT_URL", "AWS_REGION"}}
    elsewhere |= {"AWS_DEFAULT_REGION": "us-west-2", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    line = f"{command} --run-dir {shlex.quote(str(directory))} --max-fraction 1"
    line = line.replace(" --max-fraction 1", "") if "_job_execution" in command else line
    subprocess.run(["/bin/sh", "-c", line], env=elsewhere, capture_output=True, text=True, check=False, timeout=240)
    result: dict[str, object] = json.loads((directory / "result.json").read_text())
    return result
