"""The pages after the first are asked for without botocore's client, and are read as any other call: four pages of 250."""

from __future__ import annotations

import pytest

from iotjobs.aws.connect import connect
from iotjobs.aws.executions import job_executions
from iotjobs.errors import Denied, IotJobsError
from iotjobs.model import Status
from tests.aws_standin import Fault, StandIn
from tests.on_aws.conftest import LogIn

NAMES = [f"pump-{number:04}" for number in range(900)]
LIST = "ListJobExecutionsForJob"


@pytest.fixture
def listed(aws: StandIn) -> StandIn:
    for name in NAMES:
        aws.fleet.thing(name)
    aws.fleet.job("many", dict.fromkeys(NAMES, "FAILED"), days=40)
    return aws


@pytest.mark.parametrize(
    "fault",
    [Fault("throttle"), Fault("drop"), Fault("aws"), Fault("gateway", status=502), Fault("cut")],
    ids=lambda fault: fault.kind,
)
def test_a_page_that_fails_is_asked_for_again(listed: StandIn, log_in: LogIn, fault: Fault) -> None:
    log_in(listed)
    connection = connect()
    listed.script.fail(LIST, fault, call=3)
    assert sorted(job_executions(connection, "many")["thing_name"]) == NAMES
    assert connection.throttled[LIST] == (fault.kind == "throttle")


def test_a_page_that_is_no_answer_of_aws_is_an_error(listed: StandIn, log_in: LogIn) -> None:
    log_in(listed)
    connection = connect()
    listed.script.fail(LIST, Fault("garbage"), call=3)
    with pytest.raises(IotJobsError, match="has no executionSummaries"):
        job_executions(connection, "many")


def test_each_filter_is_kept_on_every_page(listed: StandIn, log_in: LogIn) -> None:
    log_in(listed)
    assert job_executions(connect(), "many", statuses=[Status.QUEUED]).empty
    assert len(job_executions(connect(), "many", statuses=[Status.FAILED])) == len(NAMES)
    assert len(listed.called(LIST)) == 1 + 4


def test_keys_that_were_renewed_sign_the_next_page(listed: StandIn, log_in: LogIn) -> None:
    listed.logins.issued_lasts_s = 300  # botocore renews what ends so soon before each call
    log_in(listed, "source_profile")
    connection = connect()
    before = len(listed.called("AssumeRole"))
    assert len(job_executions(connection, "many")) == len(NAMES)
    assert len(listed.called("AssumeRole")) - before >= 4


def test_keys_that_end_are_denied_on_any_page(listed: StandIn, log_in: LogIn) -> None:
    log_in(listed, "sso")
    connection = connect()
    listed.script.after(LIST, listed.logins.revoke, call=2)
    with pytest.raises(Denied, match=r"expired|invalid"):
        job_executions(connection, "many")
