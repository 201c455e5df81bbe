"""Plans made by hand, for what is pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from iotjobs.deletion.plan import CANCEL, DELETE, Plan, QueueContext
from iotjobs.model import Execution, ExecutionKey, Status

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
KEY = ExecutionKey("firmware", "pump-01", 3)


def execution(status: str = "FAILED", **more: Any) -> Execution:
    """Number 3 of firmware on pump-01, queued two days and last heard of one day ago."""
    facts: dict[str, Any] = {
        "queued_at": NOW - timedelta(days=2),
        "version_number": 2,
        "last_updated_at": NOW - timedelta(days=1),
    }
    return Execution(key=KEY, status=Status(status), **(facts | more))


def plan(made_for: Execution | None = None, **more: Any) -> Plan:
    """A plan for it, without force and with nothing known around it."""
    facts: dict[str, Any] = {
        "force": False,
        "namespace_id": None,
        "account": "123456789012",
        "region": "eu-central-1",
        "caller_arn": "arn:aws:iam::123456789012:user/me",
        "endpoint": "https://iot.eu-central-1.amazonaws.com",
        "made_at": NOW,
        "queue_context": QueueContext(),
    }
    one = made_for or execution()
    cancel_first = more.pop("cancel_first", False) and not one.finished
    operations = (CANCEL, DELETE) if cancel_first else (DELETE,)
    return Plan(execution=one, operations=operations, **(facts | more))
