"""What is installed is declared, pinned, hashed and licensed.

All of it offline. What a lock cannot know by itself, that a release was yanked or has a vulnerability, `make audit` asks
where a network allows.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
EXTRAS = PROJECT["optional-dependencies"]
GROUPS = PYPROJECT["dependency-groups"]
LOCKED_DIRECTLY = [*PROJECT["dependencies"], *EXTRAS["sandbox"], *EXTRAS["test"], *GROUPS["build"]]

PERMISSIVE = {
    *(
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CC0-1.0",
        "ISC",
        "MIT",
        "MIT-0",
        "MIT-CMU",
        "PSF-2.0",
        "Zlib",
    ),
    *("Apache 2.0", "Apache License, Version 2.0", "Apache Software License", "BSD", "BSD License", "DFSG approved"),
    *("ISC License (ISCL)", "MIT License", "Python Software Foundation License"),
}
FILE_COPYLEFT = {"MPL-2.0", "Mozilla Public License 2.0 (MPL 2.0)"}  # binds changes of its own files only
TOOLS_ONLY = {"codespell": "GPL-2.0-only"}  # run on our files, never part of what is shipped


def _entries(lock: str) -> dict[str, tuple[Requirement, list[str]]]:
    """A lock file's requirements and their hashes, by name; every line must be one or the other."""
    entries: dict[str, tuple[Requirement, list[str]]] = {}
    for block in re.findall(r"^\S.*\n(?: .*\n)*", (ROOT / lock).read_text(), flags=re.MULTILINE):
        head, *rest = block.replace("\\\n", "\n").splitlines()
        requirement = Requirement(head)
        hashes = [line.strip().removeprefix("--hash=sha256:") for line in rest if line.strip()]
        entries[canonicalize_name(requirement.name)] = (requirement, hashes)
    return entries


LOCKED = _entries("requirements.lock")


def _version(name: str) -> str:
    return str(LOCKED[canonicalize_name(name)][0].specifier).removeprefix("==")


def _needed(requirements: Iterable[str]) -> set[str]:
    """The distributions that these need on this machine, one by another, as their own metadata say."""
    closure: set[tuple[str, str]] = set()
    todo = [(Requirement(text), "") for text in requirements]
    while todo:
        requirement, extra = todo.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        for wanted in ("", *requirement.extras):
            if (name, wanted) not in closure:
                closure.add((name, wanted))
                todo += [(Requirement(text), wanted) for text in metadata.distribution(name).requires or []]
    return {name for name, _ in closure}


@pytest.mark.parametrize("lock", ["requirements.lock", "audit.lock"])
def test_every_locked_distribution_has_one_version_and_its_hashes(lock: str) -> None:
    for name, (requirement, hashes) in _entries(lock).items():
        assert re.fullmatch(r"==[0-9][0-9A-Za-z.]*", str(requirement.specifier)), name
        assert hashes, f"{name} has no hash: make lock"
        assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in hashes), name


@pytest.mark.parametrize("lock", ["requirements.lock", "audit.lock"])
def test_a_lock_names_no_host_and_no_path(lock: str) -> None:
    assert not re.search(r"/|--(?!hash=)", (ROOT / lock).read_text())


def test_every_direct_dependency_is_locked_within_its_range() -> None:
    for text in LOCKED_DIRECTLY:
        requirement = Requirement(text)
        assert requirement.specifier.contains(_version(requirement.name)), f"{text}: make lock"


def test_the_lock_has_all_that_is_needed_here_and_nothing_else() -> None:
    here = {name for name, (entry, _) in LOCKED.items() if entry.marker is None or entry.marker.evaluate()}
    assert _needed(LOCKED_DIRECTLY) == here, "make lock"


def test_what_is_installed_is_what_is_locked() -> None:
    different = {
        name: metadata.version(name)
        for name, (entry, _) in LOCKED.items()
        if (entry.marker is None or entry.marker.evaluate()) and metadata.version(name) != _version(name)
    }
    assert not different, "make setup"


def test_what_builds_is_pinned() -> None:
    assert set(PYPROJECT["build-system"]["requires"]) <= set(GROUPS["build"])
    for text in GROUPS["build"]:
        assert str(Requirement(text).specifier) == f"=={_version(Requirement(text).name)}"


def test_every_direct_dependency_says_why() -> None:
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    texts = [text for group in (PROJECT["dependencies"], *EXTRAS.values(), GROUPS["audit"]) for text in group]
    for text in texts:
        line = next(line for line in lines if f'"{text}"' in line)
        assert re.search(r"#\s*\S.{8,}", line), f"{text}: why is it here?"


def _imports(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from ((alias.name, path) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module, path


def test_what_the_kit_imports_is_declared() -> None:
    brings = metadata.packages_distributions()
    runtime = {canonicalize_name(Requirement(text).name) for text in PROJECT["dependencies"]}
    sandbox = runtime | {canonicalize_name(Requirement(text).name) for text in EXTRAS["sandbox"]}
    for module, path in _imports(ROOT / "lib"):
        top = module.split(".")[0]
        if top in sys.stdlib_module_names or top == "iotjobs":
            continue
        within = path.relative_to(ROOT / "lib" / "iotjobs").parts[0]
        declared = {"sandbox": sandbox}.get(within, runtime)
        assert {canonicalize_name(name) for name in brings.get(top, [top])} & declared, f"{path.name} imports {top}"


def _licences(name: str) -> set[str]:
    """What a distribution's metadata say, by its parts; of an `OR` those that we may choose are enough."""
    about: Any = metadata.metadata(name)
    classifiers = [text.split(" :: ")[-1] for text in about.get_all("Classifier") or [] if text.startswith("License")]
    text = about.get("License-Expression") or ("; ".join(classifiers)) or (about.get("License") or "").strip()
    choices = [re.split(r" and | AND |; ", choice.strip("() ")) for choice in text.split(" OR ")]
    return set(next((c for c in choices if set(c) <= PERMISSIVE | FILE_COPYLEFT), [text]))


def test_what_the_kit_needs_has_a_licence_that_lets_it_be_used_anywhere() -> None:
    for name in _needed([*PROJECT["dependencies"], *EXTRAS["sandbox"]]):
        assert _licences(name) <= PERMISSIVE | FILE_COPYLEFT, (name, _licences(name))


def test_the_licence_of_every_tool_is_known() -> None:
    for name in _needed(LOCKED_DIRECTLY):
        assert _licences(name) <= PERMISSIVE | FILE_COPYLEFT | {TOOLS_ONLY.get(name, "")}, (name, _licences(name))


def test_the_kit_says_its_own_licence_and_ships_it() -> None:
    about = metadata.metadata("iotjobs")
    assert about["License-Expression"] == "MIT"
    assert about.get_all("License-File") == ["LICENSE"]


def _hooks() -> Iterator[dict[str, object]]:
    for repository in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]:
        yield from repository["hooks"]


def test_a_commit_is_checked_by_the_releases_that_are_locked() -> None:
    tools = [text for hook in _hooks() for text in hook.get("additional_dependencies", [])]  # type: ignore[attr-defined]
    assert tools
    for text in tools:
        assert str(Requirement(text).specifier) == f"=={_version(Requirement(text).name)}", text


def test_a_commit_is_checked_as_make_lint_does() -> None:
    recipe = (ROOT / "Makefile").read_text().split("\nlint:")[1].split("\n\n")[0]
    for hook in _hooks():
        assert f"$(BIN)/{hook['entry']}" in recipe, hook["id"]
