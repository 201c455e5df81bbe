"""Running one notebook with papermill: its parameters, the executed notebook, the report, the exit code."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from iotjobs import parameter_values
from iotjobs.errors import InvalidInput, Refused
from iotjobs.model import Outcome, place_words, utc_text
from iotjobs.run import files, journal
from iotjobs.run.directory import RunDirectory, blank_result, ending_before, numbered_steps
from iotjobs.run.lock import NAMES, locked
from iotjobs.run.process import echo, undisturbed
from iotjobs.run.progress import on_terminal
from iotjobs.run.report import BY_RUNNER, write_report

_KERNEL = "iotjobs"
_BANNER = "papermill-error-cell-tag"
_RUNNER_LOCK = NAMES[1]
_DYING_S = 5.0  # so long may the kernel of a run that was killed take to follow it
_KERNEL_STARTS = 3
_NEVER_STARTED = "Kernel died before replying to kernel_info"
_RUN_DIR = re.compile(r'^(run_dir = ").*/')


def run(path: Path, options: Mapping[str, Any]) -> int:
    """Run a notebook and return the exit code of its outcome."""
    started_at = datetime.now(UTC)
    os.umask(0o077)  # what papermill and the kernel write is for the owner only
    directory = RunDirectory.open(options.get("run_dir"), notebook=path.stem, started_at=started_at)
    _lock, _ = locked(directory.path, _RUNNER_LOCK)  # held until this process ends
    values = {**options, "run_dir": options.get("run_dir") or os.path.relpath(directory.path)}
    executed = directory.path / path.name
    with _taken(directory):  # no kernel may be at work there; the one of this run takes it next
        blank = blank_result(path.stem, started_at, values)
        last = files.last_result(directory.path)
        before = {"journal": journal.sealed(last), "previous": ending_before(last)}
        directory.write_result({**blank, **before})
        if not_text := _not_text(options):
            _record(directory, Outcome.INVALID, not_text)
            echo(f"Error: {not_text}", err=True)
            return Outcome.INVALID.exit_code
        files.make_fresh(executed)  # papermill writes to whatever has that name
    try:
        problem = _execute(path, executed, values)
        result = _result(directory)
        if result["finished_at"] is None or (problem and result["outcome"] in _GOOD):
            _record(directory, Outcome.ERROR, problem or "the notebook left no result")
    except KeyboardInterrupt:
        _record(directory, Outcome.INTERRUPTED, "the run was stopped; what was done is in the journal")
    with undisturbed():
        _finish(executed, directory)
        _say(_result(directory), directory, executed)
    return Outcome(_result(directory)["outcome"]).exit_code


def _not_text(options: Mapping[str, Any]) -> str:
    """Which parameter no notebook can hold, and why; empty where all can."""
    try:
        for name, value in options.items():
            if isinstance(value, str):
                parameter_values.text(value, name=name)
    except InvalidInput as error:
        return str(error)
    return ""


def _execute(path: Path, executed: Path, values: Mapping[str, Any]) -> str:
    """Run the notebook; says what ended it, where that was not its end."""
    # jsonschema's check of IRIs, which no notebook has, compiles 38 grammars on import: a second or two of every run
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    import papermill  # noqa: PLC0415 - slow to import
    from papermill.exceptions import PapermillException  # noqa: PLC0415

    for starts_left in reversed(range(_KERNEL_STARTS)):
        try:
            with on_terminal() as progress, _this_python(**progress):
                papermill.execute_notebook(
                    _unformatted(path),
                    _unformatted(executed),
                    dict(values),
                    kernel_name=_KERNEL,
                    progress_bar=False,
                    cwd=str(Path.cwd()),
                )
        except PapermillException as error:
            return str(error).strip().splitlines()[-1]
        except Exception as error:  # noqa: BLE001 - whatever ends a kernel ends the run, on record
            if _NEVER_STARTED in str(error) and starts_left:
                continue  # another kernel took its port first; no cell was run
            return f"{type(error).__name__}: {error}"
        break
    return ""


def _unformatted(path: Path) -> str:
    """A path as papermill leaves it alone: it fills in parameters where a name has braces."""
    return str(path).replace("{", "{{").replace("}", "}}")


#: What a cell that failed afterwards, a view of it, turns into an error. What was applied stays applied.
_GOOD = {outcome.value for outcome in Outcome if outcome.exit_code == 0} - {Outcome.APPLIED.value}


def record_early_end(arguments: Sequence[str], outcome: Outcome, message: str) -> None:
    """Leave a result where `--run-dir` says, when a run ended before its notebook was begun."""
    words = list(arguments)
    if not words or words[0] != "run":
        return
    paths = [after for option, after in pairwise(words) if option == "--run-dir"]
    paths += [option.partition("=")[2] for option in words if option.startswith("--run-dir=")]
    if not paths:
        return
    others = [word for before, word in pairwise(words) if before != "--run-dir" and not word.startswith("-")]
    started_at, notebook = datetime.now(UTC), Path(next(iter(others), "unknown")).stem
    try:
        directory = RunDirectory.open(paths[-1], notebook=notebook, started_at=started_at)
        _lock, _ = locked(directory.path, _RUNNER_LOCK)  # a run that is at work there keeps its files
        with _taken(directory):
            blank = blank_result(notebook, started_at, {})
            directory.write_result({**blank, "journal": journal.sealed(files.last_result(directory.path))})
            _record(directory, outcome, message)
    except (InvalidInput, Refused) as error:
        echo(f"Error: {error}", err=True)


def _result(directory: RunDirectory) -> dict[str, Any]:
    result: dict[str, Any] = directory.read_json("result.json")
    return result


def _record(directory: RunDirectory, outcome: Outcome, why: str) -> None:
    """Say how the run ended where the notebook could not; what it had written down stays."""
    ended = {"outcome": outcome.value, "reason": why, "finished_at": utc_text(datetime.now(UTC)), "confirm": None}
    with _taken(directory):
        directory.write_result({**_result(directory), **ended, "warnings": []})


@contextmanager
def _taken(directory: RunDirectory) -> Iterator[None]:
    """Hold the directory while no kernel does; one that was killed may take a moment to die."""
    directory.take(patience_s=_DYING_S)
    try:
        yield
    finally:
        directory.leave()


@contextmanager
def _this_python(**environment: str) -> Iterator[None]:
    """A kernel of this very interpreter, whatever kernels the machine has installed."""
    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder) / "kernels" / _KERNEL
        spec.mkdir(parents=True)
        kernel = str(Path(__file__).with_name("kernel.py"))
        argv = [sys.executable, "-P", kernel, str(os.getpid()), "-f", "{connection_file}", "--log-level=50"]
        (spec / "kernel.json").write_text(
            json.dumps({"argv": argv, "display_name": "iotjobs", "language": "python"}), encoding="utf-8"
        )
        paths = os.pathsep.join(filter(None, [folder, os.environ.get("JUPYTER_PATH")]))
        with _environment(
            JUPYTER_PATH=paths, MPLBACKEND="agg", **{BY_RUNNER: "1"}, **environment
        ):  # figures depend on nothing of the caller's
            yield


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Set environment variables while it lasts."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _tidy(executed: Path) -> None:
    """Take this machine's paths and papermill's banners out of the executed notebook."""
    document = files.read_json(executed, most_bytes=files.MOST_BYTES)
    document["metadata"]["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    papermill = document["metadata"].get("papermill", {})
    for holder, name in ((papermill, "input_path"), (papermill, "output_path"), (papermill["parameters"], "run_dir")):
        if holder.get(name):
            holder[name] = Path(holder[name]).name
    document["cells"] = [cell for cell in document["cells"] if _BANNER not in cell["metadata"].get("tags", [])]
    for cell in document["cells"]:
        if "injected-parameters" in cell["metadata"].get("tags", []):
            cell["source"] = [_RUN_DIR.sub(r"\1", line) for line in cell["source"]]
    with files.replacing(executed) as file:
        file.write(json.dumps(document, indent=1).encode())


def _finish(executed: Path, directory: RunDirectory) -> None:
    """Tidy the notebook and write the report; where that cannot be done the outcome stands, and it is said."""
    if not executed.exists():
        return
    try:
        _tidy(executed)
        write_report(executed, directory.path / "report.html", _result(directory))
    except Exception as error:  # noqa: BLE001 - a template's error must not hide what was deleted
        echo(f"warning: no report: {type(error).__name__}: {error}", err=True)


def _say(result: Mapping[str, Any], directory: RunDirectory, executed: Path) -> None:
    if result["outcome"] == Outcome.SKELETON and "skeleton" in result:
        echo(json.dumps(result["skeleton"], indent=4))
    why = str(result.get("reason") or "").strip().splitlines() or ["done"]
    echo(f"{result['outcome']}: {why[-1]}", err=True)
    for step in numbered_steps(result):
        echo(step, err=True)
    for refusal in result.get("refusals", []):
        if refusal["message"] not in why[-1]:
            echo(f"{refusal['guard']}: {refusal['message']}", err=True)
    for warning in result.get("warnings", []):
        echo(f"warning: {warning}", err=True)
    if result.get("confirm"):
        place = {name: result.get(name) for name in ("account", "region", "endpoint")}
        words = place_words(result.get("endpoint_kind"), **place)
        echo(f"to confirm, {words}: --confirm '{result['confirm']}'", err=True)
    written = [name for name in (executed.name, "report.html", "result.json") if (directory.path / name).exists()]
    echo(f"files: {directory.path} ({', '.join(written)})", err=True)
