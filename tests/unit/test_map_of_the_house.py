"""A newcomer finds the place for a change: CONTRIBUTING names every module, and no module that is not there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_module_is_on_the_map() -> None:
    table = [line for line in (ROOT / "CONTRIBUTING.md").read_text().splitlines() if line.startswith("| `")]
    named = {name for line in table for name in re.findall(r"`([a-z_]+(?:\.py|/))`", line.split("|")[1])}
    house = ROOT / "lib" / "iotjobs"
    files = {path.name for path in house.glob("*.py")} - {"__init__.py"}
    rooms = {f"{path.name}/" for path in house.iterdir() if (path / "__init__.py").is_file()}
    assert named == files | rooms
