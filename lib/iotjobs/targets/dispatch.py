"""From a fleet's run to its targets: who they are is asked first, then each does its work, side by side.

A target goes on to its work as soon as its own credentials are known: one that hangs keeps no other waiting.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import iotjobs
from iotjobs.errors import InvalidInput
from iotjobs.model import Outcome, utc_text
from iotjobs.targets import tasks
from iotjobs.targets.answers import Identity, TargetAnswer, failed, left_alone, named
from iotjobs.targets.cluster import NoScheduler, cluster, dask_version
from iotjobs.targets.engine import Failure, OnInterrupt, Work, run_tasks
from iotjobs.targets.history import read_there
from iotjobs.targets.target import Target, read_targets, twice, unique

if TYPE_CHECKING:
    from distributed import Client

    from iotjobs.run.run import Run

#: What a fleet's run has for itself; the rest of what was given is each target's.
_OWN = {
    *("targets", "scheduler", "target_timeout", "max_total_deletes", "confirm", "unattended", "plan_file"),
    *("compare_with", "profile", "region", "run_dir"),
}
_IDENTIFY_S = 300.0
_log = logging.getLogger(__name__)
Progress = Callable[[str], object]
Options = Mapping[str, Any]
#: More for a target's task, or the target's answer when there is nothing to do.
MoreOptions = Callable[[Target, Identity], Options | TargetAnswer]


@dataclass(frozen=True, slots=True)
class Everywhere:
    """The answers of all targets, in the order of their names, and where the dashboard was."""

    answers: tuple[TargetAnswer, ...]
    dashboard: str


def targets_of(run: Run) -> list[Target]:
    """The targets that the run's parameters name, an Organization's accounts among them.

    Raises InvalidInput for targets that cannot be meant, Denied where the accounts may not be listed.
    """
    value = run.parameters["targets"]
    if value is None:
        raise InvalidInput("targets is missing: give PROFILE@REGION,… or the path of a TOML file of [[target]] tables")
    listed = read_targets(value)
    targets = list(listed.targets)
    for organization in listed.organizations:
        targets += organization.targets_of(tasks.accounts_of(organization, run.project))
    profile, region = run.parameters["profile"], run.parameters["region"]
    here = [replace(target, profile=target.profile or profile) for target in targets]
    return unique([target for target in here if region in (None, target.region)])


def on_every_target(
    run: Run,
    targets: Sequence[Target],
    task: Callable[..., TargetAnswer],
    *,
    options: MoreOptions = lambda _target, _who: {},
    progress: Progress,
    grace_s: float = 0.0,
) -> Everywhere:
    """Run ``task`` for every target.

    ``options`` has more for a target's task, once it is known who its credentials are, or the target's answer when
    there is nothing to do. An interrupt leaves a file `stop` in the run directory, so that no worker begins another
    execution; they have ``grace_s`` seconds to say how far they are.
    """
    run_dir, again = run.directory.path, twice(targets)
    identify = _identification(run, then=_work_once_known(run, task, options))
    same = [
        left_alone(target, Outcome.NOTHING_TO_DO, f"the same as target {first.name}: done there")
        for target, first in again.items()
    ]
    try:
        with cluster(run.parameters["scheduler"], tasks=len(targets)) as client:
            stop = OnInterrupt(lambda: tasks.leave_stop(run_dir), grace_s)
            dashboard = client.dashboard_link  # asks the scheduler, which may be gone at the end
            progress(f"Dask dashboard: {dashboard}")
            work = {target: identify for target in targets if target not in again}
            answers = _answers(client, run_dir, work, stop, progress)
        return Everywhere(tuple(sorted([*answers, *same], key=_name)), dashboard)
    except NoScheduler as error:
        why = f"{error}: nothing was asked of this target"
        return Everywhere(tuple(left_alone(target, Outcome.ERROR, why) for target in sorted(targets, key=_name)), "")


def _identification(run: Run, *, then: Callable[[Target, Identity], Work | TargetAnswer]) -> Work:
    """The first work for each target: to ask who its credentials are."""
    asked = {
        "run_dir": str(run.directory.path),
        "started_at": utc_text(run.started_at),
        "versions": {"iotjobs": iotjobs.__version__, "distributed": dask_version()},
        "project": run.project,
    }
    return Work(tasks.identify, asked, min(_timeout_s(run), _IDENTIFY_S), then)


def _work_once_known(
    run: Run, task: Callable[..., TargetAnswer], options: MoreOptions
) -> Callable[[Target, Identity], Work | TargetAnswer]:
    """What is next for a target whose credentials are known: of two that lead to one place, the first has the work."""
    places: dict[tuple[str, str, str], Target] = {}

    def next_for(target: Target, who: Identity) -> Work | TargetAnswer:
        first = places.setdefault((who.account, target.region, who.endpoint), target)
        if first != target:
            why = f"the same account and region as target {first.name}: done there"
            return left_alone(target, Outcome.NOTHING_TO_DO, why, account=who.account)
        more = options(target, who)
        if isinstance(more, TargetAnswer):
            return more
        values = {**_values(run), **_compared_with(run, target, who.account), **more.get("values", {})}
        common = {"run_dir": str(run.directory.path), "account": who.account, "project": run.project}
        return Work(task, {**common, **more, "values": values}, _timeout_s(run))

    return next_for


def _timeout_s(run: Run) -> float:
    return float(run.parameters["target_timeout"].total_seconds())


def _name(of: Target | TargetAnswer) -> str:
    return of.name


def _answers(
    client: Client, run_dir: Path, work: Mapping[Target, Work], stop: OnInterrupt, progress: Progress
) -> list[TargetAnswer]:
    answers: list[TargetAnswer] = []
    left = dict(work)

    def take(target: Target, answer: TargetAnswer | Failure) -> None:
        ended = failed(target, answer) if isinstance(answer, Failure) else answer
        if ended.hung:  # its worker may still be at work: it goes no further
            _give_up(run_dir, target)
        del left[target]
        answers.append(ended)
        progress(named(ended))

    try:
        for target, answer in run_tasks(client, work, stop):
            take(target, answer)
    except Exception as error:  # noqa: BLE001 - Dask's own, of many kinds, when its scheduler dies at a bad moment
        _log.warning("Dask failed", exc_info=True)
        for target in list(left):
            take(target, Failure(f"Dask failed before this target gave an answer ({type(error).__name__})", hung=True))
    return answers


def _give_up(run_dir: Path, target: Target) -> None:
    directory = tasks.directory_of(run_dir, target.name)
    if directory.is_dir():
        with suppress(OSError):
            tasks.leave_stop(directory)


def _compared_with(run: Run, target: Target, account: str) -> dict[str, Any]:
    """What a target's run is compared with: the earlier run of this account and region, by this name if there is."""
    earlier = run.parameters.values.get("compare_with")
    if earlier is None:
        return {}
    above = Path(earlier).expanduser().absolute()
    name = read_there(above, name=target.name, account=account, region=target.region)
    return {} if name is None else {"compare_with": str(tasks.directory_of(above, name))}


def _values(run: Run) -> dict[str, Any]:
    """What was given, for each target's own run."""
    known = run.parameters.as_document()
    return {name: known[name] for name in run.parameters.given if name not in _OWN}
