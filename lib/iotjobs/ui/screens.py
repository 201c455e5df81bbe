"""The panels as the notebooks call them: a view, and the workflows that its buttons call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iotjobs.ui.action_panel import Actions
from iotjobs.ui.explorer import Explorer

if TYPE_CHECKING:
    from iotjobs.run.run import Run
    from iotjobs.workflows.investigate import Findings


def explore(findings: Findings, run: Run | None = None) -> Explorer:
    """Show findings to choose from: a job, an execution or a thing; the rest of the view follows.

    With the ``run`` there are buttons that ask AWS: what a device last said, and plans, each with a run of its own.
    """
    if run is None:
        return Explorer(findings)
    from iotjobs.workflows import in_place  # noqa: PLC0415 - a view alone needs no workflow
    from iotjobs.workflows.details import look_up  # noqa: PLC0415

    actions = Actions(
        look_up=lambda key: look_up(run.connection, key),
        open_deletion=lambda row, keeps_record: in_place.open_deletion(run, findings, row, keeps_record=keeps_record),
        sweepable=in_place.sweepable,
        open_sweep=lambda rows, most, fraction: in_place.open_sweep(
            run, findings, rows, max_deletes=most, max_fraction=fraction
        ),
    )
    return Explorer(findings, actions=actions)
