"""A person's click: its errors are shown where it was made, and long work runs beside the kernel's main thread."""

from __future__ import annotations

import contextvars
import logging
import threading
import traceback
from collections.abc import Callable
from typing import ParamSpec

import ipywidgets

from iotjobs.errors import IotJobsError
from iotjobs.markup import visible

P = ParamSpec("P")
_log = logging.getLogger(__name__)


def report_errors(output: ipywidgets.Output, callback: Callable[P, None]) -> Callable[P, None]:
    """Wrap a callback so that its error is shown in `output`, and the last one is cleared when it goes well.

    Jupyter shows the error of a callback nowhere.
    """

    def call(*args: P.args, **kwargs: P.kwargs) -> None:
        output.outputs = ()
        try:
            callback(*args, **kwargs)
        except IotJobsError as error:
            output.append_stderr(f"{type(error).__name__}: {visible(error)}\n")
        except Exception as error:  # noqa: BLE001 - the boundary to the person: shown, with where it happened
            _log.exception("a callback failed")
            where = "".join(traceback.format_tb(error.__traceback__)[-2:])
            output.append_stderr(f"This is a fault of the kit. {type(error).__name__}: {visible(error)}\n{where}")

    return call


def in_background(work: Callable[[], None], *, name: str) -> threading.Thread:
    """Start `work` in a thread that ends with the kernel, so that the kernel hears Stop meanwhile.

    `work` must show its own errors. It runs in the caller's context, so that the front end takes its messages for those
    of the cell that was run. Newer front ends hand widgets' messages to threads of their own; older ones do not.
    """
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(work,), name=name, daemon=True)
    thread.start()
    return thread
