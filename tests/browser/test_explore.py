"""Choose a job and a thing in JupyterLab; the queue follows. Hostile names stay text."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.lab_page import WAIT_MS, Lab, open_and_run

pytestmark = pytest.mark.browser


def test_choosing_a_row_a_job_and_a_thing_changes_the_queue(page: Page, lab: Lab) -> None:
    notebook = lab.write(
        "explore.ipynb",
        "from tests.browser.build_findings import build_findings\nfrom iotjobs.ui import banner, estate, explore, what_changed",
        "findings = build_findings()\nbanner(findings.run)",
        "explore(findings)",
        "estate(findings)",
    )
    open_and_run(page, lab, notebook)

    heading = page.locator("h3", has_text="holds back")
    expect(heading).to_have_text(
        "pump-1: firmware-2 is IN_PROGRESS for 3 d 7 h (stalled) and holds back 2 others", timeout=WAIT_MS
    )

    expect(page.get_by_text("1. Fix or cancel firmware-2 on 1 thing (north)")).to_be_visible()
    expect(page.get_by_role("cell", name="config-7 #1 starts; 1 more waits").first).to_be_visible()
    expect(page.get_by_alt_text("Time line of pump-1")).to_be_visible()

    page.locator("table.dataTable tbody tr", has_text="device_offline").first.locator("td").first.click()
    expect(heading).to_contain_text("valve-9: firmware-2 is QUEUED for 3 d 18 h")
    expect(page.get_by_text("Offline for 5 d")).to_be_visible()
    expect(page.get_by_alt_text("Time line of valve-9")).to_be_visible()

    jobs = page.locator("table.dataTable").nth(1)
    jobs.locator("tbody tr", has_text="config-7").locator("td").first.click()
    expect(page.get_by_text("Executions of config-7, worst first")).to_be_visible()
    expect(page.locator("table.dataTable").first.locator("tbody tr")).to_have_count(3)
    expect(heading).to_contain_text("pump-1")

    page.get_by_role("button", name="Show 2").click()
    expect(page.get_by_text("Executions of step 2, worst first")).to_be_visible()
    expect(heading).to_contain_text("valve-9")

    thing = page.get_by_role("combobox", name="Thing").or_(page.get_by_label("Thing", exact=True)).first
    thing.fill("fan-3")
    thing.press("Enter")
    expect(page.locator("h3", has_text="fan-3: config-7 is QUEUED for 2 h")).to_be_visible()

    assert page.evaluate("window.hacked") is None
    assert page.title() != "hacked"
    assert page.locator("img[src='x']").count() == 0
