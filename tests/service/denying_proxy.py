"""A proxy between the kit and the service that denies or fails some of the reading calls."""

from __future__ import annotations

import http.client
import re
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_OPERATIONS = [
    ("iot", "POST", r"/indices/search", "SearchIndex"),
    ("iot", "GET", r"/indexing/config", "GetIndexingConfiguration"),
    ("iot", "GET", r"/jobs", "ListJobs"),
    ("iot", "GET", r"/jobs/[^/]+", "DescribeJob"),
    ("iot", "GET", r"/jobs/[^/]+/things", "ListJobExecutionsForJob"),
    ("iot", "GET", r"/things", "ListThings"),
    ("iot", "GET", r"/things/[^/]+", "DescribeThing"),
    ("iot", "GET", r"/things/[^/]+/jobs", "ListJobExecutionsForThing"),
    ("iot", "GET", r"/things/[^/]+/jobs/[^/]+", "DescribeJobExecution"),
    ("iot-jobs-data", "GET", r"/things/[^/]+/jobs", "data:GetPendingJobExecutions"),
    ("iot-jobs-data", "GET", r"/things/[^/]+/jobs/[^/]+", "data:DescribeJobExecution"),
]
OPERATIONS = [name for _, _, _, name in _OPERATIONS]

#: From an operation, its path and how often it was called: the HTTP status to answer with, None to let it pass.
Verdict = Callable[[str, str, int], int | None]


class DenyingProxy:
    """Answers as `verdict` says, or as the service does; ``calls`` counts what was asked, by operation."""

    def __init__(self, endpoint_url: str, verdict: Verdict = lambda _operation, _path, _count: None) -> None:
        self.calls: Counter[str] = Counter()
        self._target = urlsplit(endpoint_url).netloc
        self.verdict = verdict
        self._lock = threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                proxy.answer(self)

            do_PUT = do_POST = do_DELETE = do_GET

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

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        path = urlsplit(request.path).path
        operation = _operation(request.headers.get("Authorization", ""), request.command, path)
        with self._lock:
            self.calls[operation] += 1
            status = self.verdict(operation, path, self.calls[operation])
        if status is None:
            status, content, error = self._forward(request, body)
        else:
            code = {403: "AccessDeniedException", 429: "ThrottlingException"}.get(status, "InternalFailureException")
            content, error = b'{"message": "not today"}', code
        request.send_response(status)
        if error:
            request.send_header("x-amzn-ErrorType", error)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    def _forward(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes, str | None]:
        connection = http.client.HTTPConnection(self._target, timeout=20)
        headers = {name: value for name, value in request.headers.items() if name.lower() != "connection"}
        connection.request(request.command, request.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, content, answer.headers.get("x-amzn-ErrorType")


def _operation(authorization: str, method: str, path: str) -> str:
    for scope, its_method, pattern, name in _OPERATIONS:
        if f"/{scope}/aws4_request" in authorization and its_method == method and re.fullmatch(pattern, path):
            return name
    return f"{method} {path}"
