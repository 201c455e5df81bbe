"""The promise, as a state machine: whatever fails and whenever, nothing outside the plan is deleted, nothing twice.

Hypothesis invents fleets, moves of the field, and runs of the kit with faults and kills at any call, and looks for a
history that breaks the promise; a history that does is shortened to its least. `soak.py` plays thousands more.
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
from tests.faults.faulty_seam import CHANGE_FAULTS, READ_FAULTS
from tests.faults.killable import Kill
from tests.faults.kit import Kit, ManyDeletes, OneDelete
from tests.faults.luck import STATES
from tests.faults.world import MOVES, Fleet, Trouble, World

_FLEETS = st.lists(
    st.tuples(st.booleans(), st.lists(st.sampled_from(STATES), min_size=1, max_size=3).map(tuple)),
    min_size=1,
    max_size=2,
).map(lambda jobs: Fleet(tuple(jobs)))
_MOVES = st.tuples(st.sampled_from(MOVES), st.integers(0, 2), st.integers(0, 2))
_KILLS = st.one_of(
    st.builds(Kill, st.just("call"), st.integers(1, 30), st.sampled_from(("before", "after"))),
    st.builds(Kill, st.just("write"), st.integers(1, 20), st.sampled_from(("before", "after", "torn"))),
)
_CALLS = st.integers(1, 12) | st.integers(1, 40)
_CHANGES = st.tuples(st.sampled_from(("delete_job_execution", "cancel_job_execution")), st.integers(1, 3))
_TROUBLE = st.builds(
    Trouble,
    moves=st.lists(st.tuples(_CALLS | _CHANGES, _MOVES), max_size=2).map(tuple),
    faults=st.lists(
        st.tuples(_CALLS, st.sampled_from(CHANGE_FAULTS + READ_FAULTS))
        | st.tuples(_CHANGES, st.sampled_from(CHANGE_FAULTS)),
        max_size=4,
    ).map(tuple),
    kill=st.none() | _KILLS,
)


class Deleting(RuleBasedStateMachine):
    """A person deletes one execution; see `Sweeping` for many."""

    kit: ClassVar[type[Kit]] = OneDelete

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp(prefix="promise-", dir=soak.MEMORY if soak.MEMORY.is_dir() else None))
        self.world: Any = None
        self.one: Any = None

    @initialize(fleet=_FLEETS, seed=st.integers(0, 2**32))
    def a_fleet_and_a_wish(self, fleet: Fleet, seed: int) -> None:
        self.world = World(self.home / "run", fleet)
        self.one = self.kit.chosen(self.world, random.Random(seed))  # type: ignore[attr-defined]
        self.one.plan()

    @rule(move=_MOVES)
    def something_happens(self, move: Any) -> None:
        self.world.happen(move)

    @precondition(lambda self: self.one.phrase)
    @rule(trouble=_TROUBLE)
    def it_is_applied(self, trouble: Trouble) -> None:
        self.one.apply(trouble)

    @invariant()
    def nothing_wrong_was_done_and_all_is_on_record(self) -> None:
        assert self.world is None or self.world.judge.verdict.broken == []

    def teardown(self) -> None:
        try:
            if self.one is not None and self.one.phrase:
                soak.settle(self.one)
                self.nothing_wrong_was_done_and_all_is_on_record()
        finally:
            if self.world is not None:
                self.world.close()
            shutil.rmtree(self.home, ignore_errors=True)


class Sweeping(Deleting):
    """Many executions by a rule."""

    kit = ManyDeletes


_CALM = {"deadline": None, "suppress_health_check": list(HealthCheck), "derandomize": True, "database": None}
TestDeleting = Deleting.TestCase
TestDeleting.settings = settings(max_examples=120, stateful_step_count=6, **_CALM)  # type: ignore[arg-type]
TestSweeping = Sweeping.TestCase
TestSweeping.settings = settings(max_examples=40, stateful_step_count=6, **_CALM)  # type: ignore[arg-type]
