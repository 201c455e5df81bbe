"""The invariants, as a state machine: whatever fails and whenever, nothing outside the plan is deleted, nothing twice.

Hypothesis invents fleets, events of the field, and runs of the kit with faults and kills at any call, and looks for a
history that breaks an invariant; a history that does is shortened to its least. `soak.py` plays thousands more.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.faults import soak
from tests.faults.harness.crash_injection import Kill
from tests.faults.harness.fault_injection import CHANGE_FAULTS, READ_FAULTS, Fault
from tests.faults.harness.schedules import EVENTS, GREENGRASS, STATES, Event, Fleet, Job
from tests.faults.harness.simulation import WORKFLOWS, Cancel, Panel, Simulation, SingleDelete, Sweep, Workflow

_CHANGES = st.sampled_from(("DeleteJobExecution", "CancelJobExecution"))
_CALLS = st.integers(1, 12) | st.integers(1, 40)
_FLEETS = st.builds(
    Fleet,
    jobs=st.lists(
        st.builds(
            Job,
            states=st.lists(st.sampled_from(STATES), min_size=1, max_size=3).map(tuple),
            continuous=st.booleans(),
            retries=st.integers(0, 1),
            namespace=st.sampled_from((None, None, None, GREENGRASS)),
        ),
        min_size=1,
        max_size=2,
    ).map(tuple),
    looks_until_shown=st.sampled_from((0, 0, 0, 1, 3)),
)
_PLACES = {"what": st.sampled_from(EVENTS), "job": st.integers(0, 2), "thing": st.integers(0, 2)}
_EVENTS = st.builds(Event, nth=_CALLS, **_PLACES) | st.builds(Event, on=_CHANGES, nth=st.integers(1, 3), **_PLACES)
_FAULTS = st.builds(Fault, nth=_CALLS, kind=st.sampled_from(CHANGE_FAULTS + READ_FAULTS)) | st.builds(
    Fault, on=_CHANGES, nth=st.integers(1, 3), kind=st.sampled_from(CHANGE_FAULTS)
)
_KILLS = st.builds(
    Kill, at=st.just("call"), nth=st.integers(1, 30), when=st.sampled_from(("before", "after"))
) | st.builds(Kill, at=st.just("journal"), nth=st.integers(1, 20), when=st.sampled_from(("before", "after", "torn")))


class Deleting(RuleBasedStateMachine):
    """A person deletes one execution; see `Sweeping` for many."""

    kind: ClassVar[type[SingleDelete | Sweep]] = SingleDelete

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp(prefix="invariants-", dir=soak.MEMORY if soak.MEMORY.is_dir() else None))
        self.workflow: Workflow | None = None
        self.panel: Panel | None = None
        self.other: Workflow | None = None

    @initialize(fleet=_FLEETS, seed=st.integers(0, 2**32), company=st.sampled_from(("nobody", "panel", "other")))
    def a_fleet_and_a_wish(self, fleet: Fleet, seed: int, company: str) -> None:
        rng = random.Random(seed)
        simulation = Simulation(self.home / "run", fleet)
        self.workflow = self.kind.random(simulation, rng)
        if company == "panel":  # somebody plans in the same directory, and leaves the panel open
            self.panel = rng.choice(WORKFLOWS).random(simulation, rng).open_panel()
        if company == "other":  # somebody plans in another directory what may be about the same executions
            self.other = rng.choice(WORKFLOWS).random(simulation.beside(self.home / "other"), rng)
            self.other.plan()
        self.workflow.plan()

    @rule(event=st.builds(Event, **_PLACES))
    def something_happens(self, event: Event) -> None:
        assert self.workflow is not None
        self.workflow.simulation.happens(event)

    @precondition(lambda self: self.workflow.phrase)
    @rule(
        events=st.lists(_EVENTS, max_size=2), faults=st.lists(_FAULTS, max_size=4), kills=st.lists(_KILLS, max_size=1)
    )
    def it_is_applied(self, events: list[Event], faults: list[Fault], kills: list[Kill]) -> None:
        assert self.workflow is not None
        self.workflow.apply(*events, *faults, *kills)

    @precondition(lambda self: self.panel is not None and self.workflow.phrase)
    @rule(faults=st.lists(_FAULTS, max_size=2))
    def delete_is_pressed_in_the_panel(self, faults: list[Fault]) -> None:
        """The plan on the screen is of before the lock was let go, and other runs came between."""
        assert self.workflow is not None
        assert self.panel is not None
        self.panel.press_delete(self.workflow.simulation, *faults)

    @precondition(lambda self: self.other is not None and self.other.phrase)
    @rule(
        events=st.lists(_EVENTS, max_size=1), faults=st.lists(_FAULTS, max_size=2), kills=st.lists(_KILLS, max_size=1)
    )
    def another_plan_is_applied_from_elsewhere(
        self, events: list[Event], faults: list[Fault], kills: list[Kill]
    ) -> None:
        """Two people, two directories, one fleet: neither run knows of the other but by looking."""
        assert self.other is not None
        self.other.apply(*events, *faults, *kills)

    @invariant()
    def nothing_is_violated(self) -> None:
        for each in self._workflows():
            assert each.simulation.invariants.violations.all() == []

    def _workflows(self) -> list[Workflow]:
        return [each for each in (self.workflow, self.other) if each is not None]

    def teardown(self) -> None:
        try:
            for each in self._workflows():
                if each.phrase:
                    soak.settle(each)
                    self.nothing_is_violated()
        finally:
            for each in self._workflows():
                each.simulation.close()
            shutil.rmtree(self.home, ignore_errors=True)


class Cancelling(Deleting):
    """A person cancels one execution and deletes nothing."""

    kind = Cancel


class Sweeping(Deleting):
    """Many executions by a rule."""

    kind = Sweep


_SAME_EACH_TIME: dict[str, Any] = {
    "deadline": None, "suppress_health_check": list(HealthCheck), "derandomize": True, "database": None,
}  # fmt: skip
TestDeleting = Deleting.TestCase
TestDeleting.settings = settings(max_examples=120, stateful_step_count=6, **_SAME_EACH_TIME)
TestCancelling = Cancelling.TestCase
TestCancelling.settings = settings(max_examples=60, stateful_step_count=6, **_SAME_EACH_TIME)
TestSweeping = Sweeping.TestCase
TestSweeping.settings = settings(max_examples=40, stateful_step_count=6, **_SAME_EACH_TIME)
