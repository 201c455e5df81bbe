"""Services that make jobs of their own: their executions must be cleaned up through that service. Pure.

Source: the developer guides of FreeRTOS OTA updates (job ids `AFR_OTA-…`) and Greengrass deployments.
"""

from __future__ import annotations

from typing import Any

_BY_PREFIX = {
    "AFR_OTA-": "a FreeRTOS OTA update: delete the OTA update instead",
    "GGv2-": "a Greengrass deployment: cancel or revise the deployment instead",
    "greengrass": "a Greengrass deployment: cancel or revise the deployment instead",
}


def owner_of(job_id: str, namespace_id: Any = None) -> str | None:
    """The service that made a job and what to do there, None for a job of the account's own.

    A namespace alone says nothing: customers may give their jobs one, so only those of AWS count.
    """
    for prefix, owner in _BY_PREFIX.items():
        if job_id.lower().startswith(prefix.lower()):
            return owner
    namespace = namespace_id.lower() if isinstance(namespace_id, str) else ""
    if "greengrass" in namespace:
        return _BY_PREFIX["greengrass"]
    if namespace.startswith(("aws", "$aws")):
        return f"the service of namespace {namespace_id}: act through that service"
    return None
