"""Secrets planted in every setting and in AWS's answers: none is in a file that a run leaves, nor printed.

Searched is everything: results, journals, notebooks, reports, tables (Parquet unpacked), and both outputs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pandas as pd
import pytest

from iotjobs.model import utc_text
from iotjobs.sandbox.fleet import Fleet
from iotjobs.sandbox.server import Server

PASSWORD = "pl4nted-Passw0rd"  # noqa: S105 - what is searched for
SECRET_KEY = "Pl4ntedSecretKeyPl4ntedSecretKeyPl4nted40"[:40]
TOKEN = "IQoJb3JpZ2luX2VjPlanted" + "Ab9/" * 80
SIGNATURE = "9f" * 32
PLANTED = (PASSWORD, SECRET_KEY, TOKEN[:60], SIGNATURE)


@dataclass(frozen=True)
class Left:
    """What a run left."""

    outcome: str
    texts: Mapping[str, str]

    def secrets(self, *, besides: str = "") -> list[tuple[str, str]]:
        return [
            (name, secret)
            for name, text in self.texts.items()
            if name != besides
            for secret in PLANTED
            if secret in text
        ]


#: `iotjobs run`, with the executed notebook and the report.
CLI = ("-m", "iotjobs.cli", "run")
#: What a script calls: no notebook quotes the error, and it takes a third of the time.
CALLS = ("-c", "import sys, iotjobs; iotjobs.investigate(iotjobs.start(sys.argv[1], run_dir=sys.argv[3]))")


def _run(
    tmp_path: Path, notebook: str, settings: Mapping[str, str], *options: str, program: Sequence[str] = CLI
) -> Left:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("AWS_") and "proxy" not in name.lower()
    }
    ended = subprocess.run(
        [sys.executable, *program, notebook, "--run-dir", str(tmp_path / "run"), *options],
        env={**environment, **settings},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    texts = {"stdout": ended.stdout, "stderr": ended.stderr}
    for path in (tmp_path / "run").rglob("*"):
        if path.suffix == ".parquet":
            texts[path.name] = pd.read_parquet(path).to_csv()
        elif path.is_file():
            texts[path.name] = path.read_text(errors="replace")
    return Left(json.loads(texts["result.json"])["outcome"], texts)


def _settings(sandbox: Server, **more: str) -> dict[str, str]:
    return {**sandbox.environment, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_SESSION_TOKEN": TOKEN, **more}


def _unreachable(**more: str) -> dict[str, str]:
    """Settings of an account that nothing reaches: what is said of it must not quote how it was tried."""
    place = {"AWS_DEFAULT_REGION": "eu-central-1", "AWS_REGION": "eu-central-1", "AWS_EC2_METADATA_DISABLED": "true"}
    keys = {"AWS_ACCESS_KEY_ID": "AKIAPLANTED", "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_SESSION_TOKEN": TOKEN}
    return {**place, **keys, "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, **more}


def test_the_search_finds_what_is_there() -> None:
    assert Left("ok", {"a": "x", "b": f"x{PASSWORD}y"}).secrets() == [("b", PASSWORD)]


def test_a_run_that_succeeds_has_none_and_nobody_else_on_the_machine_can_read_it(
    sandbox: Server, tmp_path: Path
) -> None:
    address = sandbox.endpoint_url.replace("://", f"://operator:{PASSWORD}@")
    proxy = f"http://operator:{PASSWORD}@127.0.0.1:9"
    before = os.umask(0)
    try:
        left = _run(tmp_path, "investigate", _settings(sandbox, AWS_ENDPOINT_URL=address, HTTPS_PROXY=proxy))
    finally:
        os.umask(before)
    assert left.outcome == "ok"
    assert left.secrets() == []
    paths = [tmp_path / "run", *(tmp_path / "run").rglob("*")]
    assert [str(path) for path in paths if path.stat().st_mode & 0o077] == []


def test_a_credential_process_that_fails(sandbox: Server, tmp_path: Path) -> None:
    script = tmp_path / "login.sh"
    script.write_text(f"#!/bin/sh\necho 'password={PASSWORD} token {TOKEN} key {SECRET_KEY}' >&2\nexit 1\n")
    script.chmod(0o700)
    config = tmp_path / "config"
    config.write_text(f"[default]\ncredential_process = {script} --password {PASSWORD}\n")
    settings = _settings(sandbox, AWS_CONFIG_FILE=str(config))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        del settings[name]
    left = _run(tmp_path, "investigate", settings)
    assert left.outcome == "denied"
    assert left.secrets() == []


@pytest.mark.parametrize(
    "proxy", ["http://operator:{}@127.0.0.1:9", "http://operator:{}@[bad:9", "operator:{}@127.0.0.1:9"]
)
def test_a_proxy_that_cannot_be_used(proxy: str, tmp_path: Path) -> None:
    left = _run(tmp_path, "investigate", _unreachable(HTTPS_PROXY=proxy.format(PASSWORD)), program=CALLS)
    assert left.outcome in {"error", "invalid", "denied"}
    assert left.secrets() == []


@pytest.fixture
def quoting_service() -> Iterator[str]:
    """Refuses each call with a message that quotes the signed request, as AWS and gateways do."""

    class Quoting(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            quoted = (
                f"The canonical string was 'host:x\nx-amz-security-token:{TOKEN}\n' and "
                f"https://bucket.test/f?X-Amz-Security-Token={TOKEN}&X-Amz-Signature={SIGNATURE} "
                f"by http://operator:{PASSWORD}@gateway.test"
            )
            body = f"<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>{quoted.replace('&', '&amp;')}</Message></Error></ErrorResponse>"
            self.send_response(403)
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Quoting) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_an_answer_that_quotes_the_request(quoting_service: str, tmp_path: Path) -> None:
    left = _run(tmp_path, "investigate", _unreachable(AWS_ENDPOINT_URL=quoting_service))
    assert left.outcome == "denied"
    assert left.secrets() == []


def test_a_job_document_with_a_presigned_address_is_kept_for_restore_alone(aged_fleet: Fleet, tmp_path: Path) -> None:
    url = f"https://bucket.test/firmware.bin?X-Amz-Security-Token={TOKEN}&X-Amz-Signature={SIGNATURE}"
    with aged_fleet.ago(days=40):
        aged_fleet.iot.create_thing(thingName="secret-thing")
        arn = aged_fleet.iot.describe_thing(thingName="secret-thing")["thingArn"]
        aged_fleet.iot.create_job(jobId="secret-job", targets=[arn], document=json.dumps({"url": url, "pw": PASSWORD}))
    asked = ("--job-id", "secret-job", "--thing-name", "secret-thing", "--execution-number", "1", "--force")
    queued = aged_fleet.iot.describe_job_execution(jobId="secret-job", thingName="secret-thing")["execution"]
    phrase = f"delete secret-job/secret-thing/1 queued {utc_text(queued['queuedAt'])} at version 1"
    left = _run(tmp_path, "delete_job_execution", _settings(aged_fleet.server), *asked, "--confirm", phrase)
    assert left.outcome == "applied"
    assert left.secrets(besides="jobs_before.jsonl") == []
    assert PASSWORD in left.texts["jobs_before.jsonl"]
