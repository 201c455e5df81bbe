"""What a command has of its caller: signals that end it, and streams that may be closed or full. Quick to import."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import click

from iotjobs.visible_text import visible_lines

_ENDING_SIGNALS = ("SIGTERM", "SIGHUP")


@contextmanager
def ending_is_an_interrupt() -> Iterator[None]:
    """A scheduler's SIGTERM and a lost terminal stop the kernel as Ctrl-C does: it must not delete on by itself."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signals = [getattr(signal, name) for name in _ENDING_SIGNALS if hasattr(signal, name)]
    changed = [each for each in signals if signal.getsignal(each) == signal.SIG_DFL]  # `nohup` ignores SIGHUP
    with _handled(changed, interrupt):
        yield


@contextmanager
def undisturbed() -> Iterator[None]:
    """The run has ended: a signal that comes now must not take its report away."""
    signals = [getattr(signal, name) for name in ("SIGINT", *_ENDING_SIGNALS) if hasattr(signal, name)]
    with _handled(signals, signal.SIG_IGN):
        yield


@contextmanager
def _handled(signals: Sequence[signal.Signals], handler: Any) -> Iterator[None]:
    before = {each: signal.signal(each, handler) for each in signals}
    try:
        yield
    finally:
        for each, former in before.items():
            signal.signal(each, former)


def open_closed_streams() -> None:
    """Put nothing in the place of a closed stdin, stdout or stderr, so that no file of a run gets its number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest free number is this one
    for name, number in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w", closefd=False))


def echo(words: str, *, err: bool = False) -> None:
    """Print, where anybody listens: a pipe that closed or a full disk must not change how a run ended."""
    with suppress(OSError, ValueError):
        click.echo(visible_lines(words), err=err)


def flush_or_drop(exit_code: Callable[[], int]) -> int:
    """Do what ends with an exit code, and keep Python from changing it because a stream cannot be written."""
    try:
        return exit_code()
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                with suppress(OSError, ValueError):
                    nothing = os.open(os.devnull, os.O_WRONLY)
                    os.dup2(nothing, stream.fileno())
