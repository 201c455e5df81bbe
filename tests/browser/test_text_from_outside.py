"""Hostile text in every view, in JupyterLab and as a report: no script runs, no dialog opens, nothing is asked elsewhere.

MathJax is seen to work on the page first, or that it leaves the views alone would show nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlparse

import nbformat
import pytest
from playwright.sync_api import Page, expect

from iotjobs.run.report import write_report
from iotjobs.sandbox.server import Server
from tests.browser.hostile_texts import PAYLOADS, result
from tests.browser.lab_page import WAIT_MS, Lab, open_and_run

pytestmark = pytest.mark.browser

SHOW = ["from tests.browser.hostile_texts import show_all", "show_all('all')"]
FAIL = """
from tests.browser.hostile_texts import PAYLOADS
from iotjobs.errors import InvalidInput
raise InvalidInput(PAYLOADS["all"])
"""
_TYPESET = "document.querySelectorAll('mjx-container, .MathJax, .MathJax_Display, .katex').length"
_IN_VIEWS = "document.querySelectorAll('.iotjobs mjx-container, .iotjobs .MathJax').length"


@dataclass
class Recorder:
    """What a page did that it should not have."""

    dialogs: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)


@pytest.fixture
def watched(page: Page) -> Iterator[Recorder]:
    recorder = Recorder()

    def dialog(each: object) -> None:
        recorder.dialogs.append(str(each))
        each.dismiss()  # type: ignore[attr-defined]

    page.on("dialog", dialog)
    page.on("request", lambda request: recorder.foreign.append(request.url) if _is_foreign(request.url) else None)
    yield recorder
    assert (recorder.dialogs, recorder.foreign) == ([], [])
    assert page.evaluate("window.hacked") is None


def _is_foreign(url: str) -> bool:
    return urlparse(url).hostname not in {"127.0.0.1", None, ""}


def test_in_jupyterlab(page: Page, sandbox_lab: Lab, watched: Recorder) -> None:
    name = sandbox_lab.write("hostile.ipynb", *SHOW, FAIL)
    notebook = nbformat.read(sandbox_lab.folder / name, as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_markdown_cell("The page typesets $x^2$."))
    nbformat.write(notebook, sandbox_lab.folder / name)
    open_and_run(page, sandbox_lab, name)
    expect(page.locator(".jp-OutputArea-output", has_text="InvalidInput").first).to_be_visible(timeout=3 * WAIT_MS)
    expect(page.locator("mjx-container").first).to_be_attached(timeout=WAIT_MS)
    page.wait_for_function("document.querySelectorAll('.iotjobs .banner').length >= 2", timeout=3 * WAIT_MS)
    time.sleep(2)  # what would run does so after it was put there
    assert page.evaluate(_TYPESET) == 1
    assert page.evaluate(_IN_VIEWS) == 0
    assert page.locator("form, iframe[srcdoc], meta[http-equiv=refresh]").count() == 0
    assert not watched.dialogs


def test_as_a_report(page: Page, watched: Recorder, tmp_path: Path, sandbox: Server) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in (*SHOW, FAIL)])
    notebook.cells.insert(0, nbformat.v4.new_markdown_cell("\n\n".join(PAYLOADS.values())[:20_000]))
    nbformat.write(notebook, tmp_path / "hostile.ipynb")
    command = [sys.executable, "-m", "jupyter", "execute", "--allow-errors", "--inplace", "hostile.ipynb"]
    environment = {**os.environ, **sandbox.environment, "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run(command, check=True, cwd=tmp_path, env=environment, timeout=200, capture_output=True)
    write_report(tmp_path / "hostile.ipynb", tmp_path / "report.html", result(PAYLOADS["all"]))
    page.goto((tmp_path / "report.html").as_uri())
    expect(page.locator(".banner").first).to_be_visible()
    time.sleep(1)
    assert page.locator("script, form, iframe, base, meta[http-equiv=refresh], img[src='x']").count() == 0
    assert page.evaluate("[...document.querySelectorAll('a')].filter(a => a.protocol === 'javascript:').length") == 0
    assert not watched.foreign
