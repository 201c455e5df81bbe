"""Delete one execution by hand: see the plan, type the thing's name, and only then press the button.

The button is dead until the plan on the screen is the plan of the fields and the name typed is the thing's.
A click that was queued behind a running one finds the panel unarmed and does nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets
from markupsafe import Markup

from iotjobs.markup import render
from iotjobs.ui import static
from iotjobs.ui.callbacks import report_errors
from iotjobs.ui.sweep_view import confirm_html

if TYPE_CHECKING:
    from iotjobs.workflows.delete import Deletion


class DeletePanel(static.StaticForm, ipywidgets.VBox):
    """Fields, the plan with its caution, a name to type, and a button that is dead until all of it fits."""

    def __init__(self, deletion: Deletion, *, job_id: str, thing_name: str, execution_number: str, force: bool) -> None:
        self.deletion = deletion
        self._plan: Any = None
        self.running = False
        self.output = ipywidgets.Output()
        self.job = _text("Job", job_id)
        self.thing = _text("Thing", thing_name)
        self.number = _text("Number", execution_number)
        self.force = _check("force: it is unfinished, and I mean it", ticked=force)
        self.cancel_first = _check("cancel it first, the safe way", ticked=True)
        self.show_plan = ipywidgets.Button(description="Show the plan", icon="search", button_style="info")
        self.plan_view = ipywidgets.HTML()
        self.typed = _text("Thing's name", "")
        self.typed.placeholder = "type the thing's name to confirm"
        self.delete = ipywidgets.Button(description="Delete", icon="trash", button_style="danger", disabled=True)
        self.result = ipywidgets.HTML()
        super().__init__(
            [
                ipywidgets.HBox([self.job, self.thing, self.number]),
                ipywidgets.HBox([self.force, self.cancel_first]),
                self.show_plan,
                self.plan_view,
                ipywidgets.HBox([self.typed, self.delete]),
                self.result,
                self.output,
            ]
        )
        for field in self._fields:
            field.observe(report_errors(self.output, self._field_changed), "value")
        self.typed.observe(report_errors(self.output, self.refresh), "value")
        self.show_plan.on_click(report_errors(self.output, self._make_plan))
        self.delete.on_click(report_errors(self.output, self._delete))
        self.refresh()

    @property
    def _fields(self) -> tuple[Any, ...]:
        return (self.job, self.thing, self.number, self.force, self.cancel_first)

    @property
    def armed(self) -> bool:
        """Whether the plan stands and the name typed is exactly the thing's."""
        return (
            self._plan is not None
            and not self.running
            and self.typed.value != ""
            and self.typed.value == self.thing.value
        )

    def static_html(self) -> Markup:
        """The plan and the phrase that confirms it."""
        plan = self.deletion.current_plan
        if plan is None:
            return render("no_plan.html", reason=self.deletion.run.reason)
        return confirm_html(self.deletion.run, "" if self.deletion.refusals else plan.phrase)

    def refresh(self, _change: Any = None) -> None:
        """Wake up or put to sleep what may be touched now."""
        self.delete.disabled = not self.armed
        for field in (*self._fields, self.show_plan):
            field.disabled = self.running
        self.typed.disabled = self.running or self._plan is None

    def _field_changed(self, _change: Any) -> None:
        self._discard_plan()
        self.result.value = ""

    def _discard_plan(self) -> None:
        self._plan = None
        self.plan_view.value = ""
        self.typed.value = ""
        self.refresh()

    def _make_plan(self, _button: Any) -> None:
        self._discard_plan()
        self.result.value = ""
        with self._busy("Looking at the execution …"):
            self.deletion.choose(
                self.job.value,
                self.thing.value,
                self.number.value,
                force=self.force.value,
                cancel_first=self.cancel_first.value,
            )
            self.deletion.plan()
            plan = self.deletion.current_plan
        self.plan_view.value = self.deletion._repr_html_()  # the notebook protocol
        self._plan = None if self.deletion.refusals else plan
        self.refresh()

    def _delete(self, _button: Any) -> None:
        if not self.armed or self._plan is None:
            return
        phrase = self._plan.phrase
        self._plan = None
        with self._busy("Deleting …"):
            outcome = self.deletion.apply(phrase)
        self._discard_plan()
        self.result.value = _outcome_html(outcome)

    def _busy(self, words: str) -> _Busy:
        return _Busy(self, words)


class _Busy:
    """While it lasts every field and button of the panel is dead."""

    def __init__(self, panel: DeletePanel, words: str) -> None:
        self._panel, self._words = panel, words

    def __enter__(self) -> None:
        self._panel.running = True
        self._panel.result.value = render("lines.html", lines=[self._words])
        self._panel.refresh()

    def __exit__(self, *_error: object) -> None:
        self._panel.running = False
        self._panel.result.value = ""
        self._panel.refresh()


def delete_panel(deletion: Deletion) -> DeletePanel:
    """The panel over a deletion; the fields start with what the parameters name, else empty."""
    named = deletion.request
    return DeletePanel(
        deletion,
        job_id=_start(named and named.job_id),
        thing_name=_start(named and named.thing_name),
        execution_number=_start(named and named.execution_number),
        force=bool(named and named.force),
    )


def _start(value: Any) -> str:
    return "" if value is None else str(value)


def _outcome_html(outcome: object) -> str:
    html = getattr(outcome, "_repr_html_", None)
    if callable(html):
        return str(html())
    return "" if outcome is None else render("lines.html", lines=[outcome])


def _text(label: str, value: str) -> ipywidgets.Text:
    return ipywidgets.Text(description=label, value=value, style={"description_width": "90px"})


def _check(label: str, *, ticked: bool) -> ipywidgets.Checkbox:
    return ipywidgets.Checkbox(description=label, value=ticked, indent=False)
