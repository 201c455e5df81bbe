"""`plan.json` removed, replaced or cut, between plan and apply or in the middle: nothing is called that it does not hold."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.harness.simulation import SingleDelete, Sweep, Workflow

DELETE = "DeleteJobExecution"
ONE: dict[str, Any] = {
    "job_id": "job-0", "thing_name": "thing-0", "execution_number": 1, "force": True, "cancel_first": True,
}  # fmt: skip
ALL: dict[str, Any] = {"job_id": "job-0", "force": True, "max_fraction": 1.0}
BOTH = pytest.mark.parametrize(("workflow", "parameters"), [(SingleDelete, ONE), (Sweep, ALL)], ids=["one", "sweep"])


def _replaced(plan: Path) -> None:
    shutil.copy(plan, plan.with_suffix(".copy"))
    plan.with_suffix(".copy").replace(plan)


def _a_directory(plan: Path) -> None:
    plan.unlink()
    plan.mkdir()


HARMS: dict[str, Callable[[Path], Any]] = {
    "cut": lambda plan: plan.write_bytes(plan.read_bytes()[:100]),
    "emptied": lambda plan: plan.write_bytes(b""),
    "another thing": _a_directory,
}


def _planned(directory: Path, workflow: type[Workflow], parameters: dict[str, Any]) -> tuple[Workflow, Path]:
    work = workflow.on_one_job(directory, "QUEUED", "QUEUED", "QUEUED", **parameters)
    assert work.plan() == "planned"
    return work, work.simulation.run_dir / "plan.json"


@BOTH
@pytest.mark.parametrize("harm", HARMS)
def test_a_phrase_is_not_applied_to_a_plan_made_anew_for_one_that_was_damaged(
    tmp_path: Path, workflow: type[Workflow], parameters: dict[str, Any], harm: str
) -> None:
    work, plan = _planned(tmp_path, workflow, parameters)
    HARMS[harm](plan)
    assert (work.apply(), work.simulation.guards()) == ("refused", ["plan_edited"])
    assert work.simulation.operations() == []


@BOTH
@pytest.mark.parametrize("harm", [*HARMS, "removed", "replaced"])
def test_nothing_more_is_called_once_the_plan_in_progress_is_not_as_it_was(
    tmp_path: Path, workflow: type[Workflow], parameters: dict[str, Any], harm: str
) -> None:
    """After the cancel of the first one; put back as it was, the plan is carried out to its end."""
    work, plan = _planned(tmp_path, workflow, parameters)
    approved, simulation = plan.read_bytes(), work.simulation

    def once_it_is_cancelled(_operation: str) -> None:
        if simulation.operations() and plan.is_file():
            {**HARMS, "removed": Path.unlink, "replaced": _replaced}[harm](plan)
            simulation.before_call = lambda _operation: None

    simulation.before_call = once_it_is_cancelled
    assert work.apply() in ("partial", "error")
    assert simulation.operations() == ["CancelJobExecution"]
    assert "plan.json" in simulation.result()["reason"]
    if plan.is_dir():
        plan.rmdir()
    plan.write_bytes(approved)
    assert work.apply() == "applied"
    assert simulation.invariants.violations.all() == []


@BOTH
def test_what_was_begun_and_lost_its_plan_says_where_to_look_and_calls_nothing(
    tmp_path: Path, workflow: type[Workflow], parameters: dict[str, Any]
) -> None:
    work, plan = _planned(tmp_path, workflow, parameters)
    assert work.apply() == "applied"
    done = work.simulation.operations()
    plan.write_bytes(b"{")
    assert work.apply() == "error"
    assert "journal.jsonl" in work.simulation.result()["reason"]
    assert work.simulation.operations() == done
