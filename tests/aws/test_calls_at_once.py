"""Several threads share a connection: none waits for what only another needs; every call says whose it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import iotjobs
from iotjobs.aws.connect import connect
from tests.aws_standin import Fault, StandIn

LogIn = Callable[..., Path]
PUMP = {"jobId": "firmware", "thingName": "pump-2"}


def test_nobody_waits_for_the_device_plane_to_be_found_but_who_needs_it(aws: StandIn, log_in: LogIn) -> None:
    log_in(aws)
    connection = connect()
    connection.read("ListJobs")
    aws.script.fail("DescribeEndpoint", Fault("late", seconds=3))
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(connection.read_device_plane, "DescribeJobExecution", **PUMP) for _ in range(2)]
        time.sleep(0.5)
        started = time.monotonic()
        connection.read("ListJobs")
        connection.read("DescribeJob", jobId="firmware")  # a client that is not there yet
        assert time.monotonic() - started < 2
        assert [each.result()["execution"]["status"] for each in waiting] == ["IN_PROGRESS"] * 2
    assert len(aws.called("DescribeEndpoint")) == 1


def test_calls_are_counted_whichever_thread_makes_them(aws: StandIn, log_in: LogIn) -> None:
    log_in(aws)
    connection = connect()
    start = threading.Barrier(8)

    def read(_: int) -> None:
        start.wait()
        connection.read("DescribeJob", jobId="firmware")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(read, range(8)))
    assert connection.calls["DescribeJob"] == len(aws.called("DescribeJob")) == 8


def test_every_call_has_the_kits_version_and_the_run_in_its_user_agent(aws: StandIn, log_in: LogIn) -> None:
    log_in(aws, AWS_SDK_UA_APP_ID="ops")
    connection = connect(run_id="2026-11-25T10:00:00Z sweep\r\nX: y ü")
    connection.read("ListJobs")
    connection.read_device_plane("DescribeJobExecution", **PUMP)
    assert {call.operation for call in aws.calls} >= {"GetCallerIdentity", "ListJobs", "DescribeJobExecution"}
    for call in aws.calls:
        assert f"iotjobs/{iotjobs.__version__ if hasattr(iotjobs, '__version__') else ''}" in call.user_agent
        assert call.user_agent.endswith("iotjobs-run/2026-11-25T10-00-00Z-sweep--X--y--")
        assert call.user_agent.startswith("Boto")
        assert "app/ops" in call.user_agent
