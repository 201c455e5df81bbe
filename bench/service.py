"""The stand-in for AWS in a process of its own, and what its log says of the calls that came in."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
#: AWS's default quotas (Service Quotas: `iot`), calls a second, of what a bound is made from.
QUOTA = {"SearchIndex": 15.0, "GetThingConnectivityData": 350.0, "DescribeThing": 350.0}
_DEVICE_PLANE = 200.0
_DEFAULT = 10.0
_LONGEST_S = 900


@dataclass
class Traffic:
    """The calls that a stand-in had, by its own log."""

    calls: list[dict[str, Any]] = field(default_factory=list)

    def since(self, moment: float) -> Traffic:
        """Those that came after a moment (seconds since the epoch)."""
        return Traffic([call for call in self.calls if call["at"] >= moment])

    @property
    def throttled_share(self) -> float:
        """Of all calls."""
        throttled: int = sum(call["error"] == "ThrottlingException" for call in self.calls)
        return throttled / max(1, len(self.calls))

    def by_operation(self) -> dict[str, int]:
        """How many calls came in, most first."""
        return dict(Counter(_name(call) for call in self.calls).most_common())

    def per_s(self, operation: str, *, after_s: float = 0) -> float:
        """Accepted calls a second of an operation, between its second and its last: the first may stand alone.

        ``after_s``: of those that came so long after the first.
        """
        at = [call["at"] for call in self.calls if call["operation"] == operation and call["error"] is None]
        at = [moment for moment in at[1:] if moment - at[0] >= after_s]
        return float((len(at) - 1) / (at[-1] - at[0])) if len(at) > 1 else 0.0

    def least_s(self, operation: str) -> float:
        """The least time in which the quota lets these very calls of an operation through."""
        quota = _DEVICE_PLANE if operation.startswith("data:") else QUOTA.get(operation, _DEFAULT)
        return max(0.0, self.by_operation().get(operation, 0) - quota) / quota


def _name(call: Mapping[str, Any]) -> str:
    plane = "data:" if call["service"] == "iot-jobs-data" else ""
    return f"{plane}{call['operation']}"


@dataclass
class Service:
    """A stand-in that runs. ``traffic`` is known when it has ended."""

    environment: dict[str, str]
    traffic: Traffic = field(default_factory=Traffic)


@contextmanager
def running(
    fleet: str, *, targets: int = 120, quotas: str = "aws", latency_s: float = 0.05, more: Sequence[str] = ()
) -> Iterator[Service]:
    """Serve a fleet of `fleets.py` while the context lasts; ``more``: options of the stand-in."""
    with tempfile.TemporaryDirectory() as home:
        log = Path(home) / "log.jsonl"
        command = [sys.executable, "-m", "tests.aws_standin", "--build", f"bench/fleets.py:{fleet}"]
        command += ["--quotas", quotas, "--latency", str(latency_s), "--log", str(log), *more]
        environment = _plain_environment() | {"BENCH_TARGETS": str(targets)}
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        try:
            service = Service(_plain_environment() | {"HOME": home} | _exports(process))
            yield service
        finally:
            process.terminate()
            process.communicate(timeout=60)
        service.traffic = Traffic([json.loads(line) for line in log.read_text().splitlines()])


def work(service: Service, task: str, *arguments: str) -> dict[str, Any]:
    """Do a task of `tasks.py` in a process of its own; what it printed."""
    command: Sequence[str] = [sys.executable, str(ROOT / "bench" / "tasks.py"), task, *arguments]
    done = subprocess.run(
        command, env=service.environment, capture_output=True, text=True, check=False, timeout=_LONGEST_S
    )
    if done.returncode:
        raise RuntimeError(f"{task} failed: {done.stderr[-2000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _exports(process: subprocess.Popen[str]) -> dict[str, str]:
    assert process.stdout is not None  # noqa: S101 - for the type checker
    lines = iter(process.stdout.readline, "")
    environment: dict[str, str] = {}
    for line in lines:
        if line.startswith("#"):
            return environment
        name, _, value = line.removeprefix("export ").strip().partition("=")
        environment[name] = shlex.split(value)[0] if value else ""
    raise RuntimeError("the stand-in ended before it began")


def _plain_environment() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AWS_") and not name.upper().endswith("_PROXY")
    } | {"PYTHONPATH": str(ROOT)}
