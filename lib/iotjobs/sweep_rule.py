"""Which executions a sweep is about: the rule, as parameters say it and as `plan.json` holds it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any

import pandas as pd

from iotjobs import parameter_values
from iotjobs.diagnosis.service_owners import owner_of
from iotjobs.errors import InvalidInput
from iotjobs.model import TERMINAL, UNFINISHED, Action

#: The parameters of a sweep that make its rule.
NAMES = (
    *("action", "job_id", "thing_name", "causes", "statuses", "thing_groups", "older_than", "stuck_after", "force"),
    "protect",
)
_SELECTORS = ("job_id", "thing_name", "causes", "statuses", "thing_groups")


@dataclass(frozen=True, slots=True)
class SweepRule:
    """What is chosen, and for what: all that is given must hold. Lists are sorted, since their order says nothing.

    ``action``: an `Action`; a cancel is about unfinished executions alone.
    """

    action: str = Action.DELETE.value
    job_id: str | None = None
    thing_name: str | None = None
    causes: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    thing_groups: tuple[str, ...] = ()
    protect: tuple[str, ...] = ()
    older_than_s: int = 30 * 86400
    stuck_after_s: int = 86400
    force: bool = False

    @property
    def names_something(self) -> bool:
        """Whether the rule says more than an age: a sweep of everything must be meant, not forgotten."""
        return any(getattr(self, name) for name in _SELECTORS)

    @property
    def stuck_after(self) -> timedelta:
        """After how long without a change an unfinished execution counts as stuck."""
        return timedelta(seconds=self.stuck_after_s)

    def as_document(self) -> dict[str, Any]:
        """The rule as JSON can hold it."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    def chooses(self, executions: pd.DataFrame, *, as_of: pd.Timestamp, members: Collection[str] = ()) -> pd.Series:
        """Where a diagnosed executions table fits the rule, protection aside (boolean, by row).

        ``members`` are the things of the rule's groups. The age counts from the last change (queued, started or
        reported): what a device worked on yesterday is not old, whenever it was queued.
        """
        changed = executions[["queued_at", "started_at", "last_updated_at"]].max(axis=1)
        chosen = (as_of - changed).dt.total_seconds() >= self.older_than_s
        if self.action == Action.CANCEL:
            chosen &= executions["status"].isin(UNFINISHED)
        if self.job_id is not None:
            chosen &= executions["job_id"] == self.job_id
        if self.thing_name is not None:
            chosen &= executions["thing_name"] == self.thing_name
        if self.causes:
            chosen &= executions["cause"].isin(self.causes)
        if self.statuses:
            chosen &= executions["status"].isin(self.statuses)
        if self.thing_groups:
            chosen &= executions["thing_name"].isin(members)
        mask: pd.Series = chosen.astype(bool)
        return mask

    def protects(self, job_id: str, thing_name: str, namespace_id: Any = None) -> str | None:
        """Why an execution must be left alone, None when it need not.

        A pattern is matched against the whole name: `prod` does not protect `nonprod`, `prod-*` all that begin so.
        """
        for pattern in self.protect:
            if fnmatchcase(thing_name, pattern) or fnmatchcase(job_id, pattern):
                return f"its name is protected by {pattern}"
        owner = owner_of(job_id, namespace_id)
        return f"the job belongs to {owner}" if owner else None


def from_parameters(given: Mapping[str, Any]) -> SweepRule:
    """The rule of a notebook's parameters. Raises InvalidInput."""
    meant = {name: value for name, value in given.items() if value is not None}
    action = parameter_values.action(meant.get("action", Action.DELETE))
    statuses = parameter_values.statuses(meant.get("statuses")) or ()
    ended = sorted(set(statuses) & set(TERMINAL))
    if action is Action.CANCEL and ended:
        raise InvalidInput(f"statuses has {', '.join(ended)}, and what has ended cannot be cancelled: leave that out")
    return SweepRule(
        action=action.value,
        job_id=parameter_values.job_id(meant["job_id"]) if "job_id" in meant else None,
        thing_name=parameter_values.thing_name(meant["thing_name"]) if "thing_name" in meant else None,
        causes=tuple(sorted(parameter_values.causes(meant.get("causes")))),
        statuses=tuple(sorted(statuses)),
        thing_groups=tuple(sorted(set(parameter_values.thing_groups(meant.get("thing_groups"))))),
        protect=tuple(sorted(set(parameter_values.comma_list(meant.get("protect"), name="protect")))),
        older_than_s=_seconds(meant.get("older_than", "30d"), "older_than"),
        stuck_after_s=_seconds(meant.get("stuck_after", "24h"), "stuck_after"),
        force=bool(parameter_values.flag(meant.get("force"), name="force")),
    )


def from_document(document: Mapping[str, Any]) -> SweepRule:
    """The rule that `as_document` wrote. Raises KeyError, TypeError, InvalidInput for anything else."""
    values: dict[str, Any] = {}
    for each, default in ((field.name, field.default) for field in fields(SweepRule)):
        value = document[each]
        if isinstance(value, list) and all(isinstance(part, str) for part in value):
            value = tuple(value)
        if type(value) is not (str if default is None and value is not None else type(default)):
            raise TypeError(f"{each} of a rule is {value!r}")
        values[each] = value
    parameter_values.action(values["action"])
    if values["job_id"] is not None:
        parameter_values.job_id(values["job_id"])
    if values["thing_name"] is not None:
        parameter_values.thing_name(values["thing_name"])
    return SweepRule(**values)


def restricted(rule: SweepRule, given: Mapping[str, Any]) -> tuple[SweepRule, list[str]]:
    """The rule tightened by the parameters given beside a plan, and what of them would widen it instead.

    ``given`` holds only what was said explicitly. Raises InvalidInput.
    """
    said = from_parameters(given)
    named = {name for name, value in given.items() if value is not None}
    wider = ["action"] if "action" in named and said.action != rule.action else []
    values = {field.name: getattr(rule, field.name) for field in fields(rule)}
    for name in {"job_id", "thing_name"} & named:
        if values[name] not in (None, getattr(said, name)):
            wider.append(name)
        values[name] = getattr(said, name)
    for name in {"causes", "statuses", "thing_groups"} & named:
        if values[name] and not set(getattr(said, name)) <= set(values[name]):
            wider.append(name)
        values[name] = getattr(said, name)
    values["protect"] = tuple(sorted({*rule.protect, *said.protect}))
    if "older_than" in named:
        if said.older_than_s < rule.older_than_s:
            wider.append("older_than")
        values["older_than_s"] = said.older_than_s
    if "stuck_after" in named and said.stuck_after_s != rule.stuck_after_s:
        wider.append("stuck_after")
    if "force" in named:
        if said.force and not rule.force:
            wider.append("force")
        values["force"] = said.force
    return SweepRule(**values), sorted(wider)


def _seconds(value: Any, name: str) -> int:
    return int(parameter_values.duration(value, name=name).total_seconds())
