"""Commands to copy: whatever the names are, a shell gives the program exactly those, and they act where they were made."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import replace

import botocore.session
import pytest
from botocore import xform_name

from iotjobs.diagnosis import commands, verify_commands
from iotjobs.diagnosis.causes import CAUSE_RULES
from iotjobs.diagnosis.commands import UNSAFE, Place
from iotjobs.diagnosis.facts import Facts

HOSTILE = [
    "plain",
    "two words",
    "it's",
    '"quoted"',
    "$(touch owned)",
    "`id`",
    "a;b&c|d>e",
    "-x",
    "--force",
    "~",
    "*",
    "",
]
PLANT = Place(profile="plant", region="eu-west-1")
TUNNEL = Place(region="eu-central-1", endpoint="http://127.0.0.1:4566")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_shell_gives_the_program_the_name_as_it_is(name: str) -> None:
    command = commands.aws(PLANT, "iot", "describe-job", job_id=name)
    shell = subprocess.run(
        ["/bin/sh", "-c", f"aws() {{ printf '%s\\n' \"$@\"; }}; {command}"], capture_output=True, text=True, check=True
    )
    words = shell.stdout.splitlines()
    value = [f"--job-id={name}"] if name.startswith("-") else ["--job-id", name]
    assert words == ["iot", "describe-job", *value, "--profile", "plant", "--region", "eu-west-1"]


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[2Kb", "a\u202eb", "a\u200bb", "a\x00b", "a\x85b", "a\rb"], ids=ascii)
def test_a_name_that_a_terminal_does_not_show_as_it_is_gives_no_command(name: str) -> None:
    assert commands.aws(PLANT, "iot", "describe-job", job_id=name) == UNSAFE
    assert commands.iotjobs(PLANT, "run", "sweep", job_id=name) == UNSAFE
    assert commands.aws(Place(profile=name), "iot", "list-jobs") == UNSAFE


@pytest.mark.parametrize("endpoint", ["https://user:secret@proxy.example", "https://proxy.example/?token=secret"])
def test_an_endpoint_with_a_secret_is_never_printed(endpoint: str) -> None:
    assert commands.aws(Place(endpoint=endpoint), "iot", "list-jobs") == UNSAFE
    assert commands.iotjobs(Place(endpoint=endpoint), "run", "investigate") == UNSAFE


def test_pasting_what_stands_for_no_command_does_nothing() -> None:
    shell = subprocess.run(["/bin/sh", "-c", UNSAFE], capture_output=True, text=True, check=False)
    assert (shell.returncode, shell.stdout, shell.stderr) == (0, "", "")


def test_an_endpoint_that_was_configured_goes_along() -> None:
    assert shlex.split(commands.aws(TUNNEL, "iot", "list-jobs"))[-2:] == ["--endpoint-url", "http://127.0.0.1:4566"]
    assert commands.iotjobs(TUNNEL, "run", "investigate").startswith("AWS_ENDPOINT_URL=http://127.0.0.1:4566 iotjobs ")
    alone = commands.iotjobs(replace(TUNNEL, iot_alone=True), "run", "investigate")  # STS stays where it is
    assert alone.startswith("AWS_ENDPOINT_URL_IOT=http://127.0.0.1:4566 iotjobs ")


def test_switches_and_what_is_left_out() -> None:
    command = commands.iotjobs(Place(), "run", "sweep", job_id=None, force=True, unattended=False, max_deletes=25)
    assert command == "iotjobs run sweep --force --no-unattended --max-deletes 25"


def assert_known_to_botocore(command: str) -> None:
    """An operation and parameters that the AWS CLI has: it takes them from the same models."""
    program, service, operation, *words = shlex.split(command)
    assert program == "aws"
    model = botocore.session.Session().get_service_model(service)
    shape = next(model.operation_model(name) for name in model.operation_names if xform_name(name, "-") == operation)
    members = {xform_name(member, "-") for member in shape.input_shape.members}
    options = {word.partition("=")[0].removeprefix("--") for word in words if word.startswith("--")}
    assert options - {"profile", "region", "endpoint-url", "query", "output"} <= members


EVERY_VERIFICATION = [*(rule.verify for rule in CAUSE_RULES), *verify_commands.OF_EVIDENCE.values()]


@pytest.mark.parametrize("name", HOSTILE)
def test_every_command_that_verifies_is_known_to_aws_and_acts_where_the_snapshot_was_read(name: str) -> None:
    facts = Facts._make([None] * len(Facts._fields))._replace(job_id=name, thing_name=name, execution_number=7)
    for verify in EVERY_VERIFICATION:
        command = verify(PLANT, facts)
        assert_known_to_botocore(command)
        assert shlex.split(command)[-4:] == ["--profile", "plant", "--region", "eu-west-1"]
        words = shlex.split(command)
        assert any(word in {name, f"--job-id={name}", f"--thing-name={name}", f'thingName:"{name}"'} for word in words)
