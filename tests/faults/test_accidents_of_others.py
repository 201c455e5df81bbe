"""What befell other tools that delete, each as a case of ours; `docs/proof.md` says where the others stand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.faults.faulty_seam import Seam
from tests.faults.kit import ManyDeletes, OneDelete
from tests.faults.world import Fleet, Trouble, World

DELETE = "delete_job_execution"
LIST = "list_job_executions_for_job"
OLD_FAILURES = {"job_id": "job-0", "statuses": "FAILED", "max_fraction": 1.0}


def _sweep(directory: Path, states: tuple[str, ...], *, continuous: bool = False, **given: Any) -> ManyDeletes:
    return ManyDeletes(World(directory / "run", Fleet(((continuous, states),))), OLD_FAILURES | given)


def _deleted(made: ManyDeletes) -> list[str]:
    assert made.world.judge.verdict.broken == []
    return [call.before.thing_name for call in made.world.judge.accepted if call.operation == "DeleteJobExecution"]


@pytest.mark.parametrize("fault", ["truncated", "denied", "500_before", "throttled", "lost_before"])
def test_cloud_custodian_4949_an_empty_or_failed_answer_is_not_nothing_there(tmp_path: Path, fault: str) -> None:
    made = _sweep(tmp_path, ("FAILED", "FAILED"))
    assert made.plan(Trouble(faults=(((LIST, 1), fault),))) in ("error", "denied")
    assert not (made.world.run_dir / "plan.json").exists()


def test_cloud_custodian_4997_a_cap_fails_the_whole_and_cuts_nothing(tmp_path: Path) -> None:
    made = _sweep(tmp_path, ("FAILED",) * 3, max_deletes=2)
    assert made.plan() == "refused"
    assert [each["guard"] for each in made.world.result()["refusals"]] == ["max_deletes"]
    made.given["unattended"] = True
    assert (made.apply(), _deleted(made)) == ("refused", [])


def test_cloud_custodian_3641_the_belts_are_on_by_default(tmp_path: Path) -> None:
    made = _sweep(tmp_path, ("FAILED",) * 26)
    assert made.plan() == "refused"
    made = _sweep(tmp_path / "fraction", ("FAILED",) * 3 + ("SUCCEEDED",) * 7)
    del made.given["max_fraction"]
    assert made.plan() == "refused"
    assert [each["guard"] for each in made.world.result()["refusals"]] == ["max_fraction"]


def test_cloud_custodian_3478_a_cap_holds_for_a_plan_that_was_kept(tmp_path: Path) -> None:
    made = _sweep(tmp_path, ("FAILED",) * 3)
    made.saves = True
    made.plan()
    made.given = {"max_deletes": 2}
    assert (made.apply(), _deleted(made)) == ("refused", [])


def test_cloud_custodian_7201_what_was_removed_is_on_record(tmp_path: Path) -> None:
    made = _sweep(tmp_path, ("FAILED", "FAILED"))
    made.plan()
    assert made.apply() == "applied"
    lines = (made.world.run_dir / "before.jsonl").read_text().splitlines()
    assert [json.loads(line)["status"] for line in lines] == ["FAILED", "FAILED"]


def test_aws_nuke_997_a_pattern_is_matched_against_the_whole_name(tmp_path: Path) -> None:
    made = _sweep(tmp_path, ("FAILED", "FAILED"), protect="thing")
    made.plan()
    assert (made.apply(), _deleted(made)) == ("applied", ["thing-0", "thing-1"])
    made = _sweep(tmp_path / "glob", ("FAILED", "FAILED"), protect="thing-1*")
    made.plan()
    assert (made.apply(), _deleted(made)) == ("applied", ["thing-0"])


@pytest.mark.parametrize("word", ["nuke", "yes", "y", "delete", "delete 2"])
def test_cloud_nuke_a_constant_word_confirms_nothing(tmp_path: Path, word: str) -> None:
    made = _sweep(tmp_path, ("FAILED", "FAILED"))
    made.plan()
    made.phrase = word
    assert (made.apply(), _deleted(made)) == ("refused", [])


def test_gh_repo_delete_yes_without_a_name_means_nothing(tmp_path: Path) -> None:
    made = _sweep(tmp_path, ("FAILED",))
    made.given = {"unattended": True, "max_deletes": 25, "max_fraction": 1.0}
    assert (made.apply(), _deleted(made)) == ("invalid", [])


def test_terraform_a_stale_row_is_left_out_and_the_rest_goes_on(tmp_path: Path) -> None:
    made = _sweep(tmp_path, ("FAILED", "FAILED", "FAILED"), continuous=True)
    made.plan()
    made.world.happen(("number_used_again", 0, 1))
    made.saves, made.given = True, {}
    made._file = made.world.run_dir / "plan.json"
    assert (made.apply(), _deleted(made)) == ("partial", ["thing-0", "thing-2"])
    assert [each["guard"] for each in made.world.result()["refusals"]] == ["drifted"]


def test_gh_ost_a_stop_file_stops_it(tmp_path: Path) -> None:
    made = _sweep(tmp_path, ("FAILED", "FAILED"))
    made.plan()
    (made.world.run_dir / "stop").touch()
    assert (made.apply(), _deleted(made)) == ("interrupted", [])
    (made.world.run_dir / "stop").unlink()
    assert (made.apply(), _deleted(made)) == ("applied", ["thing-0", "thing-1"])


def test_aws_nuke_239_throttling_is_waited_out(tmp_path: Path) -> None:
    made = _sweep(tmp_path, ("FAILED", "FAILED"))
    made.plan()
    throttled = tuple(((DELETE, number), "429" if number % 2 else "throttled") for number in (1, 2, 4, 5, 6))
    assert (made.apply(Trouble(faults=throttled)), _deleted(made)) == ("applied", ["thing-0", "thing-1"])


def test_aws_nuke_663_a_listing_that_never_ends_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = _sweep(tmp_path, ("FAILED",))
    call = Seam.call

    def endless(seam: Seam, service: str, operation: str, given: dict[str, Any], *, changing: bool) -> dict[str, Any]:
        answer = call(seam, service, operation, given, changing=changing)
        return answer | {"nextToken": "the same"} if operation == LIST else answer

    monkeypatch.setattr(Seam, "call", endless)
    assert made.plan() == "error"


def test_kubernetes_123352_a_phrase_of_one_context_fits_no_other(tmp_path: Path) -> None:
    """The same names in another region: the plan is another one, and says where it is."""
    here, there = _sweep(tmp_path / "here", ("FAILED",)), _sweep(tmp_path / "there", ("FAILED",))
    there.world.service.held = here.world.service.held
    here.plan()
    there.world.region = "eu-west-1"
    there.plan()
    assert here.phrase != there.phrase
    plan = json.loads((there.world.run_dir / "plan.json").read_text())
    assert {plan["region"], there.world.result()["region"]} == {"eu-west-1"}
    assert all(plan[name] for name in ("account", "endpoint", "caller_arn"))


def test_aws_sdk_js_2146_an_endpoint_that_says_200_and_does_nothing_is_noticed(tmp_path: Path) -> None:
    made = _sweep(tmp_path, ("FAILED", "FAILED"))
    made.plan()
    nothing = tuple(((DELETE, number), "does_nothing") for number in range(1, 20))
    assert (made.apply(Trouble(faults=nothing)), _deleted(made)) == ("error", [])
    assert made.world.result()["counts"]["deleted"] == 0
    assert "still there" in made.world.result()["reason"]


def test_botocore_1972_a_delete_sent_again_that_finds_nothing_has_worked(tmp_path: Path) -> None:
    named = {"job_id": "job-0", "thing_name": "thing-0", "execution_number": 1}
    made = OneDelete(World(tmp_path / "run", Fleet(((False, ("FAILED",)),))), named)
    made.plan()
    assert made.apply(Trouble(faults=(((DELETE, 1), "late"),))) == "applied"
    assert made.world.judge.verdict.deletes == 1


def test_boto3_4119_expired_credentials_are_read_anew_and_then_said(tmp_path: Path) -> None:
    made = _sweep(tmp_path, ("FAILED", "FAILED"))
    made.plan()
    assert made.apply(Trouble(faults=(((DELETE, 1), "expired"),))) == "applied"
    made = _sweep(tmp_path / "for good", ("FAILED", "FAILED"))
    made.plan()
    ever = tuple((number, "expired") for number in range(1, 99))
    assert (made.apply(Trouble(faults=ever)), _deleted(made)) == ("denied", [])
    assert "aws sso login" in made.world.result()["reason"]


def test_a_plan_holds_the_version_that_no_list_tells(tmp_path: Path) -> None:
    made = _sweep(tmp_path, ("FAILED", "FAILED"))
    made.plan()
    assert [target["version_number"] for target in made.world.judge.targets()] == [2, 2]


def test_greengrass_1203_the_queue_behind_a_removed_blocker_is_told(tmp_path: Path) -> None:
    world = World(tmp_path / "run", Fleet(((False, ("IN_PROGRESS",)), (False, ("QUEUED",)))))
    made = ManyDeletes(world, OLD_FAILURES | {"statuses": "IN_PROGRESS", "force": True})
    made.plan()
    said = json.loads((world.run_dir / "plan.json").read_text())["targets"][0]["consequences"]
    assert any("Next on thing-0 is job-1" in sentence for sentence in said)
    made.apply()
    assert "job-1" in (world.run_dir / "deletions.csv").read_text()
