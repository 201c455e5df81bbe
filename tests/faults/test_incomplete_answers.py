"""A body that was cut short is no empty list: botocore reads it as one, and a plan would become smaller by it."""

from __future__ import annotations

import pytest

from iotjobs.aws import executions as fetch
from iotjobs.aws import jobs, things
from iotjobs.aws.connect import connect
from iotjobs.errors import IotJobsError
from iotjobs.model import ExecutionKey
from iotjobs.sandbox.fleet import Fleet
from tests.faults.harness.http_proxy import HttpProxy, on

READINGS = {
    "ListJobs": jobs.list_jobs,
    "ListJobExecutionsForJob": lambda connection: fetch.job_executions(connection, "firmware-2-4-1"),
    "ListJobExecutionsForThing": lambda connection: fetch.thing_executions(connection, "pump-berlin-01"),
    "ListThingsInThingGroup": lambda connection: things.group_members(connection, "pumps"),
    "DescribeJob": lambda connection: jobs.describe_job(connection, "firmware-2-4-1"),
    "DescribeJobExecution": lambda connection: fetch.describe_execution(
        connection, ExecutionKey("firmware-2-4-1", "pump-berlin-01", 1)
    ),
}


@pytest.mark.parametrize("operation", READINGS)
@pytest.mark.parametrize("fault", ["cut_short", "does_nothing"])
def test_it_is_an_error(aged_fleet: Fleet, monkeypatch: pytest.MonkeyPatch, operation: str, fault: str) -> None:
    with HttpProxy(aged_fleet.server.endpoint_url, on(fault, operation)) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        connection = connect()
        with pytest.raises(IotJobsError, match=f"the answer to {operation}.* has no .*really AWS"):
            READINGS[operation](connection)
