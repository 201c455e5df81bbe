"""What became of a plan's execution, asked of AWS: right before a call, and until the call shows."""

from __future__ import annotations

from datetime import timedelta

from iotjobs.aws import executions as fetch
from iotjobs.aws.connection import Connection
from iotjobs.deletion import last_look
from iotjobs.deletion.last_look import Drifted
from iotjobs.deletion.plan import Plan
from iotjobs.errors import IotJobsError, NotFound, about_credentials
from iotjobs.model import Execution

#: The device's plane tells whole seconds: so long before its plan an execution must have been queued, else another one
#: that used its number again could have been queued in the same second.
_TOLD_APART = timedelta(seconds=5)


def current(connection: Connection, plan: Plan) -> Execution | None:
    """The execution that has the plan's number now; None when there is none."""
    try:
        return fetch.describe_execution(connection, plan.key)
    except NotFound:
        return None


def newest(connection: Connection, plan: Plan, *, sparing: bool) -> Execution | None:
    """The execution that a cancel would hit, if it is the plan's. Raises Drifted when it is another one.

    ``sparing``: the device's plane is asked first, see `Executor.run`.
    """
    if sparing and (unmoved := unmoved_on_device_plane(connection, plan)) is not None:
        return unmoved
    key = plan.key
    try:
        answer = fetch.newest_execution(connection, job_id=key.job_id, thing_name=key.thing_name)
    except NotFound:
        return None
    if answer.key != key:
        drift = last_look.unchanged(plan.execution, current(connection, plan))
        raise Drifted(drift or last_look.newest_is_meant(key, answer.key.execution_number))
    return answer


def unmoved_on_device_plane(connection: Connection, plan: Plan) -> Execution | None:
    """The newest execution by the device's plane, if it is the plan's as it was; None where that does not tell.

    It tells all that a cancel is held to but the owner, which is the job's: number, moment, status, version. What
    it says of any other, and what it cannot say, is asked of the control plane.
    """
    if plan.made_at - plan.execution.queued_at < _TOLD_APART:
        return None
    try:
        now = fetch.newest_unfinished(connection, job_id=plan.key.job_id, thing_name=plan.key.thing_name)
    except IotJobsError as error:
        if about_credentials(error):
            raise
        return None
    return None if now.key != plan.key or last_look.unchanged(plan.execution, now) else now


def list_without_it(connection: Connection, plan: Plan) -> fetch.ThingList | None:
    """Its thing's list, which no longer has it; None also where the list does not tell.

    A row that vanishes between two pages may hide another, and whether the list shows what a service owns, AWS
    does not say.
    """
    if plan.namespace_id or plan.queue_context.owner:
        return None
    try:
        listed = fetch.thing_list(connection, plan.key.thing_name)
    except IotJobsError as error:
        if about_credentials(error):
            raise
        return None
    return None if len(listed) >= fetch.PAGE_ROWS or listed.states(plan.identity) else listed
