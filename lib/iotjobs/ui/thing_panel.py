"""One thing: who holds its queue back, the queue itself, its connectivity, and what to do. Escaped HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from iotjobs.domain import Status
from iotjobs.ui.handover import handover_html
from iotjobs.ui.model import Selection, key_of, queue_of
from iotjobs.ui.static import advice, age, badge, html_table, text
from iotjobs.wording import duration_text

if TYPE_CHECKING:
    from iotjobs.investigation import Findings

_QUEUE_COLUMNS = {
    "position": ("Place", text),
    "job_id": ("Job", text),
    "execution_number": ("Number", text),
    "status": ("Status", badge),
    "cause": ("Cause", badge),
    "age_s": ("Age", age),
    "suggestion": ("Suggestion", text),
    "evidence": ("Evidence", text),
}


def head_sentence(findings: Findings, thing_name: str) -> str:
    """Name the head of a thing's queue and how many it holds back, as unescaped text."""
    queue = queue_of(findings, thing_name)
    if queue.empty:
        return f"{thing_name}: nothing unfinished; its queue is empty."
    head, behind = queue.iloc[0], len(queue) - 1
    began = head["started_at"] if head["status"] == Status.IN_PROGRESS else head["queued_at"]
    began = head["queued_at"] if pd.isna(began) else began
    since = duration_text((findings.as_of - began).total_seconds())
    holds = f" and holds back {behind} other{'s' if behind > 1 else ''}" if behind else "; nothing waits behind it"
    return f"{thing_name}: {head['job_id']} is {head['status']} since {since} ({head['cause']}){holds}"


def connectivity_sentence(findings: Findings, thing_name: str) -> str:
    """Say whether the thing is connected and since when, as unescaped text."""
    rows = findings.connectivity[findings.connectivity["thing_name"] == thing_name]
    if rows.empty or pd.isna(rows.iloc[0]["connected"]):
        return "Connectivity is not known."
    row = rows.iloc[0]
    if pd.isna(row["changed_at"]):
        return "Connected." if row["connected"] else "Not connected, and it never has been."
    ago = duration_text((findings.as_of - row["changed_at"]).total_seconds())
    moment = row["changed_at"].strftime("%Y-%m-%d %H:%M UTC")
    if row["connected"]:
        return f"Connected since {ago} ({moment})."
    reason = f", {row['reason']}" if isinstance(row["reason"], str) and row["reason"] else ""
    return f"Offline since {ago} ({moment}{reason})."


def thing_html(findings: Findings, selection: Selection) -> str:
    """The whole panel of the chosen thing."""
    thing = selection.thing_name
    if thing is None:
        return "<p>Choose a row or a thing to see its queue.</p>"
    queue = queue_of(findings, thing)
    head = queue.iloc[0] if len(queue) else None
    chosen = _chosen_row(findings, selection)
    advised = head if head is not None else chosen
    parts = [
        f'<h3 style="margin:12px 0 4px 0">{text(head_sentence(findings, thing))}</h3>',
        f"<p>{text(connectivity_sentence(findings, thing))}</p>",
    ]
    if advised is not None:
        parts.append(f"<p><b>What to do now:</b> {text(advice(advised['suggestion']))}.</p>")
    if head is not None:
        caption = f"Queue of {thing} in the order of delivery; the head is set apart"
        parts.append(html_table(queue, _QUEUE_COLUMNS, caption=caption, emphasis="head"))
        parts.append(handover_html(head, findings, what="the head of the queue"))
    if chosen is not None and (head is None or key_of(chosen) != key_of(head)):
        parts.append(handover_html(chosen, findings, what="the row you chose"))
    return f'<div style="line-height:1.45">{"".join(parts)}</div>'


def _chosen_row(findings: Findings, selection: Selection) -> Any | None:
    if selection.execution is None:
        return None
    job_id, thing_name, number = selection.execution
    table = findings.executions
    rows = table[
        (table["job_id"] == job_id) & (table["thing_name"] == thing_name) & (table["execution_number"] == number)
    ]
    return rows.iloc[0] if len(rows) else None
