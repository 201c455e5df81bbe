"""The soak: thousands of random schedules against the model of the service. Prints its figures; fails if any is wrong.

    python -m tests.faults.soak --schedules 10000 --seed 1

A schedule is a fleet, a plan and up to four runs of the kit in one run directory, each befallen by random faults,
events of the field and kills; in some, a panel that was left open is used after another run came between. Then runs in
peace until nothing is left to do. A seed that fails is printed, and `--schedules 1 --seed THAT` plays it again.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path

from tests.faults.harness.schedules import random_event, random_fleet, random_injections
from tests.faults.harness.simulation import WORKFLOWS, Figures, Simulation, Workflow

_RUNS_IN_PEACE = 4
MEMORY = Path("/dev/shm")


def play(seed: int, directory: Path, total: Figures) -> None:
    """Play the schedule of a seed. Raises AssertionError when an invariant did not hold."""
    rng = random.Random(seed)
    simulation = Simulation(directory / "run", random_fleet(rng))
    try:
        _play(WORKFLOWS[seed % len(WORKFLOWS)].random(simulation, rng), rng)
    finally:
        total.add(simulation.figures)
        simulation.close()
    assert not simulation.invariants.violations.all(), simulation.invariants.violations.all()


def _play(workflow: Workflow, rng: random.Random) -> None:
    simulation = workflow.simulation
    other = rng.choice(WORKFLOWS).random(simulation, rng)  # somebody plans too, and leaves the panel open
    panel = other.open_panel() if rng.random() < 0.15 else None
    planned = workflow.plan(*(random_injections(rng, calls=workflow.calls) if rng.random() < 0.2 else ()))
    if planned != "planned":
        planned = workflow.plan()
    if planned == "planned":
        for _ in range(rng.randint(1, 4)):
            if rng.random() < 0.4:
                simulation.happens(random_event(rng))
            workflow.apply(*random_injections(rng, calls=workflow.calls))
            if panel is not None and rng.random() < 0.5:
                panel.press_delete(simulation, *random_injections(rng, calls=9))
        settle(workflow)


def settle(workflow: Workflow) -> None:
    """Run on in peace: it must come to an end, and then change nothing more."""
    for _ in range(_RUNS_IN_PEACE):
        ended = workflow.apply()
        if workflow.is_settled(ended):
            break
    else:
        raise AssertionError(f"not settled after {_RUNS_IN_PEACE} runs in peace: {ended}")
    workflow.check_settled(ended)
    accepted = len(workflow.simulation.invariants.accepted)
    if ended == "applied":
        assert workflow.apply() == "applied", "applied did not stay applied"
    assert len(workflow.simulation.invariants.accepted) == accepted, "a run after the end changed something"


def main() -> int:
    """Play as many schedules as asked for, on as many processes as asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--schedules", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--stop", action="store_true", help="stop at the first that fails")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + options.schedules)
    parts = [seeds[part :: options.processes] for part in range(options.processes)]
    total, failed, began = Figures(), [], time.monotonic()
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        for figures, broken in pool.map(several, parts, [options.stop] * len(parts)):
            total.add(figures)
            failed += broken
    for name, value in asdict(total).items():
        print(f"{name:14}{value}")
    print(f"{'seconds':14}{time.monotonic() - began:.0f}\n{'failed':14}{sorted(failed) or 0}")
    return 1 if failed else 0


def several(seeds: range, stop: bool) -> tuple[Figures, list[int]]:
    """Play some schedules: their figures, and the seeds of those that failed."""
    total, failed = Figures(), []
    home = Path(tempfile.mkdtemp(prefix="soak-", dir=MEMORY if MEMORY.is_dir() else None))
    try:
        for seed in seeds:
            try:
                play(seed, home / str(seed), total)
            except Exception:  # noqa: BLE001 - whatever it is, it is a finding
                failed.append(seed)
                print(f"seed {seed}:", traceback.format_exc(limit=-3), file=sys.stderr)
            shutil.rmtree(home / str(seed), ignore_errors=True)
            if failed and stop:
                break
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return total, failed


if __name__ == "__main__":
    sys.exit(main())
