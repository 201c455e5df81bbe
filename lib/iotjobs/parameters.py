"""The parameters of every notebook: one table that notebooks, commands, `result.json`, help and README read. Pure.

Whoever gave a value, a cell, papermill, another scheduler, a command or Python, it is read, typed and checked here
alone, before any call is made.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Any

from iotjobs import sweep_rule
from iotjobs.errors import InvalidInput
from iotjobs.parameter_values import (
    Parameter,
    count,
    duration,
    duration_text,
    execution_number,
    flag,
    fraction,
    job_id,
    namespace_id,
    path,
    skeleton,
    statuses,
    text,
    thing_name,
)

#: The types that a scheduler can inject; a name in a notebook that holds anything else is no parameter.
_PLAIN = (str, int, float, bool, type(None), list, tuple, dict, set, frozenset, bytes, date, time, timedelta)
_OF_IPYTHON = {"In", "Out", "exit", "quit", "get_ipython", "open"}


def _common(notebook: str, run_dir: str = "") -> tuple[Parameter, ...]:
    return (
        Parameter("profile", text, "profile of your AWS configuration; None: the standard AWS settings"),
        Parameter("region", text, "AWS region; None: the standard AWS settings"),
        Parameter("run_dir", text, f"where the files of this run go; {run_dir}None: runs/<UTC time>-{notebook}"),
    )


_TICKET = Parameter("ticket", text, "a ticket or reason, kept on an execution that is cancelled and in the record")
_CONFIRM = Parameter("confirm", text, "the phrase of the plan; without it nothing is changed")

_INVESTIGATE = (
    Parameter("job_id", job_id, "the job to look at; None: every job that is not finished"),
    Parameter("thing_name", thing_name, 'the thing to look at, in quotes: "007" is text'),
    Parameter(
        "stuck_after",
        duration,
        "an execution without any change for this long is stuck: 90m, 24h, 30d",
        default="24h",
    ),
    Parameter("statuses", statuses, "only executions in these statuses, comma-separated: QUEUED,IN_PROGRESS"),
    Parameter(
        "compare_with",
        text,
        "run directory of an earlier investigation: what got stuck, what moved, what is gone since",
    ),
)
_SWEEP = (
    *sweep_rule.PARAMETERS,
    Parameter("max_deletes", count, "more than this, and nothing is deleted", default=25, type=int, cell_has_none=True),
    Parameter(
        "max_fraction",
        fraction,
        "more than this part of a job's executions, and nothing is deleted",
        default=0.1,
        type=float,
        cell_has_none=True,
    ),
    Parameter(
        "plan_file",
        path,
        "a plan.json made earlier, to be applied as it is; other parameters may only tighten it",
    ),
    _TICKET,
    _CONFIRM,
    Parameter(
        "unattended",
        flag,
        "True: confirm itself, for a scheduler; max_deletes and max_fraction must be given then",
        default=False,
        type=bool,
        cell_has_none=True,
    ),
)
_TARGETS = (
    Parameter("targets", path, "where to look: PROFILE@REGION,… or the path of a TOML file of [[target]] tables"),
    Parameter("scheduler", text, "address of a Dask scheduler, such as tcp://10.0.0.1:8786; None: a local cluster"),
    Parameter("target_timeout", duration, "a target that gives no answer for this long is given up", default="1h"),
)

#: Every notebook of the kit, with its parameters in the order of its parameters cell.
NOTEBOOKS: dict[str, tuple[Parameter, ...]] = {
    "investigate": (*_INVESTIGATE, *_common("investigate")),
    "delete_job_execution": (
        Parameter("job_id", job_id, "the ID of the job whose execution on a particular device will be deleted"),
        Parameter(
            "thing_name",
            thing_name,
            'the name of the thing whose job execution will be deleted; in quotes: "007" is text',
        ),
        Parameter(
            "execution_number",
            execution_number,
            "the number of the execution; it may be used again after a delete, so take it from a fresh look",
            type=int,
        ),
        Parameter(
            "force",
            flag,
            "True: delete it although it is QUEUED or IN_PROGRESS; the device can then no longer report",
            type=bool,
        ),
        Parameter("namespace_id", namespace_id, "the namespace of a customer-managed job"),
        Parameter("cli_input_json", text, "the request as JSON text or file://PATH; the other parameters override it"),
        Parameter(
            "generate_cli_skeleton",
            skeleton,
            "input: print the JSON to fill in; output: check the request; no call is made",
            bare="input",
        ),
        Parameter(
            "cancel_first",
            flag,
            "cancel an unfinished execution first, by its version: the safe way to force",
            default=False,
            type=bool,
        ),
        _TICKET,
        _CONFIRM,
        *_common("delete_job_execution"),
    ),
    "cancel_job_execution": (
        Parameter("job_id", job_id, "the ID of the job whose execution on a particular device will be cancelled"),
        Parameter(
            "thing_name",
            thing_name,
            'the name of the thing whose execution, its newest of the job, will be cancelled; in quotes: "007" is text',
        ),
        Parameter(
            "force",
            flag,
            "True: cancel it although it is IN_PROGRESS; the device can then no longer report",
            type=bool,
        ),
        Parameter(
            "expected_version",
            count,
            "refuse unless it is at this version; None: at the version that the plan sees",
            type=int,
        ),
        _TICKET,
        _CONFIRM,
        *_common("cancel_job_execution"),
    ),
    "sweep": (*_SWEEP, *_common("sweep", "the same again goes on with it; ")),
    "fleet": (*_TARGETS, *_INVESTIGATE, *_common("fleet")),
    "fleet_sweep": (
        *_TARGETS,
        Parameter(
            "max_total_deletes",
            count,
            "more than this in all targets together, and nothing is deleted anywhere",
            default=100,
            type=int,
            cell_has_none=True,
        ),
        *_SWEEP,
        *_common("fleet_sweep", "the same again goes on with it; "),
    ),
}


# ----------------------------------------------------------------------------------------------- a run's values


@dataclass(frozen=True, slots=True)
class Parameters:
    """A notebook's parameters, typed; ``given`` names those that somebody gave, at their default or not."""

    notebook: str
    values: Mapping[str, Any]
    given: frozenset[str]

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def as_document(self) -> dict[str, Any]:
        """The values as JSON, each in the form in which it can be given again."""
        return {name: _given_again(value) for name, value in self.values.items()}


