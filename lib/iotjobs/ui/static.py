"""The static form of a view: plain HTML that stands when no front end answers.

A widget that mixes in `StaticForm` shows two outputs: the static form, and the live view. The stylesheet hides the
static form for as long as the live view is alive, so a page shows one of them: after a restart of the kernel, in a
notebook opened elsewhere, in a report or in whatever nbconvert makes, it is the static form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import ipywidgets
import pandas as pd
from markupsafe import Markup

from iotjobs.markup import macro, page, render

#: A table shows no more rows than this; the rest is in the run's `executions.csv`.
MOST_ROWS = 100

Row = Mapping[Any, Any]


class StaticForm(ipywidgets.Widget):
    """A widget that also has a plain HTML form; mix it in before the container."""

    _static: Any = None

    def static_html(self) -> Markup:
        """The HTML that stands in for the widget."""
        raise NotImplementedError

    def update_static(self) -> None:
        """Bring the static form up to what the widget shows now, where it has been shown."""
        if self._static is not None:
            self._static.update(self._static_bundle(), raw=True)

    def _static_bundle(self) -> dict[str, str]:
        html = page(render("static.html", html=self.static_html()))
        return {"text/html": html, "text/plain": "This view needs a front end that shows HTML."}

    def _ipython_display_(self) -> None:
        from IPython.display import display  # noqa: PLC0415 - the library works without IPython

        self.add_class("iotjobs")
        self.add_class("mathjax_ignore")
        self.add_class("iotjobs-live")
        self._static = display(self._static_bundle(), raw=True, display_id=True)
        # where no widget can be shown, such as in a notebook that is not trusted, a front end takes the plain text
        display({**self._repr_mimebundle_(), "text/plain": ""}, raw=True)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a plain table: what its cells show of a row, a column's name or a function of the row.

    ``kind`` is a class of the stylesheet: `long` may break anywhere, `short` and `number` not at all. ``fold``: where
    the table is narrower than so many px its cells stand under their rows (one of the widths of `style.css`); 0: never.
    """

    title: str
    of: str | Callable[[Row], Any]
    kind: str = ""
    fold: int = 0

    def cell(self, row: Row) -> Any:
        """What the row's cell shows."""
        return row[self.of] if isinstance(self.of, str) else self.of(row)


def badge(name: str) -> Callable[[Row], Markup]:
    """The cell of a status, coloured; the word stays, so that colour is never all there is."""
    return lambda row: macro("badge")(row[name])


def cause(row: Row) -> Markup:
    """The cell of a cause, with its colour before it."""
    return macro("cause")(row["cause"])


def moment(name: str) -> Callable[[Row], Markup]:
    """The cell of a moment, or of one written as text; to the second on hover."""
    return lambda row: macro("moment")(pd.Timestamp(row[name]))


def age(name: str, since: str) -> Callable[[Row], Markup]:
    """The cell of a duration in seconds; the moment it began on hover."""
    return lambda row: macro("since")(row[name], row[since])


def execution(row: Any) -> str:
    """The cell of a job and number: `firmware-2 #1`."""
    return f"{row['job_id']} #{row['execution_number']}"


def suggestion(row: Row) -> str:
    """The cell of a suggestion in a person's words: `force delete`."""
    return "" if pd.isna(row["suggestion"]) else str(row["suggestion"]).replace("_", " ")


def yes(value: Any) -> str:
    """A flag as a word."""
    return "" if pd.isna(value) else ("yes" if value else "no")


def html_table(
    frame: pd.DataFrame,
    columns: tuple[Column, ...],
    *,
    caption: str,
    emphasis: str | None = None,
    below: str | None = None,
    most: int = MOST_ROWS,
    rest: str = "executions.csv",
) -> Markup:
    """A plain table.

    `emphasis` names a boolean column whose true rows are set apart, `below` one whose text stands under its row over
    the full width. At most `most` rows are shown; the others are in the file `rest`.
    """
    rows = [
        {
            "cells": [column.cell(row) for column in columns],
            "strong": emphasis is not None and not pd.isna(row[emphasis]) and bool(row[emphasis]),
            "below": None if below is None else row[below],
        }
        for row in frame.head(most).to_dict("records")
    ]
    more = max(0, len(frame) - most)
    return render(
        "table.html", table={"caption": caption, "columns": columns, "rows": rows, "more": more, "rest": rest}
    )
