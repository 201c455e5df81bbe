"""Each guard by the accident it prevents."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from iotjobs.deletion import guards, last_look
from iotjobs.model import TERMINAL, UNFINISHED, Status
from tests.unit.build_plans import KEY, NOW, execution, plan

WORKING = execution("IN_PROGRESS", last_updated_at=NOW - timedelta(minutes=59))
SILENT = execution("IN_PROGRESS", last_updated_at=NOW - timedelta(minutes=61))


@pytest.mark.parametrize("status", UNFINISHED)
def test_unfinished_needs_force(status: Status) -> None:
    refused = guards.refusals(plan(execution(status)))
    assert [refusal.guard for refusal in refused] == ["unfinished_needs_force"]
    assert refused[0].as_document()["execution_number"] == 3
    assert "--force" in refused[0].message
    assert guards.refusals(plan(execution(status), force=True)) == []


def test_cancel_first_is_not_force() -> None:
    assert guards.refusals(plan(execution("QUEUED"), cancel_first=True))


@pytest.mark.parametrize("status", TERMINAL)
def test_what_has_ended_needs_no_force(status: Status) -> None:
    assert guards.refusals(plan(execution(status))) == []


@pytest.mark.parametrize("around", ["{}", " {}\n"])
def test_the_plans_own_phrase_passes(around: str) -> None:
    assert guards.phrase_must_match(plan(), around.format(plan().phrase)) == []


@pytest.mark.parametrize(
    "phrase",
    [
        "",
        "yes",
        "delete",
        "delete firmware/pump-01/3",
        "delete firmware/pump-01/3 queued",
        "delete firmware/pump-01/30 queued 2026-11-22T12:00:00Z",
        "delete firmware/pump-1/3 queued 2026-11-22T12:00:00Z",
        "DELETE firmware/pump-01/3 queued 2026-11-22T12:00:00Z",
        "delete firmware/pump-01/3  queued 2026-11-22T12:00:00Z",
        "delete firmware/pump-01/3 queued 2026-11-22T12:00:00Z now",
    ],
)
def test_phrase_must_match(phrase: str) -> None:
    refused = guards.phrase_must_match(plan(), phrase)
    assert [refusal.guard for refusal in refused] == ["phrase_must_match"]
    assert plan().phrase in refused[0].message


def test_a_phrase_of_a_number_used_again_says_so() -> None:
    old = plan(execution(queued_at=NOW - timedelta(days=30))).phrase
    assert "uses the number again" in guards.phrase_must_match(plan(), old)[0].message


def test_a_device_at_work_wants_the_longer_phrase() -> None:
    working = plan(WORKING, force=True)
    short = working.phrase.removesuffix(" while it works")
    assert short != working.phrase
    assert "at work" in guards.phrase_must_match(working, short)[0].message
    assert guards.phrase_must_match(working, working.phrase) == []


def test_the_longer_phrase_holds_when_the_device_has_stopped_meanwhile() -> None:
    assert guards.phrase_must_match(plan(SILENT, force=True), plan(WORKING, force=True).phrase) == []


@pytest.mark.parametrize(
    ("moved", "message"),
    [
        ({"status": "SUCCEEDED"}, "SUCCEEDED now and was FAILED"),
        ({"version_number": 3}, "version is 3"),
        ({"queued_at": NOW - timedelta(days=2) + timedelta(seconds=1)}, "used again"),
    ],
    ids=["status", "version", "identity"],
)
def test_unchanged_since_plan(moved: dict[str, Any], message: str) -> None:
    refused = last_look.unchanged(plan().execution, execution(**moved))
    assert [(refusal.guard, refusal.key) for refusal in refused] == [("drifted", KEY)]
    assert message in refused[0].message


def test_what_is_gone_has_drifted() -> None:
    assert last_look.unchanged(plan().execution, None)[0].guard == "drifted"


def test_what_stayed_passes() -> None:
    assert last_look.unchanged(plan().execution, execution()) == []
