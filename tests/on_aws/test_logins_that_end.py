"""A login that has ended, or ends half-way, is `denied`: never a cause, never "no such", and a sweep goes on later."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.aws_standin import CHAINS, Fault, StandIn
from tests.on_aws.conftest import LogIn
from tests.on_aws.notebook_code import Ended, confirmed, run

ONE = {"job_id": "firmware", "thing_name": "pump-1", "execution_number": 1}
SWEEP = {"job_id": "firmware", "statuses": "SUCCEEDED", "max_fraction": 1.0, "older_than": "1d"}
JOBS: dict[str, dict[str, Any]] = {
    "investigate": {"job_id": "firmware"},
    "delete_job_execution": ONE,
    "sweep": SWEEP,
}


def _end_before_the_start(aws: StandIn, log_in: LogIn, tmp_path: Path, chain: str) -> str:
    """Log in by a chain that no longer gives good keys; returns what its message must name."""
    if chain == "static keys":
        log_in(aws, chain, lasts_s=-1)
        return "expired"
    if chain == "credential_process":
        log_in(aws, chain, prints="Log in at https://login.example/device")
        return "credential_process"
    if chain == "sso":
        log_in(aws, chain, lasts_s=-60)
        return "sso"
    log_in(aws, chain)
    if chain == "container":
        aws.logins.container_refuses = True
        return "container"
    if chain == "web identity":
        aws.logins.web_tokens.clear()
        return "AssumeRoleWithWebIdentity"
    aws.deny("sts:AssumeRole", ".*role/operator")
    return "sts:AssumeRole"


@pytest.mark.parametrize("chain", CHAINS)
def test_one_that_has_ended_is_denied_and_names_its_source(
    aws: StandIn, log_in: LogIn, tmp_path: Path, chain: str
) -> None:
    source = _end_before_the_start(aws, log_in, tmp_path, chain)
    for notebook, parameters in JOBS.items():
        ended = run(notebook, tmp_path / notebook, **parameters)
        assert ended.outcome == "denied", ended.reason
        assert source in ended.reason
    assert [call for call in aws.calls if call.service == "iot"] == []


@pytest.mark.parametrize("prints", ["", "{", '{"Version": 1}', "null"])
def test_a_credential_process_that_prints_no_keys_is_denied(
    aws: StandIn, log_in: LogIn, tmp_path: Path, prints: str
) -> None:
    log_in(aws, "credential_process", prints=prints)
    ended = run("investigate", tmp_path / "run", job_id="firmware")
    assert ended.outcome == "denied", ended.reason
    assert "credential_process" in ended.reason


def test_a_refused_role_is_named(aws: StandIn, log_in: LogIn, tmp_path: Path) -> None:
    log_in(aws, "chained role")
    aws.deny("sts:AssumeRole", ".*role/jump")
    ended = run("investigate", tmp_path / "run", job_id="firmware")
    assert ended.outcome == "denied", ended.reason
    assert "sts:AssumeRole" in ended.reason
    assert f"arn:aws:iam::{aws.account}:role/jump" in ended.reason
    assert "GetCallerIdentity" not in ended.reason


def test_a_clock_that_is_wrong_is_denied_and_said_so(aws: StandIn, tmp_path: Path) -> None:
    aws.ahead_s = 3600
    ended = run("investigate", tmp_path / "run", job_id="firmware")
    assert ended.outcome == "denied", ended.reason
    assert "clock" in ended.reason


def test_an_sso_login_is_refreshed_when_it_can_be(aws: StandIn, log_in: LogIn, tmp_path: Path) -> None:
    log_in(aws, "sso", lasts_s=-60, refreshable=True)
    assert run("investigate", tmp_path / "run", job_id="firmware").outcome == "ok"
    assert [call.error for call in aws.called("CreateToken")] == [None]


def _keys_end(aws: StandIn) -> None:
    """The keys in use are refused from now on."""
    aws.logins.revoke()


def _keys_and_their_source_end(aws: StandIn) -> None:
    """The keys in use are refused from now on, and whatever gives new ones refuses too."""
    aws.logins.revoke()
    aws.logins.web_tokens.clear()
    aws.logins.container_refuses = True
    aws.deny("sts:AssumeRole")


#: How each login ends in the middle of a run.
ENDS: list[tuple[str, dict[str, Any], Callable[[StandIn], None]]] = [
    ("static keys", {"lasts_s": 3600}, _keys_end),
    ("source_profile", {}, _keys_end),
    ("source_profile", {}, _keys_and_their_source_end),
    ("chained role", {}, _keys_and_their_source_end),
    ("web identity", {}, _keys_and_their_source_end),
    ("sso", {}, _keys_and_their_source_end),
    ("credential_process", {}, _keys_end),
    ("container", {}, _keys_and_their_source_end),
]


@pytest.mark.parametrize("chain", ["chained role", "sso", "container"])
def test_the_shortest_session_of_aws_is_renewed_as_the_run_goes_on(
    aws: StandIn, log_in: LogIn, tmp_path: Path, chain: str
) -> None:
    """Fifteen minutes: botocore takes a new key at every call."""
    aws.logins.issued_lasts_s = 900
    log_in(aws, chain)
    swept = confirmed("sweep", tmp_path / "run", **SWEEP)
    assert swept.outcome == "applied", swept.reason
    assert len(aws.changes()) == 6


@pytest.mark.parametrize(("chain", "options", "end"), ENDS)
def test_one_that_ends_in_the_middle_of_an_investigation_is_denied(
    aws: StandIn, log_in: LogIn, tmp_path: Path, chain: str, options: dict[str, Any], end: Callable[[StandIn], None]
) -> None:
    log_in(aws, chain, **options)
    aws.script.after("ListJobExecutionsForJob", lambda: end(aws))
    ended = run("investigate", tmp_path / "run", job_id="firmware")
    assert ended.outcome == "denied", ended.reason
    assert not (tmp_path / "run" / "executions.csv").exists()


@pytest.mark.parametrize(("chain", "options", "end"), [ENDS[0], ENDS[2], ENDS[5]])
def test_a_sweep_whose_login_ends_goes_on_after_the_next_login(
    aws: StandIn, log_in: LogIn, tmp_path: Path, chain: str, options: dict[str, Any], end: Callable[[StandIn], None]
) -> None:
    log_in(aws, chain, **options)
    aws.script.after("DeleteJobExecution", lambda: end(aws), call=3)
    ended = confirmed("sweep", tmp_path / "run", **SWEEP)
    assert ended.outcome == "partial", ended.reason
    assert "credentials" in ended.reason
    assert len(aws.changes()) == 3
    aws.allow_all()
    log_in(aws)
    again = run("sweep", tmp_path / "run", **SWEEP, confirm=_phrase(ended))
    assert again.outcome == "applied", again.reason
    assert len(set(aws.changes())) == len(aws.changes()) == 6
    assert sorted(aws.fleet.left("firmware")) == ["pump-1", "pump-2", "pump-3", "pump-4"]


def _phrase(ended: Ended) -> str:
    return str(ended.result["parameters"]["confirm"])


def test_a_role_that_answers_a_gateways_page_is_not_a_permission_that_lacks(
    aws: StandIn, log_in: LogIn, tmp_path: Path
) -> None:
    log_in(aws, "source_profile")
    aws.script.fail("AssumeRole", Fault("gateway", status=503), times=100)
    ended = run("investigate", tmp_path / "run", job_id="firmware")
    assert ended.outcome in {"denied", "error"}, ended.reason
    assert "lacks the permission" not in ended.reason
