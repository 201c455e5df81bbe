"""The accounts and regions of a fleet run: from a parameter or a TOML file to `Target`s. Pure but for the file.

A targets file holds `[[target]]` tables with `name`, `region`, and `profile` or `role_arn`; see docs/fleet.md.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from iotjobs.errors import InvalidInput
from iotjobs.given_file import read_given

TARGET_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9@._+-]{0,127}")
REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}")
ACCOUNT = re.compile(r"[0-9]{12}")
#: Source: IAM API reference, AssumeRole: RoleArn, ExternalId, RoleSessionName.
_ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):role/[\w+=,.@/-]{1,512}", re.ASCII)
_ROLE_NAME = re.compile(r"[\w+=,.@/-]{1,512}", re.ASCII)
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)
_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
MOST_TARGETS = 1000
_MOST_BYTES = 4 * 1024 * 1024
_NOT_QUOTED = {"external_id", "endpoint_url"}  # may hold what is nobody else's business


@dataclass(frozen=True, slots=True)
class Target:
    """One account and region, and how to get there. Holds no credential.

    ``profile`` is of the AWS configuration of the machine that does the work; ``role_arn`` is assumed there, with that
    profile's or the standard credentials. ``account`` is checked against the caller's own.
    """

    name: str
    region: str
    profile: str | None = None
    role_arn: str | None = None
    external_id: str | None = field(default=None, repr=False)  # workers log the arguments of a task that fails
    session_name: str | None = None
    account: str | None = None
    endpoint_url: str | None = None

    @property
    def place(self) -> Target:
        """The target without its name, to tell whether another one is the same."""
        return replace(self, name="", session_name=None)


@dataclass(frozen=True, slots=True)
class Organization:
    """The accounts of an AWS Organization as targets: ``role_name`` is assumed in each, in each of ``regions``."""

    role_name: str
    regions: tuple[str, ...]
    profile: str | None = None
    external_id: str | None = field(default=None, repr=False)
    session_name: str | None = None
    partition: str = "aws"

    def targets_of(self, accounts: Sequence[str]) -> list[Target]:
        """A target for each account and region, named `ACCOUNT@REGION`."""
        return [
            Target(
                name=f"{account}@{region}",
                region=region,
                profile=self.profile,
                role_arn=f"arn:{self.partition}:iam::{account}:role/{self.role_name}",
                external_id=self.external_id,
                session_name=self.session_name,
                account=account,
            )
            for account in accounts
            for region in self.regions
        ]


@dataclass(frozen=True, slots=True)
class TargetList:
    """What a `targets` parameter names: targets, and organizations whose accounts must be asked for."""

    targets: tuple[Target, ...]
    organizations: tuple[Organization, ...] = ()


def read_targets(value: str) -> TargetList:
    """The targets of the parameter: the path of a TOML file, or comma-separated `PROFILE@REGION`.

    Raises InvalidInput naming the file, the table and what is wrong with it.
    """
    text = value.strip()
    if text.endswith(".toml") or "/" in text:
        return _from_file(Path(text).expanduser())
    return TargetList(tuple(unique([_from_text(part.strip()) for part in text.split(",")])))


def unique(targets: Sequence[Target]) -> list[Target]:
    """Each target once, in order.

    Raises InvalidInput for no target at all, for too many, and for two different targets of one name, or of names that
    are one directory where a file system does not tell upper from lower case.
    """
    names: dict[str, Target] = {}
    for target in targets:
        first = names.setdefault(target.name.casefold(), target)
        if (first.place, first.name) != (target.place, target.name):
            both = " and ".join(sorted({repr(first.name), repr(target.name)}))
            raise InvalidInput(
                f"targets has two different targets named {both}: give each a name of its own, by more than its case"
            )
    if not names:
        raise InvalidInput("targets names no target: it takes PROFILE@REGION,… or the path of a TOML file")
    if len(names) > MOST_TARGETS:
        raise InvalidInput(
            f"targets names {len(names)} targets, more than {MOST_TARGETS}: split them into several runs"
        )
    return list(names.values())


def twice(targets: Sequence[Target]) -> dict[Target, Target]:
    """The targets that are listed under a second name, each with the first one."""
    first: dict[Target, Target] = {}
    return {target: one for target in targets if (one := first.setdefault(target.place, target)) != target}


def _from_text(part: str) -> Target:
    profile, at, region = part.rpartition("@")
    if not at or not profile:
        raise InvalidInput(
            f"targets has {part!r}; it takes PROFILE@REGION such as plant@eu-west-1, or the path of a TOML file"
        )
    return _checked({"name": part, "profile": profile, "region": region}, f"targets {part!r}")


def _from_file(path: Path) -> TargetList:
    try:
        document = tomllib.loads(
            read_given(path, most_bytes=_MOST_BYTES).decode("utf-8-sig")
        )  # Windows begins with a mark
    except (OSError, ValueError, RecursionError) as error:  # also: no TOML, not UTF-8
        why = getattr(error, "strerror", None) or error
        raise InvalidInput(f"the targets file {path.name} cannot be read: {why}") from error
    unknown = sorted(set(document) - {"target", "organization"})
    if unknown:
        raise InvalidInput(f"{path.name} has {', '.join(unknown)}; it takes [[target]] and [[organization]] tables")
    targets = [
        _checked(table, f"{path.name}, target {number}")
        for number, table in enumerate(_tables(document, "target", path), start=1)
    ]
    organizations = tuple(
        _organization(table, f"{path.name}, organization {number}")
        for number, table in enumerate(_tables(document, "organization", path), start=1)
    )
    return TargetList(tuple(unique(targets)) if targets or not organizations else (), organizations)


def _tables(document: Mapping[str, Any], name: str, path: Path) -> list[Mapping[str, Any]]:
    tables = document.get(name, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise InvalidInput(f"{path.name}: {name} takes double brackets, [[{name}]]")
    return tables


def _checked(table: Mapping[str, Any], where: str) -> Target:
    _known(table, [each.name for each in fields(Target)], where)
    target = Target(
        name=_text(table, "name", TARGET_NAME, where, "letters, digits and @ . _ + -, not beginning with a dot"),
        region=_text(table, "region", REGION, where, "an AWS region such as eu-west-1"),
        profile=_optional(table, "profile", re.compile(r"[^\x00-\x1f]{1,128}"), where, "the name of a profile"),
        role_arn=_optional(table, "role_arn", _ROLE_ARN, where, "arn:aws:iam::ACCOUNT:role/NAME"),
        external_id=_optional(table, "external_id", _EXTERNAL_ID, where, "2 to 1224 of letters, digits and =,.@:/-"),
        session_name=_optional(table, "session_name", _SESSION_NAME, where, "2 to 64 of letters, digits and =,.@-"),
        account=_optional(table, "account", ACCOUNT, where, "twelve digits, as text"),
        endpoint_url=_endpoint(table, where),
    )
    if target.profile is None and target.role_arn is None:
        raise InvalidInput(f"{where} ({target.name}) has neither profile nor role_arn: give one of them")
    if target.role_arn is None and (target.external_id or target.session_name):
        raise InvalidInput(f"{where} ({target.name}) has external_id or session_name without the role_arn they are for")
    of_role = _ROLE_ARN.fullmatch(target.role_arn or "")
    if of_role and target.account not in (None, of_role[1]):
        raise InvalidInput(f"{where} ({target.name}) has account {target.account} and a role of account {of_role[1]}")
    return target


def _organization(table: Mapping[str, Any], where: str) -> Organization:
    _known(table, [each.name for each in fields(Organization)], where)
    regions = table.get("regions")
    if not isinstance(regions, list) or not regions:
        raise InvalidInput(f"{where} has no regions: it takes a list such as regions = ['eu-west-1']")
    return Organization(
        role_name=_text(table, "role_name", _ROLE_NAME, where, "the name of a role"),
        regions=tuple(_text({"region": region}, "region", REGION, where, "an AWS region") for region in regions),
        profile=_optional(table, "profile", re.compile(r"[^\x00-\x1f]{1,128}"), where, "the name of a profile"),
        external_id=_optional(table, "external_id", _EXTERNAL_ID, where, "2 to 1224 of letters, digits and =,.@:/-"),
        session_name=_optional(table, "session_name", _SESSION_NAME, where, "2 to 64 of letters, digits and =,.@-"),
        partition=_optional(table, "partition", re.compile(r"aws[a-z-]*"), where, "aws, aws-cn or aws-us-gov") or "aws",
    )


def _known(table: Mapping[str, Any], names: Sequence[str], where: str) -> None:
    unknown = sorted(set(table) - set(names))
    if unknown:
        raise InvalidInput(f"{where} has {', '.join(unknown)}; it takes {', '.join(names)}")


def _text(table: Mapping[str, Any], name: str, pattern: re.Pattern[str], where: str, takes: str) -> str:
    value = table.get(name)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        quoted = "" if name in _NOT_QUOTED else f" is {value!r}"
        raise InvalidInput(f"{where}: {name}{quoted or ' cannot be meant'}; it takes {takes}")
    return value


def _optional(table: Mapping[str, Any], name: str, pattern: re.Pattern[str], where: str, takes: str) -> str | None:
    return _text(table, name, pattern, where, takes) if name in table else None


def _endpoint(table: Mapping[str, Any], where: str) -> str | None:
    if "endpoint_url" not in table:
        return None
    url = _text(table, "endpoint_url", re.compile(r"https?://[^\s]{1,300}"), where, "https://HOST")
    try:
        parts = urlsplit(url)
        bare = parts.hostname and not (parts.username or parts.password or parts.query or parts.fragment)
        _ = parts.port  # raises ValueError for one out of range
    except ValueError:
        bare = False
    if not bare:
        raise InvalidInput(f"{where}: endpoint_url takes https://HOST[:PORT], without user, password or query")
    return url