def read(notebook: str, raw: Mapping[str, object]) -> Parameters:
    """Type and check what was given to a notebook; what is None was not given.

    Raises InvalidInput: no such notebook, no such parameter, given and empty, mistyped.
    """
    table = {parameter.name: parameter for parameter in of_notebook(notebook)}
    unknown = [name for name in raw if name not in table]
    if unknown:
        raise InvalidInput(_unknown(notebook, unknown))
    wants = table.get("generate_cli_skeleton")
    if wants is not None and wants.read(raw.get(wants.name)) == "input":
        raw = {name: raw.get(name) for name in (wants.name, "profile", "region", "run_dir")}
        # the AWS CLI prints it whatever else is given
    values = {name: parameter.read(raw.get(name)) for name, parameter in table.items()}
    return Parameters(notebook, values, frozenset(name for name in table if raw.get(name) is not None))


def unread(notebook: str, raw: Mapping[str, object]) -> Parameters:
    """What was given and could not be read, as text, for the record of a run that ends by it."""
    names = {parameter.name for parameter in NOTEBOOKS.get(notebook, ())}
    plain = (str, bool, int, type(None))
    values = {name: value if isinstance(value, plain) else repr(value) for name, value in raw.items() if name in names}
    return Parameters(notebook, values, frozenset())


def of_notebook(notebook: str) -> tuple[Parameter, ...]:
    """The parameters of a notebook of the kit. Raises InvalidInput for another."""
    if notebook not in NOTEBOOKS:
        raise InvalidInput(f"there is no notebook {notebook!r}; there are {', '.join(NOTEBOOKS)}")
    return NOTEBOOKS[notebook]


def from_namespace(notebook: str, namespace: Mapping[str, object], *, first: bool) -> dict[str, object]:
    """What a notebook's namespace, `globals()`, gives to its parameters.

    A scheduler sets a parameter by assigning its name, so a name that no parameter has is a mistyped one: anything
    plain that is there before the ``first`` start, later (a person has scratch cells then) only what is nearly the
    name of a parameter. Raises InvalidInput.
    """
    names = {parameter.name for parameter in of_notebook(notebook)}
    unknown = [
        name
        for name, value in namespace.items()
        if name not in names
        and not name.startswith("_")
        and name not in _OF_IPYTHON
        and isinstance(value, _PLAIN)
        and (first or _nearest(name, names))
    ]
    if unknown:
        raise InvalidInput(
            f"{_unknown(notebook, unknown)}. A variable of your own may begin with `_`; `del {unknown[0]}` takes this "
            "one away"
        )
    return {name: namespace[name] for name in names if name in namespace}


def _unknown(notebook: str, unknown: Collection[str]) -> str:
    names = [parameter.name for parameter in of_notebook(notebook)]
    nearest = {name: _nearest(name, names) for name in unknown}
    listed = [f"{name} (did you mean {near}?)" if near else name for name, near in nearest.items()]
    return f"there is no parameter {', '.join(listed)} in {notebook}; there are {', '.join(names)}"


def _nearest(name: str, names: Collection[str]) -> str | None:
    spelling = name.lower().replace("-", "_")
    return next(iter(difflib.get_close_matches(spelling, list(names), n=1, cutoff=0.75)), None)


def _given_again(value: Any) -> Any:
    if isinstance(value, timedelta):
        return duration_text(value)
    return ",".join(value) if isinstance(value, tuple) else value
