"""The plans of many targets as one: its phrase binds every plan; an edit is refused."""

from __future__ import annotations

import copy
import re
from dataclasses import replace
from typing import Any

import pytest

from iotjobs.errors import InvalidInput
from iotjobs.targets.set_plan import PlannedTarget, SetPlan, from_document

SET = SetPlan(
    (
        PlannedTarget("a", "012345678901", "eu-west-1", "0" * 32, 3),
        PlannedTarget("b", "111111111111", "us-east-1", "1" * 32, 4),
    ),
    100,
)


def test_the_phrase_counts_executions_and_targets_and_names_the_plans() -> None:
    assert re.fullmatch(r"delete 7 in 2 targets [0-9a-f]{32}", SET.phrase)


def test_the_set_is_read_back_from_its_file() -> None:
    assert from_document(SET.as_document()) == SET


@pytest.mark.parametrize(
    ("name", "value"),
    [("plan_id", "2" * 32), ("account", "222222222222"), ("region", "eu-west-2"), ("name", "c"), ("count", 5)],
)
def test_another_target_is_another_phrase_and_an_edit_is_refused(name: str, value: Any) -> None:
    document = copy.deepcopy(SET.as_document())
    document["targets"][0][name] = value
    with pytest.raises(InvalidInput, match="edited"):
        from_document(document)


def test_a_set_of_cancels_says_so_and_never_mixes() -> None:
    cancels = SetPlan(tuple(replace(each, action="cancel") for each in SET.targets), 100)
    assert re.fullmatch(r"cancel 7 in 2 targets [0-9a-f]{32}", cancels.phrase)
    assert cancels.targets[0].phrase == f"cancel 3 {'0' * 32}"
    assert cancels.plans_id != SET.plans_id
    assert from_document(cancels.as_document()) == cancels
    mixed = SetPlan((SET.targets[0], cancels.targets[1]), 100)
    with pytest.raises(InvalidInput, match="deletes in some"):
        from_document(mixed.as_document())


def test_a_greater_cap_is_another_phrase() -> None:
    assert SetPlan(SET.targets, 1000).phrase != SET.phrase


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("name", name) for name in ("../x", ".hidden", "a/b", "", "a" * 129, "b", 7, "a\n")],
        *[("account", account) for account in ("1", "\u0661" * 12, 123456789012)],
        ("region", "<b>"),
        ("count", 10**400),
        ("count", True),
        ("device_active", "yes"),
        ("plan_id", "0" * 31),
        ("more", 1),
    ],
)
def test_what_cannot_be_a_target_is_refused_although_the_digest_fits(name: str, value: Any) -> None:
    document = copy.deepcopy(SET.as_document())
    document["targets"][0][name] = value
    if name != "more":
        again = SetPlan((PlannedTarget(**document["targets"][0]), SET.targets[1]), 100)
        document |= {"plans_id": again.plans_id, "phrase": again.phrase}
    with pytest.raises(InvalidInput):
        from_document(document)
