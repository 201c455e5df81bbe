"""A random schedule against the embedded service itself: the proxy breaks answers, and the field moves in between.

Slower than the model by a hundred times, and with all of boto3 and HTTP in it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import botocore.endpoint
from botocore.exceptions import ClientError

import iotjobs
from iotjobs.deletion import executor as apply
from iotjobs.errors import IotJobsError
from iotjobs.run.directory import RunDirectory
from iotjobs.sandbox.fleet import Fleet
from tests.faults.harness.request_parsing import Call
from tests.faults.judge import Judge, is_target
from tests.faults.proxy import FAULTS, FaultyProxy
from tests.faults.service_model import Held

STATES = ("FAILED", "QUEUED", "IN_PROGRESS", "SUCCEEDED")
_MOVES = ("reports", "succeeds", "is_deleted", "number_used_again", "job_made_again", "is_canceled")
_READ_FAULTS = tuple(fault for fault in FAULTS if not fault.endswith("after") and fault not in ("does_nothing", "429"))
_RUNS_IN_PEACE = 4


class RealWorld:
    """A continuous job of four things, two of them live, a run directory, and a judge at the proxy."""

    def __init__(self, fleet: Fleet, name: str, directory: Path) -> None:
        self.fleet, self.job_id, self.run_dir = fleet, name, directory / "run"
        self.things = [f"{name}-{state.lower()}" for state in STATES]
        with fleet.ago(days=60):
            fleet.things(name, self.things)
            self._create()
            for thing, state in zip(self.things, STATES, strict=True):
                if state != "QUEUED":
                    fleet.report(name, thing, state)
        self.judge = Judge(self.run_dir)
        self.proxy = FaultyProxy(fleet.server.endpoint_url, self._fault_of, before=self._between, accepted=self._hear)
        self.moves: dict[int, tuple[str, str]] = {}
        self.faults: dict[int, str] = {}
        self.moved: list[str] = []
        self._calls = 0

    def run(self, confirm: str | None = None, luck: random.Random | None = None) -> str:
        """One run of the sweep, in trouble when there is luck; its outcome."""
        self._calls = 0
        self.moves = {luck.randint(1, 40): (luck.choice(_MOVES), luck.choice(self.things))} if luck else {}
        self.faults = {luck.randint(1, 40): luck.choice(FAULTS) for _ in range(luck.randint(1, 5))} if luck else {}
        given = {"job_id": self.job_id, "force": True, "max_fraction": 1.0}
        run = iotjobs.start("sweep", run_dir=str(self.run_dir), **given, confirm=confirm)
        try:
            iotjobs.sweep(run).plan().apply()
        except IotJobsError as error:
            run.failed(error)
        return str(run.outcome)

    def settle(self, confirm: str) -> str:
        """Run in peace until there is nothing left to do."""
        for _ in range(_RUNS_IN_PEACE):
            ended = self.run(confirm)
            counts = RunDirectory(self.run_dir).read_json("result.json")["counts"]
            if (
                ended in ("applied", "partial", "refused", "nothing_to_do")
                and not counts["failed"]
                and not counts["left"]
            ):
                return ended
        raise AssertionError(f"not settled: {ended}")

    def targets_left(self) -> list[dict[str, Any]]:
        """The plan's targets that are still in the service."""
        return [
            target
            for target in self.judge.targets()
            for held in [self._held(target["thing_name"])]
            if held is not None and is_target(held, target)
        ]

    def _create(self) -> None:
        self.fleet.job(self.job_id, group=self.job_id, targetSelection="CONTINUOUS")

    def _hear(self, call: Any) -> None:
        self.judge.hear(call)

    def _fault_of(self, call: Call) -> str:
        fault = self.faults.get(self._calls, "")
        if fault and not call.changing and fault not in _READ_FAULTS:
            return ""
        return fault

    def _between(self, call: Call) -> None:
        """The field moves; not between the last look and the delete, against which there is no precondition."""
        self._calls += 1
        due = [number for number in self.moves if number <= self._calls]
        for number in due:
            anew = self.moves[number][0] in ("job_made_again", "number_used_again")
            if call.operation == "DeleteJobExecution" or (call.operation == "CancelJobExecution" and anew):
                continue
            self._move(*self.moves.pop(number))

    def _move(self, what: str, thing: str) -> None:
        named = {"jobId": self.job_id, "thingName": thing}
        moving: dict[str, Callable[[], Any]] = {
            "reports": lambda: self.fleet.report(self.job_id, thing, "IN_PROGRESS"),
            "succeeds": lambda: self.fleet.report(self.job_id, thing, "SUCCEEDED"),
            "is_deleted": lambda: self.fleet.iot.delete_job_execution(**named, executionNumber=1, force=True),
            "is_canceled": lambda: self.fleet.iot.cancel_job_execution(**named, force=True),
            "number_used_again": lambda: self._use_number_again(thing),
            "job_made_again": self._make_job_again,
        }
        try:
            moving[what]()
            self.moved.append(what)
        except ClientError:
            return

    def _use_number_again(self, thing: str) -> None:
        self.fleet.iot.delete_job_execution(jobId=self.job_id, thingName=thing, executionNumber=1, force=True)
        self.fleet.iot.remove_thing_from_thing_group(thingGroupName=self.job_id, thingName=thing)

    def _make_job_again(self) -> None:
        self.fleet.iot.delete_job(jobId=self.job_id, force=True)
        self._create()

    def _held(self, thing: str) -> Held | None:
        try:
            found = self.fleet.iot.describe_job_execution(jobId=self.job_id, thingName=thing)["execution"]
        except ClientError:
            return None
        seconds = found["queuedAt"].timestamp()
        return Held(0, self.job_id, thing, found["executionNumber"], seconds, seconds, found["status"])


@contextmanager
def in_no_hurry_to_wait() -> Iterator[None]:
    """Neither the kit nor botocore pauses before it tries again."""
    real = botocore.endpoint.time  # type: ignore[attr-defined]

    class Time:
        sleep = staticmethod(lambda _seconds: None)

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

    with patch.object(apply, "_FIRST_PAUSE_S", 0.0), patch.object(botocore.endpoint, "time", Time()):
        yield
