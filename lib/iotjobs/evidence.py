"""The picture of a fleet: which calls give the evidence for a job, a thing or everything unfinished.

A primary reading that fails is an error. Evidence that cannot be had is a gap: the table still comes, and the
executions that needed it are `unknown`. The number of calls is kept down, see the cost notes at each step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pandas as pd

from iotjobs import fetch
from iotjobs.aws import Connection
from iotjobs.domain import ENDED_JOBS, EXECUTION_COLUMNS, UNFINISHED, JobStatus, Status, table
from iotjobs.errors import Denied, IotJobsError, NotFound
from iotjobs.picture import KEY, THING_COLUMNS, TIMER_COLUMNS, Gap, Picture

_FEW_THINGS = 25
_SWITCH_ON = (
    "switch it on with `aws iot update-indexing-configuration --thing-indexing-configuration "
    "thingIndexingMode=REGISTRY,thingConnectivityIndexingMode=STATUS`"
)


def take_picture(
    connection: Connection,
    *,
    job_id: str | None,
    thing_name: str | None,
    statuses: Sequence[Status] | None,
    stuck_after: timedelta,
    whole_history: bool = False,
) -> Picture:
    """Read what a diagnosis needs about a job, a thing, both, or all that is unfinished.

    With ``whole_history`` the account is read with all that has ended, in whichever job.

    Raises NotFound for a job or thing that does not exist, Denied and IotJobsError when the executions
    themselves cannot be read.
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
    if statuses:
        executions = executions[executions["status"].isin(statuses)].reset_index(drop=True)
    return reading.complete(executions)


