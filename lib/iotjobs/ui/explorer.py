"""The investigation on one screen: where you are, what to do now, the jobs, the executions, the selected thing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets
import pandas as pd
from markupsafe import Markup

from iotjobs.markup import macro, render
from iotjobs.model import UNFINISHED, ExecutionKey
from iotjobs.ui import static
from iotjobs.ui.action_panel import ActionPanel, Actions
from iotjobs.ui.banner import connection_banner
from iotjobs.ui.callbacks import report_errors
from iotjobs.ui.fleet_tables import EXECUTION_COLUMNS, executions_grid, jobs_grid
from iotjobs.ui.layout import row as in_a_row
from iotjobs.ui.model import executions_of, first_selection, key_of, row_of, select_job
from iotjobs.ui.steps_view import StepsView, after_steps_html, steps_html, summary_html
from iotjobs.ui.thing_panel import (
    handover_html,
    queue_caption,
    queue_grid,
    queue_rows,
    thing_head,
    thing_html,
    thing_tail,
)

if TYPE_CHECKING:
    from iotjobs.workflows.investigate import Findings

_MOST_STATIC = 40
_BESIDE_HEADING = ipywidgets.Layout(width="auto", margin="10px 0 2px 10px")


class Explorer(static.StaticForm, ipywidgets.VBox):
    """Views of one `Selection` over one set of findings. `selection` may be set from Python as well.

    ``actions`` are what the buttons under the table of executions ask AWS for; None: there are no such buttons.
    """

    def __init__(self, findings: Findings, *, actions: Actions | None = None) -> None:
        self.findings = findings
        self.selection = first_selection(findings)
        self.output = ipywidgets.Output()
        self.steps = StepsView(findings, self.selection, self.output)
        self.scope = ipywidgets.HTML()
        self.all_jobs = ipywidgets.Button(description="All jobs", icon="times", layout=_BESIDE_HEADING)
        self._rows = executions_of(findings, self.selection)
        self.jobs = jobs_grid(findings.jobs)
        self.jobs.reveal = True
        self.executions = executions_grid(self._rows)
        self.actions = ActionPanel(findings, actions, self._acted)
        self.thing_head, self.thing_tail, self.handover = ipywidgets.HTML(), ipywidgets.HTML(), ipywidgets.HTML()
        self.queue_caption = ipywidgets.HTML()
        self.queue = queue_grid()
        executions = [in_a_row(self.scope, self.all_jobs), self.executions, self.output, self.actions]
        thing = [self.thing_head, self.queue_caption, self.queue, self.thing_tail, self.handover]
        super().__init__(
            [
                ipywidgets.HTML(connection_banner(findings.connection).html),
                ipywidgets.HTML(summary_html(findings)),
                self.steps,
                ipywidgets.HTML(after_steps_html(findings)),
                ipywidgets.HTML(_heading("Jobs, worst first: choose one to see its executions below")),
                self.jobs,
                *([*executions, *thing] if len(findings.executions) else [self.output]),
            ],
            layout=ipywidgets.Layout(width="100%"),
        )
        self._show_scope()
        self._show_thing()
        self._mark_selected()
        self._show_matches()
        self.selection.observe(report_errors(self.output, self._scope_changed), ["job_id", "step"])
        self.selection.observe(report_errors(self.output, self._thing_changed), ["thing_name", "execution"])
        self.jobs.observe(report_errors(self.output, self._job_chosen), "chosen")
        self.executions.observe(report_errors(self.output, self._execution_chosen), "chosen")
        self.executions.observe(report_errors(self.output, self._show_matches), "matched")
        self.queue.observe(report_errors(self.output, self._queue_row_chosen), "chosen")
        self.all_jobs.on_click(report_errors(self.output, self._show_all))

    def static_html(self) -> Markup:
        """The summary, the steps, the selected thing, the executions and the jobs as plain HTML."""
        unfinished = self._rows[self._rows["status"].isin(UNFINISHED)]
        rows = unfinished if len(unfinished) else self._rows
        table = static.html_table(rows, EXECUTION_COLUMNS, caption=self._caption(), below="evidence", most=_MOST_STATIC)
        return render(
            "explorer_static.html",
            banner=connection_banner(self.findings.connection).html,
            summary=summary_html(self.findings),
            steps=steps_html(self.findings) + after_steps_html(self.findings),
            thing=thing_html(self.findings, self.selection) if self.selection.thing_name else "",
            actions=self.actions.static_html(),
            handover=handover_html(self.findings, self.selection),
            table=table,
        )

    def _caption(self) -> str:
        selection = self.selection
        whose = "all jobs" if selection.job_id is None else selection.job_id
        if selection.step is not None:
            whose = f"step {selection.step + 1}"
        ended = int((~self._rows["status"].isin(UNFINISHED)).sum())
        note = f" ({ended} of them finished)" if ended else ""
        return f"Executions of {whose}, worst first{note}"

    def _show_scope(self) -> None:
        self.scope.value = _heading(self._caption())
        filtered = self.selection.step is not None or self.selection.job_id is not None
        self.all_jobs.layout.display = "" if filtered else "none"

    def _show_thing(self) -> None:
        thing = self.selection.thing_name
        queue = queue_rows(self.findings, thing)
        self.thing_head.value = thing_head(self.findings, self.selection)
        self.queue_caption.value = _bold(queue_caption(thing)) if thing is not None and len(queue) else ""
        self.queue.layout.display = "" if len(queue) else "none"
        self.queue.show(queue, crossed=self._crossed(queue))
        self.thing_tail.value = thing_tail(self.findings, self.selection)

    def _scope_changed(self, _change: Any) -> None:
        self._rows = executions_of(self.findings, self.selection)
        self._show_scope()
        self.executions.show(self._rows, crossed=self._crossed(self._rows))
        jobs = self.findings.jobs["job_id"].tolist()
        job_id = self.selection.job_id
        self.jobs.chosen = (jobs.index(job_id),) if job_id in jobs else ()
        self._mark_selected()

    def _thing_changed(self, change: Any) -> None:
        if change["name"] == "thing_name":
            self._show_thing()
        self._mark_selected()

    def _mark_selected(self) -> None:
        """Show in both tables which execution is selected, and have the buttons be about it."""
        selected = self.selection.execution
        for table, rows in ((self.executions, self._rows), (self.queue, self.queue.frame)):
            table.chosen = () if selected is None else _places(rows, ExecutionKey(*selected))[:1]
        self.handover.value = handover_html(self.findings, self.selection)
        self.actions.select(row_of(self.findings, selected))

    def _show_matches(self, _change: Any = None) -> None:
        """Have the sweep be about the rows that a person sees; of all there are only where somebody chose them."""
        scoped = self.selection.step is not None or self.selection.job_id is not None or self.executions.filtered
        self.actions.show_rows(self.executions.matches if scoped else None)

    def _acted(self) -> None:
        """Cross out what was dealt with here, and bring the static form up to it."""
        self.executions.cross(self._crossed(self._rows))
        self.queue.cross(self._crossed(self.queue.frame))
        self.update_static()

    def _crossed(self, rows: pd.DataFrame) -> dict[int, str]:
        return {place: word for key, word in self.actions.acted.items() for place in _places(rows, key)}

    def _job_chosen(self, change: Any) -> None:
        if change["new"]:
            job_id = str(self.findings.jobs.iloc[change["new"][0]]["job_id"])
            if job_id != self.selection.job_id:
                select_job(self.selection, self.findings, job_id)

    def _execution_chosen(self, change: Any) -> None:
        if change["new"]:
            self.selection.set_execution(key_of(self._rows.iloc[change["new"][0]]))

    def _show_all(self, _button: Any) -> None:
        select_job(self.selection, self.findings, None)

    def _queue_row_chosen(self, change: Any) -> None:
        if change["new"]:
            self.selection.set_execution(key_of(self.queue.frame.iloc[change["new"][0]]))


def _places(rows: pd.DataFrame, key: ExecutionKey) -> tuple[int, ...]:
    """Where an execution stands in a table that is numbered from 0."""
    if rows.empty:
        return ()
    same = (rows["job_id"] == key.job_id) & (rows["thing_name"] == key.thing_name)
    return tuple(rows.index[same & (rows["execution_number"] == key.execution_number)])


def _heading(words: str) -> Markup:
    return macro("heading")(words)


def _bold(words: str) -> Markup:
    return Markup("<b>{}</b>").format(words)
