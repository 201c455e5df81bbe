"""A sweep's plan: the rule, every target with its identity and its consequences, the phrase. Pure.

`plan_id`, which the phrase names, is a digest over all that is approved: see docs/plan.md.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

import pandas as pd

from iotjobs.columns import TIME
from iotjobs.deletion.caps import Caps
from iotjobs.deletion.plan import CANCEL, DELETE, DEVICE_ACTIVE_WORDS, KIND_SWEEP, SCHEMA, Plan, QueueContext, digest_of
from iotjobs.model import Action, Execution, ExecutionKey, Identity, Status, exact_text, utc_text
from iotjobs.sweep_rule import SweepRule

#: So many of those left alone are named in a plan.
MOST_NAMED = 1000


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """An execution that fits the rule and is protected, and why."""

    key: ExecutionKey
    why: str


@dataclass(frozen=True, slots=True)
class Reading:
    """How complete the reading was that a plan was made from.

    ``rows``: executions read. ``calls``: answered, by operation. ``missing``: evidence that the rule did not need.
    ``unmatched``: patterns of `protect` that match nothing that was read. ``moved``: executions that fitted the rule
    and moved or went away before the plan was made, in words. ``protected``: those that fitted and are left alone, and
    why; the first `MOST_NAMED` of ``protected_count``.
    """

    as_of: datetime
    rows: int
    calls: Mapping[str, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    protected: tuple[LeftAlone, ...] = ()
    protected_count: int = 0


@dataclass(frozen=True, slots=True)
class Target:
    """One execution of a sweep: how it is to be removed, and why it was chosen."""

    removal: Plan
    cause: str

    @property
    def key(self) -> ExecutionKey:
        """What names the execution."""
        return self.removal.key

    @property
    def identity(self) -> Identity:
        """What makes it itself."""
        return self.removal.identity


@dataclass(frozen=True)
class SweepPlan:
    """What a sweep would do. ``job_totals``: all executions of each job concerned, of whatever status.

    ``project``: the project file under which it was made, empty without one.
    """

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
    project: str = ""

    @cached_property
    def plan_id(self) -> str:
        """The digest of the whole plan but the phrase, which names it."""
        return digest_of(self._document)

    @property
    def device_active(self) -> bool:
        """Whether a device is at work on one of the targets."""
        return any(each.removal.device_active for each in self.targets)

    @property
    def phrase(self) -> str:
        """What to confirm with: what is done, to how many, and which plan."""
        return f"{self.rule.action} {len(self.targets)} {self.plan_id}" + (
            DEVICE_ACTIVE_WORDS if self.device_active else ""
        )

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

    def restricted(self, rule: SweepRule) -> SweepPlan:
        """The plan with only those targets that also fit a narrower rule.

        Its rule stays the plan's own but for force, so that the phrase changes only when the targets do.
        """
        frame = pd.DataFrame(
            {
                "job_id": [each.key.job_id for each in self.targets],
                "thing_name": [each.key.thing_name for each in self.targets],
                "status": [each.removal.execution.status.value for each in self.targets],
                "cause": [each.cause for each in self.targets],
                **{
                    name: pd.Series([getattr(each.removal.execution, name) for each in self.targets], dtype=TIME)
                    for name in ("queued_at", "started_at", "last_updated_at")
                },
            }
        )
        fits = rule.of_plan().chooses(frame, as_of=pd.Timestamp(self.reading.as_of))
        keep = tuple(
            each
            for each, fit in zip(self.targets, fits, strict=True)
            if fit and rule.protects(each.key.job_id, each.key.thing_name) is None
        )
        return replace(self, targets=keep, rule=replace(self.rule, force=rule.force))

    def as_document(self) -> dict[str, Any]:
        """The plan as `plan.json` holds it."""
        return {**self._document, "plan_id": self.plan_id, "phrase": self.phrase}

    @property
    def _document(self) -> dict[str, Any]:
        reading = asdict(self.reading)
        lists = {name: list(reading[name]) for name in ("missing", "unmatched", "moved")}
        protected = [{**asdict(each.key), "why": each.why} for each in self.reading.protected]
        return {
            "schema": SCHEMA,
            "kind": KIND_SWEEP,
            "account": self.account,
            "region": self.region,
            "endpoint": self.endpoint,
            "caller_arn": self.caller_arn,
            "made_at": exact_text(self.made_at),
            **({"project": self.project} if self.project else {}),
            "rule": self.rule.as_document(),
            "caps": asdict(self.caps),
            "reading": {**reading, **lists, "protected": protected, "as_of": exact_text(self.reading.as_of)},
            "job_totals": dict(self.job_totals),
            "targets": [{**each.removal.execution_document(), "cause": each.cause} for each in self.targets],
        }


def removal_of(plan: SweepPlan, execution: Execution, context: QueueContext) -> Plan:
    """How a sweep ends one execution: an unfinished one is cancelled by its version first, always.

    A sweep that only cancels does so with force where AWS wants it, for what is IN_PROGRESS.
    """
    cancels = plan.rule.action == Action.CANCEL
    in_steps = (DELETE,) if execution.finished else (CANCEL, DELETE)
    return Plan(
        execution=execution,
        operations=(CANCEL,) if cancels else in_steps,
        force=cancels and execution.status == Status.IN_PROGRESS,
        namespace_id=None,
        account=plan.account,
        region=plan.region,
        caller_arn=plan.caller_arn,
        endpoint=plan.endpoint,
        made_at=plan.made_at,
        queue_context=context,
    )
