"""The kit in a process of its own, which a signal kills at a chosen step, or whose disk is full from there on.

The child is forked from a clean server process that has the imports done: killing it harms nobody, and it starts fast.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import signal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import iotjobs
from iotjobs.aws.connection import Connection
from iotjobs.errors import IotJobsError
from iotjobs.sandbox.fleet import Fleet
from tests.faults.harness.crash_injection import CrashPoint, Kill, counting_calls, in_no_time
from tests.faults.harness.http_proxy import HttpProxy
from tests.faults.harness.invariants import Invariants

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([__name__, "iotjobs.workflows.sweep", "botocore.session"])
_UNPRIVILEGED = 65534
RAW_ERROR = 70


class ServiceJob:
    """A job of the embedded service behind the proxy, a run directory, and sweeps of it in child processes.

    ``states``: a thing for each, `NAME-STATE`; ``group``: the job is a continuous one of a group of that name.
    """

    def __init__(self, fleet: Fleet, name: str, directory: Path, states: tuple[str, ...], *, grouped: bool) -> None:
        self.fleet, self.job_id, self.run_dir = fleet, name, directory / "run"
        self.things = [f"{name}-{state.lower()}" for state in states]
        with fleet.ago(days=60):
            fleet.things(name, self.things)
            self.create(grouped=grouped)
            for thing, state in zip(self.things, states, strict=True):
                if state != "QUEUED":
                    fleet.report(name, thing, state)
        self.invariants = Invariants(self.run_dir)
        self.proxy = HttpProxy(fleet.server.endpoint_url, on_accepted=self.invariants.check_call)
        self.environment = fleet.server.environment | {"AWS_ENDPOINT_URL": self.proxy.url}
        self.parameters = {"job_id": name, "force": True, "max_fraction": 1.0, "run_dir": str(self.run_dir)}

    def create(self, *, grouped: bool) -> None:
        """Create the job (again)."""
        if grouped:
            self.fleet.job(self.job_id, group=self.job_id, targetSelection="CONTINUOUS")
        else:
            self.fleet.job(self.job_id, things=self.things)

    def sweep(self, *, confirm: str | None = None, environment: dict[str, str] | None = None, **ending: Any) -> int:
        """Run the sweep in a child; the outcome's exit code, or minus the signal. ``ending``: see `_live`."""
        parameters = self.parameters | ({"confirm": confirm} if confirm else {})
        wish = (parameters, environment or self.environment, ending)
        process = _FORKS.Process(target=_live, args=wish, daemon=True)
        process.start()
        process.join(timeout=60)
        assert process.exitcode is not None, "the run did not end"
        return process.exitcode

    def plan(self) -> str:
        """Plan in a child; the phrase."""
        assert self.sweep() == 0
        self.invariants.phrase = str(self.result()["confirm"])
        return self.invariants.phrase

    def result(self) -> dict[str, Any]:
        """What `result.json` says."""
        return dict(json.loads((self.run_dir / "result.json").read_text()))

    def executions_left(self) -> list[Any]:
        """What the service still has of the job."""
        return list(self.fleet.iot.list_job_executions_for_job(jobId=self.job_id)["executionSummaries"])


class _ProcessCrash(CrashPoint):
    """Dies for real, and its disk may fill up."""

    def __init__(self, run_dir: Path, kill: Kill | None, full_after_line: int | None) -> None:
        super().__init__(kill)
        self._journal = run_dir / "journal.jsonl"
        self._full_after_line = full_after_line

    def die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def reaches(self, at: str, nth: int, when: str) -> None:
        super().reaches(at, nth, when)
        if (at, nth, when) == ("journal", self._full_after_line, "after"):
            # as much room as a torn line takes: what is written then fails in its middle
            room = self._journal.stat().st_size + 20
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))


def _live(parameters: dict[str, Any], environment: dict[str, str], ending: dict[str, Any]) -> None:
    """Run in the child. ``ending``: `kill` at a step, `full_after_line` of the journal, or `unprivileged`."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ |= environment
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # Python's own way: a full file is an OSError
    if ending.get("unprivileged"):
        _ = "".encode("ascii"), iotjobs.start, iotjobs.sweep  # imported while it may read the installation
        os.setuid(_UNPRIVILEGED)
    crash = _ProcessCrash(Path(parameters["run_dir"]), ending.get("kill"), ending.get("full_after_line"))
    with (
        crash.watching(),
        patch.object(Connection, "change", counting_calls(Connection.change, crash)),
        in_no_time(),
    ):
        raise SystemExit(_sweep(parameters))


def _sweep(parameters: dict[str, Any]) -> int:
    run = None
    try:
        run = iotjobs.start("sweep", **parameters)
        iotjobs.sweep(run).plan().apply()
        run.end()
    except IotJobsError as error:
        if run is not None:
            run.cell_failed(error)  # as the hook of IPython does when a cell fails
        return int(error.outcome.exit_code)
    except OSError:
        return RAW_ERROR
    return 0
