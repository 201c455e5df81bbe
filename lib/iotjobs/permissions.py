"""Which statement of the kit's IAM policies grants an action: the policies in `iam/` are the source and are shipped."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources

_POLICIES = ("investigator", "operator", "fleet")  # the one with the fewest rights first


@dataclass(frozen=True, slots=True)
class Grant:
    """One statement of one policy file."""

    file: str
    sid: str

    def __str__(self) -> str:
        """As an error's last words say it."""
        return f"{self.file}, statement {self.sid}"


def grant_of(action: str) -> Grant | None:
    """Return the first statement that allows an action as IAM spells it (`iot:DescribeJob`); None where none does."""
    return _grants().get(action)


def allow(action: str) -> str:
    """Say what makes a denied call succeed: the action, and the statement to take it from."""
    grant = grant_of(action)
    return f"allow {action} ({grant})" if grant else f"allow {action}"


def denied_actions(actions: Iterable[str]) -> list[str]:
    """What was denied, in a sentence, with the statement that grants each; nothing where nothing was."""
    listed = [f"{action} ({grant})" if (grant := grant_of(action)) else action for action in actions]
    return [f"Denied to this caller: {', '.join(listed)}."] if listed else []


@cache
def _grants() -> dict[str, Grant]:
    grants: dict[str, Grant] = {}
    for name in _POLICIES:
        text = resources.files("iotjobs").joinpath("iam", f"{name}.json").read_text(encoding="utf-8")
        for statement in json.loads(text)["Statement"]:
            if statement["Effect"] == "Allow":
                for action in statement["Action"]:
                    grants.setdefault(action, Grant(f"iam/{name}.json", statement["Sid"]))
    return grants
