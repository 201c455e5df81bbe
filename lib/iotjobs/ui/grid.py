"""A live table: sorted by its headers, filtered as one types, walked by keyboard, over all rows.

The kernel sorts, filters and cuts pages of plain tables however long they are, and `templates/grid.html` makes the
page's HTML, as for every other view; `grid.js` says what a person did. So no row is out of reach, and nothing that a
device wrote is ever markup.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Any

import anywidget
import pandas as pd
import traitlets

from iotjobs.markup import render, visible
from iotjobs.run.directory import harmless
from iotjobs.ui.static import Row

_PAGE_LENGTHS = (5, 8, 25, 100)
_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class GridColumn:
    """A column: `name` is what it sorts by, searches and copies; `cell` is what it shows of a row.

    ``kind`` and ``fold`` as in `static.Column`. ``hidden`` columns are searched and copied, not shown. ``text`` makes
    of the column what is searched and filtered, where a person sees other words than the column holds.
    """

    title: str
    name: str
    cell: Callable[[Row], Any] | None = None
    kind: str = ""
    hidden: bool = False
    fold: int = 0
    text: Callable[[pd.DataFrame], pd.Series] | None = None


class Grid(anywidget.AnyWidget):
    """A live table of a frame; its rows are known by their places in it. Observe `chosen`, and `matched`.

    `matched` changes with `matches`. With ``reveal`` the plan or view that it is in is scrolled to when it is first
    shown. ``frame``: all rows, numbered from 0.
    ``crossed``: the places of rows that are dealt with, and how. A ``plain`` one keeps the order of its rows, and has
    its tools only where there are more than a page; ``below`` is the column whose text stands under its row, ``strong``
    the flag of rows that are set apart.
    """

    _esm = _HERE / "grid.js"
    html = traitlets.Unicode().tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)
    reveal = traitlets.Bool(default_value=False).tag(sync=True)
    chosen = traitlets.Tuple()
    matched = traitlets.Int(default_value=0)

    def __init__(
        self,
        frame: pd.DataFrame,
        columns: tuple[GridColumn, ...],
        *,
        label: str,
        length: int = 8,
        several: bool = False,
        plain: bool = False,
        below: str | None = None,
        strong: str | None = None,
    ) -> None:
        super().__init__(label=label)
        self.crossed: Mapping[int, str] = {}
        self._columns = columns
        self._plain, self._below, self._strong = plain, below, strong
        self._several = several
        self._length = length
        self._search = ""
        self._filters: dict[str, str] = {}
        self._sort: tuple[str, bool] | None = None
        self._page = 0
        self._set(frame)
        self.observe(self._draw_page_of_choice, "chosen")
        self.on_msg(self._heard)

    def show(self, frame: pd.DataFrame, *, crossed: Mapping[int, str] | None = None) -> None:
        """Show another frame of the same columns; what was sorted, searched and filtered for stays."""
        self.crossed = crossed or {}
        self._set(frame)

    def cross(self, crossed: Mapping[int, str]) -> None:
        """Say of rows, by their places, how they were dealt with."""
        self.crossed = crossed
        self._draw()

    @property
    def matches(self) -> pd.DataFrame:
        """The rows that fit what is searched and filtered for, in the order shown; the index is their places."""
        return self.frame.loc[self._places]

    @property
    def filtered(self) -> bool:
        """Whether anything is searched or filtered for."""
        return bool(self._search.strip() or self._filters)

    def csv(self) -> str:
        """The matching rows as CSV, with a header; what a spreadsheet would run as a formula is text."""
        file = io.StringIO()
        writer = csv.writer(file)
        writer.writerow([column.title for column in self._columns])
        rows = self.matches[[column.name for column in self._columns]]
        writer.writerows([harmless(visible(value)) for value in row] for row in rows.itertuples(index=False, name=None))
        return file.getvalue()

    def _set(self, frame: pd.DataFrame) -> None:
        self.frame = frame.reset_index(drop=True)
        self._texts: dict[str, pd.Series] = {}
        self._whole: pd.Series | None = None
        self._places: list[int] = []
        self._page = 0
        self.chosen = ()
        self._match()

    def _match(self) -> None:
        fits = pd.Series(True, index=self.frame.index)
        for word in _plain(self._search).split():
            fits &= self._whole_text().str.contains(word, regex=False)
        for name, part in self._filters.items():
            columns = [column for column in self._columns if column.name == name]
            fits &= self._text_of(columns).str.contains(_plain(part).strip(), regex=False)
        rows = self.frame[fits]
        if self._sort is not None:
            name, ascending = self._sort
            rows = rows.sort_values(name, ascending=ascending, kind="stable")
        self._places = rows.index.tolist()
        self.matched += 1
        self._page = min(self._page, max(0, ceil(len(self._places) / self._length) - 1))
        self._draw()

    def _whole_text(self) -> pd.Series:
        if self._whole is None:
            self._whole = self._text_of(self._columns)
        return self._whole

    def _text_of(self, columns: Iterable[GridColumn]) -> pd.Series:
        """The columns as one text a row, such as `_plain` makes; made when first asked for."""
        text = pd.Series("", index=self.frame.index, dtype="str")
        for column in columns:
            if column.name not in self._texts:
                values = column.text(self.frame) if column.text else self.frame[column.name]
                words = values.astype("str").fillna("").str.lower().str.replace("_", " ", regex=False)
                self._texts[column.name] = words
            text = text + " " + self._texts[column.name]
        return text

    def _draw(self) -> None:
        first = self._page * self._length
        places = self._places[first : first + self._length]
        columns = [self._unfolded(column) for column in self._columns if not column.hidden]
        records = self.frame.loc[places].to_dict("records")
        rows = [
            {
                "place": place,
                "chosen": place in self.chosen,
                "crossed": self.crossed.get(place),
                "strong": self._strong is not None and bool(row[self._strong]),
                "below": None if self._below is None else row[self._below],
                "cells": [column.cell(row) if column.cell else row[column.name] for column in columns],
            }
            for place, row in zip(places, records, strict=True)
        ]
        self.html = render(
            "grid.html",
            label=self.label,
            columns=columns,
            rows=rows,
            sort=self._sort,
            search=self._search,
            filters=self._filters,
            first=first,
            matching=len(self._places),
            of_all=len(self.frame),
            pages=max(1, ceil(len(self._places) / self._length)),
            page=self._page,
            length=self._length,
            lengths=sorted({*_PAGE_LENGTHS, self._length}),
            several=self._several,
            plain=self._plain,
            widest=max(column.fold for column in columns),
        )

    def _unfolded(self, column: GridColumn) -> GridColumn:
        """A column that is sorted or filtered by is never folded away."""
        used = column.name in self._filters or (self._sort is not None and self._sort[0] == column.name)
        return replace(column, fold=0) if used else column

    def _draw_page_of_choice(self, _change: Any) -> None:
        """Show the page of what was chosen elsewhere."""
        if self.chosen and self.chosen[0] in self._places:
            self._page = self._places.index(self.chosen[0]) // self._length
        self._draw()

    def _heard(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        act, value = str(content.get("do")), str(content.get("value", ""))
        if act == "choose":
            self._choose(int(value))
        elif act == "sort":
            self._sort = self._next_sort(value)
            self._match()
        elif act == "search":
            self._search, self._page = value, 0
            self._match()
        elif act == "filter":
            name = str(content.get("name"))
            self._filters = (
                {**self._filters, name: value}
                if value.strip()
                else {each: part for each, part in self._filters.items() if each != name}
            )
            self._page = 0
            self._match()
        elif act == "page":
            self._page = max(0, int(value))
            self._match()
        elif act == "length":
            self._length, self._page = int(value), 0
            self._match()
        elif act in ("copy", "csv"):
            self.send({"do": act, "text": self.csv(), "name": f"{self.label}.csv"})

    def _choose(self, place: int) -> None:
        if place not in self.frame.index:
            return
        if not self._several:
            self.chosen = (place,)
        else:
            rest = tuple(other for other in self.chosen if other != place)
            self.chosen = rest if place in self.chosen else (*rest, place)

    def _next_sort(self, name: str) -> tuple[str, bool] | None:
        """Up, down, and back to the order that the rows came in."""
        if name not in {column.name for column in self._columns}:
            return self._sort
        if self._sort is None or self._sort[0] != name:
            return (name, True)
        return (name, False) if self._sort[1] else None


def _plain(words: str) -> str:
    """What is typed, and what it is looked for in: `force_delete`, as AWS and the files write it, is `force delete`."""
    return words.lower().replace("_", " ")
