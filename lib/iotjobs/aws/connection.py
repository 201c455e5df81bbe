"""The connection to AWS: who is asking, where, and every call, with its errors in our words.

`Connection._call` is the one place through which all calls go. Changing calls are sent once: the executor looks before
it sends one again.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any

import botocore.exceptions as boto_errors
from botocore.parsers import ResponseParserError

from iotjobs.aws import endpoints, paging, response_parsing, sandbox_proof
from iotjobs.aws.concurrency import Overdue, given_up, read_ahead
from iotjobs.aws.device_plane import DevicePlane, PlaneSettings
from iotjobs.aws.endpoints import Kind, Partition
from iotjobs.aws.masking import address, outside_text
from iotjobs.aws.raw_pages import RawPage
from iotjobs.aws.service_clock import ServiceClock
from iotjobs.aws.service_errors import CHECK_ENDPOINT, about, answered_oddly, our_error
from iotjobs.aws.transport import Call, Transport
from iotjobs.aws.whole_answer import AnswerTooLong
from iotjobs.errors import (
    Denied,
    Interrupted,
    IotJobsError,
    NotFound,
    Refused,
    Throttled,
    Unavailable,
    Unsettled,
    about_credentials,
)
from iotjobs.project_file import Project

_FIRST_ATTEMPTS = 3  # of the very first call: an endpoint that is not there should be said within seconds
_PAGES_AT_ONCE = 16
_A_MOMENT_S = 3.0
_MOST_AGE_S = 1
_READING_ERRORS = (AttributeError, KeyError, TypeError, ValueError, RecursionError, ResponseParserError)


class Connection:
    """One caller in one account and region; safe to use from several threads.

    ``calls`` counts the answers by operation, ``throttled`` the calls that were throttled; ``endpoint`` is the control
    plane's, without user and query, and ``endpoint_kind`` whose it is: "aws", "sandbox" (it proved to be the embedded
    service) or "other".
    """

    def __init__(
        self,
        transport: Transport,
        *,
        profile: str | None = None,
        partition: Partition | None = None,
        warnings: Iterable[str] = (),
        clock: ServiceClock | None = None,
        project: Project | None = None,
    ) -> None:
        self._transport = transport
        self._clock = clock or ServiceClock()
        self._partition = partition or endpoints.partition_of(transport.region, ())
        self._counting = threading.Lock()
        self._identifying = threading.RLock()
        self._keys: set[str] = set()
        self._sts_key = ""
        self.calls: Counter[str] = Counter()
        self._denied: dict[str, None] = {}
        #: What IAM answered, see `rights.py`.
        self.simulated: dict[tuple[str, ...], tuple[str, ...] | IotJobsError] = {}
        self.throttled = transport.traffic.throttled
        self.profile = profile
        self.project = project or Project()
        self.region = transport.region
        self.account = ""
        self.caller_arn = ""
        control_url = transport.endpoint("iot")
        self.endpoint = address(control_url)
        transport.on_access_key = self._check_access_key
        self._identify()
        self.endpoint_kind: Kind = "other"
        if self._partition.has(control_url):
            self.endpoint_kind = "aws"
        elif sandbox_proof.is_proven(control_url):
            self.endpoint_kind = "sandbox"
        plane = PlaneSettings(self.region, self._partition, control_url, transport.endpoint("iot-jobs-data"))
        self._device_plane = DevicePlane(plane, self._describe_endpoint)
        sts_url = transport.endpoint("sts")
        #: Whether the caller's identity is asked at another place than the jobs.
        self.sts_elsewhere = address(sts_url) != self.endpoint
        place = endpoints.warnings(self._partition, self.endpoint_kind, control_url, sts_url, plane.default_url)
        self._warnings = [*warnings, *place]

    @property
    def sandbox(self) -> bool:
        """Whether the control plane's endpoint has proven to be the embedded service; all else is LIVE."""
        return self.endpoint_kind == "sandbox"

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know of the place and the way there, as far as it is known by now."""
        lost = self._device_plane.lost
        texts = [
            *self._warnings,
            self._clock.warning,
            lost and f"the jobs data plane cannot be had, so the control plane is asked, more slowly: {lost}",
        ]
        return tuple(warning for warning in texts if warning)

    @property
    def denied(self) -> tuple[str, ...]:
        """The IAM actions that this connection was denied by now, in the order in which they were."""
        return tuple(self._denied)

    @property
    def brake(self) -> str | None:
        """The operation whose quota the calls waited for longest, None while none had to wait."""
        return self._transport.traffic.brake()

    @property
    def brake_now(self) -> str | None:
        """The same, of the operations whose quota was waited for a moment ago."""
        return self._transport.traffic.brake(within_s=_A_MOMENT_S)

    def now(self) -> datetime:
        """The time at the service, aware, in UTC: this host's clock may be wrong."""
        return self._clock.now()

    def read(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call a reading operation of the control plane (`iot`); throttled and lost calls are retried."""
        return self._read("iot", operation, parameters)

    def pages(self, operation: str, key: str, **parameters: Any) -> Iterator[list[dict[str, Any]]]:
        """Yield the rows under `key`, a page at a time, until the service says there are no more.

        Raises IotJobsError when the listing leads back to a page that was read, or never ends.
        """
        for rows, _more in self._pages(operation, key, parameters, raw=False):
            yield rows

    def raw_pages(self, operation: str, key: str, **parameters: Any) -> Iterator[list[list[dict[str, Any]] | RawPage]]:
        """The same, the first page and then many at once, read ahead.

        Of a page that is a `RawPage` it is not checked yet whose rows those are.
        """
        pages = self._pages(operation, key, parameters, raw=True)
        first, more = next(pages)
        yield [first]
        if not more:
            return
        rest = (rows for rows, _more in pages)
        try:
            yield from read_ahead(iter(lambda: list(islice(rest, _PAGES_AT_ONCE)), []), thread="iotjobs-pages")
        except Overdue:
            late = AnswerTooLong(why=f"the answer did not end within {self._transport.limits.attempt_s:.0f} s")
            raise our_error(late, "iot", operation, parameters, changing=False, established=True) from None

    def _pages(self, operation: str, key: str, parameters: dict[str, Any], *, raw: bool) -> Iterator[tuple[Any, bool]]:
        def ask(asked: dict[str, Any]) -> dict[str, Any]:
            return self._read("iot", operation, asked, raw=True) if raw else self.read(operation, **asked)

        return paging.pages(ask, operation, key, parameters)

    def read_device_plane(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call a reading operation of the jobs data plane (`iot-jobs-data`), whose quota is far higher.

        Where that plane cannot be had, the control plane answers for DescribeJobExecution: both tell
        `approximateSecondsBeforeTimedOut` (API_DescribeJobExecution of either). Raises the data plane's error when
        neither answers, or for another operation.
        """
        try:
            return self._read("iot-jobs-data", operation, parameters, endpoint=self._device_plane.url())
        except IotJobsError as error:
            credentials = about_credentials(error)
            # a host of another account or an old one has no executions at all, so what it does not find is looked up
            ended = isinstance(error, NotFound) and error.code != "ResourceNotFoundException"
            if credentials or ended or isinstance(error, Throttled | Refused):
                raise
            self._device_plane.lose(error)
            if operation != "DescribeJobExecution":
                raise
            identity = {name: parameters.get(name) for name in ("jobId", "thingName", "executionNumber")}
            try:
                answer = self.read(operation, **identity)
            except Denied as denied:
                raise (error if denied.action else denied) from None
            if isinstance(error, NotFound):
                self._device_plane.doubt(answer["execution"])
            if self.endpoint_kind != "aws" and "approximateSecondsBeforeTimedOut" not in answer["execution"]:
                raise  # an emulator's control plane keeps silent about timers
            return answer

    def organization_accounts(self) -> list[str]:
        """The ids of the active accounts of the caller's Organization (API: Organizations ListAccounts, all pages)."""
        accounts: list[str] = []
        token: str | None = None
        for _ in range(paging.MOST_PAGES):
            answer = self._read("organizations", "ListAccounts", {"NextToken": token})
            accounts += [str(account["Id"]) for account in answer["Accounts"] if account.get("Status") == "ACTIVE"]
            token = answer.get("NextToken")
            if not token:
                return sorted(accounts)
        raise IotJobsError(f"ListAccounts did not end after {paging.MOST_PAGES} pages; {CHECK_ENDPOINT}")

    def read_iam(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Ask IAM once, where it is at the same place as IoT. Raises IotJobsError."""
        if self._partition.has(self._transport.endpoint("iam")) != (self.endpoint_kind == "aws"):
            raise IotJobsError("IAM would be asked at another place than IoT")
        return self._call(Call("iam", operation, parameters))

    def publish_message(self, topic_arn: str, *, subject: str, message: str) -> None:
        """Publish to an SNS topic; throttled and lost calls are retried (API: SNS Publish)."""
        self._read("sns", "Publish", {"TopicArn": topic_arn, "Subject": subject[:100], "Message": message})

    def put_object(self, bucket: str, key: str, body: bytes) -> None:
        """Put an object into S3; throttled and lost calls are retried (API: S3 PutObject)."""
        self._read("s3", "PutObject", {"Bucket": bucket, "Key": key, "Body": body})

    def change(self, operation: str, *, within_s: float | None = None, **parameters: Any) -> dict[str, Any]:
        """Send one changing call to the control plane, once; not at all when its turn comes later than ``within_s``.

        Raises NotFound, StateConflict, Throttled, Denied and others when AWS itself said no (nothing was done), Refused
        in an account that the project file protects, and Unsettled for any other end: it may have been done.
        """
        if reason := self.project.forbids_changes_in(self.account):
            raise Refused(reason, guard="protected_account")
        return self._call(Call("iot", operation, parameters, changing=True, within_s=within_s))

    @property
    def arns(self) -> str:
        """What every ARN of IoT in this account and region begins with."""
        return f"arn:{self._partition.name}:iot:{self.region}:{self.account}:"

    def check_arn(self, arn: str) -> None:
        """Raise Refused unless an ARN of an answer is of this account and region.

        The caller's identity is asked at one endpoint and the jobs at another: only the answers tell whose they are.
        Every answer is checked already; this is for ARNs that come from elsewhere, as from a file.
        """
        if not arn.startswith(self.arns):
            raise Refused(
                f"{self.endpoint} answers about {outside_text(arn, longest=200)}, but the credentials are of account "
                f"{self.account} in {self.region}: check AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_IOT and "
                "AWS_ENDPOINT_URL_STS; nothing is done there"
            )

    def _read(
        self,
        service: str,
        operation: str,
        parameters: dict[str, Any],
        *,
        endpoint: str | None = None,
        raw: bool = False,
    ) -> dict[str, Any]:
        attempts = self._transport.limits.read_attempts
        return self._call(Call(service, operation, parameters, attempts=attempts, endpoint=endpoint, raw=raw))

    def _call(self, call: Call) -> dict[str, Any]:
        parameters = {name: value for name, value in call.parameters.items() if value is not None}
        if given_up() and not call.changing:
            raise Interrupted("the reading was stopped")
        try:
            answer = self._transport.send(replace(call, parameters=parameters))
        except (IotJobsError, boto_errors.BotoCoreError, boto_errors.ClientError, *_READING_ERRORS) as error:
            ours = our_error(
                error,
                call.service,
                call.operation,
                parameters,
                changing=call.changing,
                established=bool(self.account),
                place=f"account {self.account}, region {self.region}",
            )
            if isinstance(ours, Denied) and ours.action and call.service != "iam":
                self._denied[ours.action] = None
            raise ours from None
        metadata = answer.pop("ResponseMetadata", {})
        self._clock.set_by(metadata.get("HTTPHeaders", {}).get("date"))
        if call.changing and not answer.pop("FromAws", True):
            raise Unsettled(answered_oddly(call.operation, parameters, metadata.get("HTTPStatusCode", 0)))
        self._check_answer(call, parameters, answer)
        age_s = metadata.get("HTTPHeaders", {}).get("age", "")
        if age_s.isdecimal() and int(age_s) > _MOST_AGE_S and not call.changing:  # RFC 9111: Age
            where = about(call.operation, parameters)
            raise IotJobsError(f"the answer to {where} is {age_s} s old, from a cache on the way; {CHECK_ENDPOINT}")
        with self._counting:
            self.calls[call.operation] += 1
        return answer

    def _check_answer(self, call: Call, parameters: dict[str, Any], answer: dict[str, Any]) -> None:
        if lacks := response_parsing.missing(call.operation, answer):
            raise IotJobsError(f"the answer to {about(call.operation, parameters)} has no {lacks}; {CHECK_ENDPOINT}")
        for arn in response_parsing.arns(call.operation, answer):
            self.check_arn(arn)

    def _identify(self) -> None:
        """Ask STS who the caller is. Raises Refused when it is another account than before."""
        call = Call("sts", "GetCallerIdentity", attempts=_FIRST_ATTEMPTS)
        try:
            identity = self._call(call)
        except (Throttled, Unavailable):  # it is there, and busy
            identity = self._call(replace(call, attempts=self._transport.limits.read_attempts))
        account = str(identity["Account"])
        if not re.fullmatch(r"\d{12}", account):
            raise IotJobsError(f"STS answers as account {outside_text(account, longest=50)}; {CHECK_ENDPOINT}")
        if self.account and account != self.account:
            raise Refused(
                f"the credentials were renewed and are now of account {account}, not {self.account}: nothing more is "
                "done; get credentials of the first one, then run this again"
            )
        self.project.require(account=account)
        self.account, self.caller_arn = account, outside_text(identity["Arn"])
        self._keys.add(self._sts_key)

    def _check_access_key(self, service: str, key: str) -> None:
        """Before each request goes out: one that is signed with a new key waits until it is known whose it is."""
        if service == "sts":
            self._sts_key = key
            return
        if key in self._keys:
            return
        with self._identifying:
            if key not in self._keys:
                self._identify()
        if key not in self._keys:
            raise IotJobsError("the credentials changed while they were looked at; run this again")

    def _describe_endpoint(self, endpoint_type: str) -> str:
        return str(self.read("DescribeEndpoint", endpointType=endpoint_type).get("endpointAddress"))
