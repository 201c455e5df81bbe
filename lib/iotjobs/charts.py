"""Figures: the ages, the causes, and one thing's time line. matplotlib is imported only when one is drawn."""

from __future__ import annotations

import io
from datetime import datetime
from typing import TYPE_CHECKING

import pandas as pd

from iotjobs.domain import UNFINISHED, Cause, Status

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from iotjobs.investigation import Findings

#: Okabe and Ito's palette, told apart by all kinds of colour vision; the hatches tell apart what shares a colour.
_PALETTE = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#cc79a7", "#f0e442", "#4d4d4d")
_HATCHES = ("", "//", "..")
_STATUS_COLOURS = {status.value: _PALETTE[place] for place, status in enumerate(Status)}
_MOST_JOBS = 15
_HOUR = 3600
_AGE_EDGES = {
    "< 1 h": 1,
    "1 h to 24 h": 24,
    "1 d to 3 d": 72,
    "3 d to 7 d": 168,
    "7 d to 30 d": 720,
    "> 30 d": float("inf"),
}


_LONGEST_NAME = 32


class Figures:
    """The figures of an investigation; shown as PNG, so that screen and report are alike."""

    def __init__(self, drawn: dict[str, Figure]) -> None:
        self.drawn = drawn

    def __repr__(self) -> str:
        return "; ".join(self.drawn)

    def pngs(self) -> dict[str, bytes]:
        """Each figure as PNG, by what it says."""
        return {title: png(figure) for title, figure in self.drawn.items()}

    def _ipython_display_(self) -> None:
        from IPython.display import Image, display  # noqa: PLC0415 - only a notebook needs it

        for title, data in self.pngs().items():
            display(Image(data=data, format="png", alt=title))


def figures(findings: Findings) -> Figures:
    """The ages and causes of the findings, and the time line of the chosen (else the worst) thing."""
    unfinished = findings.executions[findings.executions["status"].isin(UNFINISHED)]
    if unfinished.empty:
        return Figures({})
    drawn = {
        "Ages of the unfinished executions": age_figure(unfinished),
        "Causes by job": cause_figure(unfinished),
    }
    thing_name = findings.thing_name or str(findings.executions.iloc[0]["thing_name"])
    queue = findings.queues[findings.queues["thing_name"] == thing_name]
    if len(queue):
        drawn[f"Time line of {thing_name}"] = timeline_figure(queue, thing_name=thing_name, as_of=findings.as_of)
    return Figures(drawn)


def age_figure(executions: pd.DataFrame) -> Figure:
    """How many executions of each status are how old."""
    figure, axes = _blank(height=3.2)
    edges = [-1.0, *(hours * _HOUR for hours in _AGE_EDGES.values())]
    ages = pd.cut(executions["age_s"].astype("float64"), edges, labels=list(_AGE_EDGES))
    counts = pd.crosstab(ages, executions["status"], dropna=False).reindex(list(_AGE_EDGES), fill_value=0)
    _stack(axes, counts, {name: (_STATUS_COLOURS.get(name, "#4d4d4d"), "") for name in counts.columns})
    old = int((executions["age_s"] > 72 * _HOUR).sum())
    axes.set_title(f"{old} of {len(executions)} executions are older than 3 days", loc="left")
    axes.set_xlabel("executions")
    return figure


def cause_figure(executions: pd.DataFrame) -> Figure:
    """How many executions of each job have which cause; the jobs with most of them."""
    counts = pd.crosstab(executions["job_id"], executions["cause"])
    counts = counts.loc[counts.sum(axis=1).sort_values(ascending=False).index[:_MOST_JOBS]]
    figure, axes = _blank(height=1.6 + 0.35 * len(counts))
    order = [cause.value for cause in Cause]
    looks = {
        name: (_PALETTE[order.index(name) % 8], _HATCHES[order.index(name) // 8])
        for name in order
        if name in counts.columns
    }
    counts.index = pd.Index([_short(str(name)) for name in counts.index])
    _stack(axes, counts[list(looks)], looks)
    first = executions["cause"].value_counts()
    axes.set_title(f"The most frequent cause is {first.index[0]}: {first.iloc[0]} of {len(executions)}", loc="left")
    axes.set_xlabel("unfinished executions")
    return figure


def timeline_figure(queue: pd.DataFrame, *, thing_name: str, as_of: datetime) -> Figure:
    """One bar for each execution in a thing's queue, from queued to now; the part in progress is set apart."""
    rows = queue.sort_values("position").head(_MOST_JOBS)
    figure, axes = _blank(height=1.6 + 0.35 * len(rows))
    now = pd.Timestamp(as_of)
    for place, row in enumerate(rows.to_dict("records")):
        begun = row["started_at"] if pd.notna(row["started_at"]) else now
        _bar(axes, place, (row["queued_at"], begun), Status.QUEUED, now)
        _bar(axes, place, (begun, now), Status.IN_PROGRESS, now)
    names = [f"{_short(str(row['job_id']))} #{row['execution_number']}" for row in rows.to_dict("records")]
    axes.set_yticks(range(len(rows)), names)
    axes.invert_yaxis()
    axes.set_xlabel("days; 0 is now")
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    axes.legend(unique.values(), unique.keys(), loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    head = rows.iloc[0]
    axes.set_title(
        f"{_short(thing_name)}: {_short(str(head['job_id']))} is first, {len(queue) - 1} wait behind it",
        loc="left",
    )
    return figure


def png(figure: Figure) -> bytes:
    """A figure as PNG, without the library's version or the time in it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()


def _blank(*, height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure  # noqa: PLC0415 - slow to import

    figure = Figure(figsize=(9, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _stack(axes: Axes, counts: pd.DataFrame, looks: dict[str, tuple[str, str]]) -> None:
    left = pd.Series(0, index=counts.index)
    for name, (colour, hatch) in looks.items():
        axes.barh(
            list(counts.index),
            counts[name],
            left=left,
            color=colour,
            hatch=hatch,
            edgecolor="white",
            label=name,
        )
        left = left + counts[name]
    axes.locator_params(axis="x", integer=True)
    for label, total in left.items():
        axes.annotate(f" {total}", (total, label), va="center")
    axes.invert_yaxis()
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)


def _bar(axes: Axes, place: int, span: tuple[pd.Timestamp, pd.Timestamp], status: Status, now: pd.Timestamp) -> None:
    start, end = ((moment - now).total_seconds() / (24 * _HOUR) for moment in span)
    if end > start:
        axes.barh(place, end - start, left=start, color=_STATUS_COLOURS[status], label=status.value)


def _short(name: str) -> str:
    plain = name.replace("$", r"\$")
    return plain if len(plain) <= _LONGEST_NAME else f"{plain[:20]}…{plain[-10:]}"
