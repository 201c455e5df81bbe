"""With a key, a plan that somebody else could have written is refused; the key itself is nowhere."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from iotjobs.deletion.plan_file import load
from iotjobs.errors import Refused
from iotjobs.targets.set_plan import PlannedTarget, SetPlan
from iotjobs.targets.workflow import _read
from tests.aws_standin import StandIn
from tests.on_aws.notebook_code import Ended, run
from tests.on_aws.test_the_three_jobs_under_every_login import ONE, SWEEP

KEY = "planted-0f1e2d3c4b5a69788796a5b4c3d2e1f0"
NOTEBOOKS: dict[str, dict[str, Any]] = {"delete_job_execution": ONE, "sweep": SWEEP}


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch, aws: StandIn) -> str:
    monkeypatch.setenv("IOTJOBS_PLAN_KEY", KEY)
    return KEY


def _edit(file: Path, *, without: str = "", **members: Any) -> None:
    document = json.loads(file.read_text()) | members
    document.pop(without, None)
    file.write_text(json.dumps(document))


def _leaves_no(secret: str, ended: Ended) -> bool:
    files = [path for path in ended.directory.rglob("*") if path.is_file()]
    return bool(files) and not any(secret.encode() in path.read_bytes() for path in files)


def _from_file(tmp_path: Path, planned: Ended) -> Ended:
    file = str(planned.directory / "plan.json")
    return run("sweep", tmp_path / "elsewhere", plan_file=file, confirm=planned.result["confirm"])


def test_the_signature_is_the_one_that_the_page_describes(aws: StandIn, key: str, tmp_path: Path) -> None:
    planned = run("sweep", tmp_path / "plan", **SWEEP)
    document = json.loads((planned.directory / "plan.json").read_text())
    signature = document.pop("signature")
    content = json.dumps(document, sort_keys=True, ensure_ascii=True, separators=(",", ":")).encode()
    assert signature == hmac.new(key.encode(), content, hashlib.sha256).hexdigest()
    applied = _from_file(tmp_path, planned)
    assert (applied.outcome, len(aws.changes())) == ("applied", 6), applied.reason
    assert _leaves_no(key, planned)
    assert _leaves_no(key, applied)


@pytest.mark.parametrize("signature", ["", "0" * 64, None, 7, "ü"])
def test_a_wrong_signature_is_refused(aws: StandIn, key: str, tmp_path: Path, signature: Any) -> None:
    planned = run("sweep", tmp_path / "plan", **SWEEP)
    _edit(planned.directory / "plan.json", signature=signature)
    ended = _from_file(tmp_path, planned)
    assert (ended.outcome, ended.guards, aws.changes()) == ("refused", {"plan_unsigned"}, [])
    assert key not in ended.reason


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_a_plan_made_without_the_key_is_refused_where_it_is_set(
    aws: StandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, notebook: str
) -> None:
    planned = run(notebook, tmp_path / "plan", **NOTEBOOKS[notebook])
    assert "signature" not in json.loads((planned.directory / "plan.json").read_text())
    monkeypatch.setenv("IOTJOBS_PLAN_KEY", KEY)
    ended = run(notebook, planned.directory, **NOTEBOOKS[notebook], confirm=planned.result["confirm"])
    assert (ended.outcome, ended.guards, aws.changes()) == ("refused", {"plan_unsigned"}, [])
    again = run(notebook, planned.directory, **NOTEBOOKS[notebook])
    assert run(notebook, planned.directory, **NOTEBOOKS[notebook], confirm=again.result["confirm"]).outcome == "applied"


def test_another_key_signs_nothing_here(
    aws: StandIn, key: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    planned = run("sweep", tmp_path / "plan", **SWEEP)
    monkeypatch.setenv("IOTJOBS_PLAN_KEY", f"{key}x")
    assert (_from_file(tmp_path, planned).outcome, aws.changes()) == ("refused", [])


def test_a_key_that_is_set_and_empty_is_invalid(aws: StandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("IOTJOBS_PLAN_KEY", " ")
    ended = run("sweep", tmp_path / "plan", **SWEEP)
    assert (ended.outcome, aws.changes()) == ("invalid", [])
    assert "IOTJOBS_PLAN_KEY" in ended.reason


def test_without_a_key_a_plan_from_a_file_says_what_it_cannot_show(aws: StandIn, tmp_path: Path) -> None:
    planned = run("sweep", tmp_path / "plan", **SWEEP)
    assert not any("IOTJOBS_PLAN_KEY" in each for each in planned.result["warnings"])
    ended = run("sweep", tmp_path / "elsewhere", plan_file=str(planned.directory / "plan.json"))
    assert any("IOTJOBS_PLAN_KEY is not set" in each for each in ended.result["warnings"])
    assert aws.changes() == []


def test_a_signed_plan_is_read_where_there_is_no_key(
    aws: StandIn, key: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    planned = run("sweep", tmp_path / "plan", **SWEEP)
    monkeypatch.delenv("IOTJOBS_PLAN_KEY")
    assert (load(planned.directory / "plan.json")[1], key, aws.changes()) == ([], KEY, [])


@pytest.mark.usefixtures("key")
def test_a_fleets_set_of_plans_needs_its_signature_too(tmp_path: Path) -> None:
    plan = SetPlan((PlannedTarget("a", "012345678901", "eu-west-1", "0" * 32, 3),), 100)
    (tmp_path / "plan.json").write_text(json.dumps(plan.as_document()))
    with pytest.raises(Refused, match="no signature"):
        _read(tmp_path / "plan.json")
