"""kill -9 at every step of the record: run again with the same run_dir, it goes on, and nothing is done twice."""

from __future__ import annotations

import pytest

from iotjobs.run.journal import verify
from tests.faults.killable import Kill
from tests.faults.stage import Stage

#: The record of two deletes, the second of a live execution, has these lines: begun, calling, called, verified,
#: canary; marked, calling, called (cancel), calling, called, verified (delete). The soak kills at all of them.
STEPS = [
    *(Kill("write", number, "after") for number in (1, 2, 3, 4, 7, 8, 9, 10)),
    *(Kill("call", number, "after") for number in (1, 2, 3)),
    Kill("write", 9, "torn"),
]


@pytest.mark.parametrize("kill", STEPS, ids=lambda kill: f"{kill.step}-{kill.number}-{kill.when}")
def test_a_killed_sweep_goes_on_and_deletes_nothing_twice(stage: Stage, kill: Kill) -> None:
    phrase = stage.planned()
    assert stage.run(confirm=phrase, kill=kill) == -9
    assert stage.result()["outcome"] != "applied"
    assert stage.run(confirm=phrase) == 0
    assert stage.result()["counts"]["deleted"] == 2
    assert (stage.left(), stage.judge.verdict.broken) == ([], [])
    assert [call.operation for call in stage.judge.accepted] == [
        "DeleteJobExecution", "CancelJobExecution", "DeleteJobExecution",
    ]  # fmt: skip
    verify(stage.run_dir)
