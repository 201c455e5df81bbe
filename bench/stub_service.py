"""A stub of the two calls that a long listing makes, in a process of its own, so that only the client is measured.

The embedded service does not scale past a thousand executions a job. Pages are made before the clock starts.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import re
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

PAGE_ROWS = 250
JOB = "bench"
_STATUSES = ("QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "TIMED_OUT")
_NOW = 1_790_000_000.0
_IDENTITY = (
    b'<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
    b"<Arn>arn:aws:iam::000000000000:root</Arn><UserId>bench</UserId><Account>000000000000</Account>"
    b"</GetCallerIdentityResult></GetCallerIdentityResponse>"
)
_ASKED = re.compile(rb"GET /jobs/[^/]+/things\?(\S*) HTTP")
_TOKEN = re.compile(rb"nextToken=(\d+)")
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@contextmanager
def running(rows: int) -> Iterator[str]:
    """Serve a job of so many executions while the context lasts; gives the endpoint's URL."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(rows, theirs), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


def _serve(rows: int, ready: Connection) -> None:
    pages = [_answer(_page(first, rows), b"application/json") for first in range(0, rows, PAGE_ROWS)]
    identity = _answer(_IDENTITY, b"text/xml")

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = _LENGTH.search(head)
                await reader.readexactly(int(length[1]) if length else 0)
                asked = _ASKED.match(head)
                token = _TOKEN.search(asked[1]) if asked else None
                writer.write(pages[int(token[1]) if token else 0] if asked else identity)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


def _page(first: int, rows: int) -> bytes:
    last = min(first + PAGE_ROWS, rows)
    document: dict[str, object] = {"executionSummaries": [_summary(number) for number in range(first, last)]}
    if last < rows:
        document["nextToken"] = str(last // PAGE_ROWS)
    return json.dumps(document).encode()


def _summary(number: int) -> dict[str, object]:
    queued_at = _NOW - 86_400 * (1 + number % 40) + number % 977 / 1000
    status = _STATUSES[number % len(_STATUSES)]
    summary: dict[str, object] = {
        "status": status,
        "queuedAt": queued_at,
        "lastUpdatedAt": queued_at + 60.5,
        "executionNumber": 1 + number % 3,
        "retryAttempt": 0,
    }
    if status != "QUEUED":
        summary["startedAt"] = queued_at + 30.25
    return {
        "thingArn": f"arn:aws:iot:eu-central-1:000000000000:thing/pump-{number:06}",
        "jobExecutionSummary": summary,
    }


def _answer(body: bytes, kind: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (kind, len(body), body)
