"""What a run says of itself is true, also when the worst comes between two calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.faults.kit import Kit, ManyDeletes, OneDelete
from tests.faults.world import Fleet, Trouble, World

CANCEL, DELETE, LOOK = "cancel_job_execution", "delete_job_execution", "describe_job_execution"
ONE = {"job_id": "job-0", "thing_name": "thing-0", "execution_number": 1, "force": True, "cancel_first": True}
ALL = {"job_id": "job-0", "force": True, "max_fraction": 1.0}


def _planned(directory: Path, kit: type[Kit], given: dict[str, Any], *states: str) -> Kit:
    made = kit(World(directory / "run", Fleet(((False, states),))), dict(given))
    assert made.plan() == "planned"
    return made


def _operations(made: Kit) -> list[str]:
    return [call.operation for call in made.world.judge.accepted]


@pytest.mark.parametrize(("kit", "given"), [(OneDelete, ONE), (ManyDeletes, ALL)], ids=["one", "sweep"])
def test_a_cancel_without_answer_is_not_said_to_have_changed_nothing(
    tmp_path: Path, kit: type[Kit], given: dict[str, Any]
) -> None:
    made = _planned(tmp_path, kit, given, "IN_PROGRESS")
    gone = ((CANCEL, 1), ("job_made_again", 0, 0))
    ended = made.apply(Trouble(moves=(gone,), faults=(((CANCEL, 1), "lost_after"),)))
    assert (ended in ("partial", "error"), _operations(made)) == (True, ["CancelJobExecution"])
    assert "nothing was changed" not in made.world.result()["reason"]


def test_a_sweep_that_may_have_cancelled_is_never_refused(tmp_path: Path) -> None:
    made = _planned(tmp_path, ManyDeletes, ALL, "IN_PROGRESS")
    gone = ((CANCEL, 1), ("job_made_again", 0, 0))
    made.apply(Trouble(moves=(gone,), faults=(((CANCEL, 1), "lost_after"),)))
    assert (made.apply(), _operations(made)) == ("partial", ["CancelJobExecution"])
    assert made.world.result()["counts"] | {"protected": 0} == {
        "planned": 1, "deleted": 0, "drifted": 1, "failed": 0, "left": 0, "protected": 0,
    }  # fmt: skip


def test_a_delete_without_answer_is_not_said_to_be_undone(tmp_path: Path) -> None:
    made = _planned(tmp_path, OneDelete, ONE, "IN_PROGRESS")
    blind = [((LOOK, number), "500_before") for number in range(6, 20)]
    ended = made.apply(Trouble(faults=(((DELETE, 1), "lost_after"), *blind)))
    assert (ended, _operations(made)) == ("partial", ["CancelJobExecution", "DeleteJobExecution"])
    assert "not deleted" not in made.world.result()["reason"]
    assert made.apply() == "applied"


@pytest.mark.parametrize("fault", ["denied", "expired"])
def test_a_sweep_that_may_cancel_but_not_delete_stops_at_the_first(tmp_path: Path, fault: str) -> None:
    made = _planned(tmp_path, ManyDeletes, ALL, "IN_PROGRESS", "IN_PROGRESS", "QUEUED", "SUCCEEDED")
    denied = tuple(((DELETE, number), fault) for number in range(2, 9))
    assert made.apply(Trouble(faults=denied)) == "denied"
    assert _operations(made) == ["DeleteJobExecution", "CancelJobExecution"]
    assert made.apply() == "applied"


def test_credentials_that_expired_between_cancel_and_delete_are_read_anew(tmp_path: Path) -> None:
    made = _planned(tmp_path, ManyDeletes, ALL, "IN_PROGRESS", "SUCCEEDED")
    assert made.apply(Trouble(faults=(((DELETE, 2), "expired"),))) == "applied"


def test_what_failed_before_its_first_call_is_kept_as_it_was_when_it_goes_on(tmp_path: Path) -> None:
    made = _planned(tmp_path, ManyDeletes, ALL, "FAILED")
    at_the_look_before_the_delete = ((LOOK, 2), "500_before")  # the first is the plan's
    assert made.apply(Trouble(faults=(at_the_look_before_the_delete,))) == "error"
    assert made.apply() == "applied"
    assert made.world.judge.verdict.broken == []


def test_somebody_elses_cancel_after_ours_was_lost_is_not_taken_for_ours(tmp_path: Path) -> None:
    made = _planned(tmp_path, ManyDeletes, ALL, "IN_PROGRESS")
    somebody_is_quicker = ((CANCEL, 2), ("is_canceled", 0, 0))
    made.apply(Trouble(moves=(somebody_is_quicker,), faults=(((CANCEL, 1), "lost_before"),)))
    made.apply()
    assert (_operations(made), made.world.judge.verdict.broken) == ([], [])
    assert [held.status for held in made.world.service.all()] == ["CANCELED"]
