"""The Dask cluster that does a fleet's work: the scheduler at an address, or a local one for as long as a run takes."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from iotjobs.errors import InvalidInput, IotJobsError

if TYPE_CHECKING:
    from distributed import Client

_AT_ONCE_LOCALLY = 16


class NoScheduler(IotJobsError):
    """No Dask scheduler that could do the work answers at the address."""


@contextmanager
def cluster(scheduler: str | None, *, tasks: int) -> Iterator[Client]:
    """A client of the scheduler at an address, or of a local cluster of processes for as long as it is needed.

    How long an answer is waited for is Dask's own setting, `distributed.comm.timeouts.connect` (30 s). Raises
    InvalidInput for what is no address, NoScheduler when none answers there, or one of another release of Dask.
    """
    from distributed import Client, LocalCluster  # noqa: PLC0415 - slow to import

    if scheduler is not None:
        try:
            client = Client(scheduler, set_as_default=False)
        except (ValueError, TypeError) as error:
            raise InvalidInput(f"scheduler is {scheduler!r}; it takes an address such as tcp://HOST:8786") from error
        except OSError as error:
            raise NoScheduler(f"no Dask scheduler answers at {scheduler} ({error})") from error
        with client:
            _require_same_dask(client, scheduler)
            yield client
        return
    workers = max(1, min(tasks, os.cpu_count() or 1))
    threads = -(-min(tasks, _AT_ONCE_LOCALLY * workers) // workers)
    with ExitStack() as stack:
        try:
            local = LocalCluster(
                n_workers=workers,
                threads_per_worker=max(1, threads),
                processes=True,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
            )
            client = stack.enter_context(Client(stack.enter_context(local), set_as_default=False))
        except (OSError, RuntimeError) as error:
            raise NoScheduler(f"no local Dask cluster can be started ({error})") from error
        yield client


def dask_version() -> str:
    """The release of Dask's scheduler that is installed here."""
    return version("distributed")


def _require_same_dask(client: Client, address: str) -> None:
    """Raise NoScheduler for another release: what one writes the other need not be able to read."""
    scheduler: Any = client.scheduler
    answer = client.sync(scheduler.versions, packages=[])
    theirs = answer["packages"].get("distributed")
    if theirs != dask_version():
        raise NoScheduler(
            f"the Dask scheduler at {address} has distributed {theirs} and this run {dask_version()}: install the same "
            "release on the scheduler, on every worker and here"
        )
