"""`make policies`: every action of the investigator's and the operator's policy cut in turn, in every workflow.

Slow, so not part of `make test`; `test_policies_on_the_service.py` has a sample of it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from iotjobs.permissions import grant_of
from tests.security.iam_service import (
    User,
    delete_one,
    left_by,
    our_policy,
    slot,
    sweep_of,
    wrong_causes,
)
from tests.security.policy_files import actions

#: What no workflow asks for in this fleet on this service, with why; `docs/threat-model.md` says so too.
NOT_ASKED = {
    "iot:DescribeEndpoint": "the sandbox's endpoint is configured",
    "iot:GetIndexingConfiguration": "asked only where the index does not answer or connectivity is missing",
    "iot:ListThings": "asked only where it saves calls",
    "iot:DescribeThing": "asked only of things that the index does not have",
    "iot:GetThingConnectivityData": "asked only in long jobs, and where the index does not answer",
    "iotjobsdata:GetPendingJobExecutions": "asked only for queues that the lists do not show whole",
}
VIEWS: dict[str, dict[str, object]] = {"account": {}, "job": {"job_id": "waits-39"}, "thing": {"thing_name": "slot-39"}}


@pytest.fixture(scope="module")
def uncut(root: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("uncut")
    user = User(root, "uncut", our_policy("investigator"))
    for view, parameters in VIEWS.items():
        assert user.runs("investigate", folder / view, **parameters)["outcome"] == "ok"
    return folder


@pytest.mark.parametrize("action", actions("operator"))
def test_an_action_that_is_cut(root: dict[str, str], uncut: Path, tmp_path: Path, action: str) -> None:
    number = actions("operator").index(action)
    user = User(root, f"cut-{number}", our_policy("operator", without=action))
    for view, parameters in VIEWS.items():
        user.runs("investigate", tmp_path / view, **parameters)
        assert wrong_causes(tmp_path / view, uncut / view) == {}, view
    target = slot(number)
    planned = user.runs("delete_job_execution", tmp_path / "delete", **delete_one(target))
    if planned["outcome"] == "planned":
        user.runs("delete_job_execution", tmp_path / "delete", **delete_one(target), confirm=planned["confirm"])
    user.runs("sweep", tmp_path / "sweep", **sweep_of(target))
    output = "".join(left_by(folder) for folder in tmp_path.iterdir())
    assert (action in output) == (action not in NOT_ASKED)
    assert (str(grant_of(action)) in output) == (action not in NOT_ASKED)
