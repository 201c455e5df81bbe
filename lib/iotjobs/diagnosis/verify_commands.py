"""The commands with which a person sees for themselves what the evidence of a row says. Pure.

Of the control plane only: the data plane answers at an endpoint of the account's own, which the AWS CLI does not know.
"""

from __future__ import annotations

from collections.abc import Callable

from iotjobs.diagnosis import commands
from iotjobs.diagnosis.commands import Place
from iotjobs.diagnosis.facts import Facts
from iotjobs.snapshot import Evidence


def execution(place: Place, facts: Facts) -> str:
    """Show the execution: its status, times, version, and the time that is left of its timer."""
    return commands.aws(
        place,
        "iot",
        "describe-job-execution",
        job_id=facts.job_id,
        thing_name=facts.thing_name,
        execution_number=facts.execution_number,
    )


def thing(place: Place, facts: Facts) -> str:
    """Show whether the thing is registered."""
    return commands.aws(place, "iot", "describe-thing", thing_name=facts.thing_name)


def job_status(place: Place, facts: Facts) -> str:
    """Show the job's status, and whether AWS is still at it."""
    query = "job.[status,isConcurrent,forceCanceled]"
    return commands.aws(place, "iot", "describe-job", job_id=facts.job_id, query=query)


def schedule(place: Place, facts: Facts) -> str:
    """Show when the job delivers."""
    return commands.aws(place, "iot", "describe-job", job_id=facts.job_id, query="job.schedulingConfig")


def queue(place: Place, facts: Facts) -> str:
    """Show all executions of the thing."""
    return commands.aws(place, "iot", "list-job-executions-for-thing", thing_name=facts.thing_name)


def connectivity(place: Place, facts: Facts) -> str:
    """Show what the fleet index knows of the device's connection."""
    query = f'thingName:"{facts.thing_name}"'
    return commands.aws(place, "iot", "search-index", query_string=query, query="things[].connectivity")


#: What shows the evidence that is missing, or why it is.
OF_EVIDENCE: dict[str, Callable[[Place, Facts], str]] = {
    Evidence.REGISTRATION: thing,
    Evidence.JOB_STATUS: job_status,
    Evidence.SCHEDULE: schedule,
    Evidence.TIMER: execution,
    Evidence.CONNECTIVITY: connectivity,
    Evidence.QUEUE: queue,
    Evidence.ORDER: queue,
}
