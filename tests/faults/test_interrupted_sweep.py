"""Ctrl-C in the middle of a sweep's calls: nothing more is called, and the same directory goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from tests.faults.harness.http_proxy import Call
from tests.faults.harness.subprocess_run import ServiceJob

_HEARD_S = 2
CLI = [sys.executable, "-m", "iotjobs.cli", "run", "sweep"]


def test_a_sweep_stopped_by_hand_in_its_first_delete(service_job: ServiceJob) -> None:
    phrase = service_job.plan()
    running: list[subprocess.Popen[bytes]] = []

    def press(call: Call) -> None:
        if call.operation == "DeleteJobExecution" and running:
            running.pop().send_signal(signal.SIGINT)
            time.sleep(_HEARD_S)  # else the sweep can be over before it is heard: it takes a tenth of a second

    service_job.proxy.before = press
    rule = ["--job-id", service_job.job_id, "--force", "--max-fraction", "1.0", "--run-dir", str(service_job.run_dir)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    process = subprocess.Popen(
        [*CLI, *rule, "--confirm", phrase], env=environment | service_job.environment, stderr=subprocess.DEVNULL
    )
    running.append(process)
    assert process.wait(timeout=90) == 130
    assert service_job.result()["outcome"] == "interrupted"
    assert len(service_job.invariants.accepted) <= 1
    assert service_job.sweep(confirm=phrase) == 0
    assert service_job.executions_left() == []
    assert service_job.invariants.violations.all() == []
