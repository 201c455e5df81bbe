"""`make bench`: how fast the kit is beside AWS's quotas, plain boto3 and botocore's adaptive mode, as ratios.

Writes README.md beside it. Quotas and latency are those of the stand-in for AWS (tests/aws_standin), which logs every
call: shares and bounds are by its log. `--only NAME` does a part and `--quick` all of it with small sizes; both only
print.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fleet_share import fleet_shares
from service import ROOT, Traffic, running, work

Line = tuple[str, str, str, str]
_QUICK = {"rows": 10_000, "rounds": 1, "targets": 400, "most_targets": 600, "accounts": (1, 2), "deletes": 40}
_HEAD = """# Benchmarks

Written by `make bench` on {day}, in {minutes:.0f} minutes. Every figure is a ratio, or a share of a quota at
{latency:g} s latency: seconds of a machine that others use say little. Spread: lowest and highest of {rounds} rounds.

| work | measured | wanted | |
|---|---|---|---|
"""


def main() -> None:
    """Run all rows, print and write them."""
    parser = argparse.ArgumentParser(prog="python bench", description=__doc__)
    parser.add_argument("--rows", type=int, default=300_000, help="executions of the long listing")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--targets", type=int, default=1600, help="of the larger sweep without limits")
    parser.add_argument("--most-targets", type=int, default=10_000, help="of the largest one")
    parser.add_argument("--latency", type=float, default=0.05, metavar="SECONDS")
    parser.add_argument("--only", help="rows whose function has this in its name")
    parser.add_argument("--quick", action="store_true", help="all rows with small sizes, to see that they run")
    options = parser.parse_args()
    if options.quick:
        vars(options).update(_QUICK)
    began = time.monotonic()
    lines: list[Line] = []
    for row in (sweeps, readings, paces, listings, commands, growth, fleet_shares):
        if options.only is None or options.only in row.__name__:
            for line in _lines_of(row, options):
                print("| " + " | ".join(line) + " |", flush=True)
                lines.append(line)
                if options.only is None and not options.quick:  # after each: what stops it leaves what there is
                    _write(lines, options, minutes=(time.monotonic() - began) / 60)
    print(f"{(time.monotonic() - began) / 60:.1f} minutes", file=sys.stderr)


def _write(lines: Sequence[Line], options: argparse.Namespace, *, minutes: float) -> None:
    sizes = {"latency": options.latency, "rounds": options.rounds}
    head = _HEAD.format(day=f"{datetime.now(UTC):%Y-%m-%d}", minutes=minutes, **sizes)
    (ROOT / "bench" / "README.md").write_text(head + "".join(f"| {' | '.join(line)} |\n" for line in lines))


def _lines_of(row: Callable[[argparse.Namespace], Iterator[Line]], options: argparse.Namespace) -> Iterator[Line]:
    """The lines of a row; one that fails says so, and the others are still measured."""
    try:
        yield from row(options)
    except Exception as error:  # noqa: BLE001 - what failed stands in the table
        traceback.print_exc()
        yield row.__name__, f"failed: {type(error).__name__}", "", ""


def sweeps(options: argparse.Namespace) -> Iterator[Line]:
    """The share of DeleteJobExecution's quota that a sweep uses."""
    for fleet, status, targets in (("finished", "REJECTED", 120), ("live", "IN_PROGRESS", 60)):

        def measure(_round: int, fleet: str = fleet, status: str = status, targets: int = targets) -> Traffic:
            with running(fleet, targets=targets, latency_s=options.latency) as service:
                took = work(service, "sweep", str(targets), status)
            return service.traffic.since(took["began"])

        rounds = _at_once(measure, range(options.rounds))
        shares = [traffic.per_s("DeleteJobExecution") / 10 for traffic in rounds]
        how = f"{_spread(shares, '.0%')} of the quota, {_throttled(rounds)}"
        yield f"sweep of {targets} {fleet} ones", how, "≥ 95 %, < 1 %", _calls(rounds[0])


