"""The snapshot of a fleet: which calls give the evidence for a job, a thing or everything unfinished.

A primary reading that fails is an error. Evidence that cannot be had is a gap: the table still comes, and the
executions that needed it are `unknown`. The number of calls is kept down: see `jobs`, `queues` and `things`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from iotjobs.aws.concurrency import map_concurrently
from iotjobs.aws.connection import Connection
from iotjobs.aws.executions import job_executions, sort_by_delivery_order, thing_executions
from iotjobs.aws.gaps import Gaps
from iotjobs.aws.jobs import Jobs
from iotjobs.aws.queues import Queues, together
from iotjobs.aws.things import Things
from iotjobs.errors import Denied, IotJobsError, NotFound
from iotjobs.model import ENDED_JOBS, UNFINISHED, JobStatus, Status, table
from iotjobs.snapshot import KEY, TIMER_COLUMNS, Evidence, FleetSnapshot


def read_fleet(
    connection: Connection,
    *,
    job_id: str | None,
    thing_name: str | None,
    statuses: Sequence[Status] | None,
    stuck_after: timedelta,
    whole_history: bool = False,
) -> FleetSnapshot:
    """Read what a diagnosis needs about a job, a thing, both, or all that is unfinished.

    With ``whole_history`` the account is read with all that has ended, in whichever job. Raises NotFound for a job
    or thing that does not exist, Denied and IotJobsError when the executions themselves cannot be read.
    """
    reading = _Reading(connection, stuck_after)
    if thing_name is not None:
        executions = reading.of_thing(thing_name, job_id)
    elif job_id is not None:
        executions = reading.of_job(job_id, statuses)
    elif whole_history:
        executions = reading.of_whole_account()
    else:
        executions = reading.of_account(statuses)
    return reading.complete(executions, statuses)


class _Reading:
    """The steps of one reading; gathers jobs, queues and gaps as they come."""

    def __init__(self, connection: Connection, stuck_after: timedelta) -> None:
        self.connection = connection
        self.stuck_after = stuck_after
        self.as_of = datetime.now(UTC)
        self.gaps = Gaps()
        self.jobs = Jobs(connection, self.gaps)
        self.queues = Queues(connection, self.jobs, self.gaps)
        self.whole_account = False

    def of_thing(self, thing_name: str, job_id: str | None) -> pd.DataFrame:
        if job_id is not None:
            self.jobs.require(job_id)
        try:
            executions = thing_executions(self.connection, thing_name)
        except Denied as error:
            if job_id is None or error.action is None:
                raise
            executions = job_executions(self.connection, job_id)
            executions = _rows(executions, executions["thing_name"] == thing_name)
            self.queues.add_job(job_id, executions, None)
        else:
            self.queues.add_thing(thing_name, executions)
        if executions.empty:
            self._require_thing(thing_name)
        return executions if job_id is None else _rows(executions, executions["job_id"] == job_id)

    def of_job(self, job_id: str, statuses: Sequence[Status] | None) -> pd.DataFrame:
        self.jobs.require(job_id)
        executions = job_executions(self.connection, job_id, statuses=statuses)
        self.queues.add_job(job_id, executions, statuses)
        return executions

    def of_account(self, statuses: Sequence[Status] | None) -> pd.DataFrame:
        """Every execution that can be unfinished, and what has ended of jobs that are as cheap to read whole."""
        alive = self.jobs.alive()
        self.jobs.describe(alive)
        self.whole_account = statuses is None
        return self._of_jobs(
            {
                job_id: statuses or self.jobs.cheapest(job_id)
                for job_id in alive
                if self.jobs.may_have(job_id, statuses or UNFINISHED)
            }
        )

    def of_whole_account(self) -> pd.DataFrame:
        """Every execution of every job."""
        listed = list(self.jobs.listed())
        self.jobs.describe(listed)
        self.whole_account = True
        return self._of_jobs(dict.fromkeys(listed))

    def _of_jobs(self, asked: Mapping[str, Sequence[Status] | None]) -> pd.DataFrame:
        def read(job_id: str) -> pd.DataFrame:
            return job_executions(self.connection, job_id, statuses=asked[job_id])

        found, failures = [], []
        for job_id, answer in zip(asked, map_concurrently(read, asked), strict=True):
            if isinstance(answer, NotFound):
                continue  # it was deleted since it was listed
            if isinstance(answer, IotJobsError):
                self.whole_account = False
                failures.append(answer)
                self.gaps.add_error(f"the executions of job {job_id}", answer)
            else:
                found.append(answer)
                self.queues.add_job(job_id, answer, asked[job_id])
        if failures and not found:
            raise failures[0]
        return together(found)

    def complete(self, executions: pd.DataFrame, statuses: Sequence[Status] | None) -> FleetSnapshot:
        """Read all else that the unfinished executions need to be diagnosed."""
        unfinished = executions[executions["status"].isin(UNFINISHED)]
        things = sorted(set(unfinished["thing_name"]))
        if self.whole_account:
            self.queues.known |= set(things)
        self.queues.read(set(things) - self.queues.known)
        waiting = self._waiting(things)
        self.jobs.describe(sorted(set(waiting["job_id"])))
        self.jobs.fill_in()
        out_of_date = self._cancelled_since(waiting)
        if out_of_date:
            self.queues.read_again(out_of_date)
            waiting = self._waiting(things)
        self.jobs.check_schedules(self.as_of)
        queues = sort_by_delivery_order(self.connection, waiting, on_error=self._note_order)
        return FleetSnapshot(
            executions=self._as_read_last(executions, statuses),
            queues=queues,
            jobs=self.jobs.table(),
            things=Things(self.connection, self.gaps).table(things, known_queues=self.queues.known),
            timers=self._timers(queues),
            gaps=self.gaps.all(),
            as_of=self.as_of,
        )

    def _waiting(self, things: Sequence[str]) -> pd.DataFrame:
        seen = self.queues.seen()
        return _rows(seen, seen["status"].isin(UNFINISHED) & seen["thing_name"].isin(things))

    def _cancelled_since(self, waiting: pd.DataFrame) -> set[str]:
        """Things with a QUEUED execution of a CANCELED job: a cancel leaves none, so it came after the reading.

        It can come by the reading: a service that looks at timers when it is asked may meet abort criteria then.
        """
        status = waiting["job_id"].map(self.jobs.status)
        return set(_rows(waiting, (status == JobStatus.CANCELED) & (waiting["status"] == Status.QUEUED))["thing_name"])

    def _as_read_last(self, executions: pd.DataFrame, statuses: Sequence[Status] | None) -> pd.DataFrame:
        """The executions asked for, as they were when they were last read."""
        last = self.queues.seen()
        wanted = executions[KEY].merge(last, on=KEY, how="inner")[list(executions.columns)]
        return _rows(wanted, wanted["status"].isin(statuses)) if statuses else wanted

    def _require_thing(self, thing_name: str) -> None:
        try:
            self.connection.read("DescribeThing", thingName=thing_name)
        except NotFound as error:
            raise NotFound(
                f"thing {thing_name} does not exist in account {self.connection.account}, region "
                f"{self.connection.region}; check the name, the profile and the region"
            ) from error
        except IotJobsError as error:
            self.gaps.add_error(Evidence.REGISTRATION, error, about=[thing_name])

    def _note_order(self, thing_name: str, error: IotJobsError) -> None:
        self.gaps.add_error(Evidence.ORDER, error, about=[thing_name])

    def _timers(self, queues: pd.DataFrame) -> pd.DataFrame:
        """What is left of each running execution's timer; only a describe tells it.

        The job's configuration does not: a device can set a timer of its own, and a job's timer that was changed
        holds for the executions that start after. Young executions and those of jobs that ended are left out: their
        cause is known without.
        """
        running = _rows(queues, queues["status"] == Status.IN_PROGRESS)
        changed = running[["queued_at", "started_at", "last_updated_at"]].max(axis=1)
        ended = running["job_id"].map(self.jobs.status).isin(ENDED_JOBS)
        old = _rows(running, (pd.Timestamp(self.as_of) - changed >= self.stuck_after) & ~ended)
        keys = [tuple(row) for row in old[KEY].itertuples(index=False)]
        rows = []
        for key, answer in zip(keys, map_concurrently(self._describe_execution, keys), strict=True):
            if isinstance(answer, NotFound):
                why = "it ended or went away while it was read"
                self.gaps.add(Evidence.TIMER, why, "run this again", about=[_name(key)])
            elif isinstance(answer, IotJobsError):
                self.gaps.add_error(Evidence.TIMER, answer, about=[_name(key)])
            else:
                left = answer.get("approximateSecondsBeforeTimedOut")
                rows.append((*key, left if left is not None and left >= 0 else None, answer.get("versionNumber")))
        columns = [list(column) for column in zip(*rows, strict=True)] or [[]] * len(TIMER_COLUMNS)
        return table(TIMER_COLUMNS, dict(zip(TIMER_COLUMNS, columns, strict=True)))

    def _describe_execution(self, key: tuple[Any, ...]) -> dict[str, Any]:
        """Ask the device's plane, whose quota is far higher; the control plane may tell of a timer, too."""
        named = {"jobId": key[0], "thingName": key[1], "executionNumber": int(key[2])}
        try:
            answer = self.connection.read_device_plane("DescribeJobExecution", **named, includeJobDocument=False)
        except Denied as denied:
            try:
                answer = self.connection.read("DescribeJobExecution", **named)
            except Denied as error:
                raise denied from error
            if "approximateSecondsBeforeTimedOut" not in answer["execution"]:
                raise
        found: dict[str, Any] = answer["execution"]
        return found


def _name(key: tuple[Any, ...]) -> str:
    return f"{key[0]}/{key[1]}/{key[2]}"


def _rows(frame: pd.DataFrame, keep: pd.Series) -> pd.DataFrame:
    return frame.loc[keep.astype(bool)].reset_index(drop=True)
