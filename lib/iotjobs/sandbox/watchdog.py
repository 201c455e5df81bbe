"""Ends what the sandbox's command left when the sandbox itself was killed, which leaves it no time to do so.

A process of its own, started before the command. Nobody has to tell it which processes those are: all of them, and none
else, have this sandbox's secret in their environment.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

GRACE_S = 10.0
_POLL_S = 0.2


@contextmanager
def watching(variable: str, secret: str) -> Iterator[None]:
    """Have what carries `variable=secret` in its environment ended if this process dies before the context does."""
    process = subprocess.Popen(
        [sys.executable, "-I", __file__, str(os.getpid()), variable],  # not as a module: the package is slow to import
        env={**os.environ, variable: secret},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,  # it must not hold the sandbox's own output open
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # what kills the sandbox's group must not kill its watchdog
    )
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _carriers(variable: str, secret: str) -> list[psutil.Process]:
    processes = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(variable) == secret:
                processes.append(process)
        except (psutil.Error, OSError):  # another user's, or it has just ended
            continue
    return processes


def _end(variable: str, secret: str) -> None:
    processes = _carriers(variable, secret)
    for process in processes:
        with suppress(psutil.Error):  # it has just ended
            process.terminate()
    psutil.wait_procs(processes, timeout=GRACE_S)
    for process in _carriers(variable, secret):  # those that do not listen, and what they have started since
        with suppress(psutil.Error):
            process.kill()


def main() -> None:
    """Wait until the process that is named is no longer this one's parent, then end what it left."""
    parent, variable = int(sys.argv[1]), sys.argv[2]
    while os.getppid() == parent:
        time.sleep(_POLL_S)
    time.sleep(_POLL_S)  # one that was being started has its environment by then
    _end(variable, os.environ[variable])


if __name__ == "__main__":
    main()
