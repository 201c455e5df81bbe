"""The model of the service answers what the embedded service answers: the same scripts, told to both, line by line."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from iotjobs.sandbox.fleet import Fleet
from tests.faults.service_model import ServiceModel

Script = list[tuple[str, ...]]

SCRIPTS: dict[str, Script] = {
    "finished is deleted once, and then not found": [
        ("create", "snapshot"),
        ("report", "IN_PROGRESS"),
        ("report", "SUCCEEDED"),
        ("describe", "1"),
        ("delete", "1"),
        ("delete", "1"),
        ("describe", "1"),
        ("job",),
    ],
    "in progress is deleted with force only": [
        ("create", "snapshot"),
        ("report", "IN_PROGRESS"),
        ("delete", "1"),
        ("delete", "1", "force"),
        ("job",),
    ],
    "queued is deleted without force": [("create", "snapshot"), ("delete", "1"), ("job",)],
    "a cancel is refused when the device moved": [
        ("create", "snapshot"),
        ("report", "IN_PROGRESS"),
        ("cancel", "1"),
        ("cancel", "2"),
        ("describe", "1"),
        ("cancel", "3"),
        ("report", "SUCCEEDED"),
        ("delete", "1"),
    ],
    "what is finished cannot be canceled": [
        ("create", "snapshot"),
        ("report", "FAILED"),
        ("cancel", "2"),
        ("cancel", "1"),
    ],
    "nothing to cancel": [("create", "snapshot"), ("delete", "1"), ("cancel", "1")],
    "a deleted number comes back, REMOVED": [
        ("create", "continuous"),
        ("report", "SUCCEEDED"),
        ("delete", "1"),
        ("leave",),
        ("describe", "1"),
        ("cancel", "1"),
        ("delete", "1"),
        ("list",),
    ],
    "a rejoined thing gets the next number, and cancel means the newest": [
        ("create", "continuous"),
        ("leave",),
        ("describe", "1"),
        ("join",),
        ("describe", "2"),
        ("cancel", "1"),
        ("describe", "2"),
        ("describe", "1"),
        ("delete", "1"),
        ("list",),
    ],
    "in progress outlives the group": [
        ("create", "continuous"),
        ("report", "IN_PROGRESS"),
        ("leave",),
        ("join",),
        ("list",),
        ("job",),
    ],
    "the job made again has another number 1": [
        ("create", "snapshot"),
        ("report", "IN_PROGRESS"),
        ("recreate",),
        ("describe", "1"),
        ("cancel", "2"),
        ("cancel", "1"),
    ],
    "a job's cancel takes what is queued": [
        ("create", "snapshot"),
        ("cancel_job",),
        ("describe", "1"),
        ("delete", "1"),
        ("job",),
    ],
}


@pytest.mark.parametrize("name", SCRIPTS, ids=lambda name: name.replace(" ", "-"))
def test_the_model_answers_as_the_service_does(aged_fleet: Fleet, name: str) -> None:
    key = f"model-{abs(hash(name)) % 10**8}"
    real = _told_to_the_service(aged_fleet, key)
    model = _told_to_the_model(key)
    for step in SCRIPTS[name]:
        assert (step, model(step)) == (step, real(step))


def _told_to_the_model(key: str) -> Callable[[tuple[str, ...]], Any]:
    service = ServiceModel(time.time())
    field: dict[str, Callable[..., Any]] = {
        "create": lambda kind: service.create_job(key, [key], continuous=kind == "continuous"),
        "report": lambda status: service.report(key, key, status),
        "leave": lambda: service.leave(key, key),
        "join": lambda: service.join(key, key),
        "recreate": lambda: service.recreate(key),
        "cancel_job": lambda: service.cancel_job(key),
    }
    return _teller(field, service, key)


def _told_to_the_service(fleet: Fleet, key: str) -> Callable[[tuple[str, ...]], Any]:
    fleet.iot.create_thing(thingName=key)
    fleet.iot.create_thing_group(thingGroupName=key)
    member = {"thingGroupName": key, "thingName": key}
    kinds: list[str] = []

    def create(kind: str) -> None:
        kinds.append(kind)
        if kind == "continuous":
            fleet.iot.add_thing_to_thing_group(**member)
            fleet.job(key, group=key, targetSelection="CONTINUOUS")
        else:
            fleet.job(key, things=[key])

    def recreate() -> None:
        fleet.iot.delete_job(jobId=key, force=True)
        create(kinds[-1])

    def report(status: str) -> None:
        try:
            fleet.report(key, key, status)
        except ClientError:
            return

    field: dict[str, Callable[..., Any]] = {
        "create": create,
        "report": report,
        "leave": lambda: fleet.iot.remove_thing_from_thing_group(**member),
        "join": lambda: fleet.iot.add_thing_to_thing_group(**member),
        "recreate": recreate,
        "cancel_job": lambda: fleet.iot.cancel_job(jobId=key),
    }
    return _teller(field, fleet.iot, key)


def _teller(field: dict[str, Callable[..., Any]], api: Any, key: str) -> Callable[[tuple[str, ...]], Any]:
    """Tell one step of a script to one side, and hear what can be seen of the answer."""
    named = {"jobId": key, "thingName": key}

    def told(step: tuple[str, ...]) -> Any:
        verb, *words = step
        if verb in field:
            field[verb](*words)
            return None
        try:
            return _asked(api, verb, words, named)
        except ClientError as error:
            return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]

    return told


def _asked(api: Any, verb: str, words: list[str], named: dict[str, str]) -> Any:
    if verb == "describe":
        found = api.describe_job_execution(**named, executionNumber=int(words[0]))["execution"]
        return found["status"], found["versionNumber"], found["executionNumber"], found["statusDetails"]
    if verb == "delete":
        api.delete_job_execution(**named, executionNumber=int(words[0]), force="force" in words)
        return None
    if verb == "cancel":
        api.cancel_job_execution(**named, force=True, expectedVersion=int(words[0]), statusDetails={"who": "me"})
        return None
    if verb == "job":
        job = api.describe_job(jobId=named["jobId"])["job"]
        return job["status"], job["targetSelection"], {k: v for k, v in job["jobProcessDetails"].items() if v}
    summaries = api.list_job_executions_for_thing(thingName=named["thingName"])["executionSummaries"]
    return [(i["jobExecutionSummary"]["executionNumber"], i["jobExecutionSummary"]["status"]) for i in summaries]
