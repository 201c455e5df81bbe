"""`make demo`: the main job of the kit, headless, against the sandbox that it runs in, or one that it starts."""

from __future__ import annotations

import csv
import json
import os
import shlex
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from iotjobs.aws import sandbox_proof
from iotjobs.model import Outcome
from iotjobs.sandbox import command

FINISHED = ("config-2026-q3", "meter-munich-04", "1")
RUNNING = ("firmware-2-4-1", "pump-berlin-01", "1")
#: The command as a person would type it here.
_PROGRAM = Path(os.path.relpath(Path(sys.executable).parent / "iotjobs"))
LEFT_BEHIND = ("--causes", "orphaned", "--older-than", "7d", "--force")
HALF = ("--max-fraction", "0.5")


def main() -> int:
    """Investigate; sweep, planned then applied; delete one, be refused one; say what was found and where it lies."""
    if not sandbox_proof.is_proven(os.environ.get("AWS_ENDPOINT_URL")):  # it deletes: never against anything else
        return command.run([sys.executable, "-m", "iotjobs.sandbox.demo"])
    _say("A made-up fleet on this machine; seven runs, each a few seconds. Each command is run inside that sandbox.")
    base = Path("runs") / f"demo-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    _step("Investigate every job that is not finished")
    _run(base / "investigate", "ok", "investigate")
    _step("Sweep what a cancelled rollout left behind: first the plan, and the caps refuse it")
    capped = _run(base / "sweep-capped", "refused", "sweep", *LEFT_BEHIND)
    _step("... a plan that says how much of a small job is meant")
    sweep = _run(base / "sweep-plan", "planned", "sweep", *LEFT_BEHIND, *HALF)
    _step("... then that plan, confirmed with its phrase")
    approved = ("--plan-file", str(base / "sweep-plan" / "plan.json"), "--confirm", str(sweep["confirm"]))
    swept = _run(base / "sweep", "applied", "sweep", *approved)
    _step("Delete one execution that failed: first the plan")
    plan = _run(base / "delete", "planned", "delete_job_execution", *_names(FINISHED))
    _step("... then the same, confirmed with the phrase of the plan")
    confirmed = ("--confirm", str(plan["confirm"]))
    applied = _run(base / "delete", "applied", "delete_job_execution", *_names(FINISHED), *confirmed)
    _step("Ask for one that its device is working on, without force")
    refused = _run(base / "refused", "refused", "delete_job_execution", *_names(RUNNING))

    with (base / "investigate" / "executions.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["cause"]]
    _step("What was found")
    stuck = Counter(row["cause"] for row in rows if row["stuck"] == "True")
    _say(f"{sum(stuck.values())} of {len(rows)} unfinished executions are stuck:")
    for cause, count in stuck.most_common():
        _say(f"  {count:3} {cause}")
    _say(f"Deleted: {applied['reason']}; by the sweep {swept['reason']}:")
    for target in json.loads((base / "sweep-plan" / "plan.json").read_text(encoding="utf-8"))["targets"]:
        _say(f"  {target['job_id']}/{target['thing_name']}/{target['execution_number']}, was {target['status']}")
    _say(f"Refused: {refused['reason']}")
    _say(f"Refused: {capped['reason']}")
    _step("The reports, in the order of the story; beside each the executed notebook and result.json")
    for name in ("investigate", "sweep-capped", "sweep-plan", "sweep", "delete", "refused"):
        _say(f"  {(base / name / 'report.html').resolve().as_uri()}")
    _step("To go on: each line as it is, on the same fleet anew")
    program = shlex.quote(str(_PROGRAM))
    _say(f"  {program} sandbox -- {program} run investigate")
    _say(f"  {program} sandbox -- {program} run sweep {shlex.join([*LEFT_BEHIND, *HALF])}   # the plan, and its phrase")
    _say(f"  {program} restore {base / 'sweep'}   # what that run removed, and the requests that queue it again")
    _say(f"  {program} sandbox -- bash   # a shell there, for the commands above; a phrase is its own plan's only")
    _say(f"  {program} lab --sandbox   # JupyterLab, with three incidents to solve")
    return 0


def _names(key: tuple[str, str, str]) -> tuple[str, ...]:
    return ("--job-id", key[0], "--thing-name", key[1], "--execution-number", key[2])


def _run(directory: Path, expected: str, *arguments: str) -> dict[str, Any]:
    words = ["run", *arguments, "--run-dir", str(directory)]
    _say(f"$ {shlex.join([str(_PROGRAM), *words])}")
    code = subprocess.run([sys.executable, "-m", "iotjobs.cli", *words], check=False).returncode
    try:
        result: dict[str, Any] = json.loads((directory / "result.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        sys.exit(f"demo: exit code {code}, and no result: {error}")
    if (result["outcome"], code) != (expected, Outcome(expected).exit_code):
        sys.exit(f"demo: expected {expected}, got {result['outcome']} (exit {code}): {result.get('reason')}")
    return result


def _step(words: str) -> None:
    _say(f"\n== {words}")


def _say(words: str) -> None:
    print(words, flush=True)  # noqa: T201 - the demo talks to a person


if __name__ == "__main__":
    sys.exit(main())
