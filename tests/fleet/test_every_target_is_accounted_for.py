"""One task a target on a real Dask cluster: what answers, fails, hangs or loses its worker is named, and stops nobody."""

from __future__ import annotations

import time
from pathlib import Path

import dask
import pytest
from distributed import Client, LocalCluster

from iotjobs.model import Outcome
from iotjobs.targets.cluster import NoScheduler, cluster
from iotjobs.targets.engine import Failure, Work, run_tasks
from iotjobs.targets.target import Target
from tests.fleet import tasks


def test_each_target_answers_or_is_named_with_why_not(tmp_path: Path) -> None:
    names = ["a", "b", "denied", "hangs", "dies", "always-dies", "unreadable"]
    targets = [Target(name=name, region="eu-west-1", profile="p") for name in names]
    once_more = dask.config.set({"distributed.scheduler.allowed-failures": 1})  # each time costs the start of a worker
    with once_more, cluster(None, tasks=len(targets)) as client:
        begun = time.monotonic()
        work = {target: Work(tasks.name_of, {"folder": str(tmp_path)}, timeout_s=5) for target in targets}
        answers = {target.name: answer for target, answer in run_tasks(client, work)}
    assert time.monotonic() - begun < 300
    assert {name: answers[name] for name in ("a", "b", "dies")} == {
        name: f"{name} in eu-west-1" for name in ("a", "b", "dies")
    }
    assert answers["denied"] == Failure("the caller lacks the permission iot:ListJobs", outcome=Outcome.DENIED)
    assert answers["hangs"] == Failure("no answer within 5 s", hung=True)
    assert isinstance(answers["always-dies"], Failure)
    assert isinstance(answers["unreadable"], Failure)


def test_an_address_where_no_scheduler_answers_is_named() -> None:
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "0.5s"}),
        pytest.raises(NoScheduler, match="no Dask scheduler answers"),
        cluster("tcp://127.0.0.1:9", tasks=1),
    ):
        pass


def test_a_scheduler_without_workers_is_named_with_how_to_start_one() -> None:
    target = Target(name="a", region="eu-west-1", profile="p")
    work = {target: Work(tasks.name_of, {"folder": ""}, timeout_s=60)}
    empty = LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address=None)
    with empty, Client(empty, set_as_default=False) as client:
        ((_, answer),) = run_tasks(client, work, no_workers_s=1)
    assert "has had no worker for 1 s: start one, `dask worker tcp://127.0.0.1:" in answer.reason
