"""How a call gets to AWS and its answer back: botocore's clients, with a bound for the time and size of an answer.

Every call waits for the pace of its operation. Reads are tried again, see `retries.py`; a changing call is sent once.
Redirects are not followed. Times in answers are seconds since the epoch as floats, since parsing them is most of
boto3's cost. `Transport` is what a test puts in its place.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

import botocore
import botocore.config
import botocore.exceptions as boto_errors
import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from iotjobs.aws import response_parsing, retries
from iotjobs.aws.credentials import CallerCredentials
from iotjobs.aws.masking import address
from iotjobs.aws.next_page import NextPages, page_of
from iotjobs.aws.pace import Paces, Traffic
from iotjobs.aws.user_agent import SteadyUserAgent, user_agent
from iotjobs.aws.whole_answer import AnswerTooLong, whole_answer
from iotjobs.errors import InvalidInput, Throttled

_log = logging.getLogger(__name__)
_POOL_CONNECTIONS = 64


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how often a call is tried, and how large an answer may be. Times in seconds."""

    connect_s: float = 5
    silence_s: float = 30  # without a byte of the answer
    attempt_s: float = 60  # for an answer as a whole: one may come a byte at a time
    call_s: float = 180  # with all that botocore tries again
    program_s: float = 120  # for a credential_process, which may ask a person in a browser
    read_attempts: int = 8
    body_bytes: int = 16 * 1024 * 1024  # the longest page of AWS has well under one MB


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an operation. ``endpoint``: where to, when botocore is not to decide; ``attempts``: at most.

    ``raw``: the rows of a long listing may come unread, as a `RawPage`.
    ``within_s``: it goes out within so many seconds, or raises Throttled: what was looked at before is too old then.
    """

    service: str
    operation: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    changing: bool = False
    attempts: int = 1
    endpoint: str | None = None
    within_s: float | None = None
    raw: bool = False


class Transport(Protocol):
    """What carries calls. ``on_access_key`` is called with the service and the key before a signed request goes out."""

    region: str
    limits: Limits
    on_access_key: Callable[[str, str], None]
    traffic: Traffic

    def endpoint(self, service: str) -> str:
        """The URL that the settings give for a service."""
        ...

    def send(self, call: Call) -> dict[str, Any]:
        """The answer as botocore parses it. Raises botocore's errors, and Denied without usable credentials."""
        ...


