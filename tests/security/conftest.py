"""Fixtures of the tests on IAM's policies."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.security.iam_service import enforcing_service


@pytest.fixture(scope="module")
def root() -> Iterator[dict[str, str]]:
    """A service that enforces policies: the settings of its root user."""
    with enforcing_service() as settings:
        yield settings
