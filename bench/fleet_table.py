"""The overview of ten million rows in a fleet's table: seconds and memory. `python bench/fleet_table.py [--rows N]`."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from iotjobs.columns import DIAGNOSIS_COLUMNS, EXECUTION_COLUMNS
from iotjobs.columns import table as typed
from iotjobs.targets import table

REGIONS = ("eu-west-1", "us-east-1", "eu-north-1", "sa-east-1", "ap-south-1")
TARGETS = 50
_CAUSES = ("device_offline", "orphaned", "blocked", "fresh", "")


def main() -> None:
    """Write the table, then make its overview in a process of its own."""
    parser = argparse.ArgumentParser(prog="python bench/fleet_table.py", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--read", type=Path, help="only make the overview of this run directory")
    options = parser.parse_args()
    if options.read:
        overview(options.read)
        return
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), options.rows // TARGETS)
        subprocess.run([sys.executable, __file__, "--read", folder], check=True)


def write(run_dir: Path, rows: int) -> None:
    """So many rows in each of fifty accounts and regions."""
    rng = np.random.default_rng(1)
    for number in range(TARGETS):
        found = {
            "job_id": [f"job-{job}" for job in rng.integers(0, 200, rows)],
            "thing_name": [f"pump-{number}-{row:07}" for row in range(rows)],
            "execution_number": [1] * rows,
            "status": ["QUEUED"] * rows,
            "queued_at": [pd.Timestamp("2026-10-01T10:00:00Z")] * rows,
            "stuck": list(rng.random(rows) < 0.3),
            "cause": list(rng.choice(_CAUSES, rows)),
            "evidence": ["not connected since 2026-10-01T10:00:00Z"] * rows,
        }
        executions = typed({**EXECUTION_COLUMNS, **DIAGNOSIS_COLUMNS}, found).assign(job_status="", thing_groups="")
        place = {"account": f"{number // len(REGIONS):012}", "region": REGIONS[number % len(REGIONS)]}
        table.write(run_dir, executions, target=f"target-{number}", **place)


def overview(run_dir: Path) -> None:
    """Make the overview, and print what it took."""
    import pyarrow.acero
    import pyarrow.dataset  # noqa: F401 - what is imported is no part of it

    before = _peak_mb()
    wall, processor = time.perf_counter(), time.process_time()
    counted = table.overview_of(run_dir)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    took = f"{wall:.1f} s, {processor:.1f} s of processor, {_peak_mb() - before:.0f} MB"
    print(f"{len(counted):,} counts, {counted['executions'].sum():,} unfinished: {took}")


def _peak_mb() -> float:
    """The most memory that this process has had, in MB."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return float(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
