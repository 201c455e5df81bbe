"""A notebook's own code, run in an IPython of this process: what `iotjobs run` does, without a kernel and its start."""

from __future__ import annotations

import atexit
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from IPython.core.history import HistoryManager
from IPython.core.interactiveshell import InteractiveShell

from iotjobs.run.notebooks import notebooks
from tests.aws_standin import Fault, StandIn


@dataclass(frozen=True)
class Ended:
    """How a run ended: its result.json, and the error that ended the notebook, if one did."""

    directory: Path
    result: dict[str, Any]
    error: BaseException | None

    @property
    def outcome(self) -> str:
        return str(self.result["outcome"])

    @property
    def reason(self) -> str:
        """All that a person is told of why."""
        refusals = [refusal["message"] for refusal in self.result["refusals"]]
        return " ".join([str(self.result.get("reason", "")), *refusals, str(self.error or "")])

    @property
    def guards(self) -> set[str]:
        return {refusal["guard"] for refusal in self.result["refusals"]}


def run(notebook: str, directory: Path, **parameters: Any) -> Ended:
    """Run a notebook's code cells, parameters injected as papermill does it; the calls of views are left out."""
    cells = [cell for cell in nbformat.read(notebooks()[notebook], as_version=4).cells if cell.cell_type == "code"]
    InteractiveShell.clear_instance()
    HistoryManager.enabled = False  # type: ignore[assignment]
    shell = InteractiveShell.instance()
    error: BaseException | None = None
    try:
        for cell in cells:
            error = _run_cell(shell, _without_views(cell.source))
            if error is None and "parameters" in cell.metadata.get("tags", []):
                values = parameters | {"run_dir": str(directory)}
                error = _run_cell(
                    shell, "\n".join(["# Parameters", *(f"{name} = {value!r}" for name, value in values.items())])
                )
            if error is not None:
                break
    finally:
        shell.restore_sys_module_state()
        atexit.unregister(shell.atexit_operations)  # a second for each shell, when the process ends
        InteractiveShell.clear_instance()
    return Ended(directory, json.loads((directory / "result.json").read_text()), error)


def _run_cell(shell: InteractiveShell, source: str) -> BaseException | None:
    done = shell.run_cell(source, store_history=True)
    return done.error_before_exec or done.error_in_exec


def _without_views(source: str) -> str:
    return "\n".join(line for line in source.splitlines() if not line.startswith("iotjobs."))


def confirmed(notebook: str, directory: Path, **parameters: Any) -> Ended:
    """Run a notebook as far as its plan, and again with the plan's phrase."""
    planned = run(notebook, directory, **parameters)
    assert planned.outcome == "planned", planned.reason
    return run(notebook, directory, **parameters, confirm=planned.result["confirm"])


def settles_by_looking(
    aws: StandIn, directory: Path, notebook: str, operation: str, fault: Fault, **parameters: Any
) -> None:
    """Plan and confirm, the answer to the call lost; at the latest the second run knows, and nothing is sent twice."""
    planned = run(notebook, directory, **parameters)
    aws.script.fail(operation, fault)
    ended = run(notebook, directory, **parameters, confirm=planned.result["confirm"])
    if ended.outcome != "applied":
        assert ended.outcome not in {"refused", "denied", "nothing_to_do"}, ended.reason
        ended = run(notebook, directory, **parameters, confirm=planned.result["confirm"])
    assert ended.outcome == "applied", ended.reason
    assert len(aws.called(operation)) == 1
