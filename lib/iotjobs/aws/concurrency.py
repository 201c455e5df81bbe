"""Many questions to AWS at once."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Any, ClassVar, TypeVar

from iotjobs.errors import Denied, InvalidInput, IotJobsError, NotFound

#: How many questions are asked at once; tests that need one order
#: of calls set it to 1.
THREADS = 16
_OUTAGE = 8
_IDLE_S = 10.0
_LOOK_S = 1.0

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Overdue(Exception):
    """The time was over before there was an answer."""


class _Helper(threading.Thread):
    """A thread that does one thing after another for whoever waits; ends when it has nothing to do for a while."""

    idle: ClassVar[list[_Helper]] = []

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._tasks = SimpleQueue[Callable[[], None]]()
        self.start()

    def run(self) -> None:
        while True:
            try:
                task = self._tasks.get(timeout=_IDLE_S)
            except Empty:
                with suppress(ValueError):
                    self.idle.remove(self)
                    return
                continue  # somebody took it at the last moment
            task()
            del task
            self.idle.append(self)

    @classmethod
    def do(cls, task: Callable[[], None], *, name: str) -> None:
        """Start a task, which raises nothing."""
        try:
            helper = cls.idle.pop()
        except IndexError:
            helper = cls()
        helper.name = name
        helper._tasks.put(task)


class _Deadline:
    """Until when what a thread does now must be done: `in_time` sets it, who waits for the thread looks at it."""

    def __init__(self) -> None:
        self._at = math.inf

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        outer, self._at = self._at, min(self._at, time.monotonic() + seconds)
        try:
            yield
        finally:
            self._at = outer

    def left_s(self) -> float:
        return self._at - time.monotonic()


_thread = threading.local()  # the deadline of this thread, where another one looks at it; the work that it is part of


def in_time(ask: Callable[[], Answer], within_s: float, *, thread: str) -> Answer:
    """Ask in another thread, which is left alone when the time is over. Raises Overdue then, else as ``ask``.

    In a thread that `read_ahead` waits for, it asks there: the one who waits counts the time.
    """
    deadline: _Deadline | None = getattr(_thread, "deadline", None)
    if deadline is not None:
        with deadline.within(within_s):
            return ask()
    answers = SimpleQueue[Future[Answer]]()
    _Helper.do(lambda: answers.put(_done(ask)), name=thread)
    try:
        answer = answers.get(timeout=within_s)
    except Empty:
        raise Overdue from None
    return answer.result()


def _done(ask: Callable[[], Answer]) -> Future[Answer]:
    future: Future[Answer] = Future()
    try:
        future.set_result(ask())
    except BaseException as error:  # noqa: BLE001 - raised where it is waited for
        future.set_exception(error)
    return future


def read_ahead(items: Iterator[Item], *, thread: str) -> Iterator[Item]:
    """Go through items in another thread, two ahead of who takes them. Raises Overdue, else as ``items``."""
    deadline, slots, work = _Deadline(), threading.Semaphore(2), _Work()
    answers = SimpleQueue[Future[Item]]()
    end: Any = object()

    def go_through() -> None:
        _thread.deadline, _thread.work = deadline, work
        try:
            while slots.acquire() and not work.given_up:
                answer = _done(lambda: next(items, end))
                answers.put(answer)
                if answer.exception() is not None or answer.result() is end:
                    return
        finally:
            _thread.deadline = _thread.work = None

    _Helper.do(go_through, name=thread)
    try:
        while True:
            try:
                item = answers.get(timeout=min(max(deadline.left_s(), 0.0), _LOOK_S)).result()
            except Empty:
                if deadline.left_s() < 0:
                    raise Overdue from None
                continue
            if item is end:
                return
            yield item
            slots.release()
    finally:
        work.given_up = True
        slots.release()


def given_up() -> bool:
    """Whether whoever waits for what this thread does has stopped to: a person, or an error beside it."""
    work: _Work | None = getattr(_thread, "work", None)
    while work is not None and not work.given_up:
        work = work.part_of
    return work is not None


class _Work:
    """What some threads do together, perhaps as a part of something else."""

    def __init__(self) -> None:
        self.part_of: _Work | None = getattr(_thread, "work", None)
        self.given_up = False

    def take_up(self) -> None:
        _thread.work = self


@contextmanager
def threads(most: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that are waited for at the end. What they do is given up when an error or Ctrl-C ends the wait."""
    work = _Work()
    with ThreadPoolExecutor(most, initializer=work.take_up) as pool:
        try:
            yield pool
        except BaseException:
            work.given_up = True
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def side_by_side(*asks: Callable[[], Any]) -> list[Any]:
    """Do what does not wait for each other at once, each at its own quotas; the answers. Raises the first error."""
    with threads(min(THREADS, len(asks))) as pool:
        return [each.result() for each in [pool.submit(ask) for ask in asks]]


def map_concurrently(ask: Callable[[Item], Answer], items: Iterable[Item]) -> list[Answer | IotJobsError]:
    """Ask for many items at once; an item whose reading failed gives its error in place of an answer.

    A job or thing that we may not read is one gap. Raises Denied where the credentials are not usable at all, which is
    never a gap. When one after the other fails although each was retried, the rest is not asked: an outage of the
    service must not take hours to notice.
    """
    lock = Lock()
    in_a_row: list[IotJobsError] = []

    def failing() -> IotJobsError | None:
        with lock:
            return in_a_row[-1] if len(in_a_row) >= _OUTAGE else None

    def outcome(item: Item) -> Answer | IotJobsError:
        if error := failing():
            return error
        try:
            answer = ask(item)
        except Denied as error:
            if error.action is None:
                raise
            return error
        except (NotFound, InvalidInput) as error:
            return error
        except IotJobsError as error:
            with lock:
                in_a_row.append(error)
            return error
        with lock:
            in_a_row.clear()
        return answer

    with threads(THREADS) as pool:
        return list(pool.map(outcome, items))
