"""What a worker does for one target. It finds its own credentials; what comes back holds none.

Each task is a run of its own in `RUN_DIR/targets/NAME/`, with its own lock, journal and `result.json`: a task that is
given to another worker goes on where the first one was.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import iotjobs
from iotjobs.aws.connect import connect
from iotjobs.aws.connection import Connection
from iotjobs.aws.credentials import Role
from iotjobs.deletion import plan_file
from iotjobs.deletion.results import counts_of, result_from_journal
from iotjobs.deletion.sweep_plan import SweepPlan
from iotjobs.errors import IotJobsError, Refused
from iotjobs.model import ConnectionInfo, Outcome
from iotjobs.project_file import Project
from iotjobs.run import files
from iotjobs.run.directory import RunDirectory
from iotjobs.run.journal import Journal
from iotjobs.run.run import Run
from iotjobs.run.start import start
from iotjobs.targets.answers import Identity, TargetAnswer
from iotjobs.targets.cluster import dask_version
from iotjobs.targets.target import Organization, Target

_log = logging.getLogger(__name__)

_PATIENCE_S = 300.0  # a worker that lost its client or was given up may still be at work in the directory
_PAUSE_S = 2.0
_STOP = "stop"
_STOP_TEXT = "left by a fleet's run that was interrupted or gave this up; the next one removes it\n"
_TOUCHED_S = 2.0  # what one write may take


def identify(
    target: Target, *, run_dir: str, started_at: str, versions: Mapping[str, str], project: Project
) -> Identity:
    """Ask who the target's credentials are. Raises Denied, InvalidInput, and Refused for another account.

    ``run_dir`` must be seen by the worker, since the target's files are written there, and hold the run that began at
    ``started_at``; ``versions`` by package and the ``project`` file in force are the client's.
    """
    own = {"iotjobs": iotjobs.__version__, "distributed": dask_version()}
    for package, version in versions.items():
        if own[package] != version:
            raise Refused(
                f"this worker has {package} {own[package]} and the run has {version}: install the same on every worker"
            )
    try:
        seen = files.read_json(Path(run_dir) / "result.json")["started_at"] == started_at
    except (OSError, ValueError, LookupError, TypeError):
        seen = False
    if not seen:
        raise Refused(
            f"this worker does not see the run directory {Path(run_dir).name}: workers need a file system that they "
            "share with the run"
        )
    connection = connect_to(target, project)
    if target.account not in (None, connection.account):
        raise Refused(
            f"target {target.name} is to be account {target.account}, and its credentials are of "
            f"{connection.account}: nothing was read"
        )
    return Identity(connection.account, connection.caller_arn, connection.endpoint)


def connect_to(target: Target, project: Project, *, run_id: str | None = None) -> Connection:
    """Connect to a target with the credentials of this machine."""
    return connect(
        profile=target.profile,
        region=target.region,
        run_id=run_id,
        role=Role(target.role_arn, target.external_id, target.session_name) if target.role_arn else None,
        endpoint_url=target.endpoint_url,
        project=project,
    )


def accounts_of(organization: Organization, project: Project) -> list[str]:
    """The active accounts of an Organization, as its management account or a delegated one may list them.

    Raises Denied where organizations:ListAccounts is not allowed. Source: Organizations API, ListAccounts.
    """
    here = connect(profile=organization.profile, region=organization.regions[0], project=project)
    return here.organization_accounts()


def investigate_target(
    target: Target, *, run_dir: str, account: str, values: Mapping[str, Any], project: Project
) -> TargetAnswer:
    """Investigate one target; its rows are a part of the fleet's table as well."""
    from iotjobs.targets import table  # noqa: PLC0415 - a worker imports what its task needs
    from iotjobs.workflows.investigate import investigate  # noqa: PLC0415

    def work(run: Run) -> None:
        rows = investigate(run).executions
        table.write(Path(run_dir), rows, target=target.name, account=account, region=target.region)

    result = _in_its_directory(target, "investigate", project, run_dir=run_dir, values=values, work=work)
    return _answer(target, result, account=account)


def plan_target(
    target: Target, *, run_dir: str, account: str, values: Mapping[str, Any], project: Project
) -> TargetAnswer:
    """Make one target's plan of a sweep; changes nothing in AWS."""
    from iotjobs.workflows.sweep_planning import make_plan  # noqa: PLC0415

    plans: list[SweepPlan] = []
    places: list[str] = []

    def work(run: Run) -> None:
        view = make_plan(run)
        if view.plan is not None and view.open:
            plans.append(view.plan)
            places.append(ConnectionInfo.of(run.connection).place)

    result = _in_its_directory(target, "sweep", project, run_dir=run_dir, values=values, work=work)
    answer = _answer(target, result, account=account)
    if answer.outcome != Outcome.PLANNED or not plans:
        return answer
    plan = plans[0]
    planned = replace(answer, plan_id=plan.plan_id, planned=len(plan.targets), action=plan.rule.action)
    return replace(planned, device_active=plan.device_active, place=places[0])


