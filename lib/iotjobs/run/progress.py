"""How far long work is, as one line, told where a person looks: on the terminal of a command, or to a notebook's view.

A command runs its notebook in a kernel, another process: the kernel writes the line into a file, whose name it has from
the command, and the command shows it. Where nobody watches a terminal there is neither.
"""

from __future__ import annotations

import contextvars
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from iotjobs.diagnosis.evidence_text import duration_text
from iotjobs.visible_text import visible_text

_VARIABLE = "IOTJOBS_PROGRESS"
#: A rate of less than this many steps or seconds says nothing yet.
_FEWEST, _SHORTEST_S = 2, 1.0
_EVERY_S = 0.5
_WHOLE_FROM = 10.0


def progress_sentence(done: int, total: int, *, elapsed_s: float, verb: str) -> str:
    """`4 of 16 deleted, 2.1 a second, 6 s to go`; the rate from the second one on. ``total`` 0: not known."""
    words = f"{done:,} of {total:,} {verb}" if total else f"{done:,} {verb}"
    if done < _FEWEST or elapsed_s < _SHORTEST_S or (total and done >= total):
        return words
    rate = done / elapsed_s
    shown = f"one in {1 / rate:.1f} s" if rate < 1 else f"{rate:,.{0 if rate >= _WHOLE_FROM else 1}f} a second"
    left = f", about {duration_text((total - done) / rate)} to go" if total else ""
    return f"{words}, {shown}{left}"


class Meter:
    """Counts what is done of what there is to do, by what it is; may be called from several threads.

    ``brake`` names the operation whose quota is waited for, None while none is.
    """

    def __init__(
        self, doing: str, brake: Callable[[], str | None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._doing, self._brake, self._clock = doing, brake, clock
        self._began = clock()
        self._counts: dict[str, tuple[int, int, float]] = {}
        self._counting = threading.Lock()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Add so many that are done, and so many that there are to do."""
        if not done and not total:
            return
        with self._counting:
            before_done, before_total, began = self._counts.get(what, (0, 0, self._clock()))
            self._counts[what] = before_done + done, before_total + total, began

    def line(self) -> str:
        """What, how far, how fast, how long yet, and what it waits for."""
        now = self._clock()
        with self._counting:
            counts = dict(self._counts)
        under_way = {what: each for what, each in counts.items() if each[0] < each[1]} or counts
        parts = [
            progress_sentence(done, total and max(done, total), elapsed_s=now - began, verb=what)
            for what, (done, total, began) in under_way.items()
        ]
        brake = self._brake()
        slow = [f"quota: {brake}"] if brake else []
        return f"{self._doing}, {duration_text(now - self._began)}: {'; '.join(parts + slow) or 'asking'}"


@contextmanager
def told(line: Callable[[], str], show: Callable[[str], None] | None = None) -> Iterator[None]:
    """Tell a line again and again while work lasts: to the command that runs this notebook, and to ``show``."""
    path = os.environ.get(_VARIABLE)
    over = threading.Event()

    def tell() -> None:
        while not over.wait(_EVERY_S):
            words = line()
            if path:
                with suppress(OSError):
                    Path(path).write_text(words, encoding="utf-8")
            if show is not None:
                with suppress(Exception):  # a front end may have gone: no reason to stop the work
                    show(words)

    if path is None and show is None:
        yield
        return
    telling = threading.Thread(
        target=contextvars.copy_context().run, args=(tell,), name="iotjobs-progress", daemon=True
    )
    telling.start()
    try:
        yield
    finally:
        over.set()
        telling.join()
        if path:
            with suppress(OSError):
                Path(path).write_text("", encoding="utf-8")


@contextmanager
def on_terminal(stream: TextIO | None = None) -> Iterator[dict[str, str]]:
    """Show on the last line of a terminal what a kernel tells; gives the environment that the kernel needs for it."""
    stream = stream or sys.stderr
    if not stream.isatty():
        yield {}
        return
    over = threading.Event()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "progress"

        def follow() -> None:
            shown = ""
            while not over.wait(_EVERY_S / 2):
                words = visible_text(path.read_text(encoding="utf-8", errors="replace")) if path.exists() else ""
                if words != shown:
                    _overwrite(stream, words)
                    shown = words
            if shown:
                _overwrite(stream, "")

        following = threading.Thread(target=follow, name="iotjobs-terminal", daemon=True)
        following.start()
        try:
            yield {_VARIABLE: str(path)}
        finally:
            over.set()
            following.join()


def _overwrite(stream: TextIO, words: str) -> None:
    width = shutil.get_terminal_size().columns - 1
    with suppress(OSError, ValueError):
        stream.write(f"\r\x1b[K{words[:width]}")
        stream.flush()
