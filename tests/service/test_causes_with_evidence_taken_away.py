"""Whatever cannot be read, the rest of the table comes, and what it would have told is unknown: never a wrong cause.

`pytest -s` prints the confusion table.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from iotjobs.aws.connect import connect
from iotjobs.aws.connection import Connection
from iotjobs.aws.read_fleet import read_fleet
from iotjobs.aws.transport import Limits
from iotjobs.diagnosis.diagnose import diagnose, possible_causes
from iotjobs.sandbox.fleet import Fleet
from iotjobs.snapshot import FleetSnapshot
from tests.faults.harness.http_proxy import Call, FaultOf, HttpProxy
from tests.labelled_fleet import LabelledFleet

STUCK_AFTER = timedelta(hours=24)
ACTIONS = {
    "SearchIndex": "iot:SearchIndex",
    "DescribeJob": "iot:DescribeJob",
    "ListJobExecutionsForThing": "iot:ListJobExecutionsForThing",
    "data:GetPendingJobExecutions": "iotjobsdata:GetPendingJobExecutions",
    "data:DescribeJobExecution": "iotjobsdata:DescribeJobExecution",
}
CONFUSION: Counter[tuple[str, str]] = Counter()


class Denied:
    """A fleet behind a proxy that denies or fails what `fault_of` says."""

    def __init__(self, labelled: LabelledFleet, proxy: HttpProxy, connection: Connection) -> None:
        self.labelled = labelled
        self.labels = labelled.labels()
        self.proxy = proxy
        self.connection = connection

    def snapshot(self, fault_of: FaultOf, *, job_id: str | None = None, thing_name: str | None = None) -> FleetSnapshot:
        self.proxy.fault_of = fault_of
        return read_fleet(self.connection, job_id=job_id, thing_name=thing_name, statuses=None, stuck_after=STUCK_AFTER)

    def check(self, snapshot: FleetSnapshot) -> pd.DataFrame:
        """Unknown or right, stuck and unblocks too; returns the rows of this fleet."""
        table = diagnose(snapshot, stuck_after=STUCK_AFTER)
        own_rows = table[table["thing_name"].str.startswith(f"{self.labelled.prefix}-")]
        wrong = []
        for row in own_rows[own_rows["cause"] != ""].to_dict("records"):
            key = (row["job_id"], row["thing_name"], row["execution_number"])
            if key not in self.labels:
                assert row["job_id"].endswith("-rollout")  # its own pace
                continue
            cause, stuck, unblocks = self.labels[key]
            CONFUSION[cause, row["cause"]] += 1
            if row["cause"] == "unknown":
                right = cause in possible_causes(row["why_unknown"]) and row["stuck"]
            else:
                right = (row["cause"], row["stuck"]) == (cause, stuck)
            if not right or not (pd.isna(row["unblocks"]) or row["unblocks"] == unblocks):
                wrong.append((key, self.labels[key], row["cause"], row["stuck"], row["unblocks"], row["evidence"]))
        assert wrong == []
        return own_rows


@pytest.fixture(scope="module")
def denied_fleet(aged_fleet: Fleet) -> Iterator[Denied]:
    labelled = LabelledFleet(77, now=aged_fleet.now, things=12)
    labelled.make(aged_fleet)
    proxy = HttpProxy(aged_fleet.server.endpoint_url)
    with proxy, pytest.MonkeyPatch.context() as settings:
        settings.setenv("AWS_ENDPOINT_URL", proxy.url)
        yield Denied(labelled, proxy, connect(limits=Limits(read_attempts=1)))
    print("\nlabel -> said with evidence taken away: count")
    for (label, answer), count in sorted(CONFUSION.items()):
        print(f"{label:16} -> {answer:16} {count:4}")


def _deny(*operations: str) -> FaultOf:
    return lambda call: "denied" if call.operation in operations else ""


@pytest.mark.parametrize("operation", sorted(ACTIONS))
def test_each_call_denied(denied_fleet: Denied, operation: str) -> None:
    snapshot = denied_fleet.snapshot(_deny(operation))
    rows = denied_fleet.check(snapshot)
    assert set(denied_fleet.labels) <= set(
        zip(rows["job_id"], rows["thing_name"], rows["execution_number"], strict=True)
    )
    if operation != "ListJobExecutionsForThing":  # the account is read by job
        assert any(f"allow {ACTIONS[operation]}" in str(gap) for gap in snapshot.gaps)


@pytest.mark.parametrize(
    "operation", ["GetIndexingConfiguration", "DescribeThing", "ListThings", "DescribeJobExecution"]
)
def test_calls_that_are_not_needed_may_be_denied(denied_fleet: Denied, operation: str) -> None:
    rows = denied_fleet.check(denied_fleet.snapshot(_deny(operation)))
    assert "unknown" not in set(rows["cause"])


def test_neither_index_nor_registry(denied_fleet: Denied) -> None:
    snapshot = denied_fleet.snapshot(_deny("SearchIndex", "DescribeThing", "ListThings"))
    rows = denied_fleet.check(snapshot)
    assert set(rows["cause"]) == {"", "unknown"}
    assert set(rows["why_unknown"]) == {"", "the thing's registration"}
    assert "allow iot:DescribeThing" in rows[rows["cause"] == "unknown"].iloc[0]["evidence"]


def test_jobs_neither_described_nor_listed(denied_fleet: Denied) -> None:
    thing = denied_fleet.labelled.spec.things[1].name
    rows = denied_fleet.check(denied_fleet.snapshot(_deny("DescribeJob", "ListJobs"), thing_name=thing))
    assert set(rows.loc[rows["cause"] != "", "why_unknown"]) == {"the job's status"}


def test_jobs_listed_but_not_described_are_known_to_be_cancelled(denied_fleet: Denied) -> None:
    rows = denied_fleet.check(denied_fleet.snapshot(_deny("DescribeJob")))
    assert "orphaned" in set(rows["cause"])
    assert set(rows["why_unknown"]) == {"", "the job's schedule"}


@pytest.mark.parametrize("operation", sorted(ACTIONS))
def test_each_call_denied_when_a_job_or_a_thing_is_asked_for(denied_fleet: Denied, operation: str) -> None:
    denied_fleet.check(denied_fleet.snapshot(_deny(operation), job_id=f"{denied_fleet.labelled.prefix}-continuous"))
    if operation != "ListJobExecutionsForThing":
        denied_fleet.check(
            denied_fleet.snapshot(_deny(operation), thing_name=denied_fleet.labelled.spec.things[0].name)
        )


def test_queues_are_read_by_job_when_they_may_not_be_read_by_thing(denied_fleet: Denied) -> None:
    snapshot = denied_fleet.snapshot(
        _deny("ListJobExecutionsForThing"), job_id=f"{denied_fleet.labelled.prefix}-continuous"
    )
    rows = denied_fleet.check(snapshot)
    assert "unknown" not in set(rows["cause"])
    assert rows["unblocks"].notna().all()
    assert snapshot.gaps == ()


def test_an_execution_is_found_by_its_job_when_its_thing_may_not_be_listed(denied_fleet: Denied) -> None:
    job_id, thing, _ = next(key for key, label in denied_fleet.labels.items() if label[0] == "blocked")
    rows = denied_fleet.check(
        denied_fleet.snapshot(_deny("ListJobExecutionsForThing"), job_id=job_id, thing_name=thing)
    )
    assert list(rows["cause"]) == ["blocked"]


def test_queues_that_may_not_be_read_at_all(denied_fleet: Denied) -> None:
    denied = _deny("ListJobExecutionsForThing", "ListJobs")
    snapshot = denied_fleet.snapshot(denied, job_id=f"{denied_fleet.labelled.prefix}-continuous")
    rows = denied_fleet.check(snapshot)
    unfinished = rows[rows["cause"] != ""]
    assert unfinished["unblocks"].isna().all()
    assert any("allow iot:ListJobExecutionsForThing" in str(gap) for gap in snapshot.gaps)


@pytest.mark.parametrize(
    ("operation", "fault"),
    [
        ("SearchIndex", "internal_error"),
        ("ListJobExecutionsForJob", "internal_error"),
        ("DescribeJob", "internal_error"),
        ("data:DescribeJobExecution", "too_many_requests"),
    ],
)
def test_a_reading_that_fails_half_way(denied_fleet: Denied, operation: str, fault: str) -> None:
    def every_third(call: Call) -> str:
        return fault if call.operation == operation and call.nth % 3 == 0 else ""

    snapshot = denied_fleet.snapshot(every_third)
    rows = denied_fleet.check(snapshot)
    assert set(rows["cause"]) - {"", "unknown"}


def test_an_index_that_fails_on_a_later_page(denied_fleet: Denied) -> None:
    numbers = iter(range(10**6))
    snapshot = denied_fleet.snapshot(
        lambda call: "internal_error" if call.operation == "SearchIndex" and next(numbers) else ""
    )
    denied_fleet.check(snapshot)
    assert all("update-indexing-configuration" not in str(gap) for gap in snapshot.gaps)  # it is on


@pytest.mark.parametrize(
    ("mode", "connectivity"),
    [("OFF", "OFF"), ("REGISTRY", "OFF"), ("REGISTRY_AND_SHADOW", "OFF"), ("REGISTRY_AND_SHADOW", "STATUS")],
    ids=str,
)
@pytest.mark.parametrize("readable", [True, False], ids=["configuration-readable", "configuration-denied"])
def test_the_modes_of_the_index(
    denied_fleet: Denied, aged_fleet: Fleet, mode: str, connectivity: str, readable: bool
) -> None:
    settings = {"thingIndexingMode": mode, "thingConnectivityIndexingMode": connectivity}
    aged_fleet.iot.update_indexing_configuration(thingIndexingConfiguration=settings)
    try:
        snapshot = denied_fleet.snapshot(_deny(*[] if readable else ["GetIndexingConfiguration"]))
    finally:
        aged_fleet.index()
    rows = denied_fleet.check(snapshot)
    unknown = rows[rows["cause"] == "unknown"]
    assert unknown.empty == (connectivity == "STATUS")
    assert (unknown["suggestion"] == "enable_indexing").all()
    if not readable:  # an update replaces the whole configuration: no command without having read it
        assert not unknown["evidence"].str.contains("update-indexing-configuration").any()
        assert unknown["evidence"].str.contains("allow iot:GetIndexingConfiguration").all()
        return
    effective = mode if mode != "OFF" else "REGISTRY"
    command = f"update-indexing-configuration --thing-indexing-configuration thingIndexingMode={effective}"
    assert unknown["evidence"].str.contains(command).all()
    assert unknown["evidence"].str.contains(f"--endpoint-url {denied_fleet.proxy.url}", regex=False).all()
    assert any(command in str(gap) for gap in snapshot.gaps) == (connectivity == "OFF")


AUTH_SCRIPT = """
import json, os, sys
from iotjobs.sandbox.server import Server
from iotjobs.sandbox.fleet import Fleet
from tests.labelled_fleet import LabelledFleet
import boto3, iotjobs
with Server(auth=True) as server:
    os.environ.update(server.environment, AWS_SHARED_CREDENTIALS_FILE=f"{sys.argv[1]}/credentials")
    fleet = Fleet(server)
    fleet.index()
    labelled = LabelledFleet(5, now=fleet.now, things=5)
    labelled.make(fleet)
    labels = labelled.labels()
    iam = boto3.Session().client("iam")
    for number, action in enumerate(sys.argv[2:]):
        user = f"analyst-{number}"
        iam.create_user(UserName=user)
        rules = [{"Effect": "Allow", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "Action": action, "Resource": "*"}]
        document = json.dumps({"Version": "2012-10-17", "Statement": rules})
        iam.put_user_policy(UserName=user, PolicyName="all-but-one", PolicyDocument=document)
        key = iam.create_access_key(UserName=user)["AccessKey"]
        with open(os.environ["AWS_SHARED_CREDENTIALS_FILE"], "a") as file:  # by profile: the service reads its own root
            file.write(f"[{user}]\\naws_access_key_id={key['AccessKeyId']}\\naws_secret_access_key={key['SecretAccessKey']}\\n")
        run = iotjobs.start("investigate", run_dir=f"{sys.argv[1]}/{number}", profile=user)
        findings = iotjobs.investigate(run)
        assert user in run.connection.caller_arn
        rows = findings.executions[findings.executions["cause"] != ""].to_dict("records")
        said = {(row["job_id"], row["thing_name"], row["execution_number"]): row["cause"] for row in rows}
        wrong = {key: (label[0], said.get(key)) for key, label in labels.items() if said.get(key) not in (label[0], "unknown")}
        warned = any(f"allow {action}" in warning for warning in findings.warnings)
        print(json.dumps([action, len(labels), "unknown" in said.values(), warned, str(wrong)]))
    fleet.close()
"""


def test_permissions_missing_by_iam(tmp_path: Path) -> None:
    """On a service that enforces IAM, which is settled once a process: so in one of its own."""
    actions = ["iot:SearchIndex", "iot:DescribeJob", "iotjobsdata:DescribeJobExecution"]
    environment = {"PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    command = [sys.executable, "-c", AUTH_SCRIPT, str(tmp_path), *actions]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 0, ended.stderr
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [line[0] for line in lines] == actions
    for action, count, unknown, warned, wrong in lines:
        assert count > 5
        assert (wrong, unknown, warned) == ("{}", True, True), action
