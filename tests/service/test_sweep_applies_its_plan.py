"""A confirmed sweep: exactly the plan, the safe way, what moved is left alone, and what became of each is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import iotjobs
from iotjobs.aws import concurrency
from iotjobs.aws.connection import Connection
from iotjobs.deletion import executor as apply
from iotjobs.errors import Denied, IotJobsError
from iotjobs.sandbox.fleet import Fleet
from tests.service.run_sweep import called, confirmed, guards_of, left, old_job, result, sweep

FOUR = ["FAILED", "SUCCEEDED", "FAILED", "REJECTED"]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply, "_FIRST_PAUSE_S", 0.0)


@pytest.fixture
def fails(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception, set[str]], None]:
    """Have every changing call for some things fail."""

    def set_up(error: Exception, things: set[str]) -> None:
        send = Connection.change

        def change(connection: Connection, operation: str, **parameters: Any) -> dict[str, Any]:
            if parameters["thingName"] in things:
                raise error
            return send(connection, operation, **parameters)

        monkeypatch.setattr(Connection, "change", change)

    return set_up


def test_exactly_the_plan_is_deleted(aged_fleet: Fleet, tmp_path: Path) -> None:
    things = old_job(aged_fleet, "swept", FOUR)
    confirmed(tmp_path, job_id="swept", statuses="FAILED")
    outcome = result(tmp_path)
    assert (outcome["outcome"], outcome["counts"]["deleted"], outcome["confirm"]) == ("applied", 2, None)
    assert left(aged_fleet, "swept") == {things[1]: "SUCCEEDED", things[3]: "REJECTED"}
    assert called(tmp_path) == [("DeleteJobExecution", things[0]), ("DeleteJobExecution", things[2])]
    assert len((tmp_path / "before.jsonl").read_text().splitlines()) == 2


def test_live_ones_are_cancelled_by_version_and_deleted_without_force(
    aged_fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    things = old_job(aged_fleet, "swept-live", ["QUEUED", "IN_PROGRESS"])
    sent: list[tuple[str, Any, Any]] = []
    send = Connection.change

    def watch(connection: Connection, operation: str, **parameters: Any) -> dict[str, Any]:
        sent.append((operation, parameters.get("expectedVersion"), parameters.get("force")))
        return send(connection, operation, **parameters)

    monkeypatch.setattr(Connection, "change", watch)
    swept = confirmed(tmp_path, job_id="swept-live", force=True)
    assert sent == [
        ("CancelJobExecution", 1, True),
        ("DeleteJobExecution", None, False),
        ("CancelJobExecution", 2, True),
        ("DeleteJobExecution", None, False),
    ]
    assert left(aged_fleet, "swept-live") == {}
    assert set(swept.results["afterwards"]) == {"its queue is empty; the job is COMPLETED"}
    assert things


def test_what_moved_since_the_plan_is_left_alone_and_named(aged_fleet: Fleet, tmp_path: Path) -> None:
    things = old_job(aged_fleet, "drifting", ["IN_PROGRESS", "IN_PROGRESS", "FAILED"])
    planned = sweep(tmp_path, job_id="drifting", force=True)
    aged_fleet.report("drifting", things[0], "IN_PROGRESS")
    planned.apply(planned.current_plan.phrase)
    outcome = result(tmp_path)
    assert (outcome["outcome"], outcome["counts"]["deleted"], outcome["counts"]["drifted"]) == ("partial", 2, 1)
    assert [(refusal["guard"], refusal["thing_name"]) for refusal in outcome["refusals"]] == [("drifted", things[0])]
    assert "the device reported" in outcome["refusals"][0]["message"]
    assert left(aged_fleet, "drifting") == {things[0]: "IN_PROGRESS"}


def test_all_drifted_is_refused(aged_fleet: Fleet, tmp_path: Path) -> None:
    thing = old_job(aged_fleet, "all-drifted", ["QUEUED"])[0]
    planned = sweep(tmp_path, job_id="all-drifted", force=True)
    aged_fleet.report("all-drifted", thing, "IN_PROGRESS")
    planned.apply(planned.current_plan.phrase)
    assert (result(tmp_path)["outcome"], guards_of(tmp_path)) == ("refused", ["drifted"])


def test_a_number_used_again_is_not_hit(aged_fleet: Fleet, tmp_path: Path) -> None:
    thing = old_job(aged_fleet, "number-again", ["FAILED"])[0]
    planned = sweep(tmp_path, job_id="number-again")
    aged_fleet.iot.delete_job(jobId="number-again", force=True)
    with aged_fleet.ago(days=5):
        aged_fleet.job("number-again", things=[thing])
        aged_fleet.report("number-again", thing, "FAILED")
    planned.apply(planned.current_plan.phrase)
    assert (result(tmp_path)["outcome"], guards_of(tmp_path)) == ("refused", ["drifted"])
    assert left(aged_fleet, "number-again") == {thing: "FAILED"}


def test_an_older_number_of_a_job_is_never_cancelled_in_place_of_the_newest(aged_fleet: Fleet, tmp_path: Path) -> None:
    thing = "rejoined-thing"
    with aged_fleet.ago(days=50):
        aged_fleet.things("rejoining", [thing])
    with aged_fleet.ago(days=45):
        aged_fleet.job("rejoined", group="rejoining", targetSelection="CONTINUOUS")
    with aged_fleet.ago(days=44):
        aged_fleet.report("rejoined", thing, "IN_PROGRESS")
    with aged_fleet.ago(days=43):
        aged_fleet.iot.remove_thing_from_thing_group(thingGroupName="rejoining", thingName=thing)
    with aged_fleet.ago(days=42):
        aged_fleet.iot.add_thing_to_thing_group(thingGroupName="rejoining", thingName=thing)
    numbers = [
        one["jobExecutionSummary"]["executionNumber"]
        for one in aged_fleet.iot.list_job_executions_for_thing(thingName=thing)["executionSummaries"]
    ]
    confirmed(tmp_path, job_id="rejoined", force=True)
    cancels = [operation for operation, _ in called(tmp_path) if operation == "CancelJobExecution"]
    assert len(cancels) == 1
    if len(numbers) > 1:
        assert guards_of(tmp_path) == ["drifted"]


def test_a_canary_that_fails_leaves_the_rest_alone(
    aged_fleet: Fleet, tmp_path: Path, fails: Callable[[Exception, set[str]], None]
) -> None:
    things = old_job(aged_fleet, "canary", FOUR)
    fails(IotJobsError("no"), {things[0]})
    confirmed(tmp_path, job_id="canary")
    outcome = result(tmp_path)
    assert (outcome["outcome"], outcome["counts"]["failed"], outcome["counts"]["left"]) == ("error", 1, 3)
    assert len(left(aged_fleet, "canary")) == 4


def test_three_failures_in_a_row_stop_it(
    aged_fleet: Fleet,
    tmp_path: Path,
    fails: Callable[[Exception, set[str]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(concurrency, "THREADS", 1)
    things = old_job(aged_fleet, "failing", ["FAILED"] * 6)
    fails(IotJobsError("no"), set(things[1:5]))
    confirmed(tmp_path, job_id="failing")
    outcome = result(tmp_path)
    assert (outcome["outcome"], outcome["counts"]["deleted"], outcome["counts"]["failed"]) == ("partial", 1, 3)
    assert "3 in a row failed" in outcome["reason"]
    assert len(left(aged_fleet, "failing")) == 5


def test_nothing_goes_out_after_three_failures_in_a_row_whatever_else_is_at_work(
    aged_fleet: Fleet, tmp_path: Path, fails: Callable[[Exception, set[str]], None]
) -> None:
    things = old_job(aged_fleet, "failing-at-once", ["FAILED"] * 12)
    fails(IotJobsError("no"), set(things[1:]))
    confirmed(tmp_path, job_id="failing-at-once")
    outcome = result(tmp_path)
    assert (outcome["outcome"], outcome["counts"]["deleted"]) == ("partial", 1)
    assert "in a row failed" in outcome["reason"]
    events = [json.loads(line)["event"] for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
    third = [place for place, event in enumerate(events) if event == "failed"][2]
    assert "calling" not in events[third:]


def test_a_missing_permission_stops_it_at_once(
    aged_fleet: Fleet, tmp_path: Path, fails: Callable[[Exception, set[str]], None]
) -> None:
    things = old_job(aged_fleet, "not-allowed", FOUR)
    fails(Denied("iot:DeleteJobExecution is missing", action="iot:DeleteJobExecution"), set(things))
    confirmed(tmp_path, job_id="not-allowed")
    assert (result(tmp_path)["outcome"], result(tmp_path)["counts"]["left"]) == ("denied", 4)


def test_a_file_named_stop_stops_it_and_the_same_directory_goes_on(aged_fleet: Fleet, tmp_path: Path) -> None:
    old_job(aged_fleet, "stopped", FOUR)
    planned = sweep(tmp_path, job_id="stopped")
    phrase = planned.current_plan.phrase
    planned.apply(phrase, progress=lambda _row: (tmp_path / "stop").touch())
    assert (result(tmp_path)["outcome"], result(tmp_path)["counts"]["deleted"]) == ("interrupted", 1)
    (tmp_path / "stop").unlink()
    assert result(tmp_path)["confirm"] is None
    again = sweep(tmp_path, job_id="stopped")
    assert (result(tmp_path)["outcome"], result(tmp_path)["confirm"]) == ("planned", phrase)
    again.apply("delete 3 0123456789ab")
    assert guards_of(tmp_path) == ["phrase_must_match"]
    again.apply(phrase)
    assert (result(tmp_path)["outcome"], result(tmp_path)["counts"]["deleted"]) == ("applied", 4)
    assert left(aged_fleet, "stopped") == {}


def test_done_is_done_when_it_is_run_again(aged_fleet: Fleet, tmp_path: Path) -> None:
    old_job(aged_fleet, "done-twice", FOUR)
    phrase = confirmed(tmp_path, job_id="done-twice").current_plan.phrase
    before = called(tmp_path)
    sweep(tmp_path, job_id="done-twice").apply(phrase)
    assert result(tmp_path)["outcome"] == "applied"
    assert called(tmp_path) == before


UNATTENDED = {"unattended": True, "max_deletes": 20, "max_fraction": 1.0}


def test_a_directory_used_again_does_not_carry_out_the_rule_of_an_earlier_run(
    aged_fleet: Fleet, tmp_path: Path
) -> None:
    old_job(aged_fleet, "begun-first", FOUR)
    old_job(aged_fleet, "meant-now", FOUR)
    sweep(tmp_path, job_id="begun-first", **UNATTENDED).apply(stop=lambda: True)
    sweep(tmp_path, job_id="meant-now", **UNATTENDED).apply()
    assert (result(tmp_path)["outcome"], guards_of(tmp_path)) == ("refused", ["other_plan_begun"])
    assert len(left(aged_fleet, "begun-first")) == len(left(aged_fleet, "meant-now")) == 4


def test_another_rule_is_not_applied_because_the_directory_s_own_sweep_is_done(
    aged_fleet: Fleet, tmp_path: Path
) -> None:
    old_job(aged_fleet, "done-before", FOUR)
    confirmed(tmp_path, job_id="done-before")
    sweep(tmp_path, job_id="done-before", statuses="FAILED", **UNATTENDED).apply()
    assert (result(tmp_path)["outcome"], guards_of(tmp_path)) == ("refused", ["other_plan_begun"])


def test_caps_given_when_it_goes_on_hold_as_well(aged_fleet: Fleet, tmp_path: Path) -> None:
    old_job(aged_fleet, "tighter-now", FOUR)
    sweep(tmp_path, job_id="tighter-now", **UNATTENDED).apply(stop=lambda: True)
    sweep(tmp_path, job_id="tighter-now", **(UNATTENDED | {"max_deletes": 3})).apply()
    assert (result(tmp_path)["outcome"], guards_of(tmp_path)) == ("refused", ["max_deletes"])
    assert len(left(aged_fleet, "tighter-now")) == 4


def test_the_delete_of_one_execution_does_not_take_a_stopped_sweep_s_plan_away(
    aged_fleet: Fleet, tmp_path: Path
) -> None:
    things = old_job(aged_fleet, "interplay", FOUR)
    planned = sweep(tmp_path, job_id="interplay", statuses="FAILED")
    phrase = planned.current_plan.phrase
    planned.apply(phrase, stop=lambda: True)
    run = iotjobs.start(
        "delete_job_execution", run_dir=str(tmp_path), job_id="interplay", thing_name=things[1], execution_number=1
    )
    iotjobs.delete_job_execution(run).plan()
    assert (result(tmp_path)["outcome"], guards_of(tmp_path)) == ("refused", ["other_plan_begun"])
    sweep(tmp_path, job_id="interplay", statuses="FAILED").apply(phrase)
    assert (result(tmp_path)["outcome"], len(left(aged_fleet, "interplay"))) == ("applied", 2)
