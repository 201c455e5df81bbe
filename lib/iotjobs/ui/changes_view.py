"""What changed since an earlier run: a sentence and a table, the same live and in a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iotjobs.markup import View, render, visible
from iotjobs.ui.charts import then_and_now
from iotjobs.ui.static import Column, badge, cause, execution, html_table, suggestion

if TYPE_CHECKING:
    from iotjobs.workflows.investigate import Findings

_COLUMNS = (
    Column("Change", badge("change"), "short"),
    Column("Thing", "thing_name", "long"),
    Column("Execution", execution, "long"),
    Column("What happened", "note", "long"),
    Column("Status now", badge("status"), "short"),
    Column("Cause now", cause, "short"),
    Column("Suggestion", suggestion),
)


def what_changed(findings: Findings) -> View:
    """Show what got stuck, what moved, what is gone and what is new since the run that `compare_with` names.

    Parameters
    ----------
    findings
        What `investigate` found.

    Returns
    -------
    View
        Shown by Jupyter; the same as static HTML in a report.

    """
    changes = findings.changes
    table = None
    if changes is not None and len(changes.table):
        caption = f"Changes since {changes.earlier}, worst first"
        table = html_table(changes.table, _COLUMNS, caption=caption, rest="changes.csv")
    text = "No earlier run to compare with" if changes is None else changes.summary(findings.as_of)
    html = render(
        "changes.html",
        findings=findings,
        changes=changes,
        table=table,
        figure="" if changes is None else then_and_now(findings.executions, changes, findings.as_of),
        sentence=changes_sentence(findings),
    )
    return View(html, visible(text))


def changes_sentence(findings: Findings) -> str:
    """The summary of the changes; empty without an earlier run."""
    changes = findings.changes
    if changes is None:
        return ""
    skipped = (
        f" {changes.not_compared} could not be compared: only one of the two runs read them."
        if changes.not_compared
        else ""
    )
    return changes.summary(findings.as_of) + skipped
