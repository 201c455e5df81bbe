"""Texts from outside, fit to be stored: short, and without the secrets that a message or a setting may quote.

An error of AWS can quote the signed request with its session token, a failed proxy its password, an endpoint its user.
Every text that the kit did not write itself passes through `outside_text` before it enters an error or a record.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

LONGEST = 500
_MASK = "***"

#: What is replaced, in this order; `\g<1>` is what stays.
_SECRETS: tuple[tuple[re.Pattern[str], str], ...] = (
    # `authorization: AWS4-HMAC-SHA256 Credential=…, Signature=…`, to the end of what belongs to it
    (re.compile(r"(?i)(authorization['\"]?\s*[:=]\s*)b?['\"]?[^\r\n'\"]+"), rf"\g<1>{_MASK}"),
    (re.compile(r"(?i)(AWS4-[A-Z0-9-]*SHA256\s+Credential=)[^'\"\r\n]+"), rf"\g<1>{_MASK}"),
    (re.compile(r"(?i)\b(bearer\s+)[\w.~+/=-]+"), rf"\g<1>{_MASK}"),
    # a URL's query: presigned addresses, tokens of login pages
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://[^\s?'\"<>]*)\?[^\s'\"<>]*"), rf"\g<1>?{_MASK}"),
    (
        re.compile(r"(?i)(x-amz-(?:signature|security-token|credential)['\"]?\s*[:=]\s*)b?['\"]?[^\s&'\",]+"),
        rf"\g<1>{_MASK}",
    ),
    (
        re.compile(
            r"(?i)((?:aws_?)?(?:secret_?access_?key|session_?token|security_?token|access_?token|refresh_?token|"
            r"client_?secret|api_?key|password|passwd|passphrase|secret)['\"]?\s*[:=]\s*)b?['\"]?[^\s&'\",]+"
        ),
        rf"\g<1>{_MASK}",
    ),
    # the user and password of an address, with a scheme before it or without
    (re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://)[^\s/@'\"]+@"), rf"\g<1>{_MASK}@"),
    (re.compile(r"(?<![\w:/@.-])[^\s/@:'\"()<>=]+:[^\s/@'\"()<>]+@(?=[\w\[])"), f"{_MASK}@"),
    # a secret key has 40 characters, a token many more
    (re.compile(r"(?<![\w/+-])(?=[^\s]*[a-z])(?=[^\s]*[A-Z])(?=[^\s]*\d)[A-Za-z0-9/+]{40}(?![\w/+=-])"), _MASK),
    (re.compile(r"[A-Za-z0-9+/=_-]{100,}"), _MASK),
)


def outside_text(text: object, *, longest: int = LONGEST) -> str:
    """A message from outside in one line of at most `longest` characters, with its secrets masked."""
    words = str(text)[: 20 * longest]  # a message may have megabytes
    for pattern, replacement in _SECRETS:
        words = pattern.sub(replacement, words)
    words = " ".join(words.split())
    return words if len(words) <= longest else f"{words[: longest - 2]} …"


def address(url: str) -> str:
    """A URL without its user, password, query and fragment, fit for a banner and a record."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return outside_text(url)
    return outside_text(urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")))
