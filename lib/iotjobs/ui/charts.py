"""Figures as SVG in the page: they take the page's colours, say figures on hover, and have a text alternative."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from math import ceil, floor, log10
from typing import Any

import pandas as pd
from markupsafe import Markup

from iotjobs.diagnosis.changes import Changes
from iotjobs.diagnosis.evidence_text import duration_text
from iotjobs.diagnosis.overview import AGE_EDGES, by_group, by_job, stuck_of, unfinished_of
from iotjobs.markup import exact, render
from iotjobs.model import UNFINISHED, Cause, Status
from iotjobs.plurals import agreeing, many

_MOST_BARS = 12
_MOST_IN_TIMELINE = 15
_HOUR, _DAY = 3600, 86400
_LONGEST_NAME = 30
#: The drawing: names on the left, then what the scale spans, all in units of the SVG.
_LEFT, _SPAN, _RIGHT = 205, 420, 85
#: A time line reaches back this much further than its oldest unfinished execution; what ended before is left out.
_LOOK_BACK = 1.5
_SHORTEST = 3 * _DAY
_TICK_HOURS = (1, 2, 3, 6, 12, 24, 48, 96, 168, 336, 720, 1440, 2880, 8760)
_MOST_TICKS = 7
_figure_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a bar from ``x`` on, in the look of a cause or status; ``title`` stands on hover."""

    x: float
    width: float
    look: str
    title: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its name, its parts, what stands at its end, and marks on it, each (`x`, `title`)."""

    name: str
    segments: tuple[Segment, ...]
    end: str = ""
    reports: tuple[tuple[float, str], ...] = ()
    changes: tuple[tuple[float, str], ...] = ()


def figures_of(executions: pd.DataFrame) -> list[Markup]:
    """The ages, the causes by device group and by job; none when nothing is unfinished."""
    rows = unfinished_of(executions)
    if rows.empty:
        return []
    jobs, groups = by_job(executions), by_group(executions)
    figures = [_ages(rows)]
    if len(groups) > 1:
        figures.append(_causes(groups, whose="device group"))
    if len(jobs) > 1:
        figures.append(_causes(jobs, whose="job"))
    return figures


def then_and_now(executions: pd.DataFrame, changes: Changes, as_of: datetime) -> Markup:
    """What was stuck at the time of the earlier run and what is now, by cause; empty when nothing was and is."""
    table = changes.table
    is_stuck, was_stuck = (table[name].fillna(value=False).astype(bool) for name in ("stuck", "stuck_before"))
    now = stuck_of(executions)["cause"].value_counts()
    then = now.sub(table["cause"][is_stuck].value_counts(), fill_value=0)
    then = then.add(table["cause_before"][was_stuck].value_counts(), fill_value=0)
    names = [f"{moment:%Y-%m-%d %H:%M}" for moment in (changes.since, as_of)]
    counts = pd.DataFrame({name: of.clip(lower=0) for name, of in zip(names, (then, now), strict=True)}).T.fillna(0)
    return _stacks("Stuck then and now, by cause (UTC)", counts) if counts.to_numpy().any() else Markup()


def timeline_of(
    executions: pd.DataFrame, queue: pd.DataFrame, link: Any | None, *, thing_name: str, as_of: datetime
) -> Markup:
    """A thing's time line, empty when the thing has no execution to show.

    `queue` is the thing's in the order of delivery; of `executions` those of the thing that ended are added, as
    far back as the queue makes worth while. `link` is the thing's row of `Findings.connectivity`.
    """
    ended = executions[(executions["thing_name"] == thing_name) & ~executions["status"].isin(UNFINISHED)]
    now = pd.Timestamp(as_of)
    reach = float(_SHORTEST)
    if len(queue):
        reach = max(reach, _LOOK_BACK * float((now - queue["queued_at"].min()).total_seconds()))
    elif len(ended):
        reach = max(reach, 1.1 * float((now - ended["queued_at"].max()).total_seconds()))
    recent = ended[_ended_at(ended) > now - pd.Timedelta(seconds=reach)].sort_values("queued_at")
    recent = recent.tail(_MOST_IN_TIMELINE // 3)
    rows = [*recent.to_dict("records"), *queue.to_dict("records")][:_MOST_IN_TIMELINE]
    if not rows:
        return Markup()
    left_out = len(ended) - len(recent)
    earliest = min(row["queued_at"] for row in rows)
    reach = min(reach, max(1.05 * float((now - earliest).total_seconds()), _HOUR))
    scale = _Scale(now - pd.Timedelta(seconds=reach), now)
    bars = [*_link_bar(link, scale), *(_bar_of(row, scale) for row in rows)]
    left = f"; {left_out} that ended earlier are not shown" if left_out else ""
    return _svg(f"Time line of {thing_name}, UTC{left}", bars, scale.ticks())


@dataclass(frozen=True, slots=True)
class _Scale:
    """Moments to places in the drawing."""

    start: pd.Timestamp
    end: pd.Timestamp

    def place(self, moment: pd.Timestamp) -> float:
        share = (max(moment, self.start) - self.start) / (self.end - self.start)
        return _LEFT + _SPAN * float(share)

    def ticks(self) -> list[tuple[float, str]]:
        hours = (self.end - self.start).total_seconds() / _HOUR
        step = next((step for step in _TICK_HOURS if hours / step <= _MOST_TICKS), _TICK_HOURS[-1])
        first = ceil(self.start.timestamp() / (step * _HOUR))
        last = floor(self.end.timestamp() / (step * _HOUR))
        moments = [pd.Timestamp(number * step * _HOUR, unit="s", tz="UTC") for number in range(first, last + 1)]
        words = "%d %b" if step * _HOUR >= _DAY else "%d %b %H:%M"
        return [(self.place(moment), moment.strftime(words)) for moment in moments]


def _bar_of(row: dict[Any, Any], scale: _Scale) -> Bar:
    finished = row["status"] not in UNFINISHED
    ended = _ended_at(pd.DataFrame([row])).iloc[0] if finished else scale.end
    started = row["started_at"] if pd.notna(row["started_at"]) else ended
    parts = [_span(row["queued_at"], started, Status.QUEUED, scale)]
    parts.append(_span(started, ended, row["status"] if finished else Status.IN_PROGRESS, scale))
    reports = []
    reported = row["status"] != Status.QUEUED and pd.notna(row["last_updated_at"])
    if reported and row["last_updated_at"] >= scale.start:
        reports.append((scale.place(row["last_updated_at"]), f"last report {exact(row['last_updated_at'])}"))
    name = f"{row['job_id']} #{row['execution_number']}"
    return Bar(
        name, tuple(part for part in parts if part.width > 0), str(row["status"]) if finished else "", tuple(reports)
    )


def _link_bar(link: Any | None, scale: _Scale) -> Iterator[Bar]:
    if link is None or pd.isna(link["connected"]) or pd.isna(link["changed_at"]):
        return
    word, change = ("connected", "connected") if link["connected"] else ("offline", "disconnected")
    why = "" if pd.isna(link["reason"]) or not link["reason"] else f", {link['reason']}"
    since = max(link["changed_at"], scale.start)
    segment = _span(since, scale.end, word, scale, f"{word} since {exact(link['changed_at'])}{why}")
    changes = ((scale.place(since), f"{change} {exact(since)}{why}"),) if link["changed_at"] >= scale.start else ()
    yield Bar("connection", (segment,), word, changes=changes)


def _span(start: pd.Timestamp, end: pd.Timestamp, look: str, scale: _Scale, title: str = "") -> Segment:
    lasted = duration_text((end - start).total_seconds())
    place = scale.place(start)
    words = title or f"{look} for {lasted}, from {exact(start)}"
    return Segment(place, max(0.0, scale.place(end) - place), str(look), words)


def _ages(unfinished: pd.DataFrame) -> Markup:
    counts = pd.crosstab(unfinished["age"].astype(str), unfinished["cause"]).reindex(list(AGE_EDGES), fill_value=0)
    old = int((unfinished["age_s"] >= 7 * _DAY).sum())
    are = agreeing(old, "is", "are")
    return _stacks(f"Age since queued: {old} of {many(len(unfinished), 'execution')} {are} older than 7 days", counts)


def _causes(counted: pd.DataFrame, *, whose: str) -> Markup:
    largest = counted.sort_values("unfinished", ascending=False, kind="stable").head(_MOST_BARS)
    more = len(counted) - len(largest)
    rest = f", the largest {len(largest)} of {len(counted)}" if more else ""
    return _stacks(f"Unfinished executions by {whose} and cause{rest}", largest.set_index("name"))


def _stacks(title: str, counts: pd.DataFrame) -> Markup:
    """Bars of counts by cause, one column a cause."""
    causes = [cause.value for cause in Cause if cause.value in counts.columns and counts[cause.value].any()]
    most = max(1, int(counts[causes].sum(axis=1).max()))
    bars = []
    for name, row in counts[causes].iterrows():
        at, segments = 0, []
        for cause in causes:
            number = int(row[cause])
            if number:
                segments.append(Segment(_LEFT + _SPAN * at / most, _SPAN * number / most, cause, f"{number} {cause}"))
            at += number
        bars.append(Bar(str(name), tuple(segments), str(at)))
    return _svg(title, bars, [(_LEFT + _SPAN * number / most, str(number)) for number in _round_numbers(most)])


def _round_numbers(most: int) -> range:
    step = 10 ** floor(log10(most))
    step = next(size for size in (max(1, step // 5), max(1, step // 2), step, 2 * step) if most / size <= _MOST_TICKS)
    return range(0, most + 1, step)


def _svg(title: str, bars: list[Bar], ticks: list[tuple[float, str]]) -> Markup:
    looks = list(dict.fromkeys(segment.look for bar in bars for segment in bar.segments))
    return render(
        "chart.html",
        title=title,
        bars=[(bar, _short(bar.name)) for bar in bars],
        ticks=ticks,
        looks=looks,
        number=next(_figure_numbers),
        left=_LEFT,
        width=_LEFT + _SPAN + _RIGHT,
        reports=any(bar.reports for bar in bars),
        changes=any(bar.changes for bar in bars),
    )


def _ended_at(executions: pd.DataFrame) -> pd.Series:
    return executions["last_updated_at"].fillna(executions["started_at"]).fillna(executions["queued_at"])


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[:18]}…{name[-10:]}"
