"""One execution beyond its status: what the device last said of it, and what its job is. Reads only."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from iotjobs.aws.connection import Connection
from iotjobs.aws.rights import reader, rights
from iotjobs.errors import IotJobsError
from iotjobs.model import ExecutionKey, utc_text

if TYPE_CHECKING:
    from iotjobs.run.run import Run

_LONGEST_DOCUMENT = 600


@dataclass(frozen=True, slots=True)
class ExecutionDetails:
    """What `DescribeJobExecution`, `DescribeJob` and `GetJobDocument` say, as lines for a person.

    ``last_said`` is the device's `statusDetails`; ``facts`` are titles and texts, in the order to read them;
    ``gaps`` say what could not be read.
    """

    key: ExecutionKey
    last_said: str
    facts: dict[str, str]
    gaps: tuple[str, ...] = ()


def look_up(connection: Connection, key: ExecutionKey) -> ExecutionDetails:
    """Ask for one execution and its job. A part that cannot be read is a gap.

    Source: DescribeJobExecution, DescribeJob, GetJobDocument.
    """
    gaps: list[str] = []

    def read(operation: str, part: str, **parameters: Any) -> dict[str, Any]:
        try:
            return dict(connection.read(operation, **parameters).get(part) or {})
        except IotJobsError as error:
            gaps.append(f"{operation}: {error}")
            return {}

    names = {"jobId": key.job_id, "thingName": key.thing_name, "executionNumber": key.execution_number}
    execution = read("DescribeJobExecution", "execution", **names)
    job = read("DescribeJob", "job", jobId=key.job_id)
    report = details_text((execution.get("statusDetails") or {}).get("detailsMap") or {})
    facts = {
        "The device last said": report or ("" if gaps else "nothing: it sent no status details"),
        "At": _moment_text(execution.get("lastUpdatedAt")),
        "Version": str(execution.get("versionNumber") or ""),
        "Job": str(job.get("description") or ""),
        "Comment": str(job.get("comment") or ""),
        "Reason": str(job.get("reasonCode") or ""),
        "Job document": _document(connection, key.job_id, gaps),
    }
    return ExecutionDetails(key, report, {title: text for title, text in facts.items() if text}, tuple(gaps))


def rights_of(run: Run) -> tuple[str, ...]:
    """Who the caller is and whether it may do what the run is for."""
    if "confirm" not in run.parameters.values:
        return (reader(run.connection),)
    names = {name: run.parameters.values.get(name) for name in ("job_id", "thing_name")}
    return rights(run.connection, **names)


def _moment_text(seconds: float | None) -> str:
    return "" if seconds is None else utc_text(datetime.fromtimestamp(seconds, tz=UTC))


def details_text(details: dict[str, Any]) -> str:
    """Status details in one line: `progress: 80%, step: flash`."""
    return ", ".join(f"{name}: {value}" for name, value in sorted(details.items()))


def _document(connection: Connection, job_id: str, gaps: list[str]) -> str:
    try:
        document = str(connection.read("GetJobDocument", jobId=job_id).get("document") or "")
    except IotJobsError as error:
        gaps.append(f"GetJobDocument: {error}")
        return ""
    with suppress(ValueError):  # a document need not be JSON
        document = json.dumps(json.loads(document))
    return document if len(document) <= _LONGEST_DOCUMENT else f"{document[:_LONGEST_DOCUMENT]}…"
