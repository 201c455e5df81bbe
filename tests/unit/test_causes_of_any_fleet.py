"""Any fleet that hypothesis thinks of, with any evidence taken away, against the contract read in plain Python.

`pytest -s` prints the confusion table.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iotjobs.diagnosis.diagnose import diagnose, possible_causes
from iotjobs.snapshot import Evidence, FleetSnapshot
from tests.contract_oracle import HOUR, NOW, STUCK_AFTER, ExecutionSpec, FleetSpec, JobSpec, ThingSpec

QUICK = settings(max_examples=40, deadline=None, derandomize=True, database=None)
FLEETS = given(seed=st.integers(0, 2**40), things=st.integers(1, 40))
AGES = [timedelta(seconds=20), HOUR, 23 * HOUR, STUCK_AFTER, 30 * HOUR, 80 * HOUR, 200 * HOUR, 500 * HOUR]
CONFUSION: Counter[tuple[str, str]] = Counter()


def random_fleet(rng: random.Random, things: int) -> FleetSpec:
    """A fleet of so many things, made by rng; most of it of the kinds that take the most evidence to tell."""
    fleet = FleetSpec([])
    fleet.jobs = [a_job(rng, f"job-{number}") for number in range(2 * things)]
    for number in range(things):
        thing = ThingSpec(f"thing-{number}", exists=rng.random() < 0.95)
        thing.connected = thing.exists and rng.random() < 0.75
        thing.seen = None if not thing.connected and rng.random() < 0.3 else 100 * HOUR
        fleet.things.append(thing)
        chosen = rng.sample(fleet.jobs, rng.randint(1, min(6, len(fleet.jobs))))
        fleet.executions += [an_execution(rng, job, thing) for job in chosen]
    return fleet


def a_job(rng: random.Random, job_id: str) -> JobSpec:
    job = JobSpec(job_id, updated=rng.choice([5000, 50]) * HOUR)
    if rng.random() < 0.15:
        job.status = rng.choice(["SCHEDULED", "CANCELED", "CANCELED", "COMPLETED", "DELETION_IN_PROGRESS"])
    job.concurrent, job.forced = rng.random() < 0.5, rng.random() < 0.5
    kind = rng.choice(["none"] * 7 + ["start", "windows", "both"])
    if kind in ("start", "both"):
        job.start = rng.choice([-300, -60, -5, 5, 90]) * HOUR
    if kind in ("windows", "both"):
        job.daily = rng.randrange(24), rng.choice([30, 90, 600])
        job.weekday = rng.choice([None, 0, 1, 2, 5, 6])
    job.minutes = rng.choice([None, None, 60, 7 * 1440])
    return job


def an_execution(rng: random.Random, job: JobSpec, thing: ThingSpec) -> ExecutionSpec:
    status = rng.choice(["QUEUED"] * 9 + ["IN_PROGRESS"] * 3 + ["SUCCEEDED"])
    one = ExecutionSpec(job, thing, status, rng.choice(AGES), number=rng.choice([1, 1, 1, 2]))
    one.place = rng.getrandbits(40)
    if status == "QUEUED":
        one.retry = rng.choice([0, 0, 0, 2])
        return one
    newest = rng.choice([STUCK_AFTER, STUCK_AFTER, AGES[0]])
    one.started = rng.choice([age for age in AGES if newest <= age <= one.queued] or [one.queued])
    one.reported = rng.choice([age for age in AGES if newest <= age <= one.started] or [one.started])
    one.left = rng.choice([None, None, None, None, 5.0, 1e5])
    if job.minutes is not None and job.updated > one.started and one.left is None:
        # the job's own timer holds; one that has passed would have ended the execution, but for a step timer
        left = job.minutes * 60 - one.started.total_seconds()
        one.left = left if left > 0 else 60.0
    return one


def take_away(rng: random.Random, fleet: FleetSpec) -> frozenset[tuple[Evidence, str]]:
    """Evidence to take away: one to three kinds, each of all that it is about or of some."""
    things = [thing.name for thing in fleet.things]
    of_jobs = (Evidence.JOB_STATUS, Evidence.SCHEDULE, Evidence.TIMER)
    lost = set()
    for kind in rng.sample(list(Evidence), rng.randint(1, 3)):
        about = [job.job_id for job in fleet.jobs] if kind in of_jobs else things
        some = about if rng.random() < 0.4 else rng.sample(about, rng.randint(1, len(about)))
        lost |= {(kind, name) for name in some}
    return frozenset(lost)


def said(snapshot: FleetSnapshot) -> dict[tuple[str, str, int], dict]:
    rows = diagnose(snapshot, stuck_after=STUCK_AFTER).to_dict("records")
    return {(row["job_id"], row["thing_name"], row["execution_number"]): row for row in rows}


def unfinished(fleet: FleetSpec) -> Iterator[ExecutionSpec]:
    return (one for one in fleet.executions if one.status in ("QUEUED", "IN_PROGRESS"))


@QUICK
@FLEETS
def test_every_execution_has_the_contracts_cause_stuck_and_unblocks(seed: int, things: int) -> None:
    fleet = random_fleet(random.Random(seed), things)
    rows = said(fleet.tables())
    for one in unfinished(fleet):
        row, label = rows[one.key], fleet.label(one)
        CONFUSION[label[0], row["cause"]] += 1
        assert (row["cause"], bool(row["stuck"]), row["unblocks"]) == label, row["evidence"]


@QUICK
@FLEETS
def test_with_evidence_taken_away_it_is_unknown_or_right_and_never_wrong(seed: int, things: int) -> None:
    rng = random.Random(seed)
    fleet = random_fleet(rng, things)
    without = take_away(rng, fleet)
    asked = {job.job_id for job in fleet.jobs if rng.random() < 0.6}
    rows = said(fleet.tables(without, asked=asked))
    for one in unfinished(fleet):
        if one.job.job_id not in asked:
            continue
        row, (cause, stuck, unblocks) = rows[one.key], fleet.label(one)
        CONFUSION[cause, row["cause"] + (" (evidence gone)" if row["cause"] != cause else "")] += 1
        assert row["cause"] in (cause, "unknown"), row["evidence"]
        assert pd.isna(row["unblocks"]) or row["unblocks"] == unblocks
        if row["cause"] == "unknown":
            assert row["stuck"]
            # of its own, or of the one that it waits behind
            names = {*one.key[:2], *(other.job.job_id for other in fleet.queue(one.thing)[:1])}
            assert {(row["why_unknown"], name) for name in names} & fleet.missing(without)
            assert cause in possible_causes(row["why_unknown"])
            assert "taken away; allow it" in row["evidence"]
        else:
            assert row["why_unknown"] == ""
            assert row["stuck"] == stuck


@QUICK
@FLEETS
def test_the_evidence_names_a_state_with_its_age_and_a_command_verifies_it(seed: int, things: int) -> None:
    fleet = random_fleet(random.Random(seed), things)
    for key, row in said(fleet.tables()).items():
        if row["cause"]:
            assert row["evidence"].startswith((f"{row['status']} for ", "QUEUED for"))
            assert row["verify"].startswith("aws iot")
            assert key[0] in row["verify"] or key[1] in row["verify"]
        else:
            assert (row["evidence"], row["verify"], row["unblocks"]) == ("finished", "", 0)


@pytest.fixture(scope="module", autouse=True)
def confusion_table() -> Iterator[None]:
    yield
    print(f"\nas of {NOW:%Y-%m-%d}: contract's cause -> what was said: count")
    for (label, answer), count in sorted(CONFUSION.items()):
        print(f"{label:16} -> {answer:32} {count:6}")
