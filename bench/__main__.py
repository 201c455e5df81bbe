"""`make bench`: how fast a long listing is read and diagnosed, against plain boto3. Ratios matter, seconds do not.

`python bench [ROWS]`; 100,000 executions by default. Exits 1 when the kit's reading is less than three times as
fast as plain boto3's: its margin is part of what the kit promises.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pandas as pd
from stub_service import JOB, PAGE_ROWS, standing

from iotjobs.aws import connection as aws
from iotjobs.aws import executions as fetch
from iotjobs.diagnosis.diagnose import diagnose
from iotjobs.model import JOB_COLUMNS, UNFINISHED, table
from iotjobs.snapshot import THING_COLUMNS, TIMER_COLUMNS, FleetSnapshot

_ROUNDS = 3
_PROMISED = 3.0
_SETTINGS = {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "NO_PROXY": "127.0.0.1",
    "no_proxy": "127.0.0.1",
}


def main(rows: int) -> int:
    """Print the figures; 1 when the kit is slower than it promises."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    with standing(rows) as endpoint_url:
        os.environ.update(_SETTINGS | {"AWS_ENDPOINT_URL": endpoint_url})
        connection = aws.connect()
        ways: dict[str, Callable[[], pd.DataFrame]] = {
            "plain boto3": plain_boto3,
            "iotjobs": lambda: fetch.job_executions(connection, JOB),
        }
        took = {way: _best(read, rows) for way, read in ways.items()}
        executions = ways["iotjobs"]()
    print(f"{rows:,} executions, {PAGE_ROWS} a page, best of {_ROUNDS}\n")
    for way, seconds in took.items():
        _say(f"read with {way}", rows, seconds, took["plain boto3"] / seconds)
    snapshot = picture_of(executions)
    started = time.perf_counter()
    diagnosed = diagnose(snapshot, stuck_after=timedelta(hours=24))
    _say("diagnose", len(diagnosed), time.perf_counter() - started)
    print(f"\n{diagnosed['stuck'].sum():,} of {len(snapshot.queues):,} unfinished are stuck")
    return 0 if took["plain boto3"] / took["iotjobs"] >= _PROMISED else 1


def plain_boto3() -> pd.DataFrame:
    """Read as one does without the kit: paginator, a list of dicts, a DataFrame with times."""
    pages = boto3.client("iot").get_paginator("list_job_executions_for_job")
    found = [
        {"thingName": item["thingArn"].split("/")[-1], **item["jobExecutionSummary"]}
        for page in pages.paginate(jobId=JOB, PaginationConfig={"PageSize": PAGE_ROWS})
        for item in page["executionSummaries"]
    ]
    return pd.DataFrame(found)


def picture_of(executions: pd.DataFrame) -> FleetSnapshot:
    """All the evidence there can be about the executions: a running job, and things of which half are connected."""
    names = executions["thing_name"].unique()
    now = datetime.now(UTC)
    facts: dict[str, list[Any]] = {
        "thing_name": list(names),
        "exists": [True] * len(names),
        "connected": [number % 2 == 0 for number in range(len(names))],
        "changed_at": [now - timedelta(days=5)] * len(names),
        "queue_known": [True] * len(names),
    }
    job = {"job_id": [JOB], "status": ["IN_PROGRESS"], "described": [True], "scheduling": [{}], "targets": [[]]}
    queues = executions[executions["status"].isin(UNFINISHED)]
    return FleetSnapshot(
        executions=executions,
        queues=queues.assign(delivery=pd.array([0] * len(queues), dtype="Int64")),
        jobs=table(JOB_COLUMNS, job),
        things=table(THING_COLUMNS, facts),
        timers=table(TIMER_COLUMNS),
        gaps=(),
        as_of=now,
    )


def _best(read: Callable[[], pd.DataFrame], rows: int) -> float:
    seconds = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        found = read()
        seconds.append(time.perf_counter() - started)
        if len(found) != rows:
            raise AssertionError(f"{len(found)} rows were read of {rows}")
    return min(seconds)


def _say(what: str, rows: int, seconds: float, ratio: float | None = None) -> None:
    beside = "" if ratio is None else f"{ratio:6.1f} x"
    print(f"{what:<24}{seconds:8.2f} s{rows / seconds:12,.0f} rows/s{beside}")


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1].replace(",", "")) if len(sys.argv) > 1 else 100_000))
