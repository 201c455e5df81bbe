"""The model of the service answers what the embedded service answers: the same scripts, told to both, line by line."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from iotjobs.sandbox.fleet import Fleet
from tests.faults.harness.service_model import ServiceModel

SCRIPTS: dict[str, list[str]] = {
    "finished-is-deleted-once-and-then-not-found": [
        "create snapshot", "report IN_PROGRESS", "report SUCCEEDED", "describe 1", "delete 1", "delete 1",
        "describe 1", "describe job",
    ],
    "in-progress-is-deleted-with-force-only": [
        "create snapshot", "report IN_PROGRESS", "delete 1", "delete 1 force", "describe job",
    ],
    "queued-is-deleted-without-force": ["create snapshot", "delete 1", "describe job"],
    "a-cancel-is-refused-when-the-device-moved": [
        "create snapshot", "report IN_PROGRESS", "cancel version 1", "cancel version 2", "describe 1",
        "cancel version 3", "report SUCCEEDED", "delete 1",
    ],
    "what-is-finished-cannot-be-canceled": [
        "create snapshot", "report FAILED", "cancel version 2", "cancel version 1",
    ],
    "nothing-to-cancel": ["create snapshot", "delete 1", "cancel version 1"],
    "a-deleted-number-comes-back-removed": [
        "create continuous", "report SUCCEEDED", "delete 1", "leave", "describe 1", "cancel version 1", "delete 1",
        "list",
    ],
    "a-rejoined-thing-gets-the-next-number-and-cancel-means-the-newest": [
        "create continuous", "leave", "describe 1", "join", "describe 2", "cancel version 1", "describe 2",
        "describe 1", "delete 1", "list",
    ],
    "in-progress-outlives-the-group": [
        "create continuous", "report IN_PROGRESS", "leave", "join", "list", "describe job",
    ],
    "the-job-made-again-has-another-number-1": [
        "create snapshot", "report IN_PROGRESS", "recreate", "describe 1", "cancel version 2", "cancel version 1",
    ],
    "a-jobs-cancel-takes-what-is-queued": [
        "create snapshot", "cancel job", "describe 1", "delete 1", "describe job",
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_model_answers_as_the_service_does(aged_fleet: Fleet, name: str) -> None:
    key = f"model-{abs(hash(name)) % 10**8}"
    service, model = _EmbeddedService(aged_fleet, key), _Model(key)
    for step in SCRIPTS[name]:
        assert f"{step}: {model.play(step)}" == f"{step}: {service.play(step)}"


class _Side:
    """One side that a script is told to: what happens in the field, and what the API answers."""

    def __init__(self, key: str, api: Any) -> None:
        self.key, self.api = key, api
        self.names = {"jobId": key, "thingName": key}

    def play(self, step: str) -> Any:
        """Do a step; what can be seen of the answer."""
        match step.split():
            case ["describe", "job"]:
                return self._asked(self._job)
            case ["describe", number]:
                return self._asked(lambda: self._execution(int(number)))
            case ["list"]:
                return self._asked(self._list)
            case ["delete", number, *force]:
                return self._asked(
                    lambda: (
                        self.api.delete_job_execution(**self.names, executionNumber=int(number), force=bool(force))
                        and None
                    )
                )
            case ["cancel", "version", version]:
                details = {"who": "me"}
                return self._asked(
                    lambda: (
                        self.api.cancel_job_execution(
                            **self.names, force=True, expectedVersion=int(version), statusDetails=details
                        )
                        and None
                    )
                )
            case words:
                return self.happens(" ".join(words))

    def happens(self, event: str) -> None:
        """Let something happen in the field."""
        raise NotImplementedError

    def _asked(self, ask: Callable[[], Any]) -> Any:
        try:
            return ask()
        except ClientError as error:
            return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]

    def _execution(self, number: int) -> Any:
        execution = self.api.describe_job_execution(**self.names, executionNumber=number)["execution"]
        return execution["status"], execution["versionNumber"], execution["executionNumber"], execution["statusDetails"]

    def _job(self) -> Any:
        job = self.api.describe_job(jobId=self.key)["job"]
        counts = {name: count for name, count in job["jobProcessDetails"].items() if count}
        return job["status"], job["targetSelection"], job.get("namespaceId"), counts

    def _list(self) -> Any:
        summaries = self.api.list_job_executions_for_thing(thingName=self.key)["executionSummaries"]
        rows = [item["jobExecutionSummary"] for item in summaries]
        return [(row["executionNumber"], row["status"], row["retryAttempt"]) for row in rows]


class _Model(_Side):
    def __init__(self, key: str) -> None:
        self.service = ServiceModel(time.time())
        super().__init__(key, self.service)

    def happens(self, event: str) -> None:
        verb, *words = event.split()
        {
            "create": lambda: self.service.create_job(self.key, [self.key], continuous=words == ["continuous"]),
            "report": lambda: self.service.report(self.key, self.key, *words),
            "leave": lambda: self.service.leave(self.key, self.key),
            "join": lambda: self.service.join(self.key, self.key),
            "recreate": lambda: self.service.recreate(self.key),
            "cancel": lambda: self.service.cancel_job(self.key),
        }[verb]()


class _EmbeddedService(_Side):
    def __init__(self, fleet: Fleet, key: str) -> None:
        super().__init__(key, fleet.iot)
        self.fleet, self.continuous = fleet, False
        fleet.iot.create_thing(thingName=key)
        fleet.iot.create_thing_group(thingGroupName=key)

    def happens(self, event: str) -> None:
        verb, *words = event.split()
        member = {"thingGroupName": self.key, "thingName": self.key}
        try:
            {
                "create": lambda: self._create(continuous=words == ["continuous"]),
                "report": lambda: self.fleet.report(self.key, self.key, *words),
                "leave": lambda: self.api.remove_thing_from_thing_group(**member),
                "join": lambda: self.api.add_thing_to_thing_group(**member),
                "recreate": self._recreate,
                "cancel": lambda: self.api.cancel_job(jobId=self.key),
            }[verb]()
        except ClientError:
            if verb != "report":  # the model says False where the service refuses a report
                raise

    def _create(self, *, continuous: bool) -> None:
        self.continuous = continuous
        if continuous:
            self.api.add_thing_to_thing_group(thingGroupName=self.key, thingName=self.key)
            self.fleet.job(self.key, group=self.key, targetSelection="CONTINUOUS")
        else:
            self.fleet.job(self.key, things=[self.key])

    def _recreate(self) -> None:
        self.api.delete_job(jobId=self.key, force=True)
        self._create(continuous=self.continuous)


# What the embedded service cannot do is held to AWS's pages.


def test_a_job_tells_its_namespace_and_no_list_does() -> None:
    """DescribeJob has `namespaceId`, JobSummary and JobExecutionSummary have none (API reference)."""
    service = ServiceModel(time.time())
    service.create_job("job", ["thing"], namespace="aws-gg-deployment")
    assert service.describe_job("job")["job"]["namespaceId"] == "aws-gg-deployment"
    assert "namespaceId" not in str(service.list_jobs())
    assert "namespaceId" not in str(service.list_job_executions_for_thing("thing"))


def test_a_cancel_and_a_delete_may_show_late() -> None:
    """Developer guide, "Cancel jobs": it may take a while until the status of the executions shows it."""
    service = ServiceModel(time.time(), looks_until_shown=2)
    service.create_job("job", ["thing"])
    service.cancel_job_execution("job", "thing")
    assert service.describe_job("job")["job"]["isConcurrent"]
    statuses = [service.describe_job_execution("job", "thing")["execution"]["status"] for _ in range(2)]
    assert statuses == ["QUEUED", "CANCELED"]
    service.delete_job_execution("job", "thing", 1)
    service.describe_job_execution("job", "thing")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        service.describe_job_execution("job", "thing")


def test_a_retry_is_an_execution_of_its_own_with_the_next_number() -> None:
    """Developer guide, "Job execution retry": each attempt is queued anew; `retryAttempt` counts them."""
    service = ServiceModel(time.time())
    service.create_job("job", ["thing"], retries=1)
    service.report("job", "thing", "FAILED")
    service.report("job", "thing", "FAILED")
    rows = service.list_job_executions_for_thing("thing")["executionSummaries"]
    rows = [row["jobExecutionSummary"] for row in rows]
    assert [(row["executionNumber"], row["status"], row["retryAttempt"]) for row in rows] == [
        (2, "FAILED", 1), (1, "FAILED", 0),
    ]  # fmt: skip
    assert rows[0]["queuedAt"] != rows[1]["queuedAt"]


def test_a_thing_may_have_no_time_on_record() -> None:
    """ThingConnectivity: `timestamp` may be missing, of things that never connected or are long gone."""
    service = ServiceModel(time.time())
    service.create_job("job", ["thing"])
    service.never_connected.add("thing")
    assert service.search_index('thingName:"thing"')["things"][0]["connectivity"] == {"connected": False}
