"""What an answer that is an error means to a caller: the table of AWS's codes, and botocore's own errors.

Sources: the errors of each operation in the AWS IoT API reference (API_CancelJobExecution, API_DeleteJobExecution,
API_DescribeJobExecution, …), the IoT Jobs data plane's API_iot-jobs-data_DescribeJobExecution, and the common errors of
the reference (CommonErrors), which every service has.

An error counts as AWS's own when its answer carries AWS's form of an error type (`response_parsing.before_parse` marks
it) and the code is one of the table. A changing call with any other answer may have acted: a proxy or a gateway on the
way can answer 301, 403 or 404 after the service did its work.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import botocore.exceptions as boto_errors

from iotjobs.aws.masking import outside_text
from iotjobs.aws.pace import seconds_to_wait
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

CHECK_ENDPOINT = "is the endpoint really AWS? check AWS_ENDPOINT_URL"
_CHECK_NETWORK = "check the network, the region and AWS_ENDPOINT_URL"
_LOG_IN = "log in again (`aws sso login`, or your usual way to get credentials), then run this again"
_PERHAPS = "it may or may not have been done"
_NO_CREDENTIALS = (boto_errors.NoCredentialsError, boto_errors.PartialCredentialsError)
_NEVER_SENT = (boto_errors.ParamValidationError, boto_errors.NoRegionError)

#: Codes of credentials that were good once.
EXPIRED = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired", "UnauthorizedSSOTokenError"}
)
#: Codes that always mean the clock; others do when their message says so.
CLOCK = frozenset({"RequestTimeTooSkewed", "RequestInTheFuture"})


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """An answer that is an error. ``where`` names the call and what it is about; ``established``: others worked.

    ``place``: the account and region that were asked, in words.
    """

    code: str
    message: str
    status: int
    from_aws: bool
    where: str
    place: str
    action: str
    established: bool
    retry_after_s: float


def _denied_credentials(answer: ErrorAnswer) -> IotJobsError:
    if clock_is_off(answer.message):
        return _clock(answer)
    return Denied(
        f"AWS refused the credentials ({answer.code}: {answer.message}) for {answer.where}; {_LOG_IN}",
        expired=answer.established,
    )


def _expired(answer: ErrorAnswer) -> IotJobsError:
    return Denied(f"the AWS credentials have expired ({answer.code}) for {answer.where}: {_LOG_IN}", expired=True)


def _clock(answer: ErrorAnswer) -> IotJobsError:
    return Denied(
        f"AWS refused the signature of {answer.where} since the clock of this host is wrong "
        f"({answer.code}: {answer.message}): set the clock, then run this again"
    )


def _denied(answer: ErrorAnswer) -> IotJobsError:
    return Denied(
        f"{answer.where} was denied: the caller lacks the permission {answer.action} ({answer.code}: "
        f"{answer.message}); ask for it, or use another profile",
        action=answer.action,
    )


def _throttled(answer: ErrorAnswer) -> IotJobsError:
    return Throttled(
        f"{answer.where} was throttled ({answer.code}); the account's quota for it is used up",
        retry_after_s=answer.retry_after_s,
    )


def _not_found(answer: ErrorAnswer) -> IotJobsError:
    return NotFound(
        f"{answer.where}: not found in {answer.place} ({answer.message}); check the name, the profile and the region"
    )


def _conflict(answer: ErrorAnswer) -> IotJobsError:
    return StateConflict(f"{answer.where} was refused by AWS ({answer.code}: {answer.message})")


def _unavailable(answer: ErrorAnswer) -> IotJobsError:
    return Unavailable(f"{answer.where} failed ({answer.code or answer.status}: {answer.message})")


def _failed(answer: ErrorAnswer) -> IotJobsError:
    return IotJobsError(f"{answer.where} failed ({answer.code or answer.status}: {answer.message})")


#: A code of AWS to the error that it is for a caller.
MEANINGS: dict[str, Callable[[ErrorAnswer], IotJobsError]] = {
    **dict.fromkeys(EXPIRED, _expired),
    **dict.fromkeys(CLOCK, _clock),
    **dict.fromkeys(
        (
            "AuthFailure",
            "IncompleteSignature",
            "IncompleteSignatureException",
            "InvalidAccessKeyId",
            "InvalidClientTokenId",
            "InvalidSignatureException",
            "MissingAuthenticationToken",
            "MissingAuthenticationTokenException",
            "SignatureDoesNotMatch",
            "UnrecognizedClientException",
        ),
        _denied_credentials,
    ),
    **dict.fromkeys(
        (
            "AccessDenied",
            "AccessDeniedException",
            "NotAuthorized",
            "OptInRequired",
            "UnauthorizedException",
            "UnauthorizedOperation",
        ),
        _denied,
    ),
    **dict.fromkeys(
        (
            "LimitExceededException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "SlowDown",
            "ThrottledException",
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
        ),
        _throttled,
    ),
    **dict.fromkeys(("ResourceNotFoundException", "TerminalStateException"), _not_found),
    **dict.fromkeys(("NoSuchBucket", "NoSuchEntity", "NotFound", "NotFoundException"), _not_found),  # S3, IAM, SNS
    **dict.fromkeys(("InvalidStateTransitionException", "VersionConflictException", "ConflictException"), _conflict),
    **dict.fromkeys(
        (
            "CertificateValidationException",
            "IndexNotReadyException",
            "InvalidAction",
            "InvalidParameterCombination",
            "InvalidParameterValue",
            "InvalidQueryException",
            "InvalidRequestException",
            "MalformedQueryString",
            "MissingAction",
            "MissingParameter",
            "ValidationError",
            "ValidationException",
        ),
        _failed,
    ),
}


def clock_is_off(message: str) -> bool:
    """Whether a refused signature is one of a wrong clock (general reference, "Signature expired")."""
    return bool(re.search(r"(?i)signature (has )?expired|not yet current|too skewed|clock skew", message))


def about(operation: str, parameters: dict[str, Any]) -> str:
    """A call in words: the operation, and the job, thing and number that it is about."""
    named = {
        "jobId": "job",
        "thingName": "thing",
        "executionNumber": "number",
        "namespaceId": "namespace",
        "thingGroupName": "group",
        "queryString": "query",
    }
    words = [f"{word} {parameters[name]}" for name, word in named.items() if name in parameters]
    return f"{operation} ({', '.join(words)})" if words else operation


def answered_oddly(operation: str, parameters: dict[str, Any], status: int) -> str:
    """What is said of a changing call whose answer is no error, and is none of AWS either."""
    return (
        f"{about(operation, parameters)} was answered {status} with a page that is not AWS's: of a proxy? "
        f"{CHECK_ENDPOINT}; {_PERHAPS}"
    )


def our_error(
    error: Exception,
    service: str,
    operation: str,
    parameters: dict[str, Any],
    *,
    changing: bool,
    established: bool,
    place: str = "this account and region",
) -> IotJobsError:
    """A failure of a call in our classes, without secrets. The names are botocore's and the API's.

    ``place``: the account and region that were asked, in words.
    """
    where = about(operation, parameters)
    if isinstance(error, IotJobsError):
        return error
    if isinstance(error, boto_errors.ClientError):
        action = f"{ {'iot-jobs-data': 'iotjobsdata'}.get(service, service) }:{operation}"
        return _answered(_error_answer(error, where, place, action, established=established), changing=changing)
    words = outside_text(error)
    if isinstance(error, _NO_CREDENTIALS):
        return Denied(f"no usable AWS credentials for {where}: {words}; {_LOG_IN}", expired=established)
    if isinstance(error, _NEVER_SENT):
        return InvalidInput(f"{where}: {words}")
    if isinstance(error, boto_errors.EndpointConnectionError | boto_errors.ConnectTimeoutError):
        return IotJobsError(f"the endpoint cannot be reached for {where}: {words}; {_CHECK_NETWORK}")
    text, remedy = f"{where} failed: {words}", _CHECK_NETWORK
    if not isinstance(error, boto_errors.BotoCoreError):
        text, remedy = f"the answer to {where} cannot be read ({type(error).__name__}: {words})", CHECK_ENDPOINT
    return Unsettled(f"{text}; {_PERHAPS}") if changing else IotJobsError(f"{text}; {remedy}")


def _answered(answer: ErrorAnswer, *, changing: bool) -> IotJobsError:
    where = answer.where
    meaning = MEANINGS.get(answer.code)
    if changing and (meaning is None or not answer.from_aws or answer.status >= 500):  # noqa: PLR2004 - HTTP's own
        ours: IotJobsError = Unsettled(f"{where} was answered {answer.status} ({answer.code}), not by AWS; {_PERHAPS}")
        if answer.from_aws:
            ours = Unsettled(f"{where} answered {answer.status} ({answer.code}); {_PERHAPS}")
    elif meaning is not None and answer.from_aws:
        ours = meaning(answer)
    else:
        ours = _by_status(answer)
    ours.code = answer.code
    return ours


def _error_answer(
    error: boto_errors.ClientError, where: str, place: str, action: str, *, established: bool
) -> ErrorAnswer:
    response: dict[str, Any] = dict(error.response)
    metadata = response.get("ResponseMetadata", {})
    details = response.get("Error", {})
    return ErrorAnswer(
        code=outside_text(details.get("Code") or "", longest=80),
        message=outside_text(details.get("Message") or ""),
        status=int(metadata.get("HTTPStatusCode", 0)),
        from_aws=bool(response.get("FromAws")),
        where=where,
        place=place,
        action=action,
        established=established,
        retry_after_s=seconds_to_wait(metadata.get("HTTPHeaders", {}).get("retry-after")),
    )


def _by_status(answer: ErrorAnswer) -> IotJobsError:
    """A reading call's error without a code that we know: of AWS, or of something before it."""
    if answer.status >= 500:  # noqa: PLR2004 - HTTP's own numbers, here and below
        return _unavailable(answer)
    if answer.status == 429:  # noqa: PLR2004
        return _throttled(answer)
    if answer.from_aws and answer.status in {401, 403}:
        return _denied(answer)
    if not answer.from_aws:
        said = f": {answer.message}" if answer.message else ""
        text = f"{answer.where} was answered {answer.status} without an error of AWS{said}; a proxy? {CHECK_ENDPOINT}"
        return Denied(text) if answer.status in {401, 403, 407} else IotJobsError(text)
    return _failed(answer)
