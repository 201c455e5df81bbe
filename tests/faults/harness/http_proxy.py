"""A proxy between the kit and the embedded service: it tells calls apart, breaks answers, and hears what was accepted.

What a changing call hit is asked from the service itself, right before the call is handed on, so that it can be judged
without believing the kit.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from tests.faults.harness.service_model import AcceptedCall, ExecutionRecord

Answer = tuple[int, dict[str, str], bytes]  # status, headers, body

#: What a fault answers instead of the service: HTTP status, error, headers. `_after`: when the service has acted.
_ANSWERS: dict[str, tuple[int, str, dict[str, str]]] = {
    "too_many_requests": (429, "TooManyRequestsException", {}),
    "asked_to_wait": (429, "TooManyRequestsException", {"Retry-After": "1"}),
    "throttled": (400, "ThrottlingException", {}),
    "internal_error": (500, "InternalFailureException", {}),
    "internal_error_after": (500, "InternalFailureException", {}),
    "unavailable": (503, "ServiceUnavailableException", {}),
    "unavailable_after": (503, "ServiceUnavailableException", {}),
    "credentials_expired": (403, "ExpiredTokenException", {}),
    "denied": (403, "AccessDeniedException", {}),
}
HTTP_FAULTS = (
    *_ANSWERS,
    "request_lost",
    "response_lost",
    "reset",
    "reset_after",
    "reset_in_the_body",
    "cut_short",
    "delayed",
    "does_nothing",
)
_DELAY_S = 0.3

_OPERATIONS = (
    ("DELETE", r"/things/(?P<thing>[^/]+)/jobs/(?P<job>[^/]+)/executionNumber/(?P<number>\d+)", "DeleteJobExecution"),
    ("PUT", r"/things/(?P<thing>[^/]+)/jobs/(?P<job>[^/]+)/cancel", "CancelJobExecution"),
    ("GET", r"/things/(?P<thing>[^/]+)/jobs/(?P<job>[^/]+)", "DescribeJobExecution"),
    ("GET", r"/things/(?P<thing>[^/]+)/jobs", "ListJobExecutionsForThing"),
    ("GET", r"/jobs/(?P<job>[^/]+)/things", "ListJobExecutionsForJob"),
    ("GET", r"/jobs/(?P<job>[^/]+)", "DescribeJob"),
    ("GET", r"/jobs", "ListJobs"),
    ("GET", r"/things/(?P<thing>[^/]+)", "DescribeThing"),
    ("GET", r"/things", "ListThings"),
    ("GET", r"/thing-groups/[^/]+/things", "ListThingsInThingGroup"),
    ("GET", r"/indexing/config", "GetIndexingConfiguration"),
    ("POST", r"/indices/search", "SearchIndex"),
    ("POST", r"/things/(?P<thing>[^/]+)/connectivity-data", "GetThingConnectivityData"),
    ("POST", r"/", "GetCallerIdentity"),
)
_READING_POSTS = ("SearchIndex", "GetThingConnectivityData", "GetCallerIdentity")
#: Operations of the device plane share their paths with those of the control plane: the signature tells them apart.
_OF_THE_DEVICE_PLANE = {
    "ListJobExecutionsForThing": "data:GetPendingJobExecutions",
    "DescribeJobExecution": "data:DescribeJobExecution",
}


@dataclass(frozen=True)
class Call:
    """One call as it came in: the ``number``-th of all, the ``nth`` of its operation."""

    operation: str
    changing: bool
    number: int = 0
    nth: int = 0
    job_id: str = ""
    thing_name: str = ""
    execution_number: int | None = None
    force: bool = False
    scope: dict[str, str] = field(default_factory=dict)  # the headers that say which service it is for


FaultOf = Callable[[Call], str]


class HttpProxy:
    """Hands calls on to the service, broken as ``fault_of`` says of each (one of `HTTP_FAULTS`, empty: not at all).

    ``before`` is called before a call is judged and handed on, between any two steps of the kit. ``on_accepted`` hears
    each changing call that the service accepted, and the execution as it was.
    """

    def __init__(
        self,
        endpoint_url: str,
        fault_of: FaultOf = lambda _call: "",
        *,
        before: Callable[[Call], None] = lambda _call: None,
        on_accepted: Callable[[AcceptedCall], None] = lambda _call: None,
    ) -> None:
        self.fault_of, self.before = fault_of, before
        self.acted: list[str] = []
        self.injected: list[tuple[str, str]] = []
        self.changing_calls = 0  # that came in, answered or not
        self._target = urlsplit(endpoint_url).netloc
        self._on_accepted = on_accepted
        self._nth: Counter[str] = Counter()
        self._counting, self._changing = threading.Lock(), threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_any(self) -> None:
                proxy.handle(self)

            do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = do_any

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        """One call: its fault, before or after the service acted."""
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        call = self._numbered(_parse(request))
        self.before(call)
        fault = self.fault_of(call)
        if fault:
            self.injected.append((fault, call.operation))
        if call.changing:
            with self._changing:  # one at a time, so that what is asked right before a call is what the call hits
                answer = self._answer(fault, call, request, body)
        else:
            answer = self._answer(fault, call, request, body)
        if fault == "delayed":
            time.sleep(_DELAY_S)
        _give(request, fault, answer)

    def _numbered(self, call: Call) -> Call:
        with self._counting:
            self._nth[call.operation] += 1
            self.changing_calls += call.changing
            return Call(**{**vars(call), "number": self._nth.total(), "nth": self._nth[call.operation]})

    def _answer(self, fault: str, call: Call, request: BaseHTTPRequestHandler, body: bytes) -> Answer:
        """What comes of a call before its answer is given; a fault with `_after` lets the service act first."""
        if fault == "does_nothing":
            return 200, {}, b"{}"
        if fault in ("request_lost", "reset"):
            return 0, {}, b""
        if fault not in _ANSWERS:
            return self._forward(call, request, body)
        if fault.endswith("_after"):
            self._forward(call, request, body)
        status, error, headers = _ANSWERS[fault]
        return status, {"x-amzn-ErrorType": error, **headers}, json.dumps({"message": f"{error} by the proxy"}).encode()

    def _forward(self, call: Call, request: BaseHTTPRequestHandler, body: bytes) -> Answer:
        before = self._execution(call) if call.changing else None
        headers = {name: value for name, value in request.headers.items() if name.lower() != "connection"}
        status, answered, content = self._ask(request.command, request.path, body, headers)
        if call.changing and status < 300:
            self.acted.append(call.operation)
            if before is not None:
                version = json.loads(body or b"{}").get("expectedVersion")
                arguments = {"force": call.force, "expectedVersion": version}
                self._on_accepted(AcceptedCall(call.operation, before, arguments))
        kept = {name: value for name, value in answered.items() if name.lower() in ("x-amzn-errortype", "content-type")}
        return status, kept, content

    def _execution(self, call: Call) -> ExecutionRecord | None:
        """The execution that a call would change, as the service has it now."""
        number = f"?executionNumber={call.execution_number}" if call.execution_number else ""
        status, _, content = self._ask("GET", f"/things/{call.thing_name}/jobs/{call.job_id}{number}", b"", call.scope)
        if status != 200:
            return None
        execution = json.loads(content)["execution"]
        return ExecutionRecord(
            uid=0,
            job_id=call.job_id,
            thing_name=call.thing_name,
            number=execution["executionNumber"],
            queued_at=execution["queuedAt"],
            updated_at=execution["lastUpdatedAt"],
            status=execution["status"],
            version=execution["versionNumber"],
        )

    def _ask(self, method: str, path: str, body: bytes, headers: dict[str, Any]) -> tuple[int, Any, bytes]:
        connection = http.client.HTTPConnection(self._target, timeout=20)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer.headers, content


def in_order(faults: Sequence[str]) -> FaultOf:
    """Faults for the changing calls, first to last; the others pass, and so do all after the last fault."""
    coming = list(faults)
    return lambda call: coming.pop(0) if call.changing and coming else ""


def on(fault: str, *operations: str) -> FaultOf:
    """One fault for every call of some operations."""
    return lambda call: fault if call.operation in operations else ""


def _parse(request: BaseHTTPRequestHandler) -> Call:
    """What a request asks for (API: the requestUri of each operation). One that we do not know counts as changing."""
    parts = urlsplit(request.path)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    scope = {name: request.headers[name] for name in ("Authorization", "Host", "X-Amz-Date") if name in request.headers}
    for method, path, operation in _OPERATIONS:
        match = re.fullmatch(path, parts.path)
        if match and method == request.command:
            names = {name: unquote(value) for name, value in match.groupdict().items()}
            number = names.get("number") or query.get("executionNumber")
            of_devices = "/iot-jobs-data/aws4_request" in scope.get("Authorization", "")
            return Call(
                operation=_OF_THE_DEVICE_PLANE.get(operation, operation) if of_devices else operation,
                changing=method != "GET" and operation not in _READING_POSTS,
                job_id=names.get("job", ""),
                thing_name=names.get("thing", ""),
                execution_number=int(number) if number else None,
                force=query.get("force") == "true",
                scope=scope,
            )
    return Call(f"{request.command} {parts.path}", changing=request.command != "GET", scope=scope)


def _give(request: BaseHTTPRequestHandler, fault: str, answer: Answer) -> None:
    """Give the answer, or what the fault leaves of it."""
    status, headers, content = answer
    if fault in ("request_lost", "response_lost"):
        request.close_connection = True
        request.connection.shutdown(socket.SHUT_RDWR)
    elif fault in ("reset", "reset_after"):
        _reset(request)
    elif fault == "reset_in_the_body":
        _send(request, answer, length=len(content) + 100)
        _reset(request)
    elif fault == "cut_short":
        _send(request, (status, headers, (content or b'{"execution": {}}')[:-2]))
    else:
        _send(request, answer)


def _send(request: BaseHTTPRequestHandler, answer: Answer, *, length: int | None = None) -> None:
    status, headers, content = answer
    request.send_response(status)
    for name, value in ({"Content-Type": "application/json"} | headers).items():
        request.send_header(name, value)
    request.send_header("Content-Length", str(len(content) if length is None else length))
    request.end_headers()
    request.wfile.write(content)


def _reset(request: BaseHTTPRequestHandler) -> None:
    """Close so that the other end sees a reset, not an end."""
    request.close_connection = True
    request.wfile.flush()
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.connection.close()
