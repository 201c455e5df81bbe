"""Delete one execution by hand: see the plan, type the thing's name, and only then press the button.

The button is dead until the plan on the screen is the plan of the fields and the name typed is the thing's; beside it
stands why. A click that was queued behind a running one finds the panel unarmed and does nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import ipywidgets
import traitlets
from markupsafe import Markup

from iotjobs.markup import render
from iotjobs.ui import static
from iotjobs.ui.callbacks import report_errors
from iotjobs.ui.deletion_view import deletion_html
from iotjobs.ui.layout import row

if TYPE_CHECKING:
    from iotjobs.deletion.results import TargetResult
    from iotjobs.workflows.delete import Deletion


class DeletePanel(static.StaticForm, ipywidgets.VBox):
    """Fields, the plan with its caution, a name to type, and a button that is dead until all of it fits."""

    running = traitlets.Bool(default_value=False)

    def __init__(self, deletion: Deletion) -> None:
        self.deletion = deletion
        self.run = deletion.run
        self.stale = False
        request = deletion.request
        self.output = ipywidgets.Output()
        self.job = _text("Job", request and request.job_id)
        self.thing = _text("Thing", request and request.thing_name)
        self.number = _text("Number", request and request.execution_number)
        self.ticket = _text("Ticket", deletion.run.ticket)
        self.force = _check("Also if it is unfinished (force)", ticked=bool(request and request.force))
        self.cancel_first = _check("Cancel it first, the safe way", ticked=request is None or deletion.cancel_first)
        self.keep_record = _check("Keep the record: cancel it, delete nothing", ticked=deletion.keeps_record)
        self.show_plan = ipywidgets.Button(description="Show the plan", icon="search", button_style="info")
        self.plan_view = ipywidgets.HTML()
        self.typed = _text("Thing's name", "")
        self.typed.placeholder = "type the thing's name to confirm"
        self.delete = ipywidgets.Button(description="Delete", icon="trash", button_style="danger", disabled=True)
        self.why = ipywidgets.HTML()
        super().__init__(
            [
                row(self.job, self.thing, self.number, self.ticket),
                row(self.keep_record, self.force, self.cancel_first, self.show_plan),
                self.output,
                self.plan_view,
                row(self.typed, self.delete),
                self.why,
            ]
        )
        for field in self._fields:
            field.observe(report_errors(self.output, self._field_changed), "value")
        self.typed.observe(report_errors(self.output, self.refresh), "value")
        self.show_plan.on_click(report_errors(self.output, self._make_plan))
        self.delete.on_click(report_errors(self.output, self._delete))
        deletion.run.listeners.append(self.update_static)
        deletion.run.sections["deletion"] = self.static_html
        self.show()

    @property
    def _fields(self) -> tuple[Any, ...]:
        return (self.job, self.thing, self.number, self.ticket, self.keep_record, self.force, self.cancel_first)

    @property
    def confirmable(self) -> bool:
        """Whether the plan on the screen is the fields' and may be confirmed."""
        return self.deletion.view.open and not self.stale and not self.running

    @property
    def armed(self) -> bool:
        """Whether the plan stands and the name typed is exactly the thing's."""
        return self.confirmable and self.typed.value != "" and self.typed.value == self.thing.value

    def static_html(self) -> Markup:
        """The plan and, while it may be confirmed, the phrase that does; later what became of it."""
        return deletion_html(self.deletion)

    def show(self) -> None:
        """Show the deletion as it stands now, with nothing typed."""
        self.typed.value = ""
        self.plan_view.value = deletion_html(self.deletion, phrase=False)
        self.refresh()

    def refresh(self, _change: Any = None) -> None:
        """Wake up or put to sleep what may be touched now, and say why the button is dead."""
        self.delete.disabled = not self.armed
        for field in (*self._fields, self.show_plan):
            field.disabled = self.running
        for field in (self.number, self.cancel_first):  # a cancel is of the newest number, and nothing comes after it
            field.layout.display = "none" if self.keep_record.value else ""
        self.typed.disabled = not self.confirmable
        self.delete.description = "Cancel it" if self.keep_record.value else "Delete"
        self.delete.icon = "ban" if self.keep_record.value else "trash"
        self.why.value = render("lines.html", lines=[self._why_dead()])

    def _why_dead(self) -> str:
        if self.running:
            return "Asking AWS …"
        if self.stale or (self.deletion.view.plan is None and not self.deletion.refusals):
            needed = [self.job, self.thing, *([] if self.keep_record.value else [self.number])]
            missing = [field.description for field in needed if not field.value.strip()]
            first = f"Fill in {' and '.join(missing)}, then press" if missing else "Press"
            return f"{first} Show the plan: there is none of what the fields name."
        if self.deletion.refusals:
            unfinished = any(refusal.guard.endswith("needs_force") for refusal in self.deletion.refusals)
            remedy = f" If you mean it, tick {self.force.description!r}." if unfinished else ""
            return f"The plan is refused, see above.{remedy}"
        if not self.deletion.view.open:
            return "This plan was carried out. To go on, press Show the plan."
        if self.typed.value == "":
            return f"To confirm, type the thing's name: {self.thing.value}"
        return "" if self.armed else f"That is not the thing's name: {self.thing.value}"

    def _field_changed(self, _change: Any) -> None:
        self.stale = True
        self.typed.value = ""
        self.refresh()

    def plan(self) -> None:
        """Ask for the plan of what is named, as it came from elsewhere; then only the name is to be typed."""
        report_errors(self.output, self._plan)()
        self.typed.focus()

    @property
    def results(self) -> tuple[TargetResult, ...]:
        """What became of the execution, where anything did."""
        result = self.deletion.view.result
        return () if result is None else (result,)

    def _plan(self) -> None:
        with self._busy():
            self.deletion.plan()

    def _make_plan(self, _button: Any) -> None:
        with self._busy():
            self.deletion.choose(
                self.job.value,
                self.thing.value,
                self.number.value.strip() or None,
                force=self.force.value,
                cancel_first=self.cancel_first.value,
                keeps_record=self.keep_record.value,
                ticket=self.ticket.value or None,
            )
            self.deletion.plan()
            self.stale = False

    def _delete(self, _button: Any) -> None:
        plan = self.deletion.view.plan
        if not self.armed or plan is None:
            return
        with self._busy():
            self.deletion.apply(plan.phrase)

    @contextmanager
    def _busy(self) -> Iterator[None]:
        """While it lasts every field and button of the panel is dead."""
        self.running = True
        self.refresh()
        try:
            yield
        finally:
            self.running = False
            self.show()


def delete_panel(deletion: Deletion) -> DeletePanel:
    """Show the panel over a deletion; its fields start with what the parameters name, else empty.

    Parameters
    ----------
    deletion
        What `delete_job_execution` or `cancel_job_execution` returned.

    Returns
    -------
    DeletePanel
        A widget; in a report the static form of the plan stands for it.

    """
    return DeletePanel(deletion)


def _text(label: str, value: Any) -> ipywidgets.Text:
    text = "" if value is None else str(value)
    return ipywidgets.Text(description=label, value=text, style={"description_width": "90px"})


def _check(label: str, *, ticked: bool) -> ipywidgets.Checkbox:
    layout = ipywidgets.Layout(width="auto", margin="2px 14px 2px 2px")
    return ipywidgets.Checkbox(description=label, value=ticked, indent=False, layout=layout)
