"""What may be done about what is selected: each button opens its plan below, in the same notebook.

The panels that open are those of the other notebooks, with all their guards. Nothing is changed by a button here: each
asks AWS for a plan. One panel is open at a time; what was carried out stays listed when it is closed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ipywidgets
import pandas as pd
from markupsafe import Markup

from iotjobs.markup import render
from iotjobs.model import UNFINISHED, ExecutionKey
from iotjobs.ui.callbacks import report_errors
from iotjobs.ui.delete_panel import DeletePanel
from iotjobs.ui.layout import row as in_a_row
from iotjobs.ui.model import key_of
from iotjobs.ui.sweep_panel import SweepPanel
from iotjobs.ui.thing_panel import TAKE_AWAY, newest_number

if TYPE_CHECKING:
    from iotjobs.run.run import Run
    from iotjobs.workflows.delete import Deletion
    from iotjobs.workflows.details import ExecutionDetails
    from iotjobs.workflows.investigate import Findings
    from iotjobs.workflows.sweep import Sweep

_NO_ROWS = {
    True: "To plan a sweep, first choose a job or a step, or filter the table: nothing sweeps everything by default.",
    False: "No row of the table is stuck or has ended: there is nothing to sweep.",
}
#: The caps that a sweep begins with, those of `sweep`.
_MOST, _FRACTION = 25, 0.1


@dataclass(frozen=True, slots=True)
class Actions:
    """The workflows that the buttons call; each makes a run of its own and asks AWS.

    ``open_deletion`` takes a row and whether its record is kept. ``sweepable`` says which rows a sweep may be about;
    ``open_sweep`` takes them with the caps `max_deletes` and `max_fraction`.
    """

    look_up: Callable[[ExecutionKey], ExecutionDetails]
    open_deletion: Callable[[Any, bool], Deletion]
    sweepable: Callable[[pd.DataFrame], pd.DataFrame]
    open_sweep: Callable[[pd.DataFrame, int, float], Sweep]


class ActionPanel(ipywidgets.VBox):
    """Buttons for the selected execution and for the rows shown, and below them the plan that was opened last.

    ``acted``: what became of executions by what was done here, by key. ``changed`` is called when that changes.
    """

    def __init__(self, findings: Findings, actions: Actions | None, changed: Callable[[], None]) -> None:
        self.findings = findings
        self.panel: DeletePanel | SweepPanel | None = None
        self._actions, self._changed = actions, changed
        self._row: Any | None = None
        self._rows, self._all = pd.DataFrame(), True
        self._opening = False
        self._runs: list[Run] = []
        self.acted: dict[ExecutionKey, str] = {}
        self.output = ipywidgets.Output()
        self.ask = _button("What did the device last say?", "comment")
        self.cancel = _button("Plan this cancel", "ban")
        self.delete = _button("Plan this deletion", "trash")
        self.sweep = _button("Plan a sweep of these", "filter")
        self.close_panel = _button("Close the plan", "times")
        self.most = ipywidgets.BoundedIntText(description="At most (max_deletes)", value=_MOST, min=1, max=10**6)
        self.fraction = ipywidgets.BoundedFloatText(
            description="Part of a job at most (max_fraction)", value=_FRACTION, min=0.0, max=1.0, step=0.1
        )
        self.plan_again = _button("Plan again with these caps", "refresh")
        self.caps = in_a_row(self.most, self.fraction, self.plan_again)
        for field in (self.most, self.fraction):
            field.layout.width, field.style.description_width = "auto", "initial"
        self.why, self.details, self.list = ipywidgets.HTML(), ipywidgets.HTML(), ipywidgets.HTML()
        self.place = ipywidgets.VBox()
        self.place.add_class("iotjobs-plan")
        super().__init__(
            [
                in_a_row(self.ask, self.cancel, self.delete, self.sweep),
                *(self.why, self.output, self.details, self.list, self.place),
            ]
        )
        for button, act in (
            (self.ask, self._ask),
            (self.cancel, lambda _button: self._open_deletion(keeps_record=True)),
            (self.delete, lambda _button: self._open_deletion(keeps_record=False)),
            (self.sweep, lambda _button: self._open_sweep()),
            (self.plan_again, lambda _button: self._open_sweep()),
            (self.close_panel, lambda _button: self._close()),
        ):
            button.on_click(report_errors(self.output, act))
        self._buttons = {"ask": self.ask, "cancel": self.cancel, "delete": self.delete, "sweep": self.sweep}
        self.refresh()

    def select(self, row: Any | None) -> None:
        """Take another execution as the one that is meant; an idle plan of the one before is closed."""
        self._row, self.details.value = row, ""
        if isinstance(self.panel, DeletePanel):
            self._close()
        self.refresh()

    def show_rows(self, rows: pd.DataFrame | None) -> None:
        """Take other rows as those that a sweep is about; None: all there are, and nobody chose them."""
        self._all = rows is None
        self._rows = pd.DataFrame() if rows is None or self._actions is None else self._actions.sweepable(rows)
        self.refresh()

    def static_html(self) -> Markup:
        """The plan that is open and what was done before it, as plain HTML."""
        return render("actions.html", runs=self._runs) + (self.panel.static_html() if self.panel else Markup())

    def refresh(self, _change: Any = None) -> None:
        """Wake up or put to sleep what may be pressed now, and say why a button is dead."""
        self.layout.display = "" if self._actions is not None else "none"
        dead = self._dead()
        for name, button in self._buttons.items():
            button.disabled, button.tooltip = name in dead, dead.get(name)
        self.sweep.description = f"Plan a sweep of these {len(self._rows)}" if len(self._rows) else "Plan a sweep"
        self.plan_again.disabled = "sweep" in dead
        self.close_panel.disabled = self._busy
        self.why.value = render("why.html", advice=self._advice(), reasons=dict.fromkeys(dead.values()))

    def _dead(self) -> dict[str, str]:
        """Why each button that is dead is so."""
        if self._opening or self._busy:
            return dict.fromkeys(self._buttons, "Asking AWS …" if self._opening else "The plan below is at work.")
        dead = {} if len(self._rows) else {"sweep": _NO_ROWS[self._all]}
        if self._row is None:
            return dead | dict.fromkeys(("ask", "cancel", "delete"), "Choose a row of the table first.")
        key = key_of(self._row)
        if key in self.acted:
            return dead | dict.fromkeys(("cancel", "delete"), f"{key} was {self.acted[key]} here.")
        if self._row["status"] not in UNFINISHED:
            return dead | {"cancel": f"{key} has ended as {self._row['status']}: there is nothing to cancel."}
        if newest_number(self.findings, self._row) > key.execution_number:
            return dead | {"cancel": "A cancel would hit a newer execution of this job on this thing."}
        return dead

    def _advice(self) -> str:
        if self._row is None or self._row["status"] not in UNFINISHED or key_of(self._row) in self.acted:
            return ""
        words = "a cancel is enough to free the queue and keeps the record; a deletion takes the record as well."
        other = "" if self._row["suggestion"] in TAKE_AWAY else "Neither is what is suggested. If you mean it: "
        return f"{key_of(self._row)}: {other}{words}"

    @property
    def _busy(self) -> bool:
        return self.panel is not None and self.panel.running

    def _ask(self, _button: Any) -> None:
        if self._actions is None or self._row is None:
            return
        self.details.value = render("asking.html")
        try:
            details = self._actions.look_up(key_of(self._row))
        except BaseException:
            self.details.value = ""
            raise
        self.details.value = render("details.html", details=details)

    def _open_deletion(self, *, keeps_record: bool) -> None:
        actions, row = self._actions, self._row
        if actions is not None and row is not None and ("cancel" if keeps_record else "delete") not in self._dead():
            self._open(lambda: DeletePanel(actions.open_deletion(row, keeps_record)))

    def _open_sweep(self) -> None:
        actions, rows = self._actions, self._rows
        if actions is not None and "sweep" not in self._dead():
            self._open(lambda: SweepPanel(actions.open_sweep(rows, self.most.value, self.fraction.value)))

    def _open(self, make: Callable[[], DeletePanel | SweepPanel]) -> None:
        """Close what is open, open another panel, and ask for its plan; meanwhile the buttons are dead."""
        self._close()
        self._opening = True
        self.refresh()
        try:
            panel = make()
        finally:
            self._opening = False
            self.refresh()
        self.panel = panel
        panel.run.listeners.append(self._follow)
        panel.observe(self.refresh, "running")
        caps = []
        if isinstance(panel, SweepPanel):
            caps, panel.table.reveal = [self.caps], True
        self.place.children = [*caps, panel, in_a_row(self.close_panel)]
        panel.plan()

    def _close(self) -> None:
        if self.panel is None or self._busy:
            return
        if any(each.touched for each in self.panel.results):  # a plan alone changed nothing
            self._runs.append(self.panel.run)
        self.panel, self.place.children = None, []
        self._follow()

    def _follow(self) -> None:
        """Take over what became of executions in the panel that is open."""
        if self.panel is not None:
            self.acted |= {each.removal.key: each.state.value for each in self.panel.results if each.state.is_done}
        self.list.value = render("actions.html", runs=self._runs)
        self.refresh()
        self._changed()


def _button(description: str, icon: str) -> ipywidgets.Button:
    return ipywidgets.Button(description=description, icon=icon, layout=ipywidgets.Layout(width="auto"))
