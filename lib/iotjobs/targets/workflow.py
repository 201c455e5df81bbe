"""The two fleet workflows: the same investigation, and the same planned sweep, on every target side by side.

What `fleet.ipynb` and `fleet_sweep.ipynb` call. Each target is a run of its own, in `targets/NAME/` of the run
directory.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from iotjobs.deletion.guards import Refusal
from iotjobs.errors import InvalidInput
from iotjobs.model import Outcome
from iotjobs.targets import answers as of_targets
from iotjobs.targets import tasks
from iotjobs.targets.answers import GOOD, Identity, TargetAnswer
from iotjobs.targets.engine import Failure, cluster, run_tasks
from iotjobs.targets.set_plan import SetPlan, from_document, of_answers
from iotjobs.targets.target import Target, TargetList, read_targets, unique

if TYPE_CHECKING:
    from distributed import Client

    from iotjobs.run.run import Run

_log = logging.getLogger(__name__)

_OWN = ("targets", "scheduler", "target_timeout", "max_total_deletes", "confirm", "unattended", "plan_file")
_EVERYWHERE = ("profile", "region", "run_dir")
_IDENTIFY_S = 300.0
Progress = Callable[[TargetAnswer], None]


@dataclass(frozen=True, slots=True)
class FleetView:
    """A fleet's run as it stands.

    ``answers``: how each target's run ended, in the order of the targets. ``overview``: OVERVIEW_COLUMNS, most stuck
    first. ``plan``: the plans of a sweep as one, None without any. ``refusals``: why it may not be confirmed.
    ``applied``: whether it was carried out.
    """

    answers: tuple[TargetAnswer, ...] = ()
    overview: pd.DataFrame | None = None
    plan: SetPlan | None = None
    refusals: tuple[Refusal, ...] = ()
    dashboard: str = ""
    applied: bool = False

    @property
    def targets(self) -> pd.DataFrame:
        """One row a target: name, account, region, outcome, reason, and the counts of executions."""
        rows = [{**answer.as_document(), **answer.counts} for answer in self.answers]
        return pd.DataFrame(rows).drop(columns="counts", errors="ignore")


def investigate_fleet(run: Run, *, progress: Progress = lambda _answer: None) -> FleetView:
    """Investigate every target, and put the tables side by side in `executions/`, by account and region.

    Raises InvalidInput for targets that cannot be meant and for no scheduler at the address, and Denied where an
    Organization's accounts may not be listed. A target that fails is in the answers.
    """
    with run.session(needs_lock=False) as session, _at_work(run) as (client, work, answers):
        values = _values(run)
        answers.extend(_on_each(run, client, tasks.investigate_target, work, values=values, progress=progress))
        overview = of_targets.overview_of(answers)
        session.write_csv("overview.csv", overview)
        view = FleetView(_in_order(answers), overview, dashboard=client.dashboard_link)
        _finish(run, view)
        return view


def plan_fleet(run: Run, *, progress: Progress = lambda _answer: None) -> FleetView:
    """Make every target's plan, or take the one set of plans that this run directory holds when it is confirmed.

    Changes nothing in AWS. Raises as `investigate_fleet`.
    """
    with run.session() as session:
        path = session.directory.path / "plan.json"
        if run.parameters["confirm"] is not None and path.exists():
            return _offer(run, FleetView(plan=_read(path)))
        with _at_work(run) as (client, work, answers):
            values = _values(run)
            answers.extend(_on_each(run, client, tasks.plan_target, work, values=values, progress=progress))
            plan = of_answers(answers, max_total_deletes=run.parameters["max_total_deletes"])
            view = FleetView(_in_order(answers), plan=plan, dashboard=client.dashboard_link)
        if plan.targets:
            session.write_json("plan.json", plan.as_document())
        return _offer(run, view)


def apply_fleet(
    run: Run, view: FleetView, phrase: str | None, *, progress: Progress = lambda _answer: None
) -> FleetView:
    """Apply the approved set of plans, a target beside the other, each with its own journal; or go on with it."""
    plan = view.plan
    if plan is None or not plan.targets or view.refusals:
        return view
    with run.session() as session:
        refused = _approval_refusals(run, plan, phrase)
        if refused:
            return _refuse(run, replace(view, refusals=tuple(refused)))
        if session.started_plan_id() is None:
            session.journal.write("begun", plan_id=plan.plans_id, count=plan.count, ticket=run.parameters["ticket"])
        planned = {each.name: each for each in plan.targets}
        with _at_work(run, only=planned) as (client, work, answers):
            todo = []
            for target, who in work:
                one = planned[target.name]
                earlier = tasks.ended_before(
                    target, run_dir=run.directory.path, account=who.account, plan_id=one.plan_id
                )
                if who.account != one.account or target.region != one.region:
                    why = f"its plan is for account {one.account}, {one.region}, and its credentials are of another"
                    answers.append(_left_alone(target, Outcome.REFUSED, why))
                elif earlier is not None:
                    answers.append(earlier)
                else:
                    todo.append((target, who))
            each = {name: {"plan_id": one.plan_id, "phrase": one.phrase} for name, one in planned.items()}
            answers.extend(
                _on_each(run, client, tasks.apply_target, todo, values=_values(run), each=each, progress=progress)
            )
        missing = set(planned) - {answer.name for answer in answers}
        answers += [
            TargetAnswer(name, planned[name].region, Outcome.ERROR.value, "no such target is named now: not applied")
            for name in sorted(missing)
        ]
        done = replace(view, answers=_in_order(answers), applied=True)
        _finish(run, done)
        return done


def fleet(run: Run) -> FleetView:
    """Investigate every target, see `investigate_fleet`; each answer is logged as it comes."""
    return investigate_fleet(run, progress=_log_answer)


def fleet_sweep(run: Run) -> FleetSweep:
    """A sweep of every target; makes no call."""
    return FleetSweep(run)


class FleetSweep:
    """A fleet's sweep as a notebook holds it: ``view`` is how it stands."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.view = FleetView()

    def plan(self) -> FleetSweep:
        """Make every target's plan, see `plan_fleet`."""
        self.view = plan_fleet(self.run, progress=_log_answer)
        return self

    def apply(self) -> FleetSweep:
        """Apply the plans if they are approved, see `apply_fleet`; without approval they stay plans."""
        phrase = self.run.parameters["confirm"]
        if phrase is not None or self.run.parameters["unattended"]:
            self.view = apply_fleet(self.run, self.view, phrase, progress=_log_answer)
        return self


