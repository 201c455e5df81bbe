"""Whose an endpoint is: AWS's own by its partition's DNS suffix, this machine's by its address, or somebody else's.

Source: the partitions and their suffixes are botocore's `partitions.json`; which plane is found where is said in the
developer guide, "AWS IoT Device Management endpoints", and in DescribeEndpoint (API).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from iotjobs.aws.masking import address

#: What `Connection.endpoint_kind` says of the control plane's endpoint.
Kind = Literal["aws", "sandbox", "other"]

_AWS = "aws"
_AWS_SUFFIXES = ("amazonaws.com", "api.aws")


@dataclass(frozen=True, slots=True)
class Partition:
    """A part of AWS with accounts and names of its own: `aws`, `aws-cn`, `aws-us-gov`."""

    name: str
    suffixes: tuple[str, ...]

    def has(self, url: str) -> bool:
        """Whether a URL's host is one of AWS in this partition."""
        host = host_of(url)
        return any(host.endswith(f".{suffix}") for suffix in self.suffixes)


def partition_of(region: str, partitions: Iterable[Mapping[str, object]]) -> Partition:
    """The partition that a region lies in, from the rows of botocore's `partitions.json`; `aws` for a new region."""
    for row in partitions:
        pattern, regions, outputs = row.get("regionRegex"), row.get("regions"), row.get("outputs")
        if not isinstance(outputs, Mapping):
            continue
        listed = isinstance(regions, Mapping) and region in regions
        if listed or (isinstance(pattern, str) and re.fullmatch(pattern.strip("^$"), region)):
            suffixes = [outputs.get(name) for name in ("dnsSuffix", "dualStackDnsSuffix")]
            return Partition(str(row.get("id")), tuple(str(suffix) for suffix in suffixes if suffix))
    return Partition(_AWS, _AWS_SUFFIXES)


def host_of(url: str) -> str:
    """The host of a URL in lower case; empty where there is none."""
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine itself; a name counts only when it is `localhost`."""
    host = host_of(url)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_generic_jobs_host(url: str) -> bool:
    """Whether this is botocore's default for the jobs data plane, which AWS refuses: an account has its own."""
    return host_of(url).startswith(("data.jobs.iot.", "data.jobs.iot-fips."))


def described_url(host: str, partition: Partition, region: str) -> str | None:
    """The URL of a host that DescribeEndpoint named; None unless it is AWS's own in this region.

    The host comes from an answer: what it names gets signed requests.
    """
    url = f"https://{host}"
    if not re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", host) or not partition.has(url):
        return None
    return url if f".{region}." in host else None


def warnings(partition: Partition, kind: Kind, control_url: str, sts_url: str, plane_url: str) -> Iterator[str]:
    """What a person should know of where IoT, STS and the jobs data plane are asked."""
    control = address(control_url)
    if kind == "other":
        yield f"{control} is neither AWS's nor the sandbox's: whatever it leads to is taken for real"
    if control_url.startswith("http:") and not is_loopback(control_url):
        yield f"{control} is asked without encryption: what is sent there can be read on the way"
    for name, url in {"STS": sts_url, "the jobs data plane": plane_url}.items():
        if partition.has(url) == partition.has(control_url):
            continue
        if name != "STS" and partition.has(url):
            yield f"no endpoint is configured for {name}: it is asked at {control}, as IoT is"
        else:
            yield f"IoT is asked at {control}, and {name} at {address(url)}: these are two places"
    if kind == "aws" and "-fips." in plane_url and "fips" not in control:
        yield f"FIPS endpoints are asked for, but {control} is none"
