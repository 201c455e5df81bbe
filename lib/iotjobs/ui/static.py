"""The static form of a view: plain HTML that stands when no front end answers.

A widget that mixes in `StaticForm` puts both forms into the notebook: JupyterLab shows the live widget, an
executed notebook or an HTML report shows the table. Everything that comes from AWS is escaped here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import ipywidgets
import pandas as pd

from iotjobs.diagnosis.colours import CAUSE_LOOKS
from iotjobs.diagnosis.evidence_text import duration_text
from iotjobs.model import Status, Suggestion

#: A table shows no more rows than this; the rest is in the run's `executions.csv`.
MOST_ROWS = 100
#: The name of a column whose cells are made of the whole row begins so.
WHOLE_ROW = "*"

_CELL = "text-align:left;vertical-align:top;padding:3px 8px"
_LONG_CELL = f"{_CELL};overflow-wrap:anywhere;min-width:96px"
_LONG = ("thing_name", "when_it_ends", "note", "thing_groups")
_BELOW = "text-align:left;padding:0 8px 5px 8px;font-size:92%;opacity:.85;overflow-wrap:anywhere"

_RED, _ORANGE, _BLUE, _GREEN, _GREY = (
    ("#7a1f00", "#ffe1d3"),
    ("#5c4300", "#fff0c2"),
    ("#003f66", "#d6ecfa"),
    ("#00513b", "#d3f2e7"),
    ("#3b3b3b", "#e8e8e8"),
)
_COLOURS: dict[str, tuple[str, str]] = {
    Status.QUEUED: _GREY,
    Status.IN_PROGRESS: _BLUE,
    Status.SUCCEEDED: _GREEN,
    Status.FAILED: _RED,
    Status.TIMED_OUT: _RED,
    Status.REJECTED: _RED,
    # How a row of a sweep stands, and how a run ended.
    **dict.fromkeys(("deleted", "applied", "nothing_to_do"), _GREEN),
    **dict.fromkeys(("failed", "unsettled", "error", "denied", "refused", "invalid"), _RED),
    **dict.fromkeys(("drifted", "partial", "interrupted"), _ORANGE),
    "planned": _BLUE,
}
_ADVICE: dict[str, str] = {
    Suggestion.WAIT: "wait: it is expected to go on by itself",
    Suggestion.CONTACT_DEVICE: "get the device back online, or have somebody look at it",
    Suggestion.FIX_BLOCKER: "deal with the head of the queue; the rest then follows by itself",
    Suggestion.CANCEL: "cancel it: delete_job_execution with cancel_first ticked",
    Suggestion.DELETE: "delete it; it needs no force",
    Suggestion.FORCE_DELETE: "delete it with force; read the caution first",
    Suggestion.ENABLE_INDEXING: "switch fleet indexing with connectivity on, then look again",
    Suggestion.NONE: "nothing to do",
}


class StaticForm(ipywidgets.Widget):
    """A widget that also has a plain HTML form; mix it in before the container."""

    def static_html(self) -> str:
        """The HTML that stands in for the widget; all foreign text in it is escaped."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = super()._repr_mimebundle_(**kwargs) or {}
        return {**bundle, "text/html": self.static_html()}


def text(value: Any) -> str:
    """A cell as escaped text; what is missing is empty."""
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and pd.isna(value)):
        return ""
    if isinstance(value, pd.Timestamp):
        return escape(value.strftime("%Y-%m-%d %H:%M"))
    return escape(str(value))


def badge(value: Any) -> str:
    """A status as coloured text: the word stays, so that colour is never all there is."""
    if not text(value):
        return ""
    ink, paper = _COLOURS.get(str(value), _GREY)
    style = (
        f"color:{ink};background:{paper};border:1px solid {ink};border-radius:4px;"
        "padding:0 6px;white-space:nowrap;font-size:90%"
    )
    return f'<span style="{style}">{text(value)}</span>'


