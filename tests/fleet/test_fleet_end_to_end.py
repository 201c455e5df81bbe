"""A fleet investigated, planned and swept on a real Dask cluster: one account alive, one dead, one listed again.

In a process of its own, so that neither Dask nor its logs stay in this one. `make fleet` is the large form of this.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.fleet.processes import Processes
from tests.fleet.services import Service, start_services

SECRET = "PLANTEDsecretKEY/0123456789abcdefghijklm"  # noqa: S105 - to be searched for
_RUN = """
import json
import iotjobs
from iotjobs.targets.cluster import cluster

RULE = {"statuses": "FAILED,QUEUED", "older_than": "7d", "force": True, "max_fraction": 1.0, "max_deletes": 50}

def sweep_with(name, **more):
    run = iotjobs.start("fleet_sweep", run_dir="sweep", **common, **RULE, **more)
    iotjobs.fleet_sweep(run).plan().apply()
    run.directory.leave()
    result = json.load(open("sweep/result.json"))
    json.dump(result, open(name + ".json", "w"))
    return result

if __name__ == "__main__":
    with cluster(None, tasks=4) as client:
        common = {"targets": "targets.toml", "scheduler": client.scheduler.address}
        iotjobs.fleet(iotjobs.start("fleet", run_dir="fleet", **common))
        again = iotjobs.fleet(iotjobs.start("fleet", run_dir="again", compare_with="fleet", **common))
        open("again.html", "w").write(str(iotjobs.fleet_report(again).html))
        planned = sweep_with("planned")
        sweep_with("refused", confirm="delete 1 in 1 targets 0")
        sweep_with("applied", confirm=planned["confirm"])
"""


@pytest.fixture(scope="module")
def fleet_run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    home = tmp_path_factory.mktemp("fleet")
    files = home / "files"
    files.mkdir()
    with Processes() as processes:
        (service,) = start_services(processes, home, [("plant", "eu-west-1", False)], things=4, special={})
        before = service.executions()
        _write_targets(home, files, service)
        (files / "run.py").write_text(_RUN)
        environment = {**processes.environment, "AWS_CONFIG_FILE": str(home / "config")}
        ended = subprocess.run(
            [sys.executable, "run.py"],
            cwd=files,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        (files / "output").write_text(ended.stdout + ended.stderr)
        yield files, service, before - service.executions()


def _write_targets(home: Path, files: Path, service: Service) -> None:
    profile = f"aws_access_key_id = {service.account}\naws_secret_access_key = {SECRET}\n"
    (home / "config").write_text(f"[profile plant]\n{profile}[profile other]\n{profile}")
    tables = {
        "plant": ("plant", service.url),
        "again": ("plant", service.url),
        "other-profile": ("other", service.url),
        "dead": ("plant", "http://127.0.0.1:9"),
    }
    (files / "targets.toml").write_text(
        "\n".join(
            f'[[target]]\nname = "{name}"\nregion = "{service.region}"\nprofile = "{profile}"\nendpoint_url = "{url}"'
            for name, (profile, url) in tables.items()
        )
    )


def _result(files: Path, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    result = json.loads((files / name).read_text())
    return result, {target["name"]: target for target in result["targets"]}


FleetRun = tuple[Path, Service, set[tuple[str, str, int]]]


def _worked_on(targets: dict[str, Any]) -> str:
    """Of two targets of one account and region, the one whose credentials were known first."""
    (first,) = [name for name in ("plant", "other-profile") if targets[name]["outcome"] != "nothing_to_do"]
    return first


def test_every_target_of_an_investigation_is_named(fleet_run: FleetRun) -> None:
    result, targets = _result(fleet_run[0], "fleet/result.json")
    first = _worked_on(targets)
    assert (result["outcome"], targets[first]["outcome"], targets["dead"]["outcome"]) == ("partial", "ok", "error")
    assert "the same as target plant" in targets["again"]["reason"]
    (second,) = {"plant", "other-profile"} - {first}
    assert f"the same account and region as target {first}" in targets[second]["reason"]
    assert targets[first]["counts"]["executions"] == 8


def test_its_table_is_partitioned_by_account_and_region(fleet_run: FleetRun) -> None:
    table = pd.read_parquet(fleet_run[0] / "fleet" / "executions")
    assert table[["account_id", "region"]].drop_duplicates().to_numpy().tolist() == [["100000000001", "eu-west-1"]]
    assert len(table) == 8


def test_what_changed_since_the_run_before_is_counted_for_each_target(fleet_run: FleetRun) -> None:
    result, targets = _result(fleet_run[0], "again/result.json")
    assert targets[_worked_on(targets)]["counts"]["changes_as_before"] == 8
    assert pd.read_csv(fleet_run[0] / "again" / "history.csv")["run"].tolist() == ["fleet"]
    page = (fleet_run[0] / "again.html").read_text()
    assert result["counts"]["changes_new"] == 0
    assert "What changed since fleet" in page
    assert "Earlier runs, the latest first" in page


def test_a_plan_of_the_set_names_every_target_and_changes_nothing(fleet_run: FleetRun) -> None:
    planned, targets = _result(fleet_run[0], "planned.json")
    assert planned["outcome"] == "partial"
    assert planned["confirm"].startswith("delete 5 in 1 targets ")
    assert len(targets) == 4


def test_another_phrase_is_refused_and_every_target_named(fleet_run: FleetRun) -> None:
    refused, targets = _result(fleet_run[0], "refused.json")
    assert [refusal["guard"] for refusal in refused["refusals"]] == ["phrase_must_match"]
    assert len(targets) == 4


def test_the_confirmed_set_is_applied_and_the_dead_target_is_still_named(fleet_run: FleetRun) -> None:
    files, service, gone = fleet_run
    result, targets = _result(files, "applied.json")
    assert (result["outcome"], result["counts"]["deleted"], len(gone)) == ("partial", 5, 5)
    assert targets[_worked_on(targets)]["outcome"] == "applied"
    assert targets["dead"]["reason"].startswith("no plan was made: ")
    assert len(service.logged("delete")) == 5


def test_no_file_and_no_output_has_a_secret(fleet_run: FleetRun) -> None:
    files = [path for path in fleet_run[0].rglob("*") if path.is_file()]
    assert len(files) > 10
    assert [path.name for path in files if SECRET.encode() in path.read_bytes()] == []
