"""What the fault tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from iotjobs.sandbox.fleet import Fleet
from tests.faults.harness.subprocess_run import ServiceJob


@pytest.fixture
def service_job(aged_fleet: Fleet, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[ServiceJob]:
    """A job of the test's own, with a failed and a running execution."""
    name = f"swept-{abs(hash(request.node.name)) % 10**9}"
    job = ServiceJob(aged_fleet, name, tmp_path, ("FAILED", "IN_PROGRESS"), grouped=False)
    with job.proxy:
        yield job
