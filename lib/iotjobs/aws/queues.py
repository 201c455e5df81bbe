"""What waits for each thing, of whatever job: by thing or by job, whichever takes fewer calls.

Only a thing's own list shows every job that waits there, at a call a thing. When there are fewer unfinished jobs
than things, reading what those jobs have unfinished shows the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd
from pandas.api.types import union_categoricals

from iotjobs.aws.concurrency import map_concurrently
from iotjobs.aws.connection import Connection
from iotjobs.aws.executions import job_executions, newest_states, thing_executions
from iotjobs.aws.gaps import error_gap
from iotjobs.aws.jobs import Jobs, describe, find_alive
from iotjobs.columns import EXECUTION_COLUMNS, table
from iotjobs.errors import Denied, IotJobsError, NotFound
from iotjobs.model import UNFINISHED, Status
from iotjobs.snapshot import Evidence, Gap

#: For so few things a call each is taken without asking whether the jobs would be fewer.
FEW_THINGS = 25
_MOST_CALLS_INSTEAD = 1000
_ALIKE = ("job_id", "status")


@dataclass(frozen=True, slots=True)
class Readings:
    """The executions that were read, newest reading last; ``known`` are the things whose queue was read whole.

    ``covered``: the statuses that were read of each job.
    """

    tables: tuple[pd.DataFrame, ...] = ()
    known: frozenset[str] = frozenset()
    covered: Mapping[str, frozenset[Status]] = field(default_factory=dict)

    def with_job(self, job_id: str, executions: pd.DataFrame, statuses: Sequence[Status] | None) -> Readings:
        """Add a job's executions that were read; all of them, or those in some states."""
        covered = {**self.covered, job_id: frozenset(statuses or Status)}
        return replace(self, tables=(*self.tables, executions), covered=covered)

    def with_things(self, executions: Mapping[str, pd.DataFrame]) -> Readings:
        """Add all executions of things: their queues are known."""
        return replace(self, tables=(*self.tables, *executions.values()), known=self.known | executions.keys())

    def executions(self) -> pd.DataFrame:
        """Every execution that was read, as it is newest (EXECUTION_COLUMNS)."""
        return newest_states(together(self.tables))


def read_queues(
    connection: Connection, readings: Readings, jobs: Jobs, things: Collection[str]
) -> tuple[Readings, Jobs, list[Gap]]:
    """Read the queues of things, and say which cannot be read."""
    names = sorted(things)
    if len(names) > FEW_THINGS:
        by_job, jobs = _by_job(connection, readings, jobs, names, most_calls=len(names))
        if by_job is not None:
            return by_job, jobs, []
    readings, denied, gaps = _by_thing(connection, readings, names)
    if denied:
        by_job, jobs = _by_job(connection, readings, jobs, list(denied), most_calls=_MOST_CALLS_INSTEAD)
        if by_job is not None:
            return by_job, jobs, gaps
    return readings, jobs, [*gaps, *(error_gap(Evidence.QUEUE, error, about=[name]) for name, error in denied.items())]


def together(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Executions tables as one (EXECUTION_COLUMNS), in as little memory; jobs and statuses are categories."""
    filled = [one[list(EXECUTION_COLUMNS)].astype(dict.fromkeys(_ALIKE, "category")) for one in tables if not one.empty]
    if not filled:
        return table(EXECUTION_COLUMNS)
    for name in _ALIKE:
        values = union_categoricals([one[name].array for one in filled], ignore_order=True).categories
        filled = [one.assign(**{name: one[name].cat.set_categories(values)}) for one in filled]
    return pd.concat(filled, ignore_index=True)


def _by_thing(
    connection: Connection, readings: Readings, things: Sequence[str]
) -> tuple[Readings, dict[str, Denied], list[Gap]]:
    """Read each thing's own list; the things that may not be read so, and the gaps of those that failed."""
    answers = dict(zip(things, map_concurrently(lambda name: thing_executions(connection, name), things), strict=True))
    read = {name: answer for name, answer in answers.items() if isinstance(answer, pd.DataFrame)}
    denied = {name: answer for name, answer in answers.items() if isinstance(answer, Denied)}
    gaps = [
        error_gap(Evidence.QUEUE, answer, about=[name])
        for name, answer in answers.items()
        if isinstance(answer, IotJobsError) and name not in denied
    ]
    return readings.with_things(read), denied, gaps


def _by_job(
    connection: Connection, readings: Readings, jobs: Jobs, things: Sequence[str], *, most_calls: int
) -> tuple[Readings | None, Jobs]:
    """Read what every unfinished job has unfinished; None when that takes more calls or does not work."""
    try:
        jobs, alive, odd = find_alive(connection, jobs)
    except IotJobsError as error:
        error_gap(Evidence.QUEUE, error)  # raises where it is the credentials
        return None, jobs
    others = [job_id for job_id in alive if not readings.covered.get(job_id, frozenset()).issuperset(UNFINISHED)]
    undescribed = [job_id for job_id in others if job_id not in jobs.rows]
    if odd or len(undescribed) + len(others) > most_calls:
        return None, jobs
    jobs = describe(connection, jobs, undescribed)
    asked = [job_id for job_id in others if jobs.may_have(job_id, UNFINISHED)]
    if sum(map(jobs.calls, asked)) > most_calls:
        return None, jobs

    def read(job_id: str) -> pd.DataFrame:
        return job_executions(connection, job_id, statuses=jobs.cheapest(job_id))

    answers = map_concurrently(read, asked)
    if any(isinstance(answer, IotJobsError) and not isinstance(answer, NotFound) for answer in answers):
        return None, jobs
    tables = [answer[answer["thing_name"].isin(things)] for answer in answers if isinstance(answer, pd.DataFrame)]
    return replace(readings, tables=(*readings.tables, *tables), known=readings.known | set(things)), jobs
