"""The pictures of the README, taken of the running thing: `make pictures`, inside `iotjobs sandbox -- ...`.

usage: pictures.py CHROMIUM. JupyterLab is started on copies of the notebooks and driven as a person would.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from playwright.sync_api import FloatRect, Page, sync_playwright

HERE = Path(__file__).parent
WAIT_MS = 90_000
_QUIET = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
}


def main(chromium: str) -> None:
    """Take the pictures and put them beside this file."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        notebooks, settings = home / "notebooks", home / "settings"
        settings.mkdir()
        (settings / "overrides.json").write_text(json.dumps(_QUIET))
        subprocess.run([sys.executable, "-m", "iotjobs.cli", "notebooks", str(notebooks)], check=True)
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--port=0"),
                *("--ServerApp.port_retries=0", "--IdentityProvider.token=", f"--ServerApp.root_dir={notebooks}"),
                f"--LabApp.app_settings_dir={settings}",
            ],
            env={**os.environ, "JUPYTER_RUNTIME_DIR": str(home / "runtime")},
            cwd=notebooks,
        )
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
                page = browser.new_page(viewport={"width": 1240, "height": 1000})
                _investigate(page, _address(home / "runtime"))
                browser.close()
        finally:
            server.terminate()
            server.wait(timeout=60)


def _address(runtime: Path) -> str:
    until = time.monotonic() + WAIT_MS / 1000
    while time.monotonic() < until:
        for file in runtime.glob("jpserver-*.json"):
            return f"http://127.0.0.1:{json.loads(file.read_text())['port']}"
        time.sleep(0.3)
    sys.exit("JupyterLab did not come up")


def _investigate(page: Page, url: str) -> None:
    """Run the investigation; then plan the cancel that frees the longest queue."""
    page.goto(f"{url}/lab/tree/investigate.ipynb?reset")
    page.get_by_text("(ipykernel) | Idle").first.wait_for(timeout=WAIT_MS)
    page.keyboard.press("Control+b")  # the file browser aside
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    explorer = page.locator(".iotjobs-live").first
    explorer.get_by_text("What do I do now?").wait_for(timeout=WAIT_MS)
    page.locator(".jp-OutputArea-output").get_by_text("Files: ").wait_for(timeout=WAIT_MS)
    page.get_by_text("(ipykernel) | Idle").first.wait_for(timeout=WAIT_MS)
    explorer.locator(".banner").first.evaluate("each => each.scrollIntoView({block: 'start'})")
    page.wait_for_timeout(1500)
    _picture(page, "investigate")
    plan = explorer.get_by_role("button", name="Plan this cancel")
    plan.click()
    explorer.get_by_text("What is sent:").wait_for(timeout=WAIT_MS)
    page.wait_for_timeout(1000)
    plan.evaluate("each => each.scrollIntoView({block: 'start'})")
    top, bottom = plan.bounding_box(), explorer.get_by_role("button", name="Close the plan").bounding_box()
    side = explorer.bounding_box()
    if top and bottom and side:
        height = bottom["y"] + bottom["height"] - top["y"] + 12
        _picture(page, "plan", {"x": side["x"] - 12, "y": top["y"] - 6, "width": side["width"] + 24, "height": height})


def _picture(page: Page, name: str, clip: FloatRect | None = None) -> None:
    """Save what the page shows; a third as large where Pillow is installed, which nothing else needs."""
    path = HERE / f"{name}.png"
    page.screenshot(path=path, clip=clip)
    if find_spec("PIL"):
        from PIL import Image  # noqa: PLC0415

        Image.open(path).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1])
