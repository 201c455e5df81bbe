"""Which failed reads are tried again, and after which pause.

At once behind the pace of its operation where it was throttled; after a pause that doubles where the answer was lost or
the service failed. A changing call is not tried again here, see `deletion/step.py`.
"""

from __future__ import annotations

import random
from typing import Any

import botocore.exceptions as boto_errors

from iotjobs.aws.pace import seconds_to_wait

#: AWS SDKs and Tools Reference Guide, "Retry behavior": what the standard mode tries again.
_THROTTLES = frozenset(
    {
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottledException",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_TRANSIENT_CODES = frozenset({"PriorRequestNotComplete", "RequestTimeout", "RequestTimeoutException"})
_TRANSIENT_STATUSES = frozenset({500, 502, 503, 504})
_TOO_MANY = 429
_LONGEST_PAUSE_S = 20.0


def is_throttled(error: Exception) -> bool:
    """Whether the service answered that there are too many calls."""
    code, status = _code_and_status(error)
    return code in _THROTTLES or status == _TOO_MANY


def is_transient(error: Exception) -> bool:
    """Whether there was no answer, or the service failed in a way that passes."""
    code, status = _code_and_status(error)
    answered = isinstance(error, boto_errors.ClientError)
    return not answered or code in _TRANSIENT_CODES or status in _TRANSIENT_STATUSES


def pause_s(attempt: int) -> float:
    """A random part of a pause that doubles with each attempt, so that not all come again at once."""
    return random.random() * min(2.0 ** (attempt - 1), _LONGEST_PAUSE_S)  # noqa: S311 - no secret


def asked_pause_s(error: Exception) -> float:
    """The pause that the service asked for, 0 where it did not."""
    return seconds_to_wait(_metadata(error).get("HTTPHeaders", {}).get("retry-after"))


def _code_and_status(error: Exception) -> tuple[str, int | None]:
    if not isinstance(error, boto_errors.ClientError):
        return "", None
    return error.response.get("Error", {}).get("Code", ""), _metadata(error).get("HTTPStatusCode")


def _metadata(error: Exception) -> dict[str, Any]:
    return error.response.get("ResponseMetadata", {}) if isinstance(error, boto_errors.ClientError) else {}
