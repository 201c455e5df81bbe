"""From the rows that a person sees to a sweep of them: as parameters and as a command, with what refuses it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from iotjobs import sweep_rule
from iotjobs.deletion.caps import CapsInForce
from iotjobs.diagnosis import commands
from iotjobs.model import UNFINISHED, Action, Status
from iotjobs.parameter_values import duration_text
from iotjobs.plurals import agreeing, many
from iotjobs.project_file import Project
from iotjobs.snapshot import Place, last_change


@dataclass(frozen=True, slots=True)
class PrintedSweep:
    """A command that plans to end all stuck executions of a job that have one cause, and what stands beside it.

    ``note``: how many they are, and which cap would refuse them; no command is printed with a cap raised.
    """

    command: str
    note: str


def sweep_parameters(rows: pd.DataFrame, *, as_of: datetime, stuck_after: timedelta) -> dict[str, Any]:
    """The parameters of a sweep whose rule these rows (diagnosed, at ``as_of``) fit, and as few others as can be.

    What is stuck whatever its age, such as an execution of a thing that is gone, may be younger than ``stuck_after``.
    """
    live = bool(rows["status"].isin(UNFINISHED).all())
    old = bool((last_change(rows) <= pd.Timestamp(as_of) - stuck_after).all())
    return {
        **{name: str(rows.iloc[0][name]) for name in ("job_id", "thing_name") if len(set(rows[name])) == 1},
        **({"causes": ",".join(sorted(set(rows["cause"])))} if live else {}),
        "statuses": ",".join(sorted(set(rows["status"]))),
        "older_than": duration_text(stuck_after if old else timedelta(0)),
        "stuck_after": duration_text(stuck_after),
        "force": True if live else None,
    }


def printed_sweep(
    row: Any,
    executions: pd.DataFrame,
    jobs: pd.DataFrame,
    *,
    action: Action,
    place: Place,
    as_of: datetime,
    stuck_after: timedelta,
    project: Project,
) -> PrintedSweep:
    """The command that plans to cancel, or to delete, what is stuck in a row's job for the row's cause.

    ``executions`` and ``jobs`` are those of the findings that a person sees: what is planned is what they show.
    """
    alike = (executions["job_id"] == row["job_id"]) & (executions["cause"] == row["cause"]) & executions["stuck"]
    rows = executions[alike.fillna(value=False).astype(bool)]
    parameters = sweep_parameters(rows, as_of=as_of, stuck_after=stuck_after)
    if action is not Action.DELETE:
        parameters = {"action": action.value, **parameters}
    rule = sweep_rule.from_parameters(parameters)
    chosen = executions[rule.chooses(executions, as_of=pd.Timestamp(as_of))]
    left_alone = chosen["thing_name"].map(lambda thing: project.protects(row["job_id"], thing)).dropna()
    return PrintedSweep(
        commands.iotjobs(place, "run", "sweep", **parameters),
        _note(len(chosen) - len(left_alone), row["job_id"], jobs, project, list(left_alone)),
    )


def _note(count: int, job_id: str, jobs: pd.DataFrame, project: Project, left_alone: list[str]) -> str:
    total = _total(jobs, job_id)
    caps = CapsInForce.by_default(project)
    exceeded = caps.exceeded_by(count, [] if total is None else [(job_id, count, total)])
    words = [many(count, "execution") + "."]
    if left_alone:
        are = agreeing(len(left_alone), "is", "are")
        words.append(f"{len(left_alone)} more {are} left alone, such as {left_alone[0]}.")
    words += [each.beside_a_command for each in exceeded]
    if total is None:
        words.append(f"How many executions the job has was not read: {caps.max_fraction} may refuse this.")
    return " ".join(words)


def _total(jobs: pd.DataFrame, job_id: str) -> int | None:
    """How many executions a job has, by its own counts; None where they were not read."""
    counts = jobs.loc[jobs["job_id"] == job_id, [status.value for status in Status]]
    return None if counts.isna().to_numpy().all() else int(counts.fillna(0).to_numpy().sum())
