"""What to do now: the ranked steps, with what each frees; live with a button that shows what a step is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets

from iotjobs.diagnosis.evidence_text import duration_text
from iotjobs.diagnosis.next_steps import Step
from iotjobs.model import UNFINISHED
from iotjobs.ui.callbacks import shown
from iotjobs.ui.model import Selection, choose_step
from iotjobs.ui.static import box, swatch, text

if TYPE_CHECKING:
    from iotjobs.workflows.investigate import Findings

#: More steps than this are no longer a first screen; the table below has what they are about.
MOST_STEPS = 7


class StepsView(ipywidgets.GridBox):
    """One line a step and a button before it."""

    def __init__(self, findings: Findings, selection: Selection, output: ipywidgets.Output) -> None:
        self.buttons: list[ipywidgets.Button] = []
        cells: list[ipywidgets.Widget] = []
        for place, step in enumerate(findings.steps.ranked[:MOST_STEPS]):
            button = ipywidgets.Button(
                description=f"Show {place + 1}",
                tooltip="Show the executions of this step in the table, and the queue of the worst",
                layout=ipywidgets.Layout(width="72px"),
            )
            button.on_click(shown(output, _choosing(place, findings, selection)))
            self.buttons.append(button)
            cells += [button, ipywidgets.HTML(step_html(step, place + 1))]
        super().__init__(cells, layout=ipywidgets.Layout(grid_template_columns="80px 1fr", grid_gap="2px 4px"))


def _choosing(place: int, findings: Findings, selection: Selection) -> Any:
    def choose(_button: Any) -> None:
        choose_step(selection, findings, place)

    return choose


def step_html(step: Step, rank: int) -> str:
    """One step: what, the figures, and why."""
    since = duration_text(step.oldest_s)
    holds = f", where {step.holds_back} wait{'s' if step.holds_back == 1 else ''} behind it" if step.holds_back else ""
    begin = f" Begin with {step.begin_with}{holds}." if step.things > 1 else f" It is {step.begin_with}{holds}."
    return (
        '<div style="line-height:1.35;padding-top:3px">'
        f"<b>{rank}. {text(step.what)}</b>: {text(step.effect)}.<br>"
        f'<span style="opacity:.85">{swatch(step.cause)}{text(step.cause)}: {text(step.why)}. '
        f"Nothing has moved for up to {since}.{text(begin)}</span></div>"
    )


def steps_html(findings: Findings) -> str:
    """All steps as a list, for where no button answers."""
    lines = [
        f'<div style="margin:6px 0">{step_html(step, rank)}</div>'
        for rank, step in enumerate(findings.steps.ranked[:MOST_STEPS], start=1)
    ]
    return "".join(lines)


def after_steps_html(findings: Findings) -> str:
    """What the steps leave out: the smaller ones, and what goes on by itself."""
    steps, lines = findings.steps, []
    unfinished = int(findings.executions["status"].isin(UNFINISHED).sum())
    if steps.unfinished > unfinished:
        others = steps.unfinished - unfinished
        lines.append(f"The steps also count {others} executions of other jobs in the queues of these things.")
    smaller = steps.ranked[MOST_STEPS:]
    if smaller:
        count = sum(step.executions + step.frees for step in smaller)
        lines.append(f"{len(smaller)} smaller steps, about {count} executions, are in the table below.")
    self_resolving = sum(steps.self_resolving.values())
    if self_resolving:
        causes = ", ".join(f"{count} {cause}" for cause, count in steps.self_resolving.items())
        behind = f"; {steps.behind_self_resolving} more wait behind them" if steps.behind_self_resolving else ""
        lines.append(
            f"Leave alone what goes on by itself: {self_resolving} "
            f"execution{'' if self_resolving == 1 else 's'} ({causes}){behind}."
        )
    elif not steps.ranked:
        lines.append("Nothing: no execution is unfinished.")
    return "".join(f'<p style="margin:4px 0">{text(line)}</p>' for line in lines)


class WhatToDo:
    """The steps once more, where Run All Cells leaves a person: above the notebook's last cell."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    def __repr__(self) -> str:
        steps = self._findings.steps.ranked[:MOST_STEPS]
        lines = [f"{rank}. {step.what}: {step.effect}" for rank, step in enumerate(steps, start=1)]
        return "\n".join([self._findings.summary, *lines])

    def _repr_html_(self) -> str:
        findings = self._findings
        return (
            f'<p style="font-size:17px"><b>What do I do now?</b> {text(findings.summary)}</p>'
            f"{steps_html(findings)}{after_steps_html(findings)}{doubts_html(findings)}"
        )


def what_to_do(findings: Findings) -> WhatToDo:
    """The ranked steps, what needs none, and what could not be read."""
    return WhatToDo(findings)


def doubts_html(findings: Findings) -> str:
    """An honest line when not everything could be read, empty otherwise."""
    if not findings.warnings:
        return ""
    warnings = "".join(f"<li>{text(warning)}</li>" for warning in findings.warnings)
    return box(f"<b>Not everything could be read, so the steps above may lack something:</b><ul>{warnings}</ul>")
