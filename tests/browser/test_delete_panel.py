"""An analyst deletes one execution by hand: refused first, then planned, named, and deleted."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.lab_page import WAIT_MS, Lab, open_and_run, saved_report, shot

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

    expect(_live(page).get_by_text("Fill in Job and Thing and Number")).to_be_visible()
    expect(page.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.error']")).to_have_count(0)
    shot(page, "delete-empty")

    _name(page, "firmware-2-4-1", "pump-berlin-01")
    show.click()
    expect(_live(page).get_by_text("unfinished needs force")).to_be_visible(timeout=WAIT_MS)
    expect(_live(page).get_by_text("pump-berlin-01 is IN_PROGRESS with it")).to_be_visible()
    expect(_live(page).get_by_text("It last said: progress: 80%, step: flash")).to_be_visible()
    expect(_live(page).locator(".banner .word")).to_have_text("SANDBOX")
    expect(_live(page).get_by_text("If you mean it, tick 'Also if it is unfinished (force)'")).to_be_visible()
    expect(_live(page).get_by_text("To confirm it:")).to_have_count(0)
    expect(delete).to_be_disabled()
    expect(typed).to_be_disabled()
    shot(page, "delete-refused")

    _name(page, "config-2026-q3", "meter-munich-02")
    _live(page).get_by_label("Ticket", exact=True).fill("OPS-7")
    show.click()
    expect(_live(page).get_by_text("Plan: 0 to cancel, 1 to delete.")).to_be_visible(timeout=WAIT_MS)
    expect(delete).to_be_disabled()
    typed.fill("meter-munich-01")
    expect(delete).to_be_disabled()
    expect(_live(page).get_by_text("That is not the thing's name")).to_be_visible()
    typed.fill("meter-munich-02")
    expect(delete).to_be_enabled()

    _live(page).get_by_label("Number", exact=True).fill("2")
    expect(delete).to_be_disabled()
    expect(_live(page).get_by_text("there is none of what the fields name")).to_be_visible()
    _live(page).get_by_label("Number", exact=True).fill("1")
    show.click()
    expect(typed).to_be_enabled(timeout=WAIT_MS)
    typed.fill("meter-munich-02")
    expect(delete).to_be_enabled()
    shot(page, "delete-plan")
    delete.click()
    expect(_live(page).get_by_text("deleted config-2026-q3/meter-munich-02/1")).to_be_visible(timeout=WAIT_MS)
    expect(delete).to_be_disabled()

    saved = saved_report(page, sandbox_lab, "delete_job_execution.ipynb")
    assert saved.count("deleted config-2026-q3/meter-munich-02/1") >= 3  # the panel, the report, the end
    assert "planned" not in saved
    assert "missing:" not in saved
    shot(page, "delete-done")

    show.click()
    expect(_live(page).get_by_text("was deleted already").last).to_be_visible()


def test_a_cancel_keeps_the_record_and_needs_no_number(page: Page, sandbox_lab: Lab) -> None:
    open_and_run(page, sandbox_lab, "cancel_job_execution.ipynb")
    act = _live(page).locator("button.mod-danger")
    expect(act).to_have_text("Cancel it", timeout=WAIT_MS)
    _live(page).get_by_label("Job", exact=True).fill("collect-logs")
    _live(page).get_by_label("Thing", exact=True).fill("gateway-hamburg-01")
    _live(page).get_by_role("button", name="Show the plan").click()
    expect(_live(page).get_by_text("Plan: 1 to cancel, 0 to delete.")).to_be_visible(timeout=WAIT_MS)
    shot(page, "cancel-plan")
    _live(page).get_by_label("Thing's name", exact=True).fill("gateway-hamburg-01")
    act.click()
    expect(_live(page).get_by_text("cancelled collect-logs/gateway-hamburg-01/1")).to_be_visible(timeout=WAIT_MS)
    shot(page, "cancel-done")
