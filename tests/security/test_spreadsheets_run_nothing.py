"""A CSV of a run, opened in a spreadsheet of any language, runs nothing that a device wrote."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pandas as pd
import pytest

from iotjobs.run.directory import RunDirectory

STARTS = "=+-@" + "\uff1d\uff0b\uff0d\uff20"  # in full width as well
FORMULAS = (*(f"{start}1+1" for start in STARTS), '"=1+1"', "\t=1+1")
BEGINS_A_FORMULA = re.compile(rf"[\s\"]*[{re.escape(STARTS)}]")
PLACES = ("{}", "\n{}", "\r{}", "\r\n{}", "\t{}", " {}", "a;{}", "a; {}", "a\n{}", "a\r{}", "a\t{}", "a|{}", "a;b\n{}")


def _cells(text: str, delimiter: str) -> list[str]:
    return [cell for row in csv.reader(io.StringIO(text), delimiter=delimiter) for cell in row]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("formula", FORMULAS)
def test_no_cell_begins_a_formula(formula: str, place: str, tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    table = pd.DataFrame({"evidence": [place.format(formula)], "job_id": ["x"]})
    with directory.exclusive():
        directory.write_csv("t.csv", table)
    text = (tmp_path / "t.csv").read_bytes().decode()
    for delimiter in (",", ";", "\t"):
        assert not [cell for cell in _cells(text, delimiter) if BEGINS_A_FORMULA.match(cell)], delimiter
    lines = re.split(r"[\r\n;\t|]", text)  # as a reader does that gives quotes no meaning
    assert not [line for line in lines if BEGINS_A_FORMULA.match(line)]


@pytest.mark.parametrize("text", ["pump-7", "2026-11-20", "a;b", "job x: 3 of 4", "firmware=2", "a-b;c+d", "x\ny"])
def test_what_is_no_formula_stays_as_it_is(text: str, tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    with directory.exclusive():
        directory.write_csv("t.csv", pd.DataFrame({"evidence": [text]}))
    assert pd.read_csv(tmp_path / "t.csv")["evidence"].tolist() == [text]
