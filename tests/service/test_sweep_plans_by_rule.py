"""What a rule chooses, what is left alone, and when a plan is refused as a whole."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import iotjobs
from iotjobs.errors import InvalidInput, IotJobsError
from iotjobs.sandbox.fleet import Fleet
from iotjobs.workflows import in_place
from tests.service.run_sweep import guards_of, left, old_job, result, sweep

FOUR = ["FAILED", "SUCCEEDED", "FAILED", "REJECTED"]


def _things(directory: Path) -> list[str]:
    return sorted(target["thing_name"] for target in json.loads((directory / "plan.json").read_text())["targets"])


def test_without_confirm_it_is_a_plan_and_nothing_is_changed(aged_fleet: Fleet, tmp_path: Path) -> None:
    things = old_job(aged_fleet, "plan-only", FOUR)
    sweep(tmp_path, job_id="plan-only", statuses="FAILED").apply()
    message = result(tmp_path)
    assert (message["outcome"], message["counts"]["planned"]) == ("planned", 2)
    assert re.fullmatch(r"delete 2 [0-9a-f]{32}", message["confirm"])
    assert _things(tmp_path) == [things[0], things[2]]
    assert len(left(aged_fleet, "plan-only")) == 4
    assert not (tmp_path / "journal.jsonl").exists()


@pytest.mark.parametrize(
    ("rule", "places"),
    [
        ({}, [1, 2, 3, 4]),
        ({"statuses": "FAILED,REJECTED"}, [1, 3, 4]),
        ({"statuses": "FAILED", "thing_name": "by-rule-3"}, [3]),
        ({"older_than": "38d"}, [1, 2, 3, 4]),
        ({"older_than": "40d"}, []),
        ({"protect": "by-rule-[12]"}, [3, 4]),
        ({"protect": "rule-1"}, [1, 2, 3, 4]),
        ({"thing_groups": "by-rule-group"}, [2]),
        ({"causes": "device_offline"}, []),
    ],
    ids=str,
)
def test_all_that_is_given_must_fit(aged_fleet: Fleet, tmp_path: Path, rule: dict[str, Any], places: list[int]) -> None:
    if not aged_fleet.iot.list_jobs(maxResults=250)["jobs"] or "by-rule" not in {
        job["jobId"] for job in aged_fleet.iot.list_jobs(maxResults=250)["jobs"]
    }:
        things = old_job(aged_fleet, "by-rule", FOUR)
        aged_fleet.iot.create_thing_group(thingGroupName="by-rule-group")
        aged_fleet.iot.add_thing_to_thing_group(thingGroupName="by-rule-group", thingName=things[1])
    planned = sweep(tmp_path, job_id="by-rule", **rule)
    assert result(tmp_path)["outcome"] == ("planned" if places else "nothing_to_do")
    assert (_things(tmp_path) if planned.current_plan else []) == [f"by-rule-{place}" for place in places]


def test_the_age_counts_from_the_last_change(aged_fleet: Fleet, tmp_path: Path) -> None:
    thing = old_job(aged_fleet, "still-moving", ["IN_PROGRESS"])[0]
    with aged_fleet.ago(days=2):
        aged_fleet.report("still-moving", thing, "IN_PROGRESS")
    sweep(tmp_path, job_id="still-moving", older_than="30d", force=True)
    assert result(tmp_path)["outcome"] == "nothing_to_do"


def test_what_is_protected_is_named_and_all_protected_is_refused(aged_fleet: Fleet, tmp_path: Path) -> None:
    old_job(aged_fleet, "protected", FOUR)
    sweep(tmp_path / "some", job_id="protected", protect="protected-1")
    assert (result(tmp_path / "some")["outcome"], guards_of(tmp_path / "some")) == ("planned", ["protected"])
    sweep(tmp_path / "all", job_id="protected", protect="protected*")
    assert (result(tmp_path / "all")["outcome"], guards_of(tmp_path / "all")) == ("refused", ["protected"])


def test_jobs_of_another_service_are_left_alone(aged_fleet: Fleet, tmp_path: Path) -> None:
    sweep(tmp_path, job_id="AFR_OTA-van-tracker-3", statuses="SUCCEEDED")
    assert (result(tmp_path)["outcome"], guards_of(tmp_path)) == ("refused", ["protected"])


def test_unfinished_executions_need_force(aged_fleet: Fleet, tmp_path: Path) -> None:
    old_job(aged_fleet, "live-ones", ["QUEUED", "IN_PROGRESS", "FAILED"])
    sweep(tmp_path / "without", job_id="live-ones")
    assert (result(tmp_path / "without")["outcome"], guards_of(tmp_path / "without")) == (
        "refused",
        ["unfinished_needs_force"],
    )
    assert [refusal["thing_name"] for refusal in result(tmp_path / "without")["refusals"]] == [
        "live-ones-1",
        "live-ones-2",
    ]
    sweep(tmp_path / "with", job_id="live-ones", force=True)
    assert result(tmp_path / "with")["counts"]["planned"] == 3


@pytest.mark.parametrize(
    ("caps", "guard"),
    [
        ({"max_deletes": 2}, "max_deletes"),
        ({"max_deletes": 0}, "max_deletes"),
        ({"max_fraction": 0.74}, "max_fraction"),
        ({"max_fraction": 0.75}, None),
        ({"max_deletes": 3}, None),
    ],
)
def test_a_cap_fails_the_whole_plan(
    aged_fleet: Fleet, tmp_path: Path, caps: dict[str, float], guard: str | None
) -> None:
    if "capped" not in {job["jobId"] for job in aged_fleet.iot.list_jobs(maxResults=250)["jobs"]}:
        old_job(aged_fleet, "capped", FOUR)
    planned = sweep(tmp_path, job_id="capped", statuses="FAILED,REJECTED", **caps)
    assert guards_of(tmp_path) == ([guard] if guard else [])
    planned.apply(planned.current_plan.phrase if planned.current_plan and guard else "no phrase")
    assert len(left(aged_fleet, "capped")) == 4


def test_the_fraction_is_of_all_executions_of_the_job_also_when_a_thing_is_named(
    aged_fleet: Fleet, tmp_path: Path
) -> None:
    old_job(aged_fleet, "one-of-four", FOUR)
    sweep(tmp_path / "quarter", thing_name="one-of-four-1", max_fraction=0.25)
    assert result(tmp_path / "quarter")["outcome"] == "planned"
    sweep(tmp_path / "fifth", thing_name="one-of-four-1", max_fraction=0.2)
    assert guards_of(tmp_path / "fifth") == ["max_fraction"]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "the rule is empty"),
        ({"job_id": "no job"}, "job_id"),
        ({"job_id": 7}, "-r job_id"),
        ({"causes": "broken"}, "causes has broken"),
        ({"statuses": "failed"}, "statuses has failed"),
        ({"statuses": "FAILED", "older_than": "soon"}, "older_than"),
        ({"statuses": "FAILED", "max_deletes": -1}, "max_deletes"),
        ({"statuses": "FAILED", "max_fraction": 1.5}, "max_fraction"),
        ({"statuses": "FAILED", "max_fraction": float("nan")}, "max_fraction"),
        ({"statuses": "FAILED", "force": "perhaps"}, "force"),
        ({"plan_file": 7}, "plan_file"),
    ],
    ids=str,
)
def test_bad_input_ends_before_any_call(tmp_path: Path, parameters: dict[str, Any], message: str) -> None:
    nowhere = {"profile": "no-such-profile-so-that-any-call-would-say-so"}
    with pytest.raises(InvalidInput, match=re.escape(message)):
        iotjobs.sweep(iotjobs.start("sweep", run_dir=str(tmp_path), **nowhere, **parameters))


def test_missing_evidence_makes_a_plan_by_cause_invalid_and_never_smaller(aged_fleet: Fleet, tmp_path: Path) -> None:
    thing = old_job(aged_fleet, "dark", ["IN_PROGRESS", "FAILED"])[0]
    aged_fleet.index(connectivity=False)
    try:
        with pytest.raises(IotJobsError, match="whole readings only"):
            sweep(tmp_path / "by-cause", job_id="dark", causes="device_offline", force=True)
        sweep(tmp_path / "by-status", job_id="dark", statuses="IN_PROGRESS", force=True)
        assert _things(tmp_path / "by-status") == [thing]
    finally:
        aged_fleet.index()
    assert not (tmp_path / "by-cause" / "plan.json").exists()


def test_the_plan_says_row_by_row_what_follows(aged_fleet: Fleet, tmp_path: Path) -> None:
    thing = old_job(aged_fleet, "first-in-queue", ["IN_PROGRESS"])[0]
    with aged_fleet.ago(days=20):
        aged_fleet.job("second-in-queue", things=[thing])
    planned = sweep(tmp_path, job_id="first-in-queue", force=True)
    assert planned.current_plan is not None
    message = " ".join(planned.current_plan.table["consequences"])
    for words in (f"CAUTION: {thing} is IN_PROGRESS", "Next on", "second-in-queue", "the job completes by it"):
        assert words in message


def test_a_queue_is_swept_from_its_end(aged_fleet: Fleet, tmp_path: Path) -> None:
    thing = old_job(aged_fleet, "queue-a", ["QUEUED"])[0]
    for days, job_id in ((30, "queue-b"), (20, "queue-c")):
        with aged_fleet.ago(days=days):
            aged_fleet.job(job_id, things=[thing])
    planned = sweep(tmp_path, thing_name=thing, force=True)
    assert planned.current_plan is not None
    assert list(planned.current_plan.table["job_id"]) == ["queue-c", "queue-b", "queue-a"]


def test_a_pruned_plan_is_another_plan(aged_fleet: Fleet, tmp_path: Path) -> None:
    things = old_job(aged_fleet, "pruned", FOUR)
    planned = sweep(tmp_path, job_id="pruned")
    before = planned.current_plan.phrase
    planned.prune([("pruned", things[0], 1)])
    assert planned.current_plan.phrase != before
    assert planned.current_plan.phrase.startswith("delete 3 ")
    assert _things(tmp_path) == things[1:]
    planned.apply(before)
    assert (guards_of(tmp_path), len(left(aged_fleet, "pruned"))) == (["phrase_must_match"], 4)
    planned.apply(planned.current_plan.phrase)
    assert left(aged_fleet, "pruned") == {things[0]: "FAILED"}


def test_the_caps_are_about_the_rows_that_a_person_chose(
    aged_fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    things = old_job(aged_fleet, "chosen-rows", FOUR)
    run = iotjobs.start("investigate", run_dir=str(tmp_path / "look"), job_id="chosen-rows")
    findings = iotjobs.investigate(run)
    rows = findings.executions[findings.executions["thing_name"] == things[2]]
    planned = in_place.open_sweep(run, findings, rows, max_deletes=1, max_fraction=0.25).plan()
    assert planned.refusals == ()
    assert planned.current_plan is not None
    assert [each.key.thing_name for each in planned.current_plan.targets] == [things[2]]
    used_again = rows.assign(queued_at=rows["queued_at"] - timedelta(hours=1))
    none = in_place.open_sweep(run, findings, used_again, max_deletes=1, max_fraction=0.25).plan()
    assert none.current_plan is None
    assert "none of the rows chosen is as it was" in none.run.reason
