"""The investigation on one screen: where you are, what to do now, the jobs, the executions, the selected thing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets
from markupsafe import Markup

from iotjobs.markup import macro, render
from iotjobs.model import UNFINISHED, ExecutionKey
from iotjobs.ui import static
from iotjobs.ui.banner import connection_banner
from iotjobs.ui.callbacks import report_errors
from iotjobs.ui.fleet_tables import EXECUTION_COLUMNS, executions_grid, jobs_grid
from iotjobs.ui.model import executions_of, first_selection, key_of, select_job
from iotjobs.ui.steps_view import StepsView, after_steps_html, steps_html, summary_html
from iotjobs.ui.thing_panel import handover_html, thing_html

if TYPE_CHECKING:
    from iotjobs.workflows.details import ExecutionDetails
    from iotjobs.workflows.investigate import Findings

_MOST_STATIC = 40

LookUp = Callable[[ExecutionKey], "ExecutionDetails"]


class Explorer(static.StaticForm, ipywidgets.VBox):
    """Views of one `Selection` over one set of findings. `selection` may be set from Python as well.

    ``look_up`` fetches what a device last said of an execution, when a person asks; None: there is no button for it.
    """

    def __init__(self, findings: Findings, *, look_up: LookUp | None = None) -> None:
        self.findings = findings
        self.selection = first_selection(findings)
        self._look_up = look_up
        self.output = ipywidgets.Output()
        self.steps = StepsView(findings, self.selection, self.output)
        self.scope = ipywidgets.HTML()
        self.all_jobs = ipywidgets.Button(description="All jobs", icon="times")
        self._rows = executions_of(findings, self.selection)
        self.jobs = jobs_grid(findings.jobs)
        self.jobs.reveal = True
        self.executions = executions_grid(self._rows)
        self.thing = ipywidgets.HTML()
        self.ask = ipywidgets.Button(
            description="What did the device last say?", icon="comment", layout=ipywidgets.Layout(width="auto")
        )
        self.details = ipywidgets.HTML()
        self.handover = ipywidgets.HTML()
        super().__init__(
            [
                ipywidgets.HTML(connection_banner(findings.connection).html),
                ipywidgets.HTML(summary_html(findings)),
                self.steps,
                ipywidgets.HTML(after_steps_html(findings)),
                ipywidgets.HTML(_heading("Jobs, worst first: choose one to see its executions below")),
                self.jobs,
                ipywidgets.HBox([self.scope, self.all_jobs], layout=ipywidgets.Layout(flex_flow="row wrap")),
                self.executions,
                self.output,
                self.thing,
                self.ask,
                self.details,
                self.handover,
            ],
            layout=ipywidgets.Layout(width="100%"),
        )
        self._show_scope()
        self._show_thing()
        self._mark_selected()
        self.selection.observe(report_errors(self.output, self._scope_changed), ["job_id", "step"])
        self.selection.observe(report_errors(self.output, self._thing_changed), ["thing_name", "execution"])
        self.jobs.observe(report_errors(self.output, self._job_chosen), "chosen")
        self.executions.observe(report_errors(self.output, self._execution_chosen), "chosen")
        self.all_jobs.on_click(report_errors(self.output, self._show_all))
        self.ask.on_click(report_errors(self.output, self._ask))

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
        self.thing.value = thing_html(self.findings, self.selection)
        self.handover.value = handover_html(self.findings, self.selection)
        self.details.value = ""
        can_ask = self._look_up is not None and self.selection.execution is not None
        self.ask.layout.display = "" if can_ask else "none"

    def _scope_changed(self, _change: Any) -> None:
        self._rows = executions_of(self.findings, self.selection)
        self._show_scope()
        self.executions.show(self._rows)
        jobs = self.findings.jobs["job_id"].tolist()
        job_id = self.selection.job_id
        self.jobs.chosen = (jobs.index(job_id),) if job_id in jobs else ()
        self._mark_selected()

    def _thing_changed(self, _change: Any) -> None:
        self._show_thing()
        self._mark_selected()

    def _mark_selected(self) -> None:
        selected = self.selection.execution
        columns = ["job_id", "thing_name", "execution_number"]
        if selected is None:
            self.executions.chosen = ()
            return
        same = (self._rows[columns] == list(selected)).all(axis="columns")
        self.executions.chosen = tuple(self._rows.index[same][:1])

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

    def _ask(self, _button: Any) -> None:
        if self._look_up is None or self.selection.execution is None:
            return
        self.details.value = render("asking.html")
        try:
            details = self._look_up(ExecutionKey(*self.selection.execution))
        except BaseException:
            self.details.value = ""
            raise
        self.details.value = render("details.html", details=details)


def _heading(words: str) -> Markup:
    return macro("heading")(words)
