"""Figures: the ages, the causes by job and group, a thing's time line. matplotlib is imported when one is drawn."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pandas as pd

from iotjobs.diagnosis.colours import CAUSE_LOOKS, STATUS_LOOKS, Look
from iotjobs.diagnosis.overview import AGE_EDGES, by_group, by_job, unfinished_of
from iotjobs.model import UNFINISHED, Cause, Status

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_BARS = 12
_MOST_IN_TIMELINE = 15
_DAY = 86400
_HOUR = 3600
_LONGEST_NAME = 30
_DPI = 150
_WIDTH = 7.0
#: A time line reaches back this much further than its oldest unfinished execution; what ended before is left out.
_LOOK_BACK = 1.5
_SHORTEST = 3 * _DAY


def figures_of(executions: pd.DataFrame) -> dict[str, bytes]:
    """The figures of an executions table as PNG, by what they show; none when nothing is unfinished."""
    rows = unfinished_of(executions)
    if rows.empty:
        return {}
    drawn = {"Ages by cause": age_figure(rows)}
    jobs, groups = by_job(executions), by_group(executions)
    if len(groups) > 1:
        drawn["Causes by device group"] = cause_figure(groups, whose="device group")
    if len(jobs) > 1:
        drawn["Causes by job"] = cause_figure(jobs, whose="job")
    return {title: png(figure) for title, figure in drawn.items()}


def age_figure(unfinished: pd.DataFrame) -> Figure:
    """How many executions are how old, and of what cause. `unfinished` as `estate.unfinished_of` makes it."""
    counts = pd.crosstab(unfinished["age"].astype(str), unfinished["cause"]).reindex(list(AGE_EDGES), fill_value=0)
    figure, axes = _blank(bars=len(counts))
    _stack(axes, counts)
    old = int((unfinished["age_s"] >= 7 * _DAY).sum())
    axes.set_title(f"Age since queued: {old} of {len(unfinished)} are older than 7 days", loc="left")
    return figure


def cause_figure(counted: pd.DataFrame, *, whose: str) -> Figure:
    """How many executions have which cause, for each row of `estate.by_job` or `by_group`; the worst ones."""
    shown = counted.head(_MOST_BARS)
    counts = shown.set_index(pd.Index([_short(str(name)) for name in shown["name"]]))
    figure, axes = _blank(bars=len(counts))
    _stack(axes, counts[[cause.value for cause in Cause if cause.value in counts.columns]])
    more = len(counted) - len(shown)
    rest = f", the worst {len(shown)} of {len(counted)}" if more else ""
    axes.set_title(f"Unfinished executions by {whose} and cause{rest}", loc="left")
    return figure


def timeline_png(executions: pd.DataFrame, queue: pd.DataFrame, *, thing_name: str, as_of: datetime) -> bytes | None:
    """A thing's time line as PNG, None when the thing has no execution to show.

    `queue` is the thing's in the order of delivery; of `executions` those of the thing that ended are added, as
    far back as the queue makes worth while.
    """
    ended = executions[(executions["thing_name"] == thing_name) & ~executions["status"].isin(UNFINISHED)]
    now = pd.Timestamp(as_of)
    reach = float(_SHORTEST)
    if len(queue):
        reach = max(reach, _LOOK_BACK * float((now - queue["queued_at"].min()).total_seconds()))
    elif len(ended):
        reach = max(reach, 1.1 * float((now - ended["queued_at"].max()).total_seconds()))
    recent = ended[_ended_at(ended) > now - pd.Timedelta(seconds=reach)].sort_values("queued_at")
    rows = [*recent.tail(_MOST_IN_TIMELINE // 3).to_dict("records"), *queue.to_dict("records")][:_MOST_IN_TIMELINE]
    if not rows:
        return None
    left_out = len(ended) - len(recent.tail(_MOST_IN_TIMELINE // 3))
    earliest = min(row["queued_at"] for row in rows)
    reach = min(reach, max(1.05 * float((now - earliest).total_seconds()), _HOUR))
    return png(_timeline(rows, thing_name=thing_name, now=now, reach=reach, left_out=left_out))


def image(data: bytes, *, alt: str) -> str:
    """A PNG as an `img` that stands alone; `alt` must be escaped already."""
    encoded = base64.b64encode(data).decode("ascii")
    return f'<img alt="{alt}" src="data:image/png;base64,{encoded}" style="width:100%;max-width:{_WIDTH * 110:.0f}px">'


def png(figure: Figure) -> bytes:
    """A figure as PNG, without the library's version or the time in it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return buffer.getvalue()


