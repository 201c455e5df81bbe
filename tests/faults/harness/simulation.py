"""A fleet in the model, a run directory, and the kit's runs between them, which faults, devices and kills befall.

`Simulation.run` plays one run and checks the invariants. `SingleDelete`, `Cancel` and `Sweep` are the jobs of the kit
that change anything; the only code of the harness that knows how the kit is called.
"""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

import iotjobs
from iotjobs.aws import concurrency, connect
from iotjobs.aws.connection import Connection
from iotjobs.errors import IotJobsError
from iotjobs.project_file import Project
from iotjobs.run.journal import verify
from iotjobs.run.run import Run
from tests.faults.harness.crash_injection import CrashPoint, Kill, executor_times
from tests.faults.harness.fault_injection import Attempt, Fault, FaultInjector, Killed, ModelTransport
from tests.faults.harness.invariants import Invariants, is_target
from tests.faults.harness.schedules import REPLACING_EVENTS, Event, Fleet, Injection, Job
from tests.faults.harness.service_model import LIVE, AcceptedCall, ExecutionRecord, ServiceModel

_OLD_S = 30 * 86400
_PLAN_HOLDS_S = 24 * 3600


@dataclass
class Figures:
    """What was tried and what came of it."""

    schedules: int = 0
    runs: int = 0
    calls: int = 0
    faults: int = 0
    events: int = 0
    kills: int = 0
    deletes: int = 0
    cancels: int = 0
    outside_plan: int = 0
    repeated: int = 0
    unrecorded: int = 0
    unchecked: int = 0
    untrue: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)

    def add(self, other: Figures) -> None:
        """Take another schedule's figures in."""
        for name, value in vars(other).items():
            if name == "outcomes":
                for outcome, count in value.items():
                    self.outcomes[outcome] = self.outcomes.get(outcome, 0) + count
            else:
                setattr(self, name, getattr(self, name) + value)


class Field:
    """What happens to executions without the kit: devices, timers, other people."""

    def __init__(self, service: ServiceModel) -> None:
        self.service = service

    def happens(self, event: Event) -> bool:
        """Let an event happen; False when it cannot."""
        jobs = sorted(self.service.jobs)
        if not jobs:
            return False
        job_id = jobs[event.job % len(jobs)]
        members = self.service.jobs[job_id].members
        things = sorted(members | {thing for thing, of in self.service.executions if of == job_id})
        thing = things[event.thing % len(things)] if things else "nobody"
        happening: dict[str, Callable[[], bool]] = {
            "device_starts": lambda: self.service.report(job_id, thing, "IN_PROGRESS"),
            "device_succeeds": lambda: self.service.report(job_id, thing, "SUCCEEDED"),
            "device_fails": lambda: self.service.report(job_id, thing, "FAILED"),
            "times_out": lambda: self.service.time_out(job_id, thing),
            "thing_leaves": lambda: self.service.leave(job_id, thing),
            "thing_joins": lambda: self.service.join(job_id, thing),
            "deleted_by_somebody": lambda: self._delete(job_id, thing),
            "canceled_by_somebody": lambda: self._cancel(job_id, thing),
            "number_used_again": lambda: self._use_number_again(job_id, thing),
            "next_number_at_same_version": lambda: self._next_number(job_id, thing),
            "job_recreated": lambda: self.service.recreate(job_id),
            "job_canceled": lambda: self.service.cancel_job(job_id),
        }
        return happening[event.what]()

    def makes_anew(self, event: Event) -> bool:
        """Whether an event may make another execution under names that a cancel knows; a failed one may be retried."""
        retried = event.what in ("device_fails", "times_out") and any(job.retries for job in self.service.jobs.values())
        return event.what in REPLACING_EVENTS or retried

    def _delete(self, job_id: str, thing: str) -> bool:
        newest = self.service.newest(job_id, thing)
        if newest is not None:
            self.service.delete_job_execution(job_id, thing, newest.number, force=True)
        return newest is not None

    def _cancel(self, job_id: str, thing: str) -> bool:
        newest = self.service.newest(job_id, thing)
        if newest is None or newest.status not in LIVE:
            return False
        self.service.cancel_job_execution(job_id, thing, force=True, statusDetails={"canceledBy": "somebody else"})
        return True

    def _use_number_again(self, job_id: str, thing: str) -> bool:
        """Delete, leave the group: the number is back, REMOVED, on another execution."""
        history = self.service.executions.get((thing, job_id), [])
        job = self.service.jobs[job_id]
        if len(history) != 1 or not job.continuous or thing not in job.members:
            return False
        self.service.delete_job_execution(job_id, thing, history[0].number, force=True)
        return self.service.leave(job_id, thing)

    def _next_number(self, job_id: str, thing: str) -> bool:
        """Leave and join again; the device takes up the next number, at the version that the last one had."""
        last = self.service.newest(job_id, thing)
        if last is None or not (self.service.leave(job_id, thing) and self.service.join(job_id, thing)):
            return False
        newest = self.service.newest(job_id, thing)
        if newest is None or newest is last:
            return False
        self.service.report(job_id, thing, "IN_PROGRESS")
        newest.version = max(newest.version, last.version)
        return True


