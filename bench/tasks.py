"""One task of the kit or of plain botocore, timed in a process of its own: `tasks.py TASK …` prints a line of JSON."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

#: Run directories are made in memory: a slow disk is no part of what is measured.
_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a directory is made below it


def investigate(**asked: Any) -> dict[str, Any]:
    """Read and diagnose; the seconds it took, those to the first diagnosis if there was one, how many executions."""
    import iotjobs
    from iotjobs.workflows.investigate import investigate as read

    first: list[float] = []
    with tempfile.TemporaryDirectory(dir=_MEMORY) as home:
        run = iotjobs.start("investigate", run_dir=f"{home}/run", **asked)
        began, wall = time.time(), time.perf_counter()
        findings = read(run, on_unfinished=lambda _findings: first.append(time.perf_counter() - wall))
        took = time.perf_counter() - wall
        run.end()
    return {"began": began, "seconds": took, "first_s": first[0] if first else None, "rows": len(findings.executions)}


def sweep(targets: int, statuses: str) -> dict[str, Any]:
    """Plan and carry out a sweep; when it began, and the wall and processor seconds that the deletes took."""
    import iotjobs

    rule = {"job_id": "firmware", "statuses": statuses, "force": True, "max_deletes": targets, "max_fraction": 1.0}
    with tempfile.TemporaryDirectory(dir=_MEMORY) as home:
        run = iotjobs.start("sweep", run_dir=f"{home}/run", **rule)
        planned = time.perf_counter()
        plan = iotjobs.sweep(run).plan()
        planned = time.perf_counter() - planned
        began, wall, processor = time.time(), time.perf_counter(), time.process_time()
        plan.apply(plan.current_plan.phrase if plan.current_plan else None)
        took = {"seconds": time.perf_counter() - wall, "processor_s": time.process_time() - processor}
        deleted = json.loads(Path(f"{home}/run/result.json").read_text())["counts"]["deleted"]
    if deleted != targets:
        raise AssertionError(f"{deleted} of {targets} were deleted")
    return {"began": began, "planned_s": planned, **took}


def describe_adaptive(seconds: int) -> dict[str, Any]:
    """Call one operation as fast as botocore's adaptive mode lets eight threads."""
    import boto3
    from botocore.config import Config

    config = Config(retries={"mode": "adaptive", "total_max_attempts": 8}, max_pool_connections=16)
    client = boto3.client("iot", config=config)
    return _many(lambda: client.describe_job(jobId="firmware"), seconds)


def describe_paced(seconds: int) -> dict[str, Any]:
    """The same with the kit's pace."""
    from iotjobs.aws.connect import connect

    connection = connect()
    return _many(lambda: connection.read("DescribeJob", jobId="firmware"), seconds)


def _many(call: Callable[[], Any], seconds: int) -> dict[str, Any]:
    began = time.time()

    def worker(_number: int) -> None:
        while time.time() < began + seconds:
            call()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(worker, range(8)))
    return {"began": began, "seconds": time.time() - began}


TASKS: dict[str, Callable[..., dict[str, Any]]] = {
    "investigate": lambda *named: investigate(**dict(one.split("=") for one in named)),
    "sweep": lambda targets, statuses: sweep(int(targets), statuses),
    "adaptive": lambda seconds: describe_adaptive(int(seconds)),
    "paced": lambda seconds: describe_paced(int(seconds)),
}

if __name__ == "__main__":
    print(json.dumps(TASKS[sys.argv[1]](*sys.argv[2:])))
