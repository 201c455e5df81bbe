"""What the connection has to say of the place stands in the banner and in the run's result."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import iotjobs
from iotjobs.model import Outcome
from tests.aws_standin import StandIn

LogIn = Callable[..., Path]


def test_an_endpoint_that_is_not_awss_is_said_in_both(aws: StandIn, log_in: LogIn, tmp_path: Path) -> None:
    log_in(aws, AWS_ENDPOINT_URL_IOT="http://127.0.0.1:9", AWS_REGION="eu-west-1")
    run = iotjobs.start("investigate", run_dir=str(tmp_path / "run"))
    view = iotjobs.banner(run)
    for words in (repr(view), view._repr_html_()):
        assert "LIVE" in words
        assert "AWS_REGION" in words
        assert "two places" in words
    run.finish(Outcome.OK, reason="")
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert any("AWS_REGION" in warning for warning in result["warnings"])
    assert len(result["warnings"]) == len(set(result["warnings"]))


def test_on_aws_nothing_is_added(aws: StandIn, log_in: LogIn, tmp_path: Path) -> None:
    log_in(aws)
    run = iotjobs.start("investigate", run_dir=str(tmp_path / "run"))
    assert len(repr(iotjobs.banner(run)).splitlines()) == 2  # where, and who
    run.finish(Outcome.OK, reason="")
    assert json.loads((tmp_path / "run" / "result.json").read_text())["warnings"] == []
    assert aws.calls[-1].user_agent.endswith("iotjobs-run/run")
