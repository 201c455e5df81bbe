"""Services that make jobs of their own: their executions must be cleaned up through that service. Pure.

Recognised by the job's id or its namespace. Sources: the FreeRTOS user guide (`awsIotJobId` of an OTA update is
`AFR_OTA-` and the update's id); `aws greengrass create-software-update-job` (V1: `GreengrassUpdateJob_` and a UUID);
the Greengrass V2 nucleus listens on `jobs/notify-namespace-aws-gg-deployment`, so that is the namespace of its
deployments, whose job ids are bare UUIDs. Jobs from a managed template and software package jobs are the account's
own: nothing but Jobs manages them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

_GREENGRASS = (
    "a Greengrass deployment: cancel or revise the deployment instead (`aws greengrassv2 list-deployments`, "
    "`aws greengrassv2 cancel-deployment`)"
)
_BY_PREFIX = {
    "afr_ota-": "a FreeRTOS OTA update: delete the OTA update instead (`aws iot delete-ota-update`)",
    "greengrassupdatejob_": "a Greengrass V1 software update: cancel the whole update instead (`aws iot cancel-job`)",
    # A guess by the name, on the safe side: a customer's own job can be called so.
    "ggv2-": _GREENGRASS,
    "greengrass": _GREENGRASS,
}
_GREENGRASS_NAMESPACES = ("aws-gg-", "greengrass")


def owner_of(job_id: str, namespace_id: Any = None) -> str | None:
    """The service that made a job and what to do there, None for a job of the account's own.

    A namespace alone says nothing: customers may give their jobs one, so only those of AWS count.
    """
    return _owner(job_id.lower(), namespace_id if isinstance(namespace_id, str) else "")


@lru_cache(maxsize=4096)
def _owner(job_id: str, namespace_id: str) -> str | None:
    for prefix, owner in _BY_PREFIX.items():
        if job_id.startswith(prefix):
            return owner
    namespace = namespace_id.lower()
    if any(name in namespace for name in _GREENGRASS_NAMESPACES):
        return _GREENGRASS
    if namespace.startswith(("aws-", "aws_")) or namespace == "aws":
        return f"the service of namespace {namespace_id}: act through that service"
    return None
