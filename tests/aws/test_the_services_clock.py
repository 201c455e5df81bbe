"""Ages are counted by the service's clock, whatever this host's says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from iotjobs.aws.connect import connect
from iotjobs.aws.service_clock import ServiceClock
from tests.aws_standin import StandIn

from .front import Front

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


class _Host:
    """A host's clocks, which a test moves."""

    def __init__(self) -> None:
        self.wall, self.steady = NOON, 1000.0

    def clock(self) -> ServiceClock:
        return ServiceClock(wall=lambda: self.wall, steady=lambda: self.steady)


def _date(moment: datetime) -> str:
    return format_datetime(moment.replace(microsecond=0), usegmt=True)


def test_where_both_agree_it_is_the_hosts() -> None:
    host = _Host()
    clock = host.clock()
    clock.set_by(_date(NOON - timedelta(seconds=1)))
    host.steady += 0.25
    assert clock.now() == NOON + timedelta(seconds=0.25)
    assert clock.warning is None


@pytest.mark.parametrize(("off", "words"), [(2, "2 h behind"), (-2, "2 h ahead of")])
def test_where_the_host_is_wrong_it_is_the_services_and_said(off: int, words: str) -> None:
    host = _Host()
    clock = host.clock()
    clock.set_by(_date(NOON + timedelta(hours=off)))
    host.steady += 60
    assert clock.now() == NOON + timedelta(hours=off, seconds=60)
    assert words in str(clock.warning)


def test_it_never_goes_back() -> None:
    host = _Host()
    clock = host.clock()
    later = NOON + timedelta(hours=1)
    clock.set_by(_date(later))
    assert clock.now() == later
    clock.set_by(_date(NOON))
    assert clock.now() == later


def test_one_answer_that_disagrees_with_those_before_moves_nothing() -> None:
    host = _Host()
    clock = host.clock()
    clock.set_by(_date(NOON))
    clock.set_by(_date(NOON + timedelta(days=30)))
    assert clock.now() == NOON
    clock.set_by(_date(NOON))
    assert clock.now() == NOON
    for _ in range(2):
        clock.set_by(_date(NOON + timedelta(days=30)))
    assert clock.now() == NOON + timedelta(days=30)


def test_a_jump_of_the_hosts_clock_moves_nothing() -> None:
    host = _Host()
    clock = host.clock()
    host.wall += timedelta(days=1)
    assert clock.now() == NOON


@pytest.mark.parametrize("date", [None, "", "yesterday", "Wed, 99 Nov 2026 12:00:00 GMT", "1" * 400])
def test_what_is_no_date_is_passed_over(date: str | None) -> None:
    clock = _Host().clock()
    clock.set_by(date)
    assert clock.now() == NOON


def test_answers_that_agree_set_it(aws: StandIn, log_in: Callable[..., Path]) -> None:
    with Front() as front:
        log_in(aws, AWS_ENDPOINT_URL_IOT=front.url)
        connection = connect()
        assert abs(connection.now() - datetime.now(UTC)) < timedelta(seconds=3)
        ahead = datetime.now(UTC) + timedelta(hours=24)
        front.headers, front.body = {"Date": _date(ahead)}, b'{"jobs": []}'
        for _ in range(2):
            connection.read("ListJobs")
        assert abs(connection.now() - ahead) < timedelta(seconds=3)
        assert any("24 h behind" in warning for warning in connection.warnings)
