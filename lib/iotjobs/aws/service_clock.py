"""The service's time, from the `Date` of its answers: ages are counted by the clock that wrote the timestamps."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

#: A difference that may come from the whole seconds of a `Date` and from the way of the answer: this clock is right.
_AGREES_S = 2.0
#: AWS refuses signatures that are further off than this (general reference: "Signature expired").
_WRONG_S = 300.0


class ServiceClock:
    """Counts on by the machine's steady clock, set by the answers; never goes back. ``now`` starts as this host's.

    The first answer sets it; later it takes two in a row that agree: one alone may come from a cache or a gateway.
    """

    def __init__(
        self,
        *,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._steady = steady
        self._origin = wall() - timedelta(seconds=steady())
        self._offset = timedelta(0)
        self._latest = datetime.min.replace(tzinfo=UTC)
        self._told: timedelta | None = None
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The time at the service, aware, in UTC."""
        with self._lock:
            self._latest = max(self._latest, self._host() + self._offset)
            return self._latest

    def set_by(self, date: str | None) -> None:
        """Take the `Date` header of an answer that came just now; what is no date is passed over."""
        try:
            moment = parsedate_to_datetime(date or "")
        except ValueError:
            return
        offset = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - self._host()
        with self._lock:
            before, self._told = self._told, offset
            if before is None or abs((offset - before).total_seconds()) <= _AGREES_S:
                self._offset = timedelta(0) if abs(offset.total_seconds()) <= _AGREES_S else offset

    @property
    def warning(self) -> str | None:
        """What to say about this host's clock; None while it is right to five minutes."""
        off_s = -self._offset.total_seconds()
        if abs(off_s) <= _WRONG_S:
            return None
        minutes = round(abs(off_s) / 60)
        size = f"{minutes} min" if minutes < 120 else f"{round(minutes / 60)} h"  # noqa: PLR2004 - two hours
        return (
            f"the clock of this host is {size} {'ahead of' if off_s > 0 else 'behind'} the service's: ages are counted "
            "by the service's, but set the clock, since AWS refuses signatures that are five minutes off"
        )

    def _host(self) -> datetime:
        return self._origin + timedelta(seconds=self._steady())
