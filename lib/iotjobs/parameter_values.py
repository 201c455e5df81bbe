"""What a parameter's value becomes: text, numbers, durations, names, each checked. Pure.

It may come from a parameters cell, from papermill (`-p` reads values by their looks, `-f` from YAML), from another
scheduler, from a command, or from Python. Every function raises InvalidInput, which names the parameter and its form.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from iotjobs.errors import InvalidInput
from iotjobs.model import EXECUTION_NUMBER_MAX, JOB_ID, NAMESPACE_ID, THING_NAME, Action, Cause, Status

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_LONGEST_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a notebook.

    ``type`` is what its cell declares. ``default`` has the form in which it would be given. ``cell_has_none``: its
    cell says None although there is a default, since it counts whether somebody gave it. ``bare``: what the
    command's option means without a value.
    """

    name: str
    parse: Callable[..., Any]
    help: str
    default: object = None
    type: type = str
    cell_has_none: bool = False
    bare: str | None = None

    @property
    def comment(self) -> str:
        """The comment of its line in the parameters cell."""
        return f"{self.help}; None: {self.default}" if self.cell_has_none else self.help

    @property
    def declaration(self) -> str:
        """Its line in the parameters cell."""
        default = None if self.cell_has_none else self.default
        value = f'"{default}"' if isinstance(default, str) else repr(default)
        return f"{self.name}: {self.type.__name__} = {value}  # {self.comment}"

    def read(self, value: object) -> Any:
        """The typed value; None is the default. Raises InvalidInput, also for what is given and empty."""
        if value is None:
            return None if self.default is None else self.parse(self.default, name=self.name)
        empty = not value.strip() if isinstance(value, str) else isinstance(value, list | tuple | dict) and not value
        if empty:
            raise InvalidInput(
                f"{self.name} is given and empty ({shown(value)}); leave it out, or give a value: was a variable not "
                "set?"
            )
        if isinstance(value, float) and not math.isfinite(value):
            raise InvalidInput(f"{self.name} is {value!r}, which is not a usable number")
        return self.parse(value, name=self.name)


def text(value: object, *, name: str) -> str | None:
    """Text or nothing; a number, a boolean, a date or NaN that somebody's reader made of it is refused.

    So is text that no file can hold: bytes of a command line that are not UTF-8.
    """
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InvalidInput(
                f"{name} is {value!r}, which is not UTF-8: give it in UTF-8, or without that character"
            ) from None
    if value is None or isinstance(value, str):
        return value
    raise InvalidInput(_not_text(name, value))


def job_id(value: object, *, name: str = "job_id") -> str:
    """A job id: 1 to 64 of `[a-zA-Z0-9_-]` (API: JobId)."""
    return _fitting(value, name, JOB_ID, "1 to 64 letters, digits, `_` and `-`")


def thing_name(value: object, *, name: str = "thing_name") -> str:
    """A thing name: 1 to 128 of `[a-zA-Z0-9:_-]` (API: ThingName)."""
    return _fitting(value, name, THING_NAME, "1 to 128 letters, digits, `:`, `_` and `-`")


def namespace_id(value: object, *, name: str = "namespace_id") -> str:
    """A namespace id: `[a-zA-Z0-9_-]+` (API: NamespaceId)."""
    return _fitting(value, name, NAMESPACE_ID, "letters, digits, `_` and `-`")


def execution_number(value: object, *, name: str = "execution_number") -> int:
    """A positive long (API: ExecutionNumber), as a number or as its digits."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,19}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= EXECUTION_NUMBER_MAX:
        raise InvalidInput(
            f"{name} is {shown(value)}, which is not a positive whole number; take it from the execution's row in the "
            "investigate notebook"
        )
    return value


def flag(value: object, *, name: str) -> bool | None:
    """True, False or not given (None), as such or as the text `true` or `false`."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in {"true", "false"}:
        return value.strip().lower() == "true"
    raise InvalidInput(f"{name} is {shown(value)}; it takes True or False")


def count(value: object, *, name: str) -> int:
    """A whole number from 0, as a number or as its digits."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value.strip()):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidInput(f"{name} is {shown(value)}; it takes a whole number from 0")
    return value


def fraction(value: object, *, name: str) -> float:
    """A number from 0 to 1, as a number or as text such as `0.1`."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{0,9}\.?[0-9]{1,20}", value.strip()):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:  # NaN is in no range
        raise InvalidInput(f"{name} is {shown(value)}; it takes a number from 0 to 1, such as 0.1 for a tenth")
    return float(value)


