"""The fleet in counts: what hurts by cause, age and device group, and which things hold most back. Pure."""

from __future__ import annotations

import pandas as pd

from iotjobs.diagnosis.causes import BY_CAUSE
from iotjobs.model import UNFINISHED, Cause

#: The upper edges of the ages, in hours; the last is open.
AGE_EDGES = {"< 1 d": 24.0, "1-3 d": 72.0, "3-7 d": 168.0, "7-30 d": 720.0, "> 30 d": float("inf")}
NO_GROUP = "in no group"
_HOUR = 3600


def unfinished_of(executions: pd.DataFrame) -> pd.DataFrame:
    """The executions that have not finished, with `age` (one of AGE_EDGES) beside them."""
    rows = executions[executions["status"].isin(UNFINISHED)].reset_index(drop=True)
    edges = [float("-inf"), *(hours * _HOUR for hours in AGE_EDGES.values())]
    return rows.assign(age=pd.cut(rows["age_s"].astype("float64"), edges, labels=list(AGE_EDGES), right=False))


def stuck_of(executions: pd.DataFrame) -> pd.DataFrame:
    """The executions that are stuck."""
    return executions[executions["stuck"].fillna(value=False).astype(bool)]


def by_job(executions: pd.DataFrame) -> pd.DataFrame:
    """One row a job: `name`, `stuck`, `unfinished`, a count for each cause and age that occurs, `oldest_s`."""
    rows = unfinished_of(executions)
    return _counted(rows.assign(name=rows["job_id"]))


def by_group(executions: pd.DataFrame) -> pd.DataFrame:
    """The same by thing group; a thing in several groups counts in each. Empty when no groups are known."""
    rows = unfinished_of(executions)
    groups = rows["thing_groups"].fillna("").astype(str)
    if not groups.str.len().any():
        return _counted(rows.head(0).assign(name=pd.Series(dtype="str")))
    memberships = rows.assign(name=groups.str.split(", ")).explode("name", ignore_index=True)
    memberships["name"] = memberships["name"].where(memberships["name"] != "", NO_GROUP)
    return _counted(memberships)


def worst_causes(queues: pd.DataFrame) -> pd.Series:
    """The worst cause of what is stuck, by job id: the one that does most harm, however few have it."""
    stuck = queues[queues["stuck"].fillna(value=False).astype(bool)]
    by_harm = stuck.assign(harm=stuck["cause"].map({cause: rule.harm for cause, rule in BY_CAUSE.items()}))
    worst: pd.Series = by_harm.sort_values("harm", kind="stable").groupby("job_id")["cause"].last()
    return worst


def heaviest_things(queues: pd.DataFrame, most: int) -> pd.DataFrame:
    """The heads of the queues that hold most others back, most first; those with nothing behind are left out."""
    heads = queues[(queues["position"] == 1) & (queues["unblocks"].fillna(0) > 0) & queues["stuck"].astype(bool)]
    return heads.sort_values(["unblocks", "age_s"], ascending=False, kind="stable", ignore_index=True).head(most)


def _counted(rows: pd.DataFrame) -> pd.DataFrame:
    stuck = rows["stuck"].fillna(value=False).astype(bool)
    table = pd.DataFrame(
        {
            "stuck": stuck.groupby(rows["name"]).sum().astype(int),
            "unfinished": rows.groupby("name").size().astype(int),
        }
    )
    causes = pd.crosstab(rows["name"], rows["cause"])
    table = table.join(causes[[cause.value for cause in Cause if cause.value in causes.columns]])
    ages = pd.crosstab(rows["name"], rows["age"].astype(str))
    table = table.join(ages[[age for age in AGE_EDGES if age in ages.columns]])
    table["oldest_s"] = rows["age_s"].groupby(rows["name"]).max()
    worst_first = table.sort_values(["stuck", "unfinished", "oldest_s"], ascending=False, kind="stable")
    return worst_first.rename_axis("name").reset_index()
