"""Prevent the next one: what a job lacks is said from what was read, and every printed change is one that AWS takes."""

from __future__ import annotations

import json
import shlex
from datetime import timedelta
from functools import cache
from typing import Any

import botocore.session
import pandas as pd
import pytest
from botocore import xform_name
from botocore.validate import ParamValidator

from iotjobs.columns import COUNT, JOB_COLUMNS, table
from iotjobs.diagnosis.prevention import Prevention, Preventions, preventions
from iotjobs.snapshot import Place
from tests.unit.build_queues import AS_OF, Line, build_queues

PLANT = Place(profile="plant", region="eu-west-1")
STALLED: Line = ("pump-1", "firmware", "IN_PROGRESS", "stalled", 100, 99)
OFFLINE: Line = ("van-1", "firmware", "QUEUED", "device_offline", 60, None)
SOUND = {
    "timeout_minutes": 60,
    "retry_config": {"criteriaList": [{"failureType": "ALL", "numberOfRetries": 1}]},
    "abort_config": {"criteriaList": [{"failureType": "ALL"}]},
    "rollout_config": {"maximumPerMinute": 5},
}


def _of(lines: list[Line] | None = None, ended: pd.DataFrame | None = None, /, **job: Any) -> Preventions:
    queues = build_queues([STALLED] if lines is None else lines)
    row = {
        "job_id": "firmware",
        "status": "IN_PROGRESS",
        "target_selection": "SNAPSHOT",
        "described": True,
        "scheduling": {},
        **dict.fromkeys(("QUEUED", "FAILED", "TIMED_OUT", "REJECTED", "REMOVED", "CANCELED"), 0),
        "IN_PROGRESS": 2,
        "SUCCEEDED": 18,
        "stuck": len(queues),
        **job,
    }
    columns = {**JOB_COLUMNS, "stuck": COUNT}
    jobs = table(columns, {name: [row.get(name)] for name in columns})
    executions = queues if ended is None else pd.concat([queues, ended])
    return preventions(
        jobs, queues=queues, executions=executions, stuck_after=timedelta(hours=24), as_of=AS_OF, place=PLANT
    )


def _only(preventions: Preventions) -> Prevention:
    (one,) = preventions.jobs
    return one


def _lacks(preventions: Preventions) -> list[str]:
    return [why.partition(":")[0] for why in _only(preventions).why]


def _parameters(command: str) -> dict[str, Any]:
    """The request that the AWS CLI makes of a printed `update-job`; botocore refuses one of another shape."""
    program, service, operation, *words = shlex.split(command)
    assert (program, service, operation) == ("aws", "iot", "update-job")
    options = dict(zip(words[::2], words[1::2], strict=True))
    assert (options.pop("--profile"), options.pop("--region")) == ("plant", "eu-west-1")
    shape = _shape("iot", "UpdateJob")
    members = {f"--{xform_name(name, '-')}": name for name in shape.members}
    texts = {members[option]: value for option, value in options.items()}
    request = {name: json.loads(value) if value.startswith("{") else value for name, value in texts.items()}
    _assert_fits(request, shape)
    return request


@cache
def _shape(service: str, operation: str) -> Any:
    return botocore.session.Session().get_service_model(service).operation_model(operation).input_shape


def _assert_fits(request: dict[str, Any], shape: Any) -> None:
    assert not ParamValidator().validate(request, shape).generate_report()


def test_a_job_without_anything_is_told_all_that_it_lacks_and_the_change_fits_aws() -> None:
    preventions = _of([STALLED, OFFLINE])
    assert _lacks(preventions) == [
        "no in-progress timer",
        "no end time",
        "no retries",
        "no abort criteria",
        "no rollout rate",
    ]
    request = _parameters(_only(preventions).update)
    assert set(request) == {"jobId", "timeoutConfig", "abortConfig"}  # its rollout is over; the others are for new jobs
    assert request["timeoutConfig"] == {"inProgressTimeoutInMinutes": 1440}
    following = json.loads(_only(preventions).next_job)
    assert {"jobExecutionsRetryConfig", "jobExecutionsRolloutConfig", "schedulingConfig"} < set(following)
    _assert_fits({"jobId": "next", "targets": ["arn"], **following}, _shape("iot", "CreateJob"))
    assert following["schedulingConfig"]["endTime"] == "2026-12-20T10:00"
    assert "1 execution hangs in it now" in _only(preventions).why[0]


def test_a_job_that_lacks_nothing_is_not_named() -> None:
    assert _of([STALLED], **SOUND) == Preventions((), ())


