"""Faults between the kit and the model: the product's own `Connection`, with its transport replaced by the model.

Everything above the transport is the product's code: which errors mean what, which calls are sent again. A fault on a
reading call is one that outlasted botocore's own retries.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import botocore
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, ReadTimeoutError
from botocore.parsers import ResponseParserError

from iotjobs.aws.connection import Connection
from iotjobs.aws.pace import Traffic
from iotjobs.aws.transport import Call, Limits
from tests.faults.harness.service_model import AcceptedCall, ExecutionRecord, ServiceModel, service_error

URL = "http://127.0.0.1:1/model"

#: Answers of AWS that say no: code and HTTP status.
_REFUSALS = {
    "internal_error": ("InternalFailureException", 500),
    "unavailable": ("ServiceUnavailableException", 503),
    "throttled": ("ThrottlingException", 400),
    "too_many_requests": ("TooManyRequestsException", 429),
    "credentials_expired": ("ExpiredTokenException", 403),
    "denied": ("AccessDeniedException", 403),
}
_SURELY_NOT_DONE = ("throttled", "too_many_requests", "credentials_expired", "denied", "unreachable")
#: Answers of something between us and AWS: a status without an AWS error type. It may have passed the call on.
_GATEWAY_STATUS = {f"gateway_{status}": status for status in (301, 400, 401, 403, 404, 408)}

#: What can happen to a changing call. `_after`: when the service has acted; `acts_late`: no answer, and it acts before
#: the call after next; `does_nothing`: answered 200 by an endpoint that does nothing.
CHANGE_FAULTS = (
    "request_lost",
    "response_lost",
    "timeout",
    "timeout_after",
    "acts_late",
    *_REFUSALS,
    "internal_error_after",
    "garbled_after",
    *_GATEWAY_STATUS,
    *(f"{name}_after" for name in _GATEWAY_STATUS),
    "unreachable",
    "does_nothing",
)
#: What can happen to a reading call. `cut_short`: what botocore makes of a body that was cut short.
READ_FAULTS = (
    "cut_short",
    "request_lost",
    "timeout",
    "internal_error",
    "garbled_after",
    "throttled",
    "credentials_expired",
    "denied",
)


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A call of a run: the ``nth`` of an operation, or, where ``on`` is empty, of all."""

    on: str = ""
    nth: int = 1

    def is_at(self, number: int, operation: str, nth: int) -> bool:
        """Whether it is the call that is the ``number``-th of all and the ``nth`` of its operation."""
        return (self.on, self.nth) in (("", number), (operation, nth))


@dataclass(frozen=True, kw_only=True)
class Fault(Moment):
    """Something goes wrong with a call, see `CHANGE_FAULTS` and `READ_FAULTS`."""

    kind: str


@dataclass(frozen=True)
class Attempt:
    """A changing call that the kit sent: what it was about, and whether it surely did nothing."""

    operation: str
    about: ExecutionRecord | None
    declined: bool


class Killed(BaseException):
    """The process is gone: nothing of it may run on. No `except Exception` sees it."""


