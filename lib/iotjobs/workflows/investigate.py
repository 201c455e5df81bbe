"""The first job of the kit: which executions are stuck, and why. What `investigate.ipynb` calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from iotjobs.aws.read_fleet import Progress, no_progress, read_fleet
from iotjobs.columns import DIAGNOSIS_COLUMNS, EXECUTION_COLUMNS
from iotjobs.diagnosis.changes import Changes
from iotjobs.diagnosis.diagnose import diagnose_executions, diagnose_queues
from iotjobs.diagnosis.next_steps import NextSteps, next_steps
from iotjobs.diagnosis.overview import worst_causes
from iotjobs.diagnosis.prevention import Preventions, preventions
from iotjobs.errors import Interrupted
from iotjobs.model import UNFINISHED, Cause, ConnectionInfo, Outcome, Status, utc_text
from iotjobs.plurals import agreeing, many
from iotjobs.project_file import Project
from iotjobs.snapshot import FleetSnapshot, Place
from iotjobs.workflows.comparison import changes_since

if TYPE_CHECKING:
    from iotjobs.run.run import Run


@dataclass(frozen=True)  # no slots: what is worked out once is kept beside the fields
class Findings:
    """What an investigation found: plain values.

    ``executions``: EXECUTION_COLUMNS, DIAGNOSIS_COLUMNS, `job_status`, `thing_groups`; worst first.
    ``queues``: every unfinished execution of the things concerned, with `position` and `head`, by thing in
    the order of delivery. ``jobs``: JOB_COLUMNS, `stuck` (count), `worst_cause`; worst first.
    ``connectivity``: `thing_name`, `connected`, `changed_at`, `reason`. ``steps``: what to do now.
    ``changes``: what changed since an earlier run, None when there is none to compare with.
    ``connection`` and ``place`` say where it was read, ``run_dir`` where the files are. ``jobs_listed``: how many jobs
    there are, in whatever state; None where that was not asked. ``project``: the project file in force.
    """

    executions: pd.DataFrame
    jobs: pd.DataFrame
    queues: pd.DataFrame
    connectivity: pd.DataFrame
    steps: NextSteps
    warnings: tuple[str, ...]
    as_of: datetime
    job_id: str | None
    thing_name: str | None
    stuck_after: timedelta
    connection: ConnectionInfo
    place: Place
    run_dir: str
    statuses: tuple[Status, ...] = ()
    jobs_listed: int | None = None
    changes: Changes | None = None
    project: Project = field(default_factory=Project)

    @property
    def summary(self) -> str:
        """One sentence: how many are stuck, and why. What to do about it are the `steps`."""
        return summarise(self.executions)

    @cached_property
    def preventions(self) -> Preventions:
        """Which jobs can hang again, why, and the change that prevents it."""
        return preventions(
            self.jobs,
            queues=self.queues,
            executions=self.executions,
            stuck_after=self.stuck_after,
            as_of=self.as_of,
            place=self.place,
        )

    @property
    def caveat(self) -> str:
        """Why the summary is no all-clear although it may read like one; empty where it is whole."""
        return caveat(self)


#: How bad the end of an execution is, the worst last; those that have not ended are ranked by what they hold back.
_WORST_LAST = (
    Status.SUCCEEDED,
    Status.REMOVED,
    Status.CANCELED,
    Status.REJECTED,
    Status.TIMED_OUT,
    Status.FAILED,
)


def investigate(
    run: Run,
    *,
    progress: Progress = no_progress,
    on_unfinished: Callable[[Findings], None] | None = None,
) -> Findings:
    """Read a job, a thing, or all that is unfinished, and say of each execution why it has not finished.

    What it reads, writes and raises: `iotjobs.investigate`, which shows besides how far it is. ``progress`` hears that,
    and ``on_unfinished`` gets what a long job has unfinished while what has ended is still read.
    """
    with run.session(needs_lock=False):
        try:
            return _investigate(run, progress, on_unfinished)
        except KeyboardInterrupt:
            raise Interrupted("the reading was stopped before its end; nothing was changed: run it again") from None


def _investigate(run: Run, progress: Progress, on_unfinished: Callable[[Findings], None] | None) -> Findings:
    values, connection, earlier = run.parameters, run.connection, run.earlier
    if earlier is not None:
        earlier.require_same_place(account=connection.account, region=connection.region)
    snapshot = read_fleet(
        connection,
        job_id=values["job_id"],
        thing_name=values["thing_name"],
        statuses=values["statuses"],
        stuck_after=values["stuck_after"],
        progress=progress,
        on_unfinished=on_unfinished and (lambda first: on_unfinished(_findings(run, first))),
    )
    findings = _findings(run, snapshot)
    if earlier is not None:
        changes = changes_since(
            earlier, connection, findings.executions, findings.jobs, parameters=values.as_document()
        )
        findings = replace(findings, changes=changes)
    _record(run, findings)
    return findings


def _findings(run: Run, snapshot: FleetSnapshot) -> Findings:
    values = run.parameters
    stuck_after: timedelta = values["stuck_after"]
    queues = diagnose_queues(snapshot, stuck_after=stuck_after)
    return Findings(
        executions=_executions(snapshot, queues),
        jobs=_jobs(snapshot, queues),
        queues=queues,
        connectivity=snapshot.things[["thing_name", "connected", "changed_at", "reason"]],
        steps=next_steps(queues, as_of=snapshot.as_of),
        warnings=tuple(str(gap) for gap in snapshot.gaps),
        as_of=snapshot.as_of,
        job_id=values["job_id"],
        thing_name=values["thing_name"],
        stuck_after=stuck_after,
        connection=ConnectionInfo.of(run.connection),
        place=snapshot.place,
        run_dir=run.directory.display_path,
        statuses=tuple(values["statuses"] or ()),
        jobs_listed=snapshot.jobs_listed,
        project=run.project,
    )


def summarise(executions: pd.DataFrame) -> str:
    """Say in one sentence how many executions are stuck, and why."""
    unfinished = executions[executions["status"].isin(UNFINISHED)]
    stuck = unfinished[unfinished["stuck"].astype(bool)]
    if stuck.empty:
        return f"No execution is stuck: {len(unfinished)} unfinished of {len(executions)} read."
    causes = ", ".join(f"{count} {cause}" for cause, count in stuck["cause"].value_counts().items())
    are = agreeing(len(stuck), "is", "are")
    return f"{len(stuck)} of {many(len(unfinished), 'unfinished execution')} {are} stuck: {causes}."


def caveat(findings: Findings) -> str:
    """Say what the summary leaves out by a filter, or that there is no job to speak of at all."""
    where = f"account {findings.connection.account}, region {findings.connection.region}"
    if findings.jobs_listed == 0:
        return f"There is no job at all in {where}. Is this the region, and the account?"
    if not findings.statuses:
        return ""
    names = ",".join(findings.statuses)
    filtered = f"Filter statuses={names}: {many(len(findings.executions), 'execution')} fit."
    if set(findings.statuses) >= set(UNFINISHED):
        return filtered
    unfinished = int(findings.jobs[[status.value for status in UNFINISHED]].fillna(0).to_numpy().sum())
    counted = many(unfinished, "unfinished execution")
    return f"{filtered} By their own counts these jobs have {counted}; whether one of those is stuck was not looked at."


def _record(run: Run, findings: Findings) -> None:
    """Write the tables and the result of an investigation."""
    run.directory.write_executions(findings.executions)
    reason = f"{findings.caveat} {findings.summary}".strip()
    counts, warnings = _counts(findings.executions), list(findings.warnings)
    if findings.changes is not None:
        run.directory.write_csv("changes.csv", findings.changes.table)
        counts |= findings.changes.counts
        reason = f"{reason} {findings.changes.summary(findings.as_of)}"
        warnings += findings.changes.warnings
    steps = [
        {"rank": rank, **asdict(step), "effect": step.effect}
        for rank, step in enumerate(findings.steps.ranked, start=1)
    ]
    run.finish(
        Outcome.OK,
        reason=reason,
        counts=counts,
        warnings=warnings,
        as_of=utc_text(findings.as_of),
        caveat=findings.caveat,
        steps=steps,
        prevention=[asdict(job) for job in findings.preventions.jobs],
    )


def _executions(snapshot: FleetSnapshot, queues: pd.DataFrame) -> pd.DataFrame:
    table = diagnose_executions(snapshot, queues)
    job_status = snapshot.jobs.set_index("job_id")["status"]
    groups = snapshot.things.set_index("thing_name")["thing_groups"]
    table["job_status"] = table["job_id"].map(job_status)
    table["thing_groups"] = table["thing_name"].map(groups).fillna("")
    unfinished = table["status"].isin(UNFINISHED)
    badness = table["status"].map({status.value: rank for rank, status in enumerate(_WORST_LAST)}).fillna(-1)
    ranked = table.assign(unfinished=unfinished, weight=table["unblocks"].fillna(0), badness=badness).sort_values(
        ["stuck", "unfinished", "badness", "weight", "age_s"], ascending=False, kind="stable", ignore_index=True
    )
    return ranked[[*EXECUTION_COLUMNS, *DIAGNOSIS_COLUMNS, "job_status", "thing_groups"]]


def _jobs(snapshot: FleetSnapshot, queues: pd.DataFrame) -> pd.DataFrame:
    stuck = queues[queues["stuck"].astype(bool)].groupby("job_id")["cause"]
    jobs = snapshot.jobs.copy()
    jobs["stuck"] = jobs["job_id"].map(stuck.size()).fillna(0).astype("Int64")
    jobs["worst_cause"] = jobs["job_id"].map(worst_causes(queues)).astype("str").fillna("")
    return jobs.sort_values(["stuck", "IN_PROGRESS", "QUEUED"], ascending=False, kind="stable", ignore_index=True)


def _counts(executions: pd.DataFrame) -> dict[str, int]:
    unfinished = executions[executions["status"].isin(UNFINISHED)]
    counts = {
        "executions": len(executions),
        "unfinished": len(unfinished),
        "stuck": int(executions["stuck"].sum()),
    }
    by_cause = executions["cause"].value_counts()
    counts |= {f"cause_{cause.value}": int(by_cause.get(cause.value, 0)) for cause in Cause}
    by_status = executions["status"].value_counts()
    return counts | {f"status_{status.value}": int(by_status.get(status.value, 0)) for status in Status}
