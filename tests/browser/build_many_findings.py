"""A fleet of many executions, made up with a seed: what the views must bear."""

from __future__ import annotations

import numpy as np
import pandas as pd

from iotjobs.columns import COUNT, DIAGNOSIS_COLUMNS, EXECUTION_COLUMNS, JOB_COLUMNS, TEXT, TIME, table
from iotjobs.workflows.investigate import Findings
from tests.browser.build_findings import AS_OF, findings_of

_CAUSES = np.array(["stalled", "device_offline", "not_picked_up", "orphaned", "fresh", "waiting_window"])
_COLUMNS = {
    **EXECUTION_COLUMNS,
    **DIAGNOSIS_COLUMNS,
    "job_status": TEXT,
    "thing_groups": TEXT,
    "position": COUNT,
    "head": "boolean",
}


def many_findings(rows: int = 100_000, *, jobs: int = 200) -> Findings:
    """`rows` unfinished executions of `jobs` jobs, four on each thing: a head and three behind it."""
    random = np.random.default_rng(20261120)
    things = rows // 4
    place = np.tile([1, 2, 3, 4], things)
    cause = np.where(place == 1, np.repeat(random.choice(_CAUSES, things), 4), "waiting_turn")
    age_s = random.integers(3600, 60 * 86400, rows)
    job = np.char.add("job-", random.integers(0, jobs, rows).astype(str))
    columns = {
        "job_id": job,
        "thing_name": np.repeat(np.char.add("thing-", np.arange(things).astype(str)), 4),
        "execution_number": np.ones(rows, dtype=int),
        "status": np.where((place == 1) & np.isin(cause, ["stalled", "orphaned"]), "IN_PROGRESS", "QUEUED"),
        "queued_at": pd.Timestamp(AS_OF) - pd.to_timedelta(age_s, unit="s"),
        "version_number": np.ones(rows, dtype=int),
        "age_s": age_s,
        "stuck": ~np.isin(cause, ["fresh", "waiting_window"]),
        "cause": cause,
        "evidence": np.char.add("QUEUED for a long time; head of its queue, device connected for ", age_s.astype(str)),
        "suggestion": np.where(np.isin(cause, ["fresh", "waiting_window"]), "wait", "contact_device"),
        "unblocks": 4 - place,
        "job_status": np.full(rows, "IN_PROGRESS"),
        "thing_groups": np.repeat(np.char.add("site-", (np.arange(things) % 12).astype(str)), 4),
        "position": place,
        "head": place == 1,
    }
    queues = table(_COLUMNS, {name: list(values) for name, values in columns.items()})
    return findings_of(
        queues,
        executions=queues.sort_values(["stuck", "unblocks", "age_s"], ascending=False, ignore_index=True),
        jobs=_jobs(queues),
        connectivity=table({"thing_name": TEXT, "connected": "boolean", "changed_at": TIME, "reason": TEXT}),
    )


def _jobs(queues: pd.DataFrame) -> pd.DataFrame:
    counted = queues.groupby("job_id").agg(stuck=("stuck", "sum"), all=("stuck", "size")).reset_index()
    return table(
        {**JOB_COLUMNS, "stuck": COUNT, "worst_cause": TEXT},
        {
            "job_id": counted["job_id"].tolist(),
            "status": ["IN_PROGRESS"] * len(counted),
            "QUEUED": counted["all"].tolist(),
            "stuck": counted["stuck"].tolist(),
            "worst_cause": ["waiting_turn"] * len(counted),
        },
    )
