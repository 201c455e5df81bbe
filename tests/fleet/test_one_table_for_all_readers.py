"""The fleet's table is one table for pandas, DuckDB and Polars, also with a target that has no row; its overview too."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pytest

from iotjobs.columns import DIAGNOSIS_COLUMNS, EXECUTION_COLUMNS
from iotjobs.columns import table as typed
from iotjobs.model import Outcome
from iotjobs.targets import table
from iotjobs.targets.answers import TargetAnswer
from iotjobs.targets.view import FleetView
from iotjobs.ui.fleet_report import fleet_report

COLUMNS = ["account_id", "region", "target", "job_id", "thing_name", "execution_number", "cause", "stuck"]
NAMES = ["pump-1", "007", "=1+1", "\u202epump"]
PLACES = [
    ("012345678901", "eu-west-1", "north"),
    ("012345678901", "us-east-1", "south"),
    ("111111111111", "eu-west-1", "b"),
]


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    empty = typed({**EXECUTION_COLUMNS, **DIAGNOSIS_COLUMNS}).assign(job_status="", thing_groups="")
    table.write(tmp_path, empty, target="nothing", account="222222222222", region="eu-west-1")
    for account, region, target in PLACES:
        rows = {
            "job_id": ["firmware"] * 4,
            "thing_name": NAMES,
            "execution_number": [1, 2, 3, 4],
            "queued_at": [pd.Timestamp("2026-11-20T10:00:00.123Z")] * 4,
            "stuck": [True, True, False, pd.NA],
            "cause": ["device_offline", "orphaned", "fresh", ""],
        }
        found = typed({**EXECUTION_COLUMNS, **DIAGNOSIS_COLUMNS}, rows).assign(job_status="CANCELED", thing_groups="")
        table.write(tmp_path, found, target=target, account=account, region=region)
    return tmp_path


def test_pandas_duckdb_and_polars_read_the_same(run_dir: Path) -> None:
    home = run_dir / "executions"
    frames = {
        "pandas": pd.read_parquet(home),
        "duckdb": duckdb.read_parquet(f"{home}/**/*.parquet", hive_partitioning=True).df(),
        "polars": pl.scan_parquet(home / "**" / "*.parquet", hive_partitioning=True).collect().to_pandas(),
    }
    rows = {name: sorted(map(_told, frame[COLUMNS].to_numpy().tolist())) for name, frame in frames.items()}
    assert len(rows["pandas"]) == 12
    assert rows["pandas"] == rows["duckdb"] == rows["polars"]
    assert {row[0] for row in rows["pandas"]} == {"012345678901", "111111111111"}, "accounts keep their zeros"


def _told(row: list[object]) -> tuple[str, ...]:
    return tuple("" if pd.isna(cell) else str(cell) for cell in row)  # type: ignore[call-overload]


def test_the_overview_counts_what_is_unfinished_by_target_job_and_cause(run_dir: Path) -> None:
    overview = table.overview_of(run_dir)
    assert list(overview.columns) == table.OVERVIEW_COLUMNS
    of_north = overview[overview["target"] == "north"].sort_values("cause")
    assert of_north[["cause", "executions", "stuck"]].to_numpy().tolist() == [
        ["device_offline", 1, 1],
        ["fresh", 1, 0],
        ["orphaned", 1, 1],
    ]
    assert (overview["stuck"].sum(), overview["executions"].sum()) == (6, 9)
    assert table.overview_of(run_dir / "nowhere").empty


def test_the_page_says_which_accounts_regions_jobs_and_causes_are_worst(run_dir: Path) -> None:
    answers = tuple(TargetAnswer(name, region, Outcome.OK, "", account=account) for account, region, name in PLACES)
    page = str(fleet_report(FleetView(answers, table.overview_of(run_dir))).html)
    assert "6 of 9 unfinished executions are stuck, in 2 accounts." in page
    for worst in ("Accounts", "Regions", "Jobs", "Causes"):
        assert f"{worst} with most stuck executions" in page
    assert page.index('012345678901</td><td class="number">4<') > 0
