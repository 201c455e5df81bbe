"""One table of parameters: notebooks, commands and the record of a run say the same; what nobody could mean is refused."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

import iotjobs
from iotjobs import parameters
from iotjobs.errors import InvalidInput
from iotjobs.model import Status
from iotjobs.parameters import NOTEBOOKS
from iotjobs.run.notebooks import notebooks

EVERY = [(notebook, each.name) for notebook, table in NOTEBOOKS.items() for each in table]


def _cells(notebook: str) -> list[dict[str, Any]]:
    return json.loads(notebooks()[notebook].read_text())["cells"]


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_the_parameters_cell_of_a_notebook_is_the_table(notebook: str) -> None:
    (cell,) = [cell for cell in _cells(notebook) if "parameters" in cell["metadata"].get("tags", [])]
    assert "".join(cell["source"]).splitlines() == [parameter.declaration for parameter in NOTEBOOKS[notebook]]


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_a_notebook_passes_its_parameters_once(notebook: str) -> None:
    code = ["".join(cell["source"]) for cell in _cells(notebook) if cell["cell_type"] == "code"]
    (start,) = [line for source in code for line in source.splitlines() if "iotjobs.start" in line]
    assert start == f'run = iotjobs.start("{notebook}", globals())'


def test_the_table_has_every_notebook() -> None:
    assert set(NOTEBOOKS) == set(notebooks())


@pytest.mark.parametrize("empty", ["", "  "], ids=repr)
@pytest.mark.parametrize(("notebook", "name"), EVERY)
def test_given_and_empty_is_invalid_for_every_parameter(notebook: str, name: str, empty: str) -> None:
    with pytest.raises(InvalidInput, match=name):
        parameters.read(notebook, {name: empty})


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")], ids=repr)
@pytest.mark.parametrize(("notebook", "name"), EVERY)
def test_no_parameter_is_nan_or_infinite(notebook: str, name: str, number: float) -> None:
    with pytest.raises(InvalidInput, match=name):
        parameters.read(notebook, {name: number})


@pytest.mark.parametrize(("notebook", "name"), EVERY)
def test_the_default_given_counts_as_given(notebook: str, name: str) -> None:
    default = {each.name: each.default for each in NOTEBOOKS[notebook]}[name]
    if default is not None:
        read = parameters.read(notebook, {name: default})
        assert (read.given, read[name]) == (frozenset({name}), parameters.read(notebook, {})[name])
    assert parameters.read(notebook, {name: None}).given == frozenset()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"max_deletes": "30"}, 30),
        ({"max_fraction": "0.2"}, 0.2),
        ({"max_fraction": "1"}, 1.0),
        ({"force": "true"}, True),
        ({"unattended": "False"}, False),
        ({"older_than": "7d"}, timedelta(days=7)),
        ({"statuses": ["FAILED", "REJECTED"]}, (Status.FAILED, Status.REJECTED)),
        ({"protect": ["prod-*", "pump-?"]}, ("prod-*", "pump-?")),
        ({"job_id": "007"}, "007"),
    ],
    ids=str,
)
def test_text_and_yaml_lists_are_taken_for_what_they_mean(given: dict[str, Any], expected: object) -> None:
    (name,) = given
    assert parameters.read("sweep", given)[name] == expected


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ({"thing_name": 7}, "-r thing_name VALUE"),
        ({"job_id": date(2026, 11, 25)}, "in quotes where it stands, in the YAML file"),
        ({"older_than": date(2026, 11, 25)}, "a duration such as"),
        ({"protect": ["prod-*", 7]}, "-r protect VALUE"),
        ({"protect": []}, "given and empty"),
        ({"confirm": {"delete": 2}}, "in quotes where it stands"),
    ],
    ids=str,
)
def test_what_a_reader_made_of_it_is_refused_with_the_remedy_for_the_way_it_came(
    given: dict[str, Any], hint: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        parameters.read("sweep", given)
    assert hint in str(refused.value)


def test_a_mistyped_name_says_which_may_be_meant() -> None:
    with pytest.raises(InvalidInput, match=r"protct \(did you mean protect\?\)"):
        parameters.read("sweep", {"protct": "pump-*"})


def _namespace(**names: object) -> dict[str, object]:
    """A kernel's names, as a notebook's `globals()` has them before its first start."""
    kernel = {"In": ["", "x"], "Out": {}, "_i1": "x", "__name__": "__main__", "exit": object(), "json": json}
    cell = {each.name: None if each.cell_has_none else each.default for each in NOTEBOOKS["sweep"]}
    return kernel | cell | names


@pytest.mark.parametrize("value", ["pump-*", 1, 0.5, True, None, ["a"], {"a": 1}, date(2026, 1, 1)], ids=repr)
def test_whoever_assigned_a_name_that_no_parameter_has_is_told(tmp_path: Path, value: object) -> None:
    """As jupyter-scheduler and SageMaker do it: `name = value`, in no cell of papermill's."""
    with pytest.raises(InvalidInput, match=r"protct .*begin with `_`.*del protct"):
        iotjobs.start("sweep", _namespace(run_dir=str(tmp_path), protct=value))
    assert json.loads((tmp_path / "result.json").read_text())["outcome"] == "invalid"


def test_scratch_names_after_the_first_start_are_a_persons_own(tmp_path: Path) -> None:
    run = iotjobs.start("sweep", _namespace(run_dir=str(tmp_path), _mine=1))
    later = _namespace(run_dir=str(tmp_path), run=run, rows=3, note="x")
    assert iotjobs.start("sweep", later).parameters.given == {"run_dir"}
    with pytest.raises(InvalidInput, match="max_delete"):
        iotjobs.start("sweep", later | {"max_delete": 5})


def test_the_result_has_the_typed_parameters_each_as_it_can_be_given_again(tmp_path: Path) -> None:
    given = {"statuses": ["FAILED", "REJECTED"], "max_deletes": "30", "older_than": "7d", "run_dir": str(tmp_path)}
    iotjobs.start("sweep", **given)
    written = json.loads((tmp_path / "result.json").read_text())["parameters"]
    assert (written["statuses"], written["max_deletes"], written["older_than"]) == ("FAILED,REJECTED", 30, "7d")
    assert (written["stuck_after"], written["max_fraction"], written["force"]) == ("24h", 0.1, False)
    assert parameters.read("sweep", written).values == parameters.read("sweep", given).values