def readings(options: argparse.Namespace) -> Iterator[Line]:
    """The time of a reading beside the least that the quotas let its job be done in."""
    works = (
        ("an account of 100 jobs, 2,000 unfinished", "account", (), 19.5),
        ("a job of 50,000 with 2,000 unfinished", "large_job", ("job_id=firmware",), 19.0),
        ("a thing with 60 jobs", "thing", ("thing_name=core-1",), 5.0),
    )
    for what, fleet, asked, least_s in works:
        rounds, took = [], []
        for _ in range(options.rounds):
            with running(fleet, latency_s=options.latency) as service:
                took.append(work(service, "investigate", *asked))
            rounds.append(service.traffic.since(took[-1]["began"]))
        times = [each["seconds"] / least_s for each in took]
        how = f"{_spread(times, '.2f')} × {least_s:g} s, {_throttled(rounds)}"
        yield f"investigate {what}", how, "≤ 1.3 ×, < 1 %", _calls(rounds[0])
        first = [each["first_s"] for each in took if each["first_s"]]
        if first:
            describes_s = rounds[0].least_s("data:DescribeJobExecution")
            how = f"{_spread([each - describes_s for each in first], '.1f')} s + {describes_s:g} s of describing"
            yield "first diagnosis of that on screen", how, "≤ 3 s + describing", ""


def paces(options: argparse.Namespace) -> Iterator[Line]:
    """What eight threads get of one operation's quota, with the kit's pace and with botocore's adaptive mode."""
    limits: dict[str, tuple[Sequence[str], float, float]] = {
        "one operation": ((), 10, 0),
        "its limit halves": (("--later", "DescribeJob=5@20"), 5, 30),
        "its limit doubles": (("--later", "DescribeJob=20@20"), 20, 30),
    }
    ways = {"the kit's pace": "paced", "botocore's adaptive mode": "adaptive"}

    def measure(which: tuple[str, str, int]) -> Traffic:
        more, _, since_s = limits[which[0]]
        with running("one", latency_s=options.latency, more=more) as service:
            took = work(service, ways[which[1]], str(since_s + 20 if since_s else 20))
        return service.traffic.since(took["began"])

    runs = [(name, way, number) for number in range(options.rounds) for name in limits for way in ways]
    answers = dict(zip(runs, _at_once(measure, runs), strict=True))
    for name, (_, limit, since_s) in limits.items():
        for way in ways:
            rounds = [answers[name, way, number] for number in range(options.rounds)]
            shares = [each.per_s("DescribeJob", after_s=since_s) / limit for each in rounds]
            when = " from 10 s after" if since_s else ""
            how = f"{_spread(shares, '.0%')} of the quota{when}, {_throttled(rounds)}"
            yield f"{name}, {way}", how, "≥ 95 %" if since_s else "≥ 95 %, < 1 %", ""


def growth(options: argparse.Namespace) -> Iterator[Line]:
    """Processor seconds a delete, of a sweep without limits, by its size."""
    sizes = (200, options.targets, options.most_targets)
    each: dict[int, list[float]] = {size: [] for size in sizes}
    for number in range(options.rounds):
        for size in sizes if number == 0 else sizes[:2]:
            with running("finished", targets=size, quotas="none", latency_s=0) as service:
                each[size].append(work(service, "sweep", str(size), "REJECTED")["processor_s"] / size)
    for size in sizes[1:]:
        ratio = f"{_ratios(each[size], each[200][: len(each[size])], '.2f')} at {size:,} what it is at 200"
        yield "processor time a delete, no limit", ratio, "≤ 1.3 ×", f"{1000 * statistics.median(each[size]):.1f} ms"


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


def _at_once(measure: Callable[[Any], Traffic], each: Sequence[Any]) -> list[Traffic]:
    """Runs that wait for a quota most of the time, six at once: each has a stand-in of its own."""
    with ThreadPoolExecutor(6) as pool:
        return list(pool.map(measure, each))


def _ratios(these: Sequence[float], those: Sequence[float], form: str = ".1f") -> str:
    """The ratio of medians, with that of each round: those were by turns."""
    each = [this / that for this, that in zip(these, those, strict=True)]
    middle = statistics.median(these) / statistics.median(those)
    return f"{middle:{form}} × ({min(each):{form}}–{max(each):{form}})"


def _spread(values: Sequence[float], form: str) -> str:
    """The median, with the lowest and the highest."""
    return f"{statistics.median(values):{form}} ({min(values):{form}}–{max(values):{form}})"


def _throttled(rounds: Sequence[Traffic]) -> str:
    return f"{max(traffic.throttled_share for traffic in rounds):.1%} throttled"


def _calls(traffic: Traffic) -> str:
    return ", ".join(f"{name} {count}" for name, count in list(traffic.by_operation().items())[:4])


if __name__ == "__main__":
    main()
