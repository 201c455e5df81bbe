"""Two clicks from an open notebook to what to do now, three to the execution that blocks a thing, and what it said."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.lab_page import WAIT_MS, Lab, open_and_run

pytestmark = pytest.mark.browser


def test_run_all_and_one_click_name_the_blocker_and_what_it_last_said(page: Page, sandbox_lab: Lab) -> None:
    open_and_run(page, sandbox_lab, "investigate.ipynb")
    live = page.locator(".iotjobs-live")
    rows = live.locator("table[aria-label=executions] tbody tr")
    expect(rows.first).to_contain_text("firmware-2-4-1", timeout=WAIT_MS)
    first_step = "1. Fix or cancel firmware-2-4-1 on 2 things (pumps): 2 executions, and frees 5 more that wait behind"
    expect(live.get_by_text(first_step)).to_be_visible()

    rows.filter(has_text="blocked").filter(has_text="pump-berlin-02").first.click()
    heading = live.locator("h3", has_text="holds back")
    expect(heading).to_contain_text("pump-berlin-02: firmware-2-4-1 #1 is IN_PROGRESS")
    expect(heading).to_contain_text("stalled")

    rows.filter(has_text="stalled").filter(has_text="pump-berlin-02").first.click()
    expect(live).to_contain_text("--job-id firmware-2-4-1 --thing-name pump-berlin-02")  # the view is the new row's
    live.get_by_role("button", name="What did the device last say?").click()
    expect(live.get_by_text("progress: 62%, step: flash")).to_be_visible(timeout=WAIT_MS)
    expect(live.get_by_role("definition").filter(has_text=re.compile(r"^\d{4}-\d\d-\d\dT.*Z$"))).to_be_visible()

    live.locator("table[aria-label=jobs]").get_by_role("row").filter(has_text="collect-logs").click()
    expect(live.get_by_text("Executions of collect-logs, worst first")).to_be_visible()
    expect(rows.first).to_contain_text("collect-logs")

    for width in (1600, 1100, 900):
        page.set_viewport_size({"width": width, "height": 1300})
        assert page.evaluate(_CUT_OFF) == []


#: The tables that are wider than the cell's output, which cuts them off; one in a region that scrolls is not.
_CUT_OFF = """() => [...document.querySelectorAll('.jp-OutputArea-output')].flatMap(output =>
  [...output.querySelectorAll('table')].filter(table => !table.closest('.wide') && table.getBoundingClientRect().right >
    output.getBoundingClientRect().right + 2).map(table => table.innerText.slice(0, 200)))"""
