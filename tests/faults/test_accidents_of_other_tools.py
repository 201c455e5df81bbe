"""What befell other tools that delete, each as a case of ours; `docs/proof.md` says where the others stand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.faults.harness.fault_injection import Fault
from tests.faults.harness.schedules import Event, Fleet, Job
from tests.faults.harness.simulation import Simulation, SingleDelete, Sweep

DELETE, LIST = "DeleteJobExecution", "ListJobExecutionsForJob"
OLD_FAILURES: dict[str, Any] = {"job_id": "job-0", "statuses": "FAILED", "max_fraction": 1.0}


def _sweep(directory: Path, *states: str, continuous: bool = False, **parameters: Any) -> Sweep:
    return Sweep.on_one_job(directory, *states, continuous=continuous, **(OLD_FAILURES | parameters))


def _planned(directory: Path, *states: str, **parameters: Any) -> Sweep:
    sweep = _sweep(directory, *states, **parameters)
    assert sweep.plan() == "planned"
    return sweep


def _check_deleted(sweep: Sweep, *things: str) -> None:
    assert sweep.simulation.invariants.violations.all() == []
    assert sweep.simulation.deleted() == list(things)


# cloud-custodian#4949
@pytest.mark.parametrize("fault", ["cut_short", "denied", "internal_error", "throttled", "request_lost"])
def test_an_empty_or_failed_answer_is_not_nothing_there(tmp_path: Path, fault: str) -> None:
    sweep = _sweep(tmp_path, "FAILED", "FAILED")
    assert sweep.plan(Fault(on=LIST, kind=fault)) in ("error", "denied")
    assert not (sweep.simulation.run_dir / "plan.json").exists()


# cloud-custodian#4997
def test_a_cap_fails_the_whole_and_cuts_nothing(tmp_path: Path) -> None:
    sweep = _sweep(tmp_path, *("FAILED",) * 3, max_deletes=2)
    assert sweep.plan() == "refused"
    assert sweep.simulation.guards() == ["max_deletes"]
    sweep.parameters["unattended"] = True
    assert sweep.apply() == "refused"
    _check_deleted(sweep)


# cloud-custodian#3641
def test_the_caps_are_on_by_default(tmp_path: Path) -> None:
    assert _sweep(tmp_path, *("FAILED",) * 26).plan() == "refused"
    sweep = _sweep(tmp_path / "fraction", *("FAILED",) * 3, *("SUCCEEDED",) * 7)
    del sweep.parameters["max_fraction"]
    assert sweep.plan() == "refused"
    assert sweep.simulation.guards() == ["max_fraction"]


# cloud-custodian#3478
def test_a_cap_holds_for_a_plan_that_was_kept(tmp_path: Path) -> None:
    sweep = _planned(tmp_path, *("FAILED",) * 3)
    sweep.parameters = {"max_deletes": 2}
    sweep.hand_over(sweep.simulation.run_dir / "plan.json")
    assert sweep.apply() == "refused"
    _check_deleted(sweep)


# cloud-custodian#7201
def test_what_was_removed_is_on_record(tmp_path: Path) -> None:
    sweep = _planned(tmp_path, "FAILED", "FAILED")
    assert sweep.apply() == "applied"
    lines = (sweep.simulation.run_dir / "before.jsonl").read_text().splitlines()
    assert [json.loads(line)["status"] for line in lines] == ["FAILED", "FAILED"]


# aws-nuke#997
@pytest.mark.parametrize(("pattern", "deleted"), [("thing", ["thing-0", "thing-1"]), ("thing-1*", ["thing-0"])])
def test_a_pattern_is_matched_against_the_whole_name(tmp_path: Path, pattern: str, deleted: list[str]) -> None:
    sweep = _planned(tmp_path, "FAILED", "FAILED", protect=pattern)
    assert sweep.apply() == "applied"
    _check_deleted(sweep, *deleted)


# cloud-nuke asks for the word "nuke"
@pytest.mark.parametrize("word", ["nuke", "yes", "y", "delete", "delete 2"])
def test_a_constant_word_confirms_nothing(tmp_path: Path, word: str) -> None:
    sweep = _planned(tmp_path, "FAILED", "FAILED")
    sweep.phrase = word
    assert sweep.apply() == "refused"
    _check_deleted(sweep)


# `gh repo delete --yes` without a name
def test_a_sweep_that_names_nothing_is_invalid(tmp_path: Path) -> None:
    sweep = _sweep(tmp_path, "FAILED")
    sweep.parameters = {"unattended": True, "max_deletes": 25, "max_fraction": 1.0}
    assert sweep.apply() == "invalid"
    _check_deleted(sweep)


# terraform fails the whole plan
def test_a_stale_row_is_left_out_and_the_rest_goes_on(tmp_path: Path) -> None:
    sweep = _planned(tmp_path, "FAILED", "FAILED", "FAILED", continuous=True)
    sweep.simulation.happens(Event(what="number_used_again", thing=1))
    sweep.parameters = {}
    sweep.hand_over(sweep.simulation.run_dir / "plan.json")
    assert sweep.apply() == "partial"
    _check_deleted(sweep, "thing-0", "thing-2")
    assert sweep.simulation.guards() == ["drifted"]


# gh-ost's panic file
def test_a_stop_file_stops_it(tmp_path: Path) -> None:
    sweep = _planned(tmp_path, "FAILED", "FAILED")
    (sweep.simulation.run_dir / "stop").touch()
    assert sweep.apply() == "interrupted"
    _check_deleted(sweep)
    (sweep.simulation.run_dir / "stop").unlink()
    assert sweep.apply() == "applied"
    _check_deleted(sweep, "thing-0", "thing-1")


# aws-nuke#239
def test_throttling_is_waited_out(tmp_path: Path) -> None:
    sweep = _planned(tmp_path, "FAILED", "FAILED")
    kinds = {1: "too_many_requests", 2: "throttled", 4: "throttled", 5: "too_many_requests", 6: "throttled"}
    assert sweep.apply(*(Fault(on=DELETE, nth=nth, kind=kind) for nth, kind in kinds.items())) == "applied"
    _check_deleted(sweep, "thing-0", "thing-1")


# aws-nuke#663
def test_a_listing_that_never_ends_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = _sweep(tmp_path, "FAILED")
    listed = sweep.simulation.service.list_job_executions_for_job

    def endless(**parameters: Any) -> dict[str, Any]:
        return listed(**parameters) | {"nextToken": "the same"}

    monkeypatch.setattr(sweep.simulation.service, "list_job_executions_for_job", endless)
    assert sweep.plan() == "error"


# kubernetes#123352
def test_a_phrase_of_one_region_fits_no_other(tmp_path: Path) -> None:
    here, elsewhere = _planned(tmp_path / "here", "FAILED"), _sweep(tmp_path / "there", "FAILED")
    elsewhere.simulation.service.executions = here.simulation.service.executions
    elsewhere.simulation.service.region = "eu-west-1"
    elsewhere.plan()
    assert here.phrase != elsewhere.phrase
    plan = json.loads((elsewhere.simulation.run_dir / "plan.json").read_text())
    assert plan["region"] == elsewhere.simulation.result()["region"] == "eu-west-1"
    assert all(plan[name] for name in ("account", "endpoint", "caller_arn"))


# aws-sdk-js#2146
def test_an_endpoint_that_says_200_and_does_nothing_is_noticed(tmp_path: Path) -> None:
    sweep = _planned(tmp_path, "FAILED", "FAILED")
    assert sweep.apply(*(Fault(on=DELETE, nth=nth, kind="does_nothing") for nth in range(1, 20))) == "partial"
    _check_deleted(sweep)
    assert sweep.simulation.result()["counts"]["deleted"] == 0
    assert "still there" in sweep.simulation.result()["reason"]


# botocore#1972
def test_a_delete_sent_again_that_finds_nothing_has_worked(tmp_path: Path) -> None:
    one = SingleDelete.on_one_job(tmp_path, "FAILED", job_id="job-0", thing_name="thing-0", execution_number=1)
    one.plan()
    assert one.apply(Fault(on=DELETE, kind="acts_late")) == "applied"
    assert one.simulation.operations() == [DELETE]


# boto3#4119
def test_expired_credentials_are_read_anew_and_then_said(tmp_path: Path) -> None:
    sweep = _planned(tmp_path, "FAILED", "FAILED")
    assert sweep.apply(Fault(on=DELETE, kind="credentials_expired")) == "applied"
    sweep = _planned(tmp_path / "for good", "FAILED", "FAILED")
    assert sweep.apply(*(Fault(nth=nth, kind="credentials_expired") for nth in range(1, 99))) == "denied"
    _check_deleted(sweep)
    assert "aws sso login" in sweep.simulation.result()["reason"]


def test_a_plan_holds_the_version_that_no_list_tells(tmp_path: Path) -> None:
    sweep = _planned(tmp_path, "FAILED", "FAILED")
    assert [target["version_number"] for target in sweep.simulation.invariants.targets()] == [2, 2]


# aws-greengrass-nucleus#1203
def test_the_queue_behind_a_removed_blocker_is_told(tmp_path: Path) -> None:
    simulation = Simulation(tmp_path / "run", Fleet((Job(("IN_PROGRESS",)), Job(("QUEUED",)))))
    sweep = Sweep(simulation, **(OLD_FAILURES | {"statuses": "IN_PROGRESS", "force": True}))
    sweep.plan()
    sentences = json.loads((simulation.run_dir / "plan.json").read_text())["targets"][0]["consequences"]
    assert any("Next on thing-0 is job-1" in sentence for sentence in sentences)
    sweep.apply()
    assert "job-1" in (simulation.run_dir / "deletions.csv").read_text()
