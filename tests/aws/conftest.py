"""A stand-in for AWS, and logging in to it by any of the ways there are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import botocore.tokens
import botocore.utils
import pytest

from tests.aws_standin import CHAINS, StandIn

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

    def settings(environment: dict[str, str]) -> None:
        for name in [name for name in os.environ if name.startswith(("AWS_", "IOTJOBS_")) or "proxy" in name.lower()]:
            monkeypatch.delenv(name)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        home = Path(environment.get("HOME", str(tmp_path)))
        # botocore looks up the home directory when it is imported
        monkeypatch.setattr(botocore.tokens.SSOTokenProvider, "_SSO_TOKEN_CACHE_DIR", str(home / ".aws/sso/cache"))
        monkeypatch.setattr(botocore.utils.JSONFileCache, "CACHE_DIR", str(home / ".aws/boto/cache"))

    return settings


@pytest.fixture
def log_in(use: Settings, tmp_path: Path) -> Callable[..., Path]:
    """Set this process up for a stand-in, by one of its ways to log in; the home directory that was written."""

    def settings(standin: StandIn, chain: str = "static keys", **more: str) -> Path:
        home = tmp_path / chain
        use(CHAINS[chain](standin, home) | more)
        return home

    return settings
