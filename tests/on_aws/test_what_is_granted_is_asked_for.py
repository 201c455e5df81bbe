"""Each action that the policies grant is one that some run asks for; those that `make policies` cannot ask for, cut."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from iotjobs.permissions import grant_of
from tests.aws_standin import StandIn
from tests.on_aws.conftest import LogIn
from tests.on_aws.notebook_code import confirmed, run
from tests.security.policy_files import actions
from tests.security.policy_matrix import NOT_ASKED

#: Where it is denied each thing is described, so nothing is missing and nothing is said.
SAVES_CALLS = "iot:ListThings"
#: Where it is denied the index is asked, and says itself why it does not answer.
SAVES_TIME = "iot:GetThingConnectivityData"
VIEWS: dict[str, dict[str, str]] = {"account": {}, "thing": {"thing_name": "pump-0"}}


@pytest.fixture
def aws(log_in: LogIn) -> Iterator[StandIn]:
    """Thirty things that the index does not have, a device at work, and two that wait since the same moment."""
    with StandIn() as standin:
        _build(standin)
        log_in(standin)
        yield standin


def _build(standin: StandIn) -> None:
    names = [f"pump-{number}" for number in range(30)]
    for name in names:
        standin.fleet.thing(name, groups=["pumps"])
    standin.fleet.job(
        "firmware", dict.fromkeys(names, "QUEUED") | {"pump-1": "IN_PROGRESS", "pump-2": "FAILED"}, days=40
    )
    standin.fleet.job("config", {"pump-0": "QUEUED"}, days=40)
    first, second = (standin.fleet.newest(job_id, "pump-0") for job_id in ("firmware", "config"))
    assert first is not None
    assert second is not None
    second.queued_at = first.queued_at
    standin.fleet.indexing = {"thingIndexingMode": "OFF", "thingConnectivityIndexingMode": "OFF"}


def test_every_action_of_the_operator_is_asked_for(aws: StandIn, tmp_path: Path) -> None:
    for view, parameters in VIEWS.items():
        assert run("investigate", tmp_path / view, **parameters).outcome == "ok"
    rule = {"job_id": "firmware", "statuses": "QUEUED", "thing_name": "pump-3", "thing_groups": "pumps"}
    ended = confirmed("sweep", tmp_path / "sweep", **rule, force=True, max_fraction=1.0)
    assert ended.outcome == "applied", ended.reason
    planes = {"iot": "iot", "iot-jobs-data": "iotjobsdata"}
    asked = {f"{planes[call.host.service]}:{call.operation}" for call in aws.calls if call.host.service in planes}
    assert set(actions("operator")) <= asked


@pytest.mark.parametrize("action", sorted(set(NOT_ASKED) - {SAVES_CALLS, SAVES_TIME}))
def test_an_action_that_is_cut_is_named_with_its_statement(aws: StandIn, tmp_path: Path, action: str) -> None:
    aws.deny(action)
    texts = []
    for view, parameters in VIEWS.items():
        ended = run("investigate", tmp_path / view, **parameters)
        assert ended.outcome == "ok", ended.reason
        texts.append((tmp_path / view / "result.json").read_text())
    assert action in "".join(texts)
    assert str(grant_of(action)) in "".join(texts)


def test_without_the_list_of_things_each_is_described(aws: StandIn, tmp_path: Path) -> None:
    with_it = run("investigate", tmp_path / "with")
    assert aws.called("DescribeThing") == []
    aws.deny(SAVES_CALLS)
    without = run("investigate", tmp_path / "without")
    assert len(aws.called("DescribeThing")) == 29  # those of what has not ended
    assert without.result["counts"] == with_it.result["counts"]
    assert without.result["warnings"] == with_it.result["warnings"]
