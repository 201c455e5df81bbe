"""JupyterLab as the browser tests see it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import nbformat
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from iotjobs.run.report import write_report

WAIT_MS = 60_000


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab: its address and the folder it shows."""

    url: str
    folder: Path

    def write(self, name: str, *cells: str) -> str:
        """Put a notebook of code cells into the folder; returns its name."""
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, self.folder / name)
        return name


def open_and_run(page: Page, lab: Lab, notebook: str) -> None:
    """Open a notebook, wait for its kernel, and run all cells by the menu, as a person does."""
    page.goto(f"{lab.url}/lab/tree/{quote(notebook)}?reset")
    page.get_by_text("(ipykernel) | Idle").first.wait_for(timeout=WAIT_MS)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()


def save(page: Page, lab: Lab, notebook: str) -> None:
    """Save the notebook by the menu, and wait until its file is written."""
    file = lab.folder / notebook
    before = file.stat().st_mtime_ns
    page.get_by_role("menuitem", name="File", exact=True).click()
    page.get_by_text("Save Notebook", exact=True).click()
    page.wait_for_function("() => !document.querySelector('.jp-Document .jp-mod-dirty')")
    for _ in range(100):
        if file.stat().st_mtime_ns != before and file.read_text().endswith("}\n"):  # it is emptied, then written
            break
        page.wait_for_timeout(100)


def saved_report(page: Page, lab: Lab, notebook: str) -> str:
    """Save the notebook as a person does, make its report, and return that report's words."""
    save(page, lab, notebook)
    report = lab.folder / "saved.html"
    write_report(lab.folder / notebook, report)
    return re.sub(r"<[^>]+>", "", report.read_text().partition("<main>")[2])


def violations(page: Page, within: str | None = None) -> list[str]:
    """What axe-core finds wrong with the page, or with what a selector finds there, contrast included."""
    found = Axe().run(page, context=within).response["violations"]
    return [f"{rule['id']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]]


def dark(page: Page) -> None:
    """Choose JupyterLab's dark theme by the menu."""
    page.get_by_role("menuitem", name="Settings", exact=True).click()
    page.get_by_text("Theme", exact=True).first.hover()
    page.get_by_text("JupyterLab Dark", exact=True).click()
    page.locator("body[data-jp-theme-light=false]").wait_for(timeout=WAIT_MS, state="attached")


def shot(page: Page, name: str) -> None:
    """Take a picture of the page, when `IOTJOBS_SHOTS` names a folder for it."""
    folder = os.environ.get("IOTJOBS_SHOTS")
    if folder:
        page.screenshot(path=str(Path(folder) / f"{name}.png"))
