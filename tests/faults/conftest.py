"""What the fault tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from iotjobs.sandbox.fleet import Fleet
from tests.faults.stage import Stage


@pytest.fixture
def stage(aged_fleet: Fleet, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """A job of the test's own, with a failed and a running execution."""
    made = Stage(aged_fleet, f"stage-{abs(hash(request.node.name)) % 10**9}", tmp_path)
    with made.proxy:
        yield made
