"""The request of `aws iot delete-job-execution`: JSON input, overrides, skeletons, validation. Pure of AWS.

Source: the AWS CLI's reference of the command, and its global options `--cli-input-json` and
`--generate-cli-skeleton`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from iotjobs import given_file, parameter_values
from iotjobs.errors import InvalidInput
from iotjobs.model import ExecutionKey

INPUT_SKELETON: dict[str, Any] = {
    "jobId": "",
    "thingName": "",
    "executionNumber": 0,
    "force": True,
    "namespaceId": "",
}
OUTPUT_SKELETON: dict[str, Any] = {}

_MEMBERS: dict[str, tuple[str, type]] = {
    "jobId": ("job_id", str),
    "thingName": ("thing_name", str),
    "executionNumber": ("execution_number", int),
    "force": ("force", bool),
    "namespaceId": ("namespace_id", str),
}
#: The names of the request's members as parameters.
NAMES = tuple(name for name, _ in _MEMBERS.values())
CANCEL_NAMES = ("job_id", "thing_name", "force", "expected_version")
_REQUIRED = {"job_id": "--job-id", "thing_name": "--thing-name", "execution_number": "--execution-number"}
_CHECKS: dict[str, Callable[[Any], Any]] = {
    "job_id": parameter_values.job_id,
    "thing_name": parameter_values.thing_name,
    "execution_number": parameter_values.execution_number,
    "force": lambda value: bool(parameter_values.flag(value, name="force")),
    "namespace_id": parameter_values.namespace_id,
}
_FILE = "file://"


@dataclass(frozen=True, slots=True)
class DeleteRequest:
    """A valid request for one `DeleteJobExecution`."""

    job_id: str
    thing_name: str
    execution_number: int
    force: bool = False
    namespace_id: str | None = None
    expected_version: ClassVar[None] = None  # DeleteJobExecution takes none (API)

    @property
    def key(self) -> ExecutionKey:
        """What the request names."""
        return ExecutionKey(self.job_id, self.thing_name, self.execution_number)

    def __str__(self) -> str:
        return str(self.key)


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """A valid request for one `CancelJobExecution`, which takes no number: it means the thing's newest of the job.

    ``execution_number``: the one that a person means; it is refused when it is not the newest.
    """

    job_id: str
    thing_name: str
    execution_number: int | None = None
    force: bool = False
    expected_version: int | None = None
    namespace_id: ClassVar[None] = None  # CancelJobExecution takes none (API)

    def __str__(self) -> str:
        number = "" if self.execution_number is None else f"/{self.execution_number}"
        return f"{self.job_id}/{self.thing_name}{number}"


def build_cancel(**given: Any) -> CancelRequest:
    """Make the request from the parameters that are given (not None). Raises InvalidInput."""
    values = {name: value for name, value in given.items() if value is not None}
    missing = [_REQUIRED[name] for name in ("job_id", "thing_name") if name not in values]
    if missing:
        raise InvalidInput(f"missing: {', '.join(missing)}; a cancel names the job and the thing")
    checks: dict[str, Callable[[Any], Any]] = {
        **_CHECKS,
        "expected_version": lambda value: parameter_values.count(value, name="expected_version"),
    }
    return CancelRequest(**{name: checks[name](value) for name, value in values.items()})


def build(*, cli_input_json: Any = None, **given: Any) -> DeleteRequest:
    """Make the request from the JSON input, overridden by the parameters that are given (not None).

    Raises InvalidInput naming what is wrong: malformed or unknown JSON, a missing or impossible value.
    """
    unknown = sorted(set(given) - {name for name, _ in _MEMBERS.values()})
    if unknown:
        raise InvalidInput(
            f"unknown: {', '.join(unknown)}; the request has {', '.join(n for n, _ in _MEMBERS.values())}"
        )
    values = {} if cli_input_json is None else _from_json(cli_input_json)
    values |= {name: value for name, value in given.items() if value is not None}
    missing = [option for name, option in _REQUIRED.items() if values.get(name) is None]
    if missing:
        raise InvalidInput(f"missing: {', '.join(missing)}; an execution is named by its job, its thing and its number")
    return DeleteRequest(**{name: _CHECKS[name](value) for name, value in values.items()})


def _from_json(source: Any) -> dict[str, Any]:
    text = parameter_values.text(source, name="cli_input_json") or ""
    if text.startswith(_FILE):
        if text.strip() == _FILE:
            raise InvalidInput(f"cli_input_json is {_FILE} without a path: write {_FILE} and the path of the file")
        try:
            content = given_file.read_given(Path(text.removeprefix(_FILE)).expanduser())
            text = content.decode(json.detect_encoding(content))  # PowerShell writes UTF-16
        except (OSError, ValueError, RuntimeError) as error:  # also: not UTF-8, a NUL in the path, no such ~user
            raise InvalidInput(f"cli_input_json: {text} cannot be read: {error}") from error
    try:
        document = json.loads(text, object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError) as error:  # also: a number of thousands of digits, endless nesting
        raise InvalidInput(f"cli_input_json is not JSON: {error}{_hint(text)}") from error
    if not isinstance(document, dict):
        raise InvalidInput(f"cli_input_json is a {type(document).__name__}; it takes an object")
    unknown = sorted(set(document) - set(_MEMBERS))
    if unknown:
        raise InvalidInput(f"cli_input_json has unknown members: {', '.join(unknown)}; there are {', '.join(_MEMBERS)}")
    return {
        _MEMBERS[member][0]: _typed(member, value)
        for member, value in document.items()
        if not (member == "namespaceId" and value == "")
    }


def _hint(text: str) -> str:
    """What may have been meant by a text that is no JSON: a file, by its path or by another form of address."""
    text = text.strip()
    if "\n" in text or text.startswith(("{", "[")) or not any(mark in text for mark in "/.\\"):
        return ""
    path = re.sub(r"(?i)^fileb?:(//)?", "", text)
    if re.match(r"\w{2,}://", path):  # one letter is a drive of Windows
        return f"; what an address leads to is not fetched: save it, and write {_FILE} and the path of that file"
    return f"; if it is the path of a file, write {_FILE}{path}"


def _typed(member: str, value: Any) -> Any:
    kind = _MEMBERS[member][1]
    if type(value) is not kind:
        raise InvalidInput(
            f"cli_input_json: {member} is {json.dumps(value)}, of type {type(value).__name__}; it takes {kind.__name__}"
        )
    return value


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidInput(f"cli_input_json names {', '.join(twice)} twice; which one is meant?")
    return dict(pairs)