class Simulation:
    """One schedule being played."""

    def __init__(self, run_dir: Path, fleet: Fleet, service: ServiceModel | None = None) -> None:
        self.run_dir = run_dir
        self.service = service or ServiceModel(round(time.time(), 3))  # AWS counts milliseconds
        self.field = Field(self.service)
        self.invariants = Invariants(run_dir, is_done=self.is_done, owner_of=self._owner_of)
        self.figures = Figures(schedules=1)
        self.ahead_s = 0.0  # how far the time that the service tells is ahead
        self.before_call: Callable[[str], None] = lambda _operation: None  # a test may look in here
        self.opened: list[Run] = []
        self._injector = FaultInjector(self.service)
        self._postponed: list[Event] = []
        if service is None:
            self._build(fleet)

    def beside(self, run_dir: Path) -> Simulation:
        """The same fleet, as somebody else sees it whose runs are in another directory."""
        return Simulation(run_dir, Fleet(()), self.service)

    def run(self, act: Callable[[], Any], *injections: Injection) -> str:
        """Play one run of the kit with its injections; how it ended: an outcome, or `killed`."""
        kill = next((each for each in injections if isinstance(each, Kill)), None)
        events = [each for each in injections if isinstance(each, Event)]
        crash = CrashPoint(kill)
        self.invariants.run_begins()
        injector = FaultInjector(
            self.service,
            [each for each in injections if isinstance(each, Fault)],
            before=lambda *call: self._before_call(injector, events, crash, *call),
            after=lambda number, _operation, _nth: crash.reaches("call", number, "after"),
            on_accepted=lambda call: self._check_call(call, injector, crash),
            on_attempt=self.invariants.attempts.append,
        )
        self._injector = injector
        ended = self._run(act, crash)
        injector.act_late()
        if ended != "killed":
            verify(self.run_dir)
            self.invariants.check_result(ended)
        self._count(injector, ended)
        return ended

    @contextmanager
    def connected(self, crash: CrashPoint) -> Iterator[None]:
        """Have the kit talk to the model; its pauses pass in no time, on the service's clock."""
        now = Connection.now
        with (
            patch.object(Connection, "now", lambda each: now(each) + timedelta(seconds=self.ahead_s)),
            patch.object(connect, "connect", self._connect),
            executor_times(self.service.tick, lambda: self.service.now),
            patch.object(concurrency, "THREADS", 1),  # one order of calls for one schedule
            crash.watching(),
        ):
            yield

    def result(self) -> dict[str, Any]:
        """What `result.json` says."""
        return self.invariants.result()

    def guards(self) -> list[str]:
        """The guards that refused, by `result.json`."""
        return [refusal["guard"] for refusal in self.result()["refusals"]]

    def is_done(self, target: Any) -> bool:
        """Whether a target of the plan is no longer in the service; or, of a cancel, no longer unfinished."""
        cancels = target.get("operations") == ["CancelJobExecution"]
        still = [item for item in self.service.all() if not cancels or item.status in LIVE]
        return not any(is_target(item, target) for item in still)

    def deleted(self) -> list[str]:
        """The things whose executions were deleted, in order."""
        calls = self.invariants.accepted
        return [call.before.thing_name for call in calls if call.operation == "DeleteJobExecution"]

    def operations(self) -> list[str]:
        """The changing calls that the service accepted, in order."""
        return [call.operation for call in self.invariants.accepted]

    def close(self) -> None:
        """Let go of the run directory, as the end of a process does."""
        for run in self.opened:
            run.directory.leave()

    def happens(self, event: Event) -> None:
        """Let something happen in the field between two runs."""
        self.figures.events += self.field.happens(event)

    def _connect(self, *, project: Project | None = None, **_: Any) -> Connection:
        return Connection(ModelTransport(lambda: self._injector), project=project)

    def _build(self, fleet: Fleet) -> None:
        for number, job in enumerate(fleet.jobs):
            job_id = f"job-{number}"
            things = [f"thing-{place}" for place in range(len(job.states))]
            self.service.create_job(job_id, things, continuous=job.continuous, namespace=job.namespace)
            for thing, state in zip(things, job.states, strict=True):
                if state != "QUEUED":
                    self.service.report(job_id, thing, state)
            self.service.jobs[job_id].retries = job.retries
        self.service.never_connected.add("thing-0")
        self.service.age(days=60)
        self.service.looks_until_shown = fleet.looks_until_shown

    def _owner_of(self, job_id: str) -> str | None:
        job = self.service.jobs.get(job_id)
        return job.namespace if job else None

    def _before_call(
        self, injector: FaultInjector, events: list[Event], crash: CrashPoint, number: int, operation: str, nth: int
    ) -> None:
        """What happens before a call; what no client can be safe from waits until the call is over.

        DeleteJobExecution has no precondition: nothing moves between the last look and the delete, nor while one is
        on its way. CancelJobExecution knows the newest execution and its version alone: everything may move but the
        making of an execution anew, which may have the same version.
        """
        self.before_call(operation)
        due = [*self._postponed, *(event for event in events if event.is_at(number, operation, nth))]
        self._postponed = []
        under_way = {operation} | injector.on_its_way()
        for event in due:
            unsafe = "DeleteJobExecution" in under_way
            if unsafe or ("CancelJobExecution" in under_way and self.field.makes_anew(event)):
                self._postponed.append(event)
            else:
                self.happens(event)
        crash.reaches("call", number, "before")

    def _check_call(self, call: AcceptedCall, injector: FaultInjector, crash: CrashPoint) -> None:
        self.invariants.check_call(call, late=injector.acting_late)
        if not crash.is_on_disk(self.run_dir / "journal.jsonl"):
            text = f"announced, but not on disk yet: {call.operation} of {call.before}"
            self.invariants.violations.unrecorded.append(text)

    def _run(self, act: Callable[[], Any], crash: CrashPoint) -> str:
        with self.connected(crash):
            try:
                act()
            except Killed:
                self._note_what_was_announced()
                return "killed"
            except (IotJobsError, KeyboardInterrupt):
                pass
        return str(self.result()["outcome"])

    def _note_what_was_announced(self) -> None:
        """What a killed process had on record as about to be called may have been sent: nobody after it can tell."""
        last = {(line["job_id"], line["thing_name"]): line for line in self.invariants.journal() if "job_id" in line}
        for line in last.values():
            for execution in self.service.all():
                if line["event"] == "calling" and is_target(execution, line):
                    self.invariants.attempts.append(Attempt(line["operation"], replace(execution), declined=False))

    def _count(self, injector: FaultInjector, ended: str) -> None:
        figures, accepted = self.figures, self.invariants.accepted
        figures.runs += 1
        figures.calls += injector.calls
        figures.faults += len(injector.injected)
        figures.kills += ended == "killed"
        figures.outcomes[ended] = figures.outcomes.get(ended, 0) + 1
        figures.deletes = sum(call.operation == "DeleteJobExecution" for call in accepted)
        figures.cancels = len(accepted) - figures.deletes
        for name, violations in asdict(self.invariants.violations).items():
            setattr(figures, name, len(violations))


