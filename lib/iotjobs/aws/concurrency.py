"""Many questions to AWS at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Any, TypeVar

from iotjobs.errors import Denied, InvalidInput, IotJobsError, NotFound

#: How many questions are asked at once; tests that need one order
#: of calls set it to 1.
THREADS = 16
_OUTAGE = 8

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Overdue(Exception):
    """The time was over before there was an answer."""


def in_time(ask: Callable[[], Answer], within_s: float, *, thread: str) -> Answer:
    """Ask in a thread of its own, which is left alone when the time is over. Raises Overdue then, else as ``ask``."""
    future: Future[Answer] = Future()

    def work() -> None:
        try:
            future.set_result(ask())
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            future.set_exception(error)

    threading.Thread(target=work, name=thread, daemon=True).start()
    try:
        future.exception(timeout=within_s)
    except TimeoutError:  # of the waiting: that of the thread is given, not raised
        raise Overdue from None
    return future.result()


def side_by_side(*asks: Callable[[], Any]) -> list[Any]:
    """Do what does not wait for each other at once, each at its own quotas; the answers. Raises the first error."""
    with ThreadPoolExecutor(max_workers=min(THREADS, len(asks))) as pool:
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

    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        return list(pool.map(outcome, items))
