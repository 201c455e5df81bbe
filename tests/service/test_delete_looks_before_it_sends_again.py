"""When AWS does not answer, throttles, or somebody else is quicker: what the delete says is what happened."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import iotjobs
from iotjobs.aws.connection import Connection
from iotjobs.deletion import executor as apply
from iotjobs.errors import Denied, IotJobsError, Throttled, Unsettled
from iotjobs.sandbox.fleet import Fleet

Send = Callable[..., dict[str, Any]]
Fault = Callable[[Send, str, dict[str, Any]], dict[str, Any]]


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> list[Fault | None]:
    """What befalls the next changing calls, first to last; None and an empty list let them pass."""
    coming: list[Fault | None] = []
    send = Connection.change

    def change(connection: Connection, operation: str, **parameters: Any) -> dict[str, Any]:
        fault = coming.pop(0) if coming else None
        if fault is None:
            return send(connection, operation, **parameters)
        return fault(lambda: send(connection, operation, **parameters), operation, parameters)

    monkeypatch.setattr(Connection, "change", change)
    monkeypatch.setattr(apply, "_FIRST_PAUSE_S", 0.0)
    return coming


def _raises(error: Exception, *, first: Callable[[], object] | None = None, acts: bool = False) -> Fault:
    def fault(send: Send, _operation: str, _given: dict[str, Any]) -> dict[str, Any]:
        if acts:
            send()
        if first:
            first()
        raise error

    return fault


def _job(fleet: Fleet, thing: str, status: str | None) -> dict[str, Any]:
    job_id = f"job-of-{thing[-50:]}"
    with fleet.ago(days=5):
        fleet.job(job_id, things=[thing])
        if status:
            fleet.report(job_id, thing, status)
    return {"job_id": job_id, "thing_name": thing, "execution_number": 1}


def _confirmed(directory: Path, **names: Any) -> dict[str, Any]:
    run = iotjobs.start("delete_job_execution", run_dir=str(directory), **names)
    deletion = iotjobs.delete_job_execution(run).plan()
    assert deletion.current_plan is not None
    deletion.apply(deletion.current_plan.phrase)
    return _result(directory)


def _result(directory: Path) -> dict[str, Any]:
    return json.loads((directory / "result.json").read_text())


def _status(fleet: Fleet, thing: str) -> str | None:
    summaries = fleet.iot.list_job_executions_for_thing(thingName=thing)["executionSummaries"]
    return summaries[0]["jobExecutionSummary"]["status"] if summaries else None


def _events(directory: Path) -> list[str]:
    return [json.loads(line)["event"] for line in (directory / "journal.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("acts", [True, False], ids=["it-acted", "it-did-not"])
def test_a_delete_without_an_answer_is_settled_by_looking(
    fresh_thing: tuple[Fleet, str], tmp_path: Path, faults: list[Fault | None], acts: bool
) -> None:
    fleet, thing = fresh_thing
    names = _job(fleet, thing, "FAILED")
    faults.append(_raises(Unsettled("no answer"), acts=acts))
    assert _confirmed(tmp_path, **names)["outcome"] == "applied"
    assert _status(fleet, thing) is None
    assert _events(tmp_path).count("calling") == (1 if acts else 2)


def test_a_delete_that_acts_late_is_ours(
    fresh_thing: tuple[Fleet, str], tmp_path: Path, faults: list[Fault | None]
) -> None:
    fleet, thing = fresh_thing
    names = _job(fleet, thing, "FAILED")

    def acts_just_before(send: Send, _operation: str, _given: dict[str, Any]) -> dict[str, Any]:
        send()
        return send()

    faults.extend([_raises(Unsettled("no answer")), acts_just_before])
    assert _confirmed(tmp_path, **names)["outcome"] == "applied"


def test_a_cancel_without_an_answer_is_settled_by_looking(
    fresh_thing: tuple[Fleet, str], tmp_path: Path, faults: list[Fault | None]
) -> None:
    fleet, thing = fresh_thing
    names = _job(fleet, thing, "IN_PROGRESS")
    faults.append(_raises(Unsettled("no answer"), acts=True))
    assert _confirmed(tmp_path, force=True, cancel_first=True, **names)["outcome"] == "applied"
    assert _status(fleet, thing) is None


def test_throttling_is_waited_out(fresh_thing: tuple[Fleet, str], tmp_path: Path, faults: list[Fault | None]) -> None:
    fleet, thing = fresh_thing
    names = _job(fleet, thing, "FAILED")
    faults.extend([_raises(Throttled("slow down"))] * 3)
    assert _confirmed(tmp_path, **names)["outcome"] == "applied"


def test_throttling_without_end_is_an_error_and_nothing_is_deleted(
    fresh_thing: tuple[Fleet, str], tmp_path: Path, faults: list[Fault | None]
) -> None:
    fleet, thing = fresh_thing
    names = _job(fleet, thing, "FAILED")
    faults.extend([_raises(Throttled("slow down"))] * 50)
    result = _confirmed(tmp_path, **names)
    assert (result["outcome"], _status(fleet, thing)) == ("error", "FAILED")
    assert "not accepted in" in result["reason"]


def test_what_moves_while_throttled_is_not_deleted(
    fresh_thing: tuple[Fleet, str], tmp_path: Path, faults: list[Fault | None]
) -> None:
    fleet, thing = fresh_thing
    names = _job(fleet, thing, None)
    faults.append(_raises(Throttled("slow"), first=lambda: fleet.report(names["job_id"], thing, "IN_PROGRESS")))
    result = _confirmed(tmp_path, force=True, **names)
    assert (result["outcome"], result["refusals"][0]["guard"]) == ("refused", "drifted")
    assert _status(fleet, thing) == "IN_PROGRESS"


def test_somebody_elses_delete_is_not_said_to_be_ours(
    fresh_thing: tuple[Fleet, str], tmp_path: Path, faults: list[Fault | None]
) -> None:
    fleet, thing = fresh_thing
    names = _job(fleet, thing, "FAILED")

    def quicker() -> None:
        fleet.iot.delete_job_execution(jobId=names["job_id"], thingName=thing, executionNumber=1)

    faults.append(_raises(Throttled("slow"), first=quicker))
    result = _confirmed(tmp_path, **names)
    assert (result["outcome"], result["counts"]["deleted"]) == ("refused", 0)


def test_canceled_but_not_deleted_is_partial(
    fresh_thing: tuple[Fleet, str], tmp_path: Path, faults: list[Fault | None]
) -> None:
    fleet, thing = fresh_thing
    names = _job(fleet, thing, "IN_PROGRESS")
    faults.extend([None, _raises(Denied("not allowed", action="iot:DeleteJobExecution"))])
    result = _confirmed(tmp_path, force=True, cancel_first=True, **names)
    assert (result["outcome"], _status(fleet, thing)) == ("partial", "CANCELED")
    assert "was cancelled, not deleted: not allowed" in result["reason"]


def test_the_cancel_says_who_and_which_run(
    fresh_thing: tuple[Fleet, str], tmp_path: Path, faults: list[Fault | None]
) -> None:
    fleet, thing = fresh_thing
    names = _job(fleet, thing, "IN_PROGRESS")
    sent: dict[str, Any] = {}

    def watch(send: Send, _operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        sent.update(parameters)
        return send()

    faults.append(watch)
    _confirmed(tmp_path, force=True, cancel_first=True, ticket="OPS-7", **names)
    assert (sent["expectedVersion"], sent["statusDetails"]["run"]) == (2, tmp_path.name)
    assert sent["statusDetails"]["ticket"] == "OPS-7"
    assert sent["statusDetails"]["canceledBy"].startswith("arn:")


def test_a_killed_run_goes_on_in_the_same_directory(
    fresh_thing: tuple[Fleet, str], tmp_path: Path, faults: list[Fault | None]
) -> None:
    fleet, thing = fresh_thing
    names = {**_job(fleet, thing, "IN_PROGRESS"), "force": True, "cancel_first": True}
    faults.extend([None, _raises(KeyboardInterrupt(), acts=True)])  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        _confirmed(tmp_path, **names)
    assert _result(tmp_path)["outcome"] == "interrupted"
    run = iotjobs.start("delete_job_execution", run_dir=str(tmp_path), **names)
    iotjobs.delete_job_execution(run).plan().apply()
    assert _result(tmp_path)["outcome"] == "applied"
    assert _events(tmp_path)[-1] == "verified"


def test_a_record_of_another_account_settles_nothing(
    fresh_thing: tuple[Fleet, str], tmp_path: Path, faults: list[Fault | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet, thing = fresh_thing
    names = _job(fleet, thing, "FAILED")
    _confirmed(tmp_path, **names)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    run = iotjobs.start("delete_job_execution", run_dir=str(tmp_path), **names)
    with pytest.raises(IotJobsError, match="there is no execution"):
        iotjobs.delete_job_execution(run).plan()
    assert _result(tmp_path)["outcome"] == "error"


def test_applied_stays_applied_when_the_cell_runs_again(fresh_thing: tuple[Fleet, str], tmp_path: Path) -> None:
    fleet, thing = fresh_thing
    names = _job(fleet, thing, "FAILED")
    run = iotjobs.start("delete_job_execution", run_dir=str(tmp_path), **names)
    deletion = iotjobs.delete_job_execution(run).plan()
    phrase = deletion.current_plan.phrase
    deletion.apply("a wrong phrase")
    assert _result(tmp_path)["outcome"] == "refused"
    deletion.apply(phrase)
    deletion.apply(phrase)
    assert _result(tmp_path)["outcome"] == "applied"


def test_the_right_phrase_does_not_get_past_a_guard(fresh_thing: tuple[Fleet, str], tmp_path: Path) -> None:
    fleet, thing = fresh_thing
    result = _confirmed(tmp_path, **_job(fleet, thing, "IN_PROGRESS"))
    assert (result["outcome"], result["refusals"][0]["guard"]) == ("refused", "unfinished_needs_force")
    assert not (tmp_path / "journal.jsonl").exists()
    assert _status(fleet, thing) == "IN_PROGRESS"
