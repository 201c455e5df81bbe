"""The embedded service with IAM enforced, in a process of its own; users with policies; the notebooks run as they are.

Whether the service enforces IAM is settled once in a process, hence the process. Run as a script it is that process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import boto3
import nbformat
import pandas as pd
import pytest

from iotjobs.errors import IotJobsError
from iotjobs.sandbox.server import ACCOUNT, REGION
from tests.security.policy_files import ROOT, policy

SLOTS = 40  # a thing each, with an execution that waits and one that failed; a case that deletes takes one
GROUP = "slots"
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


@contextmanager
def enforcing_service() -> Iterator[dict[str, str]]:
    """The AWS settings of the service's root user, while it lasts."""
    with subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.stdin.close()


def slot(number: int) -> dict[str, str]:
    return {"thing_name": f"slot-{number}", "waits": f"waits-{number}", "failed": f"failed-{number}"}


def delete_one(target: Mapping[str, str]) -> dict[str, Any]:
    """Parameters that delete what waits on a slot's thing, cancelled first."""
    names = {"job_id": target["waits"], "thing_name": target["thing_name"], "execution_number": 1}
    return {**names, "force": True, "cancel_first": True}


def sweep_of(target: Mapping[str, str]) -> dict[str, Any]:
    """Parameters that sweep what failed on a slot's thing."""
    caps = {"unattended": True, "max_deletes": 5, "max_fraction": 1.0}
    return {"job_id": target["failed"], "statuses": "FAILED", "thing_groups": GROUP, **caps}


class User:
    """Somebody with one policy and nothing else."""

    def __init__(self, root: Mapping[str, str], name: str, document: Mapping[str, Any]) -> None:
        iam = _root_client(root, "iam")
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="its", PolicyDocument=json.dumps(document))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        self.name = name
        self._settings = {
            **root,
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        }

    def runs(self, notebook: str, run_dir: Path, **parameters: object) -> dict[str, Any]:
        """Run a notebook's own cells in this process, without a kernel, and return its `result.json`."""
        cells = [
            cell
            for cell in nbformat.read(ROOT / "notebooks" / f"{notebook}.ipynb", 4).cells
            if cell.cell_type == "code"
        ]
        namespace: dict[str, Any] = {"__name__": "notebook"}
        with pytest.MonkeyPatch.context() as patch:
            for name in [name for name in os.environ if name.startswith("AWS_")]:
                patch.delenv(name)
            for name, value in self._settings.items():
                patch.setenv(name, value)
            with suppress(IotJobsError):  # its result.json says so
                for cell in cells:
                    exec(cell.source, namespace)  # noqa: S102 - our own notebooks
                    if "parameters" in cell.metadata.get("tags", []):
                        namespace |= {**parameters, "run_dir": str(run_dir)}
        return json.loads((run_dir / "result.json").read_text())


def causes(run_dir: Path) -> dict[tuple[str, ...], str]:
    """The cause of each unfinished execution that an investigation left; none when it was denied."""
    if not (run_dir / "executions.csv").exists():
        return {}
    rows = pd.read_csv(run_dir / "executions.csv", dtype=str, keep_default_na=False).to_dict("records")
    return {(row["job_id"], row["thing_name"], row["execution_number"]): row["cause"] for row in rows if row["cause"]}


def wrong_causes(run_dir: Path, complete: Path) -> dict[tuple[str, ...], tuple[str | None, str]]:
    """What an incomplete reading says otherwise than a complete one, where it does not say that it is unknown."""
    right = causes(complete)
    return {
        key: (right.get(key), cause)
        for key, cause in causes(run_dir).items()
        if cause not in {right.get(key), "unknown"}
    }


def left_by(run_dir: Path) -> str:
    """All text that a run left."""
    return "".join(path.read_text() for path in run_dir.iterdir() if path.suffix in {".json", ".jsonl", ".csv"})


def still_there(root: Mapping[str, str], target: Mapping[str, str]) -> set[str]:
    """The jobs that still have an unfinished or failed execution on a slot's thing."""
    client = _root_client(root, "iot")
    summaries = client.list_job_executions_for_thing(thingName=target["thing_name"])["executionSummaries"]
    return {one["jobId"] for one in summaries if one["jobExecutionSummary"]["status"] in {"QUEUED", "FAILED"}}


def _root_client(root: Mapping[str, str], service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=root["AWS_ENDPOINT_URL"],
        region_name=REGION,
        aws_access_key_id=root["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=root["AWS_SECRET_ACCESS_KEY"],
    )


def on_the_service(document: Mapping[str, Any]) -> dict[str, Any]:
    """A policy as the embedded service can check it: it asks for SearchIndex on `*`, where AWS asks for the index."""
    filled = json.loads(json.dumps(document))
    for statement in filled["Statement"]:
        if "iot:SearchIndex" in statement["Action"]:
            statement["Resource"] = "*"
    return filled


def our_policy(name: str, *, without: str | None = None) -> dict[str, Any]:
    """A policy of ours for the service's account, or the same with one action cut."""
    document = on_the_service(policy(name, account=ACCOUNT, region=REGION))
    for statement in document["Statement"]:
        statement["Action"] = [action for action in statement["Action"] if action != without]
    document["Statement"] = [statement for statement in document["Statement"] if statement["Action"]]
    return document


def _serve() -> None:
    from iotjobs.sandbox.fleet import Fleet
    from iotjobs.sandbox.scenarios import seed
    from iotjobs.sandbox.server import Server

    with Server(auth=True) as server:
        os.environ.update(server.environment)
        fleet = Fleet(server)
        seed(fleet, "fleet")
        names = [slot(number)["thing_name"] for number in range(SLOTS)]
        with fleet.ago(days=60):
            fleet.things(GROUP, names)
        for number, name in enumerate(names):
            with fleet.ago(days=50):
                fleet.job(slot(number)["failed"], things=[name])
                fleet.report(slot(number)["failed"], name, "FAILED")
            with fleet.ago(days=45):
                fleet.job(slot(number)["waits"], things=[name])
        print(json.dumps(server.environment), flush=True)
        sys.stdin.read()
        fleet.close()


if __name__ == "__main__":
    _serve()
