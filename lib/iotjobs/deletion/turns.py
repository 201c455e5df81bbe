"""What of a sweep goes on at once: whose turn it is, and how many may be between their last look and their call."""

from __future__ import annotations

import heapq
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from iotjobs.deletion.sweep_plan import Target

#: So many may have been accepted and not show yet, while others go on.
MOST_IN_FLIGHT = 3


class Halted(Exception):
    """The sweep is over for a reason that is known elsewhere: nothing more is sent, and nothing is noted."""


class Crowd(AbstractContextManager["Crowd"]):
    """At most so many at once between the last look at an execution and the call that changes it.

    Each waits for two quotas there, so that a crowd makes looks old; where one became too old, one less is let in.
    """

    def __init__(self, most: int = 6) -> None:
        self._most = most
        self._inside = 0
        self._changed = threading.Condition()

    def __enter__(self) -> Self:
        with self._changed:
            self._changed.wait_for(lambda: self._inside < self._most)
            self._inside += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._inside -= 1
            self._changed.notify()

    def shrink(self) -> bool:
        """Let one less in from now on; False when it is one already, which it always may be."""
        with self._changed:
            may_shrink = self._most > 1
            self._most -= may_shrink
            return may_shrink


class Turns:
    """The targets in the plan's order, those of one thing one at a time; shared by the threads that carry them out.

    What was accepted and does not show yet comes up again when nothing else is left, or when `MOST_IN_FLIGHT` are so.
    ``is_over``: nothing more is begun, since ``error`` ended it, or another's.
    """

    def __init__(self, targets: Sequence[Target]) -> None:
        self._of_thing: dict[str, deque[tuple[int, Target]]] = {}
        for place, target in enumerate(targets):
            self._of_thing.setdefault(target.key.thing_name, deque()).append((place, target))
        self._ready = [(queue[0][0], name) for name, queue in self._of_thing.items()]
        heapq.heapify(self._ready)
        self._late: deque[Target] = deque()
        self._at_work = self._settling = 0
        self._changed = threading.Condition()
        self.is_over = False
        self.error: BaseException | None = None

    def next(self) -> tuple[Target, bool] | None:
        """The next target and whether it is one that did not show yet; None when there are no more. Waits for it."""
        with self._changed:
            self._changed.wait_for(lambda: self.is_over or self._can_go_on() or not self._at_work)
            if self.is_over or not self._can_go_on():
                return None
            self._at_work += 1
            if self._must_settle():
                self._settling += 1
                return self._late.popleft(), True
            _, name = heapq.heappop(self._ready)
            return self._of_thing[name].popleft()[1], False

    def done(self, target: Target, *, was_late: bool, is_late: bool) -> None:
        """Say that a turn is over; ``is_late``: it was accepted and does not show yet."""
        with self._changed:
            self._at_work -= 1
            self._settling -= was_late
            if is_late:
                self._late.append(target)
            name = target.key.thing_name
            if not was_late and self._of_thing[name]:
                heapq.heappush(self._ready, (self._of_thing[name][0][0], name))
            self._changed.notify_all()

    def end(self, error: BaseException | None = None) -> None:
        """Begin nothing more; the first error is the one that ended it."""
        with self._changed:
            self.error = self.error or error
            self.is_over = True
            self._changed.notify_all()

    def _can_go_on(self) -> bool:
        return self._must_settle() or (bool(self._ready) and self._in_flight() < MOST_IN_FLIGHT)

    def _must_settle(self) -> bool:
        return bool(self._late) and (not self._ready or self._in_flight() >= MOST_IN_FLIGHT)

    def _in_flight(self) -> int:
        return len(self._late) + self._settling
