"""The settings of one way to log in, for the process that a test runs in."""

from __future__ import annotations

import os

import pytest
from botocore.tokens import SSOTokenProvider
from botocore.utils import JSONFileCache

from .chains import Environment


def use(monkeypatch: pytest.MonkeyPatch, environment: Environment) -> None:
    """Take away every AWS and proxy setting that is there, and set these; undone when the test ends."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "IOTJOBS_")) or "proxy" in name.lower()]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    # botocore looks up the home directory once, when it is imported
    if home := environment.get("HOME"):
        monkeypatch.setattr(SSOTokenProvider, "_SSO_TOKEN_CACHE_DIR", f"{home}/.aws/sso/cache")
        monkeypatch.setattr(JSONFileCache, "CACHE_DIR", f"{home}/.aws/boto/cache")
