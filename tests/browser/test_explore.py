"""Choose a step, a row, a job in JupyterLab; the queue follows. By mouse and by keyboard; hostile names stay text."""

from __future__ import annotations

import re

import nbformat
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import Page, expect

from tests.browser.lab_page import WAIT_MS, Lab, open_and_run, save

pytestmark = pytest.mark.browser


@pytest.fixture
def explorer(page: Page, lab: Lab) -> Page:
    notebook = lab.write(
        "explore.ipynb",
        "from tests.browser.build_findings import build_findings\nfrom iotjobs.ui import explore, fleet_overview",
        "findings = build_findings()\nexplore(findings)",
        "fleet_overview(findings)",
    )
    open_and_run(page, lab, notebook)
    page.locator(".iotjobs-live").wait_for(timeout=WAIT_MS)
    return page


def test_choosing_a_row_a_job_and_a_step_changes_the_queue(explorer: Page) -> None:
    page, heading = explorer, explorer.locator(".iotjobs-live h2", has_text="holds back")
    executions, jobs = page.locator("table[aria-label=executions]"), page.locator("table[aria-label=jobs]")
    expect(heading).to_have_text(
        "pump-1: firmware-2 #1 is IN_PROGRESS for 3 d 7 h (stalled) and holds back 2 others", timeout=WAIT_MS
    )
    expect(page.get_by_text("1. Fix or cancel firmware-2 on 1 thing (north)").last).to_be_visible()
    expect(page.get_by_role("cell", name="config-7 #1 starts; 1 more waits").last).to_be_visible()
    expect(page.get_by_role("img", name="Time line of pump-1").last).to_be_visible()

    executions.get_by_role("row").filter(has_text="device_offline").first.click()
    expect(heading).to_contain_text("valve-9: firmware-2 #1 is QUEUED for 3 d 18 h")
    expect(page.get_by_text("Offline for 5 d").last).to_be_visible()

    jobs.get_by_role("row").filter(has_text="config-7").click()
    expect(page.get_by_text("Executions of config-7, worst first")).to_be_visible()
    expect(executions.locator("tr[data-place]")).to_have_count(3)
    expect(heading).to_contain_text("pump-1")

    page.get_by_role("button", name="Show 2").click()
    expect(page.get_by_text("Executions of step 2, worst first")).to_be_visible()
    expect(heading).to_contain_text("valve-9")
    expect(page.get_by_role("button", name="Showing 2")).to_be_visible()
    page.get_by_role("button", name="All jobs").click()
    expect(page.get_by_role("heading", name="Executions of all jobs, worst first")).to_be_visible()

    assert page.evaluate("window.hacked") is None
    assert page.title() != "hacked"
    assert page.locator("img[src='x']").count() == 0


def test_the_table_is_sorted_filtered_and_walked_by_keyboard(explorer: Page) -> None:
    page = explorer
    executions = page.locator("table[aria-label=executions]")
    rows = executions.locator("tr[data-place]")
    executions.get_by_role("button", name="Age").click()
    expect(executions.locator("th[aria-sort=ascending]")).to_have_text("Age ▲")
    expect(rows.first).to_contain_text("fan-3")

    rows.first.click()
    page.keyboard.press("/")
    page.keyboard.type("config stalled")  # words of the evidence and of other columns, in any order
    expect(rows).to_have_count(0)
    page.keyboard.press("Control+A")
    page.keyboard.type("config")
    expect(rows).to_have_count(3)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(rows.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(rows.nth(1)).to_have_attribute("aria-selected", "true")

    page.get_by_role("button", name="Show 2").click()  # what was searched for stays
    expect(page.get_by_label("Search executions")).to_have_value("config")
    ids = page.evaluate("[...document.querySelectorAll('.iotjobs-live [id]')].map(element => element.id)")
    assert len(ids) == len(set(ids))


def test_where_no_kernel_answers_the_static_form_stands(explorer: Page, lab: Lab) -> None:
    page = explorer
    static = page.locator(".iotjobs-static")
    expect(static).to_be_hidden()
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_text("Restart Kernel…", exact=True).click()
    page.get_by_label("Confirm Kernel Restart").click()
    expect(static).to_be_visible(timeout=WAIT_MS)
    expect(page.locator(".iotjobs-live")).to_be_hidden()
    expect(static.get_by_text("To act on it: menu Run")).to_be_visible()
    expect(static.get_by_role("cell", name="pump-1").first).to_have_css("text-align", "left")

    save(page, lab, "explore.ipynb")
    saved = nbformat.read(lab.folder / "explore.ipynb", as_version=4)
    saved.metadata["machine"] = "another"  # so the server has not signed it: it is not trusted
    nbformat.write(saved, lab.folder / "elsewhere.ipynb")
    for notebook in ("explore.ipynb", "elsewhere.ipynb"):
        page.goto(f"{lab.url}/lab/tree/{notebook}?reset")
        expect(static).to_be_visible(timeout=WAIT_MS)
        page.get_by_text("(ipykernel) | Idle").first.wait_for(timeout=WAIT_MS)
        for words in _BROKEN:
            expect(page.get_by_text(words).filter(visible=True)).to_have_count(0)
    body, _resources = HTMLExporter().from_notebook_node(saved)
    (lab.folder / "exported.html").write_text(re.sub(r"<script.*?</script>", "", body, flags=re.DOTALL))
    page.goto((lab.folder / "exported.html").as_uri())
    expect(static).to_be_visible()
    for words in _BROKEN:
        expect(page.get_by_text(words).filter(visible=True)).to_have_count(0)


#: What a front end shows in place of a widget that it cannot show.
_BROKEN = ("Loading widget", "Error displaying widget", "Explorer(children")
