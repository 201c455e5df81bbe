"""Sweep by hand: read the plan, leave rows out, type the count, and only then press the button; stop at any time.

The sweep runs beside the kernel's main thread, so that the Stop button is heard. One thing is done at a time: a second
click finds the panel at work or unarmed and does nothing, also where the front end hands each widget's messages to a
thread of its own (JupyterLab's subshells).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets
import pandas as pd
import traitlets
from markupsafe import Markup

from iotjobs.markup import render
from iotjobs.model import Action, Identity
from iotjobs.plurals import many
from iotjobs.run.progress import progress_sentence
from iotjobs.ui import static, sweep_view
from iotjobs.ui.callbacks import in_background, report_errors
from iotjobs.ui.fleet_tables import execution_texts
from iotjobs.ui.grid import Grid, GridColumn
from iotjobs.ui.layout import row

if TYPE_CHECKING:
    from iotjobs.deletion.results import TargetResult
    from iotjobs.workflows.sweep import Sweep

_LINES = 6
_DOING = {Action.DELETE: "Deleting", Action.CANCEL: "Cancelling"}
_INSTEAD = {Action.DELETE: "Cancel instead, keep the record", Action.CANCEL: "Delete instead, the record as well"}
_PAUSE_S = 0.25
_NO_ROWS = pd.DataFrame(
    columns=["job_id", "thing_name", "execution_number", "status", "cause", "queued_at", "steps", "consequences"]
)


_COLUMNS = (
    GridColumn("Plan", "status", sweep_view.mark, "short"),
    GridColumn("Thing", "thing_name", kind="long"),
    GridColumn("Job", "job_id", static.execution, "long", text=execution_texts),
    GridColumn("Status", "status", static.badge("status"), "short"),
    GridColumn("Cause", "cause", static.cause, "short", fold=600),
    GridColumn("Queued", "queued_at", static.moment("queued_at"), "short", fold=800),
    GridColumn("What follows", "consequences", sweep_view.follows, "words", fold=1600),
)


class SweepPanel(static.StaticForm, ipywidgets.VBox):
    """The plan as a table, what to leave out, a count to type, a button that is dead until it fits, and Stop."""

    running = traitlets.Bool(default_value=False)

    def __init__(self, sweep: Sweep) -> None:
        self.sweep = sweep
        self.run = sweep.run
        self._at_work = threading.Lock()
        self._stop = threading.Event()
        self._lines: list[str] = []
        self._done: set[Identity] = set()
        self._began_at, self._shown_at = 0.0, 0.0
        self.output = ipywidgets.Output()
        self.head = ipywidgets.HTML()
        self.table = Grid(_NO_ROWS, _COLUMNS, label="plan", length=25, several=True)
        self.leave_out = _button("Leave the selected rows out", "minus-circle", "")
        self.look_again = _button("Look again", "refresh", "")
        self.other_action = _button("", "exchange", "")
        self.left_out = ipywidgets.HTML()
        self.where = ipywidgets.HTML()
        self.ticket = ipywidgets.Text(description="Ticket", value=sweep.run.ticket or "")
        self.typed = ipywidgets.Text(description="Count", continuous_update=True)
        self.delete = _button("Delete", "trash", "danger")
        self.stop = _button("Stop", "stop", "warning")
        self.progress = ipywidgets.IntProgress(layout=ipywidgets.Layout(width="320px"))
        self.why = ipywidgets.HTML()
        self.said = ipywidgets.HTML()
        self.result = ipywidgets.HTML()
        self._rows_box = ipywidgets.VBox([self.table])
        super().__init__(
            [
                self.head,
                self.result,
                self._rows_box,
                row(self.leave_out, self.look_again, self.other_action),
                self.left_out,
                self.where,
                row(self.ticket, self.typed, self.delete, self.stop, self.progress),
                self.why,
                self.said,
                self.output,
            ],
            layout=ipywidgets.Layout(width="100%"),
        )
        self.table.observe(report_errors(self.output, self.refresh), "chosen")
        self.typed.observe(report_errors(self.output, self.refresh), "value")
        self.leave_out.on_click(report_errors(self.output, self._leave_out))
        self.look_again.on_click(report_errors(self.output, self._look_again))
        self.other_action.on_click(report_errors(self.output, self._change_action))
        self.delete.on_click(report_errors(self.output, self._delete))
        self.stop.on_click(report_errors(self.output, self._stop_it))
        sweep.run.listeners.append(self.update_static)
        sweep.run.sections["sweep"] = self.static_html
        self.show()

    @property
    def results(self) -> tuple[TargetResult, ...]:
        """What became of each execution of the plan."""
        return tuple(self.sweep.view.results.values())

    @property
    def confirmable(self) -> bool:
        """Whether there is a plan that may be confirmed."""
        return self.sweep.view.open and len(self._rows) > 0

    @property
    def armed(self) -> bool:
        """Whether the plan stands, nothing is under way, and the count typed is exactly the plan's."""
        return not self._at_work.locked() and self._count_fits

    def static_html(self) -> Markup:
        """The plan and the phrase that confirms it; once it was begun, what became of it."""
        return sweep_view.sweep_html(self.sweep)

    def show(self) -> None:
        """Show the sweep as it stands now, with nothing ticked and nothing typed."""
        self.typed.value = ""
        self.head.value = sweep_view.head_html(self.sweep)
        begun = sweep_view.has_started(self.sweep)
        total = "" if begun or self._rows.empty else sweep_view.sum_html(self.sweep)
        self.left_out.value = total + sweep_view.left_out_html(self.sweep)
        self.table.show(self._rows)
        self.result.value = _scrolled(sweep_view.result_html(self.sweep)) if begun else ""
        self.where.value = sweep_view.where_html(self.sweep)
        self.refresh()

    def refresh(self, _change: Any = None) -> None:
        """Wake up or put to sleep what may be touched now, and say why the button is dead."""
        self.running = self._at_work.locked()
        count, chosen = len(self._rows), len(self._chosen)
        begun = sweep_view.has_started(self.sweep)
        self.delete.disabled = not self.armed
        verb = self.sweep.action.value.title()
        self.delete.description = f"{verb} {many(count, 'execution')}" if count else verb
        self.delete.icon = "trash" if self.sweep.action is Action.DELETE else "ban"
        self.typed.disabled = self.running or not self.confirmable
        self.typed.placeholder = f"type {count} to confirm" if self.confirmable else ""
        self.ticket.disabled = self.running
        self.leave_out.disabled = self.running or begun or not chosen
        self.leave_out.description = f"Leave the {chosen} selected out" if chosen else "Leave the selected rows out"
        self.look_again.disabled = self.running
        self.other_action.disabled = self.running or begun or not self._rule_is_open
        self.other_action.description = _INSTEAD[self.sweep.action]
        self.why.value = render("lines.html", lines=[self._why_dead()])
        self._rows_box.layout.display = "" if count else "none"
        for widget in (self.stop, self.progress):
            widget.layout.display = "" if self.running else "none"
        for widget in (self.typed, self.delete, self.ticket):
            widget.layout.display = "" if count else "none"

    def _why_dead(self) -> str:
        if self.running or not len(self._rows):
            return ""
        if self.sweep.refusals:
            return "The plan is refused, see above: leave out what it names, or plan again with other parameters."
        if not self.confirmable:
            return f"To go on with the {len(self._rows)} that are left, press Look again."
        if not self.typed.value.strip():
            return f"To confirm, type how many: {len(self._rows)}"
        return "" if self._count_fits else f"The plan is about {len(self._rows)}."

    @property
    def _count_fits(self) -> bool:
        return self.confirmable and self.typed.value.strip() == str(len(self._rows))

    @property
    def _rows(self) -> pd.DataFrame:
        """What is still to be done."""
        rows = sweep_view.pending_rows(self.sweep)
        return _NO_ROWS if rows.empty else sweep_view.dangers_first(rows)

    @property
    def _chosen(self) -> list[tuple[str, str, int]]:
        rows = self._rows
        keys = rows.iloc[list(self.table.chosen)][["job_id", "thing_name", "execution_number"]].itertuples(
            index=False, name=None
        )
        return [(str(job_id), str(thing_name), int(number)) for job_id, thing_name, number in keys]

    def _leave_out(self, _button: Any) -> None:
        if not self._chosen or not self._at_work.acquire(blocking=False):
            return
        try:
            self.sweep.prune(self._chosen)
        finally:
            self._at_work.release()
            self.show()

    def plan(self) -> None:
        """Ask for the plan, beside the main thread."""
        self._look_again(None)

    def _look_again(self, _button: Any) -> None:
        if self._at_work.acquire(blocking=False):
            self._run(self.sweep.plan, "Looking at the executions …")

    @property
    def _rule_is_open(self) -> bool:
        """Whether the rule is this run's own; a plan that was given as a file keeps its action."""
        return self.sweep.run.parameters["plan_file"] is None

    def _change_action(self, _button: Any) -> None:
        """Plan anew with the other action."""
        other = Action.CANCEL if self.sweep.action is Action.DELETE else Action.DELETE
        if self._at_work.acquire(blocking=False):
            self._run(lambda: self.sweep.plan(other), "Looking at the executions …")

    def _delete(self, _button: Any) -> None:
        if not self._at_work.acquire(blocking=False):
            return
        if not self._count_fits:
            self._at_work.release()
            return
        plan, count = self.sweep.current_plan, len(self._rows)
        assert plan is not None  # noqa: S101 - for the type checker
        self.sweep.run.ticket = self.ticket.value.strip() or None
        self._lines, self._done, self.progress.max = [], set(), count
        self._began_at = time.monotonic()
        self._run(
            lambda: self.sweep.apply(plan.phrase, stop=self._stop.is_set, progress=self._row_done),
            f"{_DOING[self.sweep.action]} {count}: one first, and when that is seen to have worked, the rest …",
        )

    def _stop_it(self, _button: Any) -> None:
        self._stop.set()
        self.stop.disabled = True
        self._say("Stopping after the execution that is under way …")

    def _row_done(self, row: TargetResult) -> None:
        if row.state.is_final:
            self._done.add(row.removal.identity)
        why = f": {row.why}" if row.why else ""
        self._lines.append(f"{row.state.value} {row.removal.key}{why}")
        if time.monotonic() - self._shown_at > _PAUSE_S:
            self._show_progress()

    def _say(self, words: str) -> None:
        self._lines.append(words)
        self._show_progress()

    def _show_progress(self) -> None:
        """Show the last lines; not for each row, since a front end that is kept busy does not see a click on Stop."""
        self._shown_at = time.monotonic()
        self._lines = self._lines[-_LINES:]
        self.progress.value = len(self._done)
        elapsed_s = time.monotonic() - self._began_at
        far = progress_sentence(len(self._done), self.progress.max, elapsed_s=elapsed_s, verb="done")
        self.said.value = render("lines.html", lines=[*([far] if self._done else []), *self._lines])

    def _run(self, work: Callable[[], object], words: str) -> None:
        """Do the work beside the main thread; until it has ended everything but Stop is dead. `_at_work` is held."""
        self._stop.clear()
        self.stop.disabled = False
        self.result.value = ""
        self._say(words)
        self.refresh()

        def carried_out() -> None:
            try:
                work()
            finally:
                self._at_work.release()
                self._lines, self.said.value = [], ""
                self.show()

        in_background(report_errors(self.output, carried_out), name="iotjobs-sweep")


def sweep_panel(sweep: Sweep) -> SweepPanel:
    """Show the panel over a sweep whose plan was made.

    Parameters
    ----------
    sweep
        What `sweep` returned, with `plan` called.

    Returns
    -------
    SweepPanel
        A widget; in a report the static form of the plan stands for it.

    """
    return SweepPanel(sweep)


def _scrolled(html: Markup) -> Markup:
    return render("scrolled.html", html=html)


def _button(description: str, icon: str, style: str) -> ipywidgets.Button:
    width = ipywidgets.Layout(width="auto", min_width="150px")
    return ipywidgets.Button(description=description, icon=icon, button_style=style, layout=width)
