"""environment.yml and pyproject.toml say the same."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SIX = {"jupyterlab", "ipywidgets", "boto3", "pandas", "papermill", "nbval"}


def _environment_lines() -> list[str]:
    text = (ROOT / "environment.yml").read_text()
    return [line.strip().removeprefix("- ") for line in text.splitlines() if line.strip().startswith("- ")]


def test_the_six_packages_are_named_with_the_ranges_of_the_project() -> None:
    required = {
        Requirement(text).name: str(Requirement(text).specifier)
        for text in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["test"]]
    }
    pinned = {
        match[1]: match[2] for line in _environment_lines() if (match := re.fullmatch(r"([a-z0-9-]+)(>=.*)", line))
    }
    assert pinned == {name: required[name] for name in SIX}


def test_it_comes_from_conda_forge_and_then_the_kit_itself() -> None:
    lines = _environment_lines()
    assert "conda-forge" in lines
    assert "-e .[sandbox]" in lines
