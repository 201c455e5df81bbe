"""The settings of one way to log in, for the process that a test runs in."""

from __future__ import annotations

import os

import pytest
from botocore.tokens import SSOTokenProvider

from .chains import Environment


def use(monkeypatch: pytest.MonkeyPatch, environment: Environment) -> None:
    """Take away every AWS setting that is there, and set these; undone when the test ends."""
    for name in os.environ:
        if name.startswith("AWS_") or name.upper() in {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}:
            monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    # botocore looks up the home directory once, when it is imported
    monkeypatch.setattr(SSOTokenProvider, "_SSO_TOKEN_CACHE_DIR", f"{environment['HOME']}/.aws/sso/cache")
