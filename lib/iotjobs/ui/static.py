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

from iotjobs.domain import Cause, Status, Suggestion
from iotjobs.wording import duration_text

#: A table shows no more rows than this; the rest is in the run's `executions.csv`.
MOST_ROWS = 200

_RED, _ORANGE, _BLUE, _GREEN, _GREY = (
    ("#7a1f00", "#ffe1d3"),
    ("#5c4300", "#fff0c2"),
    ("#003f66", "#d6ecfa"),
    ("#00513b", "#d3f2e7"),
    ("#3b3b3b", "#e8e8e8"),
)
_COLOURS: dict[str, tuple[str, str]] = {
    Status.QUEUED: _ORANGE,
    Status.IN_PROGRESS: _BLUE,
    Status.SUCCEEDED: _GREEN,
    Status.FAILED: _RED,
    Status.TIMED_OUT: _RED,
    Status.REJECTED: _RED,
    Cause.THING_GONE: _RED,
    Cause.ORPHANED: _RED,
    Cause.DEVICE_OFFLINE: _RED,
    Cause.STALLED: _RED,
    Cause.BLOCKED: _ORANGE,
    Cause.WAITING_TURN: _ORANGE,
    Cause.NOT_PICKED_UP: _ORANGE,
    Cause.RETRYING: _BLUE,
    Cause.FRESH: _GREEN,
    Cause.WAITING_WINDOW: _BLUE,
    Cause.TIMEOUT_PENDING: _BLUE,
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
    """A status or cause as coloured text: the word stays, so that colour is never all there is."""
    if not text(value):
        return ""
    ink, paper = _COLOURS.get(str(value), _GREY)
    style = (
        f"color:{ink};background:{paper};border:1px solid {ink};border-radius:4px;"
        "padding:0 6px;font-weight:bold;white-space:nowrap;font-size:90%"
    )
    return f'<span style="{style}">{text(value)}</span>'


def age(value: Any) -> str:
    """Seconds as `3 d 7 h`; what is missing is empty."""
    return "" if pd.isna(value) else duration_text(float(value)).replace(" ", "\N{NO-BREAK SPACE}")


def yes(value: Any) -> str:
    """A flag as a word."""
    return "" if pd.isna(value) else ("yes" if value else "no")


def advice(suggestion: Any) -> str:
    """A suggestion as a sentence, unescaped."""
    return _ADVICE.get(str(suggestion), str(suggestion))


def html_table(
    frame: pd.DataFrame,
    columns: Mapping[str, tuple[str, Callable[[Any], str]]],
    *,
    caption: str,
    emphasis: str | None = None,
    rest_in: str = "executions.csv",
) -> str:
    """A plain table; `columns` maps a column to its heading and the function that makes escaped HTML of a cell.

    `emphasis` names a boolean column whose true rows are set apart. At most `MOST_ROWS` rows; `rest_in` is the file
    of the run that has the rest.
    """
    cell = "text-align:left;vertical-align:top;padding:3px 8px;overflow-wrap:break-word"
    head = "".join(f'<th style="{cell}">{escape(title)}</th>' for title, _ in columns.values())
    body = []
    for row in frame.head(MOST_ROWS).to_dict("records"):
        marked = emphasis is not None and not pd.isna(row[emphasis]) and bool(row[emphasis])
        style = f"{cell};font-weight:bold;border-top:2px solid;border-bottom:2px solid" if marked else cell
        cells = "".join(f'<td style="{style}">{show(row[name])}</td>' for name, (_, show) in columns.items())
        body.append(f"<tr>{cells}</tr>")
    more = len(frame) - MOST_ROWS
    rest = f"<p>{more} more in {escape(rest_in)}</p>" if more > 0 else ""
    title = f'<caption style="text-align:left;font-weight:bold;caption-side:top">{escape(caption)}</caption>'
    return (
        f'<table style="border-collapse:collapse;width:100%">{title}<thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table>{rest}"
    )


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
