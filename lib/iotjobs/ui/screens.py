"""The panels as the notebooks call them: a view, and the workflows that its buttons call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iotjobs.ui.explorer import Explorer

if TYPE_CHECKING:
    from iotjobs.run.run import Run
    from iotjobs.workflows.investigate import Findings


def explore(findings: Findings, run: Run | None = None) -> Explorer:
    """Show findings to choose from: a job, an execution or a thing; the rest of the view follows.

    Parameters
    ----------
    findings
        What `investigate` found.
    run
        With it there are buttons that ask AWS, about what a person is looking at and nothing else.

    Returns
    -------
    Explorer
        A widget; in a report its static form stands for it.

    """
    if run is None:
        return Explorer(findings)
    from iotjobs.workflows.details import look_up  # noqa: PLC0415 - a view alone needs no workflow

    return Explorer(findings, look_up=lambda key: look_up(run.connection, key))