def _timeline(rows: list[dict[Any, Any]], *, thing_name: str, now: pd.Timestamp, reach: float, left_out: int) -> Figure:
    figure, axes = _blank(bars=len(rows))
    unit, name = (_DAY, "days") if reach > 2 * _DAY else (_HOUR, "hours")
    for place, row in enumerate(rows):
        finished = row["status"] not in UNFINISHED
        ended = _ended_at(pd.DataFrame([row])).iloc[0] if finished else now
        begun = row["started_at"] if pd.notna(row["started_at"]) else ended
        queued_at, started_at, ended_at = (
            (moment - now).total_seconds() / unit for moment in (row["queued_at"], begun, ended)
        )
        _bar(axes, place, queued_at, started_at, Status.QUEUED)
        _bar(axes, place, started_at, ended_at, row["status"] if finished else Status.IN_PROGRESS)
        if finished and started_at >= ended_at:  # it never started: its end is all there is to see
            _mark(axes, place, ended_at, row["status"])
    axes.set_yticks(range(len(rows)), [f"{_short(str(row['job_id']))} #{row['execution_number']}" for row in rows])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.invert_yaxis()
    axes.set_xlim(-reach / unit, 0)
    axes.set_xlabel(f"{name} from now" + (f"; {left_out} that ended earlier are not shown" if left_out else ""))
    _legend(axes)
    axes.set_title(f"Time line of {_short(thing_name)}", loc="left")
    return figure


def _ended_at(executions: pd.DataFrame) -> pd.Series:
    return executions["last_updated_at"].fillna(executions["started_at"]).fillna(executions["queued_at"])


def _blank(*, bars: int) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure  # noqa: PLC0415 - slow to import

    figure = Figure(figsize=(_WIDTH, 1.3 + 0.3 * max(bars, 2)), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return figure, axes


def _stack(axes: Axes, counts: pd.DataFrame) -> None:
    """Draw bars of counts by cause, one column a cause, the most to deal with nearest the axis."""
    left = pd.Series(0, index=counts.index)
    places = list(range(len(counts)))
    for name, look in _in_order(counts, CAUSE_LOOKS).items():
        _barh(axes, places, counts[name].tolist(), left.tolist(), look, label=name)
        left = left + counts[name]
    axes.set_yticks(places, list(counts.index))
    axes.locator_params(axis="x", integer=True)
    for place, total in zip(places, left, strict=True):
        axes.annotate(f" {total}", (total, place), va="center")
    axes.set_xlim(0, max(1.0, float(left.max()) * 1.08))
    axes.invert_yaxis()
    axes.set_xlabel("executions")
    _legend(axes)


def _in_order(counts: pd.DataFrame, looks: Mapping[str, Look]) -> dict[str, Look]:
    return {name: look for name, look in looks.items() if name in counts.columns and counts[name].any()}


def _bar(axes: Axes, place: int, start: float, end: float, status: str) -> None:
    if end > start:
        _barh(axes, [place], [end - start], [start], STATUS_LOOKS[status], label=str(status))


def _mark(axes: Axes, place: int, at: float, status: str) -> None:
    axes.plot([at], [place], marker="|", color=STATUS_LOOKS[status].fill, markersize=12, label=str(status), ls="none")


def _barh(axes: Axes, places: list[int], widths: list[Any], left: list[Any], look: Look, *, label: str) -> None:
    axes.barh(
        places, widths, left=left, color=look.fill, hatch=look.hatch, edgecolor="white", linewidth=0.5, label=label
    )


def _legend(axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    axes.legend(unique.values(), unique.keys(), loc="upper left", bbox_to_anchor=(1, 1.05), frameon=False, fontsize=9)


def _short(name: str) -> str:
    plain = name.replace("$", r"\$")
    return plain if len(plain) <= _LONGEST_NAME else f"{plain[:18]}…{plain[-10:]}"
