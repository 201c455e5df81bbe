"""Who you are, what you may change and where, before anything is tried; quietly less where IAM does not say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import iotjobs
from iotjobs.aws.connect import connect
from iotjobs.aws.rights import rights
from iotjobs.run.notebook_runner import _say
from iotjobs.run.report import head_html
from tests.aws_standin import StandIn
from tests.on_aws.conftest import LogIn, build_pumps
from tests.on_aws.notebook_code import run
from tests.on_aws.test_the_three_jobs_under_every_login import ONE, SWEEP

GRANT = "iam/operator.json, statement CancelAndDeleteJobExecutions"


def _banner(notebook: str, directory: Path, **parameters: Any) -> str:
    return repr(iotjobs.banner(iotjobs.start(notebook, run_dir=str(directory), **parameters)))


@pytest.mark.parametrize("chain", ["static keys", "source_profile"])
def test_a_sweeps_banner_says_who_you_are_and_what_you_may(
    aws: StandIn, log_in: LogIn, tmp_path: Path, chain: str
) -> None:
    log_in(aws, chain)
    aws.policies_may_be_simulated = True
    name = connect().caller_arn.rpartition(":")[2].split("/")[1]
    may = _banner("sweep", tmp_path / "may", **SWEEP)
    assert f"{name}, whose policies allow to cancel and delete executions of job firmware." in may
    aws.deny("iot:DeleteJobExecution", ".*:job/firmware")
    may_not = _banner("sweep", tmp_path / "may-not", **SWEEP)
    assert f"do NOT allow iot:DeleteJobExecution on job firmware: {GRANT} grants it" in may_not
    assert aws.changes() == []


def test_a_role_with_a_path_is_found(aws: StandIn, log_in: LogIn, tmp_path: Path) -> None:
    log_in(aws, "source_profile")
    (role,) = aws.logins.roles.values()
    del aws.logins.roles[role.arn]
    within = f"arn:aws:iam::{aws.account}:role/team/{role.name}"
    aws.logins.roles |= {within: replace(role, arn=within)}
    config = Path.home() / ".aws" / "config"
    config.write_text(config.read_text().replace(role.arn, within))
    aws.policies_may_be_simulated = True
    assert f"the role {role.name}, whose policies allow to cancel" in _banner("sweep", tmp_path / "may", **SWEEP)
    assert [call.error for call in aws.called("SimulatePrincipalPolicy")] == ["NoSuchEntity", None, None]


def test_where_iam_does_not_say_it_is_said_what_grants_it(aws: StandIn, tmp_path: Path) -> None:
    text = _banner("sweep", tmp_path / "run", **SWEEP)
    assert f"Whether it may cancel and delete shows when it is tried: {GRANT} grants it" in text
    assert "SimulatePrincipalPolicy" not in text
    assert len(aws.called("SimulatePrincipalPolicy")) == 1  # not asked again


def test_the_plan_of_one_delete_says_it_before_the_phrase(aws: StandIn, tmp_path: Path) -> None:
    aws.policies_may_be_simulated = True
    aws.deny("iot:(Cancel|Delete)JobExecution")
    started = iotjobs.start("delete_job_execution", run_dir=str(tmp_path / "run"), **ONE)
    deletion = iotjobs.delete_job_execution(started).plan()
    assert "do NOT allow iot:CancelJobExecution and iot:DeleteJobExecution on job firmware" in repr(deletion)
    assert deletion.view.open  # what a simulation says is no guard: AWS decides


def test_an_investigation_asks_iam_nothing_and_says_who_you_are_and_what_was_denied(
    aws: StandIn, log_in: LogIn, tmp_path: Path
) -> None:
    log_in(aws, "source_profile")
    aws.deny("iot:SearchIndex")
    started = iotjobs.start("investigate", run_dir=str(tmp_path / "run"), job_id="firmware")
    iotjobs.investigate(started)
    text = repr(iotjobs.banner(started))
    name = connect().caller_arn.rpartition(":")[2].split("/")[1]
    assert f"You hold the role {name}. This only reads;" in text
    assert "Denied to this caller: iot:SearchIndex (iam/investigator.json, statement SearchFleetIndex)." in text
    assert aws.called("SimulatePrincipalPolicy") == []


def test_iam_is_not_asked_at_another_place_than_iot(aws: StandIn, log_in: LogIn) -> None:
    log_in(aws, settings={"AWS_ENDPOINT_URL_IOT": "http://127.0.0.1:9"})
    assert "shows when it is tried" in rights(connect())[0]
    assert aws.called("SimulatePrincipalPolicy") == []


def test_live_and_where_stand_beside_the_phrase(
    aws: StandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    planned = run("sweep", tmp_path / "sweep", **SWEEP)
    place = f"LIVE: account {aws.account}, {aws.region}"
    assert f"To confirm, <b>{place}</b>:" in head_html(planned.result)
    one = iotjobs.start("delete_job_execution", run_dir=str(tmp_path / "one"), **ONE)
    assert f"To confirm, {place}: delete firmware/pump-1/1" in repr(iotjobs.delete_job_execution(one).plan())
    _say(planned.result, one.directory, tmp_path / "x.ipynb")
    assert f"to confirm, {place}: --confirm 'delete 6 " in capsys.readouterr().err


def test_an_endpoint_that_is_not_awss_stands_there_too(log_in: LogIn, tmp_path: Path) -> None:
    with StandIn() as aws:
        build_pumps(aws)
        log_in(aws)
        result = run("sweep", tmp_path / "sweep", **SWEEP).result
    result |= {"endpoint": "https://iot.gateway.example", "endpoint_kind": "other"}
    assert "LIVE at https://iot.gateway.example, which is not AWS&#39;s: account" in head_html(result)
