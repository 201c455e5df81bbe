"""`make fleet`: eight accounts and regions on a real Dask cluster, with all that goes wrong at once. Minutes; no CI.

Eight embedded services in processes of their own, a real scheduler, two workers. One service throttles, one login ends
in mid-sweep; more targets hang, are dead, have expired credentials, no profile, another account than the file says, or
are one of the eight again. The sweep is interrupted and stopped by a file; a worker, the client and the scheduler are
killed in mid-sweep; and it goes on. Then every target is accounted for, nothing was deleted that was not planned and
nothing twice, by the services' own lists and logs and by the journals; and no secret is in a task graph, a result, a log
or a file.
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from tests.fleet.dask_cluster import DaskCluster
from tests.fleet.processes import Processes, wait_for
from tests.fleet.services import Executions, Service, start_services

SECRET = "PLANTEDsecretKEY/0123456789abcdefghijklm"  # noqa: S105 - to be searched for
EXTERNAL_ID = "planted-external-id"
#: Name, region, whether by a role; each an account of its own.
SERVICES = [
    ("plant-eu", "eu-west-1", False),
    ("plant-us", "us-east-1", True),
    ("north", "eu-north-1", True),
    ("south", "sa-east-1", False),
    ("tokyo", "ap-northeast-1", True),
    ("sydney", "ap-southeast-2", True),
    ("throttles", "eu-central-1", False),
    ("login-ends", "us-west-2", False),
]
NAMES = {name for name, _, _ in SERVICES}
#: Targets where nothing can be done: the outcome, and a word of the reason.
OTHERS = {
    "again": ("nothing_to_do", "the same as target plant-eu"),
    "hangs": ("error", "no answer|cannot be reached|did not answer|timed out"),
    "dead": ("error", "cannot be reached|refused|connect"),
    "expired": ("denied", "expired"),
    "no-profile": ("invalid", "there-is-none"),
    "other-account": ("refused", "999999999999"),
}
RULE = [
    "--statuses",
    "FAILED,REJECTED,QUEUED,IN_PROGRESS,SUCCEEDED",
    "--older-than",
    "7d",
    "--force",
    "--max-deletes",
    "200",
    "--max-fraction",
    "1",
    "--max-total-deletes",
    "2000",
]


class Proof:
    """One proof: its files, services, cluster, and what was seen."""

    def __init__(self, home: Path, processes: Processes, things: int) -> None:
        self.home, self.processes = home, processes
        self.files = home / "files"  # what the kit and Dask write: all of it is searched for secrets
        self.files.mkdir()
        self.run_dir = self.files / "sweep"
        self.login_is_over = home / "login-is-over"
        special = {
            "throttles": ("--limit", "3"),
            "login-ends": ("--expire-while", str(self.login_is_over)),
        }
        self.services = start_services(processes, home, SERVICES, things=things, special=special)
        self.targets = self._write_targets()
        self.cluster = DaskCluster(processes, self.files)
        self.before: dict[str, Executions] = {service.name: service.executions() for service in self.services}

    def _write_targets(self) -> Path:
        (self.home / "always").touch()
        (expired,) = start_services(
            self.processes,
            self.home,
            [("expired", "eu-west-3", False)],
            things=1,
            special={"expired": ("--expire-while", str(self.home / "always"))},
            first_account=900,
        )
        self._hangs = socket.create_server(("127.0.0.1", 0))  # takes connections and never answers
        with socket.create_server(("127.0.0.1", 0)) as dead:
            dead_url = f"http://127.0.0.1:{dead.getsockname()[1]}"
        tables = [_table(service, by_role=role) for service, (_, _, role) in zip(self.services, SERVICES, strict=True)]
        first = tables[0]
        tables += [
            {**first, "name": "again"},
            {**first, "name": "hangs", "endpoint_url": f"http://127.0.0.1:{self._hangs.getsockname()[1]}"},
            {**first, "name": "dead", "endpoint_url": dead_url},
            {**first, "name": "expired", "profile": "expired", "endpoint_url": expired.url},
            {**first, "name": "no-profile", "profile": "there-is-none"},
            {**first, "name": "other-account", "account": "999999999999"},
        ]
        owners = {service.name: service.account for service in [*self.services, expired]}
        (self.home / "config").write_text("".join(_profile(name, account) for name, account in owners.items()))
        path = self.home / "targets.toml"
        path.write_text("\n".join(_toml(each) for each in tables))
        self.processes.environment["AWS_CONFIG_FILE"] = str(self.home / "config")
        return path

    def start(self, notebook: str, run_dir: Path, *more: str) -> subprocess.Popen[Any]:
        iotjobs = str(Path(sys.executable).with_name("iotjobs"))
        where = ["--targets", str(self.targets), "--scheduler", self.cluster.address, "--target-timeout", "90s"]
        command = [iotjobs, "run", notebook, *where, "--run-dir", str(run_dir), *more]
        return self.processes.start(*command, log=self.files / "client.log", cwd=self.files)

    def run(self, notebook: str, run_dir: Path, *more: str) -> dict[str, Any]:
        code = self.start(notebook, run_dir, *more).wait(900)
        result: dict[str, Any] = json.loads((run_dir / "result.json").read_text())
        answers = Counter(target["outcome"] for target in result["targets"])
        print(f"{notebook}: {result['outcome']} (exit {code}) {dict(answers)} {result['counts']}", flush=True)
        return result

    def deleted(self) -> int:
        return sum(len(service.logged("delete")) for service in self.services)

    def wait_for_deletes(self, more: int, client: subprocess.Popen[Any]) -> None:
        goal = self.deleted() + more
        wait_for(lambda: self.deleted() >= goal or client.poll() is not None, 240, "the sweep does not go on")
        assert client.poll() is None, "the sweep ended before anything could be killed: give it more --things"
        print(f"  {self.deleted()} deleted", flush=True)


def main(things: int) -> int:
    with tempfile.TemporaryDirectory(prefix="fleet-proof-") as folder, Processes() as processes:
        proof = Proof(Path(folder), processes, things)
        print(f"{len(SERVICES)} services, {sum(map(len, proof.before.values()))} executions", flush=True)
        proof.cluster.start()
        investigate_while_a_worker_dies(proof)
        phrase = plan(proof)
        interrupt_and_stop(proof, phrase)
        kill_worker_client_and_scheduler(proof, phrase)
        go_on_to_the_end(proof, phrase)
        return check_every_execution(proof) + check_secrets(proof)


def investigate_while_a_worker_dies(proof: Proof) -> None:
    run_dir = proof.files / "fleet"
    client = proof.start("fleet", run_dir)
    wait_for(lambda: (run_dir / "targets").exists() or client.poll() is not None, 120, "no target was begun")
    proof.cluster.kill_a_worker()
    print("  a worker killed while it reads", flush=True)
    client.wait(600)
    result = json.loads((run_dir / "result.json").read_text())
    check_targets(result, dict.fromkeys(NAMES, "ok"))


def plan(proof: Proof) -> str:
    result = proof.run("fleet_sweep", proof.run_dir, *RULE)
    check_targets(result, dict.fromkeys(NAMES, "planned"))
    return str(result["confirm"])


def interrupt_and_stop(proof: Proof, phrase: str) -> None:
    client = proof.start("fleet_sweep", proof.run_dir, *RULE, "--confirm", phrase)
    proof.wait_for_deletes(5, client)
    client.send_signal(signal.SIGINT)
    code = client.wait(120)
    result = json.loads((proof.run_dir / "result.json").read_text())
    print(f"  interrupted: {result['outcome']} (exit {code}) {result['counts']}", flush=True)
    assert (result["outcome"], code) == ("interrupted", 130), result["reason"]
    assert {target["name"] for target in result["targets"]} == NAMES | set(OTHERS), result["targets"]

    (proof.run_dir / "stop").write_text("")  # a person's; the interrupt left one of its own
    before = proof.deleted()
    result = proof.run("fleet_sweep", proof.run_dir, *RULE, "--confirm", phrase)
    assert (result["outcome"], proof.deleted()) == ("interrupted", before), result["reason"]
    assert (proof.run_dir / "stop").exists(), "a person's own stop stays"
    (proof.run_dir / "stop").unlink()


def kill_worker_client_and_scheduler(proof: Proof, phrase: str) -> None:
    client = proof.start("fleet_sweep", proof.run_dir, *RULE, "--confirm", phrase)
    proof.wait_for_deletes(5, client)
    proof.cluster.kill_a_worker()
    print("  a worker killed", flush=True)
    proof.wait_for_deletes(15, client)
    proof.processes.kill(client)
    print("  the client killed", flush=True)

    client = proof.start("fleet_sweep", proof.run_dir, *RULE, "--confirm", phrase)
    proof.wait_for_deletes(10, client)
    proof.login_is_over.touch()
    proof.wait_for_deletes(5, client)
    proof.cluster.kill_scheduler()
    print("  the scheduler killed", flush=True)
    client.wait(600)
    result = json.loads((proof.run_dir / "result.json").read_text())
    print(f"  {result['outcome']}: {result['counts']}", flush=True)
    assert {target["name"] for target in result["targets"]} == NAMES | set(OTHERS), result["targets"]
    assert result["outcome"] == "partial", result["outcome"]

    result = proof.run("fleet_sweep", proof.run_dir, *RULE, "--confirm", phrase)  # no scheduler answers there
    check_targets(result, dict.fromkeys(NAMES, "error"))
    assert all("no Dask scheduler answers" in each["reason"] for each in result["targets"] if each["name"] in NAMES)


def go_on_to_the_end(proof: Proof, phrase: str) -> None:
    proof.cluster.stop()
    proof.cluster.start()
    result = proof.run("fleet_sweep", proof.run_dir, *RULE, "--confirm", phrase)
    check_targets(result, {**dict.fromkeys(NAMES, "applied"), "login-ends": "denied"})
    proof.login_is_over.unlink()
    for _ in range(2):  # the second one has nothing left to do
        before = proof.deleted()
        result = proof.run("fleet_sweep", proof.run_dir, *RULE, "--confirm", phrase)
        check_targets(result, dict.fromkeys(NAMES, "applied"))
    assert proof.deleted() == before


def check_targets(result: dict[str, Any], expected: dict[str, str]) -> None:
    """Every target is named once, with a true outcome and a reason that says why."""
    assert len(result["targets"]) == len(NAMES) + len(OTHERS), [each["name"] for each in result["targets"]]
    for target in result["targets"]:
        outcome, word = OTHERS.get(target["name"], (expected.get(target["name"]), ""))
        assert target["outcome"] == outcome, target
        assert re.search(word, target["reason"]), target
    assert result["outcome"] == "partial", result["outcome"]


def check_every_execution(proof: Proof) -> int:
    """Compare each service's list and log with the plan and the journal; the number of what is wrong."""
    wrong = total = 0
    for service in proof.services:
        directory = proof.run_dir / "targets" / service.name
        planned = {_key(each) for each in json.loads((directory / "plan.json").read_text())["targets"]}
        gone = proof.before[service.name] - service.executions()
        deletes = Counter((line["job"], line["thing"], int(line["number"])) for line in service.logged("delete"))
        journal = [json.loads(line) for line in (directory / "journal.jsonl").read_text().splitlines()]
        verified = Counter(_key(line) for line in journal if line["event"] == "verified")
        twice = [key for counter in (deletes, verified) for key, count in counter.items() if count > 1]
        mistakes = [*(gone ^ planned), *(set(deletes) ^ planned), *(set(verified) ^ planned), *twice]
        print(
            f"  {service.name}: planned {len(planned)}, gone {len(gone)}, wrong or double {len(mistakes)}"
            f", throttled {len(service.logged('throttled'))}",
            mistakes[:3] or "",
        )
        wrong, total = wrong + len(mistakes), total + len(planned)
    print(f"{total} planned and deleted, {wrong} wrong or double", flush=True)
    return int(wrong > 0)


