"""AWS, as far as this kit asks it: hosts, logins, fleets, quotas, faults and a log of every call."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from botocore.model import OperationModel

from . import control_plane, device_plane, registry, server
from .errors import AwsError, NotInTheModel
from .fleet import Fleet
from .hosts import Host, partition
from .logins import Key, Logins
from .permissions import Denials
from .place import Place
from .script import Fault, Quotas, Script
from .service_model import Answer, service_model

_WITHOUT_KEY = {"AssumeRoleWithWebIdentity", "GetRoleCredentials", "CreateToken"}
_THROTTLED = AwsError("ThrottlingException", "Rate exceeded")


@dataclass(frozen=True)
class Call:
    """One call that came in, and how it was answered."""

    at: float
    operation: str
    service: str
    host: Host
    parameters: Mapping[str, Any]
    user_agent: str
    caller: str | None
    status: int
    error: str | None
    fault: str | None


@dataclass
class Reply:
    """What the server sends: after ``wait_s``, or nothing (``drop``), or only the first half of the body (``cut``)."""

    answer: Answer
    wait_s: float = 0.0
    drop: bool = False
    cut: bool = False


class StandIn:
    """AWS on loopback; a context manager. See README.md for what it offers."""

    def __init__(
        self,
        *,
        region: str = "eu-central-1",
        account: str = "444455556666",
        jobs_endpoint: bool = True,
        data_ats_serves_jobs: bool = True,
        fips_device_plane: bool = False,
        lists_show_namespaces: bool = True,
        limits: Mapping[str, float] | None = None,
        later: Mapping[str, tuple[float, float]] | None = None,
        latency_s: float = 0.0,
    ) -> None:
        self.region, self.account = region, account
        self.jobs_endpoint, self.data_ats_serves_jobs = jobs_endpoint, data_ats_serves_jobs
        self.fips_device_plane, self.lists_show_namespaces = fips_device_plane, lists_show_namespaces
        self.latency_s = latency_s
        self.ahead_s = 0.0
        self.partition = partition(region)
        self.policies_may_be_simulated = False
        self.lock = threading.RLock()
        self.script, self.quotas = Script(), Quotas(limits or {}, later=later)
        self.logins = Logins(self.now, self.partition)
        self.calls: list[Call] = []
        self.violations: list[str] = []
        self.strangers: list[str] = []
        self._fleets: dict[tuple[str, str], Fleet] = {}
        self._places: dict[tuple[str, str, str], Place] = {}
        self._denials = Denials()
        self._server = server.Server(self)

    # For tests.

    @property
    def fleet(self) -> Fleet:
        """The fleet of the account and region that the stand-in was made for."""
        return self.fleet_of(self.account, self.region)

    def fleet_of(self, account: str, region: str) -> Fleet:
        return self._fleets.setdefault((account, region), Fleet(self.now))

    def now(self) -> float:
        """The service's clock."""
        return time.time() + self.ahead_s

    def advance(self, seconds: float) -> None:
        """Let the service's clock jump forward: what was to show late is due then."""
        self.ahead_s += seconds

    def deny(self, action: str, resource: str = ".*") -> None:
        """Deny an action to everybody, on resources whose ARN matches a pattern; `iotjobsdata:…` on the device plane."""
        self._denials.add(action, resource)

    def allow_all(self) -> None:
        self._denials.clear()

    def called(self, operation: str) -> list[Call]:
        """The calls of an operation, those that failed too, in order."""
        return [call for call in self.calls if call.operation == operation]

    def changes(self) -> list[tuple[str, str, str]]:
        """The changing calls that acted: operation, job, thing."""
        return [
            (call.operation, str(call.parameters["jobId"]), str(call.parameters.get("thingName", "")))
            for call in self.calls
            if call.error is None and call.operation in {"CancelJobExecution", "DeleteJobExecution", "CreateJob"}
        ]

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def bundle(self) -> str:
        """The path of the authority's certificate, for AWS_CA_BUNDLE."""
        return self._server.bundle

    def settings(self) -> dict[str, str]:
        """The two settings that lead a client here; nothing names an endpoint."""
        return {"HTTPS_PROXY": f"http://127.0.0.1:{self.port}", "AWS_CA_BUNDLE": self.bundle}

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()
        if self.violations and kind is None:
            raise NotInTheModel("; ".join(self.violations))

    # For the server.

    def reply(self, to: Host, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Answer one request."""
        with self.lock:
            request_id = f"{len(self.calls):08x}-0000-4000-8000-{len(self.calls):012x}"
            service, asked = service_model(to.service), _Asked()
            try:
                reply, error = self._act(to, method, target, headers, body, asked)
            except NotInTheModel as violation:
                self.violations.append(str(violation))
                reply, error = Reply((500, {}, str(violation).encode())), "NotInTheModel"
            except AwsError as refused:
                try:
                    reply, error = Reply(service.error(asked.model, refused, request_id), self.latency_s), refused.code
                except NotInTheModel as violation:
                    self.violations.append(str(violation))
                    reply, error = Reply((500, {}, str(violation).encode())), "NotInTheModel"
            self.calls.append(
                Call(
                    self.now(),
                    asked.model.name if asked.model else f"{method} {target}",
                    to.service,
                    to,
                    asked.parameters,
                    headers.get("user-agent", ""),
                    asked.caller.arn if asked.caller else None,
                    reply.answer[0],
                    error,
                    asked.fault.kind if asked.fault else None,
                )
            )
            reply.answer[1]["x-amzn-RequestId"] = request_id
            return reply

    def _act(
        self, to: Host, method: str, target: str, headers: Mapping[str, str], body: bytes, asked: _Asked
    ) -> tuple[Reply, str | None]:
        service = service_model(to.service)
        asked.model, asked.parameters = service.request(method, target, headers, body)
        name = asked.model.name if to.service != "iot-jobs-data" else f"data:{asked.model.name}"
        before, after, asked.fault = self.script.due(name)
        for move in before:
            move()
        if asked.fault and not asked.fault.acted and asked.fault.kind not in {"cut", "late"}:
            return self._failing(asked.fault, service.name), asked.fault.kind
        if asked.model.name not in _WITHOUT_KEY:
            asked.caller = self.logins.caller(to, headers)
        account = asked.caller.account if asked.caller else ""
        if not self.quotas.allows(name, account=account, region=to.region):
            raise _THROTTLED
        if asked.caller is not None:
            self._denials.check(to, asked.model.name, asked.parameters, asked.caller)
        value = self._value(to, asked)
        answer = service.answer(asked.model, value, "")
        for move in after:
            move()
        if asked.fault is None:
            return Reply(answer, self.latency_s), None
        if asked.fault.kind in {"cut", "late"}:
            return Reply(answer, self.latency_s + asked.fault.seconds, cut=asked.fault.kind == "cut"), None
        return self._failing(asked.fault, service.name), None

    def _failing(self, fault: Fault, service: str) -> Reply:
        if fault.kind == "drop":
            return Reply((0, {}, b""), fault.seconds, drop=True)
        if fault.kind == "throttle":
            status = 429 if service == "iot-jobs-data" else 400
            answer = service_model(service).error(None, AwsError(_THROTTLED.code, _THROTTLED.message, status), "")
        elif fault.kind == "aws":
            answer = service_model(service).error(None, AwsError(fault.code, fault.message, fault.status), "")
        elif fault.kind == "gateway":
            answer = (fault.status, {"Content-Type": "text/html"}, b"<html><h1>Gateway</h1></html>")
        else:
            answer = (200, {"Content-Type": "application/json"}, fault.body)
        return Reply(answer, self.latency_s + fault.seconds)

    def _iam(self, operation: str, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """IAM, as far as a caller may ask it of itself."""
        if not self.policies_may_be_simulated:
            raise AwsError("AccessDenied", f"User is not authorized to perform: iam:{operation}", 403)
        if operation == "SimulatePrincipalPolicy":
            return self._simulated(asked)
        role = next((role for role in self.logins.roles.values() if role.name == asked["RoleName"]), None)
        if operation != "GetRole" or role is None:
            raise AwsError("NoSuchEntity", f"The role with name {asked.get('RoleName')} cannot be found.")
        about = {"RoleName": role.name, "RoleId": "AROA0123456789ABCDEF", "Arn": role.arn}
        path = role.arn.partition(":role")[2].removesuffix(role.name)
        return {"Role": {**about, "Path": path, "CreateDate": "2026-01-01T00:00:00Z"}}

    def _simulated(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """IAM's SimulatePrincipalPolicy: everything is allowed that is not denied."""
        source = asked["PolicySourceArn"]
        if ":role/" in source and source not in self.logins.roles:
            raise AwsError("NoSuchEntity", f"{source} was not found.")
        resource = asked["ResourceArns.member.1"]
        decide = {True: "implicitDeny", False: "allowed"}
        results = [
            {
                "EvalActionName": action,
                "EvalResourceName": resource,
                "EvalDecision": decide[self._denials.denies(action, resource)],
            }
            for name, action in asked.items()
            if name.startswith("ActionNames.")
        ]
        return {"EvaluationResults": results, "IsTruncated": False}

    def _value(self, to: Host, asked: _Asked) -> Mapping[str, Any]:
        assert asked.model is not None
        if to.service == "sts":
            return self.logins.sts(asked.model.name, dict(asked.parameters), asked.caller)
        if to.service == "iam":
            return self._iam(asked.model.name, dict(asked.parameters))
        if to.service == "sso":
            return self.logins.sso(asked.model.name, dict(asked.parameters))
        if to.service == "sso-oidc":
            return self.logins.oidc(asked.model.name, dict(asked.parameters))
        assert asked.caller is not None
        planes = [control_plane, registry]
        if to.service == "iot-jobs-data":
            self._check_way(to, asked.caller)
            planes = [device_plane]
        name = _snake(asked.model.name)
        act: Callable[[Place, Mapping[str, Any]], Mapping[str, Any]] | None
        act = next((getattr(plane, name) for plane in planes if hasattr(plane, name)), None)
        if act is None:
            raise NotInTheModel(f"the stand-in has no {asked.model.name}: give it one in {planes[-1].__name__}")
        place = self._place(to, asked.caller.account)
        place.fleet.settle()
        return act(place, asked.parameters)

    def _check_way(self, to: Host, caller: Key) -> None:
        """Which host names serve the device plane: AWS's own refusals for those that do not."""
        generic = to.way == "nobody's" and not (to.fips and self.fips_device_plane)
        if generic or (to.way == "data-ats" and not self.data_ats_serves_jobs):
            words = "Access Denied: Invalid endpoint. Use describe-endpoint API to get your account-specific endpoint."
            raise AwsError("AccessDeniedException", words)
        if to.way == "data" or (to.prefix is not None and to.prefix != _prefix(caller.account)):
            raise AwsError("ResourceNotFoundException", "null")

    def _place(self, to: Host, account: str) -> Place:
        key = (account, to.region, to.name)
        if key not in self._places:
            fleet = self.fleet_of(account, to.region)
            self._places[key] = Place(fleet, account, to.region, to.partition, to, _prefix(account))
        place = self._places[key]
        place.jobs_endpoint, place.lists_show_namespaces = self.jobs_endpoint, self.lists_show_namespaces
        return place


@dataclass
class _Asked:
    model: OperationModel | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    caller: Key | None = None
    fault: Fault | None = None


def _prefix(account: str) -> str:
    return "a" + hashlib.sha256(account.encode()).hexdigest()[:13]


def _snake(operation: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower()


def log_line(call: Call) -> str:
    """A call as a line of JSON."""
    return json.dumps(
        {
            "at": call.at,
            "operation": call.operation,
            "service": call.service,
            "host": call.host.name,
            "parameters": dict(call.parameters),
            "user_agent": call.user_agent,
            "caller": call.caller,
            "status": call.status,
            "error": call.error,
            "fault": call.fault,
        }
    )
