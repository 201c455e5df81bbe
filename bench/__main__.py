"""`make bench`: how fast the kit is beside AWS's quotas, plain boto3 and botocore's adaptive mode, as ratios.

Writes README.md beside it. Quotas and latency are those of the stand-in for AWS (tests/aws_standin), which logs every
call: shares and bounds are by its log. Sizes: `python bench --rows 300000 --targets 1600 --rounds 5`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from fleet_share import fleet_shares
from service import ROOT, Traffic, running, work

Line = tuple[str, str, str, str]
_HEAD = """# Benchmarks

Written by `make bench` on {day}. Every figure is a ratio, or a share of a quota at {latency:g} s latency: seconds of a
machine that others use say little. Spread: lowest and highest round.

| work | measured | wanted | |
|---|---|---|---|
"""


def main() -> None:
    """Run all rows, print and write them."""
    parser = argparse.ArgumentParser(prog="python bench", description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000, help="executions of the long listing")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--targets", type=int, default=800, help="of the larger sweep without limits")
    parser.add_argument("--latency", type=float, default=0.05, metavar="SECONDS")
    parser.add_argument("--only", help="rows whose function has this in its name")
    options = parser.parse_args()
    lines: list[Line] = []
    for row in (sweeps, readings, paces, growth, listings, commands, fleet_shares):
        if options.only is None or options.only in row.__name__:
            for line in row(options):
                print("| " + " | ".join(line) + " |", flush=True)
                lines.append(line)
    if options.only is None:
        head = _HEAD.format(day=f"{datetime.now(UTC):%Y-%m-%d}", latency=options.latency)
        (ROOT / "bench" / "README.md").write_text(head + "".join(f"| {' | '.join(line)} |\n" for line in lines))


def sweeps(options: argparse.Namespace) -> Iterator[Line]:
    """The share of DeleteJobExecution's quota that a sweep uses."""
    for fleet, status, targets in (("finished", "REJECTED", 120), ("live", "IN_PROGRESS", 60)):
        with running(fleet, targets=targets, latency_s=options.latency) as service:
            took = work(service, "sweep", str(targets), status)
        traffic = service.traffic.since(took["began"])
        share = traffic.per_s("DeleteJobExecution") / 10
        how = f"{share:.0%} of the quota, {_throttled(traffic)}"
        yield f"sweep of {targets} {fleet} ones", how, "≥ 95 %, < 1 %", _calls(traffic)


def readings(options: argparse.Namespace) -> Iterator[Line]:
    """The time of a reading beside the least that the quotas let its job be done in."""
    works = (
        ("an account of 100 jobs, 2,000 unfinished", "account", (), 19.5),
        ("a job of 50,000 with 2,000 unfinished", "large_job", ("job_id=firmware",), 19.0),
        ("a thing with 60 jobs", "thing", ("thing_name=core-1",), 5.0),
    )
    for what, fleet, asked, least_s in works:
        with running(fleet, latency_s=options.latency) as service:
            took = work(service, "investigate", *asked)
        traffic = service.traffic.since(took["began"])
        how = f"{took['seconds'] / least_s:.2f} × {least_s:g} s, {_throttled(traffic)}"
        yield f"investigate {what}", how, "≤ 1.3 ×, < 1 %", _calls(traffic)


def paces(options: argparse.Namespace) -> Iterator[Line]:
    """What eight threads get of one operation's quota, with the kit's pace and with botocore's adaptive mode."""
    for name, task in (("the kit's pace", "paced"), ("botocore's adaptive mode", "adaptive")):
        with running("one", latency_s=options.latency) as service:
            took = work(service, task, "20")
        traffic = service.traffic.since(took["began"])
        how = f"{traffic.per_s('DescribeJob') / 10:.0%} of the quota, {_throttled(traffic)}"
        yield f"one operation, {name}", how, "≥ 95 %, < 1 %", ""


def growth(options: argparse.Namespace) -> Iterator[Line]:
    """Processor seconds a delete, of a sweep without limits, at two sizes."""
    sizes = (200, options.targets)
    each = []
    for targets in sizes:
        with running("finished", targets=targets, quotas="none", latency_s=0) as service:
            each.append(work(service, "sweep", str(targets), "REJECTED")["processor_s"] / targets)
    ratio = f"{each[1] / each[0]:.2f} × at {sizes[1]:,} what it is at {sizes[0]}"
    yield "processor time a delete, no limit", ratio, "≤ 1.3 ×", f"{1000 * each[1]:.1f} ms"


def listings(options: argparse.Namespace) -> Iterator[Line]:
    """A long listing into the table."""
    command = [sys.executable, str(ROOT / "bench" / "listing.py"), str(options.rows), str(options.rounds)]
    answer = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    took, what = answer["took"], f"{options.rows:,} executions into the table"
    faster = _ratios(took["plain boto3"], took["iotjobs"])
    yield f"{what}, beside plain boto3", f"{faster} as fast", "≥ 12 ×", ""
    yield (
        f"{what}, beside the lower bound",
        f"{_ratios(took['iotjobs'], took['lower bound'])} its time",
        "≤ 4 ×",
        answer["reader"],
    )
    yield "memory a row", f"{answer['memory']:.0f} bytes", "≤ 60", ""


def commands(options: argparse.Namespace) -> Iterator[Line]:
    """Whole processes: a headless delete beside papermill on an empty notebook, and the help."""
    import nbformat

    papermill, kit, helps = [], [], []
    iotjobs = str(Path(sys.executable).with_name("iotjobs"))
    with running("one", latency_s=0) as service, tempfile.TemporaryDirectory() as home:
        empty = f"{home}/empty.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("pass")]), empty)
        delete = ["run", "delete_job_execution", "--job-id", "firmware", "--thing-name", "pump-1"]
        delete += ["--execution-number", "1"]
        for number in range(options.rounds):
            plain = [sys.executable, "-m", "papermill", "-k", "python3", empty, f"{home}/out.ipynb"]
            papermill.append(_seconds(plain, service.environment))
            ours = [iotjobs, *delete, "--run-dir", f"{home}/{number}"]
            kit.append(_seconds(ours, service.environment))
            helps.append(_seconds([iotjobs, "--help"], service.environment))
    yield "headless delete, whole process, beside papermill", f"{_ratios(kit, papermill)} its time", "≤ 1.5 ×", ""
    yield "`iotjobs --help`", f"{statistics.median(helps):.2f} s", "≤ 0.5 s", ""


def _seconds(command: Sequence[str], environment: dict[str, str]) -> float:
    began = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command} failed: {done.stderr[-2000:]}")
    return time.perf_counter() - began


def _ratios(these: Sequence[float], those: Sequence[float]) -> str:
    """The ratio of medians, with that of each round: those were by turns."""
    each = [this / that for this, that in zip(these, those, strict=True)]
    middle = statistics.median(these) / statistics.median(those)
    return f"{middle:.1f} × ({min(each):.1f}–{max(each):.1f})"


def _throttled(traffic: Traffic) -> str:
    return f"{traffic.throttled_share:.1%} throttled"


def _calls(traffic: Traffic) -> str:
    return ", ".join(f"{name} {count}" for name, count in list(traffic.by_operation().items())[:4])


if __name__ == "__main__":
    main()
