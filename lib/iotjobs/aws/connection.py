"""The connection to AWS: identity, clients, throttling, errors in our words. The only file that knows boto3.

Reads are retried by botocore in its adaptive mode, one client an operation, so that each operation finds
its own quota by looking. Changing calls are sent once: `apply` looks before it sends one again. Times in
answers are seconds since the epoch as floats, since parsing them is most of boto3's cost.
"""

from __future__ import annotations

import os
import re
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any, NoReturn
from urllib.parse import urlsplit

import boto3
import botocore.config
import botocore.exceptions as boto_errors
import botocore.session
from botocore.parsers import ResponseParserError

from iotjobs.aws import response_parsing as answers
from iotjobs.errors import (
    Denied,
    InvalidInput,
    IotJobsError,
    NotFound,
    StateConflict,
    Throttled,
    Unavailable,
    Unsettled,
)

_CONNECT_TIMEOUT_S = 5
_READ_TIMEOUT_S = 30
_READ_ATTEMPTS = 8
_FIRST_ATTEMPTS = 3  # of the very first call: an endpoint that is not there should be said within seconds
_FIRST_READ_TIMEOUT_S = 10
_MADE_UP_ACCOUNTS = {"000000000000", "123456789012", "111111111111", "111122223333"}

_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedException", "UnauthorizedOperation"}
_BAD_CREDENTIALS = {
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "MissingAuthenticationToken",
    "AuthFailure",
}
_THROTTLED = {"ThrottlingException", "Throttling", "TooManyRequestsException", "LimitExceededException"}
_CONFLICT = {"InvalidStateTransitionException", "VersionConflictException", "ConflictException"}
_CHECK_ENDPOINT = "is the endpoint really AWS? check AWS_ENDPOINT_URL"
_CHECK_NETWORK = "check the network, the region and AWS_ENDPOINT_URL"
_LOG_IN = "log in again (`aws sso login`, or your usual way to get credentials), then run this again"


def connect(*, profile: str | None = None, region: str | None = None) -> Connection:
    """Connect by the standard AWS settings and ask who we are (STS GetCallerIdentity).

    Raises InvalidInput for an unknown profile or no region, Denied for missing or refused credentials,
    IotJobsError when the endpoint cannot be reached.
    """
    try:
        core = botocore.session.Session(profile=profile)
        core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=answers.seconds)
        session = boto3.Session(botocore_session=core, region_name=region)
        if not session.region_name:
            raise InvalidInput(
                "no AWS region is set: give the parameter `region`, set AWS_DEFAULT_REGION, or name a "
                "profile that has one"
            )
        if not re.fullmatch(r"[a-z0-9-]+", session.region_name):
            raise InvalidInput(f"{session.region_name!r} is not the name of an AWS region")
        return Connection(session, profile=profile)
    except boto_errors.ProfileNotFound as error:
        raise InvalidInput(
            f"{error}: `aws configure list-profiles` lists those there are; the parameter is `profile`"
        ) from error
    except (boto_errors.InvalidConfigError, boto_errors.ConfigParseError) as error:
        raise InvalidInput(f"the AWS configuration cannot be read: {error}") from error


