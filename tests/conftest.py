"""What the tests stand on: the embedded service with its aged fleet, once a worker."""

from __future__ import annotations

import math
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import takewhile

import pytest
from playwright.sync_api import Browser, sync_playwright

from iotjobs.aws import pace
from iotjobs.sandbox.fleet import Fleet
from iotjobs.sandbox.scenarios import seed
from iotjobs.sandbox.server import Server
from tests.fresh_sandbox import FreshSandbox


@pytest.fixture(scope="session", autouse=True)
def quotas() -> Iterator[None]:
    """No call of this process waits for AWS's default quotas, which a stand-in or a proxy is taken to have.

    A pace that a throttled answer shows is kept as ever.
    """
    with pytest.MonkeyPatch.context() as settings:
        settings.setattr(pace, "default_limit", lambda _service, _operation: math.inf)
        yield


@pytest.fixture(scope="session")
def aged_fleet() -> Iterator[Fleet]:
    """The sandbox's default fleet, with the AWS settings of this process pointing at it."""
    with Server() as server, pytest.MonkeyPatch.context() as settings:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            settings.delenv(name)
        for name, value in server.environment.items():
            settings.setenv(name, value)
        fleet = Fleet(server)
        seed(fleet, "fleet")
        yield fleet
        fleet.close()


@pytest.fixture
def fresh_thing(aged_fleet: Fleet, request: pytest.FixtureRequest) -> tuple[Fleet, str]:
    """A fresh thing of the test's own, named after it, connected never."""
    name = request.node.name.replace("[", "-").replace("]", "").replace(".", "-")[:100]
    with aged_fleet.ago(days=50):
        aged_fleet.iot.create_thing(thingName=name)
    return aged_fleet, name


@pytest.fixture(scope="session")
def sandbox(aged_fleet: Fleet) -> Server:
    """The service that `aged_fleet` stands on, for what must only read or has things of its own."""
    return aged_fleet.server


@pytest.fixture
def fresh_sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[FreshSandbox]:
    """A service and fleet that the test may wreck; the AWS settings of this process point at it meanwhile.

    In a process of its own: the service's state is its process's, and `aged_fleet` may stand in this one.
    """
    command = [sys.executable, "-m", "iotjobs.sandbox"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = list(takewhile(lambda line: not line.startswith("#"), process.stdout))
        exports = [shlex.split(line)[1] for line in lines if line.startswith("export ")]
        environment = dict(export.split("=", 1) for export in exports)
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        try:
            yield FreshSandbox(environment)
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window; one a worker, since Playwright runs once in a process."""
    path = os.environ.get("CHROMIUM", shutil.which("chromium") or "/usr/bin/chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()
