"""How a run ended is notified and measured without a secret; old run directories go, anything else stays."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from iotjobs.errors import InvalidInput, IotJobsError
from iotjobs.publish import metrics, notify
from iotjobs.publish.command import prune, publish
from iotjobs.publish.summary import read_summary

RESULT = {
    "schema": 1,
    "notebook": "sweep",
    "outcome": "partial",
    "reason": "3 of 4 deleted",
    "account": "012345678901",
    "region": "eu-west-1",
    "started_at": "2026-11-20T06:00:00Z",
    "finished_at": "2026-11-20T06:01:00Z",
    "parameters": {"ticket": "parameter-that-stays"},
    "counts": {"planned": 4, "deleted": 3, "failed": 1, "cause_orphaned": 4},
    "refusals": [{"guard": "drifted"}],
}


_NAME = {"type": "string", "minLength": 1, "maxLength": 1024}
#: Source: CloudWatch user guide, "Specification: Embedded metric format", "Embedded metric format schema".
EMBEDDED_METRICS = {
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "properties": {
                "Timestamp": {"type": "integer"},
                "CloudWatchMetrics": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["Namespace", "Dimensions", "Metrics"],
                        "additionalProperties": False,
                        "properties": {
                            "Namespace": _NAME,
                            "Dimensions": {
                                "type": "array",
                                "minItems": 1,
                                "items": {"type": "array", "maxItems": 30, "items": {**_NAME, "maxLength": 250}},
                            },
                            "Metrics": {
                                "type": "array",
                                "minItems": 1,
                                "maxItems": 100,
                                "items": {
                                    "type": "object",
                                    "required": ["Name"],
                                    "properties": {"Name": _NAME, "Unit": {"enum": ["Count", "Seconds", "None"]}},
                                },
                            },
                        },
                    },
                },
            },
        }
    },
}


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    path = tmp_path / "runs" / "one"
    path.mkdir(parents=True)
    (path / "result.json").write_text(json.dumps(RESULT))
    return path


@pytest.fixture
def webhook() -> Iterator[tuple[str, list[bytes], list[int]]]:
    """A server on loopback: its URL, what it got, and what it is to answer next (200 when that is empty)."""
    bodies: list[bytes] = []
    answers: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(answers.pop(0) if answers else 200)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/secret-path", bodies, answers
        server.shutdown()


def test_a_webhook_that_is_busy_is_asked_again(run_dir: Path, webhook: tuple[str, list[bytes], list[int]]) -> None:
    url, bodies, answers = webhook
    answers += [503, 429]
    notify.post(read_summary(run_dir), url, backoff_s=0)
    assert len(bodies) == 3
    assert json.loads(bodies[-1])["outcome"] == "partial"
    assert b"parameter-that-stays" not in bodies[-1]


@pytest.mark.parametrize("status", [302, 404])
def test_a_webhook_that_does_not_take_it_is_an_error_without_its_address(
    run_dir: Path, webhook: tuple[str, list[bytes], list[int]], status: int
) -> None:
    url, bodies, answers = webhook
    answers += [status]
    with pytest.raises(IotJobsError, match=str(status)) as error:
        notify.post(read_summary(run_dir), url, backoff_s=0)
    assert len(bodies) == 1  # no redirect is followed
    assert "secret-path" not in str(error.value)


def test_a_webhook_that_asks_to_come_back_tomorrow_is_given_up(
    run_dir: Path, webhook: tuple[str, list[bytes], list[int]]
) -> None:
    url, _, answers = webhook
    answers += [429] * 10
    with pytest.raises(IotJobsError, match=r"within 0\.5 s") as error:
        notify.post(read_summary(run_dir), url, backoff_s=60, within_s=0.5)  # a pause of its own, as Retry-After is
    assert "secret-path" not in str(error.value)


def test_a_reason_that_quotes_the_directory_goes_out_without_its_path(run_dir: Path) -> None:
    why = f"plan.json cannot be written in {run_dir}: [Errno 28] No space left on device: '{run_dir}/plan.json'"
    (run_dir / "result.json").write_text(json.dumps({**RESULT, "reason": why}))
    reason = read_summary(run_dir).reason
    assert str(run_dir.parent) not in reason
    assert "one/plan.json" in reason


def test_a_command_gets_the_summary_and_is_tried_again(run_dir: Path, tmp_path: Path) -> None:
    copy = tmp_path / "got"
    notify.run_command(read_summary(run_dir), f"sh -c 'cat >> {copy}; test $(grep -c sweep {copy}) -ge 1'")
    assert json.loads(copy.read_text())["counts"]["deleted"] == 3
    with pytest.raises(IotJobsError, match="failed 2 times"):
        notify.run_command(read_summary(run_dir), "false", tries=2, backoff_s=0)


def test_the_figures_can_be_read_by_prometheus(run_dir: Path, tmp_path: Path) -> None:
    metrics.write_prometheus(read_summary(run_dir), tmp_path / "iotjobs.prom")
    families = {
        family.name: family for family in text_string_to_metric_families((tmp_path / "iotjobs.prom").read_text())
    }
    outcomes = {sample.labels["outcome"]: sample.value for sample in families["iotjobs_outcome"].samples}
    assert (outcomes["partial"], outcomes["applied"]) == (1, 0)
    assert families["iotjobs_deleted"].samples[0].value == 3
    assert families["iotjobs_cause"].samples[0].labels["cause"] == "orphaned"


@pytest.mark.parametrize("place", [{}, {"account": None, "region": None}], ids=["one account", "a fleet"])
def test_the_embedded_metrics_are_what_cloudwatch_takes(run_dir: Path, place: dict[str, None]) -> None:
    (run_dir / "result.json").write_text(json.dumps({**RESULT, **place}))
    document = json.loads(metrics.embedded_metrics(read_summary(run_dir)))
    jsonschema.validate(document, EMBEDDED_METRICS)
    (directive,) = document["_aws"]["CloudWatchMetrics"]
    assert all(isinstance(document[metric["Name"]], int) for metric in directive["Metrics"])
    dimensions = {name for names in directive["Dimensions"] for name in names}
    assert all(1 <= len(document[name]) <= 1024 for name in dimensions), "a dimension takes no empty value"
    assert (document["failures"], document["deleted"], document["cause_orphaned"]) == (1, 3, 4)


@pytest.mark.parametrize(
    "edit",
    [
        {"finished_at": "yesterday"},
        {"account": {"x": 1}},
        {"region": "eu-west-1\nX-Header: 1"},
        {"notebook": "<b>"},
        {"counts": {"deleted": float("inf")}},
        {"counts": []},
        {"outcome": "well"},
    ],
)
def test_a_result_that_no_run_wrote_is_invalid_and_goes_nowhere(
    run_dir: Path, tmp_path: Path, edit: dict[str, Any]
) -> None:
    (run_dir / "result.json").write_text(json.dumps({**RESULT, **edit}))
    copy = tmp_path / "got"
    result = CliRunner().invoke(publish, [str(run_dir), "--command", f"touch {copy}", "--emf"])
    assert isinstance(result.exception, InvalidInput)
    assert not copy.exists()


def test_one_way_that_fails_keeps_no_other_back(run_dir: Path, tmp_path: Path) -> None:
    copy = tmp_path / "got"
    arguments = [
        str(run_dir),
        "--command",
        "/nowhere/at/all",
        "--command",
        f"sh -c 'cat > {copy}'",
        "--when",
        "partial,error",
    ]
    result = CliRunner().invoke(publish, arguments)
    assert (result.exit_code, copy.exists()) == (1, True)


def test_only_old_runs_that_have_ended_are_removed(run_dir: Path) -> None:
    runs = run_dir.parent
    young = {**RESULT, "finished_at": (datetime.now(UTC) - timedelta(hours=1)).isoformat()}
    for name, text in {
        "young": json.dumps(young),
        "at-work": json.dumps({**RESULT, "finished_at": None}),
        "no-run": "{}",
    }.items():
        (runs / name).mkdir()
        (runs / name / "result.json").write_text(text)
    (runs / "link").symlink_to(run_dir, target_is_directory=True)
    (runs / "notes.txt").write_text("kept")
    assert CliRunner().invoke(prune, [str(runs), "--keep", "1d", "--dry-run"]).exit_code == 0
    assert run_dir.exists()
    assert CliRunner().invoke(prune, [str(runs), "--keep", "1d"]).exit_code == 0
    assert sorted(path.name for path in runs.iterdir()) == ["at-work", "link", "no-run", "notes.txt", "young"]
