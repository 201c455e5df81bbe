"""An answer read whole, within a time and up to a size: one may come a byte at a time, or never end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import botocore.exceptions as boto_errors
import urllib3.exceptions
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from iotjobs.aws.concurrency import Overdue, in_time

_CHUNK_BYTES = 1 << 16


class AnswerTooLong(boto_errors.BotoCoreError):
    """An answer that does not end, by time or by size. Not tried again: the next one would not end either."""

    fmt = "{why}"


class _Body:
    """A body that was read already, as `AWSResponse` asks for it."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> Iterator[bytes]:
        yield self._content


def whole_answer(
    send: Callable[[AWSPreparedRequest], AWSResponse], request: AWSPreparedRequest, *, within_s: float, most_bytes: int
) -> AWSResponse:
    """Send a request and read its answer in a thread of its own, which is left alone when the time is over.

    A timeout of the socket starts anew with each byte, also with those of the headers.
    """
    reading: list[Any] = []
    until = time.monotonic() + within_s

    def ask() -> AWSResponse:
        response = send(request)
        reading.append(response.raw)
        content = _read(response.raw, str(request.url), most_bytes, until=until)
        return AWSResponse(response.url, response.status_code, response.headers, _Body(content))

    request.stream_output = True  # botocore then leaves the body to us
    try:
        return in_time(ask, within_s, thread="iotjobs-call")
    except Overdue:
        for raw in reading:
            with suppress(Exception):
                raw.shutdown()
                raw.close()
        raise AnswerTooLong(why=f"the answer did not end within {within_s:.0f} s") from None


def _read(raw: Any, url: str, most_bytes: int, *, until: float) -> bytes:
    chunks, size = [], 0
    try:
        while chunk := raw.read1(_CHUNK_BYTES):
            chunks.append(chunk)
            size += len(chunk)
            if time.monotonic() > until:  # who waits for this thread has given up
                raw.close()
                raise Overdue
            if size > most_bytes:
                raw.close()
                raise AnswerTooLong(why=f"the answer is longer than {most_bytes >> 20} MB")
    except urllib3.exceptions.ReadTimeoutError as error:
        raise boto_errors.ReadTimeoutError(endpoint_url=url, error=error) from None
    except urllib3.exceptions.HTTPError as error:
        raise boto_errors.ConnectionClosedError(endpoint_url=url, error=error) from None
    return b"".join(chunks)
