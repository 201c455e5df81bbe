"""Where a call acts, and pages of what it lists."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from .errors import invalid
from .fleet import Fleet
from .hosts import Host

Document = dict[str, Any]
Item = TypeVar("Item")


@dataclass
class Place:
    """Where a call acts: the fleet of one account and region, and how AWS is set up there."""

    fleet: Fleet
    account: str
    region: str
    partition: str
    host: Host
    prefix: str
    jobs_endpoint: bool = True
    lists_show_namespaces: bool = True
    pages: dict[Any, tuple[int, list[Any]]] = field(default_factory=dict)

    def arn(self, kind: str, name: str) -> str:
        return f"arn:{self.partition}:iot:{self.region}:{self.account}:{kind}/{name}"


def page(asked: Document, member: str, rows: Sequence[Item], most: int, write: Callable[[Item], Any]) -> Document:
    """One page of a list as AWS answers it: at most ``most`` rows, and the token of the next page."""
    first, size = 0, min(asked.get("maxResults", most), most)
    if token := asked.get("nextToken"):
        try:
            first = int(json.loads(base64.b64decode(token))["from"])
        except (ValueError, KeyError, TypeError):
            raise invalid("Invalid nextToken.") from None
    answer: Document = {member: [write(row) for row in rows[first : first + size]]}
    if first + size < len(rows):
        answer["nextToken"] = base64.b64encode(json.dumps({"from": first + size}).encode()).decode()
    return answer
