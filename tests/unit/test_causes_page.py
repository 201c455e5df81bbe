"""docs/causes.md says what the code does: each cause in its order, with the same words, and what could be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from iotjobs.diagnosis.causes import CAUSE_RULES, CauseRule, possible_causes
from iotjobs.diagnosis.service_owners import owner_of
from iotjobs.model import Cause
from iotjobs.snapshot import Evidence

PAGE = (Path(__file__).parents[2] / "docs" / "causes.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## `(\w+)`\n(.*?)(?=^##+ |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL))


def test_every_cause_is_there_in_the_order_of_the_contract() -> None:
    assert list(SECTIONS) == [cause.value for cause in Cause] == [rule.cause.value for rule in CAUSE_RULES]


@pytest.mark.parametrize("rule", CAUSE_RULES, ids=lambda rule: rule.cause.value)
def test_a_cause_is_told_as_the_code_has_it(rule: CauseRule) -> None:
    section = SECTIONS[rule.cause.value]
    assert f"Stuck: {rule.stuck}. Suggestion: `{rule.suggestion.value}`.\n" in section
    assert f"Holds when: {rule.when}.\n" in section
    for heading in ("How it is told", "What to do", "What can go wrong"):
        assert f"- {heading}: " in section


@pytest.mark.parametrize("evidence", Evidence)
def test_what_it_could_be_without_evidence_is_told_as_the_code_has_it(evidence: Evidence) -> None:
    told = re.search(rf"^\| {re.escape(evidence.value)} \| (.*?) \|", PAGE, flags=re.MULTILINE)
    assert told is not None
    order = [cause for cause in Cause if cause != Cause.UNKNOWN]
    named = [Cause(name) for name in re.findall(r"`(\w+)`", told[1])]
    if told[1] == "any":
        named = order
    elif told[1].startswith("any but"):
        named = [cause for cause in order if cause not in named]
    elif told[1].endswith("and all after it"):
        named = order[order.index(named[0]) :]
    assert set(named) == possible_causes(evidence)


def test_nothing_missing_leaves_nothing_open_and_what_is_not_known_leaves_all() -> None:
    assert possible_causes("") == frozenset()
    assert possible_causes("the weather") == frozenset(Cause) - {Cause.UNKNOWN}


@pytest.mark.parametrize(
    ("job_id", "namespace_id", "says"),
    [
        ("AFR_OTA-van-3", None, "delete the OTA update instead"),
        ("GreengrassUpdateJob_c3bd7f36", None, "cancel the whole update instead"),
        ("5b5e9d2f-6c3a-4e6e-9a35-0a5f3f1f0a11", "aws-gg-deployment", "cancel or revise the deployment"),
        ("fleet-7", "aws-something-new", "namespace aws-something-new: act through that service"),
    ],
)
def test_jobs_of_a_service_are_recognised(job_id: str, namespace_id: str | None, says: str) -> None:
    assert says in str(owner_of(job_id, namespace_id))


@pytest.mark.parametrize(("job_id", "namespace_id"), [("firmware-2", None), ("x", "awsome-team"), ("x", float("nan"))])
def test_jobs_of_ones_own_are_not(job_id: str, namespace_id: object) -> None:
    assert owner_of(job_id, namespace_id) is None
