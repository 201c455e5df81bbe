"""Opening a run: its directory, its parameters, what lies there of an earlier one. A notebook's first cell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from iotjobs import logs, parameters, project_file
from iotjobs.aws.connection import Connection
from iotjobs.errors import InvalidInput
from iotjobs.project_file import Project
from iotjobs.run.directory import RunDirectory
from iotjobs.run.run import Run


def start(
    notebook: str,
    namespace: Mapping[str, object] | None = None,
    connect: Callable[[], Connection] | None = None,
    project: Project | None = None,
    /,
    **values: object,
) -> Run:
    """Open the run directory and read the parameters; nothing is asked of AWS yet.

    Parameters
    ----------
    notebook
        The name of the kit's notebook, such as ``"sweep"``.
    namespace
        In a notebook its ``globals()``: its parameters are taken from there by their names, whoever set them.
    connect
        How to connect, where it is not by `profile` and `region`: a target of a fleet has a way of its own.
    project
        The project file in force; by default that of the working directory, see `project_file.in_force`.
    values
        From Python the parameters themselves, as in the notebook's parameters cell.

    Returns
    -------
    Run
        What every other function takes; `Run.end` closes it.

    Raises
    ------
    InvalidInput
        A parameter that does not exist, is given and empty, or cannot be meant; so of the project file.
    Refused
        Another run is at work in the run directory; nothing there was touched.
    RecordError
        The journal that lies in the run directory was cut or edited.

    """
    logs.show_if_asked()
    started_at = datetime.now(UTC)
    directory = RunDirectory.open(
        values.get("run_dir", (namespace or {}).get("run_dir")), notebook=notebook, started_at=started_at
    )
    directory.take()
    problem: InvalidInput | None = None
    try:
        read = parameters.read(notebook, _raw(notebook, namespace, values))
    except InvalidInput as error:
        read, problem = parameters.unread(notebook, namespace or values), error
    run = Run(directory, started_at, read, connect)
    run.watch_cells()
    with run.recorded():
        if problem is not None:
            raise problem
        run.project = project_file.in_force() if project is None else project
        run.require_whole_record()
        run.read_earlier()
        run.require_something_new()
    return run


def start_beside(run: Run, notebook: str, **values: object) -> Run:
    """Start another run in the same notebook, with a directory of its own: what a person does beside what the cells do.

    It connects as the first one does. Nothing of it is closed by a cell: cells that fail are no end of it, and others
    may work in its directory as soon as it does not.

    Parameters
    ----------
    run
        The run of the notebook that is open.
    notebook
        The name of the kit's notebook whose work is done.
    values
        That notebook's parameters; `profile` and `region` are those of ``run``.

    Returns
    -------
    Run
        A run that is not yet connected.

    Raises
    ------
    InvalidInput
        A parameter cannot be meant.

    """
    place = {name: run.parameters[name] for name in ("profile", "region")}
    now = datetime.now(UTC)
    directory = RunDirectory.open(None, notebook=notebook, started_at=now)
    directory.take()
    beside = Run(directory, now, parameters.read(notebook, {**place, **values}), run.connect)
    beside.project = run.project
    beside.listeners.append(beside.write_report)  # no cell ends it
    directory.leave()
    return beside


def _raw(notebook: str, namespace: Mapping[str, object] | None, values: Mapping[str, object]) -> dict[str, object]:
    if namespace is None:
        return dict(values)
    first = not any(isinstance(value, Run) for value in namespace.values())
    return {**parameters.from_namespace(notebook, namespace, first=first), **values}
