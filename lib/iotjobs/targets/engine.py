"""One Dask task for each target: results as they come, every target accounted for.

Dask brings the scheduling, the retries of a lost worker and the dashboard (distributed: Client, as_completed). A task
gets a target's description and plain options; credentials are found by the worker itself and never travel.
"""

from __future__ import annotations

import logging
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from iotjobs.errors import InvalidInput, IotJobsError
from iotjobs.model import Outcome
from iotjobs.targets.target import Target

if TYPE_CHECKING:
    from distributed import Client

_log = logging.getLogger(__name__)

_CONNECT_TIMEOUT_S = 15
_POLL_S = 0.5
_AT_ONCE_LOCALLY = 16

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Failure:
    """A task that gave no answer: ``reason`` says what became of it, ``hung`` whether it may still be at work."""

    reason: str
    hung: bool = False
    outcome: Outcome = Outcome.ERROR


_WORKER_LOST = Failure("its worker process died again and again", hung=True)


@contextmanager
def cluster(scheduler: str | None, *, tasks: int) -> Iterator[Client]:
    """A client of the scheduler at an address, or of a local cluster of processes for as long as it is needed.

    Raises InvalidInput when no scheduler answers at the address.
    """
    from distributed import Client, LocalCluster  # noqa: PLC0415 - slow to import, and an extra

    if scheduler is not None:
        try:
            client = Client(scheduler, timeout=_CONNECT_TIMEOUT_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise InvalidInput(f"no Dask scheduler answers at {scheduler}: {error}") from error
        with client:
            yield client
        return
    workers = max(1, min(tasks, os.cpu_count() or 1))
    threads = -(-min(tasks, _AT_ONCE_LOCALLY * workers) // workers)
    with (
        LocalCluster(
            n_workers=workers,
            threads_per_worker=max(1, threads),
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.ERROR,
        ) as local,
        Client(local, set_as_default=False) as client,
    ):
        yield client


def run_tasks(
    client: Client,
    task: Callable[..., Answer],
    targets: Sequence[Target],
    options: Mapping[str, Any],
    *,
    timeout_s: float,
    each: Mapping[str, Mapping[str, Any]] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[Target, Answer | Failure]]:
    """Run ``task(target, **options)`` for each target side by side; yield each answer as it comes.

    ``each`` has more options for a target, by its name.

    A task whose worker died is given to another one, a few times; Dask then blames every task of that worker, so those
    are tried once more, one at a time. A task that raises, that is lost for good, or that gives no answer for
    ``timeout_s`` seconds after its start is yielded as a Failure; so is what is left when ``stop`` says so or the
    scheduler is gone.
    """
    suspects: list[Target] = []
    own = {target.name: {**options, **(each or {}).get(target.name, {})} for target in targets}
    for target, answer in _side_by_side(client, task, targets, own, timeout_s=timeout_s, stop=stop):
        if answer == _WORKER_LOST:
            suspects.append(target)
        else:
            yield target, answer
    for suspect in suspects:
        yield from _side_by_side(client, task, [suspect], own, timeout_s=timeout_s, stop=stop)


def _side_by_side(
    client: Client,
    task: Callable[..., Answer],
    targets: Sequence[Target],
    options: Mapping[str, Mapping[str, Any]],
    *,
    timeout_s: float,
    stop: Callable[[], bool],
) -> Iterator[tuple[Target, Answer | Failure]]:
    topic = f"iotjobs-{uuid.uuid4().hex}"
    started: dict[str, float] = {}
    client.subscribe_topic(topic, lambda event: started.setdefault(event[1]["target"], time.monotonic()))
    futures = {
        client.submit(
            _announced, task, target, options[target.name], topic, key=f"{topic}-{target.name}", pure=False
        ): target
        for target in targets
    }
    try:
        while futures:
            for future in [future for future in futures if future.done()]:
                yield futures.pop(future), _answer(future)
            gone = client.status not in ("running", "connecting")
            for future, target in list(futures.items()):
                if gone or stop():
                    why = "the Dask scheduler went away" if gone else "the run was stopped"
                    yield futures.pop(future), Failure(f"{why} before this target gave an answer", hung=True)
                elif time.monotonic() - started.get(target.name, time.monotonic()) > timeout_s:
                    future.cancel()
                    yield futures.pop(future), Failure(f"no answer within {timeout_s:.0f} s", hung=True)
            if futures:
                time.sleep(_POLL_S)
    finally:
        if client.status == "running":
            client.unsubscribe_topic(topic)


def _announced(task: Callable[..., Answer], target: Target, options: Mapping[str, Any], topic: str) -> Answer:
    """Tell the client that the task has begun: a target's time does not run while it waits for a worker."""
    from distributed import get_worker  # noqa: PLC0415 - an extra

    get_worker().log_event(topic, {"target": target.name})
    return task(target, **options)


def _answer(future: Any) -> Any:
    from distributed import KilledWorker  # noqa: PLC0415 - an extra

    if future.status == "finished":
        return future.result()
    if future.status == "cancelled":
        return Failure("its task was cancelled or lost", hung=True)
    error = future.exception()
    if isinstance(error, KilledWorker):
        return _WORKER_LOST
    _log.warning("a task failed", extra={"task": future.key, "error": type(error).__name__})
    if isinstance(error, IotJobsError):
        return Failure(str(error), outcome=error.outcome)
    return Failure(f"{type(error).__name__}: {error}")
