"""What a notebook's parameters cell may hold, and what papermill makes of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotjobs import parameter_values, parameters
from iotjobs.errors import InvalidInput
from iotjobs.model import EXECUTION_NUMBER_MAX, Status


@pytest.mark.parametrize(("text", "seconds"), [("45s", 45), ("90m", 5400), ("24h", 86400), ("30d", 2592000)])
def test_durations(text: str, seconds: int) -> None:
    assert parameter_values.duration(text, name="older_than") == timedelta(seconds=seconds)


@pytest.mark.parametrize("bad", ["", "1", "1w", "-1h", "1.5h", "1h30m", "h", 24, None, True, float("nan")])
def test_what_is_no_duration(bad: Any) -> None:
    with pytest.raises(InvalidInput, match="older_than"):
        parameter_values.duration(bad, name="older_than")


@pytest.mark.parametrize("name", ["job_id", "thing_name", "namespace_id"])
@pytest.mark.parametrize("bad", [7, 7.0, True, float("nan")], ids=repr)
def test_a_name_that_papermill_coerced_says_how_to_give_it(name: str, bad: Any) -> None:
    with pytest.raises(InvalidInput, match=f"-r {name} VALUE"):
        getattr(parameters, name)(bad)


def test_text_that_no_file_can_hold_is_invalid() -> None:
    """A command line's bytes that are not UTF-8, as Python has them."""
    with pytest.raises(InvalidInput, match=r"ticket is .* not UTF-8"):
        parameter_values.text("a\udcffb", name="ticket")
    assert parameter_values.text("Änderung 🚀", name="ticket") == "Änderung 🚀"


@pytest.mark.parametrize("name", ["job_id", "thing_name", "namespace_id"])
@pytest.mark.parametrize("bad", ["", "a\n", "\na", "a b", "a/b", "ä", "a\x00", "${HOME}"])
def test_a_name_must_fit_as_a_whole(name: str, bad: str) -> None:
    with pytest.raises(InvalidInput, match=name):
        getattr(parameters, name)(bad)


def test_only_things_may_have_a_colon() -> None:
    assert parameter_values.thing_name("a:b") == "a:b"
    with pytest.raises(InvalidInput):
        parameter_values.job_id("a:b")


@given(st.integers(1, EXECUTION_NUMBER_MAX))
def test_numbers_come_as_numbers_or_digits(number: int) -> None:
    assert parameter_values.execution_number(number) == parameter_values.execution_number(str(number)) == number


@pytest.mark.parametrize("bad", [0, -1, 2**63, str(2**63), "0", "", "1\n", " 1", "+1", "1e3", "٣", 1.0, True, None])
def test_what_is_no_execution_number(bad: Any) -> None:
    with pytest.raises(InvalidInput, match="execution_number"):
        parameter_values.execution_number(bad)


@pytest.mark.parametrize(("value", "expected"), [(True, True), ("false", False), ("True", True), (None, None)])
def test_flags(value: Any, expected: bool | None) -> None:
    assert parameter_values.flag(value, name="force") is expected


@pytest.mark.parametrize("bad", [1, 0, "yes", "", float("nan")])
def test_what_is_no_flag(bad: Any) -> None:
    with pytest.raises(InvalidInput, match="force"):
        parameter_values.flag(bad, name="force")


def test_statuses() -> None:
    assert parameter_values.statuses("FAILED, REJECTED,FAILED") == (Status.FAILED, Status.REJECTED)
    assert parameter_values.statuses(None) is None


@pytest.mark.parametrize("bad", ["DONE", "failed", ",", 7, ["FAILED", 7]])
def test_what_is_no_list_of_statuses(bad: Any) -> None:
    with pytest.raises(InvalidInput, match="statuses"):
        parameter_values.statuses(bad)


@pytest.mark.parametrize(("value", "kind"), [(None, None), ("input", "input"), ("output", "output")])
def test_the_kinds_of_skeleton(value: str | None, kind: str | None) -> None:
    assert parameters.read("delete_job_execution", {"generate_cli_skeleton": value})["generate_cli_skeleton"] == kind


@pytest.mark.parametrize("bad", ["yaml", "", " ", "\n"])
def test_another_kind_of_skeleton_is_refused(bad: str) -> None:
    with pytest.raises(InvalidInput, match="generate_cli_skeleton"):
        parameters.read("delete_job_execution", {"generate_cli_skeleton": bad})


@pytest.mark.parametrize("name", ["plan_file", "targets"])
def test_a_path_of_a_home_that_is_not_there_is_invalid(name: str) -> None:
    with pytest.raises(InvalidInput, match=name):
        parameters.read("fleet_sweep", {name: "~nosuchuser/plan.json"})


@pytest.mark.parametrize("bad", ["x\0y", "\u200b", "\ud800", "٣", "g" * 129, "pumps,a b"], ids=ascii)
def test_what_no_group_can_be_called_is_invalid_before_any_call(bad: str) -> None:
    with pytest.raises(InvalidInput, match="thing_groups"):
        parameters.read("sweep", {"thing_groups": bad})


@pytest.mark.parametrize(
    "value", ["prod-*,", ",prod-*", "prod-*,,ota-*", "prod-*, ,ota-*", ["prod-*", ""], ["prod-*", None]]
)
def test_a_part_of_a_list_that_is_empty_is_a_variable_that_was_not_set(value: Any) -> None:
    """`--protect "prod-*,$OTHERS"` would protect less than is meant, and say nothing."""
    for name in ("protect", "thing_groups", "causes", "statuses"):
        with pytest.raises(InvalidInput, match=f"{name} .*empty"):
            parameters.read("sweep", {name: value})
