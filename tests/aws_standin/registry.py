"""Things, the fleet index and endpoints on the control plane (`iot`): each function answers one operation as AWS does."""

from __future__ import annotations

import uuid
from typing import Any

from .errors import AwsError, invalid, not_found
from .fleet import Thing
from .fleet_index import documents, matching
from .place import Place, page

Document = dict[str, Any]
_INDEX_PAGE_ROWS = 100
JOBS_MOVED = (
    "IoT Jobs and Commands APIs are now available through iot:Data-ATS endpoints instead of iot:Jobs endpoints. "
    "Please use iot:Data-ATS."
)


def describe_endpoint(place: Place, asked: Document) -> Document:
    kind = asked.get("endpointType", "iot:Data")
    dot = "." if place.partition == "aws-cn" else "-"
    suffix = "amazonaws.com.cn" if place.partition == "aws-cn" else "amazonaws.com"
    fips = "-fips" if place.host.fips else ""
    if kind == "iot:Jobs" and not place.jobs_endpoint:
        raise invalid(JOBS_MOVED)
    names = {
        "iot:Jobs": f"{place.prefix}.jobs.iot{fips}.{place.region}.{suffix}",
        "iot:Data-ATS": f"{place.prefix}{dot}ats.iot{fips}.{place.region}.{suffix}",
        "iot:Data": f"{place.prefix}.iot.{place.region}.{suffix}",
    }
    if kind not in names:
        raise invalid(f"Endpoint type {kind} is not supported.")
    return {"endpointAddress": names[kind]}


def describe_thing(place: Place, asked: Document) -> Document:
    thing = _registered(place, asked["thingName"])
    return {
        "defaultClientId": thing.name,
        "thingName": thing.name,
        "thingId": str(uuid.uuid5(uuid.NAMESPACE_DNS, thing.name)),
        "thingArn": place.arn("thing", thing.name),
        "attributes": dict(thing.attributes),
        "version": 1,
    }


def list_things(place: Place, asked: Document) -> Document:
    things = [thing for thing in place.fleet.things.values() if thing.registered]
    return page(
        asked,
        "things",
        things,
        250,
        lambda thing: {
            "thingName": thing.name,
            "thingArn": place.arn("thing", thing.name),
            "attributes": dict(thing.attributes),
            "version": 1,
        },
    )


def list_things_in_thing_group(place: Place, asked: Document) -> Document:
    group = asked["thingGroupName"]
    names = [thing.name for thing in place.fleet.things.values() if thing.registered and group in thing.groups]
    if not names:
        raise not_found(f"Group {group} does not exist")
    return page(asked, "things", names, 250, str)


def search_index(place: Place, asked: Document) -> Document:
    if place.fleet.indexing["thingIndexingMode"] == "OFF":
        raise not_found("Index AWS_Things does not exist")
    things = matching(place.fleet, asked.get("queryString", ""))
    return page(asked, "things", things, _INDEX_PAGE_ROWS, lambda thing: documents(place.fleet, thing))


def get_thing_connectivity_data(place: Place, asked: Document) -> Document:
    if place.fleet.indexing["thingConnectivityIndexingMode"] == "OFF":
        raise AwsError("IndexNotReadyException", "Thing connectivity indexing is not enabled")
    thing = place.fleet.things.get(asked["thingName"])
    if thing is None or thing.connectivity is None:
        raise not_found(f"No connectivity data for thing {asked['thingName']}")
    at = thing.connectivity.get("timestamp")
    return {"thingName": thing.name, **thing.connectivity, "timestamp": None if at is None else at / 1000}


def get_indexing_configuration(place: Place, asked: Document) -> Document:
    return {"thingIndexingConfiguration": dict(place.fleet.indexing)}


def update_indexing_configuration(place: Place, asked: Document) -> Document:
    """Replaces the whole configuration of things."""
    if "thingIndexingConfiguration" in asked:
        place.fleet.indexing = {"thingConnectivityIndexingMode": "OFF"} | asked["thingIndexingConfiguration"]
    return {}


def _registered(place: Place, name: str) -> Thing:
    thing = place.fleet.things.get(name)
    if thing is None or not thing.registered:
        raise not_found(f"Thing {name} cannot be found.")
    return thing
