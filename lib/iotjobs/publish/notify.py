"""Who hears how a run ended: a command, a webhook. The summary goes out, never a parameter, a path or a credential."""

from __future__ import annotations

import json
import shlex
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

import urllib3

from iotjobs.aws.concurrency import Overdue, in_time
from iotjobs.errors import InvalidInput, IotJobsError
from iotjobs.publish.summary import Summary

_TRIES = 4
_TIMEOUT_S = 10.0
_COMMAND_TIMEOUT_S = 60.0
_WEBHOOK_TIMEOUT_S = 120.0


def run_command(summary: Summary, command: str, *, tries: int = _TRIES, backoff_s: float = 1.0) -> None:
    """Run a command, without a shell, with the summary as JSON on its standard input; try again when it fails.

    Between two tries is a pause that doubles, ``backoff_s`` at first. Raises InvalidInput for a command that cannot be
    split into words, IotJobsError when it fails each time.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise InvalidInput(f"the command cannot be read: {error}") from error
    if not words:
        raise InvalidInput("the command is empty")
    why = ""
    for attempt in range(tries):
        if attempt:
            time.sleep(backoff_s * 2 ** (attempt - 1))
        try:
            ended = subprocess.run(
                words, input=json.dumps(summary.as_document()), text=True, timeout=_COMMAND_TIMEOUT_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            why = type(error).__name__
        else:
            if ended.returncode == 0:
                return
            why = f"exit code {ended.returncode}"
    raise IotJobsError(
        f"the command {Path(words[0]).name} was not told how the run ended: it failed {tries} times, {why}"
    )


def post(summary: Summary, url: str, *, backoff_s: float = 1.0, within_s: float = _WEBHOOK_TIMEOUT_S) -> None:
    """Post the summary as JSON to a webhook; `text` is what chat services show. Redirects are not followed.

    A busy or failing server is asked again, with pauses, for ``within_s`` seconds in all, however long it asks to wait
    and whatever it sends: a schedule waits for this. Raises InvalidInput for what is no http(s) URL, IotJobsError
    when the webhook does not take it. The URL is often a secret: no message quotes it, only its host.
    """
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    if host is None or not url.startswith(("https://", "http://")):
        raise InvalidInput("the webhook takes a URL, https://HOST/…")
    again = urllib3.Retry(
        total=_TRIES,
        redirect=0,
        status_forcelist=[429, 500, 502, 503, 504],
        allowed_methods=None,
        backoff_factor=backoff_s,
        raise_on_redirect=False,
    )
    document = summary.as_document() | {"text": str(summary)}

    def ask() -> urllib3.BaseHTTPResponse:
        with urllib3.PoolManager(timeout=_TIMEOUT_S, retries=again) as pool:
            return pool.request("POST", url, json=document, redirect=False, preload_content=False)

    try:
        answer = in_time(ask, within_s, thread="iotjobs-webhook")
    except Overdue:
        raise IotJobsError(f"the webhook at {host} did not take it within {within_s:g} s") from None
    except urllib3.exceptions.HTTPError as error:
        raise IotJobsError(f"the webhook at {host} did not answer ({type(error).__name__})") from None
    if not 200 <= answer.status < 300:  # noqa: PLR2004 - HTTP's own numbers
        raise IotJobsError(f"the webhook at {host} answered {answer.status}")
