"""The services of a proof as it starts and watches them; see service.py for what each one is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from tests.fleet.processes import Processes

Executions = set[tuple[str, str, int]]
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Service:
    """One account and region."""

    name: str
    account: str
    region: str
    url: str
    log: Path

    def executions(self) -> Executions:
        """What the service itself lists: job, thing, number."""
        keys = {"aws_access_key_id": self.account, "aws_secret_access_key": self.account}
        iot = boto3.Session(**keys, region_name=self.region).client("iot", endpoint_url=self.url)
        return {
            (job, row["thingArn"].split("/")[-1], row["jobExecutionSummary"]["executionNumber"])
            for job in ("firmware", "config")
            for page in iot.get_paginator("list_job_executions_for_job").paginate(jobId=job)
            for row in page["executionSummaries"]
        }

    def logged(self, event: str) -> list[dict[str, Any]]:
        """What the service logged of one kind."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [line for line in map(json.loads, lines) if line["event"] == event]


def start_services(
    processes: Processes,
    home: Path,
    services: Sequence[tuple[str, str, bool]],
    *,
    things: int,
    special: Mapping[str, Sequence[str]],
    first_account: int = 1,
) -> list[Service]:
    """Start a service for each name and region, two at a time; ``special``: more options by name."""

    def start(number: int) -> Service:
        name, region, _ = services[number]
        account, log = f"{100_000_000_000 + first_account + number}", home / f"{name}.log"
        command = [sys.executable, "-m", "tests.fleet.service", account, region, "--log", str(log)]
        command += ["--things", str(things), *special.get(name, ())]
        process = processes.start(*command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout
        return Service(name, account, region, process.stdout.readline().strip(), log)

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(start, range(len(services))))