class Workflow:
    """One wish of a person or a scheduler, run as often as it takes, in one run directory."""

    notebook = ""
    calls = 9  # about so many calls a run makes

    def __init__(self, simulation: Simulation, **parameters: Any) -> None:
        self.simulation = simulation
        self.parameters = parameters
        self.phrase: str | None = None
        self._wish = dict(parameters)  # what was asked for at first
        self._planned_at: tuple[str, str, float] | None = None

    @classmethod
    def on_one_job(cls, directory: Path, *states: str, continuous: bool = False, **parameters: Any) -> Self:
        """On a fleet of one job, `job-0`, with an execution in each of the states on `thing-0` and on."""
        return cls(Simulation(directory / "run", Fleet((Job(states, continuous=continuous),))), **parameters)

    def plan(self, *injections: Injection) -> str:
        """Run without confirm."""
        self._planned_at = self._here()
        ended = self._run(lambda: self._start_to_end(None), *injections)
        if ended == "planned":
            self.phrase = self.simulation.invariants.phrase = self.simulation.result()["confirm"]
        return ended

    def apply(self, *injections: Injection) -> str:
        """Run with the phrase, as it was said."""
        return self._run(lambda: self._start_to_end(self.phrase), *injections)

    def open_panel(self) -> Panel | None:
        """Plan, run the last cell of the notebook as well, and keep what a person has on the screen."""
        opened: list[tuple[Run, Any]] = []

        def act() -> None:
            run = self.start()
            opened.append((run, self._work(run).plan()))
            run.end()

        self._planned_at = self._here()
        ended = self._run(act)
        return Panel(self, *opened[0], self.simulation.result()["confirm"]) if ended == "planned" else None

    def is_settled(self, ended: str) -> bool:
        """Whether another run has nothing left to do."""
        raise NotImplementedError

    def check_settled(self, ended: str) -> None:
        """What was to be ended is, or the record says why it was left; and it tells every one that was."""
        invariants = self.simulation.invariants
        if ended == "applied":
            assert all(map(self.simulation.is_done, invariants.targets()))
        if ended in ("applied", "partial"):
            ours = [each for each in invariants.targets() if invariants.was_ended(each) and self._shows(each)]
            counts = invariants.result()["counts"]
            counted = sum(counts.get(name, 0) for name in ("deleted", "cancelled"))
            counted += sum(map(_is_not_known, invariants.journal()))
            assert counted >= len(ours), f"ended, and not counted: {ours}"

    def _shows(self, target: Any) -> bool:
        """Whether it shows that a target is as planned; of a cancel, whose record somebody may have deleted since."""
        exists = any(is_target(item, target) for item in self.simulation.service.all())
        return self.simulation.is_done(target) and (exists or "DeleteJobExecution" in target["operations"])

    def start(self, confirm: str | None = None) -> Run:
        """Run the first cell of the notebook."""
        parameters = self.parameters if confirm is None else {**self.parameters, "confirm": confirm}
        run = iotjobs.start(self.notebook, run_dir=str(self.simulation.run_dir), **parameters)
        self.simulation.opened.append(run)
        return run

    def not_wanted(self, call: AcceptedCall) -> list[str]:
        """What speaks against a call by what was asked for: its place, its time, and force."""
        account, region, ahead_s = self._here()
        planned_at = self._planned_at or (account, region, ahead_s)
        late = ahead_s - planned_at[2] > _PLAN_HOLDS_S and not self.simulation.invariants.accepted
        only_cancels = self.notebook == "cancel_job_execution" or self._wish.get("action") == "cancel"
        needs_force = ("IN_PROGRESS",) if only_cancels else LIVE
        forceless = call.before.status in needs_force and not self._wish.get("force")
        reasons = {
            "in another place than it was planned": (account, region) != planned_at[:2],
            "more than a day after it was planned": late,
            "unfinished, and without the wish to force": forceless,
        }
        return [why for why, is_so in reasons.items() if is_so]

    def _here(self) -> tuple[str, str, float]:
        service = self.simulation.service
        return service.account, service.region, self.simulation.ahead_s

    def _run(self, act: Callable[[], Any], *injections: Injection) -> str:
        self.simulation.invariants.not_wanted = self.not_wanted
        return self.simulation.run(act, *injections)

    def _work(self, run: Run) -> Any:
        raise NotImplementedError

    def _start_to_end(self, confirm: str | None) -> None:
        run = self.start(confirm)
        try:
            self._work(run).plan().apply()
            run.end()
        except Exception as error:  # as the hook of IPython does when a cell fails
            run.cell_failed(error)
            raise