def apply_target(
    target: Target,
    *,
    run_dir: str,
    account: str,
    values: Mapping[str, Any],
    project: Project,
    plan_id: str,
    phrase: str,
    read: bool,
) -> TargetAnswer:
    """Apply the plan that was made in the target's directory, or go on with it; the set's approval is its approval.

    ``read``: a person has read the plans; without that the run is unattended, and what holds then holds here.
    """
    from iotjobs.workflows.sweep_applying import apply_plan  # noqa: PLC0415
    from iotjobs.workflows.sweep_planning import make_plan  # noqa: PLC0415

    def work(run: Run) -> None:
        remove_stop(run.directory.path)  # that of a worker that was given up; it has let go of the directory
        view = make_plan(run)
        if view.plan is None or not view.open:
            return
        if view.plan.plan_id != plan_id:
            raise Refused(
                f"target {target.name} has another plan ({view.plan.plan_id}) than the one that was approved "
                f"({plan_id}): nothing was changed"
            )
        apply_plan(run, view, phrase if read else None, stop=(Path(run_dir) / "stop").exists)

    approved = {**values, "confirm": phrase, **({} if read else {"unattended": True})}
    result = _in_its_directory(target, "sweep", project, run_dir=run_dir, values=approved, work=work)
    return replace(_answer(target, result, account=account), plan_id=plan_id)


def ended_before(target: Target, *, run_dir: Path, account: str, plan_id: str) -> TargetAnswer | None:
    """How the target's sweep by this plan ended in an earlier run of this fleet; None when it is not done."""
    try:
        result = files.read_json(directory_of(run_dir, target.name) / "result.json")
        done = result["outcome"] == Outcome.APPLIED and result.get("plan_id") == plan_id
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return replace(_answer(target, result, account=account), plan_id=plan_id) if done else None


def done_so_far(name: str, *, run_dir: Path, plan_id: str) -> dict[str, int]:
    """The counts of a plan by the target's journal alone, for a target that gave no answer; empty where it tells none.

    A worker that was lost may still be at work there: what is counted was done, and more may be.
    """
    directory = directory_of(run_dir, name)
    try:
        plan, _ = plan_file.load(directory / plan_file.NAME)
        if not isinstance(plan, SweepPlan) or plan.plan_id != plan_id:
            return {}
        with Journal(directory) as journal:
            return counts_of([result_from_journal(each.removal, journal.of(each.identity)) for each in plan.targets])
    except (IotJobsError, OSError):
        return {}


def directory_of(run_dir: Path, name: str) -> Path:
    """The run directory of one target in a fleet's."""
    return run_dir / "targets" / name


def leave_stop(directory: Path) -> None:
    """Have the sweep in a run directory stop; a file `stop` that a person put there stays theirs."""
    with suppress(FileExistsError):
        handle = files.open_own(directory / _STOP, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            written_at = os.fstat(handle).st_mtime  # by the clock of the file system
            file.write(f"{_STOP_TEXT}at {written_at}\n")


def remove_stop(directory: Path) -> None:
    """Take away what `leave_stop` left; a person's own stays, and so does one that a person has touched since."""
    stop = directory / _STOP
    with suppress(OSError, ValueError):
        text, _, written_at = files.read_own(stop).decode().rpartition("at ")
        if text == _STOP_TEXT and stop.lstat().st_mtime <= float(written_at) + _TOUCHED_S:
            stop.unlink()


def _in_its_directory(
    target: Target,
    notebook: str,
    project: Project,
    *,
    run_dir: str,
    values: Mapping[str, Any],
    work: Callable[[Run], None],
) -> dict[str, Any]:
    """Run a workflow in the target's own run directory, and give back its `result.json`."""
    directory = directory_of(Path(run_dir), target.name)
    files.make_directories(directory, below=Path(run_dir))
    run = _started(target, notebook, project, {**values, "run_dir": str(directory)})
    try:
        with run.recorded():
            work(run)
        run.end()
    except IotJobsError as error:
        _log.info("a target's run ended early", extra={"target": target.name, "outcome": error.outcome.value})
    finally:
        run.directory.leave()
    result: dict[str, Any] = run.directory.read_json("result.json")
    return result


def _started(target: Target, notebook: str, project: Project, values: Mapping[str, Any]) -> Run:
    """Open the target's run. A worker that was given up may still be dying with the directory locked: wait for it."""
    path = str(values["run_dir"])
    directory = RunDirectory.open(path, notebook=notebook, started_at=datetime.now(UTC))
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            directory.take()
            break
        except Refused:
            if time.monotonic() > until:
                raise
            time.sleep(_PAUSE_S)
    run_id = f"{Path(path).parents[1].name}-{target.name}"
    return start(notebook, None, lambda: connect_to(target, project, run_id=run_id), project, **values)


def _answer(target: Target, result: Mapping[str, Any], *, account: str) -> TargetAnswer:
    return TargetAnswer(
        name=target.name,
        region=target.region,
        outcome=str(result["outcome"]),
        reason=str(result.get("reason") or ""),
        account=account,
        counts={str(name): int(value) for name, value in result["counts"].items()},
    )
