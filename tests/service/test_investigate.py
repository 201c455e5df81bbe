"""What an investigation finds on a real service: the default fleet, by account, by job, by thing."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import iotjobs
from iotjobs.errors import Denied, InvalidInput, IotJobsError, NotFound
from iotjobs.sandbox.fleet import Fleet

EXPECTED = {
    ("firmware-2-4-1", "pump-berlin-01"): ("stalled", True, 3),
    ("rotate-certificates", "pump-berlin-01"): ("blocked", True, 2),
    ("collect-logs", "gateway-hamburg-01"): ("waiting_turn", True, 0),
    ("rotate-certificates", "gateway-hamburg-01"): ("not_picked_up", True, 1),
    ("firmware-2-4-1", "pump-berlin-07"): ("device_offline", True, 0),
    ("firmware-2-4-1", "pump-berlin-12"): ("device_offline", True, 0),
    ("gateway-os-12", "gateway-hamburg-05"): ("orphaned", True, 0),
    ("calibrate-meters", "meter-munich-01"): ("timeout_pending", False, 0),
    ("long-download", "meter-munich-05"): ("timeout_pending", False, 0),
    ("winter-settings", "meter-munich-09"): ("waiting_window", False, 0),
    ("heartbeat-check", "gateway-hamburg-07"): ("fresh", False, 0),
}


def _investigate(directory: Path, **parameters: object) -> pd.DataFrame:
    run = iotjobs.start("investigate", run_dir=str(directory), **parameters)
    return iotjobs.investigate(run).executions.set_index(["job_id", "thing_name"])


def _found(executions: pd.DataFrame, key: tuple[str, str]) -> tuple[str, bool, int]:
    row = executions.loc[[key]].iloc[0]
    return row["cause"], bool(row["stuck"]), int(row["unblocks"])


def test_every_cause_of_the_story_by_account(aged_fleet: Fleet, tmp_path: Path) -> None:
    executions = _investigate(tmp_path)
    assert {key: _found(executions, key) for key in EXPECTED} == EXPECTED


@pytest.mark.parametrize("key", EXPECTED, ids=str)
def test_the_same_by_its_job_and_by_its_thing(aged_fleet: Fleet, tmp_path: Path, key: tuple[str, str]) -> None:
    assert _found(_investigate(tmp_path, job_id=key[0]), key) == EXPECTED[key]
    assert _found(_investigate(tmp_path, thing_name=key[1]), key) == EXPECTED[key]


def test_the_table_on_disk_has_the_columns_of_the_contract_first(aged_fleet: Fleet, tmp_path: Path) -> None:
    _investigate(tmp_path, job_id="firmware-2-4-1")
    table = pd.read_csv(tmp_path / "executions.csv")
    assert list(table.columns[:15]) == [
        "job_id",
        "thing_name",
        "execution_number",
        "status",
        "queued_at",
        "started_at",
        "last_updated_at",
        "retry_attempt",
        "version_number",
        "age_s",
        "stuck",
        "cause",
        "evidence",
        "suggestion",
        "unblocks",
    ]
    assert len(table) == 12
    assert table["queued_at"].str.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ").all()
    assert len(pd.read_parquet(tmp_path / "executions.parquet")) == 12


def test_without_indexing_it_is_unknown_and_says_how_to_switch_it_on(aged_fleet: Fleet, tmp_path: Path) -> None:
    aged_fleet.iot.update_indexing_configuration(thingIndexingConfiguration={"thingIndexingMode": "OFF"})
    try:
        executions = _investigate(tmp_path).reset_index()
    finally:
        aged_fleet.index()
    causes = set(executions["cause"]) - {""}
    assert causes == {"unknown", "orphaned", "fresh", "waiting_window", "timeout_pending"}
    unknown = executions[executions["cause"] == "unknown"]
    assert unknown["evidence"].str.contains("update-indexing-configuration").all()
    assert (unknown["suggestion"] == "enable_indexing").all()


@pytest.mark.parametrize("names", [{"job_id": "no-such-job"}, {"thing_name": "no-such-thing"}], ids=str)
def test_what_does_not_exist_is_said(aged_fleet: Fleet, tmp_path: Path, names: dict) -> None:
    with pytest.raises(NotFound, match=r"no-such-.* does not exist in account 000000000000"):
        _investigate(tmp_path, **names)


@pytest.mark.parametrize(
    "bad", [{"stuck_after": "soon"}, {"statuses": "STUCK"}, {"job_id": 7}, {"thing_name": float("nan")}], ids=str
)
def test_bad_parameters_end_before_any_call(tmp_path: Path, bad: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(InvalidInput, match=next(iter(bad))):
        iotjobs.start("investigate", run_dir=str(tmp_path), **bad)
    assert '"outcome": "invalid"' in (tmp_path / "result.json").read_text()


def test_an_unreachable_endpoint_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(IotJobsError, match="cannot be reached"):
        _ = iotjobs.start("investigate", run_dir=str(tmp_path)).connection


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"AWS_ENDPOINT_URL": "foo"}, InvalidInput, "AWS_ENDPOINT_URL"),
        ({"AWS_PROFILE": "nope"}, InvalidInput, "list-profiles"),
        ({"AWS_DEFAULT_REGION": ""}, InvalidInput, "no AWS region"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, Denied, "no usable AWS credentials"),
    ],
    ids=str,
)
def test_settings_that_cannot_work_are_said(
    aged_fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict, error: type, message: str
) -> None:
    monkeypatch.delenv("AWS_REGION")
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(error, match=message):
        _ = iotjobs.start("investigate", run_dir=str(tmp_path)).connection
