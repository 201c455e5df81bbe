"""The kernel of `iotjobs run`: dies with the run, however that ends, so that it deletes nothing on its own.

Run as a file, with `-P` so that its folder does not shadow other modules. Where the operating system cannot tie two
processes (only Linux can), ipykernel notices the loss of its parent by itself, within a second or two.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Have the operating system kill this process when the one that started it ends."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before this was said
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    die_with_parent(int(sys.argv.pop(1)))
    runpy.run_module("ipykernel_launcher", run_name="__main__", alter_sys=True)
