"""kill -9 at every step of the record: run again with the same run_dir, it goes on, and nothing is done twice."""

from __future__ import annotations

import pytest

from iotjobs.run.journal import verify
from tests.faults.harness.crash_injection import Kill
from tests.faults.harness.subprocess_run import ServiceJob

#: The record of two deletes, the second of a live execution, has these lines: begun, calling, called, verified,
#: canary; marked, calling, called (cancel), calling, called, verified (delete). The soak kills at all of them.
STEPS = [
    *(Kill(at="journal", nth=number, when="after") for number in (1, 2, 3, 4, 7, 8, 9, 10)),
    *(Kill(at="call", nth=number, when="after") for number in (1, 2, 3)),
    Kill(at="journal", nth=9, when="torn"),
]


@pytest.mark.parametrize("kill", STEPS, ids=lambda kill: f"{kill.at}-{kill.nth}-{kill.when}")
def test_a_killed_sweep_goes_on_and_deletes_nothing_twice(service_job: ServiceJob, kill: Kill) -> None:
    phrase = service_job.plan()
    assert service_job.sweep(confirm=phrase, kill=kill) == -9
    assert service_job.result()["outcome"] != "applied"
    assert service_job.sweep(confirm=phrase) == 0
    assert service_job.result()["counts"]["deleted"] == 2
    assert service_job.executions_left() == []
    assert service_job.invariants.violations.all() == []
    assert [call.operation for call in service_job.invariants.accepted] == [
        "DeleteJobExecution", "CancelJobExecution", "DeleteJobExecution",
    ]  # fmt: skip
    verify(service_job.run_dir)