def _log_answer(answer: TargetAnswer) -> None:
    _log.info("a target has ended", extra={"target": answer.name, "outcome": answer.outcome})


# ------------------------------------------------------------------------------------------------- the targets


@contextmanager
def _at_work(
    run: Run, *, only: Mapping[str, Any] | None = None
) -> Iterator[tuple[Client, list[tuple[Target, Identity]], list[TargetAnswer]]]:
    """A cluster, the targets to work on with who their credentials are, and the answers of those that are left out."""
    targets = _all_targets(run)
    if only is not None:
        targets = [target for target in targets if target.name in only]
    with cluster(run.parameters["scheduler"], tasks=len(targets)) as client:
        identities, answers = {}, []
        options = {"run_dir": str(run.directory.path)}
        for target, who in run_tasks(client, tasks.identify, targets, options, timeout_s=_IDENTIFY_S):
            if isinstance(who, Identity):
                identities[target.name] = who
            else:
                answers.append(of_targets.failed(target, who))
        known = [target for target in targets if target.name in identities]
        work, twice = of_targets.same_place_once(known, identities)
        yield client, [(target, identities[target.name]) for target in work], [*answers, *twice]


def _all_targets(run: Run) -> list[Target]:
    value = run.parameters["targets"]
    if value is None:
        raise InvalidInput("targets is missing: give PROFILE@REGION,… or the path of a TOML file of [[target]] tables")
    named: TargetList = read_targets(value)
    targets = list(named.targets)
    for organization in named.organizations:
        accounts = tasks.accounts_of(organization)
        targets += organization.targets_of(accounts)
    profile, region = run.parameters["profile"], run.parameters["region"]
    here = [replace(target, profile=target.profile or profile) for target in targets]
    return unique([target for target in here if region in (None, target.region)])


