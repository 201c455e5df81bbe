"""Two clicks from an open notebook to what to do now, three to the execution that blocks a thing, and what it said."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.lab_page import WAIT_MS, Lab, dark, open_and_run, saved_report, shot, violations

pytestmark = pytest.mark.browser


def test_run_all_and_one_click_name_the_blocker_and_what_it_last_said(page: Page, sandbox_lab: Lab) -> None:
    page.add_init_script(_COUNT_CLICKS)
    open_and_run(page, sandbox_lab, "investigate.ipynb")
    live = page.locator(".iotjobs-live")
    rows = live.locator("table[aria-label=executions] tr[data-place]")
    expect(rows.first).to_contain_text("firmware-2-4-1", timeout=WAIT_MS)
    act_in_place(page, sandbox_lab, live)
    first_step = "1. Fix or cancel firmware-2-4-1 on 2 things (pumps): 2 executions, and frees 5 more that wait behind"
    expect(live.get_by_text(first_step)).to_be_visible()

    rows.filter(has_text="blocked").filter(has_text="pump-berlin-02").first.click()
    heading = live.locator("h2", has_text="holds back")
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
        shot(page, f"investigate-{width}")
    expect(rows.first.locator("+ tr.below")).to_contain_text("Holds back: 1 Age: ")  # what a narrow table folds away
    dark(page)
    assert violations(page, ".jp-OutputArea") == []
    shot(page, "investigate-dark")
    page.goto((sandbox_lab.folder / "saved.html").as_uri())
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert violations(page) == []


def act_in_place(page: Page, lab: Lab, live: Locator) -> None:
    """From opening Lab to a plan in three clicks, and to done in one more with the thing's name typed once."""
    typed = live.get_by_label("Thing's name", exact=True)
    expect(live.get_by_text("a cancel is enough to free the queue and keeps the record")).to_be_visible()
    live.get_by_role("button", name="Plan this cancel").click()
    expect(live.get_by_text("Plan: 1 to cancel, 0 to delete.")).to_be_visible(timeout=WAIT_MS)
    assert page.evaluate("window.clicks") <= 3
    expect(live.get_by_role("button", name="Cancel it")).to_be_disabled()
    expect(typed).to_be_focused()
    shot(page, "in-place-plan")
    thing = live.get_by_label("Thing", exact=True).input_value()
    page.keyboard.type(thing)
    live.get_by_role("button", name="Cancel it").click()
    expect(live.get_by_text(f"{thing}/1 was cancelled here.")).to_be_visible(timeout=WAIT_MS)
    assert page.evaluate("window.clicks") <= 6
    shot(page, "in-place-done")
    expect(live.get_by_role("button", name="Plan this deletion")).to_be_disabled()
    live.get_by_role("button", name="Close the plan").click()
    expect(live.get_by_text("Done here since the tables were read")).to_be_visible()
    (directory,) = lab.folder.glob("runs/*-cancel_job_execution")
    assert json.loads((directory / "result.json").read_text())["outcome"] == "applied"

    sweep = live.get_by_role("button", name="Plan a sweep")
    expect(sweep).to_be_disabled()
    expect(live.get_by_text("nothing sweeps everything by default")).to_be_visible()
    live.locator("table[aria-label=jobs]").get_by_role("row").filter(has_text="gateway-os-12").click()
    expect(sweep).to_have_text("Plan a sweep of these 2")
    sweep.click()
    expect(live.get_by_text("The plan is refused, see above")).to_be_visible(timeout=WAIT_MS)
    live.get_by_label("Part of a job at most (max_fraction)", exact=True).fill("0.5")
    page.keyboard.press("Tab")
    live.get_by_role("button", name="Plan again with these caps").click()
    expect(live.get_by_text("To confirm, type how many: 2")).to_be_visible(timeout=WAIT_MS)
    shot(page, "in-place-sweep")
    assert violations(page, ".jp-OutputArea") == []
    assert len(list(lab.folder.glob("runs/*-sweep"))) == 2
    expect(live.locator("li").filter(has_text="more than max_fraction")).to_have_count(0)  # that plan changed nothing
    assert "Done here since the tables were read" in saved_report(page, lab, "investigate.ipynb")
    live.get_by_role("button", name="Close the plan").click()
    live.get_by_role("button", name="All jobs").click()


#: Counts what a person does with the mouse, and nothing that a script does.
_COUNT_CLICKS = """window.clicks = 0;
  addEventListener('click', event => { if (event.isTrusted && event.detail) window.clicks += 1 }, true)"""

#: The tables that are wider than the cell's output; only the matrix, with a column for each cause, may scroll in it.
_CUT_OFF = """() => [...document.querySelectorAll('.jp-OutputArea-output')].flatMap(output =>
  [...output.querySelectorAll('table:not(.matrix)')].filter(table => table.getBoundingClientRect().right >
    output.getBoundingClientRect().right + 2).map(table => table.innerText.slice(0, 200)))"""
