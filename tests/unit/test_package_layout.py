"""A newcomer finds the place for a change: CONTRIBUTING names every module, and no module that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PACKAGE = ROOT / "lib" / "iotjobs"
TABLES = re.split(r"^\| in `", (ROOT / "CONTRIBUTING.md").read_text(), flags=re.MULTILINE)[1:]


def _rows(table: str) -> set[str]:
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`([a-z_]+(?:\.py|/))`", row.split("|")[1])}


def _modules(folder: Path) -> set[str]:
    files = {path.name for path in folder.glob("*.py")} - {"__init__.py"}
    return files | {f"{path.name}/" for path in folder.iterdir() if (path / "__init__.py").is_file()}


def test_every_package_and_module_has_a_row() -> None:
    assert _rows(TABLES[0]) == _modules(PACKAGE)


@pytest.mark.parametrize("table", TABLES[1:], ids=lambda table: table.split("/")[0])
def test_every_module_of_a_package_has_a_row(table: str) -> None:
    assert _rows(table) == _modules(PACKAGE / table.split("/", maxsplit=1)[0])
