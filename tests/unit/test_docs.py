"""What the README and the pages of docs/ say is there: their links, the commands of make, every parameter."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from urllib.parse import unquote

import pytest

from iotjobs.model import Outcome
from iotjobs.parameters import NOTEBOOKS

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "iam").glob("*.md")]
README = (ROOT / "README.md").read_text(encoding="utf-8")
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def _anchors(page: Path) -> set[str]:
    """The headings of a page as links to them name them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    for link in _LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in link or link.startswith("mailto:"):
            continue
        name, _, anchor = unquote(link).partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        if anchor:
            assert anchor in _anchors(target), link


def test_every_test_that_a_page_names_is_there() -> None:
    files = {path: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py")}
    functions = {name for text in files.values() for name in re.findall(r"def (test_\w+)", text)}
    names = {path.name for path in files}
    named = 0
    for page in PAGES:
        for code in re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8")):
            for folder, name, ending in re.findall(r"((?:tests/)(?:\w+/)*)?\b(test_\w+)(\.py)?", code):
                named += 1
                if folder and ending:
                    assert (ROOT / folder / f"{name}.py").is_file(), f"{page.name}: {code}"
                else:
                    assert (f"{name}.py" in names) if ending else (name in functions), f"{page.name}: {code}"
            for folder in re.findall(r"^tests/(?:\w+/)+$", code):
                assert (ROOT / folder).is_dir(), f"{page.name}: {code}"
    assert named > 40


def test_the_page_of_parameters_is_made_from_the_table() -> None:
    page = runpy.run_path(str(ROOT / "docs" / "parameters_page.py"))["parameters_page"]()
    assert page == (ROOT / "docs" / "parameters.md").read_text(encoding="utf-8")  # `make docs` writes it


def test_the_readme_names_every_notebook_outcome_and_target_as_they_are() -> None:
    assert set(NOTEBOOKS) <= set(re.findall(r"`(\w+)`", README))
    codes = {
        name: int(code)
        for names, code in re.findall(r"^\| (`.*) \| (\d+) \|$", README, flags=re.MULTILINE)
        for name in re.findall(r"`(\w+)`", names)
    }
    assert codes == {outcome.value: outcome.exit_code for outcome in Outcome}
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert set(re.findall(r"`make (\w+)`", README)) <= set(targets)


def test_the_readme_uses_only_options_that_the_notebooks_have() -> None:
    for notebook, words in re.findall(r"iotjobs run (\w+) ([^\n`]*)", README):
        options = {option.replace("-", "_") for option in re.findall(r"--([a-z-]+)", words)}
        assert options <= {parameter.name for parameter in NOTEBOOKS[notebook]}, words
