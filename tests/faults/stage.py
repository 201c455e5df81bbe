"""A small fleet on the embedded service behind the proxy, a run directory, and runs of the kit in child processes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from iotjobs.sandbox.fleet import Fleet
from tests.faults.child import Run
from tests.faults.judge import Judge
from tests.faults.proxy import FaultyProxy


class Stage:
    """A job with a failed and a running execution, a proxy that hears what is accepted, and a judge."""

    def __init__(self, fleet: Fleet, name: str, directory: Path) -> None:
        self.fleet, self.job_id, self.run_dir = fleet, name, directory / "run"
        self.things = [f"{name}-{place}" for place in ("failed", "running")]
        with fleet.ago(days=60):
            for thing in self.things:
                fleet.iot.create_thing(thingName=thing)
            fleet.job(name, things=self.things)
            fleet.report(name, self.things[0], "FAILED")
            fleet.report(name, self.things[1], "IN_PROGRESS")
        self.judge = Judge(self.run_dir)
        self.proxy = FaultyProxy(fleet.server.endpoint_url, accepted=self.judge.hear)
        self.environment = fleet.server.environment | {"AWS_ENDPOINT_URL": self.proxy.url}

    def run(self, *, confirm: str | None = None, **more: Any) -> int:
        given = {"job_id": self.job_id, "force": True, "max_fraction": 1.0, "run_dir": str(self.run_dir)}
        return Run("sweep", given | {"confirm": confirm}, self.environment, **more).wait()

    def result(self) -> dict[str, Any]:
        return dict(json.loads((self.run_dir / "result.json").read_text()))

    def planned(self) -> str:
        assert self.run() == 0
        self.judge.phrase = str(self.result()["confirm"])
        return self.judge.phrase

    def left(self) -> list[Any]:
        return list(self.fleet.iot.list_job_executions_for_job(jobId=self.job_id)["executionSummaries"])
