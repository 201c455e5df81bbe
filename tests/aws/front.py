"""A server before or in place of AWS that answers as a test says: whole, dripping, endless, or not as AWS would."""

from __future__ import annotations

import time
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Self


class Front:
    """Answers everything with ``status``, ``headers`` and ``body``; a body in parts goes out ``pause_s`` apart."""

    def __init__(self) -> None:
        front = self
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body: bytes | Iterable[bytes] = b"{}"
        self.pause_s = 0.0
        self.asked: list[str] = []
        self.user_agents: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                front.asked.append(f"{self.command} {self.path}")
                front.user_agents.append(self.headers.get("User-Agent", ""))
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.send_response_only(front.status)
                whole = front.body if isinstance(front.body, bytes) else None
                headers = {"Content-Length": str(len(whole))} if whole is not None else {}
                for name, value in (headers | front.headers).items():
                    self.send_header(name, value)
                self.end_headers()
                for part in [front.body] if isinstance(front.body, bytes) else front.body:
                    try:
                        self.wfile.write(part)
                        self.wfile.flush()
                    except OSError:
                        return
                    time.sleep(front.pause_s)

            do_DELETE = do_PUT = do_POST = do_GET

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> Self:
        Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.shutdown()
        self.server.server_close()
