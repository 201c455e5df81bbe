"""The policies of `iam/` with their placeholders filled in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
NAMES = ("investigator", "operator", "fleet")


def policy(
    name: str, *, partition: str = "aws", region: str = "eu-central-1", account: str = "123456789012"
) -> dict[str, Any]:
    text = (ROOT / "iam" / f"{name}.json").read_text()
    filled = text.replace("PARTITION", partition).replace("REGION", region).replace("ACCOUNT", account)
    return json.loads(filled.replace("ORGANIZATION", "o-abcdefghij"))


def statements(name: str) -> list[dict[str, Any]]:
    return policy(name)["Statement"]


def actions(name: str, effect: str = "Allow") -> list[str]:
    return [action for one in statements(name) if one["Effect"] == effect for action in one["Action"]]
