"""Ends the sandbox's command when the sandbox itself was killed, which leaves it no time to do so.

A process of its own that reads a pipe: the pipe closes when the sandbox dies, however it dies. Run as a file with the
bare interpreter, so that it is there before the command is; it imports nothing of the package.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

GRACE_S = 10.0
_ALL_WELL = "ended"


@contextmanager
def posted() -> Iterator[Callable[[int], None]]:
    """Post a watchdog for one command; call what is yielded with the command's process id."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,  # it must not hold the sandbox's own output open
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # what kills the sandbox's group must not kill its watchdog
    )
    line = process.stdin
    if line is None:
        raise RuntimeError("a pipe was asked for")

    def tell(words: str) -> None:
        with suppress(BrokenPipeError):  # somebody ended the watchdog: there is nobody to tell
            os.write(line.fileno(), words.encode())

    try:
        yield lambda pid: tell(f"{pid}\n")
    finally:
        tell(_ALL_WELL)  # whoever lives to say so has seen to the command
        line.close()
        process.wait()


def main() -> None:
    """Wait for the end of the pipe; unless it says that all is well, end the command named in its first line."""
    first = sys.stdin.buffer.readline()
    if not first.strip().isdigit():
        return
    pid = int(first)
    if sys.stdin.buffer.read() == _ALL_WELL.encode():
        return
    with suppress(ProcessLookupError):  # it has ended
        os.kill(pid, signal.SIGTERM)
        until = time.monotonic() + GRACE_S
        while time.monotonic() < until:
            time.sleep(0.1)
            os.kill(pid, 0)
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
