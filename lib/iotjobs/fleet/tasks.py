"""What a worker does for one target. It finds its own credentials; what comes back holds none.

Each task is a run of its own in `RUN_DIR/targets/NAME/`, with its own lock, journal and `result.json`: a task that is
given to another worker goes on where the first one was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from iotjobs.aws.connection import Connection, connect
from iotjobs.aws.credentials import Role
from iotjobs.errors import IotJobsError, Refused
from iotjobs.fleet.answers import Identity, TargetAnswer
from iotjobs.fleet.targets import Target
from iotjobs.model import Outcome
from iotjobs.run import files
from iotjobs.run.run import Run, start

_MOST_ROWS = 500
_PATIENCE_S = 60.0  # a worker that was given up may still be dying, with the directory locked
_PAUSE_S = 2.0


def identify(target: Target, *, run_dir: str) -> Identity:
    """Ask who the target's credentials are. Raises Denied, InvalidInput, and Refused for another account.

    ``run_dir`` must be seen by the worker, since the target's files are written there.
    """
    if not Path(run_dir).is_dir():
        raise Refused(
            f"this worker does not see the run directory {Path(run_dir).name}: workers need a file system that they "
            "share with the run"
        )
    connection = connect_to(target)
    if target.account not in (None, connection.account):
        raise Refused(
            f"target {target.name} is to be account {target.account}, and its credentials are of "
            f"{connection.account}: nothing was read"
        )
    return Identity(connection.account, connection.caller_arn, connection.endpoint)


def connect_to(target: Target, *, run_id: str | None = None) -> Connection:
    """Connect to a target with the credentials of this machine."""
    return connect(
        profile=target.profile,
        region=target.region,
        run_id=run_id,
        role=Role(target.role_arn, target.external_id, target.session_name) if target.role_arn else None,
        endpoint_url=target.endpoint_url,
    )


def investigate_target(target: Target, *, run_dir: str, account: str, parameters: Mapping[str, Any]) -> TargetAnswer:
    """Investigate one target; its table is a partition of `RUN_DIR/executions/` as well."""
    from iotjobs.workflows.investigate import investigate  # noqa: PLC0415 - a worker imports what its task needs

    found: list[pd.DataFrame] = []

    def work(run: Run) -> None:
        findings = investigate(run)
        found.append(findings.executions)
        partition = Path(run_dir) / "executions" / f"account={account}" / f"region={target.region}"
        partition.mkdir(parents=True, exist_ok=True, mode=0o700)
        with files.replacing(partition / f"{target.name}.parquet") as file:
            findings.executions.assign(target=target.name).to_parquet(file, index=False)

    answer = _in_its_directory(target, "investigate", run_dir=run_dir, account=account, values=parameters, work=work)
    return answer(overview=_overview(found[0]) if found else ())


def _overview(executions: pd.DataFrame) -> tuple[tuple[str, str, int, int], ...]:
    unfinished = executions[executions["cause"] != ""]
    by_job = unfinished.groupby(["job_id", "cause"])["stuck"].agg(["size", "sum"]).reset_index()
    by_job = by_job.sort_values(["sum", "size"], ascending=False).head(_MOST_ROWS)
    return tuple(
        (str(job_id), str(cause), int(size), int(stuck))
        for job_id, cause, size, stuck in by_job.itertuples(index=False)
    )
