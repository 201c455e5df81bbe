"""Things as a table: whether they are registered, and how they are connected; what cannot be had is a gap."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from iotjobs.aws.concurrency import map_concurrently
from iotjobs.aws.connection import Connection
from iotjobs.aws.connectivity import FEW_THINGS, Document, Lookup, by_page
from iotjobs.aws.executions import PAGE_ROWS
from iotjobs.aws.gaps import error_gap, reason, remedy
from iotjobs.aws.rows import odd_answer
from iotjobs.columns import table
from iotjobs.diagnosis import commands
from iotjobs.errors import Denied, IotJobsError, NotFound
from iotjobs.model import LATEST_S, THING_NAME
from iotjobs.permissions import allow
from iotjobs.snapshot import THING_COLUMNS, Evidence, Gap, Place


def list_things(connection: Connection) -> Iterator[set[str]]:
    """The names of the registry's things, a page at a time."""
    for page in connection.pages("ListThings", "things", maxResults=PAGE_ROWS):
        yield {str(thing["thingName"]) for thing in page}


def group_members(connection: Connection, group: str) -> set[str]:
    """The things of a group and of the groups below it (ListThingsInThingGroup, all pages).

    Raises NotFound, and IotJobsError for what is no name: a group read in part would make a plan smaller.
    """
    pages = connection.pages(
        "ListThingsInThingGroup", "things", thingGroupName=group, recursive=True, maxResults=PAGE_ROWS
    )
    names: list[Any] = [name for page in pages for name in page]
    for name in names:
        if not isinstance(name, str) or not THING_NAME.fullmatch(name):
            raise odd_answer(
                "ListThingsInThingGroup", f"about group {group} names the thing {ascii(name)[:80]}, which is no name"
            )
    return set(names)


def require_thing(connection: Connection, thing_name: str) -> list[Gap]:
    """Ask for a thing that has no executions. Raises NotFound when there is none, a gap when it may not be read."""
    try:
        connection.read("DescribeThing", thingName=thing_name)
    except NotFound as error:
        raise NotFound(
            f"thing {thing_name} does not exist in account {connection.account}, region "
            f"{connection.region}; check the name, the profile and the region"
        ) from error
    except IotJobsError as error:
        return [error_gap(Evidence.REGISTRATION, error, about=[thing_name])]
    return []


def things_table(
    connection: Connection, lookup: Lookup, *, place: Place, trust_live: bool = False
) -> tuple[pd.DataFrame, list[Gap]]:
    """What is known of things (THING_COLUMNS, of which `queue_known` is for others to say); what is missing is a gap.

    ``trust_live``: a thing of whose connection is told counts as registered, until the index is asked.
    """
    documents = lookup.documents
    registered = documents if trust_live else lookup.indexed
    exists, gaps = _registered(connection, [name for name in lookup.things if name not in registered])
    exists |= dict.fromkeys(registered, True)
    rows = [_row(name, documents.get(name)) | {"exists": exists.get(name)} for name in lookup.things]
    unconnected = [
        name for name in lookup.things if exists.get(name) is not False and _connectivity(documents.get(name)) is None
    ]
    if unconnected:
        gaps.append(_unconnected(connection, unconnected, lookup.failure, place))
    return table(THING_COLUMNS, {column: [row.get(column) for row in rows] for column in THING_COLUMNS}), gaps


def _registered(connection: Connection, things: Sequence[str]) -> tuple[dict[str, bool], list[Gap]]:
    """Whether things are in the registry; those left out are not known to be or not to be."""
    exists: dict[str, bool] = {}
    if len(things) > FEW_THINGS:  # without the permission, which is more than the kit needs, they are described
        exists, _ = by_page(list_things(connection), set(things), lambda page: dict.fromkeys(page, True))

    def is_registered(thing_name: str) -> bool:
        try:
            connection.read("DescribeThing", thingName=thing_name)
        except NotFound:
            return False
        return True

    rest = [name for name in things if name not in exists]
    gaps = []
    for name, answer in zip(rest, map_concurrently(is_registered, rest), strict=True):
        if isinstance(answer, IotJobsError):
            gaps.append(error_gap(Evidence.REGISTRATION, answer, about=[name]))
        else:
            exists[name] = answer
    return exists, gaps


