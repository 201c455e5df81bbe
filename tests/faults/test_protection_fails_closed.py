"""A job that a service owns is left alone, and so is one of which it could not be read: on every way into a delete."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.faults.kit import ManyDeletes
from tests.faults.service_model import refusal
from tests.faults.world import Fleet, World

#: Ways to choose the same finished executions of job-0; on thing-0 nothing is unfinished.
WAYS: list[dict[str, Any]] = [
    {"job_id": "job-0"},
    {"thing_name": "thing-0"},
    {"job_id": "job-0", "thing_name": "thing-0"},
    {"statuses": "FAILED"},
]


def _sweep(directory: Path, given: dict[str, Any], *, namespace: str | None, denied: bool) -> ManyDeletes:
    world = World(directory / "run", Fleet(((False, ("FAILED",)),)))
    describe = world.service.describe_job

    def described(jobId: str) -> dict[str, Any]:  # noqa: N803 - the name of the API
        if denied:
            raise refusal("AccessDeniedException", "DescribeJob", 403)
        answer = describe(jobId)
        return {"job": answer["job"] | ({"namespaceId": namespace} if namespace else {})}

    world.service.describe_job = described  # type: ignore[method-assign]
    return ManyDeletes(world, {"max_fraction": 1.0, **given})


def _guards(made: ManyDeletes) -> list[str]:
    return sorted({refused["guard"] for refused in made.world.result()["refusals"]})


@pytest.mark.parametrize("given", WAYS, ids=str)
def test_what_greengrass_owns_is_left_alone_whichever_way_it_is_chosen(tmp_path: Path, given: dict[str, Any]) -> None:
    made = _sweep(tmp_path, given, namespace="aws-gg-deployment", denied=False)
    assert made.plan() == "refused"
    assert _guards(made) == ["protected"]


@pytest.mark.parametrize("given", WAYS, ids=str)
def test_an_owner_that_could_not_be_read_is_a_refusal(tmp_path: Path, given: dict[str, Any]) -> None:
    made = _sweep(tmp_path, given, namespace="aws-gg-deployment", denied=True)
    assert made.plan() == "refused"
    assert _guards(made) == ["protection_unknown"]
    assert made.world.result()["refusals"][0]["job_id"] == "job-0"
    assert "iot:DescribeJob" in made.world.result()["reason"]


def test_a_job_of_the_accounts_own_is_planned_by_thing(tmp_path: Path) -> None:
    made = _sweep(tmp_path, {"thing_name": "thing-0"}, namespace=None, denied=False)
    assert made.plan() == "planned"


def test_rows_that_a_listing_repeats_do_not_widen_the_fraction(tmp_path: Path) -> None:
    states = ("FAILED",) * 4 + ("SUCCEEDED",) * 6
    made = ManyDeletes(
        World(tmp_path / "run", Fleet(((False, states),))),
        {"job_id": "job-0", "statuses": "FAILED", "max_fraction": 0.2},
    )
    listed = made.world.service.list_job_executions_for_job

    def repeated(**given: Any) -> dict[str, Any]:
        return {"executionSummaries": listed(**given)["executionSummaries"] * 2}

    made.world.service.list_job_executions_for_job = repeated  # type: ignore[method-assign]
    assert made.plan() == "refused"
    assert _guards(made) == ["max_fraction"]
