"""AWS's times have milliseconds (the embedded service's have not): the list and the describe mean the same moment."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotjobs.aws import executions as fetch
from iotjobs.aws.connection import Connection
from iotjobs.model import ExecutionKey
from tests.faults.harness.fault_injection import FaultInjector, connection_to
from tests.faults.harness.service_model import ServiceModel


@given(milliseconds=st.integers(1_500_000_000_000, 2_000_000_000_000))
def test_the_list_and_the_describe_agree_on_when_it_was_queued(milliseconds: int) -> None:
    service = ServiceModel(milliseconds / 1000)
    service.create_job("job", ["thing"])
    connection = connection_to(FaultInjector(service))
    description = fetch.describe_execution(connection, ExecutionKey("job", "thing", 1))
    listed = fetch.thing_executions(connection, "thing")["queued_at"].iloc[0]
    assert listed == pd.Timestamp(description.queued_at)


@pytest.mark.parametrize("table", [fetch.job_executions, fetch.thing_executions])
def test_an_empty_list_has_times_too(table: Callable[[Connection, str], pd.DataFrame]) -> None:
    service = ServiceModel(1_790_000_000.123)
    service.create_job("job", [])
    name = "job" if table is fetch.job_executions else "thing"
    assert table(connection_to(FaultInjector(service)), name).empty