def _unconnected(connection: Connection, things: Iterable[str], failure: IotJobsError | None, place: Place) -> Gap:
    """Why the connectivity of things is not known, and how to switch it on."""
    if isinstance(failure, Denied):
        return error_gap(Evidence.CONNECTIVITY, failure, about=things)
    configuration = _indexing(connection)
    mode = (configuration or {}).get("thingIndexingMode", "OFF")
    off = configuration is None or "OFF" in {mode, configuration.get("thingConnectivityIndexingMode", "OFF")}
    if off:
        then = _switch_on(configuration, place)
        why = "fleet indexing is off" if configuration and mode == "OFF" else "fleet indexing has no connectivity"
        if configuration is None and failure is not None:
            why = f"fleet indexing does not answer ({reason(failure)})"
    elif failure is not None:
        why, then = f"fleet indexing does not answer ({reason(failure)})", remedy(failure)
    else:
        why, then = "the fleet index does not have it yet", "run this again in a few minutes"
    return Gap(Evidence.CONNECTIVITY, why, then, frozenset(things), indexing_off=off)


def _indexing(connection: Connection) -> dict[str, Any] | None:
    """The configuration of thing indexing, None where it may not be read."""
    try:
        answer = connection.read("GetIndexingConfiguration")
    except IotJobsError as error:
        error_gap(Evidence.CONNECTIVITY, error)  # raises where it is the credentials
        return None
    return dict(answer.get("thingIndexingConfiguration") or {"thingIndexingMode": "OFF"})


def _switch_on(configuration: Mapping[str, Any] | None, place: Place) -> str:
    """How to switch connectivity on: a command only where what it replaces was read."""
    if configuration is None:
        look = commands.aws(place, "iot", "get-indexing-configuration")
        return (
            f"{allow('iot:GetIndexingConfiguration')} and run this again, or have somebody who may read the present "
            f"configuration (`{look}`) add connectivity to it: an update replaces the whole of it"
        )
    present = {name: value for name, value in configuration.items() if value and name != "managedFields"}
    mode = configuration.get("thingIndexingMode")
    wanted = {
        **present,
        "thingIndexingMode": mode if mode not in {None, "OFF"} else "REGISTRY",
        "thingConnectivityIndexingMode": "STATUS",
    }
    plain = all(isinstance(value, str) for value in wanted.values())
    setting = ",".join(f"{name}={value}" for name, value in wanted.items()) if plain else json.dumps(wanted)
    command = commands.aws(place, "iot", "update-indexing-configuration", thing_indexing_configuration=setting)
    return f"switch it on with `{command}`"


def _row(name: str, document: Document | None) -> dict[str, Any]:
    connectivity = _connectivity(document) or {}
    changed = connectivity.get("timestamp")
    return {
        "thing_name": name,
        "connected": connectivity.get("connected"),
        "changed_at": datetime.fromtimestamp(changed / 1000, tz=UTC) if changed else None,
        "reason": connectivity.get("disconnectReason"),
        "thing_groups": ", ".join((document or {}).get("thingGroupNames", [])),
    }


def _connectivity(document: Document | None) -> dict[str, Any] | None:
    """What the index says of a connection (API: ThingConnectivity), None where it says nothing that is understood."""
    connectivity = (document or {}).get("connectivity") or {}
    changed = connectivity.get("timestamp") or 0
    understood = isinstance(changed, int | float) and 0 <= changed < LATEST_S * 1000
    return connectivity if isinstance(connectivity.get("connected"), bool) and understood else None
