"""A proxy between the kit and the service that counts changing calls and loses, delays or breaks their answers."""

from __future__ import annotations

import http.client
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class FaultyProxy:
    """Faults are taken in order, one for each changing call; after the last, calls pass.

    `lost_before` and `lost_after`: the connection is cut before or after the service acted; `500_before`,
    `500_after`, `429`: that answer, before or after it acted; `pass`.
    """

    def __init__(self, endpoint_url: str, faults: list[str]) -> None:
        self.target = urlsplit(endpoint_url).netloc
        self.faults = list(faults)
        self.acted: list[str] = []
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
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        changing = request.command == "DELETE" or request.path.split("?")[0].endswith("/cancel")
        fault = self.faults.pop(0) if changing and self.faults else "pass"
        if fault == "lost_before":
            return self._cut(request)
        if fault in ("500_before", "429"):
            return self._answer(request, 500 if fault == "500_before" else 429, b"{}", "ThrottlingException")
        status, headers, content = self._forward(request, body)
        if changing and status < 300:
            self.acted.append(f"{request.command} {request.path}")
        if fault == "lost_after":
            return self._cut(request)
        if fault == "500_after":
            return self._answer(request, 500, b"{}", "InternalFailureException")
        return self._answer(request, status, content, headers.get("x-amzn-ErrorType"))

    def _forward(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, http.client.HTTPMessage, bytes]:
        connection = http.client.HTTPConnection(self.target, timeout=20)
        headers = {name: value for name, value in request.headers.items() if name.lower() != "connection"}
        connection.request(request.command, request.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer.headers, content

    @staticmethod
    def _cut(request: BaseHTTPRequestHandler) -> None:
        request.close_connection = True
        request.connection.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def _answer(request: BaseHTTPRequestHandler, status: int, content: bytes, error: str | None) -> None:
        request.send_response(status)
        if error and status >= 400:
            request.send_header("x-amzn-ErrorType", error)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)
