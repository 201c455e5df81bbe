"""What happens at which call: moves of the field, faults, quotas. Calls are counted from when a rule is added."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["drop", "aws", "gateway", "garbage", "cut", "late", "throttle"]

#: AWS's default quotas, calls a second for each operation in an account and region. Source: Service Quotas, `iot` and
#: `iotcore`; what the data plane may is not published, so it has the figure that people name.
AWS_QUOTAS: dict[str, float] = {
    **dict.fromkeys(
        (
            "ListJobs",
            "DescribeJob",
            "GetJobDocument",
            "ListJobExecutionsForJob",
            "ListJobExecutionsForThing",
            "DescribeJobExecution",
            "CancelJobExecution",
            "DeleteJobExecution",
            "CancelJob",
            "DeleteJob",
            "ListThings",
        ),
        10,
    ),
    "SearchIndex": 15,
    "GetIndexingConfiguration": 20,
    "ListThingsInThingGroup": 25,
    "GetThingConnectivityData": 350,
    "DescribeThing": 350,
    "data:DescribeJobExecution": 200,
    "data:GetPendingJobExecutions": 200,
}


@dataclass(frozen=True)
class Fault:
    """How a call goes wrong. ``acted``: after the service has done what was asked.

    ``drop`` closes the connection; ``aws`` is an AWS error (``code``, ``status``); ``gateway`` a page of HTML with
    ``status`` and no AWS error type; ``garbage`` 200 with a body that is no answer; ``cut`` half of the answer;
    ``late`` the right answer after ``seconds``; ``throttle`` AWS's throttling answer.
    """

    kind: Kind
    acted: bool = False
    status: int = 500
    code: str = "InternalFailure"
    message: str = "An internal failure has occurred"
    seconds: float = 0.0
    body: bytes = b'{"garbage": '


@dataclass
class _Rule:
    operation: str
    call: int
    until: float
    act: Callable[[], object] | None
    fault: Fault | None
    after: bool
    seen: int = 0


class Script:
    """The rules of a stand-in; an operation of the device plane is named ``data:Operation``."""

    def __init__(self) -> None:
        self._rules: list[_Rule] = []

    def before(self, operation: str, act: Callable[[], object], *, call: int = 1) -> None:
        """Do something right before the ``call``-th call from now on is looked at."""
        self._rules.append(_Rule(operation, call, call, act, None, after=False))

    def after(self, operation: str, act: Callable[[], object], *, call: int = 1, times: float = 1) -> None:
        """Do something when calls have acted, from the ``call``-th from now on, before they are answered."""
        self._rules.append(_Rule(operation, call, call + times - 1, act, None, after=True))

    def fail(self, operation: str, fault: Fault, *, call: int = 1, times: float = 1) -> None:
        """Let calls go wrong from the ``call``-th on; ``times`` may be ``inf``."""
        self._rules.append(_Rule(operation, call, call + times - 1, None, fault, after=False))

    def due(self, operation: str) -> tuple[list[Callable[[], object]], list[Callable[[], object]], Fault | None]:
        """What is due at this call: moves before, moves after, and the fault."""
        before: list[Any] = []
        after: list[Any] = []
        fault = None
        for rule in self._rules:
            if rule.operation in (operation, "*"):
                rule.seen += 1
                if rule.call <= rule.seen <= rule.until:
                    fault = rule.fault or fault
                    if rule.act:
                        (after if rule.after else before).append(rule.act)
        return before, after, fault


class Quotas:
    """A token bucket an operation of each account and region: so many calls a second, and as many at once.

    ``later``: so many seconds after the first call of an operation another limit holds.
    """

    def __init__(
        self,
        limits: Mapping[str, float],
        clock: Callable[[], float] = time.monotonic,
        later: Mapping[str, tuple[float, float]] | None = None,
    ) -> None:
        self._limits = dict(limits)
        self._later = dict(later or {})
        self._first: dict[str, float] = {}
        self._clock = clock
        self._left: dict[tuple[str, str, str], tuple[float, float]] = {}

    def allows(self, operation: str, *, account: str, region: str) -> bool:
        rate = self._limits.get(operation)
        if rate is None:
            return True
        now, bucket = self._clock(), (account, region, operation)
        after_s, then = self._later.get(operation, (0.0, rate))
        if now - self._first.setdefault(operation, now) >= after_s:
            rate = then
        left, at = self._left.get(bucket, (rate, now))
        left = min(rate, left + (now - at) * rate)
        self._left[bucket] = (left - 1 if left >= 1 else left, now)
        return left >= 1
