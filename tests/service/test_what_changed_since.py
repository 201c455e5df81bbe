"""An analyst investigates, the fleet moves on, and the second run says what changed since."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import iotjobs
from iotjobs.errors import InvalidInput
from iotjobs.sandbox.fleet import Fleet


def _run(directory: Path, **parameters: object) -> iotjobs.Findings:
    run = iotjobs.start("investigate", run_dir=str(directory), **parameters)
    return iotjobs.investigate(run)


def test_finished_deleted_moved_new_and_used_again_are_told_apart(aged_fleet: Fleet, tmp_path: Path) -> None:
    names = [f"since-{letter}" for letter in "abcd"]
    with aged_fleet.ago(days=6):
        aged_fleet.things("since", names)
        aged_fleet.connect(*names)
    with aged_fleet.ago(days=5):
        aged_fleet.job("since-old", things=names[:2])
        aged_fleet.job("since-group", group="since", targetSelection="CONTINUOUS")
    _run(tmp_path / "then")

    aged_fleet.iot.cancel_job_execution(jobId="since-old", thingName=names[0])  # the job completes with the next
    aged_fleet.iot.cancel_job_execution(jobId="since-old", thingName=names[1])
    aged_fleet.iot.delete_job_execution(jobId="since-group", thingName=names[2], executionNumber=1, force=True)
    aged_fleet.iot.delete_job_execution(jobId="since-group", thingName=names[3], executionNumber=1, force=True)
    aged_fleet.iot.remove_thing_from_thing_group(thingGroupName="since", thingName=names[3])
    aged_fleet.job("since-new", things=names[:1])
    now = _run(tmp_path / "now", compare_with=str(tmp_path / "then"))

    assert now.changes is not None
    ours = now.changes.table[now.changes.table["job_id"].str.startswith("since-")]
    changes = {
        (change, job.removeprefix("since-"), thing.removeprefix("since-"), note)
        for change, job, thing, note in ours[["change", "job_id", "thing_name", "note"]].to_numpy()
    }
    assert changes == {
        ("no_longer_stuck", "old", "a", "finished: CANCELED"),
        ("no_longer_stuck", "old", "b", "finished: CANCELED"),
        ("moved", "group", "a", "waiting_turn → not_picked_up"),
        ("moved", "group", "b", "waiting_turn → not_picked_up"),
        ("gone", "group", "c", "deleted"),
        ("gone", "group", "d", "deleted, and its number was used again"),
        ("new", "group", "d", "uses the number of one that is gone again"),
        ("new", "new", "a", "queued since"),
    }
    result = json.loads((tmp_path / "now" / "result.json").read_text())
    assert result["counts"]["changes_gone"] == len(now.changes.table[now.changes.table["change"] == "gone"])
    assert len(pd.read_csv(tmp_path / "now" / "changes.csv")) == len(now.changes.table)


def test_a_job_is_compared_with_its_part_of_an_earlier_run_of_all(aged_fleet: Fleet, tmp_path: Path) -> None:
    _run(tmp_path / "then")
    changes = _run(tmp_path / "now", job_id="gateway-os-12", compare_with=str(tmp_path / "then")).changes
    assert changes is not None
    assert changes.table.empty
    assert changes.as_before == 4
    assert "only what both read is compared" in changes.warnings[0]


def test_another_region_is_refused(aged_fleet: Fleet, tmp_path: Path) -> None:
    _run(tmp_path / "then", job_id="gateway-os-12")
    run = iotjobs.start(
        "investigate", run_dir=str(tmp_path / "now"), region="us-east-1", compare_with=str(tmp_path / "then")
    )
    with pytest.raises(InvalidInput, match="same account and region"):
        iotjobs.investigate(run)
