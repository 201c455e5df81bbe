"""The caps of a sweep: the tightest holds, and one message says which, where it comes from, and what would do."""

from __future__ import annotations

from typing import Any

import pytest

from iotjobs.deletion.caps import Caps, fraction_for, in_force
from iotjobs.parameter_values import fraction
from iotjobs.project_file import Project

DEFAULTS = {"max_deletes": 25, "max_fraction": 0.1}
FILE = Project(file="iotjobs.toml", max_deletes=20, max_fraction=0.05)


@pytest.mark.parametrize(
    ("parameters", "project", "plan", "value", "source"),
    [
        ({}, Project(), None, 0.1, "the default"),
        ({"max_fraction": 0.1}, Project(), None, 0.1, "as given"),
        ({"max_fraction": 1.0}, FILE, None, 0.05, "of iotjobs.toml"),
        ({"max_fraction": 0.01}, FILE, None, 0.01, "as given"),
        ({}, Project(), Caps(25, 0.5), 0.5, "of the plan"),
        ({}, Project(), Caps(), 0.1, "the default"),
        ({"max_fraction": 0.2}, Project(), Caps(25, 0.5), 0.2, "as given"),
        ({"max_fraction": 0.2}, FILE, Caps(25, 0.5), 0.05, "of iotjobs.toml"),
        ({}, FILE, Caps(25, 0.02), 0.02, "of the plan"),
    ],
)
def test_the_tightest_value_holds_and_says_where_it_comes_from(
    parameters: dict[str, Any], project: Project, plan: Caps | None, value: float, source: str
) -> None:
    cap = in_force(DEFAULTS | parameters, parameters, project, plan=plan).max_fraction
    assert (cap.value, cap.source) == (value, source)


def test_each_cap_that_is_exceeded_is_named_once_with_what_would_do() -> None:
    both = in_force(DEFAULTS, (), Project())
    most, fraction_of_a = (str(each) for each in both.exceeded_by(30, [("a", 30, 40), ("b", 0, 5)]))
    assert most == (
        "the rule matches 30 executions, more than max_deletes (25, the default): nothing is done. Narrow the rule, "
        "or plan again with max_deletes of at least 30 if all of them are meant"
    )
    assert "30 of the 40 executions of job a, more than max_fraction (0.1, the default)" in fraction_of_a
    assert "max_fraction of at least 0.75" in fraction_of_a


def test_no_value_is_proposed_that_the_project_file_would_refuse() -> None:
    held = in_force(DEFAULTS | {"max_deletes": 15}, {"max_deletes"}, FILE)
    within, beyond = (str(held.exceeded_by(count)[0]) for count in (18, 21))
    assert "max_deletes (15, as given)" in within
    assert "max_deletes of at least 18" in within
    assert "No parameter can raise it over 20, as iotjobs.toml says: narrow the rule" in beyond


def test_more_than_there_are_is_no_matter_of_a_greater_cap() -> None:
    (exceeded,) = in_force(DEFAULTS, (), Project()).exceeded_by(0, [("a", 3, 2)])
    assert exceeded.needed is None
    assert "at least" not in str(exceeded)


@pytest.mark.parametrize("total", [1, 2, 3, 7, 10, 30, 999, 12_345, 1_000_000])
def test_the_fraction_that_is_proposed_lets_them_pass_and_little_more(total: int) -> None:
    for count in {1, 2, total // 7, total // 3, total - 1, total} & set(range(1, total + 1)):
        text = fraction_for(count, total)
        assert text is not None
        caps = in_force(DEFAULTS | {"max_fraction": fraction(text, name="max_fraction")}, {"max_fraction"}, Project())
        assert caps.exceeded_by(0, [("a", count, total)]) == []
        assert float(text) <= min(1, count / total * 1.1 + 1e-9)
