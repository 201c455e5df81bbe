"""One identity from the answer to the journal, and one way to compare moments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from iotjobs.model import Identity, same_moment

SECOND = datetime(2026, 11, 20, 10, 0, 7, tzinfo=UTC)


def _at(milliseconds: float) -> datetime:
    return SECOND + timedelta(milliseconds=milliseconds)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (SECOND, SECOND, True),
        (SECOND, _at(636), True),
        (_at(636), SECOND, True),
        (_at(636), _at(636.0004), True),
        (_at(636), _at(637), False),
        (SECOND, _at(1000), False),
        (SECOND, _at(-1), False),
    ],
)
def test_moments_are_compared_at_the_coarser_precision(one: datetime, other: datetime, same: bool) -> None:
    assert same_moment(one, other) is same


def test_an_identity_is_read_back_exactly() -> None:
    identity = Identity("firmware", "pump-01", 3, _at(636.123))
    assert Identity.from_document(identity.as_document() | {"event": "calling"}) == identity


def test_the_same_number_queued_again_is_another_identity() -> None:
    assert Identity("firmware", "pump-01", 1, SECOND) != Identity("firmware", "pump-01", 1, _at(1))


@pytest.mark.parametrize(
    "changed",
    [
        {"queued_at": "2026-11-20T10:00:07"},
        {"queued_at": "yesterday"},
        {"execution_number": "3"},
        {"execution_number": True},
    ],
)
def test_what_is_no_identity_is_not_read_as_one(changed: dict[str, object]) -> None:
    document = Identity("firmware", "pump-01", 3, SECOND).as_document() | changed
    with pytest.raises((ValueError, TypeError)):
        Identity.from_document(document)
