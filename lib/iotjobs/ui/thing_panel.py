"""One thing: who holds its queue back, the queue, its connectivity, what to do, and the commands to hand over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup

from iotjobs.deletion.printed_sweep import PrintedSweep, printed_sweep
from iotjobs.diagnosis import commands
from iotjobs.diagnosis.evidence_text import NO_TIME_ON_RECORD, duration_text
from iotjobs.diagnosis.queue_effects import with_consequences
from iotjobs.errors import InvalidInput
from iotjobs.markup import macro, render
from iotjobs.model import UNFINISHED, Action, Status, Suggestion
from iotjobs.plurals import many
from iotjobs.ui.advice import advice
from iotjobs.ui.charts import timeline_of
from iotjobs.ui.grid import Grid, GridColumn
from iotjobs.ui.model import Selection, key_of, link_of, queue_of, row_of
from iotjobs.ui.static import Column, Row, age, badge, cause, execution, html_table

if TYPE_CHECKING:
    from iotjobs.workflows.investigate import Findings

#: What is to be taken away, rather than waited for or mended.
TAKE_AWAY = (Suggestion.CANCEL, Suggestion.DELETE, Suggestion.FORCE_DELETE)


def _last_report(row: Row) -> Markup:
    """When a device last reported; what is QUEUED has no report."""
    return macro("moment")(row["last_updated_at"] if row["status"] == Status.IN_PROGRESS else None)


_QUEUE_COLUMNS = (
    Column("Place", "position", "number"),
    Column("Execution", execution, "long"),
    Column("Status", badge("status"), "short"),
    Column("Cause", cause, "short"),
    Column("So for", age("so_for_s", "since"), "short", 600),
    Column("Last report", _last_report, "short", 800),
    Column("When it ends", "when_it_ends", "long", 700),
)


def head_sentence(findings: Findings, thing_name: str) -> str:
    """Name the head of a thing's queue, for how long it has been so, and what it holds back."""
    queue = with_consequences(queue_of(findings, thing_name), as_of=findings.as_of)
    if queue.empty:
        return f"{thing_name}: nothing unfinished; its queue is empty."
    head, behind = queue.iloc[0], len(queue) - 1
    so_for = duration_text(float(head["so_for_s"]))
    holds = f" and holds back {many(behind, 'other')}" if behind else "; nothing waits behind it"
    return f"{thing_name}: {execution(head)} is {head['status']} for {so_for} ({head['cause']}){holds}"


def connectivity_sentence(findings: Findings, thing_name: str) -> str:
    """Say whether the thing is connected and since when."""
    row = link_of(findings, thing_name)
    if row is None or pd.isna(row["connected"]):
        return "Connectivity is not known."
    if pd.isna(row["changed_at"]):
        return "Connected." if row["connected"] else f"Not connected, with no time on record: {NO_TIME_ON_RECORD}."
    ago = duration_text((findings.as_of - row["changed_at"]).total_seconds())
    moment = row["changed_at"].strftime("%Y-%m-%d %H:%M UTC")
    if row["connected"]:
        return f"Connected for {ago}, since {moment}."
    reason = f", {row['reason']}" if isinstance(row["reason"], str) and row["reason"] else ""
    return f"Offline for {ago}, since {moment}{reason}."


def thing_html(findings: Findings, selection: Selection) -> Markup:
    """The selected thing: its head, its link, what to do, its queue and its time line."""
    if selection.thing_name is None:
        return thing_head(findings, selection)
    rows = queue_rows(findings, selection.thing_name)
    table = html_table(
        rows, _QUEUE_COLUMNS, caption=queue_caption(selection.thing_name), emphasis="head", below="below"
    )
    return thing_head(findings, selection) + (table if len(rows) else Markup()) + thing_tail(findings, selection)


def thing_head(findings: Findings, selection: Selection) -> Markup:
    """Who holds the selected thing's queue back, whether it is connected, and what to do."""
    thing = selection.thing_name
    if thing is None:
        return render("thing_head.html", thing=None)
    queue, link = queue_of(findings, thing), link_of(findings, thing)
    advised = queue.iloc[0] if len(queue) else row_of(findings, selection.execution)
    connected = None if link is None or pd.isna(link["connected"]) else bool(link["connected"])
    return render(
        "thing_head.html",
        thing=thing,
        head=head_sentence(findings, thing),
        link=connectivity_sentence(findings, thing),
        advice=None if advised is None else advice(advised, connected=connected),
    )


