"""What to copy into the other notebooks: commands and parameters of one execution. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iotjobs.diagnosis import commands
from iotjobs.model import UNFINISHED, ExecutionKey, Suggestion
from iotjobs.ui.model import key_of
from iotjobs.ui.static import copyable, text

if TYPE_CHECKING:
    from iotjobs.workflows.investigate import Findings

_TAKE_AWAY = (Suggestion.CANCEL, Suggestion.DELETE, Suggestion.FORCE_DELETE)


def delete_command(key: ExecutionKey, findings: Findings, *, unfinished: bool) -> str:
    """The command that plans the deletion of one execution, in the account and region of the findings."""
    return commands.iotjobs(
        findings.place,
        "run",
        "delete_job_execution",
        job_id=key.job_id,
        thing_name=key.thing_name,
        execution_number=key.execution_number,
        cancel_first=unfinished or None,
        force=unfinished or None,
    )


def delete_parameters(key: ExecutionKey) -> str:
    """The lines for the parameters cell of `delete_job_execution.ipynb`."""
    return f"job_id = {key.job_id!r}\nthing_name = {key.thing_name!r}\nexecution_number = {key.execution_number}"


def sweep_command(row: Any, findings: Findings) -> str:
    """The command that plans to take away all executions of a row's job that are stuck for the same cause.

    With the `stuck_after` of the findings: with another, other executions would have the cause.
    """
    seconds = int(findings.stuck_after.total_seconds())
    stuck_after = f"{seconds // 3600}h" if seconds % 3600 == 0 else f"{seconds}s"
    return commands.iotjobs(
        findings.place,
        "run",
        "sweep",
        job_id=str(row["job_id"]),
        causes=str(row["cause"]),
        stuck_after=stuck_after,
        older_than=stuck_after,
        force=True,
    )


def handover_html(row: Any, findings: Findings, *, what: str) -> str:
    """The hand-over of one row; a live one that should not be taken away gets no `--force` to copy."""
    key = key_of(row)
    live = row["status"] in UNFINISHED and row["suggestion"] in _TAKE_AWAY
    parts = [
        (
            f"<p><b>To take {text(what)} away</b> ({text(str(key))}). This only shows a plan: nothing is deleted "
            "until you confirm it.</p>"
        ),
        copyable(delete_command(key, findings, unfinished=live)),
        "<p>Or open <code>delete_job_execution.ipynb</code> with these parameters:</p>",
        copyable(delete_parameters(key)),
    ]
    if row["status"] in UNFINISHED and not live:
        parts.insert(
            1,
            "<p>The suggestion is another one, so the command has no <code>--force</code> and the plan will "
            "be refused while the execution is unfinished.</p>",
        )
    if live:
        parts += [
            f"<p>All stuck executions of {text(row['job_id'])} with the cause {text(row['cause'])}, as a plan:</p>",
            copyable(sweep_command(row, findings)),
        ]
    return "".join(parts)
