"""From a rule to a plan: read the fleet, choose, look at each one chosen. Whole readings only.

What could not be read is an error as soon as it could change the choice: a plan is never smaller for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import pandas as pd

from iotjobs.aws import executions as fetch
from iotjobs.aws.concurrency import map_concurrently
from iotjobs.aws.connection import Connection
from iotjobs.aws.read_fleet import Progress, no_progress, read_fleet
from iotjobs.aws.things import group_members
from iotjobs.deletion.caps import CapsInForce
from iotjobs.deletion.evidence import context_of, each_once, keys_of, list_jobs
from iotjobs.deletion.guards import protection_unknown
from iotjobs.deletion.job_facts import JobFacts, facts_of, read_job
from iotjobs.deletion.plan import QueueContext
from iotjobs.deletion.refusal import Refusal
from iotjobs.deletion.sweep_guards import over_caps
from iotjobs.deletion.sweep_plan import MOST_NAMED, LeftAlone, Reading, SweepPlan, Target, removal_of
from iotjobs.diagnosis.diagnose import diagnose, possible_causes
from iotjobs.diagnosis.service_owners import owner_of
from iotjobs.errors import Denied, IotJobsError, NotFound
from iotjobs.model import UNFINISHED, Cause, Execution, ExecutionKey, same_moment, utc_text
from iotjobs.snapshot import FleetSnapshot
from iotjobs.sweep_rule import SweepRule

#: Executions that a person chose one by one, each with when it was queued: a number may be used again.
Chosen = frozenset[tuple[ExecutionKey, str]]


@dataclass(frozen=True, slots=True)
class Choice:
    """What a rule chose: the plan, or None where there are none or far too many; what was left out, and why.

    ``matched`` counts the executions that fit the rule, the protected ones aside.
    """

    plan: SweepPlan | None
    matched: int
    left_out: tuple[LeftAlone, ...]
    refusals: tuple[Refusal, ...]


def select_targets(
    connection: Connection,
    rule: SweepRule,
    caps: CapsInForce,
    *,
    chosen: Chosen | None = None,
    progress: Progress = no_progress,
) -> Choice:
    """Read what the rule is about and make the plan; ``progress`` hears how far the reading is. Changes nothing.

    ``chosen``: what else fits the rule is left out of account, also by the caps. None: all that fit are meant.
    Raises NotFound, Denied, IotJobsError: also when evidence is missing that the rule needs.
    """
    snapshot = _read(connection, rule, progress)
    fitting = _fitting(connection, rule, snapshot, chosen)
    free, left_out, refusals, jobs = _unprotected(connection, rule, fitting, snapshot.jobs)
    refusals += over_caps(caps.exceeded_by(len(free)))
    if free.empty or refusals:
        return Choice(None, len(free), tuple(left_out), tuple(refusals))
    described, moved = _describe_each(connection, free, progress)
    if not described:
        return Choice(None, len(free), tuple(left_out), ())
    whole_jobs = _whole_jobs(connection, snapshot, rule, {key.job_id for key in described})
    bare = SweepPlan(
        rule=rule,
        caps=caps.values,
        account=connection.account,
        region=connection.region,
        endpoint=connection.endpoint,
        caller_arn=connection.caller_arn,
        # before any answer: `recheck.unmoved_on_device_plane` rests on it
        made_at=snapshot.as_of,
        reading=_reading(connection, snapshot, rule, moved=moved, left_out=left_out),
        job_totals={job_id: len(rows) for job_id, rows in whole_jobs.items()},
        targets=(),
        project=connection.project.label,
    )
    causes = dict(zip(keys_of(free), free["cause"], strict=True))
    queues = _QueueTracker(snapshot, whole_jobs, _with_warnings(jobs, described.values()))
    in_order = [described[key] for key in _in_order(described, snapshot.queues)]
    targets = [Target(removal_of(bare, each, queues.context(each)), str(causes[each.key])) for each in in_order]
    return Choice(replace(bare, targets=tuple(targets)), len(free), tuple(left_out), ())


def _read(connection: Connection, rule: SweepRule, progress: Progress) -> FleetSnapshot:
    """All executions that the rule is about, whatever their status: totals are of whole jobs."""
    snapshot = read_fleet(
        connection,
        job_id=rule.job_id,
        thing_name=rule.thing_name,
        statuses=None,
        stuck_after=rule.stuck_after,
        whole_history=True,
        progress=progress,
    )
    return replace(snapshot, executions=each_once(snapshot.executions))


def _fitting(connection: Connection, rule: SweepRule, snapshot: FleetSnapshot, chosen: Chosen | None) -> pd.DataFrame:
    """What fits the rule, with its cause; of that what a person chose. Raises where evidence is missing."""
    executions = diagnose(snapshot, stuck_after=rule.stuck_after)
    members = {name for group in rule.thing_groups for name in group_members(connection, group)}
    as_of = pd.Timestamp(snapshot.as_of)
    of_any_cause = replace(rule, causes=()).chooses(executions, as_of=as_of, members=members)
    _require_whole(snapshot, rule, executions[of_any_cause])
    fitting = executions[rule.chooses(executions, as_of=as_of, members=members)]
    if chosen is None:
        return fitting
    identities = zip(keys_of(fitting), map(utc_text, fitting["queued_at"]), strict=True)
    return fitting[[each in chosen for each in identities]]


def _reading(
    connection: Connection,
    snapshot: FleetSnapshot,
    rule: SweepRule,
    *,
    moved: Sequence[str],
    left_out: Sequence[LeftAlone],
) -> Reading:
    """What the plan says of how it was read."""
    executions = snapshot.executions
    return Reading(
        as_of=snapshot.as_of,
        rows=len(executions),
        calls=dict(connection.calls),
        missing=tuple(map(str, snapshot.gaps)),
        unmatched=_unmatched(rule.protect, {*executions["job_id"], *executions["thing_name"]}),
        moved=tuple(moved),
        protected=tuple(left_out[:MOST_NAMED]),
        protected_count=len(left_out),
    )


def _require_whole(snapshot: FleetSnapshot, rule: SweepRule, in_scope: pd.DataFrame) -> None:
    """Raise when what is missing could change what the rule chooses."""
    for gap in snapshot.gaps:
        if gap.evidence.startswith("the executions of job"):
            raise _incomplete(str(gap), denied=gap.denied)
    causes = set(rule.causes) - {Cause.UNKNOWN.value}
    for row in in_scope[in_scope["why_unknown"] != ""].to_dict("records"):
        if causes & possible_causes(row["why_unknown"]):
            key = ExecutionKey(row["job_id"], row["thing_name"], int(row["execution_number"]))
            denied = any(gap.denied for gap in snapshot.gaps if gap.evidence == row["why_unknown"])
            raise _incomplete(
                f"the rule asks for causes, and that of {key} is unknown: {row['evidence']}", denied=denied
            )


def _incomplete(what: str, *, denied: bool) -> IotJobsError:
    message = f"{what}. A plan is made of whole readings only, so there is none"
    return Denied(message) if denied else IotJobsError(message)


def _unprotected(
    connection: Connection, rule: SweepRule, fitting: pd.DataFrame, jobs: pd.DataFrame
) -> tuple[pd.DataFrame, list[LeftAlone], list[Refusal], dict[str, JobFacts]]:
    """What may be taken, what is left alone, the jobs whose owner could not be read, and the others.

    The owner comes from DescribeJob alone: no list tells a job's namespace (API: JobSummary).
    """
    by_name = {
        key: rule.protects(*_names(key)) or connection.project.protects(*_names(key)) for key in keys_of(fitting)
    }
    undecided = {key.job_id for key, why in by_name.items() if why is None}
    known = {str(row["job_id"]): facts_of(row) for row in _records(jobs) if row["described"] is True}
    missing = sorted(undecided - set(known))
    unknown = []
    for job_id, answer in zip(missing, map_concurrently(lambda each: read_job(connection, each), missing), strict=True):
        if isinstance(answer, IotJobsError):
            unknown.append(protection_unknown(job_id, answer))
        else:
            known[job_id] = answer
    owners = {job_id: facts.owner for job_id, facts in known.items()}
    owned = {key: f"the job belongs to {owners[key.job_id]}" for key in by_name if owners.get(key.job_id)}
    why = {key: named or owned.get(key) for key, named in by_name.items()}
    left_out = [LeftAlone(key, reason) for key, reason in why.items() if reason]
    left_out.sort(key=lambda each: each.key not in owned and owner_of(each.key.job_id, None) is None)  # services' first
    free = pd.Series([reason is None for reason in why.values()], index=fitting.index, dtype=bool)
    return fitting[free], left_out, unknown, known


def _describe_each(
    connection: Connection, free: pd.DataFrame, progress: Progress
) -> tuple[dict[ExecutionKey, Execution], list[str]]:
    """Describe each one, since the lists tell no version; what moved meanwhile is left out, and said."""
    keys = keys_of(free)
    listed = dict(zip(keys, zip(free["status"], free["queued_at"], strict=True), strict=True))
    described: dict[ExecutionKey, Execution] = {}
    moved = []

    def describe(key: ExecutionKey) -> Execution:
        answer = fetch.describe_execution(connection, key)
        progress("looked at", 1, 0)
        return answer

    progress("looked at", 0, len(keys))
    for key, answer in zip(keys, map_concurrently(describe, keys), strict=True):
        status, queued_at = listed[key]
        if isinstance(answer, NotFound):
            moved.append(f"{key} went away while the plan was made")
        elif isinstance(answer, IotJobsError):
            raise answer
        elif answer.status.value != status or not same_moment(answer.queued_at, queued_at):
            moved.append(f"{key} moved while the plan was made: look again later")
        else:
            described[key] = answer
    return described, moved


def _whole_jobs(
    connection: Connection, snapshot: FleetSnapshot, rule: SweepRule, job_ids: Collection[str]
) -> dict[str, pd.DataFrame]:
    """All executions of each job: a fraction of a part would be a lie."""
    if rule.thing_name is not None:
        return list_jobs(connection, sorted(job_ids))
    return {str(job_id): rows for job_id, rows in snapshot.executions.groupby("job_id") if job_id in job_ids}


def _in_order(described: Mapping[ExecutionKey, Execution], queues: pd.DataFrame) -> list[ExecutionKey]:
    """What has ended first, since no device sees it; then each queue from its end.

    From its end, because the removal of a head announces the next one to the device, which would then start what is
    about to be taken away.
    """
    place = {key: number for number, key in enumerate(keys_of(queues))}
    ended = sorted(key for key in described if described[key].finished)
    live = [key for key in described if not described[key].finished]
    return [*ended, *sorted(live, key=lambda key: (key.thing_name, -place.get(key, 0)))]


def _with_warnings(jobs: Mapping[str, JobFacts], executions: Iterable[Execution]) -> dict[str, QueueContext]:
    of_job: dict[str, list[Execution]] = {}
    for each in executions:
        of_job.setdefault(each.key.job_id, []).append(each)
    return {job_id: context_of(jobs[job_id], of_it) for job_id, of_it in of_job.items()}


class _QueueTracker:
    """What is around each target when its turn comes: those before it are gone by then."""

    def __init__(
        self, snapshot: FleetSnapshot, whole_jobs: Mapping[str, pd.DataFrame], jobs: Mapping[str, QueueContext]
    ) -> None:
        self._jobs = jobs
        self._unfinished = {job_id: int(rows["status"].isin(UNFINISHED).sum()) for job_id, rows in whole_jobs.items()}
        self._queues: dict[str, list[ExecutionKey]] = {}
        for key in keys_of(snapshot.queues):
            self._queues.setdefault(key.thing_name, []).append(key)
        known = snapshot.things[snapshot.things["queue_known"].fillna(value=False).astype(bool)]
        self._known = set(known["thing_name"])

    def context(self, execution: Execution) -> QueueContext:
        key = execution.key
        context = replace(
            self._jobs[key.job_id],
            unfinished_in_job=self._unfinished.get(key.job_id),
            queue=tuple(self._queues.get(key.thing_name, ())),
            queue_known=execution.finished or key.thing_name in self._known,
        )
        if not execution.finished:
            self._unfinished[key.job_id] = self._unfinished.get(key.job_id, 1) - 1
            self._queues[key.thing_name] = [other for other in context.queue if other != key]
        return context


def _records(frame: pd.DataFrame) -> list[dict[str, object]]:
    """The rows as plain values: None where a value is missing."""
    return [
        {str(name): None if value is pd.NA or value != value else value for name, value in row.items()}  # noqa: PLR0124 - NaN
        for row in frame.to_dict("records")
    ]


def _names(key: ExecutionKey) -> tuple[str, str]:
    return key.job_id, key.thing_name


def _unmatched(patterns: Sequence[str], names: set[str]) -> tuple[str, ...]:
    """The patterns that match none of the names."""
    return tuple(pattern for pattern in patterns if not any(fnmatchcase(name, pattern) for name in names))