@dataclass(frozen=True)
class Panel:
    """A plan on somebody's screen after its notebook was run to the end."""

    workflow: Workflow
    run: Run
    work: Any
    phrase: str

    def press_delete(self, simulation: Simulation, *injections: Injection) -> str:
        """Type the phrase and press Delete; how it ended, `not done` where nothing was begun."""
        simulation.invariants.not_wanted = self.workflow.not_wanted
        return simulation.run(lambda: self.work.apply(self.phrase), *injections)


class SingleDelete(Workflow):
    """`delete_job_execution`: one execution, named by a person, confirmed with its phrase."""

    notebook = "delete_job_execution"

    @classmethod
    def random(cls, simulation: Simulation, rng: random.Random) -> SingleDelete:
        """One of the fleet's executions, with or without force and cancel."""
        item = rng.choice(list(simulation.service.all()))
        names = {"job_id": item.job_id, "thing_name": item.thing_name, "execution_number": item.number}
        force = item.status in LIVE or rng.random() < 0.3
        return cls(simulation, **names, force=force, cancel_first=rng.random() < 0.7)

    def is_settled(self, ended: str) -> bool:
        last = self.simulation.invariants.journal()[-1]["event"] if ended == "partial" else ""
        waits = "it is not sent again" in self.simulation.result()["reason"]  # accepted, and never shown
        return ended in ("applied", "refused", "error") or last in ("drifted", "gone") or waits

    def _work(self, run: Run) -> Any:
        return iotjobs.delete_job_execution(run)


