"""How an endpoint proves that it is the embedded service: a challenge, answered with a secret that only it has.

`iotjobs sandbox` makes a secret for each sandbox and hands it to its command in the environment. A tunnel to a real
account, an emulator of somebody else's or a port that was used again knows no such secret, so all of it is LIVE.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import os
import re
import secrets
from urllib.parse import parse_qs, urlsplit

from iotjobs.aws.endpoints import is_loopback

SECRET_VARIABLE = "IOTJOBS_SANDBOX_SECRET"  # noqa: S105 - the variable's name
PATH = "/_iotjobs/sandbox"
_TIMEOUT_S = 2
_LONGEST_ANSWER = 200


def answer(secret: str, query: str, port: int) -> str | None:
    """What the service on `port` answers to the query of a challenge; None when it is none."""
    challenge = parse_qs(query).get("challenge", [""])[0]
    return _proof(secret, challenge, port) if re.fullmatch("[0-9a-f]{32}", challenge) else None


def is_proven(endpoint_url: str | None, secret: str | None = None) -> bool:
    """Whether the service at an endpoint on loopback has the secret (default: that of the environment).

    The proof is bound to the port, so that nothing can pass on another sandbox's.
    """
    secret = secret or os.environ.get(SECRET_VARIABLE)
    if not secret or not endpoint_url or not is_loopback(endpoint_url):
        return False
    challenge = secrets.token_hex(16)
    try:
        parts = urlsplit(endpoint_url)
        expected = _proof(secret, challenge, parts.port or 80)
        return hmac.compare_digest(_ask(parts.netloc.rpartition("@")[2], challenge), expected.encode())
    except (OSError, http.client.HTTPException, ValueError):
        return False


def _proof(secret: str, challenge: str, port: int) -> str:
    return hmac.new(secret.encode(), f"iotjobs sandbox {port} {challenge}".encode(), hashlib.sha256).hexdigest()


def _ask(netloc: str, challenge: str) -> bytes:
    connection = http.client.HTTPConnection(netloc, timeout=_TIMEOUT_S)  # past any proxy: it is this machine
    try:
        connection.request("GET", f"{PATH}?challenge={challenge}")
        return connection.getresponse().read(_LONGEST_ANSWER)
    finally:
        connection.close()