def swatch(cause: Any) -> str:
    """A cause's colour, as in the figures."""
    look = CAUSE_LOOKS.get(str(cause))
    if look is None:
        return ""
    stripes = f"repeating-linear-gradient(45deg,{look.fill} 0 3px,#fff 3px 5px)" if look.hatch else look.fill
    return (
        f'<span style="display:inline-block;width:10px;height:10px;border:1px solid {look.fill};'
        f'background:{stripes};margin-right:5px"></span>'
    )


def cause(value: Any) -> str:
    """A cause with its colour before it."""
    word = text(value)
    return f'<span style="white-space:nowrap;font-weight:600">{swatch(value)}{word}</span>' if word else ""


def age(value: Any) -> str:
    """Seconds as `3 d 7 h`; what is missing is empty."""
    return "" if pd.isna(value) else duration_text(float(value)).replace(" ", "\N{NO-BREAK SPACE}")


def yes(value: Any) -> str:
    """A flag as a word."""
    return "" if pd.isna(value) else ("yes" if value else "no")


def advice(suggestion: Any) -> str:
    """A suggestion as a sentence, unescaped."""
    return _ADVICE.get(str(suggestion), str(suggestion))


def execution(row: Any) -> str:
    """A row's job and number, escaped: `firmware-2 #1`."""
    return f"{text(row['job_id'])} #{text(row['execution_number'])}"


def html_table(
    frame: pd.DataFrame,
    columns: Mapping[str, tuple[str, Callable[[Any], str]]],
    *,
    caption: str,
    emphasis: str | None = None,
    below: str | None = None,
    most: int = MOST_ROWS,
    rest: str = "executions.csv",
) -> str:
    """A plain table; `columns` maps a column to its heading and the function that makes escaped HTML of a cell.

    A name that begins with WHOLE_ROW gives the function the whole row. `emphasis` names a boolean column whose
    true rows are set apart, `below` one whose text stands under its row over the full width. At most `most`
    rows are shown; the others are in the file `rest`.
    """
    styles = {name: _LONG_CELL if name in _LONG or name.startswith(WHOLE_ROW) else _CELL for name in columns}
    head = "".join(f'<th style="{styles[name]}">{escape(title)}</th>' for name, (title, _) in columns.items())
    body = []
    for row in frame.head(most).to_dict("records"):
        marked = emphasis is not None and not pd.isna(row[emphasis]) and bool(row[emphasis])
        look = f"border-top:1px solid #c9ccd1{';font-weight:bold' if marked else ''}"
        cells = "".join(
            f'<td style="{styles[name]};{look}">{show(row if name.startswith(WHOLE_ROW) else row[name])}</td>'
            for name, (_, show) in columns.items()
        )
        body.append(f"<tr>{cells}</tr>")
        if below is not None:
            body.append(f'<tr><td colspan="{len(columns)}" style="{_BELOW}">{text(row[below])}</td></tr>')
    more = len(frame) - most
    left = f"<p>{more} more in {escape(rest)}</p>" if more > 0 else ""
    title = f'<caption style="text-align:left;font-weight:bold;caption-side:top">{escape(caption)}</caption>'
    style = "border-collapse:collapse;table-layout:auto;width:100%;font-size:13px"
    return f'<table style="{style}">{title}<thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table>{left}'


def box(content: str, *, serious: bool = False) -> str:
    """Something to read before going on; `content` is HTML, escaped where it must be."""
    ink, paper = _RED if serious else _ORANGE
    style = f"background:{paper};color:{ink};border:1px solid {ink};padding:6px 12px;margin:6px 0"
    return f'<div style="{style}">{content}</div>'


def copyable(lines: str) -> str:
    """Text to copy: one click selects all of it."""
    style = (
        "user-select:all;white-space:pre-wrap;overflow-wrap:anywhere;padding:6px 10px;margin:2px 0 8px 0;"
        "background:#f2f2f2;color:#111;border-left:4px solid #0072b2"
    )
    return f'<pre style="{style}">{escape(lines)}</pre>'
