"""The share of the summed quotas that a sweep of many accounts uses, side by side on a local Dask cluster.

Each account has quotas of its own. They are AWS's for up to eight accounts, and lower for more, so that all together
stay what eight have: here the kit asks and the stand-in answers on one machine, whose processors are the other limit.
How busy they were stands beside the figure.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from service import ROOT, Service, running

sys.path.insert(0, str(ROOT))
from tests.aws_standin.__main__ import ROLE
from tests.aws_standin.script import AWS_QUOTAS

REGION = "eu-central-1"
_MOST_AT_AWS_QUOTAS = 8  # accounts: 80 deletes and 240 calls a second, asked and answered by two processors
_CAPS = ["--max-fraction", "1", "--max-total-deletes", "100000"]
ACCOUNTS = (1, 2, 4, 8, 16)
DELETES = 150
Line = tuple[str, str, str, str]


def fleet_shares(options: argparse.Namespace) -> Iterator[Line]:
    """The share of the sum of the accounts' quotas, over 1, 2, 4, 8 and 16 accounts."""
    for accounts in getattr(options, "accounts", ACCOUNTS):
        part = min(1.0, _MOST_AT_AWS_QUOTAS / accounts)
        deletes = getattr(options, "deletes", DELETES)
        share, throttled, busy = measure(accounts, deletes, part=part, latency_s=options.latency)
        how = f"{share:.0%} of the sum of the quotas, {throttled:.1%} throttled"
        what = f"fleet sweep of {accounts} accounts" + (f", {part:.0%} of AWS's quotas" if part < 1 else "")
        yield what, how, "≥ 90 %, < 1 %", f"processors {busy:.0%} busy"


def measure(accounts: int, deletes: int, *, part: float, latency_s: float) -> tuple[float, float, float]:
    """Plan and apply a sweep in each account; shares of the quotas, of throttled calls, of the processors.

    ``part``: of AWS's quotas, which each account has.
    """
    with tempfile.TemporaryDirectory() as folder:
        quotas = {name: quota * part for name, quota in AWS_QUOTAS.items()}
        limits = [part for name, quota in quotas.items() for part in ("--limit", f"{name}={quota}")]
        more = ["--accounts", str(accounts), *limits]
        with running("finished", targets=deletes, latency_s=latency_s, more=more) as service:
            (Path(folder) / "targets.toml").write_text("".join(_table(number) for number in range(accounts)))
            rule = ["--job-id", "firmware", "--statuses", "REJECTED", "--max-deletes", str(deletes), *_CAPS]
            phrase = _sweep(service, folder, rule)["confirm"]
            began, idle = time.time(), _idle_s()
            result = _sweep(service, folder, [*rule, "--confirm", str(phrase)])
            busy = 1 - (_idle_s() - idle) / (time.time() - began) / (os.cpu_count() or 1)
        if result["counts"]["deleted"] != accounts * deletes:
            raise AssertionError(f"{result['outcome']}: {result['reason']}")
    traffic = service.traffic.since(began)
    share = traffic.per_s("DeleteJobExecution") / (quotas["DeleteJobExecution"] * accounts)
    return share, traffic.throttled_share, busy


def _table(number: int) -> str:
    return f'[[target]]\nname = "account-{number}"\nregion = "{REGION}"\nrole_arn = "{ROLE.format(number)}"\n'


def _sweep(service: Service, folder: str, rule: Sequence[str]) -> dict[str, Any]:
    iotjobs = str(Path(sys.executable).with_name("iotjobs"))
    command = [iotjobs, "run", "fleet_sweep", "--targets", "targets.toml", "--run-dir", "run", *rule]
    ended = subprocess.run(command, cwd=folder, env=service.environment, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"the sweep ended with {ended.returncode}: {ended.stdout[-1000:]} {ended.stderr[-2000:]}")
    return dict(json.loads((Path(folder) / "run" / "result.json").read_text()))


def _idle_s() -> float:
    return float(Path("/proc/uptime").read_text().split()[1])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python bench/fleet_share.py", description=__doc__)
    parser.add_argument("--accounts", type=int, nargs="+", default=ACCOUNTS)
    parser.add_argument("--deletes", type=int, default=DELETES, help="in each account")
    parser.add_argument("--latency", type=float, default=0.05, metavar="SECONDS")
    for line in fleet_shares(parser.parse_args()):
        print("| " + " | ".join(line) + " |", flush=True)
