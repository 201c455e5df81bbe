"""Run the Airflow example for real, in Airflow's own environment: `make airflow`. No test of the suite.

    iotjobs sandbox -- AIRFLOW_PYTHON tests/scheduling/run_dags.py KIT_PYTHON

Each DAG runs in process (`DAG.test`), its notebooks in kernels of the kit's Python, against the sandbox around it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def main(kit_python: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        _settings(home, kit_python)
        subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, stdout=subprocess.DEVNULL)
        dags = _dags()
        _ended(dags["iotjobs_plan"].test(), home, "investigate", "ok")
        planned = _ended(None, home, "sweep", "planned")
        conf = {"plan_file": str(planned["run_dir"] / "plan.json"), "confirm": planned["confirm"]}
        _ended(dags["iotjobs_apply"].test(run_conf=conf), home, "sweep", "applied")
        _ended(dags["iotjobs_unattended"].test(), home, "sweep", "nothing_to_do")
        _ended(dags["iotjobs_fleet"].test(), home, "fleet", "ok")
        _ended(None, home, "fleet_sweep", "nothing_to_do")
    print("airflow: planned, approved and applied, then found nothing left; a fleet investigated and planned")
    return 0


def _settings(home: Path, kit_python: str) -> None:
    spec = home / "jupyter" / "kernels" / "iotjobs"
    spec.mkdir(parents=True)
    argv = [kit_python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "iotjobs", "language": "python"}))
    (home / "runs").mkdir()
    (home / "config").write_text("[profile plant]\n")
    (home / "targets.toml").write_text(
        f'[[target]]\nname = "plant"\nregion = "{os.environ["AWS_DEFAULT_REGION"]}"\nprofile = "plant"\n'
    )
    os.environ |= {
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "docs" / "scheduling"),
        "IOTJOBS_HOME": str(ROOT),
        "IOTJOBS_RUNS": str(home / "runs"),
        "JUPYTER_PATH": str(home / "jupyter"),
    }


def _dags() -> dict[str, Any]:
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    if bag.import_errors:
        sys.exit(f"airflow: {bag.import_errors}")
    for dag in bag.dags.values():
        for task in dag.tasks:
            task.retries = 0  # a failure is to be seen now, not in five minutes
    return bag.dags


def _ended(dag_run: Any, home: Path, notebook: str, outcome: str) -> dict[str, Any]:
    if dag_run is not None and str(dag_run.state) != "success":
        sys.exit(f"airflow: {dag_run.dag_id} ended as {dag_run.state}")
    directory = max(path for path in (home / "runs").glob(f"*-{notebook}") if path.is_dir())
    result: dict[str, Any] = json.loads((directory / "result.json").read_text())
    if result["outcome"] != outcome:
        sys.exit(f"airflow: {notebook} ended as {result['outcome']}, not {outcome}: {result['reason']}")
    return result | {"run_dir": directory}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
