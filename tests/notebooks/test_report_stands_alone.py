"""A report opens without a network, shows what the widgets hold, runs nothing, and hides the code."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from iotjobs.run.report import write_report

HOSTILE = "<table><tr><td>pump-1</td></tr></table><script>document.title = 'ran'</script><img src='http://192.0.2.1/x'>"


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """The report of a notebook with a widget, its static form, and an output that would like to call home."""
    widget = {"application/vnd.jupyter.widget-view+json": {"model_id": "a"}, "text/html": HOSTILE, "text/plain": "W"}
    shown = new_code_cell("secret_code()", outputs=[new_output("display_data", data=widget)])
    made = new_notebook(cells=[new_markdown_cell("# Stuck <b>& sound</b>\n\n$x^2$"), shown])
    made.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {}, "version_major": 2}}
    nbformat.write(made, tmp_path / "made.ipynb")
    write_report(tmp_path / "made.ipynb", tmp_path / "made.html")
    return tmp_path / "made.html"


def test_the_page_names_no_other_host_and_hides_the_code(report: Path) -> None:
    page = report.read_text()
    assert not re.findall(r"<(?:script|link)[^>]*", page)
    assert "secret_code" not in page
    assert "<title>Stuck &lt;b&gt;&amp; sound&lt;/b&gt;</title>" in page


def test_what_only_a_hand_can_do_is_left_out(tmp_path: Path) -> None:
    click = new_markdown_cell("Click a row.", metadata={"tags": ["by-hand"]})
    nbformat.write(new_notebook(cells=[new_markdown_cell("# Stuck\n\n## 2. Look"), click]), tmp_path / "made.ipynb")
    write_report(tmp_path / "made.ipynb", tmp_path / "made.html")
    page = (tmp_path / "made.html").read_text()
    assert "Click a row" not in page
    assert "<h2>Look</h2>" in re.sub(r' id="[^"]*"', "", page)


def test_it_begins_with_how_the_run_ended_and_what_to_do_next(tmp_path: Path) -> None:
    papermill = new_markdown_cell("An Exception was encountered", metadata={"tags": ["papermill-error-cell-tag"]})
    nbformat.write(new_notebook(cells=[papermill, new_markdown_cell("# Sweep")]), tmp_path / "made.ipynb")
    failed = {"guard": "failed", "message": "no <answer>", "job_id": "j", "thing_name": "pump-1", "execution_number": 1}
    ended = {"outcome": "partial", "reason": "1 of 2 deleted", "refusals": [failed], "warnings": []}
    write_report(tmp_path / "made.ipynb", tmp_path / "made.html", ended)
    read = re.sub(r"<[^>]+>", "", (tmp_path / "made.html").read_text().partition("<body>")[2])
    places = [read.index(said) for said in ("1 of 2 deleted", "failed: j/pump-1/1: no &lt;answer&gt;", "Next:", "Sweep")]
    assert places == sorted(places)
    assert "An Exception was encountered" not in read


@pytest.mark.browser
def test_a_browser_asks_for_nothing_and_runs_nothing(browser: Browser, report: Path) -> None:
    context = browser.new_context(offline=True)
    page = context.new_page()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    page.goto(report.as_uri(), wait_until="load")
    assert page.get_by_role("cell", name="pump-1").is_visible()
    assert page.title() == "Stuck <b>& sound</b>"
    context.close()
    assert [url for url in sent if not url.startswith(("file:", "data:"))] == []
