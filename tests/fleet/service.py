"""One account and region for the proof: the embedded service in a process of its own, which logs and fails at will.

    python -m tests.fleet.service ACCOUNT REGION --log FILE [--things N] [--limit CALLS_A_SECOND] [--expire-while FILE]

Prints its URL. Every changing call and every session token that it gives out is a line of the log.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import socket
import sys
import threading
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import time_machine

#: The changing calls of the kit. Source: AWS IoT API reference, CancelJobExecution, DeleteJobExecution.
_CHANGES = [
    ("cancel", "PUT", re.compile(r"/things/(?P<thing>[^/]+)/jobs/(?P<job>[^/]+)/cancel")),
    ("delete", "DELETE", re.compile(r"/things/(?P<thing>[^/]+)/jobs/(?P<job>[^/]+)/executionNumber/(?P<number>\d+)")),
]
_TOKEN = re.compile(r"<(?:SessionToken|SecretAccessKey)>([^<]+)<")
_STS_EXPIRED = (
    '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>ExpiredToken'
    "</Code><Message>The security token included in the request is expired</Message></Error></ErrorResponse>"
)


class Service:
    """The embedded service behind a log, a quota and a login that may be over."""

    def __init__(self, app: Any, log: Path, limit: float | None, expire_while: Path | None) -> None:
        self._app, self._log, self._limit, self._expire_while = app, log, limit, expire_while
        self._left, self._at = limit or 0.0, time.monotonic()
        self.seeding = True

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or self.seeding:
            await self._app(scope, receive, send)
            return
        sts = b"/sts/" in dict(scope["headers"]).get(b"authorization", b"")
        if self._expire_while and self._expire_while.exists():
            await (_answer(send, 403, _STS_EXPIRED, "text/xml") if sts else _refuse(send, 403, "ExpiredTokenException"))
        elif not sts and not self._allowed():
            self._write({"event": "throttled"})
            await _refuse(send, 400, "ThrottlingException")
        else:
            await self._app(scope, receive, self._watched(scope, send))

    def _allowed(self) -> bool:
        if self._limit is None:
            return True
        now = time.monotonic()
        self._left, self._at = min(self._limit, self._left + (now - self._at) * self._limit), now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def _watched(self, scope: Any, send: Any) -> Any:
        change = _change(scope["method"], urllib.parse.unquote(scope["path"]))
        status = 0

        async def watched(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if change and status == 200:
                    self._write(change)
            elif message["type"] == "http.response.body":
                for token in _TOKEN.findall(message.get("body", b"").decode("utf-8", "replace")):
                    self._write({"event": "secret", "value": token})
            await send(message)

        return watched

    def _write(self, line: dict[str, Any]) -> None:
        with self._log.open("a") as file:
            file.write(json.dumps(line) + "\n")


def _change(method: str, path: str) -> dict[str, Any] | None:
    for event, expected, pattern in _CHANGES:
        if method == expected and (match := pattern.fullmatch(path)):
            return {"event": event, **match.groupdict()}
    return None


async def _refuse(send: Any, status: int, code: str) -> None:
    await _answer(send, status, json.dumps({"message": code}), "application/json", code)


async def _answer(send: Any, status: int, body: str, kind: str, code: str = "") -> None:
    headers = [(b"content-type", kind.encode()), (b"x-amzn-errortype", code.encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body.encode()})


def _serve(app: Any, listener: socket.socket) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    config = Config()
    config.bind, config.loglevel = [f"fd://{listener.fileno()}"], "CRITICAL"
    asyncio.run(serve(app, config, shutdown_trigger=asyncio.Event().wait))


def seed(url: str, account: str, region: str, things: int) -> None:
    """Two jobs over so many things, 40 days old: one that failed, succeeded and hangs, one behind it that waits."""
    now = datetime.now(UTC)
    session = boto3.Session(aws_access_key_id=account, aws_secret_access_key=account, region_name=region)
    names = [f"pump-{region}-{number:03}" for number in range(things)]
    with time_machine.travel(now - timedelta(days=40), tick=True):
        iot, plane = (session.client(name, endpoint_url=url) for name in ("iot", "iot-jobs-data"))
        iot.update_indexing_configuration(
            thingIndexingConfiguration={"thingIndexingMode": "REGISTRY", "thingConnectivityIndexingMode": "STATUS"}
        )
        session.client("iam", endpoint_url=url).create_role(RoleName="iotjobs", AssumeRolePolicyDocument="{}")
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda name: iot.create_thing(thingName=name), names))
        arns = [f"arn:aws:iot:{region}:{account}:thing/{name}" for name in names]
        for job in ("firmware", "config"):
            iot.create_job(jobId=job, targets=arns, document="{}")
        for number, name in enumerate(names):
            status = ("FAILED", "IN_PROGRESS", "SUCCEEDED", "REJECTED")[number % 4]
            plane.update_job_execution(jobId="firmware", thingName=name, status=status)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fleet.service", description=__doc__)
    parser.add_argument("account")
    parser.add_argument("region")
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--things", type=int, default=12)
    parser.add_argument("--limit", type=float, default=None)
    parser.add_argument("--expire-while", type=Path, default=None)
    options = parser.parse_args()
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    os.environ |= {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": url.rpartition(":")[2],
        "MINISTACK_ACCOUNT_ID": options.account,
        "MINISTACK_REGION": options.region,
        "SERVICES": "iot,iot-data,iot-jobs-data,sts,iam",
        "LOG_LEVEL": "ERROR",
        "DOCKER_HOST": "unix:///nonexistent/docker.sock",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
    import ministack.app  # reads its settings when imported

    service = Service(ministack.app.app, options.log, options.limit, options.expire_while)
    threading.Thread(target=_serve, args=(service, listener), daemon=True).start()
    seed(url, options.account, options.region, options.things)
    service.seeding = False
    print(url, flush=True)
    sys.stdin.read()  # the proof closes it at its end, however it ends


if __name__ == "__main__":
    main()
