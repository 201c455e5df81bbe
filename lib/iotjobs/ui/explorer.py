"""The investigation on one screen: what to do now, the executions, the queue of the chosen thing, the jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets
from itables.widget import ITable

from iotjobs.diagnosis.evidence_text import duration_text
from iotjobs.model import UNFINISHED
from iotjobs.ui import static
from iotjobs.ui.callbacks import shown
from iotjobs.ui.changes_view import changes_sentence
from iotjobs.ui.model import choose_job, executions_of, first_selection, key_of
from iotjobs.ui.pickers import Pickers
from iotjobs.ui.steps_view import StepsView, after_steps_html, doubts_html, steps_html
from iotjobs.ui.tables import MOST_LIVE_ROWS, STYLE, executions_table, jobs_table, show_executions
from iotjobs.ui.thing_panel import thing_html

if TYPE_CHECKING:
    from iotjobs.workflows.investigate import Findings

_STATIC_COLUMNS = {
    "thing_name": ("Thing", static.text),
    f"{static.WHOLE_ROW}execution": ("Execution", static.execution),
    "status": ("Status", static.badge),
    "cause": ("Cause", static.cause),
    "unblocks": ("Holds back", static.text),
    "age_s": ("Age", static.age),
    "suggestion": ("Suggestion", static.text),
    "thing_groups": ("Groups", static.text),
}
_MOST_STATIC = 40


class Explorer(static.StaticForm, ipywidgets.VBox):
    """Views of one `Selection` over one set of findings. `selection` may be set from Python as well."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.selection = first_selection(findings)
        self.output = ipywidgets.Output()
        self.summary = ipywidgets.HTML(_summary_html(findings))
        self.steps = StepsView(findings, self.selection, self.output)
        self.doubts = ipywidgets.HTML(after_steps_html(findings) + doubts_html(findings))
        self.pickers = Pickers(findings, self.selection, self.output)
        self.thing = ipywidgets.HTML(thing_html(findings, self.selection))
        self._rows = executions_of(findings, self.selection)
        self.heading = ipywidgets.HTML(_heading(self._caption()))
        self.jobs: ITable = jobs_table(findings.jobs)
        self.executions: ITable = executions_table(self._rows)
        self._mark_selected()
        super().__init__(
            [
                self.summary,
                self.steps,
                self.doubts,
                self.output,
                self.pickers,
                self.heading,
                self.executions,
                self.thing,
                ipywidgets.HTML(_heading("Jobs, worst first: click one to see its executions above") + STYLE),
                self.jobs,
            ],
            layout=ipywidgets.Layout(width="100%"),
        )
        self.add_class("iotjobs-explorer")
        self.selection.observe(shown(self.output, self._scope_changed), ["job_id", "step"])
        self.selection.observe(shown(self.output, self._thing_changed), ["thing_name", "execution"])
        self.jobs.observe(shown(self.output, self._job_clicked), "selected_rows")
        self.executions.observe(shown(self.output, self._execution_clicked), "selected_rows")

    def static_html(self) -> str:
        """The summary, the steps, the executions and the queue of the chosen thing as plain HTML."""
        unfinished = self._rows[self._rows["status"].isin(UNFINISHED)]
        shown_rows = unfinished if len(unfinished) else self._rows
        table = static.html_table(
            shown_rows, _STATIC_COLUMNS, caption=self._caption(click=False), below="evidence", most=_MOST_STATIC
        )
        return (
            f"{_summary_html(self.findings)}{steps_html(self.findings)}{after_steps_html(self.findings)}"
            f"{doubts_html(self.findings)}"
            f"{thing_html(self.findings, self.selection)}{table}"
        )

    def _caption(self, *, click: bool = True) -> str:
        chosen = self.selection
        whose = "all jobs" if chosen.job_id is None else chosen.job_id
        if chosen.step is not None:
            whose = f"step {chosen.step + 1}"
        way = ": click one to see its thing's queue below" if click else ""
        more = len(self._rows) - MOST_LIVE_ROWS
        part = f" (the worst {MOST_LIVE_ROWS} of {len(self._rows)}; all are in executions.csv)" if more > 0 else ""
        return f"Executions of {whose}, worst first{part if click else ''}{way}"

    def _scope_changed(self, _change: Any) -> None:
        self._rows = executions_of(self.findings, self.selection)
        self.heading.value = _heading(self._caption())
        show_executions(self.executions, self._rows)
        jobs = self.findings.jobs["job_id"].head(MOST_LIVE_ROWS).tolist()
        job_id = self.selection.job_id
        self.jobs.selected_rows = [jobs.index(job_id)] if job_id in jobs else []
        self._mark_selected()

    def _thing_changed(self, _change: Any) -> None:
        self.thing.value = thing_html(self.findings, self.selection)
        self._mark_selected()

    def _mark_selected(self) -> None:
        chosen = self.selection.execution
        keys = [(str(job), str(thing), int(number)) for job, thing, number in self._row_keys()]
        self.executions.selected_rows = [keys.index(chosen)] if chosen in keys else []

    def _row_keys(self) -> Any:
        columns = ["job_id", "thing_name", "execution_number"]
        return self._rows[columns].head(MOST_LIVE_ROWS).itertuples(index=False, name=None)

    def _job_clicked(self, change: Any) -> None:
        if change["new"]:
            job_id = str(self.findings.jobs.iloc[change["new"][0]]["job_id"])
            choose_job(self.selection, self.findings, job_id)

    def _execution_clicked(self, change: Any) -> None:
        if change["new"] and change["new"][0] < len(self._rows):
            self.selection.choose_execution(key_of(self._rows.iloc[change["new"][0]]))


def explore(findings: Findings) -> Explorer:
    """Show findings to choose from: a job, an execution or a thing; the rest of the view follows."""
    return Explorer(findings)


def _heading(words: str) -> str:
    return f'<h3 style="margin:10px 0 0 0">{static.text(words)}</h3>'


def _summary_html(findings: Findings) -> str:
    wait = duration_text(findings.stuck_after.total_seconds())
    changes = changes_sentence(findings)
    scope = [f"{name} {value}" for name, value in (("job", findings.job_id), ("thing", findings.thing_name)) if value]
    looked_at = " and ".join(scope) or "every job that is not finished"
    when = f"{findings.as_of:%Y-%m-%d %H:%M} UTC"
    return (
        f'<div style="line-height:1.4"><p style="font-size:17px;margin:6px 0 2px 0"><b>What do I do now?</b> '
        f"{static.text(findings.summary)}</p>"
        f'<p style="margin:2px 0;opacity:.85">Looked at {static.text(looked_at)}, {when}; stuck is what has not moved '
        f"for {wait}.</p>{f'<p>{changes}</p>' if changes else ''}</div>"
    )
