"""A rule beside a plan may only tighten it, field by field; read back from `plan.json` it is the same rule or none."""

from __future__ import annotations

from typing import Any

import pytest

from iotjobs.errors import InvalidInput
from iotjobs.sweep_rule import PARAMETERS, SweepRule, from_document, from_parameters, restricted

PLAN = {
    "action": "delete",
    "job_id": "firmware",
    "thing_name": None,
    "causes": "stalled,orphaned",
    "statuses": "FAILED,REJECTED",
    "thing_groups": "pumps,valves",
    "older_than": "30d",
    "stuck_after": "24h",
    "force": None,
    "protect": "prod-*",
}
NARROWER = {
    "thing_name": "pump-1",
    "causes": "orphaned",
    "statuses": "FAILED",
    "thing_groups": "valves",
    "older_than": "31d",
    "protect": "test-*",
}
WIDER = {
    "action": "cancel",
    "job_id": "config",
    "causes": "orphaned,blocked",
    "statuses": "FAILED,TIMED_OUT",
    "thing_groups": "valves,doors",
    "older_than": "29d",
    "stuck_after": "25h",
    "force": True,
}


def test_every_parameter_of_the_rule_is_tried() -> None:
    assert set(PLAN) == {each.name for each in PARAMETERS} == set(NARROWER) | set(WIDER)


@pytest.mark.parametrize("name", PLAN)
def test_what_a_plan_has_may_be_said_again(name: str) -> None:
    rule = from_parameters(PLAN)
    assert restricted(rule, {name: PLAN[name]}) == (rule, [])


@pytest.mark.parametrize("name", NARROWER)
def test_what_is_narrower_takes_the_place_of_the_plans_and_protection_is_added(name: str) -> None:
    narrower = "prod-*,test-*" if name == "protect" else NARROWER[name]
    assert restricted(from_parameters(PLAN), {name: NARROWER[name]}) == (
        from_parameters({**PLAN, name: narrower}),
        [],
    )


@pytest.mark.parametrize("name", WIDER)
def test_what_would_widen_it_is_named(name: str) -> None:
    other = {"action": "cancel", "statuses": "QUEUED"} if name == "action" else {name: WIDER[name]}
    rule = from_parameters({**PLAN, "statuses": "QUEUED"} if name == "action" else PLAN)
    assert restricted(rule, other)[1] == [name]


def test_force_may_be_taken_back() -> None:
    assert restricted(from_parameters({**PLAN, "force": True}), {"force": False})[0].force is False


def test_read_back_it_is_the_same_rule() -> None:
    rule = from_parameters(PLAN)
    assert from_document(rule.as_document()) == rule
    assert from_document(SweepRule().as_document()) == SweepRule()


@pytest.mark.parametrize(
    "edit",
    [
        {"action": "destroy"},
        {"job_id": "no job"},
        {"job_id": ""},
        {"causes": ["stalled", "orphaned"]},  # not as the kit sorts them
        {"causes": "orphaned"},
        {"causes": ["broken"]},
        {"statuses": [7]},
        {"older_than_s": True},
        {"older_than_s": 86400.0},
        {"older_than_s": -1},
        {"force": 1},
        {"force": None},
        {"action": "cancel"},  # its statuses have ended
    ],
    ids=str,
)
def test_what_the_kit_would_not_write_is_no_rule(edit: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError, InvalidInput)):
        from_document(from_parameters(PLAN).as_document() | edit)
