"""Processes of a proof: started with one environment, and all ended with it, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self


class Processes:
    """A context manager; ``environment`` is that of every process, without the caller's own AWS settings."""

    def __init__(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self.environment = environment | {
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }
        self._running: list[subprocess.Popen[Any]] = []

    def start(self, *command: str, log: Path | None = None, **more: Any) -> subprocess.Popen[Any]:
        """Start one; ``log`` gets what it prints."""
        if log is not None:
            with log.open("a") as file:
                process = subprocess.Popen(command, env=self.environment, stdout=file, stderr=subprocess.STDOUT, **more)
        else:
            process = subprocess.Popen(command, env=self.environment, **more)
        self._running.append(process)
        return process

    @staticmethod
    def kill(process: subprocess.Popen[Any]) -> None:
        """Kill it and all that it started, at once."""
        for pid in [*descendants(process.pid), process.pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._running):
            self.kill(process)


def descendants(pid: int) -> list[int]:
    """The processes that a process started, and those that they did."""
    ended = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    children = [int(each) for each in ended.stdout.split()]
    return [each for child in children for each in (*descendants(child), child)]


def wait_for(condition: Callable[[], bool], within_s: float, otherwise: str) -> None:
    """Wait until it holds. Raises TimeoutError."""
    until = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(otherwise)
        time.sleep(0.05)
