"""Random trouble between the kit and the embedded service: what the proxy counts is the plan, once, and on record."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from iotjobs.sandbox.fleet import Fleet
from tests.faults.real_world import RealWorld, in_no_hurry_to_wait


@pytest.mark.parametrize("seed", range(4))
def test_the_promise_holds_on_the_service(
    aged_fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    luck = random.Random(seed)
    world = RealWorld(aged_fleet, f"real-{seed}-{abs(hash(str(tmp_path))) % 10**6}", tmp_path)
    with world.proxy, in_no_hurry_to_wait():
        monkeypatch.setenv("AWS_ENDPOINT_URL", world.proxy.url)
        assert world.run() == "planned"
        confirm = world.judge.phrase = str(_confirm(world))
        for _ in range(2):
            world.run(confirm, luck)
        ended = world.settle(confirm)
        done = list(world.proxy.acted)
        world.run(confirm)
    assert world.judge.verdict.broken == [], (world.proxy.hit, world.moved)
    assert world.proxy.acted == done
    assert ended != "applied" or world.targets_left() == []


def _confirm(world: RealWorld) -> object:
    import json

    return json.loads((world.run_dir / "result.json").read_text())["confirm"]
