"""Fixtures of the tests on AWS's answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.aws_standin import CHAINS, StandIn, in_process

LogIn = Callable[..., None]


@pytest.fixture
def log_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> LogIn:
    """Log this process in to a stand-in by one of the chains, with options of the chain and further settings."""

    def use(
        aws: StandIn, chain: str = "static keys", *, settings: dict[str, str] | None = None, **options: Any
    ) -> None:
        in_process.use(monkeypatch, CHAINS[chain](aws, tmp_path / "home", **options) | (settings or {}))

    return use


@pytest.fixture
def aws(log_in: LogIn) -> Iterator[StandIn]:
    """AWS with one job: what has failed, what is stuck on an offline and on a connected device, what waits."""
    with StandIn() as standin:
        build_pumps(standin)
        log_in(standin)
        yield standin


def build_pumps(aws: StandIn) -> None:
    aws.fleet.thing("pump-2", connected=False, since_days=20)
    statuses = {"pump-1": "FAILED", "pump-2": "IN_PROGRESS", "pump-3": "IN_PROGRESS", "pump-4": "QUEUED"}
    aws.fleet.job("firmware", statuses | {f"pump-{number}": "SUCCEEDED" for number in range(5, 11)})
