"""An analyst sweeps by hand: reads the plan, leaves a row out, types the count, deletes, and stops another sweep."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.lab_page import WAIT_MS, Lab, open_and_run, saved_report, shot

pytestmark = pytest.mark.browser

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "sweep.ipynb"


def _with_rule(lab: Lab, name: str, *before: str, **rule: object) -> str:
    """A copy of the sweep notebook with other parameters, and cells that run before it."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    place = next(at for at, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", []))
    said = "\n".join(f"{parameter} = {value!r}" for parameter, value in rule.items())
    notebook.cells.insert(place + 1, nbformat.v4.new_code_cell(said))
    notebook.cells[:0] = [nbformat.v4.new_code_cell(cell) for cell in before]
    nbformat.write(notebook, lab.folder / name)
    return name


def _live(page: Page) -> Locator:
    return page.locator(".iotjobs-live")


def _delete(page: Page) -> Locator:
    return _live(page).locator("button.mod-danger")


def test_plan_prune_count_delete_and_see_what_became_of_it(page: Page, sandbox_lab: Lab) -> None:
    rule = {"job_id": "gateway-os-12", "older_than": "30d", "force": True, "max_fraction": 1.0}
    open_and_run(page, sandbox_lab, _with_rule(sandbox_lab, "sweep-by-hand.ipynb", **rule))
    count = _live(page).get_by_label("Count", exact=True)
    expect(_delete(page)).to_have_text("Delete 4 executions", timeout=WAIT_MS)
    expect(_live(page).get_by_text("2 of 4 are not finished.")).to_be_visible()
    expect(_live(page).get_by_text("CAUTION: gateway-hamburg-05 is IN_PROGRESS").last).to_be_visible()

    _live(page).locator("table[aria-label=plan] tr[data-place]", has_text="gateway-hamburg-05").click()
    _live(page).get_by_role("button", name="Leave the 1 selected out").click()
    expect(_delete(page)).to_have_text("Delete 3 executions")
    expect(_live(page).get_by_text("CAUTION: gateway-hamburg-05")).to_have_count(0)

    count.fill("4")
    expect(_delete(page)).to_be_disabled()
    expect(_live(page).get_by_text("The plan is about 3.")).to_be_visible()
    shot(page, "sweep-plan")
    count.fill("3")
    expect(_delete(page)).to_be_enabled()
    _delete(page).click()
    expect(_live(page).get_by_text("3 of 3 deleted")).to_be_visible(timeout=WAIT_MS)
    expect(_live(page).get_by_text("its queue is empty; the job is CANCELED")).to_be_visible()
    expect(_delete(page)).to_be_hidden()

    saved = saved_report(page, sandbox_lab, "sweep-by-hand.ipynb")
    assert saved.count("3 of 3 deleted") >= 3  # the panel, the report, the end
    assert "Removed: 3 executions" in saved
    assert "nothing was changed" not in saved
    shot(page, "sweep-done")


MANY = """
import boto3
iot = boto3.Session().client("iot")
_arns = [iot.create_thing(thingName=f"stop-{number:03}")["thingArn"] for number in range(120)]
iot.create_job(jobId="sweep-stop", targets=_arns, document="{}")
"""


def test_stop_ends_it_after_the_one_under_way_and_it_can_go_on(page: Page, sandbox_lab: Lab) -> None:
    rule = {"job_id": "sweep-stop", "older_than": "0s", "force": True, "max_fraction": 1.0, "max_deletes": 120}
    open_and_run(page, sandbox_lab, _with_rule(sandbox_lab, "sweep-stopped.ipynb", MANY, **rule))
    expect(_delete(page)).to_have_text("Delete 120 executions", timeout=WAIT_MS)
    _live(page).get_by_label("Count", exact=True).fill("120")
    _delete(page).click()
    _live(page).get_by_text(re.compile(r"of 120 done, .* to go")).first.wait_for(timeout=WAIT_MS)
    _live(page).locator("button.mod-warning").click()
    expect(_live(page).get_by_text("the sweep was stopped")).to_be_visible(timeout=WAIT_MS)
    expect(_live(page).get_by_text("Left: not touched.")).to_be_visible()
    expect(_delete(page)).to_be_disabled()
    expect(_live(page).get_by_text("that are left, press Look again")).to_be_visible()

    shot(page, "sweep-stopped")
    _live(page).get_by_role("button", name="Look again").click()
    expect(_live(page).get_by_placeholder("to confirm")).to_be_enabled(timeout=WAIT_MS)
    expect(_delete(page)).not_to_have_text("Delete 120 executions")  # what is left counts, not what was planned
    left = (_delete(page).inner_text() or "").split()[1]
    expect(_live(page).get_by_text(f"{120 - int(left)} done, {left} to go:")).to_be_visible()
    _live(page).get_by_label("Count", exact=True).fill(left)
    _delete(page).click()
    expect(_live(page).get_by_text("120 of 120 deleted")).to_be_visible(timeout=WAIT_MS)


def test_what_a_guard_refuses_cannot_be_deleted_until_it_is_left_out(page: Page, sandbox_lab: Lab) -> None:
    rule = {"job_id": "rotate-certificates", "older_than": "3d", "max_fraction": 1.0}
    open_and_run(page, sandbox_lab, _with_rule(sandbox_lab, "sweep-refused.ipynb", **rule))
    expect(_live(page).get_by_text("REFUSED: nothing will be changed").first).to_be_visible(timeout=WAIT_MS)
    expect(_live(page).get_by_text("unfinished needs force").first).to_be_visible()
    expect(_live(page).get_by_label("Count", exact=True)).to_be_disabled()

    for queued in _live(page).locator("table[aria-label=plan] tr[data-place]", has_text="QUEUED").all():
        queued.click()
    _live(page).get_by_role("button", name="Leave the 4 selected out").click()
    expect(_live(page).get_by_text("REFUSED: nothing will be changed")).to_have_count(0)
    _live(page).get_by_label("Count", exact=True).fill("2")
    expect(_delete(page)).to_be_enabled()


def test_a_cancel_that_keeps_the_record_is_offered_beside_the_delete(page: Page, sandbox_lab: Lab) -> None:
    rule = {"job_id": "calibrate-meters", "older_than": "1h", "force": True, "max_fraction": 1.0}
    open_and_run(page, sandbox_lab, _with_rule(sandbox_lab, "sweep-cancels.ipynb", **rule))
    expect(_delete(page)).to_have_text("Delete 4 executions", timeout=WAIT_MS)
    _live(page).get_by_role("button", name="Cancel instead, keep the record").click()
    expect(_delete(page)).to_have_text("Cancel 3 executions", timeout=WAIT_MS)
    shot(page, "sweep-cancel-plan")
    _live(page).get_by_label("Count", exact=True).fill("3")
    _delete(page).click()
    expect(_live(page).get_by_text("3 of 3 cancelled")).to_be_visible(timeout=WAIT_MS)
    shot(page, "sweep-cancelled")
