"""Break each guard and each step on purpose, and see who notices: `python tests/faults/mutations.py [NAME…]`.

Each mutation is a text patch of a copy of the repository. First the soak looks for a schedule that breaks the promise,
then the tests run; what notices first is printed. A mutation that nobody notices is a hole in the proof.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HOUSE = Path(__file__).parents[2]
SCHEDULES = 500
TESTS = [
    "tests/unit/test_guards.py",
    "tests/unit/test_journal.py",
    "tests/faults/test_what_the_record_says.py",
    "tests/service/test_sweep_plans_by_rule.py",
    "tests/service/test_sweep_applies_its_plan.py",
    "tests/service/test_sweep_approves_a_saved_plan.py",
    "tests/notebooks/test_sweep_from_a_shell.py",
    "tests/faults/test_a_record_that_suffers.py",
    "tests/service/test_delete_looks_before_it_sends_again.py",
    "tests/service/test_delete_one_execution.py",
]


@dataclass(frozen=True)
class Mutation:
    """A change for the worse: in which file, from what, to what."""

    name: str
    file: str
    before: str
    after: str
    of_plans: bool = False  # it concerns what is planned and approved: the tests are asked first


MUTATIONS = (
    Mutation(
        "the look before the call is skipped",
        "apply",
        "                refused = self._refused(now)\n",
        "                refused = []\n",
    ),
    Mutation(
        "the version is ignored",
        "guards",
        "elif now.version_number != then.version_number:",
        "elif now.version_number < 0:",
    ),
    Mutation("the status is ignored", "guards", "elif now.status != then.status:", "elif now.status == 'no status':"),
    Mutation(
        "queued_at is ignored by the guard",
        "guards",
        "if now.queued_at != then.queued_at:",
        "if now.queued_at is None:",
    ),
    Mutation(
        "queued_at is ignored when it is looked for",
        "apply",
        "return seen is None or seen.queued_at != self._plan.execution.queued_at",
        "return seen is None",
    ),
    Mutation(
        "cancel without the expected version", "apply", "expectedVersion=now.version_number,", "expectedVersion=None,"
    ),
    Mutation(
        "cancel of whatever number is the newest",
        "apply",
        "        if moved or now.finished or not self._plan.cancel_first:\n",
        "        if True:\n",
    ),
    Mutation(
        "no cancel: a live one is deleted with force",
        "sweep_plan",
        "        force=False,\n        cancel_first=not execution.finished,",
        "        force=True,\n        cancel_first=False,",
    ),
    Mutation("force in every delete", "apply", "force=self._plan.force and not now.finished,", "force=True,"),
    Mutation(
        "anybody's cancel is taken as ours",
        "apply",
        'return seen.status_details.get("mark") == self._journal.mark()',
        "return True",
    ),
    Mutation(
        "no line before the call",
        "apply",
        '            self._journal.write("calling", operation=operation, attempt=attempt + 1, **self._identity)\n',
        "",
    ),
    Mutation(
        "the line comes after the call",
        "apply",
        '            self._journal.write("calling", operation=operation, attempt=attempt + 1, **self._identity)\n            try:\n                self._connection.change(operation, **names, **parameters)\n',
        '            try:\n                self._connection.change(operation, **names, **parameters)\n                self._journal.write("calling", operation=operation, attempt=attempt + 1, **self._identity)\n',
    ),
    Mutation("the line is not synced", "journal", "    os.fsync(file.fileno())\n", "    file.flush()\n"),
    Mutation(
        "no snapshot before",
        "apply",
        "                    self._journal.snapshot(now.raw)\n",
        "                    pass\n",
    ),
    Mutation(
        "sent again without a look",
        "apply",
        "                seen = self.look()\n                if unanswered and settled(seen):\n                    break\n                _same_as(now, seen)\n",
        "",
    ),
    Mutation(
        "a 5xx is taken for success",
        "apply",
        "            except Unsettled as error:\n",
        "            except Unsettled:\n                break\n            except PartlyDone as error:\n",
    ),
    Mutation(
        "what was accepted is not verified",
        "apply",
        "        if not self._seen_as(self._is_gone):\n",
        "        if False:\n",
    ),
    Mutation(
        "in-flight calls are forgotten at a resume",
        "plan",
        'return sent.count("calling") > sent.count("declined")',
        "return False",
    ),
    Mutation(
        "a delete in flight is not settled",
        "apply",
        "        if not self._is_gone(now) or not self._may_have_acted(DELETE):\n            return False\n",
        "        if True:\n            return False\n",
    ),
    Mutation(
        "no canary",
        "sweep_apply",
        'canary = not any(entry["event"] == "canary" for entry in self._journal.entries)',
        "canary = False",
    ),
    Mutation("it goes on after failures in a row", "sweep_apply", "FAILURES_IN_A_ROW = 3", "FAILURES_IN_A_ROW = 3000"),
    Mutation(
        "it goes on after a delete is denied",
        "sweep_apply",
        "if isinstance(error.__cause__, Denied):",
        "if error is None:",
    ),
    Mutation(
        "the plan is cut to the cap",
        "choose",
        "    refusals = too_many(len(kept), caps.max_deletes)\n",
        "    kept = kept.head(caps.max_deletes)\n    refusals = too_many(0, caps.max_deletes)\n",
    ),
    Mutation(
        "an execution that cannot be read is left out",
        "choose",
        "            raise answer\n        elif (answer",
        "            continue\n        elif (answer",
    ),
    Mutation(
        "protected names are chosen", "choose", "        keep.append(why is None)\n", "        keep.append(True)\n"
    ),
    Mutation(
        "live ones need no force",
        "guards",
        "    if plan.rule.force:\n        return []\n",
        "    if plan.rule:\n        return []\n",
        of_plans=True,
    ),
    Mutation(
        "the fraction is not looked at",
        "guards",
        "if count > plan.caps.max_fraction * total + 1e-9:",
        "if count > 10**9:",
        of_plans=True,
    ),
    Mutation(
        "any phrase will do for a sweep",
        "guards",
        "if given == plan.phrase or given == bare + DEVICE_ACTIVE_WORDS:",
        "if given:",
        of_plans=True,
    ),
    Mutation(
        "any phrase will do for one",
        "guards",
        "    if confirm.strip().removesuffix(DEVICE_ACTIVE_WORDS) == plan.phrase",
        "    if confirm or plan.phrase",
        of_plans=True,
    ),
    Mutation(
        "unattended without caps",
        "sweep",
        "        if not missing:\n            return []\n",
        "        if True:\n            return []\n",
        of_plans=True,
    ),
    Mutation(
        "an edited plan is taken",
        "sweep_plan",
        'return document.get("digest") == _digest(',
        'return document.get("digest") != (0,) or _digest(',
        of_plans=True,
    ),
    Mutation(
        "a stale plan is taken",
        "guards",
        "if timedelta(minutes=-5) <= age <= STALE_AFTER:",
        "if age is not None:",
        of_plans=True,
    ),
    Mutation(
        "a plan of elsewhere is taken",
        "guards",
        "if (plan.account, plan.region) == (here.account, here.region):",
        "if plan.account:",
        of_plans=True,
    ),
    Mutation(
        "the lock is ignored",
        "lock",
        "            lock.acquire(timeout=patience_s)\n",
        "            pass\n",
        of_plans=True,
    ),
    Mutation(
        "the chain is not checked",
        "journal",
        '            chained = entry["previous"] == previous and isinstance(entry["event"], str)\n',
        '            chained = bool(entry["previous"])\n',
        of_plans=True,
    ),
    Mutation(
        "the seal is not checked",
        "journal",
        "    if before is not None:\n",
        "    if before is None:\n",
        of_plans=True,
    ),
)


def main(names: list[str]) -> int:
    """Try the mutations that are named, or all; print who noticed. The number that nobody noticed is the exit code."""
    wanted = [each for each in MUTATIONS if not names or any(name in each.name for name in names)]
    missed = 0
    for mutation in wanted:
        with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
            noticed = _noticed(mutation, Path(folder))
        missed += not noticed
        print(f"| {mutation.name} | {noticed or '**nobody**'} |", flush=True)
    print(f"\n{len(wanted)} mutations, {missed} that nobody noticed")
    return missed


def _noticed(mutation: Mutation, home: Path) -> str:
    for part in ("lib", "tests", "notebooks", "pyproject.toml"):
        source = HOUSE / part
        if source.is_dir():
            shutil.copytree(source, home / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, home / part)
    (patched,) = (home / "lib" / "iotjobs").rglob(f"{mutation.file}.py")
    text = patched.read_text()
    if text.count(mutation.before) != 1:
        return f"STALE: found {text.count(mutation.before)} times, the code has changed"
    patched.write_text(text.replace(mutation.before, mutation.after))
    if mutation.of_plans:
        return _by_a_test(home) or _by_the_soak(home)
    return _by_the_soak(home) or _by_a_test(home)


def _by_the_soak(home: Path) -> str:
    ended = _run(home, "tests/faults/soak.py", "--schedules", str(SCHEDULES), "--stop")
    if ended.returncode == 0:
        return ""
    seeds = re.findall(r"seed (\d+):", ended.stderr)
    return f"soak, after {max(1, int(seeds[0]))} schedules" if seeds else f"soak: {ended.stderr[-200:]}"


def _by_a_test(home: Path) -> str:
    ended = _run(home, "-m", "pytest", "-x", "-q", *TESTS)
    if ended.returncode == 0:
        return ""
    failed = re.findall(r"^(?:FAILED|ERROR) \S+?(test_\w+)\.py(?:::(\w+))?", ended.stdout, flags=re.MULTILINE)
    return ", ".join(f"`{file}`: `{test}`" for file, test in failed) or ended.stdout[-200:]


def _run(home: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(home / "lib")}
    return subprocess.run(
        [sys.executable, *command], cwd=home, env=environment, capture_output=True, text=True, check=False
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
