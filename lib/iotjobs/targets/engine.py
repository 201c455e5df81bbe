"""One Dask task for each target: results as they come, every target accounted for.

Dask brings the scheduling, the retries of a lost worker and the dashboard (distributed: Client, as_completed). A task
gets a target's description and plain options; credentials are found by the worker itself and never travel.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from iotjobs.errors import IotJobsError
from iotjobs.model import Outcome
from iotjobs.targets.target import Target

if TYPE_CHECKING:
    from distributed import Client

_log = logging.getLogger(__name__)

_POLL_S = 0.2
_OF_WORKERS = "all"  # Dask's own topic: workers that come and go (distributed: Client.get_events)
_LOOK_FOR_WORKERS_S = 5.0
_NO_WORKERS_S = 120.0  # a busy machine takes a minute to start one in place of one that died
_FETCH_S = 10.0

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Failure:
    """A task that gave no answer: ``reason`` says what became of it, ``hung`` whether it may still be at work."""

    reason: str
    hung: bool = False
    outcome: Outcome = Outcome.ERROR


_INTERRUPTED = Failure("the run was interrupted before this target gave an answer", True, Outcome.INTERRUPTED)
_WORKER_LOST = Failure("its worker process died again and again", hung=True)
_TO_COME = object()


@dataclass(frozen=True, slots=True)
class Work:
    """One task for a target: ``function(target, **options)``, given up when it has no answer after ``timeout_s``.

    ``then`` makes of its answer the next Work for this target, or the answer of the target.
    """

    function: Callable[..., Any]
    options: Mapping[str, Any]
    timeout_s: float
    then: Callable[[Target, Any], Any] | None = None


@dataclass(frozen=True, slots=True)
class OnInterrupt:
    """What an interrupt does: ``act`` is called, and what is running has so many seconds to end by itself."""

    act: Callable[[], object]
    grace_s: float


def run_tasks(
    client: Client,
    work: Mapping[Target, Work],
    on_interrupt: OnInterrupt | None = None,
    *,
    no_workers_s: float = _NO_WORKERS_S,
) -> Iterator[tuple[Target, Any]]:
    """Do each target's work side by side; yield each target's answer as it comes.

    A task whose worker died is given to another one, a few times, and its time begins anew; Dask then blames every
    task of that worker, so those are tried once more, one at a time. A task that raises, that is lost for good, or that
    gives no answer for ``timeout_s`` seconds after its start is yielded as a Failure; so is what is left when the
    scheduler is gone or has had no worker for ``no_workers_s``, and what did not end in time after an interrupt
    (``on_interrupt``; a second one is raised).
    """
    interrupt = _Interrupt(on_interrupt)
    suspects: list[tuple[Target, Work]] = []
    workers = _Workers(client, no_workers_s)
    for target, one, answer in _side_by_side(client, work, interrupt, workers):
        if answer == _WORKER_LOST and not interrupt.came:
            suspects.append((target, one))
        else:
            yield target, answer
    for suspect, one in suspects:
        if interrupt.came:
            yield suspect, _INTERRUPTED
        else:
            for target, _, answer in _side_by_side(client, {suspect: one}, interrupt, workers):
                yield target, answer


class _Interrupt:
    """Whether a person interrupted the run, and how long its tasks have since then."""

    def __init__(self, on_interrupt: OnInterrupt | None) -> None:
        self._on = on_interrupt
        self._until: float | None = None

    @property
    def came(self) -> bool:
        return self._until is not None

    @property
    def is_over(self) -> bool:
        return self._until is not None and time.monotonic() >= self._until

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Take the first interrupt; a second one, and any without ``on_interrupt``, is raised."""
        try:
            yield
        except KeyboardInterrupt:
            if self._on is None or self.came:
                raise
            self._until = time.monotonic() + self._on.grace_s
            self._on.act()


def _side_by_side(
    client: Client, work: Mapping[Target, Work], interrupt: _Interrupt, workers: _Workers
) -> Iterator[tuple[Target, Work, Any]]:
    topic = f"iotjobs-{uuid.uuid4().hex}"
    running: dict[Any, tuple[Target, Work]] = {}

    def submit(target: Target, one: Work) -> None:
        key = f"{topic}-{one.function.__name__}-{target.name}"
        future = client.submit(_announced, one.function, target, dict(one.options), topic, key, key=key, pure=False)
        running[future] = target, one

    with _start_times(client, topic) as started:
        for target, one in work.items():
            submit(target, one)
        while running:
            for target, one, answer in _answered(running):
                if not isinstance(answer, Work):
                    yield target, one, answer
                elif interrupt.came:
                    yield target, one, _INTERRUPTED
                else:
                    submit(target, answer)
            for future, failure in _given_up(running, started, _INTERRUPTED if interrupt.is_over else workers.none()):
                target, one = running.pop(future)
                yield target, one, failure
            with interrupt.caught():
                if running:
                    time.sleep(_POLL_S)


