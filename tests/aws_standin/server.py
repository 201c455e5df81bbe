"""The wire: an HTTP proxy on loopback that answers CONNECT itself, with TLS by an authority made when it starts.

One thread, one event loop. A request that names no other host is for the container's credentials endpoint.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import tempfile
import threading
from collections.abc import Mapping
from email.utils import formatdate
from pathlib import Path
from typing import TYPE_CHECKING

import trustme

from .hosts import Host, host

if TYPE_CHECKING:
    from .standin import StandIn

Head = tuple[str, str, dict[str, str]]
_REASONS = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 409: "Conflict", 502: "Bad Gateway"}


class Server:
    """The proxy of one stand-in, in a thread of its own."""

    def __init__(self, aws: StandIn) -> None:
        self._aws = aws
        self._authority = trustme.CA(organization_name="stand-in for AWS")
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="aws-standin", daemon=True)
        self._ready = threading.Event()
        self._directory = tempfile.TemporaryDirectory(prefix="aws-standin-")
        self.port = 0
        self.container_token = "container-authorization-token"  # noqa: S105 - what a test's container is given

    @property
    def bundle(self) -> str:
        return str(Path(self._directory.name) / "authority.pem")

    def start(self) -> None:
        self._authority.cert_pem.write_to_path(self.bundle)
        self._thread.start()
        if not self._ready.wait(10):
            raise TimeoutError("the stand-in does not start")

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._directory.cleanup()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._talk, "127.0.0.1", 0, backlog=512))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            method, target, headers = await _head(reader)
            if method != "CONNECT":
                await self._container(writer, target, headers)
                return
            name = target.rpartition(":")[0]
            to = host(name)
            if to is None:
                self._aws.strangers.append(name)
                writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                await writer.drain()
                return
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await writer.drain()
            await writer.start_tls(self._context(name))
            while True:
                await self._exchange(to, reader, writer)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def _exchange(self, to: Host, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method, target, headers = await _head(reader)
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        reply = self._aws.reply(to, method, target, headers, body)
        if reply.wait_s:
            await asyncio.sleep(reply.wait_s)
        if reply.drop:
            raise ConnectionResetError
        status, more, content = reply.answer
        sent = _written(status, more, content, self._aws.now())
        if reply.cut:
            writer.write(sent[: -max(1, len(content) // 2)])
            await writer.drain()
            raise ConnectionResetError
        writer.write(sent)
        await writer.drain()

    async def _container(self, writer: asyncio.StreamWriter, target: str, headers: Mapping[str, str]) -> None:
        """The endpoint of AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://127.0.0.1:PORT/container`."""
        aws, status = self._aws, 200
        with aws.lock:
            if aws.logins.container_refuses:
                status, document = 403, {"message": "the task role has no credentials"}
            elif target != "/container" or headers.get("authorization") != self.container_token:
                status, document = 403, {"message": "not authorized"}
            else:
                arn = f"arn:{aws.partition}:sts::{aws.account}:assumed-role/task-role/container"
                document = aws.logins.container(arn, aws.account)
        more = {"Content-Type": "application/json", "Connection": "close"}
        writer.write(_written(status, more, json.dumps(document).encode(), aws.now()))
        await writer.drain()

    def _context(self, name: str) -> ssl.SSLContext:
        if name not in self._contexts:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._authority.issue_cert(name).configure_cert(context)
            self._contexts[name] = context
        return self._contexts[name]


async def _head(reader: asyncio.StreamReader) -> Head:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = lines[0].split(" ")
    pairs = (line.partition(":") for line in lines[1:] if line)
    return method, target, {name.lower(): value.strip() for name, _, value in pairs}


def _written(status: int, headers: Mapping[str, str], body: bytes, now: float) -> bytes:
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}", f"Date: {formatdate(now, usegmt=True)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body
