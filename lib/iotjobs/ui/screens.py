"""The panels as the notebooks call them: a view, and the workflows that its buttons call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iotjobs.run.progress import Meter
from iotjobs.ui.explorer import Explorer
from iotjobs.ui.progress import ReadingView

if TYPE_CHECKING:
    from iotjobs.run.run import Run
    from iotjobs.workflows.investigate import Findings


def investigate(run: Run) -> Findings:
    """Read a job, a thing, or all that is unfinished, as `workflows.investigate` does, and show how far that is.

    What a long job has unfinished is shown while the rest is read.
    """
    from iotjobs.workflows import investigate as workflow  # noqa: PLC0415 - a view alone needs no workflow

    meter = Meter("Reading", lambda: run.brake_now)
    view = ReadingView(meter)
    with view.shown():
        return workflow.investigate(run, progress=meter, on_unfinished=view.first_answer)


def explore(findings: Findings, run: Run | None = None) -> Explorer:
    """Show findings to choose from: a job, an execution or a thing; the rest of the view follows.

    With the ``run`` there are buttons that ask AWS, about what a person is looking at and nothing else.
    """
    if run is None:
        return Explorer(findings)
    from iotjobs.workflows.details import look_up  # noqa: PLC0415 - a view alone needs no workflow

    return Explorer(findings, look_up=lambda key: look_up(run.connection, key))
