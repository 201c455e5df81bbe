"""Two clicks from an open notebook to what to do now, three to the execution that blocks a thing."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.lab_page import WAIT_MS, Lab, open_and_run

pytestmark = pytest.mark.browser


def test_run_all_and_one_click_name_the_blocker(page: Page, sandbox_lab: Lab) -> None:
    open_and_run(page, sandbox_lab, "investigate.ipynb")
    rows = page.locator("table.dataTable").first.locator("tbody tr")
    expect(rows.first).to_contain_text("firmware-2-4-1", timeout=WAIT_MS)
    answer = page.get_by_text("What do I do now?").last  # Run All Cells leaves a person at the end of the page
    expect(answer).to_be_in_viewport()
    first_step = "1. Fix or cancel firmware-2-4-1 on 2 things (pumps): 2 executions, and frees 5 more that wait behind"
    expect(page.get_by_text(first_step).last).to_be_in_viewport()

    rows.filter(has_text="blocked").filter(has_text="pump-berlin-02").first.locator("td").first.click()
    heading = page.locator("h3", has_text="holds back")
    expect(heading).to_contain_text("pump-berlin-02: firmware-2-4-1 is IN_PROGRESS")
    expect(heading).to_contain_text("stalled")

    job = page.get_by_label("Job", exact=True)
    job.fill("gateway-os-12")
    job.press("Enter")
    expect(page.get_by_text("Executions of gateway-os-12, worst first")).to_be_visible()
    expect(rows.first).to_contain_text("orphaned")

    thing = page.get_by_label("Thing", exact=True)
    thing.fill("gateway-hamburg-01")
    thing.press("Enter")
    expect(page.locator("h3", has_text="gateway-hamburg-01: rotate-certificates is QUEUED")).to_be_visible()

    page.set_viewport_size({"width": 1100, "height": 1300})
    assert page.evaluate(_CUT_OFF) == []


#: The tables that are wider than the cell's output, which cuts them off.
_CUT_OFF = """() => [...document.querySelectorAll('.jp-OutputArea-output')].flatMap(output =>
  [...output.querySelectorAll('table')].filter(table => table.getBoundingClientRect().right >
    output.getBoundingClientRect().right + 2).map(table => table.innerText.slice(0, 200)))"""
