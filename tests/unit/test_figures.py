"""What a figure shows, read from its text alternative: no colour and no hover is needed for it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pandas as pd

from iotjobs.diagnosis.changes import Changes, compare
from iotjobs.ui.charts import then_and_now, timeline_of
from tests.unit.build_queues import AS_OF, Line, build_queues

HUNG: Line = ("pump-1", "firmware", "IN_PROGRESS", "device_offline", 100, 79)
WAITS: Line = ("pump-1", "certs", "QUEUED", "blocked", 60, None)
SINCE = AS_OF - timedelta(hours=24)


def _alternative(figure: str) -> str:
    (label,) = re.findall(r'role="img" aria-label="([^"]*)"', figure)
    return label


def test_a_time_line_says_when_a_device_last_reported_and_when_and_why_it_went() -> None:
    queue = build_queues([HUNG, WAITS])
    link = {"connected": False, "changed_at": pd.Timestamp(AS_OF - timedelta(hours=30)), "reason": "CONNECTION_LOST"}
    figure = str(timeline_of(queue, queue, pd.Series(link), thing_name="pump-1", as_of=AS_OF))
    label = _alternative(figure)
    went = pd.Timestamp(AS_OF - timedelta(hours=30)).strftime("%Y-%m-%d %H:%M:%S")
    assert f"disconnected {went} UTC, CONNECTION_LOST" in label
    assert f"last report {queue['last_updated_at'].iloc[0]:%Y-%m-%d %H:%M:%S} UTC" in label
    assert figure.count('class="change"') == 1
    assert "connected or disconnected</span>" in figure


def test_a_connection_that_changed_before_the_time_line_begins_has_no_mark_on_it() -> None:
    queue = build_queues([HUNG])
    link = {"connected": True, "changed_at": pd.Timestamp(AS_OF - timedelta(days=90)), "reason": None}
    figure = str(timeline_of(queue, queue, pd.Series(link), thing_name="pump-1", as_of=AS_OF))
    assert "connected since" in _alternative(figure)
    assert 'class="change"' not in figure


def test_then_and_now_counts_what_changed_and_what_did_not() -> None:
    before, now = build_queues([HUNG, WAITS]), build_queues([(*HUNG[:3], "stalled", *HUNG[4:]), WAITS])
    changes = Changes(*compare(before, now, since=SINCE), since=SINCE, earlier="yesterday")
    label = _alternative(str(then_and_now(now, changes, AS_OF)))
    then, today = label.partition(": ")[2].split("; ")
    assert "1 device_offline" in then
    assert "1 blocked" in then
    assert "stalled" not in then
    assert "1 stalled" in today
    assert "device_offline" not in today
    assert then_and_now(before.head(0), replace(changes, table=changes.table.head(0)), AS_OF) == ""
