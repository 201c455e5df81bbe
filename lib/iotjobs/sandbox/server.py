"""ministack served on a free loopback port, in a thread of this process.

In the same process, because ages are made by travelling the clock that the service reads.
"""

from __future__ import annotations

import asyncio
import http
import http.client
import os
import secrets
import socket
import threading
import time
from contextlib import closing
from types import TracebackType
from typing import Any, ClassVar, Self

from iotjobs.aws import sandbox_proof
from iotjobs.errors import InvalidInput, IotJobsError
from iotjobs.sandbox import access

HOST = "127.0.0.1"
ACCOUNT = "000000000000"
REGION = "eu-central-1"
ACCESS_KEY = "sandbox"
SECRET_KEY = "sandbox"  # noqa: S105 - a service on loopback that keeps nothing has no secrets
_START_TIMEOUT_S = 60.0
_NO_DOCKER = "unix:///nonexistent/docker.sock"


class Server:
    """The service while the context lasts. One at a time in a process: its state is the process's."""

    _standing: ClassVar[Server | None] = None

    def __init__(self, port: int | None = None, *, auth: bool = False) -> None:
        """Take the port. ``auth`` has the service enforce IAM. Raises InvalidInput for a port that is taken."""
        self._socket = _listen(port)
        self.port = int(self._socket.getsockname()[1])
        self.endpoint_url = f"http://{HOST}:{self.port}"
        self.auth = auth
        self.secret = secrets.token_hex(32)  # what answers with it is this sandbox, see iotjobs.aws.sandbox_proof
        self._settings_before: dict[str, str | None] = {}
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The AWS settings that point at this service, at no profile of the user's and through no proxy."""
        past_proxies = ",".join(filter(None, [os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), HOST]))
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            sandbox_proof.SECRET_VARIABLE: self.secret,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": past_proxies,
            "no_proxy": past_proxies,
        }

    def check_own(self) -> None:
        """Make sure that what answers at the endpoint is this very object. Raises IotJobsError."""
        if not sandbox_proof.is_proven(self.endpoint_url, self.secret):
            raise IotJobsError(f"{self.endpoint_url} is not this process's own embedded service: it is left alone")

    def __enter__(self) -> Self:
        if Server._standing is not None:
            self._socket.close()
            raise IotJobsError("an embedded service stands in this process already; a second would share its state")
        Server._standing = self
        self._set_settings()
        try:
            self._start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loop is not None and self._stop is not None and self._thread is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(timeout=5)
        self._socket.close()
        for name, value in self._settings_before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        Server._standing = None

    def _set_settings(self) -> None:
        settings = {
            "BIND_HOST": HOST,
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": REGION,
            "LOG_LEVEL": "ERROR",
            "SERVICES": "iot,iot-data,iot-jobs-data,sts,iam,s3,sns,sqs",
            "AUTH": "true" if self.auth else "false",
            # ministack by itself would also remove its containers from the user's Docker, open an MQTT port on
            # 8883 with certificates in the temporary directory, and keep state on disk if the shell asks for it
            "DOCKER_HOST": _NO_DOCKER,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "PERSIST_STATE": "0",
            "S3_PERSIST": "0",
            "LOCALSTACK_PERSISTENCE": "0",
        } | {name: value for name, value in self.environment.items() if name.lower() == "no_proxy"}
        if self.auth:  # the root user that ministack knows
            settings |= {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
        self._settings_before = {name: os.environ.get(name) for name in settings}
        os.environ |= settings

    def _start(self) -> None:
        import ministack.app  # noqa: PLC0415 - reads its settings from the environment when imported

        if self.auth != ministack.app.AUTH:
            raise IotJobsError("whether the service enforces IAM is settled by its first start in a process")
        self._thread = threading.Thread(target=self._serve, args=(ministack.app.app,), name="sandbox", daemon=True)
        self._thread.start()
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not sandbox_proof.is_proven(self.endpoint_url, self.secret):
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise IotJobsError(f"the embedded service did not come up on {self.endpoint_url}")
            time.sleep(0.02)
        self._reset()

    def _reset(self) -> None:
        """Leave nothing of an earlier service in this process."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=_START_TIMEOUT_S)
        with closing(connection):
            connection.request("POST", "/_ministack/reset", headers={access.ADMINISTRATION: self.secret})
            if connection.getresponse().status != http.HTTPStatus.OK:
                raise IotJobsError(f"the embedded service on {self.endpoint_url} could not be reset")

    def _serve(self, service: Any) -> None:
        from hypercorn.asyncio import serve  # noqa: PLC0415 - 0.3 s that only this needs
        from hypercorn.config import Config  # noqa: PLC0415

        config = Config()
        config.bind = [f"fd://{os.dup(self._socket.fileno())}"]
        config.loglevel = "CRITICAL"
        config.graceful_timeout = 0.2

        async def app(scope: Any, receive: Any, send: Any) -> None:
            why = access.refusal(scope, port=self.port, secret=self.secret)
            if why and scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            elif why:
                await _respond(send, http.HTTPStatus.FORBIDDEN, f"this sandbox does not answer what is {why}")
            elif scope["type"] == "http" and scope["path"] == sandbox_proof.PATH:
                proof = sandbox_proof.answer(self.secret, scope["query_string"].decode("latin-1"), self.port)
                await _respond(send, http.HTTPStatus.OK if proof else http.HTTPStatus.BAD_REQUEST, proof or "")
            else:
                await service(scope, receive, send)

        async def run() -> None:
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            await serve(app, config, shutdown_trigger=self._stop.wait)

        asyncio.run(run())


async def _respond(send: Any, status: http.HTTPStatus, text: str) -> None:
    await send({"type": "http.response.start", "status": int(status), "headers": []})
    await send({"type": "http.response.body", "body": text.encode()})


def _listen(port: int | None) -> socket.socket:
    """Take the port at once, so that nobody can have it between the choice and the service's start."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port or 0))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        raise InvalidInput(f"port {port} on {HOST} cannot be used: {error}; choose another") from error
    return listener
