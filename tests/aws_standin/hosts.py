"""AWS's host names: which service, region and way in each one is. A name that AWS does not have is None.

Source: AWS General Reference, "AWS IoT Core / Device Management / STS / IAM Identity Center endpoints".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_SUFFIX = r"(?P<suffix>amazonaws\.com\.cn|amazonaws\.com|api\.amazonwebservices\.com\.cn|api\.aws)"
_REGION = r"(?P<region>[a-z]{2}(?:-[a-z]+)+-\d)"
_PREFIX = r"(?P<prefix>[a-z0-9]{10,20})"
_NAMES = [
    ("sts", "sts", rf"sts(?P<fips>-fips)?\.{_REGION}\.{_SUFFIX}"),
    ("sts", "sts", r"sts\.(?P<suffix>amazonaws\.com)"),
    ("iam", "iam", r"iam(?P<fips>-fips)?\.(?P<suffix>amazonaws\.com)"),
    ("iam", "iam", rf"iam\.{_REGION}\.{_SUFFIX}"),
    ("iam", "iam", r"iam\.global\.(?P<suffix>api\.aws)"),
    ("sso", "sso", rf"portal\.sso(?P<fips>-fips)?\.{_REGION}\.{_SUFFIX}"),
    ("sso-oidc", "oidc", rf"oidc(?P<fips>-fips)?\.{_REGION}\.{_SUFFIX}"),
    ("iot", "control", rf"iot(?P<fips>-fips)?\.{_REGION}\.{_SUFFIX}"),
    ("iot-jobs-data", "nobody's", rf"data\.jobs\.iot(?P<fips>-fips)?\.{_REGION}\.{_SUFFIX}"),
    ("iot-jobs-data", "jobs", rf"{_PREFIX}\.jobs\.iot(?P<fips>-fips)?\.{_REGION}\.{_SUFFIX}"),
    ("iot-jobs-data", "data-ats", rf"{_PREFIX}(?:-ats|\.ats)\.iot(?P<fips>-fips)?\.{_REGION}\.{_SUFFIX}"),
    ("iot-jobs-data", "data", rf"{_PREFIX}\.iot\.{_REGION}\.{_SUFFIX}"),
]
_PATTERNS = [(service, way, re.compile(pattern)) for service, way, pattern in _NAMES]
_FIPS_REGIONS = {"us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "us-gov-east-1", "us-gov-west-1"}


@dataclass(frozen=True)
class Host:
    """One of AWS's names: ``way`` tells the ways into one service apart (``jobs``, ``data-ats``, ``data`` …)."""

    name: str
    service: str
    way: str
    region: str
    fips: bool
    dual_stack: bool
    prefix: str | None

    @property
    def partition(self) -> str:
        return partition(self.region)


def partition(region: str) -> str:
    return "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"


def host(name: str) -> Host | None:
    """What a host name is at AWS; None where there is no such name, FIPS names outside of FIPS's regions included."""
    for service, way, pattern in _PATTERNS:
        if match := pattern.fullmatch(name):
            parts = match.groupdict()
            region, suffix, fips = parts.get("region") or "us-east-1", parts["suffix"], bool(parts.get("fips"))
            china = suffix.endswith(".cn")
            if china != region.startswith("cn-") or (fips and region not in _FIPS_REGIONS):
                return None
            dual_stack = suffix.startswith("api.")
            return Host(name, service, way, region, fips, dual_stack, parts.get("prefix"))
    return None
