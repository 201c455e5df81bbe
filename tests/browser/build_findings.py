"""A small made-up fleet, as an investigation would have found it: one blocked thing, one hostile name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from iotjobs.columns import COUNT, DIAGNOSIS_COLUMNS, EXECUTION_COLUMNS, JOB_COLUMNS, TEXT, TIME, table
from iotjobs.diagnosis.next_steps import next_steps
from iotjobs.model import ConnectionInfo
from iotjobs.snapshot import Place
from iotjobs.workflows.investigate import Findings

AS_OF = datetime(2026, 11, 20, 10, tzinfo=UTC)
HOSTILE = "<img src=x onerror=\"window.hacked=1;document.title='hacked'\">"


CONNECTION = ConnectionInfo(
    account="000000000000",
    region="eu-west-1",
    endpoint="http://127.0.0.1:4566",
    caller_arn="arn:aws:iam::000000000000:root",
    profile=None,
    sandbox=True,
    endpoint_kind="sandbox",
    warnings=(),
)


_ROWS = [
    # job, thing, status, queued hours ago, started hours ago, cause, stuck, suggestion, unblocks, position
    ("firmware-2", "pump-1", "IN_PROGRESS", 100, 79, "stalled", True, "force_delete", 2, 1),
    ("config-7", "pump-1", "QUEUED", 60, None, "blocked", True, "fix_blocker", 0, 2),
    ("certs-1", "pump-1", "QUEUED", 50, None, "blocked", True, "fix_blocker", 0, 3),
    ("firmware-2", "valve-9", "QUEUED", 90, None, "device_offline", True, "contact_device", 1, 1),
    ("config-7", "valve-9", "QUEUED", 40, None, "waiting_turn", True, "fix_blocker", 0, 2),
    ("config-7", "fan-3", "QUEUED", 2, None, "fresh", False, "wait", 0, 1),
    (HOSTILE, HOSTILE, "IN_PROGRESS", 3, 2, "fresh", False, "wait", 0, 1),
]


def build_findings(**changes: Any) -> Findings:
    """The made-up fleet; `changes` are parameters such as `thing_name`."""
    queues = _queues()
    extra = {"job_status": TEXT, "thing_groups": TEXT}
    executions = queues[[*EXECUTION_COLUMNS, *DIAGNOSIS_COLUMNS, *extra]]
    return findings_of(queues, executions=executions, jobs=_jobs(), connectivity=_links(), **changes)


def findings_of(queues: pd.DataFrame, **values: Any) -> Findings:
    """Findings of these queues; the other values have defaults."""
    defaults = {
        "steps": next_steps(queues, as_of=AS_OF),
        "warnings": (),
        "as_of": AS_OF,
        "job_id": None,
        "thing_name": None,
        "stuck_after": timedelta(hours=24),
        "connection": CONNECTION,
        "place": Place(region=CONNECTION.region, endpoint=CONNECTION.endpoint),
        "run_dir": "runs/made-investigate",
    }
    return Findings(queues=queues, **{**defaults, **values})


def _before(hours: float | None) -> pd.Timestamp | None:
    return None if hours is None else pd.Timestamp(AS_OF - timedelta(hours=hours))


def _queues() -> pd.DataFrame:
    job, thing, status, queued, started, cause, stuck, suggestion, unblocks, position = map(
        list, zip(*_ROWS, strict=True)
    )
    columns = {
        **EXECUTION_COLUMNS,
        **DIAGNOSIS_COLUMNS,
        "job_status": TEXT,
        "thing_groups": TEXT,
        "position": COUNT,
        "head": "boolean",
    }
    return table(
        columns,
        {
            "job_id": job,
            "thing_name": thing,
            "execution_number": [1] * len(job),
            "status": status,
            "queued_at": [_before(hours) for hours in queued],
            "started_at": [_before(hours) for hours in started],
            "version_number": [1] * len(job),
            "age_s": [hours * 3600 for hours in queued],
            "stuck": stuck,
            "cause": cause,
            "evidence": [f"queued for {hours} h {HOSTILE}" for hours in queued],
            "suggestion": suggestion,
            "unblocks": unblocks,
            "job_status": ["IN_PROGRESS"] * len(job),
            "thing_groups": ["north"] * len(job),
            "position": position,
            "head": [place == 1 for place in position],
        },
    )


def _jobs() -> pd.DataFrame:
    names = ["firmware-2", "config-7", "certs-1", HOSTILE]
    return table(
        {**JOB_COLUMNS, "stuck": COUNT, "worst_cause": TEXT},
        {
            "job_id": names,
            "status": ["IN_PROGRESS"] * 4,
            "QUEUED": [1, 3, 1, 0],
            "IN_PROGRESS": [1, 0, 0, 1],
            "SUCCEEDED": [8, 2, 0, 0],
            "stuck": [2, 2, 1, 0],
            "worst_cause": ["stalled", "blocked", "blocked", ""],
        },
    )


def _links() -> pd.DataFrame:
    return table(
        {"thing_name": TEXT, "connected": "boolean", "changed_at": TIME, "reason": TEXT},
        {
            "thing_name": ["pump-1", "valve-9", "fan-3"],
            "connected": [True, False, None],
            "changed_at": [_before(300), _before(120), None],
            "reason": ["", "CONNECTION_LOST", ""],
        },
    )
