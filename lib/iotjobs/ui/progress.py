"""How far a reading is, where its cell stands in the notebook: a line, and the first answer while the rest is read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from iotjobs.diagnosis.evidence_text import duration_text
from iotjobs.markup import page, render
from iotjobs.run import cells
from iotjobs.run.progress import Meter, told

if TYPE_CHECKING:
    from iotjobs.workflows.investigate import Findings


class ReadingView:
    """Shows a reading that takes longer than a moment; what stays of it is how long it took."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._first: Markup = Markup()
        self._shown: Any = None

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show it while the reading lasts, to a person; on a command's terminal it is the line alone."""
        began = time.monotonic()
        ending = "stopped after"
        try:
            with told(self._meter.line, self._show if cells.are_a_persons() else None):
                yield
            ending = "read in"
        finally:
            if self._shown is not None:
                self._first = Markup()
                self._show(f"{ending} {duration_text(time.monotonic() - began)}")

    def first_answer(self, findings: Findings) -> None:
        """Show what is unfinished, the while what has ended is still read."""
        from iotjobs.ui.explorer import Explorer  # noqa: PLC0415 - most readings have no need of it

        self._first = Explorer(findings).static_html()  # shown with the next line

    def _show(self, line: str) -> None:
        html = page(render("reading.html", line=line, first=self._first))
        bundle = {"text/html": html, "text/plain": line}
        if self._shown is None:
            from IPython.display import display  # noqa: PLC0415 - the library works without IPython

            self._shown = display(bundle, raw=True, display_id=True)
        else:
            self._shown.update(bundle, raw=True)
