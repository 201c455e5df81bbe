"""The phrase of a sweep binds all that was approved: whatever of a plan changes, its phrase is another one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from iotjobs.deletion.caps import Caps
from iotjobs.deletion.plan import DELETE
from iotjobs.deletion.sweep_plan import LeftAlone, Reading, SweepPlan, Target
from iotjobs.model import ExecutionKey
from iotjobs.sweep_rule import SweepRule

from .build_plans import KEY, NOW, execution, plan

ONE = plan(execution("QUEUED"), cancel_first=True)
PLAN = SweepPlan(
    rule=SweepRule(job_id="firmware", force=True),
    caps=Caps(25, 0.5),
    account=ONE.account,
    region=ONE.region,
    endpoint=ONE.endpoint,
    caller_arn=ONE.caller_arn,
    made_at=NOW,
    reading=Reading(NOW, rows=10),
    job_totals={"firmware": 10},
    targets=(Target(ONE, "device_offline"),),
)
OTHERS: dict[str, Any] = {
    "rule": SweepRule(job_id="firmware", force=False),
    "caps": Caps(25, 1.0),
    "account": "111122223333",
    "region": "eu-west-1",
    "endpoint": "https://iot.eu-west-1.amazonaws.com",
    "caller_arn": "arn:aws:iam::123456789012:user/somebody",
    "made_at": NOW + timedelta(seconds=1),
    "reading": Reading(NOW, rows=11),
    "job_totals": {"firmware": 11},
    "targets": (Target(ONE, "not_picked_up"),),
}


def test_it_names_how_many_and_is_too_long_to_collide() -> None:
    verb, count, plan_id = PLAN.phrase.split()
    assert (verb, count, plan_id) == ("delete", "1", PLAN.plan_id)
    assert len(plan_id) >= 32
    assert int(plan_id, 16)


@pytest.mark.parametrize("name", [each.name for each in fields(SweepPlan) if each.init])
def test_each_fact_of_a_plan_is_in_it(name: str) -> None:
    assert replace(PLAN, **{name: OTHERS.get(name, "another")}).phrase != PLAN.phrase


OF_A_TARGET: dict[str, Callable[[Any], Any]] = {
    "its number": lambda one: replace(
        one, execution=replace(one.execution, key=ExecutionKey(KEY.job_id, KEY.thing_name, 4))
    ),
    "its thing": lambda one: replace(one, execution=replace(one.execution, key=ExecutionKey(KEY.job_id, "prod-1", 3))),
    "when it was queued": lambda one: replace(
        one, execution=replace(one.execution, queued_at=one.execution.queued_at + timedelta(milliseconds=1))
    ),
    "its version": lambda one: replace(one, execution=replace(one.execution, version_number=3)),
    "its state": lambda one: replace(one, execution=execution("IN_PROGRESS")),
    "its steps": lambda one: replace(one, operations=(DELETE,)),
    "force": lambda one: replace(one, force=True),
    "what is around it": lambda one: replace(one, queue_context=replace(one.queue_context, owner="Greengrass")),
}


@pytest.mark.parametrize("name", OF_A_TARGET)
def test_each_fact_of_a_target_is_in_it(name: str) -> None:
    changed = replace(PLAN, targets=(Target(OF_A_TARGET[name](ONE), "device_offline"),))
    assert changed.phrase != PLAN.phrase


def test_what_is_left_alone_is_in_it() -> None:
    reading = replace(PLAN.reading, protected=(LeftAlone(KEY, "the job belongs to Greengrass"),), protected_count=1)
    assert replace(PLAN, reading=reading).phrase != PLAN.phrase
