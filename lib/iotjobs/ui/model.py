"""What a person has chosen: the model that all views observe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import traitlets

from iotjobs.model import UNFINISHED, ExecutionKey

if TYPE_CHECKING:
    from iotjobs.workflows.investigate import Findings


class Selection(traitlets.HasTraits):
    """The chosen job or step, thing and execution `(job_id, thing_name, execution_number)`; None is all of them.

    Made afresh from the findings each time, and remembered nowhere: a notebook's parameters always win.
    """

    job_id = traitlets.Unicode(None, allow_none=True)
    step = traitlets.Int(None, allow_none=True)
    thing_name = traitlets.Unicode(None, allow_none=True)
    execution: Any = traitlets.Tuple(
        traitlets.Unicode(), traitlets.Unicode(), traitlets.Int(), default_value=None, allow_none=True
    )

    def set_execution(self, key: ExecutionKey | None) -> None:
        """Choose an execution and with it its thing; the chosen job stays."""
        with self.hold_trait_notifications():
            self.execution = None if key is None else (key.job_id, key.thing_name, key.execution_number)
            self.thing_name = None if key is None else key.thing_name


def first_selection(findings: Findings) -> Selection:
    """Start with what the parameters name; where they name no thing, with the worst unfinished execution."""
    selection = Selection(job_id=findings.job_id)
    if findings.thing_name is not None:
        select_thing(selection, findings, findings.thing_name)
    elif len(findings.executions) and findings.executions.iloc[0]["status"] in UNFINISHED:
        selection.set_execution(key_of(findings.executions.iloc[0]))
    return selection


def select_thing(selection: Selection, findings: Findings, thing_name: str) -> None:
    """Choose a thing, and the head of its queue."""
    queue = queue_of(findings, thing_name)
    with selection.hold_trait_notifications():
        selection.thing_name = thing_name
        if len(queue):
            selection.set_execution(key_of(queue.iloc[0]))
        else:
            selection.execution = None


def select_job(selection: Selection, findings: Findings, job_id: str | None) -> None:
    """Choose a job (None for all), and its worst execution where the chosen one is another job's."""
    with selection.hold_trait_notifications():
        selection.job_id, selection.step = job_id, None
        if job_id is None or (selection.execution is not None and selection.execution[0] == job_id):
            return
        rows = executions_of(findings, selection)
        selection.set_execution(key_of(rows.iloc[0]) if len(rows) else None)


def select_step(selection: Selection, findings: Findings, step: int) -> None:
    """Choose a step of `findings.steps.ranked` by its place, and its execution on the thing to begin with."""
    with selection.hold_trait_notifications():
        selection.job_id, selection.step = None, step
        rows = executions_of(findings, selection)
        first = rows[rows["thing_name"] == findings.steps.ranked[step].begin_with]
        rows = first if len(first) else rows
        selection.set_execution(key_of(rows.iloc[0]) if len(rows) else None)


def executions_of(findings: Findings, selection: Selection) -> pd.DataFrame:
    """The executions of the chosen step or job, or all of them, worst first, numbered from 0."""
    table = findings.executions
    if selection.step is not None:
        table = table[findings.steps.ranked[selection.step].chooses(table)]
    elif selection.job_id is not None:
        table = table[table["job_id"] == selection.job_id]
    return table.reset_index(drop=True)


def queue_of(findings: Findings, thing_name: str) -> pd.DataFrame:
    """The unfinished executions of a thing in the order of delivery."""
    table = findings.queues
    return table[table["thing_name"] == thing_name].sort_values("position", ignore_index=True)


def link_of(findings: Findings, thing_name: str) -> Any | None:
    """The thing's row of `Findings.connectivity`, None where nothing is known of it."""
    rows = findings.connectivity[findings.connectivity["thing_name"] == thing_name]
    return rows.iloc[0] if len(rows) else None


def row_of(findings: Findings, execution: tuple[str, str, int] | None) -> Any | None:
    """The row of an execution, of the executions or of a queue; None when there is none."""
    for table in (findings.executions, findings.queues):
        if execution is not None:
            job_id, thing_name, number = execution
            same = (table["job_id"] == job_id) & (table["thing_name"] == thing_name)
            rows = table[same & (table["execution_number"] == number)]
            if len(rows):
                return rows.iloc[0]
    return None


def key_of(row: Any) -> ExecutionKey:
    """The key of a row of an executions table."""
    return ExecutionKey(str(row["job_id"]), str(row["thing_name"]), int(row["execution_number"]))
