"""A proxy between the kit and the service: it counts every changing call, and breaks answers by a schedule.

What a changing call hit is asked from the service itself, right before the call is handed on, so that it can be judged
without believing the kit.
"""

from __future__ import annotations

import http.client
import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from tests.faults.harness.request_parsing import Call, understood
from tests.faults.service_model import Accepted, Held

Schedule = Callable[[Call], str]
Answer = tuple[int, dict[str, str], bytes]  # status, headers, body

#: What a fault answers instead of the service: HTTP status, error, headers. `_after`: when the service has acted.
_ANSWERS: dict[str, tuple[int, str, dict[str, str]]] = {
    "429": (429, "TooManyRequestsException", {}),
    "429_asks_to_wait": (429, "TooManyRequestsException", {"Retry-After": "1"}),
    "throttled": (400, "ThrottlingException", {}),
    "500_before": (500, "InternalFailureException", {}),
    "500_after": (500, "InternalFailureException", {}),
    "503_before": (503, "ServiceUnavailableException", {}),
    "503_after": (503, "ServiceUnavailableException", {}),
    "expired": (403, "ExpiredTokenException", {}),
    "denied": (403, "AccessDeniedException", {}),
}
FAULTS = (
    *_ANSWERS,
    "lost_before",
    "lost_after",
    "reset_before",
    "reset_after",
    "reset_in_the_body",
    "truncated",
    "delay",
    "does_nothing",
)
_DELAY_S = 0.3


class FaultyProxy:
    """Faults by schedule: a list is taken in order by changing calls; a function is asked for every call.

    ``before`` is called in between any two steps of the kit, before a call is judged and handed on. ``accepted`` hears
    each changing call that the service accepted, and the execution as it was.
    """

    def __init__(
        self,
        endpoint_url: str,
        faults: list[str] | Schedule = lambda _call: "",
        *,
        before: Callable[[Call], None] | None = None,
        accepted: Callable[[Accepted], None] | None = None,
    ) -> None:
        self.target = urlsplit(endpoint_url).netloc
        self.acted: list[str] = []
        self.accepted: list[Accepted] = []
        self.hit: list[tuple[str, str]] = []
        self.sent = 0  # changing calls that came in, answered or not
        self._schedule = in_order(faults) if isinstance(faults, list) else faults
        self._before = before
        self._hears = accepted
        self._calls = 0
        self._lock = threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

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

    def between(self, before: Callable[[Call], None]) -> None:
        """Have this called before every call, from now on."""
        self._before = before

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        """One call: its fault, before or after the service acted."""
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        with self._lock:  # one at a time, so that what is asked right before a call is what the call hits
            self._calls += 1
            call = understood(self._calls, request, body)
            self.sent += call.changing
            if self._before:
                self._before(call)
            fault = self._schedule(call)
            if fault:
                self.hit.append((fault, call.operation))
            answer = self._answered(fault, call, request, body)
        if fault == "delay":
            time.sleep(_DELAY_S)
        _give(request, fault, answer)

    def _answered(self, fault: str, call: Call, request: BaseHTTPRequestHandler, body: bytes) -> Answer:
        """What comes of a call before its answer is given; a fault with `_after` lets the service act first."""
        if fault == "does_nothing":
            return 200, {}, b"{}"
        if fault in ("lost_before", "reset_before"):
            return 0, {}, b""
        if fault not in _ANSWERS:
            return self._forward(call, request, body)
        if fault.endswith("_after"):
            self._forward(call, request, body)
        status, error, headers = _ANSWERS[fault]
        said = json.dumps({"message": f"{error} by the proxy"}).encode()
        return status, {"x-amzn-ErrorType": error, **headers}, said

    def _forward(self, call: Call, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, dict[str, str], bytes]:
        hits = self._hit_by(call) if call.changing else None
        headers = {name: value for name, value in request.headers.items() if name.lower() != "connection"}
        status, answered, content = self._ask(request.command, request.path, body, headers)
        if call.changing and status < 300:
            self.acted.append(f"{request.command} {request.path}")
            if hits is not None:
                heard = Accepted(call.operation, hits, {"force": call.force})
                self.accepted.append(heard)
                if self._hears:
                    self._hears(heard)
        kept = {name: value for name, value in answered.items() if name.lower() in ("x-amzn-errortype", "content-type")}
        return status, kept, content

    def _hit_by(self, call: Call) -> Held | None:
        """The execution that a call would change, as the service has it now."""
        if not call.thing_name or not call.job_id:
            return None
        number = f"?executionNumber={call.execution_number}" if call.execution_number else ""
        status, _, content = self._ask("GET", f"/things/{call.thing_name}/jobs/{call.job_id}{number}", b"", call.scope)
        if status != 200:
            return None
        found = json.loads(content)["execution"]
        return Held(
            uid=0,
            job_id=call.job_id,
            thing_name=call.thing_name,
            number=found["executionNumber"],
            queued_at=found["queuedAt"],
            updated_at=found["lastUpdatedAt"],
            status=found["status"],
            version=found["versionNumber"],
        )

    def _ask(self, method: str, path: str, body: bytes, headers: dict[str, Any]) -> tuple[int, Any, bytes]:
        connection = http.client.HTTPConnection(self.target, timeout=20)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer.headers, content


def in_order(faults: list[str]) -> Schedule:
    """Faults for the changing calls, first to last; the others pass, and so do all after the last fault."""
    coming = list(faults)

    def fault_of(call: Call) -> str:
        return coming.pop(0) if call.changing and coming else ""

    return fault_of


def _give(request: BaseHTTPRequestHandler, fault: str, answer: Answer) -> None:
    """Give the answer, or what the fault leaves of it."""
    status, headers, content = answer
    if fault.startswith("lost"):
        _cut(request)
    elif fault in ("reset_before", "reset_after"):
        _reset(request)
    elif fault == "reset_in_the_body":
        _send(request, answer, announced=len(content) + 100)
        _reset(request)
    elif fault == "truncated":
        _send(request, (status, headers, (content or b'{"execution": {}}')[:-2]))
    else:
        _send(request, answer)


def _send(request: BaseHTTPRequestHandler, answer: Answer, *, announced: int | None = None) -> None:
    status, headers, content = answer
    request.send_response(status)
    for name, value in ({"Content-Type": "application/json"} | headers).items():
        request.send_header(name, value)
    request.send_header("Content-Length", str(len(content) if announced is None else announced))
    request.end_headers()
    request.wfile.write(content)


def _cut(request: BaseHTTPRequestHandler) -> None:
    request.close_connection = True
    request.connection.shutdown(socket.SHUT_RDWR)


def _reset(request: BaseHTTPRequestHandler) -> None:
    """Close so that the other end sees a reset, not an end."""
    request.close_connection = True
    request.wfile.flush()
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.connection.close()
