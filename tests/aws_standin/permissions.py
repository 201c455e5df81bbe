"""What callers may not do: actions that a test denies, refused in AWS's words.

Source: IAM user guide, "Troubleshoot access denied error messages"; the resource of each action as the service
authorization reference has it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .errors import AwsError
from .hosts import Host
from .logins import Key

_RESOURCES = {"jobId": "job", "thingName": "thing", "thingGroupName": "thinggroup"}


class Denials:
    """The actions that are denied, each on resources whose ARN matches a pattern."""

    def __init__(self) -> None:
        self._denied: list[tuple[re.Pattern[str], re.Pattern[str]]] = []

    def add(self, action: str, resource: str) -> None:
        self._denied.append((re.compile(action), re.compile(resource)))

    def clear(self) -> None:
        self._denied.clear()

    def denies(self, action: str, resource: str) -> bool:
        return any(denied.fullmatch(action) and pattern.fullmatch(resource) for denied, pattern in self._denied)

    def check(self, to: Host, operation: str, parameters: Mapping[str, Any], caller: Key) -> None:
        """Raises AwsError when this call is denied."""
        action = f"{'iotjobsdata' if to.service == 'iot-jobs-data' else to.service}:{operation}"
        resources = _resources(to, operation, parameters, caller.account)
        for denied, pattern in self._denied:
            for resource in resources if denied.fullmatch(action) else ():
                if pattern.fullmatch(resource):
                    raise AwsError(
                        "AccessDenied" if to.service in {"sts", "iam"} else "AccessDeniedException",
                        f"User: {caller.arn} is not authorized to perform: {action} on resource: {resource} "
                        f"because no identity-based policy allows the {action} action",
                    )


def _resources(to: Host, operation: str, parameters: Mapping[str, Any], account: str) -> list[str]:
    arn = f"arn:{to.partition}:iot:{to.region}:{account}:"
    if operation == "SearchIndex":
        return [f"{arn}index/AWS_Things"]
    if operation == "AssumeRole":
        return [str(parameters["RoleArn"])]
    resources = [f"{arn}{kind}/{parameters[name]}" for name, kind in _RESOURCES.items() if name in parameters]
    return resources or ["*"]
