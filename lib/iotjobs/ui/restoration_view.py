"""What a run removed and how to queue it again, as HTML; it follows what is done in a panel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iotjobs.deletion.restore import Restoration, restoration
from iotjobs.markup import UpdatingView, View, render, visible
from iotjobs.ui.static import Column, badge, html_table

if TYPE_CHECKING:
    from iotjobs.run.run import Run

_COLUMNS = (
    Column("Thing", "thing_name", "long"),
    Column("Job", "job_id", "long"),
    Column("No.", "execution_number", "number"),
    Column("Was", badge("status"), "short"),
    Column("It last said", "status_details", "long"),
    Column("Became", badge("became"), "short"),
    Column("When", "ended_at", "short"),
    Column("Queued again by", "again", "long"),
)


def removed(run: Run) -> UpdatingView:
    """Show what the run removed so far; the requests that queue it again are in `restore/` of its directory.

    Parameters
    ----------
    run
        The run that `start` opened, with its parameters.

    Returns
    -------
    UpdatingView
        Shown by Jupyter; the same as static HTML in a report. It follows the run.

    """
    view = UpdatingView(lambda: restoration_view(restoration(run.directory.path)))
    run.listeners.append(view.refresh)
    run.sections["removed"] = lambda: restoration_view(restoration(run.directory.path)).html
    return view


def restoration_view(made: Restoration) -> View:
    """What was removed and how to queue it again."""
    caption = "What was removed, and by which request it is queued again"
    said = made.table["status_details"].astype(bool).any()
    columns = tuple(column for column in _COLUMNS if said or column.of != "status_details")
    table = "" if made.table.empty else html_table(made.table, columns, caption=caption, rest="journal.jsonl")
    html = render("restoration.html", made=made, table=table)
    return View(html, visible(repr(made), most=100_000))
