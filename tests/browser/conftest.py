"""JupyterLab in a real Chromium. One server for all tests; each test opens its own notebook and page."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlparse

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.lab_page import Lab

ROOT = Path(__file__).parents[2]
_QUIET = {"fetchNews": "false", "checkForUpdates": False}


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab with the made-up findings importable."""
    yield from _serve(tmp_path_factory.mktemp("lab"), [])


@pytest.fixture(scope="module")
def sandbox_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab on copies of the real notebooks, inside the sandbox with its aged fleet; files change it, in any order."""
    folder = tmp_path_factory.mktemp("sandbox_lab")
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        shutil.copy(notebook, folder)
    yield from _serve(folder, [sys.executable, "-m", "iotjobs.sandbox", "--"])


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails its test when it has asked anything of another host."""
    page = browser.new_page(viewport={"width": 1500, "height": 1300})
    hosts: set[str | None] = set()
    page.on("request", lambda request: hosts.add(urlparse(request.url).hostname))
    yield page
    page.close()
    assert hosts <= {"127.0.0.1", None, ""}, f"the page asked other hosts: {hosts}"


def _serve(folder: Path, before: list[str]) -> Iterator[Lab]:
    settings = folder.parent / f"{folder.name}_settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(_QUIET))
    notebooks = settings.parent / "notebook-extension"
    notebooks.mkdir()
    (notebooks / "tracker.jupyterlab-settings").write_text(json.dumps({"windowingMode": "none"}))
    search = os.pathsep.join([str(ROOT / "lib"), str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": search, "JUPYTERLAB_SETTINGS_DIR": str(settings.parents[1])}
    runtime = folder.parent / f"{folder.name}_runtime"
    environment["JUPYTER_RUNTIME_DIR"] = str(runtime)
    command = [
        *before,
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", "--port=0"),
        *("--allow-root", "--IdentityProvider.token=", "--ServerApp.port_retries=0"),
        *(f"--ServerApp.root_dir={folder}", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"),
    ]
    with (folder.parent / f"{folder.name}.log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            yield Lab(_address(runtime, server, Path(log.name)), folder)
        finally:
            server.terminate()
            try:
                server.wait(timeout=30)
            except subprocess.TimeoutExpired:  # its kernels are slow to end on a busy machine
                server.kill()


def _address(runtime: Path, server: subprocess.Popen[bytes], log: Path) -> str:
    """Where the server answers. It takes a free port by itself: one found before may be taken meanwhile."""
    until = time.monotonic() + 90
    while time.monotonic() < until and server.poll() is None:
        try:
            port = json.loads(next(runtime.glob("jpserver-*.json")).read_text())["port"]
            url = f"http://127.0.0.1:{port}"
            with urllib.request.urlopen(f"{url}/api", timeout=2):
                return url
        except (OSError, StopIteration, ValueError):
            time.sleep(0.3)
    pytest.fail(f"JupyterLab did not come up:\n{log.read_text()[-3000:]}")
