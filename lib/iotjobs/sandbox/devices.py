"""Devices: MQTT-over-WebSocket clients whose client id is the thing's name, and what they report."""

from __future__ import annotations

import os
import socket
import threading
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from iotjobs.errors import IotJobsError
from iotjobs.sandbox.server import ACCESS_KEY, HOST, REGION

_TIMEOUT_S = 10.0


class Device:
    """One device's connection; connect and disconnect under the travelled clock to age it."""

    def __init__(self, thing_name: str, port: int) -> None:
        self.thing_name = thing_name
        self._port = port
        self._answered = threading.Event()
        self._refusal: str | None = None
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=thing_name, transport="websockets")
        self._client.ws_set_options(
            path=f"/mqtt?X-Amz-Credential={ACCESS_KEY}/20260101/{REGION}/iotdevicegateway/aws4_request",
            headers={"Host": f"a1-ats.iot.{REGION}.amazonaws.com"},
        )
        self._client.on_connect = self._on_connect

    def connect(self) -> None:
        """Connect, and wait until the broker has accepted. Raises IotJobsError."""
        self._client.connect(HOST, self._port, keepalive=1200)
        self._client.loop_start()
        if not self._answered.wait(_TIMEOUT_S) or self._refusal:
            self._client.loop_stop()
            why = self._refusal or "no answer"
            raise IotJobsError(f"device {self.thing_name} could not connect to the embedded service: {why}")

    def disconnect(self) -> None:
        """Say goodbye: the service notes CLIENT_INITIATED_DISCONNECT."""
        self._client.disconnect()
        self._client.loop_stop()

    def vanish(self) -> None:
        """Go without a word, as when power or network fail: the service notes CONNECTION_LOST."""
        stopping = threading.Thread(target=self._client.loop_stop)
        stopping.start()
        line = self._client.socket()
        if line is not None:
            with socket.socket(fileno=os.dup(line.fileno())) as same:
                same.shutdown(socket.SHUT_RDWR)  # paho's loop wakes up at once, and not with its next second
        stopping.join()
        if line is not None:
            line.close()

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._refusal = str(reason) if reason.is_failure else None
        self._answered.set()
