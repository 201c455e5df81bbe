"""A plan made by one person and applied by another or by a scheduler: whole, fresh, here, and only made stricter."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from iotjobs.errors import InvalidInput
from iotjobs.sandbox.fleet import Fleet
from tests.service.run_sweep import guards_of, left, old_job, result, sweep

FOUR = ["FAILED", "SUCCEEDED", "FAILED", "REJECTED"]
Edit = Callable[[dict[str, Any]], Any]


@pytest.fixture
def saved(aged_fleet: Fleet, tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Path, str, str]:
    """The plan of somebody else for a job of the test's own: its file, the job, the phrase."""
    job_id = f"saved-{abs(hash(request.node.name))}"
    old_job(aged_fleet, job_id, FOUR)
    planned = sweep(tmp_path / "made", job_id=job_id, statuses="FAILED,REJECTED", max_fraction=0.8)
    return tmp_path / "made" / "plan.json", job_id, planned.current_plan.phrase


def _from_file(directory: Path, file: Path, **parameters: Any) -> Any:
    return sweep(directory, plan_file=str(file), **({"older_than": None, "max_fraction": None} | parameters))


def test_it_is_applied_as_it_was_made(aged_fleet: Fleet, tmp_path: Path, saved: tuple[Path, str, str]) -> None:
    file, job_id, phrase = saved
    _from_file(tmp_path / "apply", file).apply(phrase)
    assert result(tmp_path / "apply")["outcome"] == "applied"
    assert list(left(aged_fleet, job_id).values()) == ["SUCCEEDED"]


@pytest.mark.parametrize(
    "edit",
    [
        lambda plan: plan["targets"].append(dict(plan["targets"][0], thing_name="another")),
        lambda plan: plan["targets"].pop(),
        lambda plan: plan.update(made_at="2030-01-01T00:00:00Z"),
        lambda plan: plan["rule"].update(force=True),
        lambda plan: plan["caps"].update(max_deletes=1000),
        lambda plan: plan["targets"][0].update(queued_at="2020-01-01T00:00:00Z"),
        lambda plan: plan.update(account="111111111111"),
        lambda plan: plan.update(plan_id="0" * 32),
        lambda plan: plan["caps"].update(max_deletes=1000) or plan.pop("plan_id"),
    ],
    ids=[
        "a target more",
        "a target less",
        "its time",
        "its rule",
        "its caps",
        "an identity",
        "its account",
        "its id",
        "no id",
    ],
)
def test_an_edited_plan_is_refused(aged_fleet: Fleet, tmp_path: Path, saved: tuple[Path, str, str], edit: Edit) -> None:
    file, job_id, phrase = saved
    document = json.loads(file.read_text())
    edit(document)
    file.write_text(json.dumps(document))
    _from_file(tmp_path / "apply", file).apply(phrase)
    assert (result(tmp_path / "apply")["outcome"], guards_of(tmp_path / "apply")) == ("refused", ["plan_edited"])
    assert len(left(aged_fleet, job_id)) == 4


def test_a_stale_plan_is_refused(aged_fleet: Fleet, tmp_path: Path) -> None:
    old_job(aged_fleet, "stale", FOUR)
    with aged_fleet.ago(hours=25):
        phrase = sweep(tmp_path / "made", job_id="stale").current_plan.phrase
    _from_file(tmp_path / "apply", tmp_path / "made" / "plan.json").apply(phrase)
    assert (result(tmp_path / "apply")["outcome"], guards_of(tmp_path / "apply")) == ("refused", ["plan_stale"])
    assert len(left(aged_fleet, "stale")) == 4


def test_a_plan_of_another_region_is_refused(
    tmp_path: Path, saved: tuple[Path, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, _, phrase = saved
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "eu-west-3")
    _from_file(tmp_path / "apply", file).apply(phrase)
    assert (result(tmp_path / "apply")["outcome"], guards_of(tmp_path / "apply")) == ("refused", ["plan_foreign"])


@pytest.mark.parametrize(
    "parameters",
    [{"statuses": "SUCCEEDED"}, {"max_deletes": 26}, {"max_fraction": 0.9}],
    ids=str,
)
def test_a_parameter_that_would_widen_it_is_refused(
    tmp_path: Path, saved: tuple[Path, str, str], parameters: dict[str, Any]
) -> None:
    _from_file(tmp_path / "apply", saved[0], **parameters)
    assert (result(tmp_path / "apply")["outcome"], guards_of(tmp_path / "apply")) == ("refused", ["plan_loosened"])


@pytest.mark.parametrize(
    ("parameters", "guard"), [({"max_deletes": 2}, "max_deletes"), ({"max_fraction": 0.5}, "max_fraction")], ids=str
)
def test_the_caps_are_checked_again(
    tmp_path: Path, saved: tuple[Path, str, str], parameters: dict[str, Any], guard: str
) -> None:
    _from_file(tmp_path / "apply", saved[0], **parameters)
    assert (result(tmp_path / "apply")["outcome"], guards_of(tmp_path / "apply")) == ("refused", [guard])


def test_tightened_it_is_a_smaller_plan_with_a_phrase_of_its_own(
    aged_fleet: Fleet, tmp_path: Path, saved: tuple[Path, str, str]
) -> None:
    file, job_id, phrase = saved
    tight = _from_file(tmp_path / "apply", file, statuses="REJECTED")
    tight.apply(phrase)
    assert guards_of(tmp_path / "apply") == ["phrase_must_match"]
    tight.apply(tight.current_plan.phrase)
    assert sorted(left(aged_fleet, job_id).values()) == ["FAILED", "FAILED", "SUCCEEDED"]


def test_protecting_what_is_not_in_it_changes_nothing(tmp_path: Path, saved: tuple[Path, str, str]) -> None:
    file, _, phrase = saved
    assert _from_file(tmp_path / "apply", file, protect="prod-*").current_plan.phrase == phrase


@pytest.mark.parametrize("content", ["", "{", "[]", "7", '{"kind": "sweep"}', '{"schema": 1, "phrase": "x"}'])
def test_what_is_no_plan_is_invalid(tmp_path: Path, content: str) -> None:
    (tmp_path / "plan.json").write_text(content)
    with pytest.raises(InvalidInput):
        _from_file(tmp_path / "apply", tmp_path / "plan.json")


def test_a_missing_file_is_invalid(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"nowhere\.json cannot be read"):
        _from_file(tmp_path / "apply", tmp_path / "nowhere.json")


def test_a_run_directory_is_one_sweep(aged_fleet: Fleet, tmp_path: Path, saved: tuple[Path, str, str]) -> None:
    file, job_id, phrase = saved
    old_job(aged_fleet, f"{job_id}-b", FOUR)
    other = sweep(tmp_path / "run", job_id=f"{job_id}-b")
    other.apply(other.current_plan.phrase, stop=lambda: True)
    _from_file(tmp_path / "run", file).apply(phrase)
    assert guards_of(tmp_path / "run") == ["other_plan_begun"]
    assert len(left(aged_fleet, job_id)) == 4


def test_a_begun_plan_from_a_file_goes_on_by_the_same_command(
    aged_fleet: Fleet, tmp_path: Path, saved: tuple[Path, str, str]
) -> None:
    file, job_id, phrase = saved
    _from_file(tmp_path / "run", file).apply(phrase, stop=lambda: True)
    _from_file(tmp_path / "run", file).apply(phrase)
    assert result(tmp_path / "run")["outcome"] == "applied"
    assert list(left(aged_fleet, job_id).values()) == ["SUCCEEDED"]
