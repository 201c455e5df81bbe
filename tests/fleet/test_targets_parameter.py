"""The `targets` parameter: what is listed, and what is refused before anything is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from iotjobs import project_file
from iotjobs.errors import InvalidInput
from iotjobs.targets.target import read_targets, twice


def _file(folder: Path, text: str) -> str:
    path = folder / "targets.toml"
    path.write_text(text)
    return str(path)


def test_profiles_and_regions_in_one_line() -> None:
    listed = read_targets("plant@eu-west-1, plant@us-east-1,plant@eu-west-1").targets
    assert [(target.profile, target.region) for target in listed] == [("plant", "eu-west-1"), ("plant", "us-east-1")]


def test_a_role_with_what_it_needs(tmp_path: Path) -> None:
    table = """[[target]]
name = "north"
region = "eu-north-1"
role_arn = "arn:aws:iam::012345678901:role/iotjobs"
external_id = "abc-1"
account = "012345678901"
"""
    (target,) = read_targets(_file(tmp_path, table)).targets
    assert (target.role_arn, target.account) == ("arn:aws:iam::012345678901:role/iotjobs", "012345678901")
    assert "abc-1" not in repr(target)  # workers log the arguments of a task that fails


def test_a_target_under_two_names_is_told_from_two_targets(tmp_path: Path) -> None:
    one = '[[target]]\nname = "{}"\nregion = "eu-west-1"\nprofile = "p"\n'
    listed = read_targets(_file(tmp_path, one.format("a") + one.format("b"))).targets
    assert {again.name: first.name for again, first in twice(listed).items()} == {"b": "a"}


def test_two_different_targets_of_one_name_are_invalid(tmp_path: Path) -> None:
    one = '[[target]]\nname = "a"\nregion = "{}"\nprofile = "p"\n'
    with pytest.raises(InvalidInput, match="two different targets named 'a'"):
        read_targets(_file(tmp_path, one.format("eu-west-1") + one.format("eu-west-2")))
    with pytest.raises(InvalidInput, match="named 'A' and 'a'"):  # one directory on macOS and Windows
        read_targets(_file(tmp_path, one.format("eu-west-1") + one.format("eu-west-1").replace('"a"', '"A"')))


def test_the_mark_with_which_windows_begins_a_file_is_no_part_of_it(tmp_path: Path) -> None:
    table = '\ufeff[[target]]\nname = "a"\nregion = "eu-west-1"\nprofile = "p"\n'
    assert [target.name for target in read_targets(_file(tmp_path, table)).targets] == ["a"]
    assert project_file.parse("\ufeffmax_deletes = 3\n".encode(), name="iotjobs.toml").max_deletes == 3


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[[target]]\nname = 'a'\nregion = 'eu-west-1'\n", "neither profile nor role_arn"),
        ("[[target]]\nname = '../a'\nregion = 'eu-west-1'\nprofile = 'p'\n", "name is '../a'"),
        ("[[target]]\nname = 'a'\nregion = 'x'\nprofile = 'p'\n", "region is 'x'"),
        ("[[target]]\nname = 'a'\nregion = 'eu-west-1'\nprofil = 'p'\n", "has profil"),
        ("[[target]]\nname = 'a'\nregion = 'eu-west-1'\nprofile = 'p'\nexternal_id = 'xy'\n", "without the role_arn"),
        (
            """[[target]]
name = 'a'
region = 'eu-west-1'
role_arn = 'arn:aws:iam::012345678901:role/r'
account = '111111111111'
""",
            "a role of account 012345678901",
        ),
        (
            "[[target]]\nname = 'a'\nregion = 'eu-west-1'\nprofile = 'p'\nendpoint_url = 'https://u:pw@h'\n",
            "endpoint_url",
        ),
        ("target = 3", "double brackets"),
        ("[[", "cannot be read"),
        ("", "no target"),
    ],
)
def test_what_cannot_be_meant_is_invalid(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why) as error:
        read_targets(_file(tmp_path, text))
    assert "pw" not in str(error.value)


@pytest.mark.parametrize("text", ["plant", "@eu-west-1", "plant@", ",", "plant@eu-west-1,", "plant@nowhere"])
def test_a_list_that_cannot_be_meant_is_invalid(text: str) -> None:
    with pytest.raises(InvalidInput, match="targets"):
        read_targets(text)


def test_an_organizations_accounts_become_targets(tmp_path: Path) -> None:
    table = "[[organization]]\nrole_name = 'iotjobs'\nregions = ['cn-north-1']\npartition = 'aws-cn'\n"
    (organization,) = read_targets(_file(tmp_path, table)).organizations
    (target,) = organization.targets_of(["012345678901"])
    assert (target.name, target.role_arn) == ("012345678901@cn-north-1", "arn:aws-cn:iam::012345678901:role/iotjobs")
