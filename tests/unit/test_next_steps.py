"""What do I do now: the ranked steps count every unfinished execution once and say what each frees."""

from __future__ import annotations

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from iotjobs.diagnosis.colours import CAUSE_LOOKS
from iotjobs.diagnosis.next_steps import NextSteps, next_steps
from iotjobs.diagnosis.overview import worst_causes
from iotjobs.model import Cause
from tests.unit.build_queues import AS_OF, SELF_RESOLVING, build_queues

PUMPS = [
    ("pump-1", "firmware", "IN_PROGRESS", "stalled", 100, 99),
    ("pump-1", "certs", "QUEUED", "blocked", 60, None),
    ("pump-1", "logs", "QUEUED", "fresh", 2, None),
    ("pump-2", "firmware", "IN_PROGRESS", "stalled", 100, 90),
    ("pump-2", "certs", "QUEUED", "blocked", 60, None),
    ("van-1", "certs", "QUEUED", "device_offline", 60, None),
    ("van-1", "logs", "QUEUED", "device_offline", 50, None),
    ("van-2", "certs", "QUEUED", "device_offline", 60, None),
    ("van-3", "logs", "QUEUED", "device_offline", 60, None),
]


def _steps(lines: list, **more: dict) -> NextSteps:
    return next_steps(build_queues(lines, **more), as_of=AS_OF)


def test_what_frees_most_others_comes_first_with_its_count() -> None:
    fix, contact = _steps(PUMPS, groups={"pump-1": "pumps", "pump-2": "pumps"}).ranked
    assert fix.what == "Fix or cancel firmware on 2 things (pumps)"
    assert fix.effect == "2 executions, and frees 3 more that wait behind"
    assert (fix.begin_with, fix.holds_back) == ("pump-1", 2)
    assert contact.what == "Get 3 things back online"
    assert (contact.executions, contact.things, contact.frees) == (4, 3, 0)


def test_a_step_chooses_its_own_executions_and_no_others() -> None:
    queues = build_queues(PUMPS)
    fix = next_steps(queues, as_of=AS_OF).ranked[0]
    chosen = queues[fix.chooses(queues)]
    assert set(zip(chosen["thing_name"], chosen["job_id"], strict=True)) == {
        ("pump-1", "firmware"),
        ("pump-2", "firmware"),
    }


def test_one_job_that_stalls_is_a_step_of_its_own() -> None:
    other = ("fan-1", "config", "IN_PROGRESS", "stalled", 50, 49)
    jobs = [step.job_id for step in _steps([*PUMPS, other]).ranked]
    assert jobs == ["firmware", None, "config"]


def test_what_waits_behind_work_that_goes_on_is_left_alone() -> None:
    steps = _steps(
        [("pump-1", "big", "IN_PROGRESS", "timeout_pending", 60, 50), ("pump-1", "b", "QUEUED", "blocked", 40, None)]
    )
    assert (steps.ranked, steps.self_resolving, steps.behind_self_resolving) == ((), {"timeout_pending": 1}, 1)


def test_what_another_obstacle_holds_is_not_promised_to_start() -> None:
    lines = [("a", "old", "IN_PROGRESS", "orphaned", 90, 80), ("a", "new", "QUEUED", "device_offline", 50, None)]
    assert {step.cause: step.frees for step in _steps(lines).ranked} == {"orphaned": 0, "device_offline": 0}


def test_what_runs_already_is_not_freed_by_another_end() -> None:
    lines = [("a", "x", "IN_PROGRESS", "stalled", 90, 80), ("a", "y", "IN_PROGRESS", "fresh", 2, 1)]
    steps = _steps(lines)
    assert (steps.ranked[0].frees, steps.self_resolving) == (0, {"fresh": 1})


def test_an_ota_update_is_acted_on_through_its_service() -> None:
    queues = build_queues([("van-1", "AFR_OTA-van-3", "IN_PROGRESS", "stalled", 90, 80)])
    queues["suggestion"] = "none"
    assert "through its service, a FreeRTOS OTA update" in next_steps(queues, as_of=AS_OF).ranked[0].what


def test_missing_indexing_is_a_step_that_says_so() -> None:
    (step,) = _steps([("pump-1", "firmware", "QUEUED", "unknown", 90, None)]).ranked
    assert step.what == "Switch fleet indexing with connectivity on: without it 1 thing cannot be judged"


def test_nothing_unfinished_is_no_step() -> None:
    steps = _steps([])
    assert (steps.ranked, steps.unfinished) == ((), 0)


CAUSES = (
    "stalled",
    "orphaned",
    "thing_gone",
    "device_offline",
    "not_picked_up",
    "unknown",
    "blocked",
    "waiting_turn",
    *SELF_RESOLVING,
)
LINE = st.tuples(
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from(["j", "k", "AFR_OTA-x"]),
    st.sampled_from(["QUEUED", "IN_PROGRESS"]),
    st.sampled_from(CAUSES),
    st.integers(1, 999),
    st.none(),
)


def test_every_cause_has_its_place_and_its_colour() -> None:
    assert set(CAUSES) == set(Cause) == set(CAUSE_LOOKS)


@settings(max_examples=40, deadline=None)
@given(st.lists(LINE, max_size=12))
def test_every_unfinished_execution_is_counted_once(lines: list) -> None:
    queues = build_queues(lines)
    steps = next_steps(queues, as_of=AS_OF)
    counted = (
        sum(step.executions + step.frees for step in steps.ranked)
        + sum(steps.self_resolving.values())
        + steps.behind_self_resolving
    )
    assert counted == steps.unfinished == len(lines)
    chosen = pd.DataFrame({place: step.chooses(queues) for place, step in enumerate(steps.ranked)})
    assert (chosen.sum(axis=1) <= 1).all() if len(chosen.columns) else True


def test_the_worst_cause_of_a_job_is_the_one_that_does_most_harm_not_the_most_frequent() -> None:
    queues = build_queues(
        [
            ("a", "job", "QUEUED", "device_offline", 50, None),
            ("b", "job", "QUEUED", "device_offline", 50, None),
            ("c", "job", "IN_PROGRESS", "stalled", 50, 40),
            ("d", "job", "QUEUED", "fresh", 2, None),
            ("e", "other", "QUEUED", "fresh", 2, None),
        ]
    )
    assert worst_causes(queues).to_dict() == {"job": "stalled"}
