"""The request that queues removed executions again, from a job as DescribeJob told it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from iotjobs.deletion.create_job_requests import MOST_TARGETS, Request, requests
from iotjobs.model import JOB_ID

NOW = datetime(2026, 11, 24, 3, 10, tzinfo=UTC)
STAMP = "20261124-0310"
ARNS = ["arn:aws:iot:eu-central-1:000000000000:thing/pump-1"]
JOB: dict[str, Any] = {"job": {"jobId": "firmware", "targetSelection": "SNAPSHOT"}, "document": "{}", "gaps": []}


def _only(job: dict[str, Any], *, job_id: str = "firmware") -> Request:
    (request,) = requests(job_id, job, ARNS, stamp=STAMP, now=NOW)
    return request


def test_the_document_goes_before_the_link_it_came_from() -> None:
    link = "https://s3.eu-central-1.amazonaws.com/bucket/firmware.json"
    both = _only({**JOB, "document_source": link}).document
    assert (both["document"], both.get("documentSource")) == ("{}", None)
    unread = _only({**JOB, "document": None, "document_source": link})
    assert unread.document["documentSource"] == link
    assert "S3 anew" in " ".join(unread.notes)


def test_a_job_from_a_template_keeps_its_own_document() -> None:
    job = {**JOB["job"], "jobTemplateArn": "arn:aws:iot:::jobtemplate/AWS-Reboot:1.0", "documentParameters": {"a": "b"}}
    request = _only({**JOB, "job": job})
    assert not {"jobTemplateArn", "documentParameters"} & request.document.keys()
    assert "AWS-Reboot" in " ".join(request.notes)


def test_empty_settings_are_left_out() -> None:
    empty: dict[str, Any] = {"timeoutConfig": {}, "presignedUrlConfig": {}, "schedulingConfig": {}, "description": None}
    request = _only({**JOB, "job": {**JOB["job"], **empty}})
    assert request.document.keys() == {"jobId", "targets", "targetSelection", "document"}


def test_a_start_and_an_end_that_lie_ahead_stay() -> None:
    ahead = {"startTime": "2026-12-24T02:00", "endTime": "2026-12-31T02:00", "endBehavior": "CANCEL"}
    assert _only({**JOB, "job": {**JOB["job"], "schedulingConfig": ahead}}).document["schedulingConfig"] == ahead


def test_an_end_that_is_past_goes_with_its_behaviour() -> None:
    past = {"endTime": "2026-11-01T02:00", "endBehavior": "CANCEL"}
    request = _only({**JOB, "job": {**JOB["job"], "schedulingConfig": past}})
    assert "schedulingConfig" not in request.document
    assert "endTime are left out" in " ".join(request.notes)


def test_more_targets_than_a_job_takes_make_more_jobs() -> None:
    arns = [f"{ARNS[0]}{number:03}" for number in range(MOST_TARGETS + 1)]
    made = list(requests("firmware", JOB, arns, stamp=STAMP, now=NOW))
    assert [len(request.document["targets"]) for request in made] == [MOST_TARGETS, 1]
    assert [request.document["jobId"] for request in made] == [
        f"firmware-again-{STAMP}",
        f"firmware-again-{STAMP}-2",
    ]


@given(st.from_regex(JOB_ID, fullmatch=True), st.from_regex(JOB_ID, fullmatch=True))
def test_a_new_job_id_is_one_that_aws_takes_and_no_other_job_s(one: str, other: str) -> None:
    first, second = (_only(JOB, job_id=job_id).document["jobId"] for job_id in (one, other))
    assert JOB_ID.fullmatch(first)
    assert (first == second) == (one == other)
