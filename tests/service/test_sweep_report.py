"""What the person on call reads of a sweep: the plan row by row, and at the end the failures first."""

from __future__ import annotations

from pathlib import Path

import pytest

import iotjobs
from iotjobs.errors import InvalidInput
from iotjobs.sandbox.fleet import Fleet


@pytest.fixture
def two_stuck(fresh_thing: tuple[Fleet, str]) -> tuple[Fleet, str, list[str]]:
    """A job that two things of the test's own are IN_PROGRESS with for 40 days; the first has another one waiting."""
    fleet, name = fresh_thing
    job_id, things = f"report-{name}"[:40], [name, f"{name}-2"]
    with fleet.ago(days=40):
        fleet.iot.create_thing(thingName=things[1])
        fleet.job(job_id, things=things)
        for thing in things:
            fleet.report(job_id, thing)
        fleet.job(f"next-{name}"[:40], things=things[:1])
    return fleet, job_id, things


def _planned(directory: Path, **rule: object) -> iotjobs.Sweep:
    run = iotjobs.start("sweep", run_dir=str(directory), **rule)
    return iotjobs.sweep(run).plan()


def test_the_plan_stands_in_the_report_with_its_cautions_and_its_phrase(
    two_stuck: tuple[Fleet, str, list[str]], tmp_path: Path
) -> None:
    _, job_id, things = two_stuck
    sweep = _planned(tmp_path, job_id=job_id, force=True, max_fraction=1.0)
    assert sweep.current_plan is not None
    html = iotjobs.sweep_panel(sweep).static_html()
    assert "delete 2 executions of 1 job on 2 things" in html
    assert "2 of 2 are not finished" in html
    assert html.count('<span class="caution">CAUTION:</span>') == 3  # of the plan, and of each row
    assert f"Next on {things[0]} is next-" in html
    assert sweep.current_plan.phrase in html


def test_a_refused_plan_says_each_guard_once_and_has_no_phrase(
    two_stuck: tuple[Fleet, str, list[str]], tmp_path: Path
) -> None:
    _, job_id, _ = two_stuck
    sweep = _planned(tmp_path, job_id=job_id, max_fraction=1.0)
    assert sweep.current_plan is not None
    html = iotjobs.sweep_panel(sweep).static_html()
    assert html.count("unfinished needs force") == 1
    assert "and 1 execution more" in html
    assert "2 to delete" not in html
    assert sweep.current_plan.phrase not in html


def test_what_drifted_stands_before_what_was_deleted_and_what_to_do_about_it(
    two_stuck: tuple[Fleet, str, list[str]], tmp_path: Path
) -> None:
    fleet, job_id, things = two_stuck
    sweep = _planned(tmp_path, job_id=job_id, force=True, max_fraction=1.0)
    assert sweep.current_plan is not None
    fleet.report(job_id, things[1], "SUCCEEDED")
    sweep.apply(sweep.current_plan.phrase)
    html = iotjobs.sweep_report(sweep)._repr_html_()
    assert "1 of 2 deleted, 1 drifted" in html
    rows = html[html.index("<tbody>") :]
    assert rows.index("drifted") < rows.index("deleted")
    assert "it is SUCCEEDED now and was IN_PROGRESS" in rows
    assert "its queue goes on with next-" in rows
    assert "Make a new plan for it" in html


def test_a_run_by_hand_leaves_a_report_that_follows_what_is_done_after_the_last_cell(
    two_stuck: tuple[Fleet, str, list[str]], tmp_path: Path
) -> None:
    _, job_id, _ = two_stuck
    sweep = _planned(tmp_path, job_id=job_id, force=True, max_fraction=1.0)
    assert sweep.current_plan is not None
    iotjobs.sweep_panel(sweep)
    sweep.run.end()
    report = tmp_path / "report.html"
    assert "<b>planned</b>" in report.read_text()
    assert sweep.current_plan.phrase in report.read_text()
    sweep.apply(sweep.current_plan.phrase)
    assert "<b>applied</b>: 2 of 2 deleted" in report.read_text()
    assert "The plan that was followed" in report.read_text()


def test_a_run_that_could_not_begin_leaves_a_report_that_says_why(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        iotjobs.start("sweep", run_dir=str(tmp_path), older_than="2 days")
    report = (tmp_path / "report.html").read_text()
    assert "<b>invalid</b>: older_than is" in report
    assert "Nothing was asked of AWS" in report