class FaultInjector:
    """What stands between the kit and the model during one run; ``before`` and ``after`` are called around each call."""

    def __init__(
        self,
        service: ServiceModel,
        faults: Sequence[Fault] = (),
        *,
        before: Callable[[int, str, int], None] = lambda _number, _operation, _nth: None,
        after: Callable[[int, str, int], None] = lambda _number, _operation, _nth: None,
        on_accepted: Callable[[AcceptedCall], None] = lambda _call: None,
        on_attempt: Callable[[Attempt], None] = lambda _attempt: None,
    ) -> None:
        self.service = service
        self.calls = 0
        self.injected: list[str] = []
        self.acting_late = False
        self._faults, self._before, self._after = tuple(faults), before, after
        self._on_accepted, self._on_attempt = on_accepted, on_attempt
        self._late: list[tuple[int, str, Callable[[], Any]]] = []
        self._nth: Counter[str] = Counter()
        self._lock = threading.RLock()

    def call(self, service_name: str, operation: str, parameters: dict[str, Any], *, changing: bool) -> dict[str, Any]:
        """Make one call of the kit, with what befalls it."""
        with self._lock:
            self.calls += 1
            self._nth[operation] += 1
            moment = (self.calls, operation, self._nth[operation])
            self.act_late(self.calls)
            self._before(*moment)
            if not changing:
                return self._read(service_name, operation, parameters, moment)
            key = (parameters["jobId"], parameters["thingName"], parameters.get("executionNumber"))
            about = next((replace(item) for item in self._matches(*key)), None)
            fault = self._fault_at(moment, CHANGE_FAULTS)
            declined = fault in _SURELY_NOT_DONE
            try:
                return self._change(operation, parameters, moment, fault)
            except ClientError:
                declined = declined or not fault
                raise
            finally:
                self._on_attempt(Attempt(operation, about, declined))

    def act_late(self, number: float = float("inf")) -> None:
        """Let the calls act that were on their way, up to a point."""
        due = [send for at, _, send in self._late if at <= number]
        self._late = [waiting for waiting in self._late if waiting[0] > number]
        self.acting_late = True
        for send in due:
            with suppress(ClientError):  # nobody is there to read the answer
                send()
        self.acting_late = False

    def on_its_way(self) -> set[str]:
        """The operations of calls that will still act."""
        return {operation for _, operation, _ in self._late}

    def _matches(self, job_id: str, thing: str, number: int | None) -> list[ExecutionRecord]:
        history = self.service.executions.get((thing, job_id), [])
        return [item for item in history if number in (None, item.number)]

    def _fault_at(self, moment: tuple[int, str, int], possible: tuple[str, ...]) -> str:
        fault = next((each.kind for each in self._faults if each.is_at(*moment)), "")
        if fault not in possible:
            return ""
        self.injected.append(fault)
        return fault

    def _read(
        self, service_name: str, operation: str, parameters: dict[str, Any], moment: tuple[int, str, int]
    ) -> dict[str, Any]:
        fault = self._fault_at(moment, READ_FAULTS)
        _fail_before(fault, operation)
        known = {name: value for name, value in parameters.items() if name != "includeJobDocument"}
        answer = {} if fault == "cut_short" else dict(getattr(self.service, botocore.xform_name(operation))(**known))
        ended = answer.get("execution", {}).get("status") not in (None, "QUEUED", "IN_PROGRESS")
        if service_name == "iot-jobs-data" and ended:
            raise service_error("TerminalStateException", operation, 410)
        if service_name == "iot-jobs-data" and "execution" in answer:
            answer = {"execution": _on_device_plane(answer["execution"])}
        self._after(*moment)
        _fail_after(fault, operation)
        return answer

    def _change(
        self, operation: str, parameters: dict[str, Any], moment: tuple[int, str, int], fault: str
    ) -> dict[str, Any]:
        def send() -> None:
            self._on_accepted(getattr(self.service, botocore.xform_name(operation))(**parameters))

        _fail_before(fault, operation)
        if fault == "acts_late":
            self._late.append((moment[0] + 2, operation, send))
            raise ReadTimeoutError(endpoint_url=URL)
        if fault != "does_nothing":
            send()
        self._after(*moment)
        _fail_after(fault, operation)
        return {}


class ModelTransport:
    """Carries the product's calls to the model, through the faults of the run that is under way."""

    def __init__(self, injector: Callable[[], FaultInjector]) -> None:
        self.region = injector().service.region
        self.limits = Limits()
        self.on_access_key: Callable[[str, str], None] = lambda _service, _key: None
        self.traffic = Traffic()
        self._injector = injector

    def endpoint(self, service: str) -> str:  # noqa: ARG002 - one for all
        """The URL of the model."""
        return URL

    def send(self, call: Call) -> dict[str, Any]:
        """Ask the model. Raises what boto3 would."""
        return self._injector().call(call.service, call.operation, dict(call.parameters), changing=call.changing)


def connection_to(injector: FaultInjector) -> Connection:
    """The product's connection, talking to the model."""
    return Connection(ModelTransport(lambda: injector))


def _on_device_plane(execution: dict[str, Any]) -> dict[str, Any]:
    """An execution as the device's plane tells it: whole seconds, the thing's name and no ARN, the details as they are."""
    answer: dict[str, Any] = {name: int(value) if name.endswith("At") else value for name, value in execution.items()}
    arn, details = answer.pop("thingArn"), answer.pop("statusDetails")
    more = {"statusDetails": details["detailsMap"]} if details else {}
    return answer | {"thingName": arn.rpartition("/")[2]} | more


def _fail_before(fault: str, operation: str) -> None:
    if fault == "request_lost":
        raise ConnectionClosedError(endpoint_url=URL)
    if fault == "timeout":
        raise ReadTimeoutError(endpoint_url=URL)
    if fault == "unreachable":
        raise EndpointConnectionError(endpoint_url=URL)
    if fault in _REFUSALS:
        raise service_error(_REFUSALS[fault][0], operation, _REFUSALS[fault][1])
    if fault in _GATEWAY_STATUS:
        raise _gateway_error(_GATEWAY_STATUS[fault], operation)


def _fail_after(fault: str, operation: str) -> None:
    if fault == "response_lost":
        raise ConnectionClosedError(endpoint_url=URL)
    if fault == "garbled_after":
        raise ResponseParserError("Unable to parse response")
    if fault == "timeout_after":
        raise ReadTimeoutError(endpoint_url=URL)
    if fault.endswith("_after"):
        _fail_before(fault.removesuffix("_after"), operation)


def _gateway_error(status: int, operation: str) -> ClientError:
    """What botocore makes of an answer without an AWS error type: the status is the code."""
    metadata = {"HTTPStatusCode": status, "HTTPHeaders": {"content-type": "text/html"}}
    answer: Any = {"Error": {"Code": str(status), "Message": ""}, "ResponseMetadata": metadata}
    return ClientError(answer, operation)
