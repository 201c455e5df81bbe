"""Each cause of the contract, on tables made by hand; what the service cannot show is here too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from iotjobs.columns import EXECUTION_COLUMNS, JOB_COLUMNS, table
from iotjobs.diagnosis.diagnose import diagnose
from iotjobs.model import Cause
from iotjobs.snapshot import QUEUE_COLUMNS, THING_COLUMNS, TIMER_COLUMNS, FleetSnapshot, Gap

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def _table(columns: dict[str, str], rows: list[dict[str, Any]]) -> pd.DataFrame:
    return table(columns, {name: [row.get(name) for row in rows] for name in columns})


def execution(job: str, thing: str, status: str = "QUEUED", *, days: float = 5, **more: Any) -> dict[str, Any]:
    started = {"started_at": NOW - days * DAY} if status == "IN_PROGRESS" else {}
    return {
        "job_id": job,
        "thing_name": thing,
        "execution_number": 1,
        "status": status,
        "retry_attempt": 0,
        "queued_at": NOW - days * DAY,
        "last_updated_at": NOW - days * DAY,
        **started,
        **more,
    }


def job(job_id: str, **more: Any) -> dict[str, Any]:
    return {"job_id": job_id, "status": "IN_PROGRESS", "described": True, "scheduling": {}, **more}


def thing(name: str, **more: Any) -> dict[str, Any]:
    return {
        "thing_name": name,
        "exists": True,
        "connected": True,
        "changed_at": NOW - 6 * DAY,
        "queue_known": True,
        "thing_groups": "",
        **more,
    }


def snapshot(
    executions: list[dict[str, Any]],
    jobs: list[dict[str, Any]],
    things: list[dict[str, Any]],
    timers: list[dict[str, Any]] | None = None,
    gaps: tuple[Gap, ...] = (),
) -> FleetSnapshot:
    running = [one for one in executions if one["status"] == "IN_PROGRESS"]
    looked_up = [{key: one[key] for key in ("job_id", "thing_name", "execution_number")} for one in running]
    unfinished = [one for one in executions if one["status"] in ("QUEUED", "IN_PROGRESS")]
    return FleetSnapshot(
        executions=_table(EXECUTION_COLUMNS, executions),
        queues=_table(QUEUE_COLUMNS, [{"delivery": 0, **one} for one in unfinished]),
        jobs=_table(JOB_COLUMNS, jobs),
        things=_table(THING_COLUMNS, things),
        timers=_table(TIMER_COLUMNS, looked_up if timers is None else timers),
        gaps=gaps,
        as_of=NOW,
    )


def found(shot: FleetSnapshot) -> dict[str, dict[str, Any]]:
    rows: Any = diagnose(shot, stuck_after=DAY).to_dict("records")
    return {f"{row['job_id']}/{row['thing_name']}": row for row in rows}


STALLED = execution("j", "t", "IN_PROGRESS")
WAITING = execution("j", "t")


@pytest.mark.parametrize(
    ("cause", "stuck", "one", "its_job", "its_thing"),
    [
        (Cause.THING_GONE, True, WAITING, job("j", status="CANCELED"), thing("t", exists=False)),
        (Cause.ORPHANED, True, execution("j", "t", "IN_PROGRESS", days=0.1), job("j", status="CANCELED"), thing("t")),
        (Cause.ORPHANED, True, WAITING, job("j", status="COMPLETED"), thing("t")),
        (Cause.ORPHANED, True, WAITING, job("j", status="DELETION_IN_PROGRESS"), thing("t")),
        (Cause.CANCELING, False, WAITING, job("j", status="CANCELED", is_concurrent=True), thing("t")),
        (
            Cause.CANCELING,
            False,
            STALLED,
            job("j", status="CANCELED", is_concurrent=True, force_canceled=True),
            thing("t"),
        ),
        (
            Cause.ORPHANED,
            True,
            STALLED,
            job("j", status="CANCELED", is_concurrent=True, force_canceled=False),
            thing("t"),
        ),
        (Cause.ORPHANED, True, WAITING, job("j", status="CANCELED", is_concurrent=False), thing("t")),
        (Cause.ORPHANED, True, WAITING, job("j", status="COMPLETED", is_concurrent=True), thing("t")),
        (Cause.UNKNOWN, True, STALLED, job("j", status="CANCELED", is_concurrent=True, described=False), thing("t")),
        (Cause.RETRYING, False, execution("j", "t", days=0.5, retry_attempt=2), job("j"), thing("t")),
        (Cause.FRESH, False, execution("j", "t", days=0.5), job("j"), thing("t")),
        (Cause.FRESH, False, STALLED | {"last_updated_at": NOW - timedelta(hours=1)}, job("j"), thing("t")),
        (Cause.WAITING_WINDOW, False, WAITING, job("j", status="SCHEDULED"), thing("t")),
        (Cause.WAITING_WINDOW, False, WAITING, job("j", scheduling={"startTime": "2027-01-01T10:00"}), thing("t")),
        (Cause.DEVICE_OFFLINE, True, STALLED, job("j"), thing("t", connected=False)),
        (Cause.DEVICE_OFFLINE, True, WAITING, job("j"), thing("t", connected=False, changed_at=None)),
        (Cause.STALLED, True, STALLED, job("j"), thing("t")),
        (Cause.NOT_PICKED_UP, True, WAITING, job("j"), thing("t")),
        (Cause.NOT_PICKED_UP, True, execution("j", "t", retry_attempt=3), job("j"), thing("t")),
        (Cause.UNKNOWN, True, WAITING, job("j"), thing("t", connected=None)),
        (Cause.UNKNOWN, True, WAITING, job("j", described=False), thing("t")),
        (Cause.UNKNOWN, True, WAITING, job("j"), thing("t", queue_known=False)),
        (Cause.UNKNOWN, True, WAITING, job("j", scheduling={"maintenanceWindows": [{"startTime": "?"}]}), thing("t")),
    ],
)
def test_one_execution_alone(cause: Cause, stuck: bool, one: dict, its_job: dict, its_thing: dict) -> None:
    row = found(snapshot([one], [its_job], [its_thing]))["j/t"]
    assert (row["cause"], bool(row["stuck"])) == (cause, stuck)
    assert row["evidence"]


def test_a_step_timer_makes_it_pending_and_says_when() -> None:
    timers = [{"job_id": "j", "thing_name": "t", "execution_number": 1, "seconds_left": 7200.0}]
    row = found(snapshot([STALLED], [job("j")], [thing("t")], timers))["j/t"]
    assert row["cause"] == Cause.TIMEOUT_PENDING
    assert "2026-11-24T14:00:00Z" in row["evidence"]


def test_a_timer_that_was_not_read_is_unknown_not_stalled() -> None:
    row = found(snapshot([STALLED], [job("j")], [thing("t")], timers=[]))["j/t"]
    assert row["cause"] == Cause.UNKNOWN


def test_a_running_execution_blocks_the_queue_behind_it() -> None:
    rows = found(
        snapshot(
            [execution("new", "t", days=3), execution("old", "t", "IN_PROGRESS"), execution("mid", "t", days=4)],
            [job("old"), job("mid"), job("new")],
            [thing("t")],
        )
    )
    assert [rows[f"{name}/t"]["cause"] for name in ("old", "mid", "new")] == ["stalled", "blocked", "blocked"]
    assert [rows[f"{name}/t"]["unblocks"] for name in ("old", "mid", "new")] == [2, 1, 0]
    assert "old number 1" in rows["new/t"]["evidence"]
    assert "cause stalled" in rows["new/t"]["evidence"]


def test_whoever_waits_its_turn_is_stuck_as_its_head_is() -> None:
    head_waits = job("head", scheduling={"startTime": "2027-01-01T10:00"})
    self_resolving = found(
        snapshot([execution("head", "t"), execution("tail", "t", days=4)], [head_waits, job("tail")], [thing("t")])
    )
    stuck = found(
        snapshot([execution("head", "t"), execution("tail", "t", days=4)], [job("head"), job("tail")], [thing("t")])
    )
    assert (self_resolving["tail/t"]["cause"], bool(self_resolving["tail/t"]["stuck"])) == (Cause.WAITING_TURN, False)
    assert (stuck["tail/t"]["cause"], bool(stuck["tail/t"]["stuck"])) == (Cause.WAITING_TURN, True)


def test_a_finished_execution_has_no_cause() -> None:
    row = found(snapshot([execution("j", "t", "FAILED")], [job("j")], [thing("t")]))["j/t"]
    assert (row["cause"], bool(row["stuck"]), row["suggestion"]) == ("", False, "none")


def test_an_ota_update_may_be_deleted_from_a_single_device_and_the_evidence_says_whose_it_is() -> None:
    row = found(snapshot([execution("AFR_OTA-7", "t", "IN_PROGRESS")], [job("AFR_OTA-7")], [thing("t")]))["AFR_OTA-7/t"]
    assert row["suggestion"] == "cancel"  # AWS names delete-job-execution for single devices
    assert "belongs to a FreeRTOS OTA update" in row["evidence"]


def test_a_greengrass_deployment_is_not_to_be_changed_here() -> None:
    core = job("5b5e9d2f", namespace_id="aws-gg-deployment")
    row = found(snapshot([execution("5b5e9d2f", "t", "IN_PROGRESS")], [core], [thing("t")]))["5b5e9d2f/t"]
    assert row["suggestion"] == "none"
    assert "make a new revision of it" in row["evidence"]


def test_not_connected_without_a_time_is_never_called_never_connected() -> None:
    row = found(snapshot([WAITING], [job("j")], [thing("t", connected=False, changed_at=None)]))["j/t"]
    assert row["cause"] == Cause.DEVICE_OFFLINE
    assert "no time on record" in row["evidence"]
    assert "or has been offline since before the index knows" in row["evidence"]


def test_what_is_missing_is_said_with_how_to_switch_it_on() -> None:
    gap = Gap("the device's connectivity", "fleet indexing is off", "switch it on with X", indexing_off=True)
    row = found(snapshot([WAITING], [job("j")], [thing("t", connected=None)], gaps=(gap,)))["j/t"]
    assert "switch it on with X" in row["evidence"]
    assert row["suggestion"] == "enable_indexing"


def test_no_executions_at_all() -> None:
    assert diagnose(snapshot([], [], []), stuck_after=DAY).empty


def test_a_timer_that_was_not_read_is_taken_from_the_job_if_it_cannot_have_changed() -> None:
    week = job("j", timeout_minutes=10080, last_updated_at=NOW - 6 * DAY)
    row = found(snapshot([STALLED], [week], [thing("t")], timers=[]))["j/t"]
    assert row["cause"] == Cause.TIMEOUT_PENDING
    assert "2026-11-26T12:00:00Z" in row["evidence"]


@pytest.mark.parametrize(
    "its_job",
    [
        job("j", timeout_minutes=10080, last_updated_at=NOW - 2 * DAY),
        job("j", timeout_minutes=60, last_updated_at=NOW - 6 * DAY),
    ],
    ids=["changed-since-it-started", "passed-long-ago"],
)
def test_a_job_timer_that_may_not_hold_for_it_proves_nothing(its_job: dict) -> None:
    row = found(snapshot([STALLED], [its_job], [thing("t")], timers=[]))["j/t"]
    assert (row["cause"], row["why_unknown"]) == (Cause.UNKNOWN, "the execution's timer")


def _tied(*jobs: dict, known: bool) -> dict[str, dict[str, Any]]:
    same = [execution(one["job_id"], "t", delivery=place if known else None) for place, one in enumerate(jobs)]
    later = execution("later", "t", days=3)
    return found(snapshot([*same, later], [*jobs, job("later")], [thing("t")]))


def test_the_devices_own_list_orders_what_was_queued_in_the_same_second() -> None:
    rows = _tied(job("b"), job("a"), known=True)
    assert [rows[f"{name}/t"]["cause"] for name in ("b", "a", "later")] == [
        "not_picked_up",
        "waiting_turn",
        "waiting_turn",
    ]
    assert [rows[f"{name}/t"]["unblocks"] for name in ("b", "a", "later")] == [2, 1, 0]


def test_without_that_list_nobody_is_called_the_head() -> None:
    rows = _tied(job("b"), job("a"), known=False)
    assert [rows[f"{name}/t"]["cause"] for name in ("b", "a", "later")] == ["unknown", "unknown", "waiting_turn"]
    assert rows["b/t"]["why_unknown"] == "the order of the thing's queue"
    assert pd.isna(rows["a/t"]["unblocks"])
    assert rows["later/t"]["stuck"]


def test_who_waits_behind_a_head_that_may_be_calm_or_not_is_unknown() -> None:
    waits = job("b", scheduling={"startTime": "2027-01-01T10:00"})
    rows = _tied(waits, job("a"), known=False)
    assert rows["b/t"]["cause"] == "waiting_window"
    assert (rows["later/t"]["cause"], rows["later/t"]["why_unknown"]) == ("unknown", "the order of the thing's queue")


def test_who_waits_behind_a_head_of_unknown_schedule_says_so() -> None:
    gap = Gap("the job's schedule", "access denied to iot:DescribeJob", "allow iot:DescribeJob", frozenset({"head"}))
    rows = found(
        snapshot(
            [execution("head", "t"), execution("tail", "t", days=4)],
            [job("head", described=False), job("tail")],
            [thing("t")],
            gaps=(gap,),
        )
    )
    assert rows["tail/t"]["cause"] == Cause.UNKNOWN
    assert "behind head number 1" in rows["tail/t"]["evidence"]
    assert "allow iot:DescribeJob" in rows["tail/t"]["evidence"]


def test_two_running_at_once_both_hold_the_queue() -> None:
    rows = found(
        snapshot(
            [execution("a", "t", "IN_PROGRESS"), execution("b", "t", "IN_PROGRESS", days=4), execution("c", "t")],
            [job("a"), job("b"), job("c")],
            [thing("t")],
        )
    )
    assert [rows[f"{name}/t"]["unblocks"] for name in ("a", "b", "c")] == [1, 1, 0]
    assert "a number 1" in rows["c/t"]["evidence"]
    assert "and 1 more in progress" in rows["c/t"]["evidence"]


def test_an_index_that_may_not_be_searched_is_not_switched_on_by_that() -> None:
    gap = Gap("the device's connectivity", "access denied to iot:SearchIndex", "allow iot:SearchIndex")
    row = found(snapshot([WAITING], [job("j")], [thing("t", connected=None)], gaps=(gap,)))["j/t"]
    assert (row["cause"], row["suggestion"]) == (Cause.UNKNOWN, "none")


def test_the_evidence_reads_as_a_sentence_with_figures() -> None:
    runs = execution("j", "t", "IN_PROGRESS", days=3.3, last_updated_at=NOW - timedelta(days=3, hours=2))
    waits = [execution(f"w{days}", "t", days=days) for days in (2.5, 2, 1.5)]
    rows = found(snapshot([runs, *waits], [job("j"), *(job(one["job_id"]) for one in waits)], [thing("t")]))
    assert rows["j/t"]["evidence"] == (
        "IN_PROGRESS for 3 d 7 h, last report 3 d 2 h ago, device connected for 6 d, no timer; "
        "3 executions wait behind it, the longest for 2 d 12 h"
    )
