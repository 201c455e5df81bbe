"""The kit's notebooks: where they lie, what they are called, which parameters they take. Quick to import."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from iotjobs.errors import InvalidInput
from iotjobs.parameter_values import Parameter, text
from iotjobs.parameters import NOTEBOOKS

#: In a clone this is a link to `notebooks/`; a wheel has the files.
FOLDER = Path(__file__).parents[1] / "notebooks"
#: The page on which JupyterLab opens: it has links and no code, so it is not one to run.
START = "start.ipynb"
_TYPES: dict[str, type] = {"int": int, "float": float, "bool": bool}


def notebooks() -> dict[str, Path]:
    """The kit's notebooks that can be run, by name."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.ipynb")) if path.name != START}


def find(name: str) -> Path | None:
    """Any notebook by its path, or one of the kit by its name."""
    path = Path(name)
    if path.suffix == ".ipynb" and path.is_file():
        return path
    return notebooks().get(name.removesuffix(".ipynb"))


def title(path: Path) -> str:
    """The first heading of a notebook, or its file's name."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        lines = "".join(cells[0]["source"]).splitlines()
    except (OSError, ValueError, LookupError, TypeError):
        return path.stem
    return next((line.removeprefix("# ").strip() for line in lines if line.startswith("# ")), path.stem)


def parameters_of(path: Path) -> Sequence[Parameter]:
    """The parameters of one of the kit's notebooks; for any other those that its own parameters cell declares."""
    if path.parent == FOLDER and path.stem in NOTEBOOKS:
        return NOTEBOOKS[path.stem]
    from papermill import inspect_notebook  # noqa: PLC0415 - slow to import

    return [
        Parameter(
            name=name,
            parse=text,
            help=str(declared["help"] or "").strip(),
            default=None if declared["default"] == "None" else str(declared["default"]).strip("\"'"),
            type=_TYPES.get(declared["inferred_type_name"], str),
        )
        for name, declared in inspect_notebook(str(path).replace("{", "{{").replace("}", "}}")).items()
    ]


def copy_to(folder: Path) -> list[Path]:
    """Put copies of the kit's notebooks and their start page into a folder.

    Raises InvalidInput rather than overwrite a changed one.
    """
    copies = {folder / path.name: path.read_bytes() for path in [FOLDER / START, *notebooks().values()]}
    changed = [copy.name for copy, content in copies.items() if copy.exists() and copy.read_bytes() != content]
    if changed:
        raise InvalidInput(
            f"{folder} has {', '.join(changed)} already, and not as they come with iotjobs: give another folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    for copy, content in copies.items():
        if not copy.exists():
            with copy.open("xb") as file:  # through no link
                file.write(content)
    return list(copies)
