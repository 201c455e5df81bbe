"""docs/parameters.md, made from the table that the notebooks and the commands read: `make docs`."""

from __future__ import annotations

from iotjobs.model import Outcome
from iotjobs.parameters import NOTEBOOKS

_TYPES = {str: "text", int: "number", float: "number", bool: "yes or no"}
_HEAD = """# Parameters

Made from the code by `make docs`. In a notebook they are the variables of the cell tagged `parameters`; for papermill
`-r NAME VALUE` (`-p` makes a number of the name 007); for `iotjobs run NOTEBOOK` options: `job_id` is `--job-id`, and
yes or no is `--force` or `--no-force`.
"""


def parameters_page() -> str:
    """The page: a table for each notebook, what all have in common once, and the outcomes with their exit codes."""
    tables = [{parameter.name: parameter for parameter in parameters} for parameters in NOTEBOOKS.values()]
    shared = [name for name in ("profile", "region", "run_dir") if all(name in table for table in tables)]
    parts = [_HEAD]
    for notebook, table in zip(NOTEBOOKS, tables, strict=True):
        parts.append(_section(f"`{notebook}`", [each for name, each in table.items() if name not in shared]))
    parts.append(_section("All of them", [tables[0][name] for name in shared]))
    codes = "\n".join(f"| `{outcome}` | {outcome.exit_code} |" for outcome in Outcome)
    parts.append(f"## Outcomes and exit codes\n\n| outcome | exit code |\n|---|---|\n{codes}\n")
    return "\n".join(parts)


def _section(title: str, parameters: list) -> str:
    rows = []
    for each in parameters:
        default = "" if each.default is None else f"`{each.default}`"
        words = each.help.replace("|", "\\|").replace("<", "&lt;")
        rows.append(f"| `{each.name}` | {_TYPES[each.type]} | {default} | {words} |")
    return "\n".join([f"## {title}\n", "| name | takes | default | what |", "|---|---|---|---|", *rows, ""])


if __name__ == "__main__":
    print(parameters_page(), end="")  # noqa: T201 - it is the page
