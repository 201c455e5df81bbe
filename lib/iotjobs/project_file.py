"""The project file, `iotjobs.toml`: where a run may work, and what it must leave alone. Parameters can only add to it.

The nearest one holds, from the working directory upwards, or the one that `IOTJOBS_CONFIG` names. The variables
`IOTJOBS_ACCOUNT`, `IOTJOBS_REGION` and `IOTJOBS_ENDPOINT` pin a place as the file does; where both do, both hold.
"""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from iotjobs import parameter_values
from iotjobs.errors import InvalidInput, Refused
from iotjobs.given_file import read_given

NAME = "iotjobs.toml"
CONFIG_VARIABLE = "IOTJOBS_CONFIG"
_PINS = ("account", "region", "endpoint")
_MOST_BYTES = 1024 * 1024
_FORMS = {
    "account": (re.compile(r"[0-9]{12}"), 'twelve digits, as text: "123456789012"'),
    "region": (re.compile(r"[a-z0-9]+(-[a-z0-9]+)+"), "an AWS region such as eu-west-1"),
    "endpoint": (re.compile(r"https?://[^\s@?#]{1,300}"), "https://HOST, without user or query"),
}


@dataclass(frozen=True, slots=True)
class Pin:
    """What a connection must be: the `account`, `region` or `endpoint` is one of ``values``, as ``source`` says."""

    name: str
    values: tuple[str, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Project:
    """The project file and variables in force; without any, all is left to the parameters.

    ``file``: its name as messages have it, empty where there is none. ``sha256`` is that of its bytes. ``protect``:
    patterns of thing names, ``protect_jobs`` of job ids, both of whole names. ``max_deletes``, ``max_fraction``: the
    most that any sweep may take, None for no ceiling.
    """

    file: str = ""
    sha256: str = ""
    pins: tuple[Pin, ...] = ()
    protected_accounts: tuple[str, ...] = ()
    protect: tuple[str, ...] = ()
    protect_jobs: tuple[str, ...] = ()
    max_deletes: int | None = None
    max_fraction: float | None = None

    def require(self, **place: str) -> None:
        """Raise Refused unless what is known of a connection (`account`, `region`, `endpoint`) is what is pinned."""
        for pin in self.pins:
            actual = place.get(pin.name)
            if actual is not None and not any(_same(pin.name, actual, value) for value in pin.values):
                raise Refused(
                    f"{pin.source} pins {pin.name} {' or '.join(pin.values)}, and this connection is to {actual}: "
                    "nothing was read and nothing changed; connect there, or change the pin if this place is meant",
                    guard="pinned",
                )

    def forbids_changes_in(self, account: str) -> str | None:
        """Why nothing may be changed in an account, None where it may."""
        if account not in self.protected_accounts:
            return None
        return f"account {account} is protected by {self.file} (protected_accounts): nothing is changed there"

    def protects(self, job_id: str, thing_name: str) -> str | None:
        """Why an execution must be left alone, None when it need not."""
        for key, name, patterns in (
            ("protect", thing_name, self.protect),
            ("protect_jobs", job_id, self.protect_jobs),
        ):
            for pattern in patterns:
                if fnmatchcase(name, pattern):
                    return f"{name} is protected by {self.file} ({key} has {pattern})"
        return None

    @property
    def label(self) -> str:
        """What a plan says of the file under which it was made; empty where there was none."""
        return f"{self.file} sha256:{self.sha256}" if self.file else ""

    def as_document(self) -> dict[str, Any] | None:
        """What `result.json` says of it; None where nothing is in force."""
        if not self.file and not self.pins:
            return None
        pins = [{"name": pin.name, "values": list(pin.values), "source": pin.source} for pin in self.pins]
        return {"file": self.file or None, "sha256": self.sha256 or None, "pins": pins}


def in_force(environment: Mapping[str, str] = os.environ, directory: Path | None = None) -> Project:
    """The project file and variables that hold in a directory (default: the working directory).

    Raises InvalidInput, which names the file and the key, for what cannot be read or meant.
    """
    path = _path(environment, directory or Path.cwd())
    project = Project() if path is None else parse(_read(path), name=_display_path(path))
    pins = list(project.pins)
    for pin in _PINS:
        variable = f"IOTJOBS_{pin.upper()}"
        if variable in environment:
            pins.append(Pin(pin, _pinned(environment[variable], pin, variable), variable))
    return replace(project, pins=tuple(pins))


def parse(content: bytes, *, name: str) -> Project:
    """The project file with these bytes. Raises InvalidInput."""
    try:
        document = tomllib.loads(content.decode("utf-8-sig"))  # Windows begins a file with a mark
    except (ValueError, RecursionError) as error:  # no TOML, not UTF-8
        raise InvalidInput(f"the project file {name} cannot be read: {error}") from error
    readers: dict[str, Callable[[Any, str], Any]] = {
        "protected_accounts": lambda value, where: _each(value, "account", where),
        "protect": _patterns,
        "protect_jobs": _patterns,
        "max_deletes": lambda value, where: parameter_values.count(value, name=where),
        "max_fraction": lambda value, where: parameter_values.fraction(value, name=where),
    }
    unknown = sorted(set(document) - {*_PINS, *readers})
    if unknown:
        raise InvalidInput(f"{name} has an unknown key {', '.join(unknown)}; it takes {', '.join((*_PINS, *readers))}")
    pins = tuple(Pin(key, _pinned(document[key], key, f"{name}: {key}"), name) for key in _PINS if key in document)
    rest = {key: read(document[key], f"{name}: {key}") for key, read in readers.items() if key in document}
    return Project(file=name, sha256=hashlib.sha256(content).hexdigest(), pins=pins, **rest)


def _path(environment: Mapping[str, str], directory: Path) -> Path | None:
    if CONFIG_VARIABLE in environment:
        return Path(environment[CONFIG_VARIABLE]).expanduser()
    here = directory.absolute()
    return next((path for each in (here, *here.parents) if os.path.lexists(path := each / NAME)), None)


def _read(path: Path) -> bytes:
    try:
        return read_given(path, most_bytes=_MOST_BYTES)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise InvalidInput(
            f"the project file {_display_path(path)} cannot be read ({why}): see {CONFIG_VARIABLE}"
        ) from error


def _display_path(path: Path) -> str:
    """Its path from the working directory where it lies there or above it, else its name: no path of this machine."""
    here, folder = Path.cwd(), path.absolute().parent
    if here.is_relative_to(folder) or folder.is_relative_to(here):
        return os.path.relpath(path.absolute(), here)
    return path.name or "(empty)"


def _pinned(value: object, key: str, where: str) -> tuple[str, ...]:
    return _each(value if isinstance(value, list) else [value], key, where)


def _each(value: object, form: str, where: str) -> tuple[str, ...]:
    pattern, takes = _FORMS[form]
    parts = value if isinstance(value, list) else []
    if not parts or not all(isinstance(part, str) and pattern.fullmatch(part) for part in parts):
        raise InvalidInput(f"{where} is {parameter_values.shown(value)}; it takes {takes}, or a list of such")
    return tuple(parts)


def _patterns(value: object, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(part, str) and part.strip() for part in value) or not value:
        raise InvalidInput(f'{where} is {parameter_values.shown(value)}; it takes a list of patterns: ["prod-*"]')
    return tuple(value)


def _same(name: str, actual: str, pinned: str) -> bool:
    if name != "endpoint":
        return actual == pinned
    return _parts(actual) == _parts(pinned)


def _parts(url: str) -> tuple[str, str, str]:
    """An endpoint as it is compared: its port only where it is not the scheme's own."""
    split = urlsplit(url)
    port = f":{split.port}" if split.port not in (None, {"http": 80, "https": 443}.get(split.scheme)) else ""
    return split.scheme, f"{(split.hostname or '').rstrip('.')}{port}", split.path.rstrip("/")
