"""The kit's own `Connection`, with boto3's clients replaced by the model of the service, and faults between the two.

Everything above the client is the product's code: which errors mean what, which calls are sent again. A fault on a
reading call is one that outlasted botocore's own retries.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import botocore
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, ReadTimeoutError
from botocore.parsers import ResponseParserError

from iotjobs.aws.connection import Connection
from iotjobs.aws.transport import Call, Limits
from tests.faults.service_model import REGION, Accepted, ServiceModel, refusal

URL = "http://127.0.0.1:1/model"

#: When: at the call of that number, or at the first, second… call of an operation (`("delete_job_execution", 2)`).
At = int | tuple[str, int]

#: What can happen to a changing call; `late`: it acts when the caller has given up, before the call after next.
CHANGE_FAULTS = (
    "lost_before",
    "lost_after",
    "timeout_before",
    "timeout_after",
    "late",
    "500_before",
    "500_after",
    "503_before",
    "garbled_after",
    "throttled",
    "429",
    "expired",
    "denied",
    "unreachable",
    "does_nothing",
)
#: What can happen to a reading call; `truncated`: what botocore makes of a body that was cut short.
READ_FAULTS = (
    "truncated",
    "lost_before",
    "timeout_before",
    "500_before",
    "garbled_after",
    "throttled",
    "expired",
    "denied",
)


class Killed(BaseException):
    """The process is gone: nothing of it may run on. No `except Exception` sees it."""


class Seam:
    """What stands between the kit and the model during one run of the kit."""

    def __init__(
        self,
        service: ServiceModel,
        *,
        faults: Mapping[At, str] | None = None,
        before: Callable[[int, str, int], None] | None = None,
        after: Callable[[int], None] | None = None,
        accepted: Callable[[Accepted], None] | None = None,
    ) -> None:
        self.service = service
        self.faults = dict(faults or {})
        self.calls = 0
        self.hit: list[str] = []
        self.acting_late = False
        self._before = before or (lambda _number, _operation, _nth: None)
        self._after = after or (lambda _number: None)
        self._accepted = accepted or (lambda _call: None)
        self._late: list[tuple[int, str, Callable[[], Any]]] = []
        self._nth: Counter[str] = Counter()
        self._lock = threading.RLock()

    def call(self, service_name: str, operation: str, given: dict[str, Any], *, changing: bool) -> dict[str, Any]:
        with self._lock:
            self.calls += 1
            number = self.calls
            self._nth[operation] += 1
            self.act_late(number)
            self._before(number, operation, self._nth[operation])
            fault = self.faults.get(number) or self.faults.get((operation, self._nth[operation]), "")
            if not changing and fault not in READ_FAULTS:
                fault = ""
            if fault:
                self.hit.append(fault)
            _raise_before(fault, operation)
            send = self._sender(service_name, operation, given, changing=changing)
            if fault == "late":
                self._late.append((number + 2, operation, send))
                raise ReadTimeoutError(endpoint_url=URL)
            answer = {} if fault in ("does_nothing", "truncated") else send()
            self._after(number)
            _raise_after(fault)
            return answer

    def act_late(self, number: float = float("inf")) -> None:
        """Let the calls act that were on their way, up to a point."""
        due = [send for at, _, send in self._late if at <= number]
        self._late = [waiting for waiting in self._late if waiting[0] > number]
        self.acting_late = True
        for send in due:
            with suppress(ClientError):  # nobody is there to hear it
                send()
        self.acting_late = False

    def on_its_way(self) -> set[str]:
        """The operations of calls that will still act."""
        return {operation for _, operation, _ in self._late}

    def _sender(self, service_name: str, operation: str, given: dict[str, Any], *, changing: bool) -> Callable[[], Any]:
        known = {name: value for name, value in given.items() if name != "includeJobDocument"}

        def send() -> dict[str, Any]:
            answer = getattr(self.service, operation)(**known)
            if changing:
                self._accepted(answer)
                return {}
            if service_name == "iot-jobs-data" and answer.get("execution", {}).get("status") not in (
                None,
                "QUEUED",
                "IN_PROGRESS",
            ):
                raise refusal("TerminalStateException", operation, 410)
            return dict(answer)

        return send


class ModelTransport:
    """Carries the product's calls to the model."""

    def __init__(self, seam: Seam, region: str) -> None:
        self.region = region
        self.limits = Limits()
        self.on_access_key: Callable[[str, str], None] = lambda _service, _key: None
        self._seam = seam
        seam.service.region = region

    def endpoint(self, service: str) -> str:  # noqa: ARG002 - one for all
        return URL

    def send(self, call: Call) -> dict[str, Any]:
        given = dict(call.parameters)
        return self._seam.call(call.service, botocore.xform_name(call.operation), given, changing=call.changing)


class ModelConnection(Connection):
    """The product's connection, talking to the model."""

    def __init__(self, seam: Seam, region: str = REGION) -> None:
        super().__init__(ModelTransport(seam, region))


def _raise_before(fault: str, operation: str) -> None:
    if fault == "lost_before":
        raise ConnectionClosedError(endpoint_url=URL)
    if fault == "timeout_before":
        raise ReadTimeoutError(endpoint_url=URL)
    if fault == "unreachable":
        raise EndpointConnectionError(endpoint_url=URL)
    codes = {
        "500_before": ("InternalFailureException", 500),
        "503_before": ("ServiceUnavailableException", 503),
        "throttled": ("ThrottlingException", 400),
        "429": ("TooManyRequestsException", 429),
        "expired": ("ExpiredTokenException", 403),
        "denied": ("AccessDeniedException", 403),
    }
    if fault in codes:
        raise refusal(codes[fault][0], operation, codes[fault][1])


def _raise_after(fault: str) -> None:
    if fault == "lost_after":
        raise ConnectionClosedError(endpoint_url=URL)
    if fault == "timeout_after":
        raise ReadTimeoutError(endpoint_url=URL)
    if fault == "500_after":
        raise refusal("InternalFailureException", "", 500)
    if fault == "garbled_after":
        raise ResponseParserError("Unable to parse response")
