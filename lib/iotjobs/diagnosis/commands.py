"""Commands to copy: quoted for a POSIX shell, and acting on the account and region they were made for. Pure.

Every command that the kit prints is made here. The values of options go in as keywords, so that one which begins with
`-` stays a value: `aws(place, "iot", "describe-job", job_id="-x")` is `aws iot describe-job --job-id=-x …`.
"""

from __future__ import annotations

import shlex
from urllib.parse import urlsplit

from iotjobs.snapshot import Place

__all__ = ["UNSAFE", "Place", "aws", "iotjobs"]

#: What stands for a command that cannot be shown as it is: a comment in a shell, so that pasting it does nothing.
UNSAFE = "# no command: a name or a setting in it has characters that must not be shown"

Value = str | int | bool | None


def aws(place: Place, service: str, operation: str, *words: str, **options: Value) -> str:
    """Make a command of the AWS CLI for this place.

    `options`: text and numbers are values (`job_id="J"` is `--job-id J`), True and False are switches (`--force`,
    `--no-force`), None is left out. UNSAFE where a word has characters that a terminal does not show as they are, or
    the endpoint has a password.
    """
    where: dict[str, Value] = {"profile": place.profile, "region": place.region, "endpoint_url": place.endpoint}
    return _line(place, "aws", service, operation, *words, *_words(options), *_words(where))


def iotjobs(place: Place, *words: str, **options: Value) -> str:
    """Make a command of the kit for this place, see `aws`; it takes an endpoint from the environment."""
    command = _line(
        place, "iotjobs", *words, *_words(options), *_words({"profile": place.profile, "region": place.region})
    )
    if place.endpoint is None or command == UNSAFE:
        return command
    variable = "AWS_ENDPOINT_URL_IOT" if place.iot_alone else "AWS_ENDPOINT_URL"  # either is stronger than a profile's
    return f"{variable}={shlex.quote(place.endpoint)} {command}"


def _words(options: dict[str, Value]) -> list[str]:
    words: list[str] = []
    for name, value in options.items():
        option = name.replace("_", "-")
        if value is None:
            continue
        if isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
        elif str(value).startswith("-"):
            words.append(f"--{option}={value}")
        else:
            words += [f"--{option}", str(value)]
    return words


def _line(place: Place, *words: str) -> str:
    printable = all(word.isprintable() for word in (*words, place.endpoint or ""))
    return shlex.join(words) if printable and not _has_secret(place.endpoint) else UNSAFE


def _has_secret(endpoint: str | None) -> bool:
    if endpoint is None:
        return False
    url = urlsplit(endpoint)
    return url.username is not None or url.password is not None or bool(url.query)
