"""What the two changing calls are sent with, and what a cancel leaves in an execution's status details. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from iotjobs.deletion.plan import Plan
from iotjobs.model import Execution

_OWN_DETAILS = ("canceledBy", "reason", "ticket", "run", "mark")
_MOST_DETAILS = 10  # API: statusDetails


def of_delete(plan: Plan, now: Execution) -> dict[str, Any]:
    """The parameters of DeleteJobExecution for what was looked at right before."""
    key = now.key
    names = {"jobId": key.job_id, "thingName": key.thing_name, "executionNumber": key.execution_number}
    return {**names, "namespaceId": plan.namespace_id, "force": plan.forced}


def of_cancel(plan: Plan, now: Execution, own: Mapping[str, str]) -> dict[str, Any]:
    """The parameters of CancelJobExecution, by the version of what was looked at right before.

    ``own``: who cancels, for which ticket, in which run. With the device's details, since those given replace what is
    there (API).
    """
    values = {**own, "reason": f"{'deleted' if plan.deletes else 'cancelled'} with iotjobs"}
    details = {name: _detail(values[name]) for name in _OWN_DETAILS if values[name]}
    device = [item for item in now.status_details.items() if item[0] not in details]
    return {
        "jobId": now.key.job_id,
        "thingName": now.key.thing_name,
        "force": plan.cancel_forced,
        "expectedVersion": now.version_number,
        "statusDetails": {**dict(device[: _MOST_DETAILS - len(details)]), **details},
    }


def _detail(value: str) -> str:
    """Text as a value of statusDetails can hold it: 1 to 1024 printable characters (API: DetailsValue)."""
    return "".join(character for character in value if character.isprintable())[:1024] or "-"
