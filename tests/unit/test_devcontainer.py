"""The development container sets up what a clone does: the project's Python, and a target that the Makefile has."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONTAINER = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())


def test_its_python_is_the_projects() -> None:
    lowest = re.search(r'requires-python = ">=([0-9.]+)"', (ROOT / "pyproject.toml").read_text())
    assert lowest is not None
    assert CONTAINER["image"].endswith(f":{lowest[1]}")


def test_it_is_set_up_by_make_and_finds_the_environment() -> None:
    makefile = (ROOT / "Makefile").read_text()
    program, target = CONTAINER["postCreateCommand"].split()
    assert program == "make"
    assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)
    interpreter = CONTAINER["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    assert interpreter.removeprefix("${containerWorkspaceFolder}/") == "{}/python".format(
        next(line.split(":=")[1].strip() for line in makefile.splitlines() if line.startswith("BIN :="))
    )
