"""The page docs/causes.md, made from the causes themselves: `make docs` writes it, a test holds it to them. Pure."""

from __future__ import annotations

import textwrap

from iotjobs.diagnosis.causes import CAUSE_RULES, CauseRule, possible_causes
from iotjobs.model import Cause
from iotjobs.snapshot import Evidence

_WIDTH = 125
_FEW = 3  # so many causes are named one by one

_BEGINNING = """\
# Why an execution has not finished

Every unfinished execution gets exactly one cause: the first of these that holds, top to bottom. `stuck_after` (24 h unless you say otherwise) is how long nothing may happen before it counts. The sentence in the column `evidence` has the figures, the column `verify` a command that shows them, `unblocks` how many executions of the same thing wait behind this one.

A thing works on one execution at a time: the one IN_PROGRESS holds all others back, and else the one queued first is the head of the queue. AWS's lists have milliseconds, the embedded service and the device's own view whole seconds; of two queued at the same moment the device's own list has the order.

Where the evidence for a rule is missing, the cause is `unknown` rather than a later rule's: see the end of this page."""  # noqa: E501

_END = """\
## Jobs that a service made

The evidence says so where a job belongs to another service.

- FreeRTOS OTA updates: job ids beginning `AFR_OTA-`. For single devices AWS names delete-job-execution, so the suggestion stands. Deleting the update leaves the job, or with `--force-delete-aws-job` takes it from every device.
- Greengrass V2 deployments: the namespace `aws-gg-deployment`; their job ids are bare UUIDs. No change is suggested: make a new revision of the deployment. Cancelling it changes nothing for a core that has it. A core has one queue for all namespaces, and the lists of Jobs need not show all of it.
- Greengrass V1 software updates: job ids beginning `GreengrassUpdateJob_`. No change is suggested: cancel the whole update.
- Any other namespace beginning `aws-`: the service of that name. No change is suggested.

Jobs made from a managed template, and software package jobs, are yours: nothing but Jobs manages them."""  # noqa: E501

_SOURCES = {
    Evidence.REGISTRATION: "the fleet index, else `iot:DescribeThing`",
    Evidence.JOB_STATUS: "`iot:DescribeJob`, else `iot:ListJobs`",
    Evidence.SCHEDULE: "`iot:DescribeJob`",
    Evidence.TIMER: "`iotjobsdata:DescribeJobExecution`, else `iot:DescribeJobExecution`",
    Evidence.CONNECTIVITY: "`iot:SearchIndex` or `iot:GetThingConnectivityData`, with connectivity indexed",
    Evidence.QUEUE: "`iot:ListJobExecutionsForThing`, else the unfinished jobs one by one",
    Evidence.ORDER: "`iotjobsdata:GetPendingJobExecutions`",
}


def page() -> str:
    """The whole page as Markdown."""
    parts = [_BEGINNING, *map(_section, CAUSE_RULES), _missing(), _END]
    return "\n\n".join("\n".join(map(_wrapped, part.split("\n"))) for part in parts) + "\n"


def _section(rule: CauseRule) -> str:
    return (
        f"## `{rule.cause.value}`\n"
        f"Stuck: {rule.stuck}. Suggestion: `{rule.suggestion.value}`.\n"
        f"Holds when: {rule.when}.\n\n"
        f"- Recognised by: {rule.recognised_by}\n"
        f"- What to do: {rule.to_do}\n"
        f"- What can go wrong: {rule.can_go_wrong}"
    )


def _missing() -> str:
    lines = [f"| {one.value} | {_could_be(one)} | {_SOURCES[one]} |" for one in Evidence]
    return "\n".join(
        [
            "### What is missing, and what it could be\n",
            "| evidence | without it, the cause could be | where it comes from |",
            "|---|---|---|",
            *lines,
        ]
    )


def _could_be(evidence: Evidence) -> str:
    order = [cause for cause in Cause if cause != Cause.UNKNOWN]
    possible = [cause for cause in order if cause in possible_causes(evidence)]
    if possible == order:
        return "any"
    if possible == order[-len(possible) :] and len(possible) > _FEW:
        return f"`{possible[0].value}` and all after it"
    return ", ".join(f"`{cause.value}`" for cause in possible)


def _wrapped(line: str) -> str:
    if line.startswith(("|", "#", "Holds when", "Stuck")):
        return line
    indent = "  " if line.startswith("- ") else ""
    return textwrap.fill(line, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - a page is what it makes
