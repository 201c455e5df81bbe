"""From an investigation to a plan, in the same notebook: each plan has a run, and so a run directory, of its own.

What a person was looking at is what is planned: in the same account and region, and the same executions, known by when
they were queued. All guards are those of the notebooks `delete_job_execution`, `cancel_job_execution` and `sweep`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from iotjobs.deletion.printed_sweep import sweep_parameters
from iotjobs.errors import Refused
from iotjobs.model import UNFINISHED, Action, ExecutionKey, Status, Suggestion, utc_text
from iotjobs.run.start import start_beside
from iotjobs.workflows.delete import Deletion, cancel_job_execution, delete_job_execution
from iotjobs.workflows.sweep import Sweep, sweep

if TYPE_CHECKING:
    from iotjobs.run.run import Run
    from iotjobs.workflows.investigate import Findings

_DELETES = (Suggestion.DELETE, Suggestion.FORCE_DELETE)


def open_deletion(run: Run, findings: Findings, row: pd.Series, *, keeps_record: bool) -> Deletion:
    """The deletion of one execution of the findings, or with ``keeps_record`` its cancel, still to be planned.

    An unfinished one is deleted the safe way, after a cancel by its version. Raises Denied, Refused, IotJobsError.
    """
    names = {name: str(row[name]) for name in ("job_id", "thing_name")}
    if keeps_record:
        force = True if row["status"] == Status.IN_PROGRESS else None
        deletion = cancel_job_execution(_start(run, findings, "cancel_job_execution", **names, force=force))
    else:
        live = True if row["status"] in UNFINISHED else None
        names_one = {**names, "execution_number": int(row["execution_number"])}
        beside = _start(run, findings, "delete_job_execution", **names_one, force=live, cancel_first=live)
        deletion = delete_job_execution(beside)
    deletion.chosen_queued_at = row["queued_at"]
    return deletion


def open_sweep(run: Run, findings: Findings, rows: pd.DataFrame, *, max_deletes: int, max_fraction: float) -> Sweep:
    """A sweep of these rows of the findings, still to be planned: a rule that they fit, and no others than they.

    Raises InvalidInput, Denied, Refused.
    """
    opened = sweep(
        _start(
            run,
            findings,
            "sweep",
            action=action_for(rows).value,
            **sweep_parameters(rows, as_of=findings.as_of, stuck_after=findings.stuck_after),
            max_deletes=max_deletes,
            max_fraction=max_fraction,
        )
    )
    opened.only = frozenset(
        (ExecutionKey(str(job_id), str(thing_name), int(number)), utc_text(queued_at))
        for job_id, thing_name, number, queued_at in rows[
            ["job_id", "thing_name", "execution_number", "queued_at"]
        ].itertuples(index=False, name=None)
    )
    return opened


def sweepable(rows: pd.DataFrame) -> pd.DataFrame:
    """Which of the rows a sweep may be about: those that are stuck; where none is, those that have ended."""
    stuck = rows[rows["status"].isin(UNFINISHED) & rows["stuck"].fillna(value=False).astype(bool)]
    return stuck if len(stuck) else rows[~rows["status"].isin(UNFINISHED)]


def action_for(rows: pd.DataFrame) -> Action:
    """What is planned first: a cancel frees the queues and keeps the records; what has ended can only be deleted."""
    ended = ~rows["status"].isin(UNFINISHED)
    return Action.DELETE if (ended | rows["suggestion"].isin(_DELETES)).all() else Action.CANCEL


def _start(run: Run, findings: Findings, notebook: str, **values: object) -> Run:
    """A run beside the investigation's, in the place where that was. Raises Refused when the settings name another."""
    beside = start_beside(run, notebook, **values)
    with beside.recorded():
        here, other = beside.connection, findings.connection
        if (here.account, here.region, here.endpoint) != (other.account, other.region, other.endpoint):
            raise Refused(
                f"this investigation is of account {other.account}, {other.region}, {other.endpoint}, and the settings "
                f"now name account {here.account}, {here.region}, {here.endpoint}: run the notebook anew; nothing was "
                "changed"
            )
    return beside
