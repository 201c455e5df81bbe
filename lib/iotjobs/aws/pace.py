"""The pace of calls: each operation just under its quota, which is found by looking.

AWS limits the calls a second of each operation in an account and region, on its own (AWS General Reference, "AWS IoT
Device Management endpoints and quotas"). What an account has may be another figure than the default, may change, and is
shared with whoever else calls. So the default is a guess to start with. A limit shows itself only where it refuses: of
two refusals the calls accepted between them tell it exactly, and about one call in a hundred is spent on that.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

#: Calls a second by default; ten for every other operation of Jobs and of the registry (Service Quotas: `iot`,
#: `iotcore`). What the data plane may is not published; people name 200.
_DEFAULTS = {
    "SearchIndex": 15.0,
    "GetIndexingConfiguration": 20.0,
    "ListThingsInThingGroup": 25.0,
    "DescribeThing": 350.0,
    "GetThingConnectivityData": 350.0,
    "iot-jobs-data": 200.0,
}
_DEFAULT = 10.0
_SHARE = 0.975  # of the limit
_FIRST_LOOK_S = 5  # after so long at the guess it is tried whether the limit is higher
_LOOK_CALLS = 105  # and then once in so many calls, each time for the price of one that is refused
_LOOK_S = 5, 30
_SURE_CALLS = 8  # so many accepted calls between two refusals tell the limit
_BURST_S = 0.3  # a caller that comes late makes up for so much
_TRUSTED_CALLS = 20  # none of so many refused: of the burst that a limit allows at first there is as much left
_FAST = 50.0  # calls a second: many are on their way when the first of them is refused
_HALF_A_CALL = 0.5
_REMEMBERED = 2_000
_A_WAIT_S = 0.01


def default_limit(service: str, operation: str) -> float:
    """AWS's default quota of an operation, in calls a second."""
    return _DEFAULTS.get(service) or _DEFAULTS.get(operation, _DEFAULT)


def seconds_to_wait(value: Any) -> float:
    """What a Retry-After asks to wait; 0 where it asks for nothing or names a date."""
    try:
        return max(0.0, float(value))
    except (TypeError, ValueError):
        return 0.0