class Cancel(SingleDelete):
    """`cancel_job_execution`: the newest execution of a job on a thing, confirmed with its phrase."""

    notebook = "cancel_job_execution"

    @classmethod
    def random(cls, simulation: Simulation, rng: random.Random) -> Cancel:
        """One of the fleet's executions, with or without force."""
        item = rng.choice(list(simulation.service.all()))
        force = item.status == "IN_PROGRESS" or rng.random() < 0.3
        return cls(simulation, job_id=item.job_id, thing_name=item.thing_name, force=force)

    def _work(self, run: Run) -> Any:
        return iotjobs.cancel_job_execution(run)


class Sweep(Workflow):
    """`sweep`: many executions by a rule, confirmed with the phrase, by a scheduler, or with a plan file."""

    notebook = "sweep"
    calls = 20

    def __init__(self, simulation: Simulation, *, saves_plan: bool = False, **parameters: Any) -> None:
        super().__init__(simulation, **parameters)
        self.saves_plan = saves_plan  # whether the plan is handed over as a file
        self.protected = ""  # what somebody else protects

    @classmethod
    def random(cls, simulation: Simulation, rng: random.Random) -> Sweep:
        """A rule of some kind, with caps that fit or do not."""
        rules: list[dict[str, Any]] = [
            {"job_id": "job-0"},
            {"thing_name": "thing-0"},
            {"statuses": "SUCCEEDED,FAILED,REJECTED,QUEUED"},
            {"statuses": "IN_PROGRESS,QUEUED"},
            {"job_id": "job-0", "statuses": "FAILED,QUEUED,IN_PROGRESS"},
        ]
        cancels: list[dict[str, Any]] = [
            {"job_id": "job-0"},
            {"thing_name": "thing-0"},
            {"statuses": "QUEUED"},
            {"statuses": "IN_PROGRESS,QUEUED"},
        ]
        parameters = rng.choice(rules) if rng.random() < 0.7 else {**rng.choice(cancels), "action": "cancel"}
        parameters |= {"force": rng.random() < 0.9, "max_fraction": 1.0}
        parameters["max_deletes"] = rng.choice((25, 25, 25, 25, 2))
        if rng.random() < 0.2:
            parameters["protect"] = "thing-1"
        if rng.random() < 0.2:
            parameters["unattended"] = True
        return cls(simulation, saves_plan=rng.random() < 0.75, **parameters)

    def plan(self, *injections: Injection) -> str:
        """Run without confirm: the plan is of all that fits, or there is none."""
        expected = [] if any(isinstance(each, Event) for each in injections) else self._fitting()
        unattended = self.parameters.pop("unattended", None)
        ended = super().plan(*injections)
        if ended == "planned" and expected:
            targets = self.simulation.invariants.targets()
            assert len(targets) == len(expected), f"{len(expected)} fit, {len(targets)} planned"
            assert all(any(is_target(item, target) for target in targets) for item in expected)
            assert len(targets) <= self.parameters.get("max_deletes", 25)
        if ended == "planned" and self.saves_plan:
            self.hand_over(self.simulation.run_dir / "plan.json")
        if unattended:
            self.parameters["unattended"] = True
            if not self.saves_plan:  # nobody approves a plan: each run makes its own, until one is begun
                self.simulation.invariants.phrase = None
        return ended

    def apply(self, *injections: Injection) -> str:
        """Run with the phrase, or by a scheduler that has none."""
        phrase = None if self.parameters.get("unattended") else self.phrase
        return self._run(lambda: self._start_to_end(phrase), *injections)

    def not_wanted(self, call: AcceptedCall) -> list[str]:
        """What speaks against a call: the caps, protected names and the cause, as they were asked for, besides."""
        service, item = self.simulation.service, call.before
        touched = {(each.before.uid, each.before.job_id) for each in (*self.simulation.invariants.accepted, call)}
        of_job = sum(job_id == item.job_id for _, job_id in touched)
        protect = {
            self.protected,
            *(str(parameters.get("protect") or "") for parameters in (self._wish, self.parameters)),
        }
        reasons = {
            "another job": self._wish.get("job_id") not in (None, item.job_id),
            "another thing": self._wish.get("thing_name") not in (None, item.thing_name),
            "more than max_deletes": len(touched) > self._cap("max_deletes", 25),
            "more than max_fraction": of_job > self._cap("max_fraction", 0.1) * service.created[item.job_id] + 1e-9,
            "protected": any(fnmatchcase(item.thing_name, each) for text in protect for each in text.split(",")),
            "its cause is another one": self._wish.get("causes") == "device_offline"
            and item.thing_name in service.online,
        }
        return [*super().not_wanted(call), *(why for why, is_so in reasons.items() if is_so)]

    def _cap(self, name: str, default: float) -> float:
        return min(self._wish.get(name, default), self.parameters.get(name, float("inf")))

    def hand_over(self, plan: Path) -> None:
        """Give the plan on as a file: from now on it is what is applied."""
        approved = self.simulation.run_dir.with_suffix(".approved.json")
        shutil.copy(plan, approved)
        self.parameters["plan_file"] = str(approved)

    def is_settled(self, ended: str) -> bool:
        counts = self.simulation.result()["counts"]
        is_done = not counts.get("failed") and not counts.get("left")
        waits = bool(counts.get("unsettled"))  # accepted, and never shown: it is not sent again
        return (ended in ("applied", "partial") and is_done) or waits or ended in ("refused", "nothing_to_do")

    def check_settled(self, ended: str) -> None:
        super().check_settled(ended)
        if ended not in ("applied", "partial"):
            return
        refusals = self.simulation.result()["refusals"]
        explained = [(each["job_id"], each["thing_name"], each["execution_number"]) for each in refusals]
        for target in self.simulation.invariants.targets():
            key = (target["job_id"], target["thing_name"], target["execution_number"])
            assert self.simulation.is_done(target) or key in explained, f"{key} is left, and the record says nothing"

    def _fitting(self) -> list[ExecutionRecord]:
        """What the rule is about, by the service itself."""
        service, parameters = self.simulation.service, self.parameters
        statuses = parameters.get("statuses", "").split(",")
        return [
            item
            for item in service.all()
            if parameters.get("job_id") in (None, item.job_id)
            and parameters.get("thing_name") in (None, item.thing_name)
            and (statuses == [""] or item.status in statuses)
            and (parameters.get("action") != "cancel" or item.status in LIVE)
            and service.now - max(item.queued_at, item.updated_at) > _OLD_S
            and not fnmatchcase(item.thing_name, parameters.get("protect", ""))
            and service.jobs[item.job_id].namespace is None
        ]

    def _work(self, run: Run) -> Any:
        return iotjobs.sweep(run)


WORKFLOWS: tuple[type[SingleDelete | Sweep], ...] = (SingleDelete, Sweep, Cancel)


def _is_not_known(line: Mapping[str, Any]) -> bool:
    """Whether a line of the journal says that what was sent may have acted, or not."""
    return line["event"] == "gone" or (line["event"] == "drifted" and "whether it acted is not known" in line["why"])
