"""A real Dask cluster for a proof: a scheduler and two workers, processes of their own, whose contents are kept."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from concurrent.futures import CancelledError
from contextlib import suppress
from pathlib import Path
from typing import Any

import cloudpickle
from distributed import Client

from tests.fleet.processes import Processes, descendants, wait_for

_OPTIONS = ("--host", "127.0.0.1", "--no-dashboard")
_DASK = str(Path(sys.executable).with_name("dask"))


class DaskCluster:
    """``contents``: every task's arguments, every result and event that was seen at the scheduler and the workers."""

    def __init__(self, processes: Processes, logs: Path) -> None:
        self._processes, self._logs = processes, logs
        self.address = ""
        self.contents: set[bytes] = set()

    def start(self) -> None:
        file = self._logs / "scheduler.json"
        file.unlink(missing_ok=True)
        command = [_DASK, "scheduler", *_OPTIONS, "--port", "0", "--scheduler-file", str(file)]
        self._scheduler = self._processes.start(*command, log=self._logs / "scheduler.log", cwd=self._logs)
        wait_for(lambda: file.exists() and file.read_text() != "", 60, "the scheduler does not start")
        self.address = str(json.loads(file.read_text())["address"])
        self._workers = [
            self._processes.start(
                *[_DASK, "worker", self.address, *_OPTIONS, "--nthreads", "8"],
                log=self._logs / f"worker-{number}.log",
                cwd=self._logs,
            )
            for number in range(2)
        ]
        threading.Thread(target=self._watch, daemon=True).start()

    def kill_a_worker(self) -> None:
        """Kill one worker's process; its nanny starts another one."""
        for pid in descendants(self._workers[0].pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def kill_scheduler(self) -> None:
        self._processes.kill(self._scheduler)

    def stop(self) -> None:
        for process in (self._scheduler, *self._workers):
            self._processes.kill(process)

    def _watch(self) -> None:
        cloudpickle.register_pickle_by_value(sys.modules[__name__])  # the scheduler cannot import this
        with suppress(OSError, CancelledError), Client(self.address, timeout=10, set_as_default=False) as client:
            while client.status == "running":
                self.contents |= set(client.run_on_scheduler(_of_scheduler))
                for held in client.run(_of_worker).values():
                    self.contents |= set(held)
                time.sleep(0.5)


def _of_scheduler(dask_scheduler: Any) -> list[bytes]:
    tasks = [cloudpickle.dumps((key, task.run_spec)) for key, task in list(dask_scheduler.tasks.items())]
    events = [
        repr(event).encode()
        for topic in list(dask_scheduler.get_events())
        for event in dask_scheduler.get_events(topic)
    ]
    return [*tasks, *events]


def _of_worker(dask_worker: Any) -> list[bytes]:
    results = [cloudpickle.dumps(result) for result in list(dask_worker.data.values())]
    return [*results, repr(dict(dask_worker.state.tasks)).encode(), repr(list(dask_worker.get_logs())).encode()]