def _answered(running: dict[Any, tuple[Target, Work]]) -> Iterator[tuple[Target, Work, Any]]:
    """Take out the tasks that have ended, each with its answer, or the next Work that it leads to."""
    for future in [future for future in running if future.done()]:
        answer = _answer(future)
        if answer is not _TO_COME:
            target, one = running.pop(future)
            if one.then is not None and not isinstance(answer, Failure):
                answer = one.then(target, answer)
            yield target, one, answer


@contextmanager
def _start_times(client: Client, topic: str) -> Iterator[Mapping[str, float]]:
    """When each running task began, as tasks announce it; those of a worker that died wait for another one."""
    started: dict[str, float] = {}

    def lost(event: tuple[float, Any]) -> None:
        if isinstance(event[1], Mapping) and event[1].get("action") == "remove-worker":
            for key in event[1].get("processing-tasks") or ():
                started.pop(key, None)

    client.subscribe_topic(topic, lambda event: started.__setitem__(event[1]["key"], time.monotonic()))
    client.subscribe_topic(_OF_WORKERS, lost)
    try:
        yield started
    finally:
        if client.status == "running":
            client.unsubscribe_topic(topic)
            client.unsubscribe_topic(_OF_WORKERS)


def _given_up(
    running: Mapping[Any, tuple[Target, Work]], started: Mapping[str, float], of_all: Failure | None
) -> Iterator[tuple[Any, Failure]]:
    """The tasks that will give no answer: all of them where nobody can do them, or those whose time is over."""
    for future, (_, one) in list(running.items()):
        if of_all is not None:
            if future.client.status == "running":
                future.cancel()
            yield future, of_all
        elif time.monotonic() - started.get(future.key, time.monotonic()) > one.timeout_s:
            future.cancel()
            yield future, Failure(f"no answer within {one.timeout_s:.0f} s", hung=True)


class _Workers:
    """Whether there is anybody to do the work: a scheduler without workers for a while will not get any."""

    def __init__(self, client: Client, patience_s: float) -> None:
        self._client = client
        self._patience_s = patience_s
        self._last_there = self._last_look = time.monotonic()

    def none(self) -> Failure | None:
        """Why no task can be done any more; None while one can."""
        if self._client.status not in ("running", "connecting"):
            return Failure("the Dask scheduler went away before this target gave an answer", hung=True)
        now = time.monotonic()
        if self._client.status == "connecting" or now - self._last_look < min(_LOOK_FOR_WORKERS_S, self._patience_s):
            return None
        self._last_look = now
        try:
            there = bool(self._client.nthreads())
        except (OSError, TimeoutError):  # it is going away: its status says so soon
            return None
        if there:
            self._last_there = now
        elif now - self._last_there > self._patience_s:
            address = self._client.scheduler.address  # type: ignore[union-attr]
            return Failure(
                f"the Dask scheduler has had no worker for {self._patience_s:.0f} s: start one, `dask worker {address}`"
            )
        return None


def _announced(
    function: Callable[..., Answer], target: Target, options: Mapping[str, Any], topic: str, key: str
) -> Answer:
    """Tell the client that the task has begun: a target's time does not run while it waits for a worker."""
    from distributed import get_worker  # noqa: PLC0415 - slow to import

    get_worker().log_event(topic, {"key": key})
    return function(target, **options)


def _answer(future: Any) -> Any:
    """What a task that has ended answered, or a Failure.

    `_TO_COME` where its worker died with the answer, which another one then works out again: what it does is done once.
    """
    from distributed import KilledWorker  # noqa: PLC0415 - slow to import

    try:
        return future.result(timeout=_FETCH_S)
    except Exception as raised:  # noqa: BLE001 - the task's own, and Dask's where the answer cannot be fetched
        error = raised
    if future.status == "cancelled":
        return Failure("its task was cancelled or lost", hung=True)
    if isinstance(error, KilledWorker):
        return _WORKER_LOST
    if future.status != "error" and isinstance(error, OSError):  # a TimeoutError is one
        return _TO_COME
    _log.warning("a task failed", extra={"task": future.key, "error": type(error).__name__})
    return _failure(error)


def _failure(error: Exception) -> Failure:
    """What an error of a task itself says of its target."""
    if isinstance(error, IotJobsError):
        return Failure(str(error), outcome=error.outcome)
    if isinstance(error, ModuleNotFoundError):
        return Failure(f"its worker has no {error.name}: install there what this run has")
    return Failure(f"{type(error).__name__}: {error}")
