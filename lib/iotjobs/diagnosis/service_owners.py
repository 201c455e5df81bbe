"""Services that make jobs of their own: what owns a job, and what helps with its executions. Pure.

Recognised by the job's id or its namespace. Sources: the FreeRTOS user guide (`awsIotJobId` of an OTA update is
`AFR_OTA-` and the update's id; for single devices it names delete-job-execution) and DeleteOTAUpdate
(`forceDeleteAWSJob`); `aws greengrass create-software-update-job` (V1: `GreengrassUpdateJob_` and a UUID); the
Greengrass V2 nucleus listens on `jobs/notify-namespace-aws-gg-deployment`, so that is the namespace of its deployments,
whose job ids are bare UUIDs, and takes a new revision as the end of the last one; CancelDeployment changes nothing for
devices that have the deployment. Jobs from a managed template and software package jobs are the account's own.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

_OTA = (
    "a FreeRTOS OTA update: for single devices AWS names delete-job-execution; deleting the update instead "
    "(`aws iot delete-ota-update`) leaves the job, and with `--force-delete-aws-job` takes it from every device"
)
_GREENGRASS = (
    "a Greengrass deployment: make a new revision of it (`aws greengrassv2 create-deployment` for the same target), "
    "which ends this one; cancelling it changes nothing for a core that has it already"
)
_BY_PREFIX = {
    "afr_ota-": _OTA,
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


def must_not_be_changed(job_id: str, namespace_id: Any = None) -> bool:
    """Whether a single execution is better left to the service that made its job; an OTA update's is not."""
    return owner_of(job_id, namespace_id) not in {None, _OTA}


def is_greengrass(job_id: str, namespace_id: Any = None) -> bool:
    """Whether Greengrass made a job. The lists of Jobs need not show all that waits for its core."""
    return owner_of(job_id, namespace_id) == _GREENGRASS


def is_ota_update(job_id: str, namespace_id: Any = None) -> bool:
    """Whether FreeRTOS made a job, for an OTA update."""
    return owner_of(job_id, namespace_id) == _OTA


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
