"""A report opens without a network, shows what the views hold, runs nothing, and hides the code."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from playwright.sync_api import Browser

from iotjobs.run.report import write_report

LIVE = {"application/vnd.jupyter.widget-view+json": {"model_id": "a"}, "text/plain": "Explorer(children=…)"}
HOSTILE = """<style>body {display: none}</style><table><tr><td>pump-1</td></tr></table>
<script>document.title = 'ran'</script><img src='http://192.0.2.1/x'><img src=x onerror="document.title = 'ran'">
<meta http-equiv="refresh" content="0; url=http://192.0.2.1/"><base href="http://192.0.2.1/">
<form action="http://192.0.2.1/"><input name="password"><button>Log in</button></form>
<div style="position: fixed; inset: 0">overlay</div><a href="javascript:document.title = 'ran'">link</a>
<iframe src="http://192.0.2.1/"></iframe><object data="http://192.0.2.1/"></object>
<svg viewBox="0 0 9 9"><rect width="3" height="3"></rect><script>document.title = 'ran'</script></svg>"""


class _Elements(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


def _report(folder: Path, *cells: object, result: dict[str, object] | None = None) -> Path:
    notebook = new_notebook(cells=list(cells))
    notebook.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {}, "version_major": 2}}
    nbformat.write(notebook, folder / "made.ipynb")
    write_report(folder / "made.ipynb", folder / "made.html", result)
    return folder / "made.html"


def _text(report: Path) -> str:
    return re.sub(r"<[^>]+>", "", report.read_text().partition("<main>")[2])


@pytest.fixture
def hostile_report(tmp_path: Path) -> Path:
    """The report of a notebook with a live view, its static form, and an output that would like to act."""
    outputs = [new_output("display_data", data={"text/html": HOSTILE}), new_output("display_data", data=LIVE)]
    isolated = new_output("display_data", data={"text/html": HOSTILE}, metadata={"text/html": {"isolated": True}})
    markdown = new_markdown_cell(f"# Stuck <b>& sound</b>\n\n$x^2$\n\n{HOSTILE}")
    return _report(tmp_path, markdown, new_code_cell("secret_code()", outputs=[*outputs, isolated]))


def test_nothing_is_left_that_could_act_or_cover_the_page(hostile_report: Path) -> None:
    page = hostile_report.read_text()
    elements = _Elements(page).elements
    acting = {"script", "link", "iframe", "object", "embed", "base", "form", "input", "button"}
    assert acting.isdisjoint(tag for tag, _ in elements)
    assert [
        attributes["http-equiv"] for tag, attributes in elements if tag == "meta" and "http-equiv" in attributes
    ] == ["Content-Security-Policy"]
    assert [tag for tag, _ in elements].count("style") == 1
    for tag, attributes in elements:
        assert "style" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag
    assert not [attributes for tag, attributes in elements if "192.0.2.1" in str(attributes)]
    assert "javascript:" not in page


def test_the_code_and_the_live_view_are_hidden_and_the_figures_stay(hostile_report: Path) -> None:
    page = hostile_report.read_text()
    assert "secret_code" not in page
    assert "Explorer(children" not in page
    assert ("rect", {"width": "3", "height": "3"}) in _Elements(page).elements
    assert "<title>Stuck &lt;b&gt;&amp; sound&lt;/b&gt;</title>" in page


def test_the_policy_allows_nothing_but_its_own_style_and_images(hostile_report: Path) -> None:
    policy = [attributes for tag, attributes in _Elements(hostile_report.read_text()).elements if tag == "meta"]
    contents = [str(each["content"]) for each in policy if each.get("http-equiv") == "Content-Security-Policy"]
    assert set(contents[0].split("; ")) >= {"default-src 'none'", "form-action 'none'", "base-uri 'none'"}


def test_what_is_for_a_person_at_the_notebook_is_left_out(tmp_path: Path) -> None:
    click = new_markdown_cell("Click a row.", metadata={"tags": ["by-hand"]})
    report = _report(tmp_path, new_markdown_cell("# Stuck\n\n## Look"), click)
    assert "Click a row" not in _text(report)
    assert "Look" in _text(report)


def test_it_begins_with_how_the_run_ended_and_what_to_do_next(tmp_path: Path) -> None:
    papermill = new_markdown_cell("An Exception was encountered", metadata={"tags": ["papermill-error-cell-tag"]})
    error = new_output("error", ename="PartlyDone", evalue="1 of 2 deleted", traceback=["Traceback: line 7"])
    failed = {"guard": "failed", "message": "no <answer>", "job_id": "j", "thing_name": "pump-1", "execution_number": 1}
    ended: dict[str, object] = {"outcome": "partial", "reason": "1 of 2 deleted", "refusals": [failed], "warnings": []}
    prose = new_markdown_cell("# Sweep\n\nWhat was done")
    read = _text(_report(tmp_path, papermill, prose, new_code_cell(outputs=[error]), result=ended))
    assert read.count("Sweep") == 1
    words = ("1 of 2 deleted", "failed: j/pump-1/1: no &lt;answer&gt;", "Next:", "What was done")
    places = [read.index(word) for word in words]
    assert places == sorted(places)
    assert "An Exception was encountered" not in read
    assert "Traceback" not in read


def test_its_head_says_where_who_when_and_for_which_ticket(tmp_path: Path) -> None:
    ended = {
        "outcome": "applied",
        "reason": "2 of 2 deleted",
        "sandbox": False,
        "account": "123456789012",
        "region": "eu-west-1",
        "endpoint": "https://iot.eu-west-1.amazonaws.com",
        "caller_arn": "arn:aws:iam::123456789012:user/ann",
        "started_at": "2026-11-20T10:00:00Z",
        "finished_at": "2026-11-20T10:00:09Z",
        "parameters": {"ticket": "OPS-7"},
    }
    read = _text(_report(tmp_path, new_markdown_cell("# Sweep"), result=ended))
    for fact in ("LIVE", "123456789012", "eu-west-1", "user/ann", "OPS-7", "2026-11-20T10:00:09Z", tmp_path.name):
        assert fact in read


def test_what_a_filter_or_an_empty_region_leaves_out_is_not_in_the_colour_of_an_all_clear(tmp_path: Path) -> None:
    ended: dict[str, object] = {
        "outcome": "ok",
        "reason": "There is no job at all. No execution is stuck.",
        "caveat": "There is no job.",
    }
    page = _report(tmp_path, new_markdown_cell("# Stuck"), result=ended).read_text()
    assert '<div class="box good">' not in page
    whole = _report(tmp_path, new_markdown_cell("# Stuck"), result={**ended, "caveat": ""}).read_text()
    assert '<div class="box good">' in whole


def test_without_a_result_an_error_is_one_line(tmp_path: Path) -> None:
    error = new_output("error", ename="NotFound", evalue="no job <j>", traceback=["Traceback: line 7"])
    read = _text(_report(tmp_path, new_code_cell(outputs=[error])))
    assert "NotFound: no job &lt;j&gt;" in read
    assert "Traceback" not in read


@pytest.mark.browser
def test_a_browser_asks_for_nothing_and_runs_nothing(browser: Browser, hostile_report: Path) -> None:
    context = browser.new_context(offline=True)
    page = context.new_page()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    page.goto(hostile_report.as_uri(), wait_until="load")
    assert page.get_by_role("cell", name="pump-1").first.is_visible()
    assert page.title() == "Stuck <b>& sound</b>"
    context.close()
    assert [url for url in sent if not url.startswith(("file:", "data:"))] == []