class BotoTransport:
    """botocore's clients of one session; safe to use from several threads."""

    def __init__(
        self,
        session: botocore.session.Session,
        credentials: CallerCredentials,
        *,
        region: str,
        run_id: str | None = None,
        limits: Limits | None = None,
        endpoint_url: str | None = None,
    ) -> None:
        session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=response_parsing.seconds)
        creator = session.get_component("user_agent_creator")
        session.register_component("user_agent_creator", SteadyUserAgent(creator))
        self.region = region
        self.limits = limits or Limits()
        self.on_access_key: Callable[[str, str], None] = lambda _service, _key: None
        self._endpoint_url = endpoint_url
        self.traffic = Traffic()
        #: The paces of calls, once it is known in which account they are.
        self.paces: Paces | None = None
        self._session = session
        self._credentials = credentials
        self._user_agent = user_agent(run_id)
        self._clients: dict[tuple[str, str | None], Any] = {}
        self._making = threading.Lock()  # botocore's session makes one client at a time
        self._this = threading.local()
        self._next_pages = NextPages()

    def endpoint(self, service: str) -> str:
        """The URL that the settings give for a service. Raises InvalidInput for one that is no URL."""
        return str(self._client(Call(service, "")).meta.endpoint_url)

    def send(self, call: Call) -> dict[str, Any]:
        """The answer as botocore parses it. Raises botocore's errors, and Denied without usable credentials."""
        ask = self._ask_for_page if call.raw else self._ask
        began = time.monotonic()
        until = began + self.limits.call_s
        not_after = None if call.within_s is None else began + call.within_s
        with self._credentials.held(), self._until(until, not_after, raw=call.raw):
            for attempt in itertools.count(1):
                asked_at = time.monotonic()
                try:
                    answer = ask(call)
                except (boto_errors.ClientError, boto_errors.ConnectionError, boto_errors.HTTPClientError) as error:
                    _log_call(call, attempt, asked_at, error)
                    pause_s = self._pause_s(call, error, attempt)
                    if attempt >= call.attempts or pause_s is None:
                        raise
                    time.sleep(max(0.0, min(pause_s, until - time.monotonic())))
                else:
                    _log_call(call, attempt, asked_at)
                    return answer
        raise AssertionError("the attempts have no end")

    def _ask(self, call: Call) -> dict[str, Any]:
        method = getattr(self._client(call), botocore.xform_name(call.operation))
        return dict(method(**call.parameters))

    def _ask_for_page(self, call: Call) -> dict[str, Any]:
        """A page of a long listing; the first one by botocore, and any other whose answer is no good page."""
        client = self._client(call)
        request = self._next_pages.request(call.operation, call.parameters, client._request_signer)  # noqa: SLF001
        if request is None:
            answer = self._ask(call)
            if answer.get("nextToken"):
                self._next_pages.remember(call.operation, call.parameters, self._this.request)
            return answer
        response = self._exchange(call.service, call.operation, client._endpoint.http_session.send, request)  # noqa: SLF001
        page = page_of(response)
        if page is not None:
            return page
        self._this.response = response
        try:
            return self._ask(call)
        finally:
            self._this.response = None

    def _pause_s(self, call: Call, error: Exception, attempt: int) -> float | None:
        """How long to wait before a call is tried again, None when that is of no use."""
        if not retries.is_throttled(error):
            return retries.pause_s(attempt) if retries.is_transient(error) else None
        self.traffic.note_throttled(call.operation)
        retry_after_s = retries.asked_pause_s(error)
        sent_at = getattr(self._this, "sent_at", None)
        if self.paces is None or sent_at is None:
            return max(retries.pause_s(attempt), retry_after_s)
        longest = self.limits.call_s
        self.paces.of(call.service, call.operation).refused(sent_at, retry_after_s=min(retry_after_s, longest))
        return 0.0 if retry_after_s < longest else None

    @contextmanager
    def _until(self, moment: float, not_after: float | None, *, raw: bool) -> Iterator[None]:
        # a call may need another one first: who is the caller?
        outer = [getattr(self._this, name, None) for name in ("until", "not_after", "raw")]
        self._this.until, self._this.not_after, self._this.raw = moment, not_after, raw
        try:
            yield
        finally:
            self._this.until, self._this.not_after, self._this.raw = outer

    def _client(self, call: Call) -> Any:
        key = (call.service, call.endpoint)
        client = self._clients.get(key)  # without the lock: nobody waits for somebody else's client
        if client is None:
            with self._making:
                client = self._clients.get(key) or self._new_client(call)
                self._clients[key] = client
        return client

    def _new_client(self, call: Call) -> Any:
        config = botocore.config.Config(
            retries={"mode": "standard", "total_max_attempts": 1},
            connect_timeout=self.limits.connect_s,
            read_timeout=self.limits.silence_s,
            max_pool_connections=_POOL_CONNECTIONS,
            user_agent_extra=self._user_agent,
        )
        url = call.endpoint or self._endpoint_url
        try:
            client = self._session.create_client(call.service, region_name=self.region, endpoint_url=url, config=config)
            url = client.meta.endpoint_url
            where = urlsplit(url)
            if where.scheme not in {"http", "https"} or where.port == 0:  # `port` raises for one out of range
                raise ValueError("it is not an http or https address")  # noqa: TRY301
        except ValueError as error:
            raise InvalidInput(
                f"the endpoint for {call.service} is not valid ({address(str(url or error))}): check AWS_ENDPOINT_URL "
                "and the profile's endpoint_url, which take https://HOST"
            ) from None
        # the very session that botocore made of proxies, certificates and the rest
        send = client._endpoint.http_session.send  # noqa: SLF001 - an event may answer for it, but not be given it
        client.meta.events.register(
            "before-send",
            lambda request, event_name, **_: self._exchange(call.service, event_name.rpartition(".")[2], send, request),
        )
        client.meta.events.register(
            "before-parse", lambda **event: response_parsing.before_parse(raw=self._this.raw, **event)
        )
        client.meta.events.register("after-call", response_parsing.after_call)
        return client

    def _exchange(
        self,
        service: str,
        operation: str,
        send: Callable[[AWSPreparedRequest], AWSResponse],
        request: AWSPreparedRequest,
    ) -> AWSResponse:
        if (response := getattr(self._this, "response", None)) is not None:
            return response  # it came already
        self._this.request = request
        self.on_access_key(service, _access_key(request))
        self._this.sent_at = None
        if self.paces is not None and service != "sts":
            asked_at = time.monotonic()
            self._this.sent_at = self.paces.of(service, operation).wait()
            self.traffic.note_wait(operation, time.monotonic() - asked_at)
        not_after = getattr(self._this, "not_after", None)
        if not_after is not None and time.monotonic() > not_after:
            if self.paces is not None and self._this.sent_at is not None:
                self.paces.of(service, operation).not_sent(self._this.sent_at)
            raise Throttled(f"{operation} was not sent: its turn came too late after what was looked at before")
        until = self._this.until or time.monotonic() + self.limits.call_s
        within_s = min(self.limits.attempt_s, until - time.monotonic())
        if within_s <= 0:
            raise AnswerTooLong(why=f"no answer within {self.limits.call_s:g} s, with all that was tried again")
        return whole_answer(send, request, within_s=within_s, most_bytes=self.limits.body_bytes)


def _log_call(call: Call, attempt: int, asked_at: float, error: Exception | None = None) -> None:
    answer = "ok" if error is None else type(error).__name__
    if isinstance(error, boto_errors.ClientError):
        answer = error.response.get("Error", {}).get("Code") or answer
    facts = {"service": call.service, "operation": call.operation, "attempt": attempt, "answer": answer}
    _log.debug("call", extra={**facts, "seconds": round(time.monotonic() - asked_at, 3)})


def _access_key(request: AWSPreparedRequest) -> str:
    signed = request.headers.get("Authorization") or ""
    text = signed.decode() if isinstance(signed, bytes) else str(signed)
    return text.partition("Credential=")[2].partition("/")[0]
