"""Fleets of a test's own to sweep, and a sweep as the notebook calls it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import iotjobs
from iotjobs.sandbox.fleet import Fleet
from iotjobs.workflows.sweep import Sweep

ALL = {"max_fraction": 1.0, "older_than": "1d"}


def old_job(fleet: Fleet, job_id: str, statuses: list[str], *, days: float = 40) -> list[str]:
    """A job queued `days` ago with one thing for each status, reported a day later; returns the things."""
    things = [f"{job_id}-{number}" for number in range(1, len(statuses) + 1)]
    with fleet.ago(days=days + 1):
        for name in things:
            fleet.iot.create_thing(thingName=name)
    with fleet.ago(days=days):
        fleet.job(job_id, things=things)
    with fleet.ago(days=days - 1):
        for name, status in zip(things, statuses, strict=True):
            if status != "QUEUED":
                fleet.report(job_id, name, status)
    return things


def sweep(directory: Path, **parameters: Any) -> Sweep:
    """A sweep as far as its plan."""
    run = iotjobs.start("sweep", run_dir=str(directory), **(ALL | parameters))
    return iotjobs.sweep(run).plan()


def confirmed(directory: Path, **parameters: Any) -> Sweep:
    """A sweep planned and confirmed with its own phrase."""
    planned = sweep(directory, **parameters)
    assert planned.current_plan is not None, planned
    return planned.apply(planned.current_plan.phrase)


def result(directory: Path) -> dict[str, Any]:
    """The run's result.json."""
    return json.loads((directory / "result.json").read_text())


def guards_of(directory: Path) -> list[str]:
    """The guards that refused, each once."""
    return sorted({refusal["guard"] for refusal in result(directory)["refusals"]})


def left(fleet: Fleet, job_id: str) -> dict[str, str]:
    """The executions that a job still has: status by thing."""
    listed = fleet.iot.list_job_executions_for_job(jobId=job_id, maxResults=250)["executionSummaries"]
    return {one["thingArn"].rpartition("/")[2]: one["jobExecutionSummary"]["status"] for one in listed}


def called(directory: Path) -> list[tuple[str, str]]:
    """The changing calls that were accepted, by the journal: operation and thing."""
    entries = [json.loads(line) for line in (directory / "journal.jsonl").read_text().splitlines()]
    return [(entry["operation"], entry["thing_name"]) for entry in entries if entry["event"] == "called"]
