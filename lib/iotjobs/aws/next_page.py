"""The next page of a long listing, asked for as botocore asked for the first one, with another token and signature.

From parameters to a request and back is most of what botocore takes for a page, and of one listing only the token
differs. Credentials and their renewal, the signature and the session with its proxies and certificates stay botocore's;
an answer that is no good page is given to botocore's own parser as if botocore had asked.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse
from botocore.utils import lowercase_dict

from iotjobs.aws.raw_pages import ROWS, raw_page

_MOST_LISTINGS = 64  # that go on at once; one that is forgotten is asked as any other call
_SCOPE = re.compile(r"AWS4-HMAC-SHA256 Credential=[^/]+/\d+/([^/]+)/([^/]+)/aws4_request,")
_OK = 200
Listing = tuple[str, tuple[tuple[str, str], ...]]


class NextPages:
    """The listings that go on: how the first page of each was asked for."""

    def __init__(self) -> None:
        self._first: OrderedDict[Listing, tuple[str, str, str, str]] = OrderedDict()

    def remember(self, operation: str, parameters: Mapping[str, Any], request: AWSPreparedRequest) -> None:
        """Note how botocore asked for a page, where the next one can be asked for alike."""
        scope = _SCOPE.match(_text(request.headers.get("Authorization")))
        plain = request.method == "GET" and not request.body and "?" in request.url and "nextToken=" not in request.url
        if scope and plain:
            self._first[_listing(operation, parameters)] = (
                request.url,
                _text(request.headers.get("User-Agent")),
                scope[1],
                scope[2],
            )
            while len(self._first) > _MOST_LISTINGS:
                self._first.popitem(last=False)

    def request(self, operation: str, parameters: Mapping[str, Any], signer: Any) -> AWSPreparedRequest | None:
        """The signed request for the page of a token; None where botocore has to make it."""
        first = self._first.get(_listing(operation, parameters)) if parameters.get("nextToken") else None
        if first is None:
            return None
        url, agent, region, name = first
        auth = signer.get_auth(name, region)
        if type(auth) is not SigV4Auth:
            return None
        token = quote(str(parameters["nextToken"]), safe="-._~")
        request = AWSRequest("GET", headers={"User-Agent": agent}, url=f"{url}&nextToken={token}", stream_output=True)
        auth.add_auth(request)
        return request.prepare()


def page_of(response: AWSResponse) -> dict[str, Any] | None:
    """A good page as the answer that botocore would give with it; None for any other answer."""
    page = raw_page(response.content) if response.status_code == _OK else None
    if page is None:
        return None
    metadata = {"HTTPStatusCode": _OK, "HTTPHeaders": lowercase_dict(response.headers)}
    return {ROWS: page, "nextToken": page.next_token, "ResponseMetadata": metadata}


def _listing(operation: str, parameters: Mapping[str, Any]) -> Listing:
    return operation, tuple(sorted((name, str(value)) for name, value in parameters.items() if name != "nextToken"))


def _text(header: bytes | str | None) -> str:
    return header.decode() if isinstance(header, bytes) else header or ""
