"""The embedded service answers this machine's programs: no web page, no name that was made to point at loopback."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import boto3
import pytest
from playwright.sync_api import Browser

from iotjobs.sandbox.access import ADMINISTRATION, refusal
from iotjobs.sandbox.server import Server

SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=sandbox/20260101/eu-central-1/iot/aws4_request"}


def _ask(server: Server, method: str, path: str, **headers: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_program_is_answered(sandbox: Server) -> None:
    assert _ask(sandbox, "GET", "/jobs", **SIGNED) == 200


@pytest.mark.parametrize("origin", ["http://evil.test", "null", "http://127.0.0.1:1", "https://127.0.0.1.evil.test"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_page_is_not_answered(sandbox: Server, method: str, origin: str) -> None:
    assert _ask(sandbox, method, "/jobs", Origin=origin, **SIGNED) == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_what_a_browser_loads_by_itself_is_not_answered(sandbox: Server, site: str) -> None:
    assert _ask(sandbox, "GET", "/jobs", Sec_Fetch_Site=site, **SIGNED) == 403


@pytest.mark.parametrize("host", ["rebound.evil.test", "127.0.0.1.evil.test", "amazonaws.com.evil.test", ""])
def test_another_name_that_points_here_is_not_answered(sandbox: Server, host: str) -> None:
    assert _ask(sandbox, "GET", "/jobs", Host=f"{host}:{sandbox.port}", **SIGNED) == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/_ministack/reset"), ("POST", "/_ministack/config"), ("GET", "/_ministack/health"), ("GET", "/health")],
)
def test_administration_is_the_sandbox_s_own(sandbox: Server, method: str, path: str) -> None:
    before = len(boto3.Session().client("iot").list_jobs()["jobs"])
    assert _ask(sandbox, method, path) == 403
    assert _ask(sandbox, method, path, **{ADMINISTRATION: "0" * 64}) == 403
    assert len(boto3.Session().client("iot").list_jobs()["jobs"]) == before > 0


def test_a_page_s_websocket_is_no_device(sandbox: Server) -> None:
    scope = {
        "type": "websocket",
        "path": "/mqtt",
        "headers": [(b"host", b"127.0.0.1"), (b"origin", b"http://evil.test")],
    }
    assert refusal(scope, port=sandbox.port, secret=sandbox.secret) == "asked for by a page of another origin"


@pytest.fixture
def foreign_page() -> Iterator[str]:
    """A page of another origin."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<title>evil</title>")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.browser
def test_a_page_in_a_real_browser_reads_and_changes_nothing(
    sandbox: Server, browser: Browser, foreign_page: str
) -> None:
    page = browser.new_page()
    page.goto(foreign_page)  # on loopback too, since Chromium by itself keeps other pages from this machine
    statuses: list[int] = []
    page.on("response", lambda answer: statuses.append(answer.status) if "127.0.0.1" in answer.url else None)
    before = len(boto3.Session().client("iot").list_jobs()["jobs"])
    told = page.evaluate(
        """async (base) => {
          const told = [];
          for (const [path, how] of [["/jobs", {}], ["/_ministack/reset", {method: "POST", mode: "no-cors"}],
                                     ["/jobs", {headers: {authorization: "AWS4-HMAC-SHA256 Credential=x/y/z"}}]])
            told.push(await fetch(base + path, how).then(answer => answer.text(), error => "blocked"));
          const image = new Image();
          await new Promise(done => { image.onerror = image.onload = done; image.src = base + "/jobs"; });
          return told;
        }""",
        sandbox.endpoint_url,
    )
    page.close()
    assert told == ["blocked", "", "blocked"]
    assert set(statuses) <= {403}
    assert len(boto3.Session().client("iot").list_jobs()["jobs"]) == before > 0
