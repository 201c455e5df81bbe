"""A sweep's plan: the rule, every target with its identity and its consequences, the phrase, `plan.json`. Pure.

`plan.json` is described in docs/plan.md. Two digests: `plan_id` over what the sweep is about, which a person confirms;
`digest` over the whole document, which shows an edit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

import pandas as pd

from iotjobs.deletion import rule as rules
from iotjobs.deletion.plan import DEVICE_ACTIVE_WORDS, Plan, QueueContext
from iotjobs.deletion.rule import SweepRule
from iotjobs.errors import InvalidInput
from iotjobs.model import TIME, Execution, ExecutionKey, Status, exact_text, utc_text

SCHEMA = 1
KIND = "sweep"
_ID_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Caps:
    """How many executions a plan may have: in all, and as a fraction of each job's executions."""

    max_deletes: int = 25
    max_fraction: float = 0.1

    def tightened(self, other: Caps) -> Caps:
        """The stricter of both, each by itself."""
        return Caps(min(self.max_deletes, other.max_deletes), min(self.max_fraction, other.max_fraction))


@dataclass(frozen=True, slots=True)
class Reading:
    """How complete the reading was that a plan was made from: when, how many rows and calls, what was missing."""

    as_of: datetime
    rows: int
    calls: Mapping[str, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """One execution of a sweep: how it is to be removed, and why it was chosen."""

    removal: Plan
    cause: str

    @property
    def key(self) -> ExecutionKey:
        """What names the execution."""
        return self.removal.execution.key

    @property
    def identity(self) -> list[Any]:
        """What makes it itself and unmoved, as JSON can hold it."""
        one = self.removal.execution
        named = [one.key.job_id, one.key.thing_name, one.key.execution_number]
        return [*named, exact_text(one.queued_at), one.status.value, one.version_number]


@dataclass(frozen=True, slots=True)
class SweepPlan:
    """What a sweep would do. ``job_totals``: all executions of each job concerned, of whatever status."""

    rule: SweepRule
    caps: Caps
    account: str
    region: str
    endpoint: str
    caller_arn: str
    made_at: datetime
    reading: Reading
    job_totals: Mapping[str, int]
    targets: tuple[Target, ...]

    @property
    def plan_id(self) -> str:
        """The digest of account, region, rule and every target with its identity."""
        about = [self.account, self.region, self.rule.as_document(), sorted(each.identity for each in self.targets)]
        return _digest(about)[:_ID_LENGTH]

    @property
    def works(self) -> bool:
        """Whether a device is at work on one of the targets."""
        return any(each.removal.works for each in self.targets)

    @property
    def phrase(self) -> str:
        """What to confirm with: how many, and which plan."""
        return f"delete {len(self.targets)} {self.plan_id}" + (DEVICE_ACTIVE_WORDS if self.works else "")

    @property
    def table(self) -> pd.DataFrame:
        """One row a target, in the order they are done, with what follows from it."""
        return pd.DataFrame(
            {
                "job_id": [each.key.job_id for each in self.targets],
                "thing_name": [each.key.thing_name for each in self.targets],
                "execution_number": [each.key.execution_number for each in self.targets],
                "status": [each.removal.execution.status.value for each in self.targets],
                "cause": [each.cause for each in self.targets],
                "queued_at": [utc_text(each.removal.execution.queued_at) for each in self.targets],
                "steps": ["; ".join(each.removal.steps) for each in self.targets],
                "consequences": [" ".join(each.removal.consequences) for each in self.targets],
            }
        )

    def without(self, keys: Collection[ExecutionKey]) -> SweepPlan:
        """The plan with some targets left out: another plan, with another phrase."""
        return replace(self, targets=tuple(each for each in self.targets if each.key not in keys))

    def as_document(self) -> dict[str, Any]:
        """The plan as `plan.json` holds it."""
        document = {
            "schema": SCHEMA,
            "kind": KIND,
            "plan_id": self.plan_id,
            "phrase": self.phrase,
            "account": self.account,
            "region": self.region,
            "endpoint": self.endpoint,
            "caller_arn": self.caller_arn,
            "made_at": exact_text(self.made_at),
            "rule": self.rule.as_document(),
            "caps": asdict(self.caps),
            "reading": {
                **asdict(self.reading),
                "as_of": exact_text(self.reading.as_of),
                "missing": list(self.reading.missing),
            },
            "job_totals": dict(self.job_totals),
            "targets": [_target_document(each) for each in self.targets],
        }
        return {**document, "digest": _digest(document)}


def is_whole(document: Mapping[str, Any]) -> bool:
    """Whether a document is as its digest says: nothing in it was edited."""
    return document.get("digest") == _digest({name: value for name, value in document.items() if name != "digest"})


def from_document(document: Mapping[str, Any]) -> SweepPlan:
    """The plan that `as_document` wrote. Raises InvalidInput for another schema or what is no sweep's plan."""
    if document.get("kind") != KIND or document.get("schema") != SCHEMA:
        raise InvalidInput(
            f"this is no plan of a sweep of schema {SCHEMA} (kind {document.get('kind')!r}, schema "
            f"{document.get('schema')!r}): make a new one with the sweep notebook"
        )
    try:
        reading = document["reading"]
        bare = SweepPlan(
            rule=rules.from_document(document["rule"]),
            caps=Caps(**document["caps"]),
            made_at=_moment(document["made_at"]),
            reading=Reading(_moment(reading["as_of"]), reading["rows"], reading["calls"], tuple(reading["missing"])),
            job_totals=dict(document["job_totals"]),
            targets=(),
            **{name: str(document[name]) for name in ("account", "region", "endpoint", "caller_arn")},
        )
        return replace(bare, targets=tuple(_target(bare, each) for each in document["targets"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInput(f"the plan cannot be read ({error!r}): make a new one with the sweep notebook") from error


def tightened(plan: SweepPlan, narrower: SweepRule, caps: Caps) -> SweepPlan:
    """The plan with only those targets that also fit a narrower rule, under stricter caps.

    Its rule stays the plan's own but for force, so that the phrase changes only when the targets do.
    """
    frame = pd.DataFrame(
        {
            "job_id": [each.key.job_id for each in plan.targets],
            "thing_name": [each.key.thing_name for each in plan.targets],
            "status": [each.removal.execution.status.value for each in plan.targets],
            "cause": [each.cause for each in plan.targets],
            **{
                name: pd.Series([getattr(each.removal.execution, name) for each in plan.targets], dtype=TIME)
                for name in ("queued_at", "started_at", "last_updated_at")
            },
        }
    )
    fits = replace(narrower, thing_groups=()).chooses(frame, as_of=pd.Timestamp(plan.reading.as_of))
    kept = tuple(
        each
        for each, fit in zip(plan.targets, fits, strict=True)
        if fit and narrower.protects(each.key.job_id, each.key.thing_name) is None
    )
    return replace(plan, targets=kept, caps=caps, rule=replace(plan.rule, force=narrower.force))


def removal_of(plan: SweepPlan, execution: Execution, around: QueueContext) -> Plan:
    """How a sweep removes one execution: an unfinished one is cancelled by its version first, always."""
    return Plan(
        execution=execution,
        force=False,
        cancel_first=not execution.finished,
        namespace_id=None,
        account=plan.account,
        region=plan.region,
        caller_arn=plan.caller_arn,
        endpoint=plan.endpoint,
        made_at=plan.made_at,
        queue_context=around,
    )


def _target_document(target: Target) -> dict[str, Any]:
    one = target.removal.execution
    return {
        "job_id": one.key.job_id,
        "thing_name": one.key.thing_name,
        "execution_number": one.key.execution_number,
        "queued_at": exact_text(one.queued_at),
        "status": one.status.value,
        "version_number": one.version_number,
        "started_at": one.started_at and exact_text(one.started_at),
        "last_updated_at": one.last_updated_at and exact_text(one.last_updated_at),
        "cause": target.cause,
        "steps": list(target.removal.steps),
        "consequences": list(target.removal.consequences),
        "queue_context": json.loads(json.dumps(asdict(target.removal.queue_context))),
    }


def _target(plan: SweepPlan, document: Mapping[str, Any]) -> Target:
    around = dict(document["queue_context"])
    queue = tuple(ExecutionKey(**key) for key in around.pop("queue"))
    execution = Execution(
        key=ExecutionKey(document["job_id"], document["thing_name"], int(document["execution_number"])),
        status=Status(document["status"]),
        queued_at=_moment(document["queued_at"]),
        version_number=int(document["version_number"]),
        started_at=document["started_at"] and _moment(document["started_at"]),
        last_updated_at=document["last_updated_at"] and _moment(document["last_updated_at"]),
    )
    return Target(removal_of(plan, execution, QueueContext(**around, queue=queue)), str(document["cause"]))


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _digest(document: Any) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True, ensure_ascii=True).encode()).hexdigest()