class Connection:
    """One caller in one account and region; safe to use from several threads. ``calls`` counts those answered."""

    def __init__(self, session: boto3.Session, *, profile: str | None = None) -> None:
        self._session = session
        self._lock = threading.RLock()
        self._clients: dict[tuple[str, str, int], Any] = {}
        self.calls: Counter[str] = Counter()
        self.profile = profile
        self.region: str = session.region_name
        identity = self._who()
        self.account: str = identity["Account"]
        self.caller_arn: str = identity["Arn"]
        self.endpoint: str = self._client("iot", "ListJobs", attempts=_READ_ATTEMPTS).meta.endpoint_url

    @property
    def sandbox(self) -> bool:
        """Whether this is the embedded service: a loopback endpoint and an account that cannot be real.

        Both, since a tunnel to a real account also ends on loopback.
        """
        return _is_loopback(self.endpoint) and self.account in _MADE_UP_ACCOUNTS

    def read(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call a reading operation of the control plane (`iot`); throttled and lost calls are retried."""
        return self._send("iot", operation, parameters, attempts=_READ_ATTEMPTS)

    def pages(self, operation: str, key: str, **parameters: Any) -> Iterator[list[dict[str, Any]]]:
        """Yield the rows under `key`, a page at a time, until the service says there are no more."""
        token: str | None = None
        while True:
            more = {"nextToken": token} if token else {}
            answer = self.read(operation, **parameters, **more)
            yield answer.get(key, [])
            following = answer.get("nextToken")
            if not following:
                return
            if following == token:
                raise IotJobsError(f"{operation} gave the same page twice; the reading is not complete")
            token = following

    def read_device_plane(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call a reading operation of the jobs data plane (`iot-jobs-data`), whose quota is far higher."""
        return self._send("iot-jobs-data", operation, parameters, attempts=_READ_ATTEMPTS)

    def change(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Send one changing call to the control plane, once.

        Raises NotFound, StateConflict, Throttled (nothing was done) and Unsettled (it may have been done).
        """
        return self._send("iot", operation, parameters, attempts=1)

    def _who(self) -> dict[str, Any]:
        try:
            return self._send("sts", "GetCallerIdentity", {}, attempts=_FIRST_ATTEMPTS)
        except (Throttled, Unavailable):  # it is there, and busy
            return self._send("sts", "GetCallerIdentity", {}, attempts=_READ_ATTEMPTS)

    def _send(self, service: str, operation: str, parameters: dict[str, Any], *, attempts: int) -> dict[str, Any]:
        given = {name: value for name, value in parameters.items() if value is not None}
        changing = attempts == 1
        try:
            client = self._client(service, operation, attempts=attempts)
            answer: dict[str, Any] = getattr(client, _snake(operation))(**given)
        except (boto_errors.BotoCoreError, boto_errors.ClientError) as error:
            _raise_ours(error, service, operation, given, changing=changing)
        except (KeyError, TypeError, ValueError, ResponseParserError) as error:
            where = f"the answer to {operation}{_about(given)} cannot be read ({error!r})"
            if changing:
                raise Unsettled(f"{where}; it may or may not have been done") from error
            raise IotJobsError(f"{where}; {_CHECK_ENDPOINT}") from error
        answer.pop("ResponseMetadata", None)
        if lacks := answers.missing(operation, answer):
            raise IotJobsError(f"the answer to {operation}{_about(given)} has no {lacks}; {_CHECK_ENDPOINT}")
        with self._lock:
            self.calls[operation] += 1
        return answer

    def _client(self, service: str, operation: str, *, attempts: int) -> Any:
        with self._lock:
            key = (service, operation, attempts)
            if key not in self._clients:
                self._clients[key] = self._new_client(service, operation, attempts)
            return self._clients[key]

    def _new_client(self, service: str, operation: str, attempts: int) -> Any:
        config = botocore.config.Config(
            retries={"mode": "standard" if attempts == 1 else "adaptive", "total_max_attempts": attempts},
            connect_timeout=_CONNECT_TIMEOUT_S,
            read_timeout=_FIRST_READ_TIMEOUT_S if attempts == _FIRST_ATTEMPTS else _READ_TIMEOUT_S,
            max_pool_connections=16,
        )
        endpoint = self._jobs_endpoint() if service == "iot-jobs-data" else None
        try:
            client = self._session.client(service, config=config, endpoint_url=endpoint)
            where = urlsplit(client.meta.endpoint_url)
            if where.scheme not in {"http", "https"} or where.port == 0:  # `port` raises for one out of range
                raise ValueError(f"Invalid endpoint: {client.meta.endpoint_url}")  # noqa: TRY301
        except ValueError as error:
            raise InvalidInput(f"{error}: check AWS_ENDPOINT_URL, which takes https://HOST") from error
        client.meta.events.register(f"before-parse.{service}.{operation}", answers.before_parse)
        return client

    def _jobs_endpoint(self) -> str | None:
        """The account's own data plane: at another one a call may answer 200 and do nothing."""
        names = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_IOT_JOBS_DATA_PLANE")
        configured = any(name in os.environ for name in names) or "amazonaws.com" not in self.endpoint
        if configured:
            return None
        answer = self.read("DescribeEndpoint", endpointType="iot:Jobs")
        return f"https://{answer['endpointAddress']}"


def _snake(operation: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower()


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in {"localhost", "::1"} or host.startswith("127.")


def _retry_after(error: boto_errors.ClientError) -> float:
    """The seconds that the answer asks to wait; 0 where it asks for none or names a date."""
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        return max(0.0, float(headers.get("retry-after", 0)))
    except ValueError:
        return 0.0


def _about(parameters: dict[str, Any]) -> str:
    shown = {
        "jobId": "job",
        "thingName": "thing",
        "executionNumber": "number",
        "queryString": "query",
    }
    words = [f"{word} {parameters[name]}" for name, word in shown.items() if name in parameters]
    return f" ({', '.join(words)})" if words else ""


def _raise_ours(
    error: Exception, service: str, operation: str, parameters: dict[str, Any], *, changing: bool
) -> NoReturn:
    """Say a boto error in our classes; see the table of errors in AWS's API reference of each operation."""
    if isinstance(error, boto_errors.ClientError):
        _raise_service_error(error, service, operation, parameters, changing=changing)
    where = f"{operation}{_about(parameters)}"
    no_credentials = (
        boto_errors.NoCredentialsError,
        boto_errors.PartialCredentialsError,
        boto_errors.CredentialRetrievalError,
        boto_errors.SSOError,
        boto_errors.TokenRetrievalError,
    )
    if isinstance(error, no_credentials):
        raise Denied(f"no usable AWS credentials for {where}: {error}; {_LOG_IN}") from error
    if isinstance(error, boto_errors.ParamValidationError | boto_errors.NoRegionError):
        raise InvalidInput(f"{where}: {error}") from error
    if isinstance(error, boto_errors.EndpointConnectionError | boto_errors.ConnectTimeoutError):
        raise IotJobsError(f"the endpoint cannot be reached for {where}: {error}; {_CHECK_NETWORK}") from error
    if changing:
        raise Unsettled(f"no answer to {where}: {error}; it may or may not have been done") from error
    raise IotJobsError(f"{where} failed: {error}; {_CHECK_NETWORK}") from error


def _raise_service_error(
    error: boto_errors.ClientError,
    service: str,
    operation: str,
    parameters: dict[str, Any],
    *,
    changing: bool,
) -> NoReturn:
    code = str(error.response.get("Error", {}).get("Code", ""))
    said = error.response.get("Error", {}).get("Message", "")
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    where = f"{operation}{_about(parameters)}"
    prefix = {"iot-jobs-data": "iotjobsdata"}.get(service, service)
    if code in _EXPIRED:
        raise Denied(f"the AWS credentials have expired ({code}) for {where}: {_LOG_IN}", expired=True) from error
    if code in _BAD_CREDENTIALS:
        raise Denied(f"AWS refused the credentials ({code}: {said}) for {where}; {_LOG_IN}") from error
    if status in {401, 403} and (not code or code.isdigit()):
        raise Denied(f"{where} was answered {status} without an error of AWS: a proxy? {_CHECK_ENDPOINT}") from error
    if code in _DENIED or status in {401, 403}:
        action = f"{prefix}:{operation}"
        raise Denied(
            f"{where} was denied: the caller lacks the permission {action} ({code}: {said}); "
            "ask for it, or use another profile",
            action=action,
        ) from error
    if code in _THROTTLED or status == 429:  # noqa: PLR2004 - HTTP's own number
        raise Throttled(
            f"{where} was throttled ({code}); the account's quota for it is used up", retry_after_s=_retry_after(error)
        ) from error
    if code in {"ResourceNotFoundException", "TerminalStateException"}:
        raise NotFound(f"{where}: not found in this account and region ({said})") from error
    if code in _CONFLICT:
        raise StateConflict(f"{where} was refused by AWS ({code}: {said})") from error
    if status >= 500:  # noqa: PLR2004 - HTTP's own number
        if changing:
            raise Unsettled(f"{where} answered {status} ({code}); it may or may not have been done") from error
        raise Unavailable(f"{where} failed ({code or status}: {said})") from error
    raise IotJobsError(f"{where} failed ({code or status}: {said})") from error
