"""The views without a browser: hostile names stay text everywhere, and a large fleet is shown in seconds."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from iotjobs.diagnosis.changes import Changes, compare
from iotjobs.ui import explore, fleet_overview, what_changed, what_to_do
from iotjobs.ui.model import select_job, select_step, select_thing
from tests.browser.build_findings import AS_OF, HOSTILE, build_findings
from tests.browser.build_many_findings import many_findings


def test_no_view_makes_an_element_of_a_name() -> None:
    findings = build_findings(thing_name=HOSTILE, job_id=HOSTILE, warnings=(HOSTILE,))
    table, same, skipped = compare(findings.executions.head(0), findings.executions, since=AS_OF - timedelta(days=9))
    findings = build_findings(
        thing_name=HOSTILE, warnings=(HOSTILE,), changes=Changes(table, same, skipped, AS_OF, HOSTILE, (HOSTILE,))
    )
    explorer = explore(findings)
    live = [child.value for child in explorer.children if hasattr(child, "value")]
    live += [explorer.executions.html, explorer.jobs.html]
    views = [view._repr_html_() for view in (fleet_overview(findings), what_changed(findings), what_to_do(findings))]
    for html in [*live, *views, explorer.static_html()]:
        assert HOSTILE not in html
        assert "<img src=x" not in html


def test_the_matrix_says_how_many_are_stuck_for_which_cause() -> None:
    html = fleet_overview(build_findings())._repr_html_()
    assert "waiting_turn" in html
    assert "Queues that hold most back" in html
    assert html.count("<svg") == 2  # ages and jobs: one device group is no figure


def test_without_groups_the_matrix_says_so() -> None:
    findings = build_findings()
    findings.executions["thing_groups"] = ""
    assert "Device groups are not known" in fleet_overview(findings)._repr_html_()


def test_no_step_is_missing_when_not_everything_could_be_read() -> None:
    html = what_to_do(build_findings(warnings=("the device's connectivity could not be read",)))._repr_html_()
    assert "Not everything could be read" in html


def test_a_hundred_thousand_executions_are_shown_in_seconds() -> None:
    findings = many_findings(100_000)
    begun = time.process_time()
    explorer = explore(findings)
    assert "<svg" in fleet_overview(findings)._repr_html_()
    select_job(explorer.selection, findings, "job-7")
    select_step(explorer.selection, findings, 0)
    select_thing(explorer.selection, findings, "thing-77")
    report = explorer.static_html()
    taken = time.process_time() - begun
    assert "more in executions.csv" in report
    assert len(report) < 400_000
    assert taken < 20, f"{taken:.0f} s"  # 5 s on two idle cores


@pytest.mark.parametrize("step", [0, 1])
def test_showing_a_step_shows_its_executions_and_the_queue_of_the_worst(step: int) -> None:
    explorer = explore(build_findings())
    explorer.steps.buttons[step].value = True
    chosen = explorer.findings.steps.ranked[step]
    assert explorer.selection.step == step
    assert explorer.selection.thing_name == chosen.begin_with
    assert f"Executions of step {step + 1}" in explorer.scope.value
    assert explorer.output.outputs == ()


@pytest.mark.parametrize(
    ("column", "words", "things"),
    [
        ("job_id", "firmware-2 #1", ["pump-1", "valve-9"]),
        ("suggestion", "force delete", ["pump-1"]),
        ("suggestion", "force_delete", ["pump-1"]),
        ("age_s", "3 d 18 h", ["valve-9"]),
        ("status", "in progress", ["pump-1", HOSTILE]),
    ],
)
def test_a_filter_looks_in_the_words_that_a_person_sees(column: str, words: str, things: list[str]) -> None:
    grid = explore(build_findings()).executions
    grid._handle_custom_msg(  # as from the browser
        {"do": "filter", "name": column, "value": words}, []
    )
    assert grid.matches["thing_name"].tolist() == things
