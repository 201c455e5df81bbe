"""What to do now: the ranked steps, with what each frees; live with a button that shows what a step is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets
from markupsafe import Markup

from iotjobs.diagnosis.evidence_text import duration_text
from iotjobs.diagnosis.next_steps import Step
from iotjobs.markup import View, render, visible
from iotjobs.model import UNFINISHED
from iotjobs.plurals import agreeing, many
from iotjobs.ui.callbacks import report_errors
from iotjobs.ui.changes_view import changes_sentence
from iotjobs.ui.model import Selection, select_job, select_step

if TYPE_CHECKING:
    from iotjobs.workflows.investigate import Findings

#: More steps than this are no longer a first screen; the table below has what they are about.
MOST_STEPS = 7


class StepsView(ipywidgets.GridBox):
    """One line a step and a button before it, which stays pressed while its executions are shown."""

    def __init__(self, findings: Findings, selection: Selection, output: ipywidgets.Output) -> None:
        self._findings, self._selection = findings, selection
        self.buttons: list[ipywidgets.ToggleButton] = []
        cells: list[ipywidgets.Widget] = []
        for place, step in enumerate(findings.steps.ranked[:MOST_STEPS]):
            button = ipywidgets.ToggleButton(
                description=f"Show {place + 1}",
                tooltip="Show the executions of this step in the table, and the queue of the worst",
                layout=ipywidgets.Layout(width="84px"),
            )
            button.observe(report_errors(output, self._pressing(place)), "value")
            self.buttons.append(button)
            cells += [button, ipywidgets.HTML(step_html(step, place + 1))]
        columns = "92px minmax(0, 1fr)"
        super().__init__(cells, layout=ipywidgets.Layout(grid_template_columns=columns, grid_gap="2px 4px"))
        selection.observe(report_errors(output, self._press), "step")

    def _pressing(self, place: int) -> Any:
        def press(change: Any) -> None:
            if change["new"] and self._selection.step != place:
                select_step(self._selection, self._findings, place)
            elif not change["new"] and self._selection.step == place:
                select_job(self._selection, self._findings, None)

        return press

    def _press(self, _change: Any) -> None:
        for place, button in enumerate(self.buttons):
            button.value = place == self._selection.step
            button.description = f"{'Showing' if button.value else 'Show'} {place + 1}"


def step_html(step: Step, rank: int) -> Markup:
    """One step: what, the figures, and why."""
    waits = f"{many(step.holds_back, 'execution')} {agreeing(step.holds_back, 'waits', 'wait')}"
    holds = f", where {waits} behind it" if step.holds_back else ""
    begin = f"Begin with {step.begin_with}{holds}." if step.things > 1 else f"It is {step.begin_with}{holds}."
    return render("step.html", step=step, rank=rank, begin=begin, since=duration_text(step.oldest_s))


def steps_html(findings: Findings) -> Markup:
    """All steps as a list, for where no button answers."""
    steps = enumerate(findings.steps.ranked[:MOST_STEPS], start=1)
    return Markup().join(step_html(step, rank) for rank, step in steps)


def after_steps_html(findings: Findings) -> Markup:
    """What the steps leave out: the smaller ones, what goes on by itself, and what could not be read."""
    return render("after_steps.html", lines=_after_steps(findings), warnings=findings.warnings)


def summary_html(findings: Findings) -> Markup:
    """What was found, what was looked at and when."""
    scope = [f"{name} {value}" for name, value in (("job", findings.job_id), ("thing", findings.thing_name)) if value]
    return render(
        "summary.html",
        findings=findings,
        scope=" and ".join(scope) or "every job that is not finished",
        wait=duration_text(findings.stuck_after.total_seconds()),
        changes=changes_sentence(findings),
    )


def what_to_do(findings: Findings) -> View:
    """Show the ranked steps, what needs none, and what could not be read: a list without buttons.

    Parameters
    ----------
    findings
        What `investigate` found.

    Returns
    -------
    View
        Shown by Jupyter; the same as static HTML in a report.

    """
    steps = findings.steps.ranked[:MOST_STEPS]
    lines = [f"{rank}. {step.what}: {step.effect}" for rank, step in enumerate(steps, start=1)]
    html = summary_html(findings) + steps_html(findings) + after_steps_html(findings)
    return View(html, "\n".join(map(visible, [findings.summary, *lines])))


def _after_steps(findings: Findings) -> list[str]:
    steps, lines = findings.steps, []
    unfinished = int(findings.executions["status"].isin(UNFINISHED).sum())
    if steps.unfinished > unfinished and not findings.statuses:
        others = many(steps.unfinished - unfinished, "execution")
        lines.append(f"The steps also count {others} of other jobs in the queues of these things.")
    smaller = steps.ranked[MOST_STEPS:]
    if smaller:
        count = sum(step.executions + step.frees for step in smaller)
        are = agreeing(len(smaller), "is", "are")
        lines.append(f"{many(len(smaller), 'smaller step')}, {many(count, 'execution')}, {are} in the table below.")
    alone = sum(steps.self_resolving.values())
    if alone:
        causes = ", ".join(f"{count} {cause}" for cause, count in steps.self_resolving.items())
        behind = steps.behind_self_resolving
        rest = f"; {behind} more {agreeing(behind, 'waits', 'wait')} behind" if behind else ""
        lines.append(f"Leave alone what goes on by itself: {many(alone, 'execution')} ({causes}){rest}.")
    return lines
