"""Fleets of every kind that the service can show, with labels by the contract, against what an investigation says.

`pytest -s` prints the confusion table of each fleet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

import iotjobs
from iotjobs.aws import concurrency
from iotjobs.sandbox.fleet import Fleet
from iotjobs.sandbox.server import ACCOUNT, REGION
from tests.labelled_fleet import Label, LabelledFleet

Key = tuple[str, str, int]
CONFUSION: Counter[tuple[str, str]] = Counter()


@pytest.fixture(scope="module", autouse=True)
def confusion_table() -> Iterator[None]:
    yield
    print("\nlabel -> said: count")
    for (label, answer), count in sorted(CONFUSION.items()):
        print(f"{label:16} -> {answer:16} {count:4}")


@pytest.fixture(scope="module", params=[1, 2], ids="seed-{}".format)
def labelled(aged_fleet: Fleet, request: pytest.FixtureRequest) -> LabelledFleet:
    fleet_spec = LabelledFleet(request.param, now=aged_fleet.now, things=16)
    fleet_spec.make(aged_fleet)
    return fleet_spec


def _said(directory: Path, prefix: str, **parameters: object) -> dict[Key, Label]:
    run = iotjobs.start("investigate", run_dir=str(directory), **parameters)
    table = iotjobs.investigate(run).executions
    rows = table[(table["cause"] != "") & table["job_id"].str.contains(f"{prefix}-")].to_dict("records")
    return {
        (row["job_id"], row["thing_name"], row["execution_number"]): (row["cause"], row["stuck"], row["unblocks"])
        for row in rows
        if not row["job_id"].endswith("-rollout") or row["thing_name"].endswith("-0")  # its own pace
    }


def _compare(answers: Mapping[Key, Label], labels: Mapping[Key, Label]) -> None:
    CONFUSION.update((label[0], answers.get(key, ("nothing",))[0]) for key, label in labels.items())
    assert {key: (label, answers.get(key)) for key, label in labels.items() if answers.get(key) != label} == {}
    assert set(answers) == set(labels)


def test_every_execution_of_the_account(labelled: LabelledFleet, tmp_path: Path) -> None:
    _compare(_said(tmp_path, labelled.prefix), labelled.labels())


def test_the_same_thing_by_thing(labelled: LabelledFleet, tmp_path: Path) -> None:
    labels = labelled.labels()
    for thing in labelled.spec.things[:3]:
        expected = {key: label for key, label in labels.items() if key[1] == thing.name}
        _compare(_said(tmp_path, labelled.prefix, thing_name=thing.name), expected)


def test_the_same_job_by_job(labelled: LabelledFleet, tmp_path: Path) -> None:
    labels = labelled.labels()
    for job_id in [f"{labelled.prefix}-continuous", *sorted({key[0] for key in labels})[::25]]:
        expected = {key: label for key, label in labels.items() if key[0] == job_id}
        _compare(_said(tmp_path, labelled.prefix, job_id=job_id), expected)


@pytest.mark.parametrize("status", ["QUEUED", "IN_PROGRESS"])
def test_the_same_for_one_status_though_what_holds_them_back_has_the_other(
    labelled: LabelledFleet, tmp_path: Path, status: str
) -> None:
    executions = labelled.spec.executions
    expected = {one.key: labelled.spec.label(one) for one in executions if one.status == status}
    _compare(_said(tmp_path, labelled.prefix, statuses=status), expected)


def test_evidence_can_be_checked_by_a_person(labelled: LabelledFleet, tmp_path: Path) -> None:
    run = iotjobs.start("investigate", run_dir=str(tmp_path))
    iotjobs.investigate(run)
    table = pd.read_csv(tmp_path / "executions.csv", keep_default_na=False)
    unfinished = table[table["cause"] != ""]
    assert unfinished["verify"].str.startswith("aws iot").all()
    assert (unfinished["why_unknown"] == "").all()
    blocked = unfinished[unfinished["cause"] == "blocked"]["evidence"]
    assert blocked.str.contains(
        r"held back by \S+ number \d \(IN_PROGRESS for .*, last report .* ago, cause \w+\)"
    ).all()


def test_a_job_that_aborts_because_it_is_looked_at(
    aged_fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service looks at timers when it is asked: a second thing's queue may end what the first one's still had."""
    monkeypatch.setattr(concurrency, "THREADS", 1)
    things = ["abort-a", "abort-b"]
    rule = {"failureType": "TIMED_OUT", "action": "CANCEL", "thresholdPercentage": 20.0, "minNumberOfExecutedThings": 1}
    with aged_fleet.ago(days=9):
        for name in things:
            aged_fleet.iot.create_thing(thingName=name)
        aged_fleet.connect(*things)
        hour = {"inProgressTimeoutInMinutes": 60}
        aged_fleet.job("aborts", things=things, abortConfig={"criteriaList": [rule]}, timeoutConfig=hour)
        aged_fleet.report("aborts", "abort-b")
        aged_fleet.job("comes-after", things=things)
    run = iotjobs.start("investigate", run_dir=str(tmp_path), job_id="comes-after")
    table = iotjobs.investigate(run).executions
    answers = table.set_index("thing_name")[["cause", "unblocks"]].to_dict("index")
    assert answers == {name: {"cause": "not_picked_up", "unblocks": 0} for name in things}


def test_states_that_only_aws_reaches(aged_fleet: Fleet, tmp_path: Path) -> None:
    """Set in the service's own store: it has no schedule, no retries, and takes a thing's executions away with it."""
    from ministack.core.responses import request_scope
    from ministack.services import iot

    kinds = ["SCHEDULED", "COMPLETED", "DELETION_IN_PROGRESS", "retried", "retried_long_ago", "gone", "scheduled_runs"]
    with aged_fleet.ago(days=9):
        for kind in kinds:
            aged_fleet.iot.create_thing(thingName=f"aws-{kind}")
            aged_fleet.job(f"aws-job-{kind}", things=[f"aws-{kind}"])
        aged_fleet.report("aws-job-scheduled_runs", "aws-scheduled_runs")
    with request_scope(ACCOUNT, REGION):
        for kind in kinds[:3]:
            ended = int(aged_fleet.now.timestamp() * 1000)  # among the latest to end, whatever other tests ended
            iot._jobs[f"aws-job-{kind}"].update(status=kind, lastUpdatedAt=ended)
        iot._jobs["aws-job-scheduled_runs"]["status"] = "SCHEDULED"
        for kind, days in (("retried", 0.5), ("retried_long_ago", 3)):
            queued = int((aged_fleet.now - timedelta(days=days)).timestamp() * 1000)
            again = {"retryAttempt": 2, "queuedAt": queued, "lastUpdatedAt": queued}
            iot._job_executions["aws-" + kind, "aws-job-" + kind].update(again)
        del iot._things["aws-gone"]
    labels = {
        "SCHEDULED": ("waiting_window", False, 0),
        "scheduled_runs": ("waiting_window", False, 0),
        "COMPLETED": ("orphaned", True, 0),
        "DELETION_IN_PROGRESS": ("orphaned", True, 0),
        "retried": ("retrying", False, 0),
        "retried_long_ago": ("device_offline", True, 0),
        "gone": ("thing_gone", True, 0),
    }
    _compare(_said(tmp_path, "aws"), {(f"aws-job-{kind}", f"aws-{kind}", 1): label for kind, label in labels.items()})
    with request_scope(ACCOUNT, REGION):
        for kind in kinds:
            del iot._jobs[f"aws-job-{kind}"], iot._job_executions[f"aws-{kind}", f"aws-job-{kind}"]