class Rate:
    """How fast one operation may be called, from what was accepted and refused. All times in seconds of one clock."""

    def __init__(self, limit: float, now: float) -> None:
        self.limit = limit
        self.per_s = limit * _SHARE
        self._settled = True
        self._refused_once = False
        self._since = now  # of this moment it is known how many calls were left: none after a refusal
        self._sent: deque[float] = deque(maxlen=_REMEMBERED)  # since then
        self._next = now
        self._latest = now
        self._adjusted = -math.inf

    def wait_s(self, now: float) -> float:
        """How long until the next call may go out; 0 when it may now."""
        return max(0.0, self._next - now)

    def sent(self, now: float, *, waited: bool) -> None:
        """Note a call that goes out; only where calls wait for each other is there a reason to go faster."""
        if waited:
            self._grow(now)
        if not self._sent and not self._refused_once:
            self._since = now
        self._sent.append(now)
        self._latest = now
        if self.per_s < math.inf:
            self._next = max(self._next, now - _BURST_S) + 1 / self.per_s
            if len(self._sent) == _TRUSTED_CALLS and not self._refused_once:
                self._next -= _BURST_S

    def not_sent(self, sent_at: float, now: float) -> None:
        """Give back the turn of a call that did not go out after all: another may go out at once."""
        if sent_at in self._sent:
            self._sent.remove(sent_at)
        self._next = min(self._next, now)

    def refused(self, sent_at: float, now: float, *, retry_after_s: float = 0.0) -> None:
        """Note that the call which went out at ``sent_at`` was throttled."""
        if sent_at in self._sent:
            self._sent.remove(sent_at)
        self._next = max(self._next, now + retry_after_s)
        if sent_at < self._adjusted:
            return  # it was on its way already when the pace was changed
        before = [moment for moment in self._sent if moment < sent_at]
        estimate = _limit_that_refuses(before, sent_at, since=self._since, full=not self._refused_once)
        unexpected = self._settled and self._refused_once and self.per_s <= self.limit
        if not unexpected and len(before) >= (_SURE_CALLS if self._refused_once else _SURE_CALLS // 2):
            self.limit, self.per_s, self._settled = estimate, estimate * _SHARE, True
            self._start_anew(sent_at)
        else:
            self.per_s, self._settled = min(0.65 * self.per_s, max(estimate, 1.0)), False
            if unexpected or not self._refused_once:
                self._start_anew(sent_at)
        self.per_s = max(self.per_s, 0.2)
        self._adjusted = now
        self._next = max(self._next, now + 1.5 / self.per_s)

    def _start_anew(self, moment: float) -> None:
        self._refused_once, self._since = True, moment
        self._sent = deque((each for each in self._sent if each > moment), maxlen=_REMEMBERED)

    def _grow(self, now: float) -> None:
        factor = 1.0
        if not self._settled:
            factor = 1.1
        elif self._may_look(now):
            spare = 1 + (0.1 if self._refused_once else 1.1) * self.limit
            surprise = len(self._sent) > self.limit * (now - self._since) + spare
            factor = (2.0 if self.per_s < _FAST else 1.5) if surprise else 1.2
        self.per_s *= factor ** min(now - self._latest, 1.0)

    def _may_look(self, now: float) -> bool:
        if not self._refused_once:
            return len(self._sent) >= _FIRST_LOOK_S * self.limit
        shortest, longest = _LOOK_S
        return len(self._sent) >= max(_LOOK_CALLS, shortest * self.limit) or now - self._since >= longest


def _limit_that_refuses(sent: Iterable[float], refused_at: float, *, since: float, full: bool) -> float:
    """The limit at which a token bucket of one second accepts all calls up to a moment, and no more.

    ``full``: whether the bucket was full at the moment ``since``, or empty.
    """

    def accepts(limit: float) -> bool:
        most = max(1.0, limit)
        left, at = (most if full else 0.0), since
        for moment in (*sent, refused_at):
            left, at = min(most, left + (moment - at) * limit), moment
            left -= 1
            if left < -_HALF_A_CALL:  # so much too early the refused one came, on average
                return False
        return True

    low, high = 0.01, 10_000.0
    for _ in range(24):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if accepts(middle) else (middle, high)
    return low


class Pace:
    """The rate of one operation, shared by threads."""

    def __init__(
        self,
        limit: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate = Rate(limit, clock())
        self._clock, self._sleep = clock, sleep
        self._turn = threading.Lock()  # one waits for the next call, the others for their turn
        self._noting = threading.Lock()

    @property
    def per_s(self) -> float:
        """Calls a second at present."""
        return self._rate.per_s

    def wait(self) -> float:
        """Wait until a call may go out; the moment at which it does, for `refused`."""
        waited = not self._turn.acquire(blocking=False)
        if waited:
            self._turn.acquire()
        try:
            while True:
                with self._noting:
                    now = self._clock()
                    left = self._rate.wait_s(now)
                    if not left:
                        self._rate.sent(now, waited=waited)
                        return now
                waited = True
                self._sleep(min(left, 1.0))
        finally:
            self._turn.release()

    def not_sent(self, sent_at: float) -> None:
        """Give back the turn of a call that did not go out after all."""
        with self._noting:
            self._rate.not_sent(sent_at, self._clock())

    def refused(self, sent_at: float, *, retry_after_s: float = 0.0) -> None:
        """Note that the call which went out at ``sent_at`` was throttled."""
        with self._noting:
            self._rate.refused(sent_at, self._clock(), retry_after_s=retry_after_s)


class Paces:
    """The paces of one account and region, made when an operation is first called."""

    def __init__(self, *, limited: bool) -> None:
        self._limited = limited
        self._paces: dict[tuple[str, str], Pace] = {}
        self._making = threading.Lock()

    def of(self, service: str, operation: str) -> Pace:
        """The pace of an operation; those of the jobs data plane share one quota (Service Quotas L-62AE8B9D)."""
        key = (service, "" if service == "iot-jobs-data" else operation)
        with self._making:
            if key not in self._paces:
                self._paces[key] = Pace(default_limit(service, operation) if self._limited else math.inf)
            return self._paces[key]


@lru_cache
def shared_paces(account: str, region: str, endpoint: str, *, limited: bool) -> Paces:
    """The paces that all connections of this process to one account and region share.

    ``limited``: AWS's defaults are the guess to start with; else there is no limit until one shows.
    """
    del account, region, endpoint  # they are what tells one place from another
    return Paces(limited=limited)


class Traffic:
    """What the quotas cost one connection: throttled calls and seconds waited for the pace, by operation."""

    def __init__(self) -> None:
        self.throttled: Counter[str] = Counter()
        self.waited_s: dict[str, float] = {}
        self._waited_at: dict[str, float] = {}
        self._counting = threading.Lock()

    def note_throttled(self, operation: str) -> None:
        """Count a call that was throttled, whether it is sent again or not."""
        with self._counting:
            self.throttled[operation] += 1

    def note_wait(self, operation: str, seconds: float) -> None:
        """Add what a call waited before it went out."""
        with self._counting:
            self.waited_s[operation] = self.waited_s.get(operation, 0.0) + seconds
            if seconds > _A_WAIT_S:
                self._waited_at[operation] = time.monotonic()

    def brake(self, *, within_s: float = math.inf) -> str | None:
        """The operation whose quota calls waited for longest, None when none waited for a second.

        ``within_s``: of those for whose quota a call waited in the last so many seconds.
        """
        with self._counting:
            since = time.monotonic() - within_s
            waited = {name for name, at in self._waited_at.items() if at >= since}
            longest = max(waited, key=lambda name: self.waited_s[name], default=None)
            return longest if longest is not None and self.waited_s[longest] >= 1 else None