def _on_each(
    run: Run,
    client: Client,
    task: Callable[..., TargetAnswer],
    work: Sequence[tuple[Target, Identity]],
    *,
    values: Mapping[str, Any],
    progress: Progress,
    each: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[TargetAnswer]:
    """A task for each target; a stop of this run stops them all, and leaves their journals as they are."""
    stop_file = run.directory.path / "stop"
    own = {
        target.name: {
            "run_dir": str(run.directory.path),
            "account": who.account,
            "values": {**values, **_compared_with(run, target)},
            **((each or {}).get(target.name, {})),
        }
        for target, who in work
    }
    answers: list[TargetAnswer] = []
    timeout_s = run.parameters["target_timeout"].total_seconds()
    try:
        for target, answer in run_tasks(
            client, task, [target for target, _ in work], {}, timeout_s=timeout_s, each=own
        ):
            ended = of_targets.failed(target, answer) if isinstance(answer, Failure) else answer
            if ended.hung:  # its worker may still be at work: it goes no further
                with suppress(OSError):
                    (run.directory.path / "targets" / target.name / "stop").touch(mode=0o600)
            answers.append(ended)
            progress(ended)
    except KeyboardInterrupt:
        stop_file.touch(mode=0o600)
        raise
    return answers


def _compared_with(run: Run, target: Target) -> dict[str, Any]:
    earlier = run.parameters.values.get("compare_with")
    if earlier is None:
        return {}
    directory = Path(earlier).expanduser() / "targets" / target.name
    return {"compare_with": str(directory.absolute())} if (directory / "result.json").exists() else {}


def _values(run: Run) -> dict[str, Any]:
    """What was given, for each target's own run."""
    known = run.parameters.as_document()
    left_out = {*_OWN, *_EVERYWHERE, "compare_with"}
    return {name: known[name] for name in run.parameters.given if name not in left_out}


def _in_order(answers: Sequence[TargetAnswer]) -> tuple[TargetAnswer, ...]:
    return tuple(sorted(answers, key=lambda answer: answer.name))


def _left_alone(target: Target, outcome: Outcome, why: str) -> TargetAnswer:
    return TargetAnswer(target.name, target.region, outcome.value, why)


# ------------------------------------------------------------------------------------------------ how it stands


def _read(path: Path) -> SetPlan:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidInput(f"plan.json of the run directory cannot be read: {error}") from error
    return from_document(document)


def _total_refusals(plan: SetPlan, max_total_deletes: int) -> list[Refusal]:
    """Refuse a set of more than `max_total_deletes`; it is never cut to fit."""
    most = min(plan.max_total_deletes, max_total_deletes)
    if plan.count <= most:
        return []
    return [
        Refusal(
            "max_total_deletes",
            f"the plans have {plan.count} executions together, more than max_total_deletes ({most}): nothing is "
            "deleted anywhere. Narrow the rule, or plan again with a greater max_total_deletes if that is meant",
        )
    ]


def _approval_refusals(run: Run, plan: SetPlan, phrase: str | None) -> list[Refusal]:
    refused = _total_refusals(plan, run.parameters["max_total_deletes"])
    if phrase is not None:
        if phrase.strip() != plan.phrase:
            why = f"this is not the phrase of these plans: read them, then confirm with: {plan.phrase}"
            refused.append(Refusal("phrase_must_match", why))
    else:
        missing = [
            name for name in ("max_deletes", "max_fraction", "max_total_deletes") if name not in run.parameters.given
        ]
        if missing:
            why = f"unattended needs {', '.join(missing)} given explicitly, since nobody reads the plans"
            refused.append(Refusal("unattended_needs_caps", why))
    return refused


def _offer(run: Run, view: FleetView) -> FleetView:
    plan = view.plan
    assert plan is not None  # noqa: S101 - for the type checker
    if not plan.targets:
        _finish(run, view)
        return view
    refused = _total_refusals(plan, run.parameters["max_total_deletes"])
    if refused:
        return _refuse(run, replace(view, refusals=tuple(refused)))
    outcome = of_targets.outcome_of(view.answers) if view.answers else Outcome.PLANNED
    begun = "" if not view.answers else f"{of_targets.reason_of(view.answers)}; "
    run.finish(
        outcome,
        reason=f"{begun}nothing was changed; confirm with the phrase to delete them",
        confirm=plan.phrase,
        counts={**of_targets.counts_of(view.answers), "planned": plan.count},
        targets=[answer.as_document() for answer in view.answers],
        plans_id=plan.plans_id,
    )
    return view


def _refuse(run: Run, view: FleetView) -> FleetView:
    run.finish(
        Outcome.REFUSED,
        reason="; ".join(refusal.message for refusal in view.refusals),
        refusals=[refusal.as_document() for refusal in view.refusals],
        counts=of_targets.counts_of(view.answers),
        targets=[answer.as_document() for answer in view.answers],
    )
    return view


def _finish(run: Run, view: FleetView) -> None:
    bad = [answer for answer in view.answers if Outcome(answer.outcome) not in GOOD]
    run.finish(
        of_targets.outcome_of(view.answers),
        reason=of_targets.reason_of(view.answers),
        counts=of_targets.counts_of(view.answers),
        warnings=[f"target {answer.name}: {answer.reason}" for answer in bad],
        targets=[answer.as_document() for answer in view.answers],
    )
