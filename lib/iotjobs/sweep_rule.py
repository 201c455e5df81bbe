"""Which executions a sweep is about: the rule, as parameters say it and as `plan.json` holds it. Pure.

A selector is one field of `SweepRule`: its parameter, what it chooses, and which other value is no wider. The
parameters of the sweep's notebooks, reading, choosing and tightening all go through the fields.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple

from iotjobs import parameter_values as read
from iotjobs.diagnosis.service_owners import owner_of
from iotjobs.errors import InvalidInput
from iotjobs.model import TERMINAL, UNFINISHED, Action
from iotjobs.parameter_values import Parameter

if TYPE_CHECKING:
    import pandas as pd


class _Table(NamedTuple):
    """A diagnosed executions table, when it was read, and the things of the rule's groups."""

    rows: pd.DataFrame
    as_of: pd.Timestamp
    members: Collection[str]

    @property
    def age_s(self) -> pd.Series:
        """Seconds since the last change: what a device worked on yesterday is not old, whenever it was queued."""
        changed = self.rows[["queued_at", "started_at", "last_updated_at"]].max(axis=1)
        age_s: pd.Series = (self.as_of - changed).dt.total_seconds()
        return age_s


class _Member(NamedTuple):
    """What a field of the rule is: ``fits`` is None where it chooses nothing by itself.

    ``narrows``: whether a value given beside a plan (second) is no wider than the plan's (first). ``adds``: it does not
    take the place of the plan's but is added to it. ``in_plan``: a plan holds what it chooses by, so that it can be
    given beside one.
    """

    parameter: Parameter
    narrows: Callable[[Any, Any], bool]
    fits: Callable[[_Table, Any], pd.Series] | None = None
    adds: bool = False
    in_plan: bool = True


def _within(plan: Any, beside: Any) -> bool:
    """Whether the names given beside a plan are among the plan's, which takes all where it has none."""
    return not plan or set(_listed(beside)) <= set(_listed(plan))


def _field(
    name: str,
    parse: Callable[..., Any],
    help: str,  # noqa: A002 - as `Parameter` has it
    *,
    default: Any = None,
    empty: Any = None,
    column: str = "",
    fits: Callable[[_Table, Any], pd.Series] | None = None,
    narrows: Callable[[Any, Any], bool] = _within,
    adds: bool = False,
    in_plan: bool = True,
) -> Any:
    """A field of the rule. ``default``: its parameter's; without one the field holds ``empty`` when none is given.

    ``column``: the one that must have the value, or one of the values, where ``fits`` says nothing else.
    """
    if column:
        fits = lambda table, value: table.rows[column].isin(_listed(value))  # noqa: E731
    kind = str if default is None else type(default)
    parameter = Parameter(name, parse, help, default=default, type=kind, cell_has_none=default is not None)
    value = empty if default is None else _plain(parameter.read(default))
    return field(default=value, metadata={"member": _Member(parameter, narrows, fits, adds, in_plan)})