def duration(value: object, *, name: str) -> timedelta:
    """A duration such as `45s`, `90m`, `24h`, `30d`."""
    if isinstance(value, timedelta) and value >= timedelta(0):
        return value
    parts = re.fullmatch(r"([0-9]{1,6})([smhd])", value.strip()) if isinstance(value, str) else None
    if parts is None:
        raise InvalidInput(f"{name} is {shown(value)}; it takes a duration such as 90m, 24h or 30d")
    return timedelta(seconds=int(parts[1]) * _UNITS[parts[2]])


def duration_text(value: timedelta) -> str:
    """A duration as it can be given again, in the largest unit that is exact: a day is `24h`, as in all the texts."""
    seconds = int(value.total_seconds())
    unit = next(unit for unit, size in _UNITS.items() if seconds % size == 0 and (unit != "d" or seconds > size))
    return f"{seconds // _UNITS[unit]}{unit}"


def comma_list(value: object, *, name: str) -> tuple[str, ...]:
    """Comma-separated text as its parts, or a list of text; each part once. Nothing given is an empty list.

    A part that is empty is refused: of `prod-*,$OTHERS` it would leave less protected than is meant.
    """
    items = value if isinstance(value, list | tuple) else () if value is None else (value,)
    parts = tuple(part.strip() for item in items for part in (text(item, name=name) or "").split(","))
    if "" in parts or value == []:
        raise InvalidInput(
            f"{name} is {shown(value)}, with a part that is empty: leave it out; was a variable not set?"
        )
    return tuple(dict.fromkeys(parts))


def thing_groups(value: object, *, name: str = "thing_groups") -> tuple[str, ...]:
    """Comma-separated names of thing groups: 1 to 128 of `[a-zA-Z0-9:_-]` each (API: ThingGroupName)."""
    return tuple(_fitting(part, name, THING_NAME, "names of groups") for part in comma_list(value, name=name))


def path(value: object, *, name: str) -> str | None:
    """A path as text, `~` allowed; that it leads to something is seen by whoever opens it."""
    where = text(value, name=name)
    try:
        Path(where or "").expanduser()
    except RuntimeError as error:
        raise InvalidInput(f"{name} is {shown(where)}: {error}") from error
    if "\0" in (where or ""):
        raise InvalidInput(f"{name} is {shown(where)}, which cannot be a path")
    return where


def statuses(value: object, *, name: str = "statuses") -> tuple[Status, ...] | None:
    """Comma-separated execution statuses, None when none are given."""
    return tuple(Status(part) for part in _members(value, name, Status)) or None


def causes(value: object, *, name: str = "causes") -> tuple[Cause, ...]:
    """Comma-separated causes."""
    return tuple(Cause(part) for part in _members(value, name, Cause))


def skeleton(value: object, *, name: str = "generate_cli_skeleton") -> str:
    """Which skeleton is asked for: `input` or `output`."""
    if value not in ("input", "output"):
        raise InvalidInput(f"{name} is {shown(value)}; it takes input or output")
    return str(value)


def action(value: object, *, name: str = "action") -> Action:
    """What a sweep does."""
    if value not in list(Action):
        raise InvalidInput(f"{name} is {shown(value)}; it takes {' or '.join(Action)}")
    return Action(str(value))


def _members(value: object, name: str, allowed: type[StrEnum]) -> tuple[str, ...]:
    parts = comma_list(value, name=name)
    unknown = [part for part in parts if part not in allowed.__members__.values()]
    if unknown:
        raise InvalidInput(f"{name} has {', '.join(unknown)}; there are {', '.join(allowed)}")
    return parts


def _fitting(value: object, name: str, pattern: re.Pattern[str], form: str) -> str:
    if value is None:
        raise InvalidInput(f"{name} is missing; it is required")
    if not isinstance(value, str):
        raise InvalidInput(_not_text(name, value))
    if not pattern.fullmatch(value):
        raise InvalidInput(f"{name} is {shown(value)}, which cannot be a {name}: it takes {form}")
    return value


def _not_text(name: str, value: object) -> str:
    remedy = f"put it in quotes where it stands, in the YAML file of -f or in the cell, or use `-r {name} VALUE`"
    if isinstance(value, bool | int | float):
        remedy = (
            f"papermill's -p reads values by their looks; give it with `-r {name} VALUE`, or in quotes in a YAML file "
            "(-f) or in the parameters cell"
        )
    return f"{name} arrived as the {type(value).__name__} {shown(value)}, not as text: {remedy}"


def shown(value: object) -> str:
    """A value as a message quotes it, not longer than a line."""
    quoted = repr(value)
    return quoted if len(quoted) <= _LONGEST_SHOWN else f"{quoted[:_LONGEST_SHOWN]}…"
