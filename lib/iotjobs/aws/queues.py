"""What waits for each thing, of whatever job: by thing or by job, whichever takes fewer calls.

Only a thing's own list shows every job that waits there, at a call a thing. When there are fewer unfinished jobs
than things, reading what those jobs have unfinished shows the same.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pandas as pd

from iotjobs.aws.concurrency import map_concurrently
from iotjobs.aws.connection import Connection
from iotjobs.aws.executions import job_executions, thing_executions
from iotjobs.aws.gaps import Gaps
from iotjobs.aws.jobs import Jobs
from iotjobs.errors import Denied, IotJobsError, NotFound
from iotjobs.model import EXECUTION_COLUMNS, UNFINISHED, Status, table
from iotjobs.snapshot import KEY, Evidence

_FEW_THINGS = 25
_MOST_CALLS_INSTEAD = 1000


class Queues:
    """The executions that were read, newest reading last, and the things whose queue is known in whole."""

    def __init__(self, connection: Connection, jobs: Jobs, gaps: Gaps) -> None:
        self.known: set[str] = set()
        self._connection = connection
        self._jobs = jobs
        self._gaps = gaps
        self._read: list[pd.DataFrame] = []
        self._covered: dict[str, frozenset[Status]] = {}

    def add_job(self, job_id: str, executions: pd.DataFrame, statuses: Sequence[Status] | None) -> None:
        """Keep a job's executions that were read; all of them, or those in some states."""
        self._read.append(executions)
        self._covered[job_id] = frozenset(statuses or Status)

    def add_thing(self, thing_name: str, executions: pd.DataFrame) -> None:
        """Keep all executions of a thing: its queue is known."""
        self._read.append(executions)
        self.known.add(thing_name)

    def read(self, things: Collection[str]) -> None:
        """Read the queues of things, and note those that cannot be read."""
        wanted = sorted(things)
        if len(wanted) > _FEW_THINGS and self._by_job(wanted, most_calls=len(wanted)):
            return
        denied = self._by_thing(wanted)
        if denied and not self._by_job(list(denied), most_calls=_MOST_CALLS_INSTEAD):
            for thing_name, error in denied.items():
                self._gaps.add_error(Evidence.QUEUE, error, about=[thing_name])

    def read_again(self, things: Collection[str]) -> None:
        """Read the queues of a few things once more; what was read of them is out of date."""
        for error in self._by_thing(sorted(things)).values():
            self._gaps.add_error(Evidence.QUEUE, error, about=things)

    def seen(self) -> pd.DataFrame:
        """Every execution that was read, as it was read last (EXECUTION_COLUMNS)."""
        return together(self._read[::-1]).drop_duplicates(KEY, ignore_index=True)

    def _by_thing(self, things: Sequence[str]) -> dict[str, IotJobsError]:
        failed: dict[str, IotJobsError] = {}
        answers = map_concurrently(lambda name: thing_executions(self._connection, name), things)
        for thing_name, answer in zip(things, answers, strict=True):
            if isinstance(answer, Denied):
                failed[thing_name] = answer
            elif isinstance(answer, IotJobsError):
                self._gaps.add_error(Evidence.QUEUE, answer, about=[thing_name])
            else:
                self.add_thing(thing_name, answer)
        return failed

    def _by_job(self, things: Sequence[str], *, most_calls: int) -> bool:
        """Read what every unfinished job has unfinished; False when that is dearer or does not work."""
        try:
            others = [job_id for job_id in self._jobs.alive() if not self._covers(job_id)]
        except IotJobsError:
            return False
        undescribed = [job_id for job_id in others if job_id not in self._jobs.rows]
        if len(undescribed) + len(others) > most_calls:
            return False
        self._jobs.look_up(undescribed)
        asked = [job_id for job_id in others if self._jobs.may_have(job_id, UNFINISHED)]
        if sum(map(self._jobs.calls, asked)) > most_calls:
            return False
        return self._read_jobs(asked, set(things))

    def _read_jobs(self, asked: Sequence[str], things: set[str]) -> bool:
        def read(job_id: str) -> pd.DataFrame:
            return job_executions(self._connection, job_id, statuses=self._jobs.cheapest(job_id))

        answers = map_concurrently(read, asked)
        if any(isinstance(answer, IotJobsError) and not isinstance(answer, NotFound) for answer in answers):
            return False
        found = [answer for answer in answers if isinstance(answer, pd.DataFrame)]
        self._read += [rows[rows["thing_name"].isin(things)] for rows in found]
        self.known |= things
        return True

    def _covers(self, job_id: str) -> bool:
        return self._covered.get(job_id, frozenset()).issuperset(UNFINISHED)


def together(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Executions tables as one (EXECUTION_COLUMNS)."""
    filled = [frame[list(EXECUTION_COLUMNS)] for frame in frames if not frame.empty]
    return pd.concat(filled, ignore_index=True) if filled else table(EXECUTION_COLUMNS)
