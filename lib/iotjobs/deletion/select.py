"""From a rule to a plan: read the fleet, choose, look at each one chosen. Whole pictures only.

What could not be read is an error as soon as it could change the choice: a plan is never smaller for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

import pandas as pd

from iotjobs.aws import executions as fetch
from iotjobs.aws.concurrency import map_concurrently
from iotjobs.aws.connection import Connection
from iotjobs.aws.jobs import describe_job
from iotjobs.aws.read_fleet import read_fleet
from iotjobs.aws.things import group_members
from iotjobs.deletion.guards import Refusal, protection_unknown, too_many
from iotjobs.deletion.plan import QueueContext
from iotjobs.deletion.rule import SweepRule
from iotjobs.deletion.sweep_plan import Caps, Reading, SweepPlan, Target, removal_of
from iotjobs.diagnosis.diagnose import diagnose, possible_causes
from iotjobs.errors import Denied, IotJobsError, NotFound
from iotjobs.model import UNFINISHED, Cause, Execution, ExecutionKey, same_moment
from iotjobs.snapshot import KEY, FleetSnapshot


@dataclass(frozen=True, slots=True)
class Choice:
    """What a rule chose: the plan, or None where there are none or far too many; what was left out, and why.

    ``matched`` counts the executions that fit the rule, the protected ones aside.
    """

    plan: SweepPlan | None
    matched: int
    left_out: tuple[Refusal, ...]
    refusals: tuple[Refusal, ...]
    warnings: tuple[str, ...]


def choose(connection: Connection, rule: SweepRule, caps: Caps) -> Choice:
    """Read what the rule is about and make the plan. Changes nothing.

    Raises NotFound, Denied, IotJobsError: also when evidence is missing that the rule needs.
    """
    snapshot = read_fleet(
        connection,
        job_id=rule.job_id,
        thing_name=rule.thing_name,
        statuses=None,
        stuck_after=rule.stuck_after,
        whole_history=True,
    )
    executions = diagnose(snapshot, stuck_after=rule.stuck_after)
    members = {name for group in rule.thing_groups for name in group_members(connection, group)}
    as_of = pd.Timestamp(snapshot.as_of)
    executions = executions.drop_duplicates(KEY, keep="last", ignore_index=True)  # a page may repeat a row
    _require_whole(
        snapshot, rule, executions[replace(rule, causes=()).chooses(executions, as_of=as_of, members=members)]
    )
    fitting = executions[rule.chooses(executions, as_of=as_of, members=members)]
    kept, left_out, refusals = _protected(connection, rule, fitting, snapshot.jobs)
    refusals += too_many(len(kept), caps.max_deletes)
    if kept.empty or refusals:
        return Choice(None, len(kept), tuple(left_out), tuple(refusals), ())
    seen, warnings = _look_at_each(connection, kept)
    plan = _plan_of(connection, rule, caps, snapshot=snapshot, kept=kept, seen=seen)
    return Choice(plan, len(kept), tuple(left_out), (), (*_unmatched(rule, executions), *warnings))


def _require_whole(snapshot: FleetSnapshot, rule: SweepRule, in_scope: pd.DataFrame) -> None:
    """Raise when what is missing could change what the rule chooses."""
    for gap in snapshot.gaps:
        if gap.evidence.startswith("the executions of job"):
            raise _incomplete(str(gap), denied=gap.denied)
    wanted = set(rule.causes) - {Cause.UNKNOWN.value}
    for row in in_scope[in_scope["why_unknown"] != ""].to_dict("records"):
        if wanted & possible_causes(row["why_unknown"]):
            key = ExecutionKey(row["job_id"], row["thing_name"], int(row["execution_number"]))
            denied = any(gap.denied for gap in snapshot.gaps if gap.evidence == row["why_unknown"])
            raise _incomplete(
                f"the rule asks for causes, and that of {key} is unknown: {row['evidence']}", denied=denied
            )


def _incomplete(what: str, *, denied: bool) -> IotJobsError:
    message = f"{what}. A plan is made of whole pictures only, so there is none"
    return Denied(message) if denied else IotJobsError(message)


def _protected(
    connection: Connection, rule: SweepRule, fitting: pd.DataFrame, jobs: pd.DataFrame
) -> tuple[pd.DataFrame, list[Refusal], list[Refusal]]:
    """What may be taken, what is left alone, and the jobs of which it could not be read who owns them."""
    by_name = {key: rule.protects(key.job_id, key.thing_name) for key in _keys(fitting)}
    undecided = {key.job_id for key, why in by_name.items() if why is None}
    namespaces, unknown = _namespaces(connection, undecided, jobs)
    why = {
        key: named or rule.protects(key.job_id, key.thing_name, namespaces.get(key.job_id))
        for key, named in by_name.items()
    }
    left_out = [Refusal("protected", f"{key} is left alone: {reason}", key) for key, reason in why.items() if reason]
    free = pd.Series([reason is None for reason in why.values()], index=fitting.index, dtype=bool)
    return fitting[free], left_out, unknown


def _namespaces(
    connection: Connection, job_ids: Iterable[str], jobs: pd.DataFrame
) -> tuple[dict[str, Any], list[Refusal]]:
    """The namespace of each job, from DescribeJob alone: no list tells it (API: JobSummary has none)."""
    described = jobs[jobs["described"].fillna(value=False).astype(bool)]
    known = dict(zip(described["job_id"], described["namespace_id"], strict=True))
    missing = sorted(set(job_ids) - set(known))
    answers = map_concurrently(lambda job_id: describe_job(connection, job_id), missing)
    unknown = []
    for job_id, answer in zip(missing, answers, strict=True):
        if isinstance(answer, IotJobsError):
            unknown.append(protection_unknown(job_id, answer))
        else:
            known[job_id] = answer["namespace_id"]
    return known, unknown


def _unmatched(rule: SweepRule, executions: pd.DataFrame) -> list[str]:
    """Say which patterns protect nothing that was read: one that is mistyped protects nobody."""
    names = {*executions["job_id"], *executions["thing_name"]}
    return [
        f"protect pattern {pattern!r} matches no job and no thing that was read; is it spelt right?"
        for pattern in rule.protect
        if not any(fnmatchcase(name, pattern) for name in names)
    ]


def _look_at_each(connection: Connection, kept: pd.DataFrame) -> tuple[dict[ExecutionKey, Execution], list[str]]:
    """Describe each one, since the lists tell no version; what moved meanwhile is left out, and said."""
    keys = _keys(kept)
    listed = dict(zip(keys, zip(kept["status"], kept["queued_at"], strict=True), strict=True))
    seen: dict[ExecutionKey, Execution] = {}
    warnings = []

    def describe(key: ExecutionKey) -> Execution:
        return fetch.describe_execution(connection, key)

    for key, answer in zip(keys, map_concurrently(describe, keys), strict=True):
        if isinstance(answer, NotFound):
            warnings.append(f"{key} went away while the plan was made")
        elif isinstance(answer, IotJobsError):
            raise answer
        elif answer.status.value != listed[key][0] or not same_moment(answer.queued_at, listed[key][1]):
            warnings.append(f"{key} moved while the plan was made: look again later")
        else:
            seen[key] = answer
    return seen, warnings


def _plan_of(
    connection: Connection,
    rule: SweepRule,
    caps: Caps,
    *,
    snapshot: FleetSnapshot,
    kept: pd.DataFrame,
    seen: dict[ExecutionKey, Execution],
) -> SweepPlan | None:
    if not seen:
        return None
    causes = dict(zip(_keys(kept), kept["cause"], strict=True))
    whole_jobs = _whole_jobs(connection, snapshot, rule, {key.job_id for key in seen})
    bare = SweepPlan(
        rule=rule,
        caps=caps,
        account=connection.account,
        region=connection.region,
        endpoint=connection.endpoint,
        caller_arn=connection.caller_arn,
        made_at=datetime.now(UTC),
        reading=Reading(
            snapshot.as_of, len(snapshot.executions), dict(connection.calls), tuple(map(str, snapshot.gaps))
        ),
        job_totals={job_id: len(rows.drop_duplicates(KEY)) for job_id, rows in whole_jobs.items()},
        targets=(),
    )
    around = _Around(snapshot, whole_jobs)
    targets = [
        Target(removal_of(bare, seen[key], around.of(seen[key])), causes[key])
        for key in _in_order(seen, snapshot.queues)
    ]
    return replace(bare, targets=tuple(targets))


def _whole_jobs(
    connection: Connection, snapshot: FleetSnapshot, rule: SweepRule, job_ids: Iterable[str]
) -> dict[str, pd.DataFrame]:
    """All executions of each job: a fraction of a part would be a lie."""
    wanted = sorted(job_ids)
    if rule.thing_name is None:
        return {job_id: snapshot.executions[snapshot.executions["job_id"] == job_id] for job_id in wanted}
    read = map_concurrently(lambda job_id: fetch.job_executions(connection, job_id), wanted)
    for answer in read:
        if isinstance(answer, IotJobsError):
            raise answer
    return {job_id: rows for job_id, rows in zip(wanted, read, strict=True) if isinstance(rows, pd.DataFrame)}


def _in_order(seen: dict[ExecutionKey, Execution], queues: pd.DataFrame) -> list[ExecutionKey]:
    """What has ended first, since no device sees it; then each queue from its end.

    From its end, because the removal of a head announces the next one to the device, which would then start what is
    about to be taken away.
    """
    place = {key: number for number, key in enumerate(_keys(queues))}
    ended = sorted(key for key in seen if seen[key].finished)
    live = [key for key in seen if not seen[key].finished]
    return [*ended, *sorted(live, key=lambda key: (key.thing_name, -place.get(key, 0)))]


class _Around:
    """What is around each target when its turn comes: those before it are gone by then."""

    def __init__(self, snapshot: FleetSnapshot, whole_jobs: dict[str, pd.DataFrame]) -> None:
        self._jobs = {row["job_id"]: row for row in snapshot.jobs.to_dict("records")}
        self._unfinished = {job_id: int(rows["status"].isin(UNFINISHED).sum()) for job_id, rows in whole_jobs.items()}
        self._queues: dict[str, list[ExecutionKey]] = {}
        for key in _keys(snapshot.queues):
            self._queues.setdefault(key.thing_name, []).append(key)
        known = snapshot.things[snapshot.things["queue_known"].fillna(value=False).astype(bool)]
        self._known = set(known["thing_name"])

    def of(self, execution: Execution) -> QueueContext:
        key = execution.key
        job: dict[Any, Any] = self._jobs.get(key.job_id, {})
        around = QueueContext(
            job_status=job.get("status"),
            target_selection=job.get("target_selection"),
            unfinished_in_job=self._unfinished.get(key.job_id),
            queue=tuple(self._queues.get(key.thing_name, ())),
            queue_known=execution.finished or key.thing_name in self._known,
        )
        if not execution.finished:
            self._unfinished[key.job_id] = self._unfinished.get(key.job_id, 1) - 1
            self._queues[key.thing_name] = [other for other in around.queue if other != key]
        return around


def _keys(frame: pd.DataFrame) -> list[ExecutionKey]:
    rows = frame[KEY].itertuples(index=False)
    return [ExecutionKey(str(job_id), str(thing_name), int(number)) for job_id, thing_name, number in rows]
