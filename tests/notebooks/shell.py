"""`iotjobs run` as a shell or a scheduler starts it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat

CLI = [sys.executable, "-m", "iotjobs.cli"]


def run(directory: Path, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """Run a notebook in a run directory; returns exit code, result.json, and what was printed."""
    command = [*CLI, "run", *arguments, "--run-dir", str(directory)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=directory.parent)
    return ended.returncode, result(directory), ended.stdout + ended.stderr


def result(directory: Path) -> dict[str, Any]:
    """The result.json of a run directory."""
    return json.loads((directory / "result.json").read_text())


def names(job_id: str, thing_name: str, number: str = "1") -> list[str]:
    """The options that name an execution."""
    return ["--job-id", job_id, "--thing-name", thing_name, "--execution-number", number]


def notebook(path: Path, *cells: str) -> Path:
    """A small runbook that opens a run and then executes the cells."""
    start = 'import iotjobs\nrun = iotjobs.start("investigate", globals())'
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(source) for source in ("run_dir: str = None  # where", start, *cells)]
    notebook.cells[0].metadata["tags"] = ["parameters"]
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)
    return path
