"""How many calls a reading takes: pages where a page will do, a call a thing or an execution only where it must be."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from math import ceil

import boto3
import pandas as pd
import pytest

from iotjobs.aws import queues
from iotjobs.aws.connect import connect
from iotjobs.aws.connection import Connection
from iotjobs.aws.read_fleet import read_fleet
from iotjobs.diagnosis.diagnose import diagnose
from iotjobs.sandbox.fleet import Fleet

STUCK_AFTER = timedelta(hours=24)
THINGS = [f"many-{number:03}" for number in range(300)]
RUNNING = THINGS[:10]
OWN_ACCOUNT = "222233334444"


@pytest.fixture(scope="module")
def many_things(aged_fleet: Fleet) -> Iterator[Fleet]:
    """300 things with a job that ten of them run, a later job for some, and one long done; an account of their own."""
    with pytest.MonkeyPatch.context() as settings:
        settings.setenv("AWS_ACCESS_KEY_ID", OWN_ACCOUNT)
        settings.setattr("iotjobs.sandbox.fleet.ACCOUNT", OWN_ACCOUNT)
        own = Fleet(aged_fleet.server)
        own.iot, own.plane = boto3.Session().client("iot"), boto3.Session().client("iot-jobs-data")
        with own.ago(days=30):
            own.index()
            for name in THINGS:
                own.iot.create_thing(thingName=name)
            own.job("many-done", things=THINGS[:3])
            for name in THINGS[:3]:
                own.report("many-done", name, "SUCCEEDED")
        with own.ago(days=9):
            own.job("many-first", things=THINGS)
            for name in RUNNING:
                own.report("many-first", name)
        with own.ago(days=5):
            own.job("many-second", things=THINGS[5:20])
        yield own


@pytest.fixture
def connection(many_things: Fleet) -> Connection:
    return connect()


def _read(connection: Connection, job_id: str | None) -> pd.DataFrame:
    before = connection.calls.copy()
    snapshot = read_fleet(connection, job_id=job_id, thing_name=None, statuses=None, stuck_after=STUCK_AFTER)
    connection.calls.subtract(before)
    table = diagnose(snapshot, stuck_after=STUCK_AFTER)
    return table.sort_values(["job_id", "thing_name"], ignore_index=True)


def test_a_job_of_many_things_takes_pages_and_a_call_for_each_that_runs(connection: Connection) -> None:
    table = _read(connection, "many-first")
    calls = dict(connection.calls)
    print("\ncalls for a job of 300 things:", {name: count for name, count in calls.items() if count})
    assert len(table) == 300
    assert table["unblocks"].sum() == 15
    assert calls.get("ListJobExecutionsForThing", 0) == 0
    assert calls["DescribeJobExecution"] == len(RUNNING)
    assert calls["SearchIndex"] <= ceil(len(THINGS) / 100)
    assert calls.get("DescribeThing", 0) == 0
    assert calls["DescribeJob"] == 3
    assert calls["ListJobExecutionsForJob"] == 3  # the job itself fills two pages
    assert sum(calls.values()) < 25


def test_by_thing_and_by_job_say_the_same(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    by_job = _read(connection, "many-first")
    monkeypatch.setattr(queues, "FEW_THINGS", 1000)
    by_thing = _read(connection, "many-first")
    assert connection.calls["ListJobExecutionsForThing"] == 300
    columns = ["job_id", "thing_name", "cause", "stuck", "unblocks", "suggestion"]
    pd.testing.assert_frame_equal(by_job[columns], by_thing[columns])


def test_things_are_listed_in_pages_where_there_is_no_index(connection: Connection, many_things: Fleet) -> None:
    many_things.iot.update_indexing_configuration(thingIndexingConfiguration={"thingIndexingMode": "OFF"})
    try:
        table = _read(connection, "many-first")
    finally:
        many_things.index()
    assert connection.calls["ListThings"] <= 2
    assert connection.calls.get("DescribeThing", 0) == 0
    assert set(table["cause"]) == {"unknown"}


def test_a_thing_is_asked_for_by_name_when_few_are(connection: Connection) -> None:
    _read(connection, "many-done")
    assert connection.calls.get("SearchIndex", 0) == 0  # nothing is unfinished
    _read(connection, "many-second")
    assert connection.calls["ListJobExecutionsForThing"] == 15
    assert connection.calls["SearchIndex"] == 15


def test_jobs_that_were_only_looked_at_are_not_part_of_the_picture(connection: Connection) -> None:
    snapshot = read_fleet(connection, job_id="many-first", thing_name=None, statuses=None, stuck_after=STUCK_AFTER)
    assert set(snapshot.jobs["job_id"]) == {"many-first", "many-second"}


def test_by_thing_when_the_account_has_more_jobs_than_that(connection: Connection, many_things: Fleet) -> None:
    for number in range(30):
        many_things.job(f"many-more-{number}", things=[THINGS[-1]])
    with many_things.ago(days=4):
        many_things.job("many-third", things=THINGS[:40])
    table = _read(connection, "many-third")
    assert connection.calls["ListJobExecutionsForThing"] == 40
    assert set(table["cause"]) == {"device_offline"}