class _Reading:
    """The steps of one reading; gathers jobs, queues and gaps as they come."""

    def __init__(self, connection: Connection, stuck_after: timedelta) -> None:
        self.connection = connection
        self.stuck_after = stuck_after
        self.as_of = datetime.now(UTC)
        self.jobs: dict[str, dict[str, Any]] = {}
        self.gaps: dict[str, Gap] = {}
        self.errors: dict[str, IotJobsError] = {}
        self.queues: list[pd.DataFrame] = []
        self.read_things: set[str] = set()
        self.whole_account = False

    def gap(self, evidence: str, error: object, remedy: str) -> None:
        self.gaps.setdefault(evidence, Gap(evidence, str(error), remedy))

    def of_thing(self, thing_name: str, job_id: str | None) -> pd.DataFrame:
        if job_id is not None:
            self._describe_chosen(job_id)
        executions = fetch.thing_executions(self.connection, thing_name)
        if executions.empty:
            self._require_thing(thing_name)
        self.queues.append(executions)
        self.read_things.add(thing_name)
        return executions if job_id is None else _rows(executions, executions["job_id"] == job_id)

    def of_job(self, job_id: str, statuses: Sequence[Status] | None) -> pd.DataFrame:
        self._describe_chosen(job_id)
        return fetch.job_executions(self.connection, job_id, statuses=statuses)

    def of_account(self, statuses: Sequence[Status] | None) -> pd.DataFrame:
        """Every execution that can be unfinished.

        A COMPLETED snapshot job has none by definition, so it is not asked. A job whose executions fit in the
        two pages that asking by status would cost is read whole, so that its finished ones show as well.
        """
        listed = {job["jobId"]: job for job in fetch.list_jobs(self.connection)}
        alive = [
            job_id
            for job_id, job in listed.items()
            if job["status"] != JobStatus.COMPLETED or job.get("targetSelection") == "CONTINUOUS"
        ]
        self._describe_jobs(alive, listed)
        asked = {
            job_id: statuses or self._cheaper(job_id)
            for job_id in alive
            if self._may_have(job_id, statuses or UNFINISHED)
        }
        self.whole_account = statuses is None
        return self._of_jobs(asked)

    def of_whole_account(self) -> pd.DataFrame:
        """Every execution of every job."""
        listed = {job["jobId"]: job for job in fetch.list_jobs(self.connection)}
        self._describe_jobs(list(listed), listed)
        self.whole_account = True
        return self._of_jobs(dict.fromkeys(listed))

    def _of_jobs(self, asked: Mapping[str, Sequence[Status] | None]) -> pd.DataFrame:
        def read(job_id: str) -> pd.DataFrame:
            return fetch.job_executions(self.connection, job_id, statuses=asked[job_id])

        found = []
        for job_id, answer in zip(asked, fetch.side_by_side(read, asked), strict=True):
            if isinstance(answer, IotJobsError):
                self.whole_account = False
                self.errors[job_id] = answer
                self.gap(f"the executions of job {job_id}", answer, "allow it, or try again")
            else:
                found.append(answer)
        if asked and not found:
            raise self.errors[next(iter(asked))]
        return _together(found, EXECUTION_COLUMNS)

    def complete(self, executions: pd.DataFrame) -> Picture:
        things = set(_rows(executions, executions["status"].isin(UNFINISHED))["thing_name"])
        if self.whole_account:
            self.queues.append(executions)
            self.read_things |= things
        self._read_queues(sorted(things - self.read_things))
        seen = _together([*self.queues, executions], EXECUTION_COLUMNS).drop_duplicates(KEY)
        waiting = _rows(seen, seen["status"].isin(UNFINISHED) & seen["thing_name"].isin(things))
        self._describe_jobs(sorted(set(waiting["job_id"]) - set(self.jobs)), {})
        queues = fetch.with_delivery(self.connection, waiting)
        return Picture(
            executions=executions,
            queues=queues,
            jobs=fetch.jobs_table(list(self.jobs.values())),
            things=self._things(sorted(things)),
            timers=self._timers(queues),
            gaps=tuple(self.gaps.values()),
            as_of=self.as_of,
        )

    def _require_thing(self, thing_name: str) -> None:
        try:
            self.connection.read("DescribeThing", thingName=thing_name)
        except NotFound as error:
            raise NotFound(
                f"thing {thing_name} does not exist in account {self.connection.account}, region "
                f"{self.connection.region}; check the name, the profile and the region"
            ) from error
        except IotJobsError as error:
            self.gap("the thing's registration", error, "allow iot:DescribeThing")

    def _describe_chosen(self, job_id: str) -> None:
        self._describe_jobs([job_id], {})
        if isinstance(self.errors.get(job_id), NotFound):
            raise self.errors[job_id]

    def _describe_jobs(self, job_ids: Sequence[str], listed: dict[str, dict[str, Any]]) -> None:
        """Describe jobs, one call each; where that is denied, the list still tells their status."""

        def describe(job_id: str) -> dict[str, Any]:
            return fetch.describe_job(self.connection, job_id)

        for job_id, answer in zip(job_ids, fetch.side_by_side(describe, job_ids), strict=True):
            if not isinstance(answer, IotJobsError):
                self.jobs[job_id] = answer
                continue
            self.errors[job_id] = answer
            for evidence in ("the job's schedule", "the job's status"):
                self.gap(evidence, answer, "allow iot:DescribeJob")
            listed = listed or self._list_jobs()
            if job_id in listed:
                self.jobs[job_id] = fetch.job_summary(listed[job_id])

    def _list_jobs(self) -> dict[str, dict[str, Any]]:
        try:
            return {job["jobId"]: job for job in fetch.list_jobs(self.connection)}
        except IotJobsError:
            return {}

    def _may_have(self, job_id: str, statuses: Iterable[Status]) -> bool:
        row = self.jobs[job_id]
        if not row["described"] or row["status"] in {JobStatus.IN_PROGRESS, JobStatus.SCHEDULED}:
            return True
        return any(row[status.value] is None or row[status.value] > 0 for status in statuses)

    def _cheaper(self, job_id: str) -> Sequence[Status] | None:
        counts = [self.jobs[job_id][status.value] for status in Status]
        if any(count is None for count in counts) or sum(counts) > 2 * fetch.PAGE_ROWS:
            return UNFINISHED
        return None

    def _read_queues(self, things: Sequence[str]) -> None:
        """One call a thing; the list by thing is the only one that shows what other jobs wait there."""

        def read(thing_name: str) -> pd.DataFrame:
            return fetch.thing_executions(self.connection, thing_name)

        for thing_name, answer in zip(things, fetch.side_by_side(read, things), strict=True):
            if isinstance(answer, IotJobsError):
                self.gap("the thing's queue", answer, "allow iot:ListJobExecutionsForThing")
            else:
                self.queues.append(answer)
                self.read_things.add(thing_name)

    def _things(self, things: Sequence[str]) -> pd.DataFrame:
        documents = self._search(things)
        absent = [name for name in things if name not in documents]

        def registered(thing_name: str) -> bool:
            try:
                self.connection.read("DescribeThing", thingName=thing_name)
            except NotFound:
                return False
            return True

        exists: dict[str, bool] = dict.fromkeys(documents, True)
        for name, answer in zip(absent, fetch.side_by_side(registered, absent), strict=True):
            if isinstance(answer, IotJobsError):
                self.gap("the thing's registration", answer, "allow iot:DescribeThing")
            else:
                exists[name] = answer
        rows = [self._thing_row(name, documents.get(name), exists=exists.get(name)) for name in things]
        return table(THING_COLUMNS, {column: [row[column] for row in rows] for column in THING_COLUMNS})

    def _thing_row(self, name: str, document: dict[str, Any] | None, *, exists: bool | None) -> dict[str, Any]:
        connectivity = (document or {}).get("connectivity") or {}
        if document is not None and "connected" not in connectivity:
            self.gap("the device's connectivity", "fleet indexing has no connectivity", _SWITCH_ON)
        changed = connectivity.get("timestamp")
        return {
            "thing_name": name,
            "exists": exists,
            "connected": connectivity.get("connected"),
            "changed_at": datetime.fromtimestamp(changed / 1000, tz=UTC) if changed else None,
            "reason": connectivity.get("disconnectReason"),
            "thing_groups": ", ".join((document or {}).get("thingGroupNames", [])),
            "queue_known": name in self.read_things,
        }

    def _search(self, things: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The fleet index's documents of things: one query each for a few, pages of the whole index for many.

        Pages are read only as long as they can be cheaper than a query for each thing that is still missing.
        """
        wanted, found = set(things), dict[str, dict[str, Any]]()
        try:
            if len(things) > _FEW_THINGS:
                for page in islice(self._index_pages("thingName:*"), len(things)):
                    found |= {item["thingName"]: item for item in page if item["thingName"] in wanted}
                    if len(found) == len(wanted):
                        break
            missing = [name for name in things if name not in found]

            def query(name: str) -> list[dict[str, Any]]:
                return next(iter(self._index_pages(f'thingName:"{name}"')))

            for name, answer in zip(missing, fetch.side_by_side(query, missing), strict=True):
                if isinstance(answer, IotJobsError):
                    raise answer
                found |= {item["thingName"]: item for item in answer if item["thingName"] == name}
        except Denied as error:
            self.gap("the device's connectivity", error, "allow iot:SearchIndex")
        except IotJobsError as error:
            self.gap("the device's connectivity", f"fleet indexing does not answer ({error})", _SWITCH_ON)
        return found

    def _index_pages(self, query: str) -> Iterable[list[dict[str, Any]]]:
        return self.connection.pages("SearchIndex", "things", queryString=query)

    def _timers(self, queues: pd.DataFrame) -> pd.DataFrame:
        """What is left of each running execution's timer; only a describe tells of step timers.

        Young executions and those of jobs that ended are left out: their cause is known without.
        """
        running = _rows(queues, queues["status"] == Status.IN_PROGRESS)
        changed = running[["queued_at", "started_at", "last_updated_at"]].max(axis=1)
        ended = running["job_id"].map(lambda job_id: self.jobs.get(job_id, {}).get("status") in ENDED_JOBS)
        old = _rows(running, (pd.Timestamp(self.as_of) - changed >= self.stuck_after) & ~ended.astype(bool))
        keys = [tuple(row) for row in old[KEY].itertuples(index=False)]

        def describe(key: tuple[Any, ...]) -> dict[str, Any]:
            named = {"jobId": key[0], "thingName": key[1], "executionNumber": int(key[2])}
            try:
                answer = self.connection.read_device_plane("DescribeJobExecution", **named, includeJobDocument=False)
            except Denied:
                answer = self.connection.read("DescribeJobExecution", **named)
                if "approximateSecondsBeforeTimedOut" not in answer["execution"]:
                    raise
            found: dict[str, Any] = answer["execution"]
            return found

        rows = []
        for key, answer in zip(keys, fetch.side_by_side(describe, keys), strict=True):
            if isinstance(answer, IotJobsError):
                self.gap("the execution's timer", answer, "allow iotjobsdata:DescribeJobExecution")
                continue
            left = answer.get("approximateSecondsBeforeTimedOut")
            rows.append((*key, left if left is not None and left >= 0 else None, answer.get("versionNumber")))
        columns = [list(column) for column in zip(*rows, strict=True)] or [[]] * len(TIMER_COLUMNS)
        return table(TIMER_COLUMNS, dict(zip(TIMER_COLUMNS, columns, strict=True)))


def _rows(frame: pd.DataFrame, keep: pd.Series) -> pd.DataFrame:
    return frame.loc[keep.astype(bool)].reset_index(drop=True)


def _together(frames: Sequence[pd.DataFrame], columns: dict[str, str]) -> pd.DataFrame:
    filled = [frame[list(columns)] for frame in frames if not frame.empty]
    return pd.concat(filled, ignore_index=True) if filled else table(columns)
