"""`iotjobs.toml` is read strictly: what cannot be meant is an error that names the file and the key."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from iotjobs.errors import InvalidInput, Refused
from iotjobs.project_file import Project, in_force, parse


def _write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "iotjobs.toml"
    path.write_text(text)
    return path


def test_the_nearest_file_upwards_holds(tmp_path: Path) -> None:
    _write(tmp_path, 'account = "111111111111"')
    deep = tmp_path / "plant" / "notebooks"
    _write(tmp_path / "plant", 'account = "222222222222"')
    deep.mkdir()
    with pytest.raises(Refused, match="222222222222"):
        in_force({}, deep).require(account="111111111111")
    in_force({}, tmp_path).require(account="111111111111")


def test_the_file_that_the_variable_names_holds_instead(tmp_path: Path) -> None:
    _write(tmp_path, 'account = "111111111111"')
    other = tmp_path / "other.toml"
    other.write_text('region = "eu-west-1"')
    project = in_force({"IOTJOBS_CONFIG": str(other)}, tmp_path)
    assert [pin.name for pin in project.pins] == ["region"]


def test_without_a_file_or_variable_nothing_is_asked_for(tmp_path: Path) -> None:
    assert in_force({}, tmp_path) == Project()
    assert Project().as_document() is None


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("accounts = '111111111111'", "accounts"),
        ("account = 111111111111", "account"),
        ("account = '1111'", "account"),
        ("account = []", "account"),
        ("region = 'Frankfurt'", "region"),
        ("endpoint = 'iot.example'", "endpoint"),
        ("endpoint = 'https://user:word@iot.example'", "endpoint"),
        ("protected_accounts = '111111111111'", "protected_accounts"),
        ("protect = 'prod-*'", "protect"),
        ("protect = ['']", "protect"),
        ("protect_jobs = []", "protect_jobs"),
        ("max_deletes = -1", "max_deletes"),
        ("max_deletes = true", "max_deletes"),
        ("max_fraction = nan", "max_fraction"),
        ("[pins]\naccount = '111111111111'", "pins"),
        ("account = ", "iotjobs.toml"),
    ],
)
def test_what_cannot_be_meant_is_named_with_its_file(tmp_path: Path, text: str, key: str) -> None:
    _write(tmp_path, text)
    with pytest.raises(InvalidInput, match=r"iotjobs\.toml") as error:
        in_force({}, tmp_path)
    assert key in str(error.value)


@pytest.mark.parametrize("value", ["", "1234", "111111111111,222222222222"])
def test_a_variable_that_is_set_and_no_account_is_an_error(tmp_path: Path, value: str) -> None:
    with pytest.raises(InvalidInput, match="IOTJOBS_ACCOUNT"):
        in_force({"IOTJOBS_ACCOUNT": value}, tmp_path)


@pytest.mark.parametrize("value", ["", "nowhere.toml", "."])
def test_a_file_that_is_named_and_not_there_is_an_error(tmp_path: Path, value: str) -> None:
    with pytest.raises(InvalidInput, match="IOTJOBS_CONFIG"):
        in_force({"IOTJOBS_CONFIG": value}, tmp_path)


def test_a_pipe_or_a_huge_file_is_an_error_and_waited_for_by_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "iotjobs.toml")
    with pytest.raises(InvalidInput, match="ordinary"):
        in_force({}, tmp_path)
    huge = tmp_path / "huge.toml"
    with huge.open("wb") as file:
        file.truncate(5 << 30)
    with pytest.raises(InvalidInput, match="larger"):
        in_force({"IOTJOBS_CONFIG": str(huge)}, tmp_path)


def test_file_and_variable_both_hold() -> None:
    project = parse(b'account = ["111111111111", "222222222222"]', name="iotjobs.toml")
    project.require(account="222222222222")
    both = in_force({"IOTJOBS_ACCOUNT": "111111111111"}, Path("/"))
    with pytest.raises(Refused, match="IOTJOBS_ACCOUNT"):
        both.require(account="222222222222")


@pytest.mark.parametrize("actual", ["https://iot.example", "https://iot.example:443/", "https://IOT.example."])
def test_an_endpoint_is_compared_as_a_place_and_not_as_text(actual: str) -> None:
    parse(b'endpoint = "https://iot.example"', name="x").require(endpoint=actual)


@pytest.mark.parametrize("actual", ["http://iot.example", "https://iot.example:8443", "https://iot.example.evil.test"])
def test_another_endpoint_is_refused(actual: str) -> None:
    with pytest.raises(Refused):
        parse(b'endpoint = "https://iot.example"', name="x").require(endpoint=actual)


def test_patterns_are_of_whole_names_things_and_jobs_apart() -> None:
    project = parse(b'protect = ["prod-*"]\nprotect_jobs = ["ota-?"]', name="iotjobs.toml")
    assert project.protects("ota-1", "x") == "ota-1 is protected by iotjobs.toml (protect_jobs has ota-?)"
    assert project.protects("x", "prod-1") == "prod-1 is protected by iotjobs.toml (protect has prod-*)"
    assert project.protects("prod-1", "ota-1") is None
    assert project.protects("x", "nonprod-1") is None