def check_secrets(proof: Proof) -> int:
    """Search all that was written, and all that the scheduler and workers held, for what must stay at home."""
    secrets = {SECRET, EXTERNAL_ID} | {line["value"] for each in proof.services for line in each.logged("secret")}
    places = {
        str(path.relative_to(proof.files)): path.read_bytes() for path in proof.files.rglob("*") if path.is_file()
    }
    in_dask = b"".join(proof.cluster.contents)
    assert b"apply_target" in in_dask, "nothing was seen of the tasks"
    places["the scheduler's tasks and the workers' results"] = in_dask.replace(EXTERNAL_ID.encode(), b"")
    hits = sorted({name for name, content in places.items() for secret in secrets if secret.encode() in content})
    print(f"{len(secrets)} secrets searched for in {len(places)} places: {', '.join(hits) or 'in none'}")
    return int(bool(hits))


def _key(line: dict[str, Any]) -> tuple[str, str, int]:
    return (line["job_id"], line["thing_name"], line["execution_number"])


def _table(service: Service, *, by_role: bool) -> dict[str, str]:
    table = {"name": service.name, "region": service.region, "profile": service.name, "account": service.account}
    if by_role:
        table |= {"role_arn": f"arn:aws:iam::{service.account}:role/iotjobs", "external_id": EXTERNAL_ID}
    return table | {"endpoint_url": service.url}


def _profile(name: str, account: str) -> str:
    return f"[profile {name}]\naws_access_key_id = {account}\naws_secret_access_key = {SECRET}\n"


def _toml(table: dict[str, str]) -> str:
    return "[[target]]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in table.items())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.fleet.proof", description=__doc__)
    parser.add_argument("--things", type=int, default=10, help="of each service, with two executions each")
    sys.exit(main(parser.parse_args().things))
