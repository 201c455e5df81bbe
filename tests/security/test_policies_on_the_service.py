"""Each workflow runs with just its policy; what is cut is named, with its statement, and never becomes a wrong cause.

A sample; `make policies` cuts every action of every policy in turn.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from iotjobs.permissions import grant_of
from tests.security.iam_service import (
    EVERYTHING,
    User,
    causes,
    delete_one,
    left_by,
    our_policy,
    slot,
    still_there,
    sweep_of,
    wrong_causes,
)


@pytest.fixture(scope="module")
def with_all_rights(root: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = tmp_path_factory.mktemp("all-rights")
    assert User(root, "everybody", EVERYTHING).runs("investigate", run_dir)["outcome"] == "ok"
    return run_dir


def test_the_investigator_finds_what_everybody_would(
    root: dict[str, str], with_all_rights: Path, tmp_path: Path
) -> None:
    result = User(root, "investigator", our_policy("investigator")).runs("investigate", tmp_path)
    assert (result["outcome"], result["warnings"]) == ("ok", [])
    assert causes(tmp_path) == causes(with_all_rights)


@pytest.mark.parametrize(
    ("action", "outcome"),
    [("iot:ListJobs", "denied"), ("iot:SearchIndex", "ok"), ("iotjobsdata:DescribeJobExecution", "ok")],
)
def test_what_an_investigator_lacks_is_named_and_nothing_is_guessed(
    root: dict[str, str], with_all_rights: Path, tmp_path: Path, action: str, outcome: str
) -> None:
    user = User(root, f"no-{action.replace(':', '-')}", our_policy("investigator", without=action))
    assert user.runs("investigate", tmp_path)["outcome"] == outcome
    assert action in left_by(tmp_path)
    assert str(grant_of(action)) in left_by(tmp_path)
    assert wrong_causes(tmp_path, with_all_rights) == {}


def test_the_operator_deletes_one_and_sweeps(root: dict[str, str], tmp_path: Path) -> None:
    operator = User(root, "operator", our_policy("operator"))
    target = slot(0)
    planned = operator.runs("delete_job_execution", tmp_path / "one", **delete_one(target))
    done = operator.runs("delete_job_execution", tmp_path / "one", **delete_one(target), confirm=planned["confirm"])
    assert done["outcome"] == "applied", done["reason"]
    swept = operator.runs("sweep", tmp_path / "many", **sweep_of(target))
    assert swept["outcome"] == "applied", swept["reason"]
    assert still_there(root, target) == set()


def test_the_investigator_deletes_nothing(root: dict[str, str], tmp_path: Path) -> None:
    reader = User(root, "reader", our_policy("investigator"))
    target = slot(1)
    planned = reader.runs("delete_job_execution", tmp_path / "one", **delete_one(target))
    refused = reader.runs("delete_job_execution", tmp_path / "one", **delete_one(target), confirm=planned["confirm"])
    assert refused["outcome"] == "denied"
    assert "iam/operator.json, statement CancelAndDeleteJobExecutions" in refused["reason"]
    assert still_there(root, target) == {target["waits"], target["failed"]}


def test_a_cancel_that_keeps_the_record_needs_no_right_to_delete(root: dict[str, str], tmp_path: Path) -> None:
    target = slot(3)
    names = {"job_id": target["waits"], "thing_name": target["thing_name"]}
    planned = User(root, "looks", our_policy("investigator")).runs("cancel_job_execution", tmp_path / "a", **names)
    phrase = planned["confirm"]
    reader = User(root, "looks-only", our_policy("investigator"))
    denied = reader.runs("cancel_job_execution", tmp_path / "b", **names, confirm=phrase)
    assert denied["outcome"] == "denied"
    assert str(grant_of("iot:CancelJobExecution")) in denied["reason"]
    canceller = User(root, "cancels", our_policy("operator", without="iot:DeleteJobExecution"))
    done = canceller.runs("cancel_job_execution", tmp_path / "c", **names, confirm=phrase)
    assert (done["outcome"], done["counts"]["cancelled"]) == ("applied", 1)


def test_what_an_operator_lacks_is_named(root: dict[str, str], tmp_path: Path) -> None:
    user = User(root, "no-delete", our_policy("operator", without="iot:DeleteJobExecution"))
    target = slot(2)
    result = user.runs("sweep", tmp_path, **sweep_of(target))
    assert result["outcome"] == "denied"
    assert str(grant_of("iot:DeleteJobExecution")) in result["reason"]
    assert still_there(root, target) == {target["waits"], target["failed"]}
