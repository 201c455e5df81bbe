"""`iotjobs sandbox`: stands quickly, passes the exit code on, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import boto3
import pytest
from click.testing import CliRunner

import iotjobs
from iotjobs.aws.sandbox_proof import SECRET_VARIABLE, is_proven
from iotjobs.cli import cli
from iotjobs.errors import InvalidInput, IotJobsError
from iotjobs.sandbox import demo
from iotjobs.sandbox.fleet import EXPECTED_CAUSES, Fleet
from iotjobs.sandbox.server import Server
from tests.fresh_sandbox import FreshSandbox
from tests.processes import alive, gone

SANDBOX = [sys.executable, "-m", "iotjobs.sandbox"]


def _sandbox_with_a_child(pid_file: Path, work: str = "exec sleep 600") -> tuple[subprocess.Popen[bytes], int]:
    command = f"echo $$ > {pid_file}.part; mv {pid_file}.part {pid_file}; {work}"
    sandbox = subprocess.Popen([*SANDBOX, "--scenario", "empty", "--", "sh", "-c", command])
    until = time.monotonic() + 30
    while not pid_file.exists() and time.monotonic() < until:
        time.sleep(0.1)
    return sandbox, int(pid_file.read_text())


def test_the_exit_code_of_the_command_is_passed_on() -> None:
    ended = subprocess.run([*SANDBOX, "--scenario", "empty", "--", "sh", "-c", "exit 7"], check=False)
    assert ended.returncode == 7


def test_the_command_sees_the_service_and_no_profile() -> None:
    script = (
        "import boto3, os; print(len(boto3.Session().client('iot').list_jobs()['jobs']), os.environ['AWS_ENDPOINT_URL']);"
        "assert 'AWS_PROFILE' not in os.environ"
    )
    began = time.monotonic()
    ended = subprocess.run(
        [*SANDBOX, "--", sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "AWS_PROFILE": "production"},
    )
    assert ended.stdout.startswith("14 http://127.0.0.1:"), ended.stderr
    assert time.monotonic() - began < 30  # under 3 s on an idle machine


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_behind(tmp_path: Path, how: signal.Signals) -> None:
    sandbox, child = _sandbox_with_a_child(tmp_path / "pid")
    sandbox.send_signal(how)
    sandbox.wait(timeout=20)
    assert gone(child)


def test_what_the_command_started_ends_with_a_killed_sandbox(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    command = f"sleep 600 & echo $! > {pid_file}.part; mv {pid_file}.part {pid_file}; wait"
    sandbox = subprocess.Popen([*SANDBOX, "--scenario", "empty", "--", "sh", "-c", command])
    until = time.monotonic() + 60
    while not pid_file.exists() and time.monotonic() < until:
        time.sleep(0.001)
    sandbox.kill()  # at once: the sandbox itself may not know yet that its command runs
    sandbox.wait()
    assert gone(int(pid_file.read_text()), within_s=20)


def test_a_command_that_is_not_there_says_so() -> None:
    ended = subprocess.run([*SANDBOX, "--scenario", "empty", "--", "no-such-command"], capture_output=True, check=False)
    assert ended.returncode == 127
    assert b"no-such-command" in ended.stderr


def test_an_unknown_scenario_names_those_there_are() -> None:
    ended = subprocess.run([*SANDBOX, "--scenario", "mars", "--", "true"], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "indexing-off" in ended.stderr


def test_another_endpoint_is_never_seeded() -> None:
    with pytest.raises(IotJobsError, match="own embedded service only"):
        Fleet("https://iot.eu-central-1.amazonaws.com")  # type: ignore[arg-type]


def test_a_stranger_on_loopback_is_never_seeded() -> None:
    asked: list[str] = []

    class Stranger(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Stranger) as other:
        Thread(target=other.serve_forever, daemon=True).start()
        server = Server()
        server.endpoint_url = f"http://127.0.0.1:{other.server_port}"
        with pytest.raises(IotJobsError, match="left alone"):
            Fleet(server)
        other.shutdown()
    assert [path.partition("?")[0] for path in asked] == ["/_iotjobs/sandbox"]


def test_another_sandbox_is_never_seeded(sandbox: Server, fresh_sandbox: FreshSandbox) -> None:
    assert is_proven(fresh_sandbox.endpoint_url)
    assert not is_proven(fresh_sandbox.endpoint_url, sandbox.secret)
    server = Server()
    server.endpoint_url = fresh_sandbox.endpoint_url
    with pytest.raises(IotJobsError, match="left alone"):
        Fleet(server)


def test_a_second_service_in_one_process_would_share_its_state(sandbox: Server) -> None:
    with pytest.raises(IotJobsError, match="stands in this process already"), Server():
        pass


def test_a_port_in_use_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InvalidInput, match=f"port {port} on 127.0.0.1 cannot be used"):
            Server(port)
        command = [*SANDBOX, "--scenario", "empty", "--port", str(port), "--", "true"]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"iotjobs sandbox: port {port}")
    assert "Traceback" not in ended.stderr


def test_the_command_sees_no_setting_of_the_service_or_of_the_shells_aws() -> None:
    shell = {"AWS_ENDPOINT_URL_IOT": "https://example.com", "HTTP_PROXY": "http://127.0.0.1:9", "LOG_LEVEL": "INFO"}
    ended = subprocess.run(
        [*SANDBOX, "--", "env"], capture_output=True, text=True, check=False, env={**os.environ, **shell}
    )
    variables = dict(line.split("=", 1) for line in ended.stdout.splitlines() if "=" in line)
    assert (ended.returncode, variables["LOG_LEVEL"]) == (0, "INFO"), ended.stderr
    assert "127.0.0.1" in variables["NO_PROXY"]
    assert not {"AWS_ENDPOINT_URL_IOT", "SERVICES", "DOCKER_HOST", "GATEWAY_PORT"} & (
        variables.keys() - os.environ.keys()
    )


@pytest.mark.parametrize(("how", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_without_a_command_it_stays_up_until_stopped(how: signal.Signals, code: int) -> None:
    process = subprocess.Popen([*SANDBOX, "--scenario", "empty"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("#"):
            break
    assert "unset AWS_PROFILE\n" in lines
    url = re.search(r"export AWS_ENDPOINT_URL=(\S+)", "".join(lines))
    assert url is not None
    secret = re.search(rf"export {SECRET_VARIABLE}=(\S+)", "".join(lines))
    assert secret is not None
    assert is_proven(url[1], secret[1])
    process.send_signal(how)
    assert process.wait(timeout=20) == code
    assert not is_proven(url[1], secret[1])
    process.stdout.close()


def test_it_ends_when_its_own_parent_is_killed(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    inner = f"echo $PPID $$ > {pids}.part; mv {pids}.part {pids}; exec sleep 600"
    script = f"import subprocess, sys; subprocess.run({[*SANDBOX, '--scenario', 'empty', '--', 'sh', '-c', inner]!r})"
    parent = subprocess.Popen([sys.executable, "-c", script])
    until = time.monotonic() + 30
    while not pids.exists() and time.monotonic() < until:
        time.sleep(0.1)
    sandbox, child = map(int, pids.read_text().split())
    parent.kill()
    parent.wait()
    assert gone(child)
    assert gone(sandbox)


def test_a_command_that_does_not_listen_is_made_to_end(tmp_path: Path) -> None:
    signals = [signal.SIGKILL, signal.SIGTERM]
    deaf = "trap '' TERM; while :; do sleep 1; done"
    sandboxes = [_sandbox_with_a_child(tmp_path / how.name, deaf) for how in signals]
    time.sleep(0.2)  # until both are deaf
    for (process, child), how in zip(sandboxes, signals, strict=True):
        process.send_signal(how)
        assert alive(child), how
    for process, child in sandboxes:  # after ten seconds, both at once
        process.wait(timeout=30)
        assert gone(child, within_s=20)


def test_nothing_is_left_in_the_temporary_directory(tmp_path: Path) -> None:
    here = {**os.environ, "TMPDIR": str(tmp_path), "PERSIST_STATE": "1", "STATE_DIR": str(tmp_path / "state")}
    assert subprocess.run([*SANDBOX, "--", "true"], check=False, env=here).returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_the_story_is_diagnosed_as_it_is_labelled(fresh_sandbox: FreshSandbox, tmp_path: Path) -> None:
    executions = iotjobs.investigate(iotjobs.start("investigate", run_dir=str(tmp_path))).executions
    unfinished = executions[executions["cause"] != ""]
    keys = zip(unfinished["job_id"], unfinished["thing_name"], unfinished["execution_number"], strict=True)
    assert dict(zip(keys, unfinished["cause"], strict=True)) == EXPECTED_CAUSES


def test_every_status_and_a_number_used_again(fresh_sandbox: FreshSandbox) -> None:
    iot = boto3.Session().client("iot")
    things = [thing["thingName"] for thing in iot.list_things(maxResults=250)["things"]]
    assert len(things) == 40
    assert {"pump-berlin-01", "gateway-hamburg-03", "007"} <= set(things)
    variables: set[str] = set()
    queued: dict[tuple[str, datetime], str] = {}
    for job in iot.list_jobs(maxResults=250)["jobs"]:
        listed = iot.list_job_executions_for_job(jobId=job["jobId"], maxResults=250)["executionSummaries"]
        for one in listed:
            summary = one["jobExecutionSummary"]
            variables.add(summary["status"])
            key = (one["thingArn"], summary["queuedAt"])
            assert key not in queued, f"{job['jobId']} and {queued[key]} are queued in one second"
            queued[key] = job["jobId"]
    assert variables == {"QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED", "TIMED_OUT", "CANCELED", "REMOVED"}
    names = {"jobId": "onboarding", "executionNumber": 1}
    again = iot.describe_job_execution(thingName="gateway-hamburg-10", **names)["execution"]
    first = iot.describe_job_execution(thingName="gateway-hamburg-09", **names)["execution"]
    assert again["status"] == "REMOVED"
    assert (again["queuedAt"] - first["queuedAt"]).days == 20


def test_the_demo_starts_a_sandbox_unless_it_is_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://iot.eu-central-1.amazonaws.com")
    started: list[list[str]] = []
    monkeypatch.setattr("iotjobs.sandbox.command.run", lambda command: started.append(command) or 0)  # type: ignore[func-returns-value]
    assert demo.main() == 0
    assert started == [[sys.executable, "-m", "iotjobs.sandbox.demo"]]


def test_where_a_system_lacks_its_signals_the_sandbox_says_what_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(signal, "SIGHUP")  # as on Windows
    ended = CliRunner().invoke(cli, ["sandbox", "--", "true"])
    assert ended.exit_code == 1
    assert "on Windows use WSL" in ended.output
    assert CliRunner().invoke(cli, ["run", "sweep", "--help"]).exit_code == 0
