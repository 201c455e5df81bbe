"""The stand-in as a process of its own: `python -m tests.aws_standin`. Prints the export lines, then a comment line."""

from __future__ import annotations

import argparse
import os
import runpy
import shlex
import signal
import sys
import tempfile
import threading
from pathlib import Path

from .chains import static_keys
from .fleet import Fleet
from .logins import Role
from .script import AWS_QUOTAS
from .standin import StandIn, log_line

#: The further accounts, by number, and the role that may be assumed in each.
ACCOUNT = "55556666{:04}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/iotjobs"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.aws_standin", description=__doc__)
    parser.add_argument("--region", default="eu-central-1")
    parser.add_argument("--account", default="444455556666")
    parser.add_argument("--executions", type=int, default=40, help="of one job, for as many things")
    parser.add_argument("--unfinished", type=float, default=0.5, help="the part of them that has not ended")
    parser.add_argument(
        "--build", metavar="FILE:FUNCTION", help="a function that takes the fleet and builds it instead"
    )
    parser.add_argument("--accounts", type=int, default=0, help="so many more, each with the same fleet and a role")
    parser.add_argument("--quotas", choices=["none", "aws"], default="none", help="AWS's default calls a second")
    parser.add_argument(
        "--limit", metavar="OPERATION=RATE", action="append", default=[], help="another quota; repeatable"
    )
    parser.add_argument(
        "--later",
        metavar="OPERATION=RATE@SECONDS",
        action="append",
        default=[],
        help="the quota so many seconds after the operation's first call",
    )
    parser.add_argument("--latency", type=float, default=0.0, metavar="SECONDS", help="of every answer")
    parser.add_argument("--no-jobs-endpoint", action="store_true", help="DescribeEndpoint refuses iot:Jobs")
    parser.add_argument("--log", metavar="FILE", help="every call as a line of JSON, written at the end")
    options = parser.parse_args()
    limits = dict(AWS_QUOTAS) if options.quotas == "aws" else {}
    limits |= {name: float(rate) for name, rate in (one.split("=") for one in options.limit)}
    changes = [one.replace("=", "@").split("@") for one in options.later]
    later = {name: (float(seconds), float(rate)) for name, rate, seconds in changes}
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    settings = {
        "region": options.region,
        "account": options.account,
        "jobs_endpoint": not options.no_jobs_endpoint,
        "latency_s": options.latency,
    }
    with StandIn(limits=limits, later=later, **settings) as aws, tempfile.TemporaryDirectory() as home:
        roles = [Role(ROLE.format(number), "iotjobs", ACCOUNT.format(number)) for number in range(options.accounts)]
        aws.logins.roles |= {role.arn: role for role in roles}
        for account in [options.account, *(role.account for role in roles)]:
            fleet = aws.fleet_of(account, options.region)
            if options.build:
                file, _, name = options.build.partition(":")
                runpy.run_path(file)[name](fleet)
            else:
                plain_fleet(fleet, options.executions, options.unfinished)
        environment = {name: value for name, value in static_keys(aws, Path(home)).items() if name != "HOME"}
        for name, value in environment.items():
            print(f"export {name}={shlex.quote(value)}")
        print(f"# AWS on 127.0.0.1:{aws.port}, process {os.getpid()}; ends at SIGTERM", flush=True)
        stopped.wait()
        if options.log:
            Path(options.log).write_text("".join(log_line(call) + "\n" for call in aws.calls))
        if aws.violations:
            sys.exit(f"not in AWS's model: {aws.violations}")


def plain_fleet(fleet: Fleet, executions: int, unfinished: float) -> None:
    """One job over many things: part of it IN_PROGRESS and QUEUED by turns on offline things, the rest FAILED."""
    statuses = {}
    for number in range(executions):
        live = number < executions * unfinished
        statuses[f"pump-{number:06}"] = ("QUEUED", "IN_PROGRESS")[number % 2] if live else "FAILED"
        fleet.thing(f"pump-{number:06}", connected=not live, since_days=20)
    fleet.job("firmware", statuses, days=40)


if __name__ == "__main__":
    main()
