"""The sweep that is printed, or planned by a button, for rows that a person sees: exactly those, and its caps are said."""

from __future__ import annotations

import shlex
from typing import Any

import pandas as pd
import pytest

from iotjobs.columns import EXECUTION_COLUMNS, JOB_COLUMNS, table
from iotjobs.deletion.printed_sweep import PrintedSweep, printed_sweep, sweep_parameters
from iotjobs.model import Action
from iotjobs.project_file import Project
from iotjobs.snapshot import Place
from iotjobs.sweep_rule import from_parameters

AS_OF = pd.Timestamp("2026-11-25T12:00:00Z")
DAY = pd.Timedelta(days=1)


def _rows(*rows: tuple[str, str, str, int, bool], job_id: str = "fw") -> pd.DataFrame:
    """Thing, status, cause, age in hours, whether it is stuck."""
    things, statuses, causes, hours, stuck = zip(*rows, strict=True)
    made = table(
        EXECUTION_COLUMNS,
        {
            "job_id": [job_id] * len(rows),
            "thing_name": list(things),
            "execution_number": [1] * len(rows),
            "status": list(statuses),
            "queued_at": [AS_OF - pd.Timedelta(hours=each) for each in hours],
        },
    )
    return made.assign(cause=list(causes), stuck=pd.array(list(stuck), dtype="boolean"))


def _printed(executions: pd.DataFrame, *, project: Project | None = None, **counts: Any) -> PrintedSweep:
    jobs = table(JOB_COLUMNS, {"job_id": ["fw"], **{name: [count] for name, count in counts.items()}})
    return printed_sweep(
        executions.iloc[0],
        executions,
        jobs,
        action=Action.DELETE,
        place=Place(),
        as_of=AS_OF.to_pydatetime(),
        stuck_after=DAY.to_pytimedelta(),
        project=project or Project(),
    )


def test_what_is_stuck_at_any_age_is_planned_although_it_is_young() -> None:
    rows = _rows(("pump-1", "QUEUED", "thing_gone", 2, True), ("pump-2", "QUEUED", "thing_gone", 50, True))
    rule = from_parameters(sweep_parameters(rows, as_of=AS_OF, stuck_after=DAY))
    assert rule.chooses(rows, as_of=AS_OF).tolist() == [True, True]


def test_the_rule_fits_what_is_shown_and_nothing_that_is_not_stuck_for_that_cause() -> None:
    rows = _rows(
        ("pump-1", "QUEUED", "device_offline", 50, True),
        ("pump-2", "QUEUED", "device_offline", 30, True),
        ("pump-3", "IN_PROGRESS", "stalled", 50, True),
        ("pump-4", "SUCCEEDED", "", 500, False),
    )
    words = shlex.split(_printed(rows, QUEUED=2, IN_PROGRESS=1, SUCCEEDED=97).command)
    options = dict(zip(words[3::2], words[4::2], strict=False))
    assert options["--causes"] == "device_offline"
    assert options["--statuses"] == "QUEUED"
    assert options["--older-than"] == options["--stuck-after"] == "24h"
    assert not any(option.startswith("--max") for option in options)


REFUSED = "As it stands it would be refused:"


@pytest.mark.parametrize(
    ("counts", "project", "beside"),
    [
        ({"QUEUED": 2, "SUCCEEDED": 98}, Project(), ["2 executions."]),
        (
            {"QUEUED": 2, "SUCCEEDED": 1},
            Project(),
            [
                f"{REFUSED} 2 of the 3 executions of job fw are more than max_fraction (0.1, the default).",
                "If all of them are meant, add --max-fraction 0.67.",
            ],
        ),
        (
            {"QUEUED": 2, "SUCCEEDED": 1},
            Project(file="iotjobs.toml", max_fraction=0.5, max_deletes=1),
            [
                f"{REFUSED} 2 executions are more than max_deletes (1, of iotjobs.toml).",
                "No parameter can raise it over 1, as iotjobs.toml says",
                "No parameter can raise it over 0.5, as iotjobs.toml says",
            ],
        ),
        (
            {"QUEUED": 2, "SUCCEEDED": 98},
            Project(file="iotjobs.toml", protect=("pump-2",)),
            ["1 execution.", "1 more is left alone, such as pump-2 is protected by iotjobs.toml (protect has pump-2)."],
        ),
        ({}, Project(), ["How many executions the job has was not read: max_fraction (0.1, the default) may refuse"]),
    ],
)
def test_beside_the_command_stands_which_cap_refuses_it_and_which_value_would_do(
    counts: dict[str, int], project: Project, beside: list[str]
) -> None:
    rows = _rows(("pump-1", "QUEUED", "device_offline", 50, True), ("pump-2", "QUEUED", "device_offline", 50, True))
    note = _printed(rows, project=project, **counts).note
    assert [words for words in beside if words not in note] == []
    assert (REFUSED in note) == any(REFUSED in words for words in beside)
