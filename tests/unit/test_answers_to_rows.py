"""From an answer to a row: what is missing, odd, or about something else is an error that names job and thing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from iotjobs.aws.connection import Connection
from iotjobs.aws.executions import describe_execution, job_executions, newest_execution, thing_executions
from iotjobs.aws.jobs import Jobs, describe, describe_job, fill_in, list_all
from iotjobs.aws.rows import timer
from iotjobs.aws.things import group_members
from iotjobs.errors import Denied, IotJobsError, NotFound
from iotjobs.model import ExecutionKey, Status

ACCOUNT, REGION = "000000000000", "eu-central-1"
SUMMARY = {"status": "QUEUED", "queuedAt": 1790000000.123, "lastUpdatedAt": 1790000000.123, "executionNumber": 1}
EXECUTION = {**SUMMARY, "jobId": "job", "thingArn": f"arn:aws:iot:{REGION}:{ACCOUNT}:thing/thing", "versionNumber": 3}
KEY = ExecutionKey("job", "thing", 1)


def arn(name: str) -> str:
    return f"arn:aws:iot:{REGION}:{ACCOUNT}:thing/{name}"


class Answers(Connection):
    """A connection that gives the answers of a test: one, or a list of pages, by operation (and status)."""

    def __init__(self, **answers: Any) -> None:
        self.account, self.region = ACCOUNT, REGION
        self.answers = answers
        self.asked: list[str] = []

    def read(self, operation: str, **parameters: Any) -> Any:
        answer = self.answers[operation]
        answer = answer.get(parameters["jobId"]) if operation == "DescribeJob" else answer
        if isinstance(answer, Exception):
            raise answer
        return answer

    def pages(self, operation: str, key: str, **parameters: Any) -> Iterator[list[dict[str, Any]]]:  # noqa: ARG002
        self.asked.append(parameters.get("status", ""))
        pages = self.answers[operation]
        yield from pages.get(parameters.get("status"), []) if isinstance(pages, dict) else pages

    def raw_pages(self, operation: str, key: str, **asked: Any) -> Iterator[Any]:
        return ([page] for page in self.pages(operation, key, **asked))


def listed(*things: str, **summary: Any) -> list[dict[str, Any]]:
    return [{"thingArn": arn(name), "jobExecutionSummary": SUMMARY | summary} for name in things]


ODD = {
    "no status": {"status": None},
    "a status of tomorrow": {"status": "PAUSED"},
    "a status that is a list": {"status": ["QUEUED"]},
    "no number": {"executionNumber": None},
    "a number that is text": {"executionNumber": "1"},
    "a number of nothing": {"executionNumber": 0},
    "no time": {"queuedAt": None},
    "a time that is text": {"queuedAt": "yesterday"},
    "a time that is none": {"lastUpdatedAt": float("nan")},
    "a time of long after": {"startedAt": 1e12},
    "a retry that is text": {"retryAttempt": "2"},
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_an_odd_row_is_an_error_that_names_operation_job_and_thing(odd: dict[str, Any]) -> None:
    pages = [[*listed("fine"), *listed("odd-one", **odd)]]
    with pytest.raises(IotJobsError, match=r"ListJobExecutionsForJob about job job-7, thing odd-one, number .* has"):
        job_executions(Answers(ListJobExecutionsForJob=pages), "job-7")
    rows = [{"jobId": "job-7", "jobExecutionSummary": SUMMARY | odd}]
    with pytest.raises(IotJobsError, match=r"ListJobExecutionsForThing about job job-7, thing thing-7, number .* has"):
        thing_executions(Answers(ListJobExecutionsForThing=[rows]), "thing-7")
    if "retryAttempt" not in odd:
        with pytest.raises(IotJobsError, match="DescribeJobExecution about job job, thing thing, number 1 "):
            describe_execution(Answers(DescribeJobExecution={"execution": EXECUTION | odd}), KEY)


@pytest.mark.parametrize("name", ["a b", "x\x1b[2K", "<script>", "t" * 129, "a/b"], ids=ascii)
def test_a_name_that_no_thing_can_have_is_an_error_and_shown_as_it_is(name: str) -> None:
    with pytest.raises(IotJobsError, match="thing's name that no thing can have") as caught:
        job_executions(Answers(ListJobExecutionsForJob=[listed(name)]), "job")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("row", [None, [], "row"], ids=str)
def test_a_row_that_is_none_is_an_error(row: Any) -> None:
    with pytest.raises(IotJobsError, match="the answer to ListJobExecutionsForThing"):
        thing_executions(Answers(ListJobExecutionsForThing=[[row]]), "thing")


@pytest.mark.parametrize("name", [None, 7, "", "a b"], ids=str)
def test_a_member_of_a_group_that_has_no_name_is_an_error_and_no_smaller_group(name: Any) -> None:
    with pytest.raises(IotJobsError, match="ListThingsInThingGroup about group pumps names the thing"):
        group_members(Answers(ListThingsInThingGroup=[["pump-1", name]]), "pumps")


@pytest.mark.parametrize("item", [{}, {"jobExecutionSummary": None}, {"jobExecutionSummary": [1]}], ids=str)
def test_a_row_without_its_summary_is_an_error(item: dict[str, Any]) -> None:
    with pytest.raises(IotJobsError, match="about job job, thing thing"):
        job_executions(Answers(ListJobExecutionsForJob=[[{"thingArn": arn("thing"), **item}]]), "job")


@pytest.mark.parametrize("no_arn", ["thing", None, 7, "arn:aws:iot:eu-central-1:000000000000:thing/"], ids=str)
def test_what_names_no_thing_is_an_error(no_arn: Any) -> None:
    rows = [{"thingArn": no_arn, "jobExecutionSummary": SUMMARY}]
    with pytest.raises(IotJobsError, match=r"ListJobExecutionsForJob names the thing .* no ARN"):
        job_executions(Answers(ListJobExecutionsForJob=[rows]), "job")


@pytest.mark.parametrize(
    "other", [{"jobId": "another"}, {"thingArn": arn("another")}, {"executionNumber": 2}, {"jobId": None}], ids=str
)
def test_a_description_of_another_execution_is_an_error(other: dict[str, Any]) -> None:
    answers = Answers(DescribeJobExecution={"execution": EXECUTION | other})
    with pytest.raises(IotJobsError, match=r"about job job, thing thing, number 1 is about .* old answers\?"):
        describe_execution(answers, KEY)


def test_the_newest_execution_may_have_any_number_but_not_another_thing() -> None:
    second = {"execution": EXECUTION | {"executionNumber": 2}}
    assert (
        newest_execution(Answers(DescribeJobExecution=second), job_id="job", thing_name="thing").key.execution_number
        == 2
    )
    with pytest.raises(IotJobsError, match="old answers"):
        newest_execution(Answers(DescribeJobExecution=second), job_id="job", thing_name="other")


def test_a_description_of_another_job_or_with_an_unknown_status_is_an_error() -> None:
    with pytest.raises(IotJobsError, match="DescribeJob about job job is about job other"):
        describe_job(Answers(DescribeJob={"job": {"job": {"jobId": "other", "status": "IN_PROGRESS"}}}), "job")
    with pytest.raises(IotJobsError, match="DescribeJob about job job has the status PAUSED"):
        describe_job(Answers(DescribeJob={"job": {"job": {"jobId": "job", "status": "PAUSED"}}}), "job")


ODD_JOB: dict[str, list[Any]] = {
    "namespaceId": [7, ["aws-gg-deployment"], {"aws-gg-deployment": 1}],
    "abortConfig": [{"criteriaList": [None]}, {"criteriaList": {"failureType": "ALL"}}, "all"],
    "jobExecutionsRetryConfig": [{"criteriaList": ["ALL"]}, {"criteriaList": [{"failureType": ["ALL"]}]}],
    "schedulingConfig": [{"maintenanceWindows": [None]}, {"maintenanceWindows": "daily"}],
    "timeoutConfig": [
        {"inProgressTimeoutInMinutes": "60"},
        {"inProgressTimeoutInMinutes": True},
        {"inProgressTimeoutInMinutes": 10**18},
        60,
    ],
    "isConcurrent": ["true", 1],
    "forceCanceled": ["no"],
    "targetSelection": [["SNAPSHOT"]],
    "targets": [[None], "everything"],
}


@pytest.mark.parametrize(("member", "value"), [(name, value) for name in ODD_JOB for value in ODD_JOB[name]], ids=str)
def test_a_member_of_a_job_that_is_not_understood_is_an_error_and_not_left_out(member: str, value: Any) -> None:
    job = {"jobId": "job", "status": "COMPLETED", member: value}
    with pytest.raises(IotJobsError, match=f"DescribeJob about job job has .* as its {member}"):
        describe_job(Answers(DescribeJob={"job": {"job": job}}), "job")


def test_a_cancel_that_is_not_said_to_be_by_force_was_not_and_a_list_does_not_say() -> None:
    job = {"jobId": "job", "status": "CANCELED", "isConcurrent": True}
    described = describe_job(Answers(DescribeJob={"job": {"job": job}}), "job")
    by_force = describe_job(Answers(DescribeJob={"job": {"job": job | {"forceCanceled": True}}}), "job")
    jobs, _ = list_all(Answers(ListJobs=[[job]]), Jobs())
    listed = (jobs.listed or {})["job"]
    assert [row["force_canceled"] for row in (described, by_force, listed)] == [False, True, None]


def test_a_device_that_starts_between_two_listings_is_counted_once_and_in_progress() -> None:
    started = {"status": "IN_PROGRESS", "startedAt": 1790000100.0, "lastUpdatedAt": 1790000100.0}
    answers = Answers(
        ListJobExecutionsForJob={"QUEUED": [listed("a", "b")], "IN_PROGRESS": [listed("a", **started), listed("c")]}
    )
    rows = job_executions(answers, "job", statuses=[Status.IN_PROGRESS, Status.QUEUED])
    assert answers.asked == ["QUEUED", "IN_PROGRESS"]  # in the order of life: nothing is missed between the two
    assert dict(zip(rows["thing_name"], rows["status"], strict=True)) == {
        "a": "IN_PROGRESS",
        "b": "QUEUED",
        "c": "QUEUED",
    }


def test_a_number_that_was_used_again_meanwhile_is_the_newer_execution() -> None:
    first = listed("a", status="FAILED")
    again = listed("a", queuedAt=1790000500.0, lastUpdatedAt=1790000500.0)
    for pages in ([first, again], [again, first]):
        rows = job_executions(Answers(ListJobExecutionsForJob=pages), "job")
        assert rows["status"].tolist() == ["QUEUED"]


def test_a_listing_of_more_than_the_job_counts_ends() -> None:
    class Endless(Answers):
        def pages(self, *_: Any, **__: Any) -> Iterator[list[dict[str, Any]]]:
            number = 0
            while True:
                number += 250
                yield listed(*(f"thing-{number - one}" for one in range(250)))

    with pytest.raises(IotJobsError, match="more than 1000 rows"):
        job_executions(Endless(), "job", most=1000)


def test_jobs_that_could_not_be_described_are_told_apart_from_those_without_a_namespace() -> None:
    own = {"job": {"jobId": "own", "status": "IN_PROGRESS"}}
    core = {"job": {"jobId": "core", "status": "COMPLETED", "namespaceId": "aws-gg-deployment"}}
    denied = Denied("no", action="iot:DescribeJob")
    jobs = describe(
        Answers(DescribeJob={"own": own, "core": core, "secret": denied, "gone": NotFound("gone")}),
        Jobs(),
        ["own", "core", "secret", "gone", "own"],
    )
    table = jobs.table(["own", "core", "secret", "gone"])
    assert table[["job_id", "namespace_id"]].fillna("").to_numpy().tolist() == [
        ["own", ""],
        ["core", "aws-gg-deployment"],
    ]
    assert table["described"].all()
    assert set(jobs.errors) == {"gone", "secret"}


def test_credentials_that_end_are_never_a_job_that_could_not_be_described() -> None:
    with pytest.raises(Denied):
        describe(Answers(DescribeJob={"a": Denied("expired", expired=True)}), Jobs(), ["a"])


def test_what_only_the_list_has_says_that_it_is_not_described() -> None:
    listed = [[{"jobId": "a", "status": "IN_PROGRESS"}, {"jobId": "odd", "status": "PAUSED"}]]
    denied = {"a": Denied("no", action="iot:DescribeJob")}
    connection = Answers(DescribeJob=denied, ListJobs=listed)
    jobs, gaps = fill_in(connection, describe(connection, Jobs(), ["a"]), {"a"})
    assert jobs.table(["a"])["described"].tolist() == [False]
    assert [gap.evidence for gap in gaps] == ["the job's schedule"]


def test_one_odd_job_of_the_list_is_a_gap_and_the_others_are_read() -> None:
    listed = [[{"jobId": "a", "status": "IN_PROGRESS"}, {"jobId": "odd one", "status": "QUEUED"}, None]]
    jobs, gaps = list_all(Answers(ListJobs=listed), Jobs())
    assert set(jobs.listed or {}) == {"a"}
    assert len(gaps) == 2
    assert "the executions of job 'odd one' could not be read: the answer to ListJobs" in str(gaps[0])


KEY_OF_TIMER = {"jobId": "job", "thingName": "thing", "executionNumber": 1, "versionNumber": 4}


@pytest.mark.parametrize(("left", "seconds"), [(60, 60), (0, 0), (-1, None), (None, None)], ids=str)
def test_the_time_left_of_a_timer(left: Any, seconds: Any) -> None:
    assert timer({"execution": KEY_OF_TIMER | {"approximateSecondsBeforeTimedOut": left}}, KEY) == (seconds, 4)


@pytest.mark.parametrize(
    "odd", [{"thingName": "another"}, {"executionNumber": 2}, {"approximateSecondsBeforeTimedOut": "soon"}], ids=str
)
def test_a_timer_of_another_execution_or_that_is_no_number_is_an_error(odd: dict[str, Any]) -> None:
    with pytest.raises(IotJobsError, match="about job job, thing thing, number 1"):
        timer({"execution": KEY_OF_TIMER | odd}, KEY)
