"""The outcome of a run in figures: as a Prometheus text file, and in CloudWatch's embedded metric format.

Sources: node_exporter's textfile collector; CloudWatch user guide, "Specification: Embedded metric format".
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from iotjobs.errors import IotJobsError
from iotjobs.model import Cause, Outcome
from iotjobs.publish.summary import Summary
from iotjobs.run import files

NAMESPACE = "iotjobs"
_CAUSE = "cause_"
_BY_CAUSE = frozenset(f"{_CAUSE}{cause.value}" for cause in Cause)
#: The counts of a run that are figures of their own, with what they say.
_FIGURES = {
    "executions": "executions read",
    "unfinished": "executions that have not finished",
    "stuck": "executions that are stuck",
    "planned": "executions of the plan",
    "deleted": "executions deleted",
    "cancelled": "executions cancelled",
    "drifted": "executions left alone, since they moved after the plan",
    "failed": "executions that could not be deleted",
    "left": "executions of the plan that were not begun",
    "protected": "executions left alone, since they are protected",
}


def write_prometheus(summary: Summary, path: Path) -> None:
    """Write the figures for node_exporter's textfile collector, whole or not at all. Raises IotJobsError."""
    from prometheus_client import CollectorRegistry, Gauge, generate_latest  # noqa: PLC0415 - not every run needs it

    registry = CollectorRegistry()
    labels = {"notebook": summary.notebook, "account": summary.account or "", "region": summary.region or ""}

    def gauge(name: str, what: str, value: float, **more: str) -> None:
        known = gauges.get(name)
        if known is None:
            known = gauges[name] = Gauge(f"iotjobs_{name}", what, [*labels, *more], registry=registry)
        known.labels(**labels, **more).set(value)

    gauges: dict[str, Gauge] = {}
    for outcome in Outcome:
        gauge("outcome", "1 for the outcome of the last run", float(outcome == summary.outcome), outcome=outcome.value)
    gauge("refusals", "what guards refused in the last run", summary.refused)
    if (finished := _timestamp(summary.finished_at)) is not None:
        gauge("finished_timestamp_seconds", "when the last run ended", finished)
    for name, what in _FIGURES.items():
        if name in summary.counts:
            gauge(name, f"{what}, in the last run", summary.counts[name])
    for name, value in summary.counts.items():
        if name in _BY_CAUSE:
            gauge("cause", "executions by cause, in the last run", value, cause=name.removeprefix(_CAUSE))
    try:
        with files.replacing(path) as file:
            file.write(generate_latest(registry))
            os.fchmod(file.fileno(), 0o644)  # node_exporter is another user, and there is no secret in it
    except OSError as error:
        raise IotJobsError(f"the metrics cannot be written to {path.name}: {error}") from error


def embedded_metrics(summary: Summary) -> str:
    """One line of CloudWatch's embedded metric format: what an agent or a Lambda's log makes metrics of.

    A run of many accounts has no account and region of its own: a dimension takes no empty value.
    """
    place = {name: value for name in ("account", "region") if (value := getattr(summary, name))}
    dimensions = [["notebook"], *([["notebook", *place]] if place else [])]
    figures = {name: value for name, value in summary.counts.items() if name in _FIGURES or name in _BY_CAUSE}
    figures |= {"failures": int(summary.exit_code != 0), "refusals": summary.refused}
    at = _timestamp(summary.finished_at) or datetime.now(UTC).timestamp()
    document: dict[str, Any] = {
        "_aws": {
            "Timestamp": int(at * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": NAMESPACE,
                    "Dimensions": dimensions,
                    "Metrics": [{"Name": name, "Unit": "Count"} for name in sorted(figures)],
                }
            ],
        },
        "notebook": summary.notebook,
        **place,
        "outcome": summary.outcome,
        "run": summary.run,
        **figures,
    }
    return json.dumps(document)


def _timestamp(moment: str | None) -> float | None:
    return None if moment is None else datetime.fromisoformat(moment).timestamp()