def thing_tail(findings: Findings, selection: Selection) -> Markup:
    """What is doubtful about the selected thing's queue, and its time line."""
    thing = selection.thing_name
    if thing is None:
        return Markup()
    queue, link = queue_of(findings, thing), link_of(findings, thing)
    doubtful = "queue_known" in queue and not queue["queue_known"].fillna(value=False).all()
    timeline = timeline_of(findings.executions, queue, link, thing_name=thing, as_of=findings.as_of)
    return render("thing_tail.html", doubtful=doubtful, timeline=timeline)


def queue_rows(findings: Findings, thing_name: str | None) -> pd.DataFrame:
    """A thing's queue in the order of delivery, with what each end brings about and the evidence."""
    rows = with_consequences(queue_of(findings, thing_name or ""), as_of=findings.as_of)
    rows["below"] = rows["evidence"] + "; suggestion: " + rows["suggestion"].str.replace("_", " ")
    return rows


def queue_caption(thing_name: str) -> str:
    """The words above a queue."""
    return f"Queue of {thing_name} in the order of delivery (AWS promises none across jobs); the head is bold"


def queue_grid() -> Grid:
    """The live table of a thing's queue; a row that is chosen is an execution to look at, or to plan something for."""
    names = ("position", "job_id", "status", "cause", "so_for_s", "last_updated_at", "when_it_ends")
    columns = tuple(
        GridColumn(column.title, name, column.cell, column.kind, fold=column.fold)
        for name, column in zip(names, _QUEUE_COLUMNS, strict=True)
    )
    return Grid(
        pd.DataFrame(columns=names), columns, label="queue", length=25, plain=True, below="below", strong="head"
    )


def handover_html(findings: Findings, selection: Selection) -> Markup:
    """The commands that plan to take the selected execution away, and those like it; empty where none is selected."""
    row = row_of(findings, selection.execution)
    return Markup() if row is None else _handover(row, findings)


def _handover(row: Any, findings: Findings) -> Markup:
    unfinished = row["status"] in UNFINISHED
    return render(
        "handover.html",
        key=key_of(row),
        suggested=row["suggestion"] in TAKE_AWAY,
        unfinished=unfinished,
        cancel=cancel_command(row, findings) if unfinished else None,
        delete=delete_command(row, findings),
        parameters=delete_parameters(row),
        sweeps=_sweeps(row, findings) if unfinished and row["suggestion"] in TAKE_AWAY else [],
        row=row,
    )


def _sweeps(row: Any, findings: Findings) -> list[PrintedSweep]:
    """The sweeps of what is like a row; none where a name came that no parameter takes."""
    try:
        return [sweep_of(row, findings, action) for action in (Action.CANCEL, Action.DELETE)]
    except InvalidInput:
        return []


def cancel_command(row: Any, findings: Findings) -> str | None:
    """The command that plans to cancel one execution and keep its record; None where a cancel means a newer one."""
    if newest_number(findings, row) > row["execution_number"]:
        return None
    return commands.iotjobs(
        findings.place,
        "run",
        "cancel_job_execution",
        job_id=str(row["job_id"]),
        thing_name=str(row["thing_name"]),
        force=True if row["status"] == Status.IN_PROGRESS else None,
    )


def newest_number(findings: Findings, row: Any) -> int:
    """The newest number of a row's job on its thing, as far as the findings know it."""
    rows = findings.executions
    same = (rows["job_id"] == row["job_id"]) & (rows["thing_name"] == row["thing_name"])
    return int(max([row["execution_number"], *rows.loc[same, "execution_number"]]))


def delete_command(row: Any, findings: Findings) -> str:
    """The command that plans the deletion of one execution, in the account and region of the findings."""
    live = True if row["status"] in UNFINISHED else None
    return commands.iotjobs(
        findings.place,
        "run",
        "delete_job_execution",
        job_id=str(row["job_id"]),
        thing_name=str(row["thing_name"]),
        execution_number=int(row["execution_number"]),
        cancel_first=live,
        force=live,
    )


def delete_parameters(row: Any) -> str:
    """The lines for the parameters cell of `delete_job_execution.ipynb`: the same as the command's."""
    key = key_of(row)
    lines = [
        f"job_id = {key.job_id!r}",
        f"thing_name = {key.thing_name!r}",
        f"execution_number = {key.execution_number}",
    ]
    if row["status"] in UNFINISHED:
        lines += ["force = True", "cancel_first = True"]
    return "\n".join(lines)


def sweep_of(row: Any, findings: Findings, action: Action) -> PrintedSweep:
    """The command that plans to cancel, or to delete, all executions of a row's job that are stuck for one cause."""
    return printed_sweep(
        row,
        findings.executions,
        findings.jobs,
        action=action,
        place=findings.place,
        as_of=findings.as_of,
        stuck_after=findings.stuck_after,
        project=findings.project,
    )
