"""An analyst deletes one execution by hand: refused first, then planned, named, and deleted."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.lab_page import WAIT_MS, Lab, open_and_run

pytestmark = pytest.mark.browser


def _live(page: Page) -> Locator:
    return page.locator(".iotjobs-live")


def _name(page: Page, job_id: str, thing_name: str, number: str = "1") -> None:
    for label, value in (("Job", job_id), ("Thing", thing_name), ("Number", number)):
        field = _live(page).get_by_label(label, exact=True)
        field.fill(value)
        field.press("Tab")


def test_refused_then_planned_named_and_deleted(page: Page, sandbox_lab: Lab) -> None:
    open_and_run(page, sandbox_lab, "delete_job_execution.ipynb")
    delete = _live(page).locator("button.mod-danger")
    show = _live(page).get_by_role("button", name="Show the plan")
    typed = _live(page).get_by_placeholder("type the thing's name to confirm")
    expect(delete).to_be_disabled(timeout=WAIT_MS)

    _name(page, "firmware-2-4-1", "pump-berlin-01")
    show.click()
    expect(_live(page).get_by_text("REFUSED by unfinished_needs_force")).to_be_visible(timeout=WAIT_MS)
    expect(_live(page).get_by_text("CAUTION: pump-berlin-01 is IN_PROGRESS")).to_be_visible()
    expect(delete).to_be_disabled()
    expect(typed).to_be_disabled()

    _name(page, "config-2026-q3", "meter-munich-02")
    show.click()
    expect(_live(page).get_by_text("Nothing is changed yet")).to_be_visible()
    expect(delete).to_be_disabled()
    typed.fill("meter-munich-01")
    expect(delete).to_be_disabled()
    typed.fill("meter-munich-02")
    expect(delete).to_be_enabled()

    _live(page).get_by_label("Number", exact=True).fill("2")
    expect(delete).to_be_disabled()
    _live(page).get_by_label("Number", exact=True).fill("1")
    show.click()
    expect(_live(page).get_by_text("Nothing is changed yet")).to_be_visible()
    typed.fill("meter-munich-02")
    expect(delete).to_be_enabled()
    delete.click()
    expect(_live(page).get_by_text("Done: deleted config-2026-q3/meter-munich-02/1")).to_be_visible()
    expect(delete).to_be_disabled()

    show.click()
    expect(_live(page).get_by_text("was deleted already").last).to_be_visible()
