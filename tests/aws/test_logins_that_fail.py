"""A login that cannot be had, or ends: always Denied for all calls, with its source, its reason and what to do."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import time_machine

from iotjobs.aws.connect import connect
from iotjobs.aws.transport import Limits
from iotjobs.errors import Denied
from tests.aws_standin import StandIn
from tests.aws_standin.chains import container, credential_process, source_profile, sso, static_keys, web_identity

from .conftest import Settings

LogIn = Callable[..., Path]


def _denied() -> str:
    with pytest.raises(Denied) as denied:
        connect()
    assert denied.value.action is None
    assert denied.value.outcome.exit_code == 4
    return str(denied.value)


def _program(home: Path, text: str) -> None:
    program = home / "credentials"
    program.write_text(text)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def test_a_credential_process_that_is_missing(aws: StandIn, use: Settings, tmp_path: Path) -> None:
    use(credential_process(aws, tmp_path))
    (tmp_path / "credentials").unlink()
    assert "the profile's credential_process: its program cannot be run" in _denied()


def test_a_credential_process_that_prints_a_login_page(aws: StandIn, use: Settings, tmp_path: Path) -> None:
    use(credential_process(aws, tmp_path, prints="<html>log in</html>"))
    text = _denied()
    assert "credential_process" in text
    assert "run its command by hand" in text


def test_what_a_credential_process_writes_is_not_kept(aws: StandIn, use: Settings, tmp_path: Path) -> None:
    use(credential_process(aws, tmp_path))
    _program(tmp_path, "#!/bin/sh\necho 'hunter2 is the password of alice' >&2; exit 1\n")
    assert "hunter2" not in _denied()


@pytest.mark.parametrize("behind_a_role", [False, True], ids=["alone", "behind a role"])
def test_a_credential_process_that_never_ends_is_given_up(
    aws: StandIn, use: Settings, tmp_path: Path, *, behind_a_role: bool
) -> None:
    use(credential_process(aws, tmp_path))
    _program(tmp_path, "#!/bin/sh\nexec sleep 20\n")
    if behind_a_role:
        role = "[default]\nrole_arn = arn:aws:iam::444455556666:role/ops\nsource_profile = login\n"
        program = f"[profile login]\ncredential_process = {tmp_path / 'credentials'}\n"
        (tmp_path / ".aws" / "config").write_text(role + program)
    started = time.monotonic()
    with pytest.raises(Denied, match="did not end within 1 s"):
        connect(limits=Limits(program_s=1))
    assert time.monotonic() - started < 6


@pytest.mark.parametrize("uri", ["http://10.9.8.7/credentials", "http://example.com/credentials"])
def test_container_credentials_at_a_host_that_is_not_allowed(
    aws: StandIn, use: Settings, tmp_path: Path, uri: str
) -> None:
    use(container(aws, tmp_path) | {"AWS_CONTAINER_CREDENTIALS_FULL_URI": uri})
    text = _denied()
    assert "the container's credentials" in text
    assert "AWS_CONTAINER_CREDENTIALS_FULL_URI" in text


def test_an_sso_login_that_has_ended(aws: StandIn, use: Settings, tmp_path: Path) -> None:
    use(sso(aws, tmp_path, lasts_s=-60))
    text = _denied()
    assert "the SSO login" in text
    assert "aws sso login" in text


def test_no_login_at_all(aws: StandIn, use: Settings, tmp_path: Path) -> None:
    settings = static_keys(aws, tmp_path)
    use({name: value for name, value in settings.items() if "ACCESS_KEY" not in name})
    assert "no usable AWS credentials" in _denied()


def test_half_a_key(aws: StandIn, use: Settings, tmp_path: Path) -> None:
    settings = static_keys(aws, tmp_path)
    use({name: value for name, value in settings.items() if name != "AWS_SECRET_ACCESS_KEY"})
    assert "the environment" in _denied()


def test_a_role_that_may_not_be_assumed_is_named(aws: StandIn, use: Settings, tmp_path: Path) -> None:
    use(source_profile(aws, tmp_path))
    role = next(iter(aws.logins.roles.values()))
    role.assumers = "nobody"
    text = _denied()
    assert "sts:AssumeRole" in text
    assert role.arn in text
    assert "GetCallerIdentity" not in text


def test_a_web_identity_that_is_refused(aws: StandIn, use: Settings, tmp_path: Path) -> None:
    use(web_identity(aws, tmp_path))
    aws.logins.web_tokens.clear()
    text = _denied()
    assert "sts:AssumeRoleWithWebIdentity" in text
    assert "token file" in text


def test_a_web_identity_whose_token_file_is_gone(aws: StandIn, use: Settings, tmp_path: Path) -> None:
    use(web_identity(aws, tmp_path))
    (tmp_path / "token").unlink()
    assert "the web identity token" in _denied()


def test_a_code_for_mfa_that_nobody_types(aws: StandIn, use: Settings, tmp_path: Path) -> None:
    use(source_profile(aws, tmp_path))
    config = tmp_path / ".aws" / "config"
    config.write_text(config.read_text() + "mfa_serial = arn:aws:iam::444455556666:mfa/alice\n")
    headless = subprocess.run(
        [sys.executable, "-c", "from iotjobs.aws.connect import connect; connect()"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,  # no terminal to ask at
        check=False,
    )
    last = headless.stderr.splitlines()[-1]
    assert "iotjobs.errors.Denied" in last
    assert "MFA code" in last
    assert "get-session-token" in last


@pytest.mark.parametrize("hours", [-2, 2], ids=["behind", "ahead"])
def test_a_clock_that_is_wrong(aws: StandIn, use: Settings, tmp_path: Path, hours: int) -> None:
    use(static_keys(aws, tmp_path))
    aws.ahead_s = hours * 3600
    text = _denied()
    assert "set the clock" in text
    assert "log in again" not in text


@pytest.mark.parametrize("plane", ["control", "device", "pages"])
def test_a_login_that_ends_in_the_middle_is_denied_on_every_plane(aws: StandIn, log_in: LogIn, plane: str) -> None:
    log_in(aws, "source_profile")
    connection = connect()
    asked = {"jobId": "firmware", "thingName": "pump-2"}
    connection.read_device_plane("DescribeJobExecution", **asked)
    aws.logins.revoke()
    calls = {
        "control": lambda: connection.read("DescribeJob", jobId="firmware"),
        "device": lambda: connection.read_device_plane("DescribeJobExecution", **asked),
        "pages": lambda: list(connection.pages("ListJobs", "jobs")),
    }
    with pytest.raises(Denied) as denied:
        calls[plane]()
    assert (denied.value.action, denied.value.expired) == (None, True)


@pytest.mark.parametrize("chain", ["source_profile", "credential_process", "container", "sso"])
def test_a_login_that_cannot_be_refreshed_in_the_middle_says_so(
    aws: StandIn, log_in: LogIn, chain: str, tmp_path: Path
) -> None:
    aws.logins.issued_lasts_s = 3600
    home = log_in(aws, chain)
    connection = connect()
    aws.logins.revoke()
    aws.logins.keys.clear()
    aws.logins.roles.clear()
    (home / "credentials").unlink(missing_ok=True)
    os.environ.pop("AWS_CONTAINER_AUTHORIZATION_TOKEN", None)
    aws.ahead_s = 2 * 3600
    with time_machine.travel(aws.now(), tick=True), pytest.raises(Denied) as denied:
        connection.read("ListJobs")
    assert (denied.value.action, denied.value.expired) == (None, True)
    assert "until now" in str(denied.value)
