"""A run of the kit in a process of its own, which a signal kills at a chosen step, or whose disk is full from there on.

The child is forked from a clean server process that has the imports done: killing it harms nobody, and it starts fast.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import iotjobs
from iotjobs.aws.connection import Connection
from iotjobs.deletion import executor as apply
from iotjobs.errors import IotJobsError
from tests.faults.killable import Kill, Lifeline

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.faults.child", "iotjobs.workflows.sweep", "botocore.session"])
_UNPRIVILEGED = 65534
RAW_ERROR = 70


class Run:
    """One run in a child; `wait` says how it ended: the outcome's exit code, or minus the signal."""

    def __init__(
        self,
        notebook: str,
        given: Mapping[str, Any],
        environment: Mapping[str, str],
        *,
        kill: Kill | None = None,
        with_signal: int = signal.SIGKILL,
        full_after_write: int | None = None,
        unprivileged: bool = False,
    ) -> None:
        wish = (notebook, dict(given), dict(environment), kill, with_signal, full_after_write, unprivileged)
        self.process = _FORKS.Process(target=_live, args=wish, daemon=True)
        self.process.start()

    def wait(self) -> int:
        self.process.join(timeout=60)
        code = self.process.exitcode
        assert code is not None, "the run did not end"
        return code


class _Mortal(Lifeline):
    """Dies for real, and its disk may fill up."""

    def __init__(self, kill: Kill | None, with_signal: int, full_after_write: int | None) -> None:
        super().__init__(kill)
        self._signal = with_signal
        self._full_after_write = full_after_write

    def die(self) -> None:
        os.kill(os.getpid(), self._signal)

    def reaches(self, step: str, number: int, when: str) -> None:
        super().reaches(step, number, when)
        if (step, number, when) == ("write", self._full_after_write, "after"):
            # as much room as a torn line takes: what is written then fails in its middle
            room = (Path(os.environ["RUN_DIR"]) / "journal.jsonl").stat().st_size + 20
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))


def _live(
    notebook: str,
    given: dict[str, Any],
    environment: dict[str, str],
    kill: Kill | None,
    with_signal: int,
    full_after_write: int | None,
    unprivileged: bool,
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ |= environment | {"RUN_DIR": str(given["run_dir"])}
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # Python's own way: a full file is an OSError
    if unprivileged:
        os.setuid(_UNPRIVILEGED)
    apply._FIRST_PAUSE_S = 0.0  # type: ignore[attr-defined]
    life = _Mortal(kill, with_signal, full_after_write)
    Connection.change = _counted(Connection.change, life)  # type: ignore[method-assign]
    with life.holding():
        raise SystemExit(_ended(notebook, given))


def _ended(notebook: str, given: dict[str, Any]) -> int:
    run = None
    try:
        run = iotjobs.start(notebook, **given)
        made = iotjobs.sweep if notebook == "sweep" else iotjobs.delete_job_execution
        made(run).plan().apply()  # type: ignore[operator]
        run.end()
    except IotJobsError as error:
        if run is not None:
            run.cell_failed(error)  # as the hook of IPython does when a cell fails
        return error.outcome.exit_code
    except OSError:
        return RAW_ERROR
    return 0


def _counted(send: Callable[..., Any], life: Lifeline) -> Callable[..., Any]:
    calls = 0

    def change(connection: Connection, operation: str, **given: Any) -> Any:
        nonlocal calls
        calls += 1
        life.reaches("call", calls, "before")
        answer = send(connection, operation, **given)
        life.reaches("call", calls, "after")
        return answer

    return change