def _listed(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _plain(value: Any) -> Any:
    """A parameter's typed value as the rule holds it."""
    if isinstance(value, timedelta):
        return int(value.total_seconds())
    if isinstance(value, tuple):
        return tuple(sorted({str(part) for part in value}))
    return str(value) if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class SweepRule:
    """What is chosen, and for what: all that is given must hold. Lists are sorted, durations in seconds.

    ``action``: an `Action`; a cancel is about unfinished executions alone.
    """

    action: str = _field(
        "action",
        read.action,
        "delete, or cancel: end what is unfinished by its version, keep the record and delete nothing",
        default="delete",
        fits=lambda table, action: table.rows["status"].isin(UNFINISHED) | (action != Action.CANCEL),
        narrows=operator.eq,
    )
    job_id: str | None = _field("job_id", read.job_id, "only executions of this job", column="job_id")
    thing_name: str | None = _field(
        "thing_name",
        read.thing_name,
        'only executions of this thing, in quotes: "007" is text',
        column="thing_name",
    )
    causes: tuple[str, ...] = _field(
        "causes",
        read.causes,
        "only these causes, comma-separated: orphaned,device_offline",
        empty=(),
        column="cause",
    )
    statuses: tuple[str, ...] = _field(
        "statuses",
        read.statuses,
        "only these statuses, comma-separated: FAILED,REJECTED",
        empty=(),
        column="status",
    )
    thing_groups: tuple[str, ...] = _field(
        "thing_groups",
        read.thing_groups,
        "only things of these groups or of the groups below them, comma-separated",
        empty=(),
        fits=lambda table, _groups: table.rows["thing_name"].isin(table.members),
        in_plan=False,
    )
    older_than_s: int = _field(
        "older_than",
        read.duration,
        "only what has not changed for this long: 90m, 24h, 30d",
        default="30d",
        fits=lambda table, seconds: table.age_s >= seconds,
        narrows=operator.le,
    )
    stuck_after_s: int = _field(
        "stuck_after",
        read.duration,
        "for causes: an execution without any change for this long is stuck",
        default="24h",
        narrows=operator.eq,
    )
    force: bool = _field(
        "force",
        read.flag,
        "True: also QUEUED and IN_PROGRESS, each cancelled by its version first; action cancel: also IN_PROGRESS",
        default=False,
        narrows=operator.ge,
    )
    protect: tuple[str, ...] = _field(
        "protect",
        read.comma_list,
        "names to leave alone, things or jobs, comma-separated patterns of whole names: prod-*,pump-?",
        empty=(),
        narrows=lambda _plan, _beside: True,
        adds=True,
    )

    @property
    def names_something(self) -> bool:
        """Whether the rule says more than an age: a sweep of everything must be meant, not forgotten."""
        return any(getattr(self, name) for name in SELECTORS)

    @property
    def stuck_after(self) -> timedelta:
        """After how long without a change an unfinished execution counts as stuck."""
        return timedelta(seconds=self.stuck_after_s)

    def of_plan(self) -> SweepRule:
        """The rule without what a plan's targets do not tell."""
        untold: dict[str, Any] = {each.name: each.default for each in fields(self) if not _MEMBERS[each.name].in_plan}
        return replace(self, **untold)

    def as_document(self) -> dict[str, Any]:
        """The rule as JSON can hold it."""
        values = {name: getattr(self, name) for name in _MEMBERS}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    def chooses(self, executions: pd.DataFrame, *, as_of: pd.Timestamp, members: Collection[str] = ()) -> pd.Series:
        """Where a diagnosed executions table fits the rule, protection aside (boolean, by row).

        ``members`` are the things of the rule's groups.
        """
        table = _Table(executions, as_of, members)
        values = [(member.fits, getattr(self, name)) for name, member in _MEMBERS.items()]
        fitting = [fits(table, value) for fits, value in values if fits is not None and value not in (None, ())]
        return reduce(operator.and_, fitting).astype(bool)

    def protects(self, job_id: str, thing_name: str, namespace_id: Any = None) -> str | None:
        """Why an execution must be left alone, None when it need not.

        A pattern is matched against the whole name: `prod` does not protect `nonprod`, `prod-*` all that begin so.
        """
        for pattern in self.protect:
            if fnmatchcase(thing_name, pattern) or fnmatchcase(job_id, pattern):
                return f"its name is protected by {pattern}"
        owner = owner_of(job_id, namespace_id)
        return f"the job belongs to {owner}" if owner else None


_MEMBERS: dict[str, _Member] = {each.name: each.metadata["member"] for each in fields(SweepRule)}
#: The parameters of a sweep that make its rule, in the order of its parameters cell.
PARAMETERS = tuple(member.parameter for member in _MEMBERS.values())
#: Those that say more than an age.
SELECTORS = tuple(name for name, member in _MEMBERS.items() if member.fits and member.parameter.default is None)


def from_parameters(parameters: Mapping[str, Any]) -> SweepRule:
    """The rule of a notebook's parameters, typed or not; other parameters may be among them. Raises InvalidInput."""
    values = {name: member.parameter.read(parameters.get(member.parameter.name)) for name, member in _MEMBERS.items()}
    rule = SweepRule(**{name: _plain(value) for name, value in values.items() if value is not None})
    ended = sorted(set(rule.statuses) & set(TERMINAL))
    if rule.action == Action.CANCEL and ended:
        raise InvalidInput(f"statuses has {', '.join(ended)}, and what has ended cannot be cancelled: leave that out")
    return rule


def from_document(document: Mapping[str, Any]) -> SweepRule:
    """The rule that `as_document` wrote. Raises KeyError, TypeError, ValueError, InvalidInput for anything else."""
    parameters: dict[str, Any] = {}
    for name, member in _MEMBERS.items():
        value = document[name]
        if name.endswith("_s"):
            value = timedelta(seconds=value)
        parameters[member.parameter.name] = tuple(value) or None if isinstance(value, list) else value
    rule = from_parameters(parameters)
    if json.dumps(rule.as_document()) != json.dumps({name: document[name] for name in _MEMBERS}):
        raise ValueError(f"{dict(document)} is no rule that the kit writes")
    return rule


def require_in_plan(names: Collection[str]) -> None:
    """Raise InvalidInput for a parameter of the rule that cannot be given beside a plan."""
    for member in _MEMBERS.values():
        if member.parameter.name in names and not member.in_plan:
            raise InvalidInput(f"{member.parameter.name} cannot be given beside plan_file: a plan names its things")


def restricted(rule: SweepRule, beside: Mapping[str, Any]) -> tuple[SweepRule, list[str]]:
    """The rule restricted by the parameters given beside a plan, and what of them would widen it instead.

    ``beside`` holds only what was given explicitly. Raises InvalidInput.
    """
    other = from_parameters(beside)
    values = {name: getattr(rule, name) for name in _MEMBERS}
    wider = []
    for name, member in _MEMBERS.items():
        if beside.get(member.parameter.name) is not None:
            value = getattr(other, name)
            if not member.narrows(values[name], value):
                wider.append(member.parameter.name)
            values[name] = _plain((*values[name], *value)) if member.adds else value
    return SweepRule(**values), sorted(wider)
