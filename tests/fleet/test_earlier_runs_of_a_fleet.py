"""A fleet's runs name the one before by `compare_with`: the history is walked back, and what cannot be walked is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from iotjobs.errors import InvalidInput
from iotjobs.targets.history import HISTORY_COLUMNS, history_of


def _run(folder: Path, name: str, *, earlier: str | None, stuck: int, **more: Any) -> str:
    path = folder / name
    path.mkdir()
    result = {
        "notebook": "fleet",
        "outcome": "ok",
        "started_at": "2026-11-20T06:00:00Z",
        "finished_at": "2026-11-20T06:01:00Z",
        "parameters": {"compare_with": earlier},
        "counts": {"targets": 2, "targets_failed": 0, "unfinished": 9, "stuck": stuck},
    }
    (path / "result.json").write_text(json.dumps({**result, **more}))
    return str(path)


def test_the_runs_before_are_walked_back_the_latest_first(tmp_path: Path) -> None:
    first = _run(tmp_path, "first", earlier=None, stuck=1)
    second = _run(tmp_path, "second", earlier=first, stuck=5)
    history = history_of(second)
    assert list(history.columns) == HISTORY_COLUMNS
    assert history[["run", "stuck"]].to_numpy().tolist() == [["second", 5], ["first", 1]]
    assert history_of(None).empty


def test_an_older_one_that_is_gone_or_leads_back_ends_the_history(tmp_path: Path) -> None:
    assert history_of(_run(tmp_path, "a", earlier=str(tmp_path / "gone"), stuck=1))["run"].tolist() == ["a"]
    assert history_of(_run(tmp_path, "b", earlier=str(tmp_path / "b"), stuck=1))["run"].tolist() == ["b"]


@pytest.mark.parametrize(
    "more",
    [{"notebook": "investigate"}, {"finished_at": None}, {"counts": {"stuck": "x"}}, {"counts": 3}, {"parameters": 3}],
)
def test_what_is_no_investigation_of_a_fleet_is_invalid(tmp_path: Path, more: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=r"compare_with: .* is not the run directory of a fleet's investigation"):
        history_of(_run(tmp_path, "x", earlier=None, stuck=1, **more))
    with pytest.raises(InvalidInput):
        history_of(str(tmp_path / "nowhere"))
