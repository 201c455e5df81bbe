"""What to do now: the acts that free most, ranked, each with its count and what it frees. Pure.

An execution that waits for another is never a step of its own: it is counted as freed by the step that deals
with the head of its queue. So every unfinished execution is counted once, in a step or as left alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from iotjobs.diagnosis.causes import BY_CAUSE, CAUSE_RULES, SELF_RESOLVING
from iotjobs.diagnosis.service_owners import owner_of
from iotjobs.model import Cause, Status, Suggestion
from iotjobs.plurals import agreeing, many
from iotjobs.snapshot import last_change

#: What waits for the head of its queue and for nothing else.
_HELD = tuple(rule.cause for rule in CAUSE_RULES if rule.held)
#: What starts when the executions before it have gone.
_FREED = tuple(rule.cause for rule in CAUSE_RULES if rule.freed_with_head)
#: The causes that lie in a job; the others lie in the devices, whatever their jobs.
_OF_A_JOB = tuple(rule.cause for rule in CAUSE_RULES if rule.lies_in_job)
_MOST_GROUPS = 3


@dataclass(frozen=True, slots=True)
class Step:
    """One act for one cause: `executions` on `things` are dealt with, and `frees` others then start.

    ``job_id`` is None where the cause lies in the devices. ``begin_with`` is the thing that holds most back (then
    the one that has not moved for longest), and ``holds_back`` how many. ``oldest_s`` is for how many seconds the
    one that has not moved for longest has not. `chooses` says which rows of an executions table it is about.
    """

    cause: str
    suggestion: str
    job_id: str | None
    what: str
    why: str
    executions: int
    things: int
    frees: int
    begin_with: str
    holds_back: int
    oldest_s: int

    def chooses(self, executions: pd.DataFrame) -> pd.Series:
        """Which executions (DIAGNOSIS_COLUMNS) this step deals with, as a boolean for each row."""
        chosen = (executions["cause"] == self.cause) & (executions["suggestion"] == self.suggestion)
        return chosen if self.job_id is None else chosen & (executions["job_id"] == self.job_id)

    @property
    def effect(self) -> str:
        """What the step does, in figures."""
        own = many(self.executions, "execution")
        return (
            f"{own}, and frees {self.frees} more that {agreeing(self.frees, 'waits', 'wait')} behind"
            if self.frees
            else own
        )


@dataclass(frozen=True, slots=True)
class NextSteps:
    """The steps, best first, and what needs none.

    ``self_resolving`` counts executions by cause, ``behind_self_resolving`` those that wait for them.
    ``unfinished`` is the sum of all executions and freed ones, of `self_resolving`, and of `behind_self_resolving`.
    """

    ranked: tuple[Step, ...]
    self_resolving: dict[str, int]
    behind_self_resolving: int
    unfinished: int


def next_steps(queues: pd.DataFrame, *, as_of: datetime) -> NextSteps:
    """Rank what to do about all unfinished executions of the things concerned.

    `queues` as in `Findings.queues`. First what frees most others, then what is about most, then what is oldest.
    """
    rows = _weighed(queues, as_of)
    roots = rows[rows["role"] == "root"]
    by_step = roots.groupby(["cause", "suggestion", "step_job"], sort=False)
    steps = [_step(names, group) for names, group in by_step]
    steps.sort(key=lambda step: (-step.frees, -step.executions, -step.oldest_s, step.what))
    self_resolving = rows[rows["role"] == "self_resolving"]["cause"].value_counts()
    return NextSteps(
        ranked=tuple(steps),
        self_resolving={str(cause): int(count) for cause, count in self_resolving.items()},
        behind_self_resolving=int((rows["role"] == "waits").sum()),
        unfinished=len(rows),
    )


def _weighed(queues: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    """Add each row's role (root, freed, self_resolving, waits), its step's job, and for a head how many it frees."""
    rows = queues.copy()
    head = rows["position"] == 1
    passive = rows["cause"].isin([*_HELD, *SELF_RESOLVING])
    obstructed = set(rows.loc[head & ~passive, "thing_name"])
    behind_obstacle = ~head & rows["thing_name"].isin(obstructed)
    queued = rows["status"] == Status.QUEUED
    rows["role"] = "root"
    rows.loc[rows["cause"].isin(SELF_RESOLVING), "role"] = "self_resolving"
    rows.loc[rows["cause"].isin(_HELD), "role"] = "waits"
    rows.loc[rows["cause"].isin(_FREED) & queued & behind_obstacle, "role"] = "freed"
    freed = rows[rows["role"] == "freed"].groupby("thing_name").size()
    rows["frees"] = rows["thing_name"].map(freed).where(head, 0).fillna(0).astype(int)
    rows["step_job"] = rows["job_id"].where(rows["cause"].isin(_OF_A_JOB), "")
    rows["unmoved_s"] = (pd.Timestamp(as_of) - last_change(rows)).dt.total_seconds()
    return rows


def _step(names: Any, group: pd.DataFrame) -> Step:
    cause, suggestion, step_job = (str(name) for name in names)
    job_id = step_job or None
    where = _where(group)
    worst = group.sort_values(["frees", "unmoved_s"], ascending=False, kind="stable").iloc[0]
    return Step(
        cause=cause,
        suggestion=suggestion,
        job_id=job_id,
        what=_what(cause, suggestion, group, where),
        why=BY_CAUSE[cause].step_why,
        executions=len(group),
        things=int(group["thing_name"].nunique()),
        frees=int(group["frees"].sum()),
        begin_with=str(worst["thing_name"]),
        holds_back=int(worst["frees"]),
        oldest_s=int(group["unmoved_s"].max()),
    )


def _what(cause: str, suggestion: str, group: pd.DataFrame, where: str) -> str:
    job_id = str(group.iloc[0]["job_id"])
    namespace = group.iloc[0].get("namespace_id")
    owner = owner_of(job_id, namespace)
    if owner and Cause(cause) in _OF_A_JOB and suggestion == Suggestion.NONE:
        return f"Act on {job_id} on {where} through its service, {owner}"
    if suggestion == Suggestion.ENABLE_INDEXING:
        return f"Switch fleet indexing with connectivity on: without it {where} cannot be judged"
    return BY_CAUSE[cause].step(job_id, where)


def _where(group: pd.DataFrame) -> str:
    """How many things, and of which groups: `2 things (pumps)`, `8 things (6 in pumps, 2 in vans)`."""
    things = group.drop_duplicates("thing_name")
    total = many(len(things), "thing")
    if "thing_groups" not in things:
        return total
    counts = things["thing_groups"].fillna("").astype(str).value_counts()
    groups = [(str(name), int(count)) for name, count in counts.items() if name]
    if not groups:
        return total
    if len(groups) == 1 and groups[0][1] == len(things):
        return f"{total} ({groups[0][0]})"
    phrases = [f"{count} in {name}" for name, count in groups[:_MOST_GROUPS]]
    rest = len(things) - sum(count for _, count in groups[:_MOST_GROUPS])
    return f"{total} ({', '.join([*phrases, *([f'{rest} other'] if rest else [])])})"
