"""Who made a plan: an HMAC over it with a key that a team shares, `IOTJOBS_PLAN_KEY`. Pure but for the variable.

A plan's id is a digest without a key, so whoever can write the file can make another plan with its own id and phrase.
With the key set, plans are written with a `signature`, and none without the right one is taken.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from typing import Any

from iotjobs.errors import InvalidInput

VARIABLE = "IOTJOBS_PLAN_KEY"
MEMBER = "signature"
#: What a person should know where there is no key.
UNKEYED = (
    f"this plan came as a file, and {VARIABLE} is not set: its id rules out an accident, and says nothing of who "
    "made it; read it before it is confirmed"
)


def is_keyed() -> bool:
    """Whether plans are signed here. Raises InvalidInput for a key that is set and empty."""
    return _key() is not None


def signed(document: Mapping[str, Any]) -> dict[str, Any]:
    """A plan's document with its signature, as it is without a key. Raises InvalidInput as `is_keyed`."""
    key = _key()
    return {**document, MEMBER: _signature(document, key)} if key is not None else dict(document)


def take_off(document: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The document without its signature, and why it must not be taken; empty where it may.

    Without a key nothing can be said of a signature, and it is passed over. Raises InvalidInput as `is_keyed`.
    """
    bare = {name: value for name, value in document.items() if name != MEMBER}
    key, signature = _key(), document.get(MEMBER)
    if key is None:
        return bare, ""
    if signature is None:
        return (
            bare,
            f"it has no signature, and {VARIABLE} is set: it was made where that key is not, or by an older run",
        )
    if not isinstance(signature, str) or not hmac.compare_digest(signature.encode(), _signature(bare, key).encode()):
        return bare, f"its signature is not that of the key in {VARIABLE}: it was edited, or signed with another key"
    return bare, ""


def _key() -> bytes | None:
    key = os.environ.get(VARIABLE)
    if key is not None and not key.strip():
        raise InvalidInput(f"{VARIABLE} is set and empty: give the key, or take the variable away")
    return None if key is None else key.strip().encode(errors="surrogateescape")


def _signature(document: Mapping[str, Any], key: bytes) -> str:
    """HMAC-SHA256 over the document as JSON with sorted keys, ASCII only, without spaces."""
    content = json.dumps(document, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hmac.new(key, content.encode(), hashlib.sha256).hexdigest()
