"""A set of plans is approved as a whole: caps, approval without a reader, a scheduler that is not there. No AWS is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import pytest

import iotjobs
from iotjobs.deletion import plan_signature
from iotjobs.errors import Refused
from iotjobs.targets.set_plan import PlannedTarget, SetPlan, Unplanned
from iotjobs.targets.target import Target
from iotjobs.targets.tasks import identify

SET = SetPlan(
    (
        PlannedTarget("a", "012345678901", "eu-west-1", "0" * 32, 3),
        PlannedTarget("b", "111111111111", "us-east-1", "1" * 32, 4),
    ),
    100,
    (Unplanned("hangs", None, "eu-west-2", "error", "no answer within 60 s"),),
)
TARGETS = """
[[target]]
name = "a"
region = "eu-west-1"
profile = "p"
[[target]]
name = "b"
region = "us-east-1"
profile = "p"
[[target]]
name = "hangs"
region = "eu-west-2"
profile = "p"
"""


@pytest.fixture
def run_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "targets.toml").write_text(TARGETS)
    directory = tmp_path / "sweep"
    directory.mkdir()
    (directory / "plan.json").write_text(json.dumps(plan_signature.signed(SET.as_document())))
    with dask.config.set({"distributed.comm.timeouts.connect": "0.5s"}):
        yield directory


def _sweep(run_dir: Path, **more: Any) -> dict[str, Any]:
    run = iotjobs.start(
        "fleet_sweep",
        targets="targets.toml",
        scheduler="tcp://127.0.0.1:9",
        run_dir=str(run_dir),
        causes="orphaned",
        plan_file=str(run_dir / "plan.json"),
        **more,
    )
    iotjobs.fleet_sweep(run).plan().apply()
    run.directory.leave()
    result: dict[str, Any] = json.loads((run_dir / "result.json").read_text())
    return result


def test_a_set_that_is_read_back_names_every_target_and_its_phrase(run_dir: Path) -> None:
    result = _sweep(run_dir)
    outcomes = {target["name"]: target["outcome"] for target in result["targets"]}
    assert outcomes == {"a": "planned", "b": "planned", "hangs": "error"}
    assert (result["outcome"], result["confirm"]) == ("partial", SET.phrase)


def test_unattended_needs_every_cap_given(run_dir: Path) -> None:
    result = _sweep(run_dir, unattended=True, max_deletes=5, max_fraction=1.0)
    assert result["outcome"] == "refused"
    assert "max_total_deletes given explicitly" in result["reason"]


def test_more_than_the_cap_of_the_whole_is_refused_in_all_targets(run_dir: Path) -> None:
    result = _sweep(run_dir, confirm=SET.phrase, max_total_deletes=6)
    assert [refusal["guard"] for refusal in result["refusals"]] == ["max_total_deletes"]
    assert len(result["targets"]) == 3


def test_where_no_scheduler_answers_every_target_is_named_and_nothing_done(run_dir: Path) -> None:
    result = _sweep(run_dir, confirm=SET.phrase)
    reasons = {target["name"]: target["reason"] for target in result["targets"]}
    assert all("no Dask scheduler answers at tcp://127.0.0.1:9" in reasons[name] for name in ("a", "b"))
    assert reasons["hangs"] == "no plan was made: no answer within 60 s"
    assert (result["outcome"], result["counts"]["targets"]) == ("error", 3)


@pytest.mark.parametrize("package", ["iotjobs", "distributed"])
def test_a_worker_of_another_release_is_refused(tmp_path: Path, package: str) -> None:
    target = Target("a", "eu-west-1", profile="p")
    with pytest.raises(Refused, match=f"this worker has {package} .* and the run has 0.0: install the same"):
        identify(target, run_dir=str(tmp_path), started_at="", versions={package: "0.0"}, project=_project())


def test_a_worker_that_does_not_see_the_run_directory_is_refused(tmp_path: Path) -> None:
    target = Target("a", "eu-west-1", profile="p")
    with pytest.raises(Refused, match="workers need a file system that they share"):
        identify(target, run_dir=str(tmp_path / "gone"), started_at="x", versions={}, project=_project())


def _project() -> Any:
    from iotjobs.project_file import Project

    return Project()
