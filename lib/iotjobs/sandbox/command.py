"""`iotjobs sandbox`: the embedded service for the length of a command, or until it is stopped."""

from __future__ import annotations

import logging
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

from iotjobs.aws.sandbox_proof import SECRET_VARIABLE
from iotjobs.errors import InvalidInput, IotJobsError
from iotjobs.sandbox import watchdog
from iotjobs.sandbox.fleet import Fleet
from iotjobs.sandbox.scenarios import SCENARIOS, seed
from iotjobs.sandbox.server import Server

_NOT_FOUND = 127
_PROFILES = {"AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN"}
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Stopped(BaseException):
    """A signal asked the sandbox to end. No Exception, so that nothing on the way takes it for a failure."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.exit_code = 128 + signal_number


@contextmanager
def running_sandbox(scenario: str = "fleet", port: int | None = None) -> Iterator[Server]:
    """The service with a scenario seeded, while the context lasts. Raises InvalidInput."""
    if scenario not in SCENARIOS:
        raise InvalidInput(f"there is no scenario {scenario!r}; there are {', '.join(SCENARIOS)}")
    logging.getLogger("hypercorn").setLevel(logging.CRITICAL)
    with Server(port) as server:
        fleet = Fleet(server)
        try:
            seed(fleet, scenario)
            yield server
        finally:
            fleet.close()


def run(command: Sequence[str], scenario: str = "fleet", port: int | None = None) -> int:
    """Run COMMAND against the sandbox and return its exit code; without one, stay up until stopped.

    128+n when a signal n ended either, 127 when COMMAND is not to be found, 2 for an unknown scenario or a port
    that cannot be used. Must be called in the main thread: it takes the signals over.
    """
    shell = dict(os.environ)  # before the service's own settings come in
    for name in [name for name in shell if name.startswith("AWS_")]:
        del os.environ[name]
    _on_signals(_stop)
    _end_with_parent()
    try:
        with running_sandbox(scenario, port) as server:
            if not command:
                return _stay_up(server, shell)
            with watchdog.watching(SECRET_VARIABLE, server.secret):
                return _run_command(command, _pointed_at(server, shell))
    except _Stopped as stopped:
        return stopped.exit_code
    except IotJobsError as error:
        print(f"iotjobs sandbox: {error}", file=sys.stderr)  # noqa: T201
        return error.outcome.exit_code


def _pointed_at(server: Server, shell: Mapping[str, str]) -> dict[str, str]:
    environment = {name: value for name, value in shell.items() if not name.startswith("AWS_")}
    return environment | server.environment


def _run_command(command: Sequence[str], environment: Mapping[str, str]) -> int:
    early: list[int] = []
    _on_signals(lambda number, _frame: early.append(number))  # one that came inside Popen would lose the child
    try:
        child = subprocess.Popen(command, env=environment)
    except OSError as error:
        print(f"iotjobs sandbox: {command[0]} cannot be run: {error}", file=sys.stderr)  # noqa: T201
        return _NOT_FOUND
    forward = _forward_to(child)
    _on_signals(forward)
    for number in early:
        forward(number, None)
    code = child.wait()
    return code if code >= 0 else 128 - code


def _stay_up(server: Server, shell: Mapping[str, str]) -> int:
    settings = server.environment
    strays = {name for name in shell if name.startswith("AWS_")} | _PROFILES
    for name in sorted(strays - settings.keys()):  # AWS_ENDPOINT_URL_IOT, say, would lead away from here
        print(f"unset {name}")  # noqa: T201
    for name, value in settings.items():
        print(f"export {name}={shlex.quote(value)}")  # noqa: T201
    print(f"# the sandbox stands at {server.endpoint_url}; Ctrl-C ends it", flush=True)  # noqa: T201
    while True:
        signal.pause()


def _on_signals(handler: Callable[[int, FrameType | None], None]) -> None:
    for number in _SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup's wish
            signal.signal(number, handler)


def _stop(number: int, _frame: FrameType | None) -> None:
    raise _Stopped(number)


def _forward_to(child: subprocess.Popen[bytes]) -> Callable[[int, FrameType | None], None]:
    def forward(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            # A terminal sends Ctrl-C to the command as well, and many take a second one for "at once".
            if not _in_the_foreground():
                child.send_signal(number)
        else:
            _end(child)

    return forward


def _in_the_foreground() -> bool:
    try:
        return os.tcgetpgrp(sys.__stdin__.fileno()) == os.getpgrp() if sys.__stdin__ else False
    except (OSError, ValueError):
        return False


def _end(child: subprocess.Popen[bytes]) -> None:
    """Ask the command to end; make it, when it has not done so after a while."""
    child.terminate()
    patience = threading.Timer(watchdog.GRACE_S, child.kill)
    patience.daemon = True
    patience.start()


def _end_with_parent() -> None:
    """End this process when whoever started it has died, however it died."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
