"""Who the caller is, and what it may change, as far as that is known before it is tried.

IAM is asked to simulate the caller's own policies, once for each execution or sweep; where that is not allowed, not
possible or not answered nothing is said of it but what grants the changes. Source: IAM API, SimulatePrincipalPolicy.
"""

from __future__ import annotations

import re

from iotjobs.aws.connection import Connection
from iotjobs.errors import IotJobsError, NotFound
from iotjobs.permissions import grant_of

CHANGES = ("iot:CancelJobExecution", "iot:DeleteJobExecution")
_CALLER = re.compile(r"arn:(aws[a-z-]*):(?:iam|sts)::(\d{12}):(user|assumed-role)/([\w+=,.@/-]+)")
_ANY = "iotjobs-any-name"  # stands for a job or thing that is not named


def rights(connection: Connection, *, job_id: str | None = None, thing_name: str | None = None) -> tuple[str, ...]:
    """Who the caller is, and whether it may cancel and delete these executions, in sentences."""
    who, principal = _principal(connection.caller_arn)
    grant = grant_of(CHANGES[-1])
    if principal is None:
        return (f"{who}.",) if who.endswith("root user") else (f"{who}. {_unknown(str(grant))}",)
    place = f"arn:{principal.split(':')[1]}:iot:{connection.region}:{connection.account}"
    resources = (f"{place}:job/{job_id or _ANY}", f"{place}:thing/{thing_name or _ANY}")
    try:
        denied = _not_allowed(connection, principal, resources)
    except IotJobsError:
        return (f"{who}. {_unknown(str(grant))}",)
    on = " and ".join(filter(None, [job_id and f"job {job_id}", thing_name and f"thing {thing_name}"]))
    if not denied:
        return (f"{who}, whose policies allow to cancel and delete executions{f' of {on}' if on else ''}.",)
    where = f"on {on}" if on else "on every job and thing"
    return (f"{who}, whose policies do NOT allow {' and '.join(denied)} {where}: {grant} grants it.",)


def reader(connection: Connection) -> str:
    """Who the caller is, for a run that changes nothing: IAM is not asked."""
    return f"{_principal(connection.caller_arn)[0]}. This only reads; the plan of a change says whether you may."


def _not_allowed(connection: Connection, principal: str, resources: tuple[str, ...]) -> tuple[str, ...]:
    """The changes that the principal's policies do not allow; a role that is not there by its name alone has a path."""
    try:
        return _simulated(connection, principal, resources)
    except NotFound:
        return _simulated(connection, _role_arn(connection, principal), resources)


def _simulated(connection: Connection, principal: str, resources: tuple[str, ...]) -> tuple[str, ...]:
    """The changes that a principal's policies do not allow on one of the resources; asked once. Raises IotJobsError."""
    asked = (principal, *resources)
    if asked not in connection.simulated:
        try:
            connection.simulated[asked] = _simulate(connection, principal, resources)
        except IotJobsError as error:
            connection.simulated[asked] = error
    answer = connection.simulated[asked]
    if isinstance(answer, IotJobsError):
        raise answer
    return answer


def _simulate(connection: Connection, principal: str, resources: tuple[str, ...]) -> tuple[str, ...]:
    allowed = set(CHANGES)
    for resource in resources:  # one by one: what is answered for several differs from service to service
        asked = {"PolicySourceArn": principal, "ActionNames": list(CHANGES), "ResourceArns": [resource]}
        results = connection.read_iam("SimulatePrincipalPolicy", asked).get("EvaluationResults") or []
        decisions = {str(result.get("EvalActionName")): result.get("EvalDecision") for result in results}
        if set(decisions) != set(CHANGES):
            raise IotJobsError("IAM's answer is about other actions than were asked for")
        allowed &= {action for action, decision in decisions.items() if decision == "allowed"}
    return tuple(action for action in CHANGES if action not in allowed)


def _role_arn(connection: Connection, principal: str) -> str:
    """The ARN of a role of this account with its path, which a session's ARN does not tell (API: IAM GetRole)."""
    place, name = principal.partition(":role/")[0], principal.rpartition("/")[2]
    arn = str((connection.read_iam("GetRole", {"RoleName": name}).get("Role") or {}).get("Arn"))
    if not re.fullmatch(rf"{re.escape(place)}:role/(.+/)?{re.escape(name)}", arn):
        raise IotJobsError("IAM's answer is about another role than was asked for")
    return arn


def _unknown(grant: str) -> str:
    return f"Whether it may cancel and delete shows when it is tried: {grant} grants it"


def _principal(caller_arn: str) -> tuple[str, str | None]:
    """The caller in words, and the user or role whose policies decide; None where there is no such."""
    known = _CALLER.fullmatch(caller_arn)
    if known is None:
        root = caller_arn.endswith(":root")
        return "You are the account's root user" if root else f"You are {caller_arn}", None
    partition, account, kind, name = known.groups()
    if kind == "user":
        return f"You are the user {name}", caller_arn
    role = name.partition("/")[0]  # the session comes after it; a role's path is not told
    return f"You hold the role {role}", f"arn:{partition}:iam::{account}:role/{role}"
