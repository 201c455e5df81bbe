"""The steps of a reading: what its own counts say is missing is read again; what AWS is still cancelling is not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from iotjobs.aws.read_fleet import read_fleet
from iotjobs.aws.things import require_thing
from iotjobs.errors import Denied, IotJobsError, NotFound, Unavailable
from iotjobs.model import Status
from iotjobs.snapshot import FleetSnapshot, Place
from tests.contract_oracle import NOW

ACCOUNT, REGION = "000000000000", "eu-central-1"
MINUTES_AGO = NOW.timestamp() - 600


class Service:
    """A connection to a job whose pages, state and counts the test sets; `calls` are those that were made."""

    account, region, profile, endpoint, endpoint_kind = ACCOUNT, REGION, "plant", "https://iot.example", "aws"
    sts_elsewhere = False

    def __init__(self, *readings: list[str], status: str = "IN_PROGRESS", **job: Any) -> None:
        self.readings = list(readings)
        self.job = {"jobId": "job", "status": status} | job
        self.errors: dict[str, IotJobsError] = {}
        self.calls: list[str] = []
        self.indexed = True

    def now(self) -> Any:
        return NOW

    def read(self, operation: str, **_asked: Any) -> dict[str, Any]:
        self._call(operation)
        if operation == "DescribeJob":
            return {"job": self.job}
        raise NotFound(operation)

    def read_device_plane(self, operation: str, **_asked: Any) -> dict[str, Any]:
        self._call(operation)
        raise NotFound(operation)

    def pages(self, operation: str, key: str, **asked: Any) -> Iterator[list[dict[str, Any]]]:  # noqa: ARG002
        self._call(operation)
        if operation == "SearchIndex":
            names = asked["queryString"].split('"')[1::2] or [""]
            yield [{"thingName": name, "connectivity": {"connected": False} if self.indexed else {}} for name in names]
        elif operation == "ListJobExecutionsForJob":
            yield [self._item(name) for name in self.readings[0]]
            if len(self.readings) > 1:
                self.readings.pop(0)
        elif operation == "ListJobExecutionsForThing":
            yield [{"jobId": "job", "jobExecutionSummary": self._item(asked["thingName"])["jobExecutionSummary"]}]
        else:
            yield []

    def raw_pages(self, operation: str, key: str, **asked: Any) -> Iterator[Any]:
        return ([page] for page in self.pages(operation, key, **asked))

    def _call(self, operation: str) -> None:
        self.calls.append(operation)
        if operation in self.errors:
            raise self.errors[operation]

    def _item(self, name: str) -> dict[str, Any]:
        summary = {"status": "QUEUED", "queuedAt": MINUTES_AGO, "lastUpdatedAt": MINUTES_AGO, "executionNumber": 1}
        return {
            "thingArn": f"arn:aws:iot:{REGION}:{ACCOUNT}:thing/{name}",
            "jobExecutionSummary": summary | ({"status": "SUCCEEDED"} if name.startswith("done") else {}),
        }


def _read(service: Service) -> FleetSnapshot:
    return read_fleet(service, job_id="job", thing_name=None, statuses=None, stuck_after=timedelta(hours=24))  # type: ignore[arg-type]


def _names(count: int) -> list[str]:
    return [f"done-{number}" for number in range(count)]


def _counts(queued: int, done: int) -> dict[str, Any]:
    names = ["Queued", "InProgress", "Succeeded", "Failed", "TimedOut", "Rejected", "Removed", "Canceled"]
    return {f"numberOf{name}Things": {"Queued": queued, "Succeeded": done}.get(name, 0) for name in names}


def test_a_row_that_a_page_hid_is_read_by_another_reading() -> None:
    service = Service(_names(299), [*_names(298), "done-299"], jobProcessDetails=_counts(0, 300))
    shot = _read(service)
    assert len(shot.executions) == 300
    assert shot.gaps == ()
    assert service.calls.count("ListJobExecutionsForJob") == 2


def test_what_stays_hidden_is_said() -> None:
    shot = _read(Service(_names(299), jobProcessDetails=_counts(0, 300)))
    assert "its list has 299 where the job itself counts 300" in str(shot.gaps[0])


@pytest.mark.parametrize(("listed", "counted"), [(300, 300), (301, 300), (99, 100)], ids=["all", "grown", "one-page"])
def test_a_list_that_can_be_whole_is_read_once(listed: int, counted: int) -> None:
    service = Service(_names(listed), jobProcessDetails=_counts(0, counted))
    assert _read(service).gaps == ()
    assert service.calls.count("ListJobExecutionsForJob") == 1


class LongJob(Service):
    """A job of 6,000 in which `moves` ends while it is read."""

    def __init__(self, *unfinished: str, moves: str = "") -> None:
        super().__init__(status="IN_PROGRESS", jobProcessDetails=_counts(len(unfinished), 6_000 - len(unfinished)))
        self.unfinished, self.moves = unfinished, moves
        self.asked: list[str | None] = []

    def pages(self, operation: str, key: str, **asked: Any) -> Iterator[list[dict[str, Any]]]:
        if operation != "ListJobExecutionsForJob":
            yield from super().pages(operation, key, **asked)
            return
        self.asked.append(asked.get("status"))
        if asked.get("status") == "QUEUED":
            yield [self._item(name) for name in self.unfinished]
        elif asked.get("status") == "SUCCEEDED":
            ended = self._item(self.moves)
            ended["jobExecutionSummary"]["status"] = "SUCCEEDED"
            yield [*(self._item(name) for name in _names(5_998)), ended]


def test_what_a_long_job_has_unfinished_is_read_and_told_first() -> None:
    service, first = LongJob("pump-1", "pump-2", moves="pump-2"), list[FleetSnapshot]()
    shot = read_fleet(
        service,  # type: ignore[arg-type]
        job_id="job",
        thing_name=None,
        statuses=None,
        stuck_after=timedelta(hours=24),
        on_unfinished=first.append,
    )
    assert service.asked[:2] == ["QUEUED", "IN_PROGRESS"]
    assert set(service.asked) == {status.value for status in Status}  # also what the job counts none of
    assert [len(each.executions) for each in (*first, shot)] == [2, 6_000]
    assert first[0].queues["thing_name"].tolist() == ["pump-1", "pump-2"]
    assert first[0].things["connected"].tolist() == [False, False]
    assert shot.queues["thing_name"].tolist() == ["pump-1"]  # the other one ended meanwhile
    assert shot.gaps == ()


def test_an_error_of_what_has_ended_is_one_of_the_reading() -> None:
    service = LongJob("pump-1", moves="pump-2")
    whole = service.pages

    def pages(operation: str, key: str, **asked: Any) -> Iterator[list[dict[str, Any]]]:
        if asked.get("status") == "FAILED":
            raise Unavailable("gone")
        return whole(operation, key, **asked)

    service.pages = pages  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        _read(service)


def test_a_list_far_longer_than_its_job_is_an_error() -> None:
    with pytest.raises(IotJobsError, match="more than 10200 rows, far more than the job itself counts"):
        _read(Service(_names(10_500), jobProcessDetails=_counts(0, 100)))


def test_an_empty_page_of_the_index_is_not_its_last_one_and_a_document_without_a_name_is_nobodys() -> None:
    service = Service(["thing-1", "thing-2"], jobProcessDetails=_counts(2, 0))
    whole = service.pages

    def pages(operation: str, key: str, **asked: Any) -> Iterator[list[dict[str, Any]]]:
        if operation == "SearchIndex":
            yield []
            yield [{}, *next(whole(operation, key, **asked))]
        yield from whole(operation, key, **asked)

    service.pages = pages  # type: ignore[method-assign]
    assert _read(service).things["connected"].tolist() == [False, False]


def test_a_job_that_aws_is_still_cancelling_is_not_read_again_and_again() -> None:
    names = [f"thing-{number}" for number in range(20)]
    canceling = Service(names, status="CANCELED", isConcurrent=True, jobProcessDetails=_counts(20, 0))
    _read(canceling)
    assert canceling.calls.count("ListJobExecutionsForJob") == 1
    cancelled = Service(names, status="CANCELED", isConcurrent=False, jobProcessDetails=_counts(20, 0))
    _read(cancelled)
    assert cancelled.calls.count("ListJobExecutionsForJob") == 2


@pytest.mark.parametrize(
    "operation", ["ListJobExecutionsForJob", "DescribeJob", "ListJobExecutionsForThing", "SearchIndex"]
)
def test_credentials_that_end_on_the_way_are_an_error_and_never_a_gap(operation: str) -> None:
    service = Service(["thing-1"], jobProcessDetails=_counts(1, 0))
    service.errors[operation] = Denied("the AWS credentials have expired", expired=True)
    with pytest.raises(Denied, match="expired"):
        _read(service)


@pytest.mark.parametrize("operation", ["GetIndexingConfiguration", "DescribeThing"])
def test_they_are_an_error_too_where_a_call_is_only_made_to_say_what_is_missing(operation: str) -> None:
    service = Service(["thing-1"] if operation == "GetIndexingConfiguration" else [], jobProcessDetails=_counts(1, 0))
    service.indexed = False
    service.errors[operation] = Denied("the AWS credentials have expired", expired=True)
    with pytest.raises(Denied, match="expired"):
        _read(service) if service.readings[0] else require_thing(service, "thing-1")  # type: ignore[arg-type]


def test_a_snapshot_says_where_it_was_read() -> None:
    service = Service(["thing-1"], jobProcessDetails=_counts(1, 0))
    assert _read(service).place == Place("plant", REGION, endpoint=None)
    service.endpoint_kind = "other"
    assert _read(service).place.endpoint == "https://iot.example"


def test_the_lists_of_a_greengrass_core_are_not_taken_for_all_that_waits_there() -> None:
    shot = _read(Service(["core-1"], namespaceId="aws-gg-deployment", jobProcessDetails=_counts(1, 0)))
    assert "the whole queue of core-1 could not be read" in str(shot.gaps[0])
    assert "list-effective-deployments --core-device-thing-name core-1 --profile plant" in str(shot.gaps[0])
