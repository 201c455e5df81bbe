"""The panels as the notebooks call them: a view, and the workflows that its buttons call."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from markupsafe import Markup

from iotjobs.markup import View
from iotjobs.run import cells
from iotjobs.run.progress import Meter
from iotjobs.ui.action_panel import Actions
from iotjobs.ui.changes_view import what_changed
from iotjobs.ui.explorer import Explorer
from iotjobs.ui.fleet_overview import fleet_overview
from iotjobs.ui.prevention_view import prevention
from iotjobs.ui.progress import ReadingView

if TYPE_CHECKING:
    from iotjobs.run.run import Run
    from iotjobs.workflows.investigate import Findings


def investigate(run: Run) -> Findings:
    """Read a job, a thing, or all that is unfinished, and say of each execution why it has not finished.

    Writes `executions.csv` and `executions.parquet` into the run directory, and `changes.csv` where the run has an
    earlier one to compare with. Changes nothing in AWS. Shows how far the reading is, and what a long job has
    unfinished while what has ended is still read.

    Parameters
    ----------
    run
        A run of "investigate". Its parameters say what is read: `job_id`, `thing_name`, `stuck_after`, `statuses`.

    Returns
    -------
    Findings
        The tables, each with the columns and dtypes of `model.py`, and what to do next.

    Raises
    ------
    InvalidInput
        The earlier run of `compare_with` is of another place or cannot be read.
    NotFound
        There is no such job or thing in the account and region.
    Denied
        No usable credentials, or a permission without which nothing can be said. What else is denied is a gap.
    Refused
        Another run is at work in the run directory.
    Interrupted
        A person stopped it.

    """
    from iotjobs.workflows import investigate as workflow  # noqa: PLC0415 - a view alone needs no workflow

    meter = Meter("Reading", lambda: run.brake_now)
    view = ReadingView(meter)
    with view.shown():
        on_unfinished = view.first_answer if cells.are_a_persons() else None  # nobody else would see it
        return workflow.investigate(run, progress=meter, on_unfinished=on_unfinished)


def explore(findings: Findings, run: Run | None = None) -> Explorer:
    """Show findings to choose from: a job, an execution or a thing; the rest of the view follows.

    Parameters
    ----------
    findings
        What `investigate` found.
    run
        With it there are buttons that ask AWS: what a device last said, and plans, each with a run of its own.

    Returns
    -------
    Explorer
        A widget; in a report its static form stands for it.

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
    explorer = Explorer(findings, actions=actions)
    run.sections["explorer"] = explorer.static_html
    for title, view in _MORE.items():
        run.sections[title] = _section(title, view, findings)
    return explorer


#: What a report of an investigation shows below the explorer, with the headings of the notebook.
_MORE = {"Prevent the next one": prevention, "One device, or many?": fleet_overview, "What changed": what_changed}


def _section(title: str, view: Callable[[Findings], View], findings: Findings) -> Callable[[], Markup]:
    return lambda: Markup("<h2>{}</h2>").format(title) + view(findings).html
