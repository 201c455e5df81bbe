"""Airflow: investigate every night and plan a sweep; a person approves the plan; or let it sweep unattended.

`iotjobs_fleet` does the first for many accounts and regions, those of `targets.toml`.

Copy into the DAGs folder. Needs apache-airflow-providers-papermill, and the kit's environment as a kernel:

    /srv/iotjobs/.venv/bin/python -m ipykernel install --user --name iotjobs
    mkdir -p /srv/iotjobs/runs

A failed task may be retried or cleared at will: it uses the same run directory again, so a sweep goes on where it
was and deletes nothing twice.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.papermill.operators.papermill import PapermillOperator
from airflow.sdk import DAG, Param

HOME = os.environ.get("IOTJOBS_HOME", "/srv/iotjobs")
RUNS = os.environ.get("IOTJOBS_RUNS", f"{HOME}/runs")
#: The same for every try of one DAG run, another for every other.
STAMP = "{{ dag_run.run_after | ts_nodash }}"
START = datetime(2026, 1, 1, tzinfo=UTC)
RETRY = {"retries": 1, "retry_delay": timedelta(minutes=5)}

#: What nobody waits for any more. The caps are said even where they are the defaults: `unattended` wants them said.
RULE: dict[str, Any] = {"causes": "thing_gone,orphaned", "older_than": "30d", "force": True}
CAPS: dict[str, Any] = {"max_deletes": 25, "max_fraction": 0.5}


def notebook(name: str, **parameters: Any) -> PapermillOperator:
    """A task that runs one notebook of the kit; it fails when the outcome is one that exits non-zero."""
    return PapermillOperator(
        task_id=name,
        input_nb=f"{HOME}/notebooks/{name}.ipynb",
        output_nb=f"{RUNS}/{STAMP}-{name}.ipynb",
        kernel_name="iotjobs",
        parameters={**parameters, "run_dir": f"{RUNS}/{STAMP}-{name}"},
    )


with DAG("iotjobs_plan", schedule="10 3 * * *", start_date=START, catchup=False, max_active_runs=1, default_args=RETRY):
    # The plan lies in the sweep's run directory: plan.json, and the phrase as `confirm` in result.json.
    notebook("investigate") >> notebook("sweep", **RULE, **CAPS)

with DAG(
    "iotjobs_fleet", schedule="30 3 * * *", start_date=START, catchup=False, max_active_runs=1, default_args=RETRY
):
    # Many accounts at once; a target that fails is named, and the task fails as `partial`: its plans can be confirmed.
    targets = {"targets": f"{HOME}/targets.toml", "target_timeout": "30m"}
    notebook("fleet", **targets) >> notebook("fleet_sweep", **targets, **RULE, **CAPS, max_total_deletes=200)

with DAG(
    "iotjobs_apply",
    schedule=None,
    start_date=START,
    max_active_runs=1,
    default_args=RETRY,
    params={
        "plan_file": Param(type="string", title="plan.json of a planned sweep", minLength=1),
        "confirm": Param(type="string", title="its phrase: delete COUNT PLAN_ID", pattern="^delete [0-9]+ [0-9a-f]+"),
    },
):
    notebook("sweep", plan_file="{{ params.plan_file }}", confirm="{{ params.confirm }}")

with DAG(
    "iotjobs_unattended",
    schedule="10 3 * * *",
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args=RETRY,
    is_paused_upon_creation=True,
):
    notebook("investigate") >> notebook("sweep", **RULE, **CAPS, unattended=True)
