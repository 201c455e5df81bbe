"""Which operation an HTTP request is, and what it names (API: the requestUri of each operation)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, unquote, urlsplit

_SHAPES: tuple[tuple[str, str, str], ...] = (
    ("DELETE", r"/things/(?P<thing>[^/]+)/jobs/(?P<job>[^/]+)/executionNumber/(?P<number>\d+)", "DeleteJobExecution"),
    ("PUT", r"/things/(?P<thing>[^/]+)/jobs/(?P<job>[^/]+)/cancel", "CancelJobExecution"),
    ("GET", r"/things/(?P<thing>[^/]+)/jobs/(?P<job>[^/]+)", "DescribeJobExecution"),
    ("GET", r"/things/(?P<thing>[^/]+)/jobs", "ListJobExecutionsForThing"),
    ("GET", r"/jobs/(?P<job>[^/]+)/things", "ListJobExecutionsForJob"),
    ("GET", r"/jobs/(?P<job>[^/]+)", "DescribeJob"),
    ("GET", r"/jobs", "ListJobs"),
    ("GET", r"/things/(?P<thing>[^/]+)", "DescribeThing"),
    ("GET", r"/thing-groups/[^/]+/things", "ListThingsInThingGroup"),
    ("POST", r"/indices/search", "SearchIndex"),
    ("POST", r"/", "GetCallerIdentity"),
)
_READING_POSTS = ("SearchIndex", "GetCallerIdentity")


@dataclass(frozen=True)
class Call:
    """One call as it came in; ``scope`` are the headers that say which service it is for."""

    number: int
    operation: str
    changing: bool
    job_id: str = ""
    thing_name: str = ""
    execution_number: int | None = None
    force: bool = False
    given: dict[str, object] = field(default_factory=dict)
    scope: dict[str, str] = field(default_factory=dict)


def understood(number: int, request: BaseHTTPRequestHandler, body: bytes) -> Call:
    """What a request asks for. A request that is no reading one that we know counts as changing."""
    parts = urlsplit(request.path)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    scope = {name: request.headers[name] for name in ("Authorization", "Host", "X-Amz-Date") if name in request.headers}
    for method, shape, operation in _SHAPES:
        found = re.fullmatch(shape, parts.path)
        if found and method == request.command:
            names = {name: unquote(value) for name, value in found.groupdict().items()}
            named = names.get("number") or query.get("executionNumber")
            return Call(
                number=number,
                operation=operation,
                changing=method != "GET" and operation not in _READING_POSTS,
                job_id=names.get("job", ""),
                thing_name=names.get("thing", ""),
                execution_number=int(named) if named else None,
                force=query.get("force") == "true",
                given=_json(body) if request.command == "PUT" else {},
                scope=scope,
            )
    return Call(number, f"{request.command} {parts.path}", changing=request.command != "GET", scope=scope)


def _json(body: bytes) -> dict[str, object]:
    return dict(json.loads(body)) if body else {}
