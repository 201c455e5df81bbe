"""A stand-in for AWS, and logging in to it by any of the ways there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.aws_standin import CHAINS, StandIn, in_process

#: Takes the settings of a way to log in and sets them for this process; `None` takes a variable away.
Settings = Callable[[dict[str, str]], None]


@pytest.fixture
def aws() -> Iterator[StandIn]:
    with StandIn() as standin:
        standin.fleet.job("firmware", {"pump-1": "FAILED", "pump-2": "IN_PROGRESS", "pump-3": "QUEUED"})
        yield standin


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """Settings for this process in place of all that AWS ones there are."""
    return lambda environment: in_process.use(monkeypatch, {"HOME": str(tmp_path)} | environment)


@pytest.fixture
def log_in(use: Settings, tmp_path: Path) -> Callable[..., Path]:
    """Set this process up for a stand-in, by one of its ways to log in; the home directory that was written."""

    def settings(standin: StandIn, chain: str = "static keys", **more: str) -> Path:
        home = tmp_path / chain
        use(CHAINS[chain](standin, home) | more)
        return home

    return settings
