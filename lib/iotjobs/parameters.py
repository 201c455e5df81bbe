"""What came from a notebook's parameters cell, as typed values. Pure; bad input ends here, before any call.

papermill reads values by their looks: `-p thing_name 007` arrives as the number 7, `nan` as a float. A name
that is not text is therefore refused with the remedy, never guessed back.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from iotjobs.errors import InvalidInput
from iotjobs.model import EXECUTION_NUMBER_MAX, JOB_ID, NAMESPACE_ID, THING_NAME, Status

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def job_id(value: Any) -> str:
    """A job id: 1 to 64 of `[a-zA-Z0-9_-]` (API: JobId)."""
    return _name(value, "job_id", JOB_ID, "1 to 64 letters, digits, `_` and `-`")


def thing_name(value: Any) -> str:
    """A thing name: 1 to 128 of `[a-zA-Z0-9:_-]` (API: ThingName)."""
    return _name(value, "thing_name", THING_NAME, "1 to 128 letters, digits, `:`, `_` and `-`")


def namespace_id(value: Any) -> str:
    """A namespace id: `[a-zA-Z0-9_-]+` (API: NamespaceId)."""
    return _name(value, "namespace_id", NAMESPACE_ID, "letters, digits, `_` and `-`")


def execution_number(value: Any) -> int:
    """A positive long (API: ExecutionNumber), as a number or as its digits."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,19}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= EXECUTION_NUMBER_MAX:
        raise InvalidInput(
            f"execution_number is {value!r}, which is not a positive whole number; take it from the "
            "execution's row in the investigate notebook"
        )
    return value


def text(value: Any, *, name: str) -> str | None:
    """Text or nothing; a number, boolean or NaN that papermill made of it is refused."""
    if value is None or isinstance(value, str):
        return value
    raise InvalidInput(_coerced(name, value))


def flag(value: Any, *, name: str) -> bool | None:
    """True, False or not given (None); `true` and `false` may arrive as text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in {"true", "false"}:
        return value.strip().lower() == "true"
    raise InvalidInput(f"{name} is {value!r}; it takes True or False")


def count(value: Any, *, name: str) -> int:
    """A whole number from 0, as a number or as its digits."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidInput(f"{name} is {value!r}; it takes a whole number from 0")
    return value


def fraction(value: Any, *, name: str) -> float:
    """A number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise InvalidInput(f"{name} is {value!r}; it takes a number from 0 to 1, such as 0.1 for a tenth")
    return float(value)


def duration(value: Any, *, name: str) -> timedelta:
    """A duration such as `45s`, `90m`, `24h`, `30d`."""
    found = re.fullmatch(r"(\d{1,6})([smhd])", value.strip()) if isinstance(value, str) else None
    if found is None:
        raise InvalidInput(f"{name} is {value!r}; it takes a duration such as 90m, 24h or 30d")
    return timedelta(**{_UNITS[found.group(2)]: int(found.group(1))})


def comma_list(value: Any, *, name: str) -> tuple[str, ...]:
    """Comma-separated text as its parts; nothing given is an empty list."""
    given = text(value, name=name)
    parts = tuple(part.strip() for part in (given or "").split(",") if part.strip())
    if given and not parts:
        raise InvalidInput(f"{name} is {given!r}, which names nothing")
    return parts


def statuses(value: Any) -> Sequence[Status] | None:
    """Comma-separated execution statuses, None when none are given."""
    parts = comma_list(value, name="statuses")
    unknown = [part for part in parts if part not in Status.__members__]
    if unknown:
        raise InvalidInput(f"statuses has {', '.join(unknown)}; there are {', '.join(Status)}")
    return tuple(dict.fromkeys(Status(part) for part in parts)) or None


def injected(cells: Sequence[str]) -> set[str]:
    """The names that papermill's injected cells assign: such a cell begins with the comment `# Parameters`."""
    return {name for source in cells if _is_injected(source) for name in _assigned(source)}


def mistyped(cells: Sequence[str]) -> set[str]:
    """The names that papermill injected although no cell before it declares them; papermill itself only warns."""
    declared: set[str] = set()
    unknown: set[str] = set()
    for source in cells:
        if _is_injected(source):
            unknown |= _assigned(source) - declared if declared else set()
        else:
            declared |= _assigned(source)
    return unknown


def _is_injected(source: str) -> bool:
    return source.lstrip().startswith("# Parameters")


def _assigned(source: str) -> set[str]:
    try:
        body = ast.parse(source).body
    except SyntaxError:  # a cell with a magic of IPython
        return set()
    single = [node.target for node in body if isinstance(node, ast.AnnAssign)]
    listed = [target for node in body if isinstance(node, ast.Assign) for target in node.targets]
    return {target.id for target in (*single, *listed) if isinstance(target, ast.Name)}


def _name(value: Any, parameter: str, pattern: re.Pattern[str], form: str) -> str:
    if value is None:
        raise InvalidInput(f"{parameter} is missing; it is required")
    if not isinstance(value, str):
        raise InvalidInput(_coerced(parameter, value))
    if not pattern.fullmatch(value):
        raise InvalidInput(f"{parameter} is {value!r}, which no {parameter} can be: it takes {form}")
    return value


def _coerced(parameter: str, value: Any) -> str:
    return (
        f"{parameter} arrived as the {type(value).__name__} {value!r}, not as text: papermill's -p reads "
        f"values by their looks; give it with `-r {parameter} VALUE`, or quoted in the parameters cell"
    )
