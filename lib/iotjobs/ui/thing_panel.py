"""One thing: who holds its queue back, the queue itself, its connectivity, and what to do. Escaped HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from iotjobs.diagnosis.evidence_text import NO_TIME_ON_RECORD, duration_text
from iotjobs.diagnosis.queue_effects import with_consequences
from iotjobs.ui.charts import image, timeline_png
from iotjobs.ui.handover import handover_html
from iotjobs.ui.model import Selection, key_of, queue_of
from iotjobs.ui.static import WHOLE_ROW, advice, age, badge, cause, execution, html_table, text

if TYPE_CHECKING:
    from iotjobs.workflows.investigate import Findings

_QUEUE_COLUMNS = {
    "position": ("Place", text),
    f"{WHOLE_ROW}execution": ("Execution", execution),
    "status": ("Status", badge),
    "cause": ("Cause", cause),
    "so_for_s": ("So for", age),
    "when_it_ends": ("When it ends", text),
}


def head_sentence(findings: Findings, thing_name: str) -> str:
    """Name the head of a thing's queue, for how long it has been so, and what it holds back, as unescaped text."""
    queue = with_consequences(queue_of(findings, thing_name), as_of=findings.as_of)
    if queue.empty:
        return f"{thing_name}: nothing unfinished; its queue is empty."
    head, behind = queue.iloc[0], len(queue) - 1
    so_for = duration_text(float(head["so_for_s"]))
    holds = f" and holds back {behind} other{'s' if behind > 1 else ''}" if behind else "; nothing waits behind it"
    return f"{thing_name}: {head['job_id']} is {head['status']} for {so_for} ({head['cause']}){holds}"


def connectivity_sentence(findings: Findings, thing_name: str) -> str:
    """Say whether the thing is connected and since when, as unescaped text."""
    rows = findings.connectivity[findings.connectivity["thing_name"] == thing_name]
    if rows.empty or pd.isna(rows.iloc[0]["connected"]):
        return "Connectivity is not known."
    row = rows.iloc[0]
    if pd.isna(row["changed_at"]):
        return "Connected." if row["connected"] else f"Not connected, with no time on record: {NO_TIME_ON_RECORD}."
    ago = duration_text((findings.as_of - row["changed_at"]).total_seconds())
    moment = row["changed_at"].strftime("%Y-%m-%d %H:%M UTC")
    if row["connected"]:
        return f"Connected for {ago}, since {moment}."
    reason = f", {row['reason']}" if isinstance(row["reason"], str) and row["reason"] else ""
    return f"Offline for {ago}, since {moment}{reason}."


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
        rows = with_consequences(queue, as_of=findings.as_of)
        rows["below"] = rows["evidence"] + "; suggestion: " + rows["suggestion"]
        caption = f"Queue of {thing} in the order of delivery (AWS promises none across jobs); the head is bold"
        parts.append(html_table(rows, _QUEUE_COLUMNS, caption=caption, emphasis="head", below="below"))
        parts.append(_queue_doubt(queue))
    parts.append(timeline_html(findings, thing))
    if head is not None:
        parts.append(handover_html(head, findings, what="the head of the queue"))
    if chosen is not None and (head is None or key_of(chosen) != key_of(head)):
        parts.append(handover_html(chosen, findings, what="the row you chose"))
    return f'<div style="line-height:1.45">{"".join(parts)}</div>'


def timeline_html(findings: Findings, thing_name: str) -> str:
    """The time line of a thing as an image that stands alone, empty when there is nothing to show."""
    queue = queue_of(findings, thing_name)
    data = timeline_png(findings.executions, queue, thing_name=thing_name, as_of=findings.as_of)
    return image(data, alt=text(f"Time line of {thing_name}")) if data else ""


def _queue_doubt(queue: pd.DataFrame) -> str:
    if "queue_known" not in queue or queue["queue_known"].fillna(value=False).all():
        return ""
    return "<p><b>This queue could not be read whole:</b> other jobs may have executions in it.</p>"


def _chosen_row(findings: Findings, selection: Selection) -> Any | None:
    if selection.execution is None:
        return None
    job_id, thing_name, number = selection.execution
    table = findings.executions
    rows = table[
        (table["job_id"] == job_id) & (table["thing_name"] == thing_name) & (table["execution_number"] == number)
    ]
    return rows.iloc[0] if len(rows) else None
