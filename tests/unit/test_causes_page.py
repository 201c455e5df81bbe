"""docs/causes.md is what the rules say; each rule is whole."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from iotjobs.diagnosis.causes import CAUSE_RULES, SELF_RESOLVING, CauseRule, possible_causes
from iotjobs.diagnosis.causes_page import page
from iotjobs.diagnosis.service_owners import owner_of
from iotjobs.model import Cause

PAGE = (Path(__file__).parents[2] / "docs" / "causes.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## `(\w+)`\n(.*?)(?=^##+ |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL))


def test_every_cause_is_there_in_the_order_of_the_contract() -> None:
    assert list(SECTIONS) == [cause.value for cause in Cause] == [rule.cause.value for rule in CAUSE_RULES]


def test_the_page_is_made_from_the_rules() -> None:
    assert page() == PAGE  # `make docs` writes it


@pytest.mark.parametrize("rule", CAUSE_RULES, ids=lambda rule: rule.cause.value)
def test_a_rule_says_all_that_there_is_to_say(rule: CauseRule) -> None:
    texts = (rule.when, rule.recognised_by, rule.to_do, rule.can_go_wrong)
    assert all(texts)
    assert rule.fill.startswith("#")
    assert (rule.harm == 0) == (rule.stuck == "no")
    if not rule.held and rule.cause not in SELF_RESOLVING:
        assert rule.step_why
        assert "2 things" in rule.step("job-1", "2 things")


def test_two_causes_never_look_alike_nor_do_equal_harm() -> None:
    looks = [(rule.fill, rule.hatch) for rule in CAUSE_RULES]
    assert len(set(looks)) == len(looks)
    harms = [rule.harm for rule in CAUSE_RULES if rule.harm]
    assert len(set(harms)) == len(harms)


def test_nothing_missing_leaves_nothing_open_and_what_is_not_known_leaves_all() -> None:
    assert possible_causes("") == frozenset()
    assert possible_causes("the weather") == frozenset(Cause) - {Cause.UNKNOWN}


@pytest.mark.parametrize(
    ("job_id", "namespace_id", "says"),
    [
        ("AFR_OTA-van-3", None, "for single devices AWS names delete-job-execution"),
        ("GreengrassUpdateJob_c3bd7f36", None, "cancel the whole update instead"),
        ("5b5e9d2f-6c3a-4e6e-9a35-0a5f3f1f0a11", "aws-gg-deployment", "make a new revision of it"),
        ("fleet-7", "aws-something-new", "namespace aws-something-new: act through that service"),
    ],
)
def test_jobs_of_a_service_are_recognised(job_id: str, namespace_id: str | None, says: str) -> None:
    assert says in str(owner_of(job_id, namespace_id))


@pytest.mark.parametrize(("job_id", "namespace_id"), [("firmware-2", None), ("x", "awsome-team"), ("x", float("nan"))])
def test_jobs_of_ones_own_are_not(job_id: str, namespace_id: object) -> None:
    assert owner_of(job_id, namespace_id) is None
