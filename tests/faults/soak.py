"""The soak: thousands of random schedules against the model of the service. Prints its figures; fails if any is wrong.

    python tests/faults/soak.py --schedules 10000 --seed 1

A schedule is a fleet, a plan and up to four runs of the kit in one run directory, each befallen by random faults,
moves of the field and kills; then runs in peace until nothing is left to do. A seed that fails is printed, and
`--schedules 1 --seed THAT` plays it again.
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

from tests.faults import luck as chance
from tests.faults.kit import KITS, Kit
from tests.faults.world import Figures, World

_PEACEFUL_RUNS = 4
MEMORY = Path("/dev/shm")


def play(seed: int, directory: Path, total: Figures) -> None:
    """Play the schedule of a seed. Raises AssertionError when the promise did not hold."""
    luck = random.Random(seed)
    world = World(directory / "run", chance.fleet(luck))
    try:
        _play(KITS[seed % len(KITS)].chosen(world, luck), luck)
    finally:
        total.add(world.figures)
        world.close()
    assert not world.judge.verdict.broken, world.judge.verdict.broken


def _play(kit: Kit, luck: random.Random) -> None:
    planned = kit.plan(chance.trouble(luck, calls=kit.calls) if luck.random() < 0.2 else None)
    if planned != "planned":
        planned = kit.plan()
    if planned == "planned":
        for _ in range(luck.randint(1, 4)):
            if luck.random() < 0.4:
                kit.world.figures.moves += kit.world.happen(chance.move(luck))
            kit.apply(chance.trouble(luck, calls=kit.calls))
        settle(kit)


def settle(kit: Kit) -> None:
    """Run on in peace: it must come to an end, and then change nothing more."""
    for _ in range(_PEACEFUL_RUNS):
        ended = kit.apply()
        if kit.settled(ended):
            break
    else:
        raise AssertionError(f"not settled after {_PEACEFUL_RUNS} runs in peace: {ended}")
    kit.check_settled(ended)
    done = len(kit.world.judge.accepted)
    if ended == "applied":
        assert kit.apply() == "applied", "applied did not stay applied"
    assert len(kit.world.judge.accepted) == done, "a run after the end changed something"


def main() -> int:
    """Play as many schedules as asked for, on as many processes as asked for."""
    words = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    words.add_argument("--schedules", type=int, default=10_000)
    words.add_argument("--seed", type=int, default=1, help="the first seed")
    words.add_argument("--stop", action="store_true", help="stop at the first that fails")
    words.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    wanted = words.parse_args()
    seeds = range(wanted.seed, wanted.seed + wanted.schedules)
    parts = [seeds[part :: wanted.processes] for part in range(wanted.processes)]
    total, failed, began = Figures(), [], time.monotonic()
    with ProcessPoolExecutor(wanted.processes, mp_context=get_context("spawn")) as pool:
        for figures, broken in pool.map(several, parts, [wanted.stop] * len(parts)):
            total.add(figures)
            failed += broken
    for name, value in asdict(total).items():
        print(f"{name:12}{value}")
    print(f"{'seconds':12}{time.monotonic() - began:.0f}\n{'failed':12}{sorted(failed) or 0}")
    return 1 if failed or total.wrong or total.doubled or total.unrecorded or total.unchecked else 0


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
