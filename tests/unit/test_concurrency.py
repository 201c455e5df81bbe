"""Many questions at once: what is read ahead, and that all of it ends with the wait for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from iotjobs.aws.concurrency import Overdue, given_up, in_time, map_concurrently, read_ahead, side_by_side
from iotjobs.errors import IotJobsError


def test_what_is_read_ahead_comes_in_order_and_is_not_read_far_ahead() -> None:
    taken: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(50):
            taken.append(number)
            yield number

    ahead = read_ahead(numbers(), thread="test")
    assert [next(ahead) for _ in range(3)] == [0, 1, 2]
    time.sleep(0.1)
    assert len(taken) <= 6
    assert list(ahead) == list(range(3, 50))


def test_an_error_of_what_is_read_ahead_is_raised_in_its_place() -> None:
    def numbers() -> Iterator[int]:
        yield 1
        raise IotJobsError("gone")

    ahead = read_ahead(numbers(), thread="test")
    assert next(ahead) == 1
    with pytest.raises(IotJobsError, match="gone"):
        next(ahead)


def test_a_question_within_what_is_read_ahead_has_its_time_and_no_more() -> None:
    late = threading.Event()

    def answers() -> Iterator[int]:
        yield in_time(lambda: 1, 5, thread="test")
        yield in_time(lambda: late.wait(20) and 2, 0.2, thread="test")

    began = time.monotonic()
    with pytest.raises(Overdue):
        list(read_ahead(answers(), thread="test"))
    late.set()
    assert time.monotonic() - began < 5


def test_who_takes_no_more_ends_what_is_read_ahead() -> None:
    asked, over = threading.Event(), threading.Event()

    def numbers() -> Iterator[int]:
        yield 0
        asked.set()
        while not given_up():
            time.sleep(0.01)
        over.set()

    ahead = read_ahead(numbers(), thread="test")
    next(ahead)
    asked.wait(5)
    ahead.close()  # type: ignore[attr-defined]
    assert over.wait(5)


def test_ctrl_c_ends_what_is_asked_at_the_same_time_however_deep() -> None:
    stopped: list[bool] = []
    deep = threading.Event()

    def ask(_number: int) -> None:
        deep.set()
        began = time.monotonic()
        while not given_up() and time.monotonic() < began + 10:
            time.sleep(0.01)
        stopped.append(given_up())

    def interrupted() -> None:
        deep.wait(5)
        raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        side_by_side(interrupted, lambda: map_concurrently(ask, range(100)))
    assert time.monotonic() - began < 5
    assert stopped
    assert all(stopped)
    assert not given_up()


def test_an_error_that_is_one_answer_gives_nothing_else_up() -> None:
    def ask(number: int) -> int:
        if number == 1:
            raise IotJobsError("odd")
        time.sleep(0.05)
        return -1 if given_up() else number

    answers = map_concurrently(ask, range(4))
    assert [answers[0], *answers[2:]] == [0, 2, 3]