@pytest.mark.parametrize(
    ("member", "value", "lacks"),
    [
        (
            "timeout_minutes",
            None,
            ["no in-progress timer", "it retries what times out, and without a timer nothing does"],
        ),
        ("retry_config", {}, ["no retries"]),
        ("abort_config", {}, ["no abort criteria"]),
        ("rollout_config", {}, ["no rollout rate"]),
        ("rollout_config", {"maximumPerMinute": 1000}, ["no rollout rate"]),
    ],
)
def test_each_setting_is_judged_by_itself(member: str, value: Any, lacks: list[str]) -> None:
    assert _lacks(_of(**{**SOUND, member: value})) == lacks


def test_nothing_is_said_of_settings_that_were_not_read() -> None:
    assert _of(described=False) == Preventions((), ("firmware",))


def test_a_job_that_is_over_and_left_nothing_behind_is_of_no_interest() -> None:
    assert _of([], status="COMPLETED") == Preventions((), ())


def test_a_job_that_is_over_is_not_to_be_updated() -> None:
    one = _only(_of([("pump-1", "firmware", "IN_PROGRESS", "orphaned", 100, 99)], status="CANCELED"))
    assert not one.update
    assert any(why.startswith("cancelled without force: 1 IN_PROGRESS goes on") for why in one.why)
    assert "timeoutConfig" in json.loads(one.next_job)


def test_the_timer_is_never_shorter_than_what_succeeded_took() -> None:
    done = build_queues([("pump-2", "firmware", "SUCCEEDED", "", 100, 90)])
    done["last_updated_at"] = done["started_at"] + pd.Timedelta(hours=30)
    one = _only(_of([STALLED], done))
    assert _parameters(one.update)["timeoutConfig"] == {"inProgressTimeoutInMinutes": 60 * 60}
    assert "twice the 1 d 6 h of the longest that succeeded" in one.why[0]
    done["last_updated_at"] = done["started_at"] + pd.Timedelta(days=6)
    assert _parameters(_only(_of([STALLED], done)).update)["timeoutConfig"] == {"inProgressTimeoutInMinutes": 10080}


def test_criteria_that_would_cancel_the_job_at_once_are_not_in_the_command() -> None:
    one = _only(_of(SUCCEEDED=8, FAILED=10))
    assert "abortConfig" not in _parameters(one.update)
    assert "10 of the 18 that ended have failed, so AWS would cancel the job at once" in one.remarks[0]
    assert "abortConfig" in json.loads(one.next_job)


def test_counts_that_are_not_known_promise_nothing() -> None:
    one = _only(_of(FAILED=None))
    assert "abortConfig" not in _parameters(one.update)
    assert "it is not known how many have failed" in one.remarks[0]


def test_a_rollout_that_goes_on_is_slowed_down_in_the_job_itself() -> None:
    rate = _parameters(_only(_of(is_concurrent=True)).update)["jobExecutionsRolloutConfig"]
    assert rate["exponentialRate"]["baseRatePerMinute"] <= rate["maximumPerMinute"]
    assert len(rate["exponentialRate"]["rateIncreaseCriteria"]) == 1


def test_what_runs_already_is_said_to_keep_going_without_a_timer() -> None:
    assert _only(_of()).remarks == ("the timer holds for what starts after it: 1 in progress keeps going without it",)


@pytest.mark.parametrize(
    ("job_id", "request_name", "service", "operation"),
    [
        ("AFR_OTA-van", "aws iot create-ota-update", "iot", "CreateOTAUpdate"),
        ("ggv2-plant", "aws greengrassv2 create-deployment", "greengrassv2", "CreateDeployment"),
    ],
)
def test_a_job_of_a_service_is_changed_through_the_service(
    job_id: str, request_name: str, service: str, operation: str
) -> None:
    one = _only(_of([("pump-1", job_id, "IN_PROGRESS", "stalled", 100, 99)], job_id=job_id))
    assert (one.update, one.request) == ("", request_name)
    shape = _shape(service, operation)
    report = ParamValidator().validate(json.loads(one.next_job), shape).generate_report()
    missing = {f'Missing required parameter in input: "{name}"' for name in shape.required_members}
    assert set(filter(None, report.splitlines())) <= missing


def test_a_window_of_the_job_is_kept_and_begins_ahead() -> None:
    windows = [{"startTime": "cron(0 2 * * ? *)", "durationInMinutes": 90}]
    one = _only(_of([OFFLINE], scheduling={"startTime": "2026-01-01T00:00", "maintenanceWindows": windows}))
    assert json.loads(one.next_job)["schedulingConfig"] == {
        "startTime": "2026-11-21T10:00",
        "maintenanceWindows": windows,
        "endTime": "2026-12-20T10:00",
        "endBehavior": "CANCEL",
    }
