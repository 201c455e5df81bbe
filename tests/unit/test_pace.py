"""The pace of an operation against a token bucket, by a clock of the test's own: how much of a limit it uses."""

from __future__ import annotations

import heapq
import math
import random
from dataclasses import dataclass, field

import pytest

from iotjobs.aws.pace import Rate, Traffic, shared_paces

WORKERS = 16
LATENCY_S = 0.05


@dataclass
class Bucket:
    """So many calls a second, and as many at once."""

    limit: float
    left: float = math.inf
    at: float = 0.0

    def allows(self, now: float) -> bool:
        self.left, self.at = min(max(1.0, self.limit), self.left + (now - self.at) * self.limit), now
        if self.left < 1:
            return False
        self.left -= 1
        return True


@dataclass
class Traced:
    """What came of it: the moments of calls that were accepted, and of those refused."""

    accepted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    @property
    def refused_share(self) -> float:
        return len(self.refused) / (len(self.accepted) + len(self.refused))

    def accepted_per_s(self, since: float, until: float) -> float:
        return sum(since < moment <= until for moment in self.accepted) / (until - since)


def simulate(*limits: tuple[float, float], seconds: float, guess: float = 10, calls: float = math.inf) -> Traced:
    """Workers that always have a call to make; `limits` are moments from which a limit holds, and the limit."""
    rng, rate, bucket, traced = random.Random(7), Rate(guess, 0.0), Bucket(limits[0][1]), Traced()
    answers: list[tuple[float, float, bool]] = []
    now, waited = 0.0, False
    while now < seconds and len(traced.accepted) < calls:
        pause = rate.wait_s(now)
        due = answers[0][0] if answers else math.inf
        if len(answers) >= WORKERS or (pause and due <= now + pause):
            now, sent_at, accepted = heapq.heappop(answers)
            if not accepted:
                rate.refused(sent_at, now)
            continue
        if pause:
            now, waited = now + pause + rng.random() * 0.005, True
            continue
        rate.sent(now, waited=waited)
        waited = False
        bucket.limit = [limit for since, limit in limits if since <= now][-1]
        accepted = bucket.allows(now)
        (traced.accepted if accepted else traced.refused).append(now)
        heapq.heappush(answers, (now + LATENCY_S + rng.random() * 0.02, now, accepted))
    return traced


@pytest.mark.parametrize("limit", [4, 10, 25, 100])
def test_a_limit_is_found_and_kept_to(limit: float) -> None:
    traced = simulate((0, limit), seconds=60)
    assert traced.accepted_per_s(15, 60) >= 0.95 * limit
    assert traced.refused_share < 0.01


def test_a_limit_that_is_the_default_is_used_from_the_start() -> None:
    traced = simulate((0, 10), seconds=60, calls=120)
    assert traced.accepted[-1] <= 120 / 10 / 0.95
    assert len(traced.refused) <= 1
    assert not simulate((0, 10), seconds=60, calls=60).refused


@pytest.mark.parametrize(("before", "after"), [(10, 5), (25, 10), (100, 25), (10, 20), (10, 40), (4, 10)])
def test_a_limit_that_changes_is_found_again_within_ten_seconds(before: float, after: float) -> None:
    traced = simulate((0, before), (30, after), seconds=70)
    assert traced.accepted_per_s(40, 70) >= 0.95 * after
    assert traced.refused_share < 0.015


def test_without_a_limit_nothing_waits() -> None:
    rate = Rate(math.inf, 0.0)
    for _ in range(1000):
        assert rate.wait_s(0.0) == 0
        rate.sent(0.0, waited=False)


def test_what_the_service_asks_to_wait_is_waited() -> None:
    rate = Rate(10, 0.0)
    rate.sent(0.0, waited=False)
    rate.refused(0.0, 0.1, retry_after_s=7)
    assert rate.wait_s(0.1) >= 7


def test_connections_to_one_account_and_region_share_their_paces() -> None:
    def pace(account: str, service: str, operation: str) -> object:
        return shared_paces(account, "eu-central-1", "https://iot.example", limited=True).of(service, operation)

    assert pace("1", "iot", "ListJobs") is pace("1", "iot", "ListJobs")
    assert pace("1", "iot", "ListJobs") is not pace("2", "iot", "ListJobs")
    assert pace("1", "iot", "ListJobs") is not pace("1", "iot", "DescribeJob")
    plane = pace("1", "iot-jobs-data", "DescribeJobExecution")
    assert plane is pace("1", "iot-jobs-data", "GetPendingJobExecutions")


def test_the_brake_is_what_was_waited_for_longest() -> None:
    traffic = Traffic()
    traffic.note_wait("ListJobs", 0.5)
    assert traffic.brake() is None
    traffic.note_wait("DescribeJob", 3)
    assert traffic.brake() == "DescribeJob"
