"""What IPython says of a notebook's cells: which one failed, and whether a person's front end runs them."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from iotjobs.errors import IotJobsError


def on_failure(report: Callable[[BaseException], None]) -> Callable[[], None] | None:
    """Have a failed cell reported; returns what ends that, None where no IPython runs."""
    from IPython import get_ipython  # noqa: PLC0415 - the library works without IPython

    shell = get_ipython()
    if shell is None:
        return None

    def after_cell(result: Any) -> None:
        error = result.error_in_exec or result.error_before_exec
        if error is not None:
            with suppress(IotJobsError):  # the directory is another run's by now, or cannot be written
                report(error)

    shell.events.register("post_run_cell", after_cell)
    return lambda: shell.events.unregister("post_run_cell", after_cell)


def are_a_persons() -> bool:
    """Whether a person's front end asked for the cell that runs: it names the cell, and no headless client does.

    Voila names none; it runs the cells for the person who opened its page, and says so in the kernel's environment.
    """
    from IPython import get_ipython  # noqa: PLC0415 - the library works without IPython

    kernel = getattr(get_ipython(), "kernel", None)
    request = kernel.get_parent("shell") if kernel is not None else {}
    names_it = (request or {}).get("metadata", {}).get("cellId")
    return bool(names_it) or (kernel is not None and os.environ.get("SERVER_SOFTWARE", "").startswith("voila/"))
