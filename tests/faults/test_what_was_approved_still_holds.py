"""Between plan and apply the job, the place, the cause, the owner and the time may change: each is asked again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.harness.fault_injection import Fault
from tests.faults.harness.schedules import GREENGRASS
from tests.faults.harness.simulation import Simulation, Sweep

CANCEL, DELETE, LOOK = "CancelJobExecution", "DeleteJobExecution", "DescribeJobExecution"
ALL: dict[str, Any] = {"job_id": "job-0", "force": True, "max_fraction": 1.0}
FEW: dict[str, Any] = {"job_id": "job-0", "statuses": "FAILED", "max_fraction": 0.1, "max_deletes": 2}


def _planned(directory: Path, *states: str, **parameters: Any) -> Sweep:
    sweep = Sweep.on_one_job(directory, *states, **(ALL | parameters))
    assert sweep.plan() == "planned"
    return sweep


def _others_delete(simulation: Simulation, status: str, *, but: int) -> None:
    for item in [item for item in simulation.service.all() if item.status == status][but:]:
        simulation.service.delete_job_execution(item.job_id, item.thing_name, item.number)


def _belongs_to_greengrass(sweep: Sweep, _patch: pytest.MonkeyPatch) -> None:
    sweep.simulation.service.jobs["job-0"].namespace = GREENGRASS


def _job_shrank(sweep: Sweep, _patch: pytest.MonkeyPatch) -> None:
    _others_delete(sweep.simulation, "SUCCEEDED", but=1)


def _other_endpoint(_sweep: Sweep, patch: pytest.MonkeyPatch) -> None:
    patch.setattr("tests.faults.harness.fault_injection.URL", "http://127.0.0.1:2/another")


def _a_day_later(sweep: Sweep, _patch: pytest.MonkeyPatch) -> None:
    sweep.simulation.ahead_s = 25 * 3600


def _other_account(sweep: Sweep, _patch: pytest.MonkeyPatch) -> None:
    sweep.simulation.service.account = "111122223333"


CHANGES: dict[str, tuple[Callable[[Sweep, pytest.MonkeyPatch], None], str]] = {
    "the job belongs to Greengrass": (_belongs_to_greengrass, "protected"),
    "the job has fewer executions": (_job_shrank, "max_fraction"),
    "another endpoint, same account and region": (_other_endpoint, "plan_foreign"),
    "another account": (_other_account, "plan_foreign"),
    "25 hours later": (_a_day_later, "plan_stale"),
}


WAYS = ("plan_file", "run_dir", "unattended", "panel")
#: The connection of a panel stays where it is; another account is `tests/aws/test_whose_answers_they_are.py`.
CASES = [(way, name) for way in WAYS for name in CHANGES if (way, name[:7]) != ("panel", "another")]


@pytest.mark.parametrize(("way", "name"), CASES)
def test_a_plan_that_no_longer_holds_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, name: str
) -> None:
    change, guard = CHANGES[name]
    sweep = Sweep.on_one_job(tmp_path, *("FAILED",) * 2, *("SUCCEEDED",) * 18, **FEW)
    panel = sweep.open_panel()
    assert panel is not None
    sweep.phrase = sweep.simulation.invariants.phrase = panel.phrase
    if way in ("plan_file", "unattended"):
        sweep.hand_over(sweep.simulation.run_dir / "plan.json")
        sweep.parameters |= {"unattended": way == "unattended"}
    change(sweep, monkeypatch)
    ended = panel.press_delete(sweep.simulation) if way == "panel" else sweep.apply()
    assert (ended, sweep.simulation.guards()) == ("refused", [guard])
    assert sweep.simulation.operations() == []


def test_where_the_owner_cannot_be_read_any_more_nothing_is_applied(tmp_path: Path) -> None:
    sweep = _planned(tmp_path, "FAILED", "FAILED")
    denied = [Fault(on="DescribeJob", nth=nth, kind="denied") for nth in range(1, 9)]
    assert (sweep.apply(*denied), sweep.simulation.guards()) == ("refused", ["protection_unknown"])
    assert sweep.simulation.operations() == []


def test_what_was_started_a_day_ago_can_be_finished_and_says_what_it_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = _planned(tmp_path, "IN_PROGRESS", "FAILED")
    assert sweep.apply(*(Fault(on=DELETE, nth=nth, kind="denied") for nth in range(2, 9))) == "partial"
    assert sweep.simulation.operations() == [DELETE, CANCEL]
    _a_day_later(sweep, monkeypatch)
    assert sweep.apply() == "applied"
    assert sweep.simulation.operations() == [DELETE, CANCEL, DELETE]


def test_a_refusal_after_something_was_cancelled_names_it(tmp_path: Path) -> None:
    sweep = _planned(tmp_path, "IN_PROGRESS", "FAILED")
    sweep.apply(*(Fault(on=DELETE, nth=nth, kind="denied") for nth in range(2, 9)))
    sweep.simulation.service.jobs["job-0"].namespace = GREENGRASS
    assert sweep.apply() == "partial"
    assert sweep.simulation.guards() == ["protected"]
    assert "cancelled: job-0/thing-0/1 (not deleted)" in sweep.simulation.result()["reason"]


@pytest.mark.parametrize("comes_online", ["thing-0", "thing-1"])
def test_a_cause_that_no_longer_holds_is_drift(tmp_path: Path, comes_online: str) -> None:
    """Offline when it was planned, and online now: about to start what is about to be taken away."""
    sweep = _planned(tmp_path, "QUEUED", "QUEUED", causes="device_offline")
    sweep.simulation.service.online.add(comes_online)
    assert sweep.apply() == "partial"
    drifted = [each for each in sweep.simulation.result()["refusals"] if each["guard"] == "drifted"]
    assert [each["thing_name"] for each in drifted] == [comes_online]
    assert "its cause was device_offline" in drifted[0]["message"]
    assert len(sweep.simulation.deleted()) == 1
