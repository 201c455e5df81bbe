"""One directory, several runs: a panel that was left open, another run in between, a thread at work, another process."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from iotjobs.errors import Refused
from tests.faults.harness.fault_injection import Fault
from tests.faults.harness.schedules import Fleet, Job
from tests.faults.harness.simulation import Panel, Simulation, SingleDelete, Sweep, Workflow

ONE: dict[str, Any] = {"job_id": "job-0", "thing_name": "thing-0", "execution_number": 1}
FAILED: dict[str, Any] = {"job_id": "job-0", "statuses": "FAILED", "max_fraction": 1.0}
SUCCEEDED: dict[str, Any] = {"job_id": "job-1", "statuses": "SUCCEEDED", "max_fraction": 1.0}


@pytest.fixture
def simulation(tmp_path: Path) -> Simulation:
    """Two jobs with two finished executions each."""
    return Simulation(tmp_path / "run", Fleet((Job(("FAILED", "FAILED")), Job(("SUCCEEDED", "SUCCEEDED")))))


def _left_open(workflow: Workflow) -> Panel:
    panel = workflow.open_panel()
    assert panel is not None
    return panel


def _files(simulation: Simulation) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in simulation.run_dir.iterdir() if not path.name.startswith(".")}


@pytest.mark.parametrize("first", [(Sweep, FAILED), (SingleDelete, ONE)], ids=["sweep", "single-delete"])
def test_a_panel_deletes_nothing_once_another_sweep_has_started_there(
    simulation: Simulation, first: tuple[type[Workflow], dict[str, Any]]
) -> None:
    kind, parameters = first
    panel = _left_open(kind(simulation, **parameters))
    other = Sweep(simulation, **SUCCEEDED)
    assert other.plan() == "planned"
    assert other.apply(Fault(on="DeleteJobExecution", nth=2, kind="credentials_expired")) == "applied"
    before = _files(simulation)
    panel.press_delete(simulation)
    assert simulation.deleted() == ["thing-0", "thing-1"]
    assert simulation.invariants.violations.all() == []
    assert _files(simulation) == before, "a refused run wrote into the directory of another"


def test_a_panel_that_looks_again_leaves_another_runs_files_alone(simulation: Simulation) -> None:
    panel = _left_open(Sweep(simulation, **FAILED))
    other = Sweep(simulation, **SUCCEEDED)
    assert other.plan() == "planned"
    before = _files(simulation)
    simulation.run(panel.work.plan)
    assert _files(simulation) == before
    assert other.apply() == "applied"


def test_a_single_delete_is_refused_where_a_sweep_was_started(simulation: Simulation) -> None:
    sweep = Sweep(simulation, **FAILED)
    sweep.plan()
    sweep.apply(Fault(on="DeleteJobExecution", nth=2, kind="denied"))
    plan = (simulation.run_dir / "plan.json").read_bytes()
    one = SingleDelete(simulation, job_id="job-1", thing_name="thing-0", execution_number=1)
    assert one.plan() == "refused"
    assert (simulation.run_dir / "plan.json").read_bytes() == plan
    assert sweep.apply() == "applied"


def test_the_last_cell_says_at_work_while_a_panels_thread_deletes(simulation: Simulation) -> None:
    """Delete was pressed, then the last cell was run, then another notebook was opened on the same directory."""
    sweep = Sweep(simulation, **FAILED)
    panel = _left_open(sweep)
    simulation.invariants.phrase = panel.phrase
    in_a_delete, go_on = threading.Event(), threading.Event()

    def wait_in_the_first_delete(operation: str) -> None:
        if operation == "DeleteJobExecution" and not in_a_delete.is_set():
            in_a_delete.set()
            assert go_on.wait(20)

    simulation.before_call = wait_in_the_first_delete
    outcomes: list[str] = []
    thread = threading.Thread(target=lambda: outcomes.append(panel.press_delete(simulation)))
    thread.start()
    try:
        assert in_a_delete.wait(20)
        before = _files(simulation)
        assert "at work" in repr(panel.run.end())
        with pytest.raises(Refused, match="at work"):
            Sweep(simulation, **SUCCEEDED).start()
        assert _files(simulation) == before
    finally:
        go_on.set()
        thread.join(20)
    assert outcomes == ["applied"]
    assert simulation.deleted() == ["thing-0", "thing-1"]
    assert simulation.invariants.violations.all() == []


@pytest.mark.parametrize("harm", ["removed", "replaced", "rotated"])
def test_nothing_is_deleted_off_the_record_when_the_journal_goes_away(simulation: Simulation, harm: str) -> None:
    sweep = Sweep(simulation, **FAILED)
    sweep.plan()
    journal = simulation.run_dir / "journal.jsonl"

    def after_the_first_delete(operation: str) -> None:
        if operation == "ListJobExecutionsForThing" and simulation.deleted() and journal.exists():
            simulation.before_call = lambda _operation: None
            content = journal.read_bytes()
            if harm == "rotated":
                journal.rename(journal.with_suffix(".1"))
            else:
                journal.unlink()
            if harm == "replaced":
                journal.write_bytes(content)

    simulation.before_call = after_the_first_delete
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulation.invariants, "check_result", lambda _outcome: None)  # the record is gone
        patch.setattr("tests.faults.harness.simulation.verify", lambda _directory: None)
        assert sweep.apply() in ("error", "partial")
    assert simulation.deleted() == ["thing-0"]
    assert simulation.invariants.violations.unrecorded == []
    assert "journal" in simulation.result()["reason"]


def test_two_panels_on_one_directory_never_apply_both(simulation: Simulation) -> None:
    first, second = _left_open(Sweep(simulation, **FAILED)), _left_open(Sweep(simulation, **SUCCEEDED))
    simulation.invariants.phrase = second.phrase
    first.press_delete(simulation)
    assert simulation.deleted() == []
    assert second.press_delete(simulation) == "applied"
    assert simulation.invariants.violations.all() == []
