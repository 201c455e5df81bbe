"""Making a fleet through the real API under a travelled clock, so that every age is real.

A `Fleet` is the only way to seed, and it takes the `Server` of this very process: an endpoint that is not our own
cannot be seeded by mistake.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import botocore.config
import time_machine

from iotjobs.errors import IotJobsError
from iotjobs.sandbox.devices import Device
from iotjobs.sandbox.expected import EXPECTED_CAUSES
from iotjobs.sandbox.server import ACCOUNT, REGION, Server

__all__ = ["EXPECTED_CAUSES", "Fleet"]


class Fleet:
    """The client that seeds a scenario: things, groups, jobs, and devices that work or do not."""

    def __init__(self, server: Server) -> None:
        if not isinstance(server, Server):
            raise IotJobsError("a fleet is seeded into this process's own embedded service only")
        server.check_own()
        self.server = server
        self.devices: dict[str, Device] = {}
        self.now = datetime.now(UTC)
        settings = server.environment
        self._session = boto3.Session(
            aws_access_key_id=settings["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=settings["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
        )
        self.iot = self._client("iot")
        self.plane = self._client("iot-jobs-data")

    def _client(self, service: str) -> Any:
        config = botocore.config.Config(max_pool_connections=16, retries={"total_max_attempts": 1})
        return self._session.client(service, endpoint_url=self.server.endpoint_url, config=config)

    @contextmanager
    def ago(self, **age: float) -> Iterator[None]:
        """Do what follows as it was done then: `with fleet.ago(days=3)`."""
        with time_machine.travel(self.now - timedelta(**age), tick=True):
            yield

    def index(self, *, connectivity: bool = True) -> None:
        """Switch fleet indexing on."""
        self.iot.update_indexing_configuration(
            thingIndexingConfiguration={
                "thingIndexingMode": "REGISTRY",
                "thingConnectivityIndexingMode": "STATUS" if connectivity else "OFF",
            }
        )

    def things(self, group: str, names: Sequence[str]) -> None:
        """Register things in a new group."""
        self.iot.create_thing_group(thingGroupName=group)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda name: self.iot.create_thing(thingName=name), names))
        for name in names:
            self.iot.add_thing_to_thing_group(thingGroupName=group, thingName=name)

    def job(self, job_id: str, *, things: Sequence[str] = (), group: str | None = None, **more: Any) -> None:
        """Create a job for things or for a group."""
        kinds = [f"thing/{name}" for name in things] + ([f"thinggroup/{group}"] if group else [])
        targets = [f"arn:aws:iot:{REGION}:{ACCOUNT}:{kind}" for kind in kinds]
        self.iot.create_job(jobId=job_id, targets=targets, document='{"operation": "demo"}', **more)

    def report(self, job_id: str, thing: str, status: str = "IN_PROGRESS", **more: Any) -> None:
        """The device reports on an execution."""
        self.plane.update_job_execution(jobId=job_id, thingName=thing, status=status, **more)

    def connect(self, *things: str) -> None:
        """Devices connect, and stay so until they disconnect."""
        for name in things:
            self.devices[name] = Device(name, self.server.port)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda name: self.devices[name].connect(), things))

    def disconnect(self, *things: str) -> None:
        """Devices go away."""
        for name in things:
            self.devices.pop(name).disconnect()
        self._wait_until_gone(things)

    def vanish(self, *things: str) -> None:
        """Devices lose their line."""
        for name in things:
            self.devices.pop(name).vanish()
        self._wait_until_gone(things)

    def check(self) -> None:
        """Make sure that it was our own service that was seeded, as ourselves. Raises IotJobsError."""
        self.server.check_own()
        account = self._client("sts").get_caller_identity()["Account"]
        if account != ACCOUNT:
            raise IotJobsError(f"the embedded service answers as account {account} instead of {ACCOUNT}")

    def close(self) -> None:
        """All devices go away."""
        for device in self.devices.values():
            device.disconnect()

    def _wait_until_gone(self, things: Sequence[str]) -> None:
        for name in things:
            for _ in range(200):
                rows = self.iot.search_index(queryString=f'thingName:"{name}"')["things"]
                if not rows or not rows[0].get("connectivity", {}).get("connected"):
                    break
                time.sleep(0.01)
