"""What changed since an earlier run: a sentence and a table, the same live and in a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iotjobs.ui.static import WHOLE_ROW, badge, cause, execution, html_table, text

if TYPE_CHECKING:
    from iotjobs.workflows.investigate import Findings

_COLUMNS = {
    "change": ("Change", text),
    "thing_name": ("Thing", text),
    f"{WHOLE_ROW}execution": ("Execution", execution),
    "note": ("What happened", text),
    "status": ("Status now", badge),
    "cause": ("Cause now", cause),
    "suggestion": ("Suggestion", text),
}


class WhatChanged:
    """The changes of some findings, or how to get them."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    def __repr__(self) -> str:
        changes = self._findings.changes
        return "No earlier run to compare with" if changes is None else changes.summary(self._findings.as_of)

    def _repr_html_(self) -> str:
        changes = self._findings.changes
        if changes is None:
            return (
                "<p>No earlier run to compare with. To see what changed, set <code>compare_with</code> to the "
                f"directory of an earlier run; this one is <code>{text(self._findings.run.directory.shown)}</code>.</p>"
            )
        table = (
            html_table(
                changes.table, _COLUMNS, caption=f"Changes since {changes.earlier}, worst first", rest="changes.csv"
            )
            if len(changes.table)
            else ""
        )
        return f'<p style="font-size:15px">{changes_sentence(self._findings)}</p>{table}'


def what_changed(findings: Findings) -> WhatChanged:
    """What got stuck, what moved, what is gone and what is new since the run that `compare_with` names."""
    return WhatChanged(findings)


def changes_sentence(findings: Findings) -> str:
    """The summary of the changes as escaped HTML with what makes it less than whole; empty without an earlier run."""
    changes = findings.changes
    if changes is None:
        return ""
    doubts = "".join(f"<li>{text(warning)}</li>" for warning in changes.warnings)
    skipped = (
        f" {changes.not_compared} could not be compared: only one of the two runs read them."
        if changes.not_compared
        else ""
    )
    return f"{text(changes.summary(findings.as_of) + skipped)}{f'<ul>{doubts}</ul>' if doubts else ''}"
