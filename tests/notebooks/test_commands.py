"""The commands themselves: quick to start, whole when installed from a wheel, their exit code whatever the streams."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

import iotjobs
from iotjobs.run import notebooks as kit
from tests.notebooks import shell

ROOT = Path(__file__).parents[2]
SLOW = {"pandas", "boto3", "botocore", "ipywidgets", "papermill", "itables", "matplotlib", "nbconvert", "IPython"}


def _iotjobs(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*shell.CLI, *arguments], capture_output=True, text=True, check=False, **more)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["run", "--help"], ["run", "sweep", "--help"]], ids=" ".join
)
def test_help_imports_nothing_slow(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom iotjobs import cli\nsys.argv[1:] = " + repr(arguments) + "\ntry:\n    cli.main()\n"
        "except SystemExit:\n    pass\nprint(sorted(name.split(chr(46))[0] for name in sys.modules), file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout
    assert not SLOW & {name.strip("'[] ,") for name in ended.stderr.split()}


def test_the_package_can_be_imported_where_there_is_no_fcntl() -> None:
    """As on Windows."""
    code = (
        "import sys; sys.modules['fcntl'] = None; import iotjobs; [getattr(iotjobs, name) for name in iotjobs.__all__]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_version_is_the_packages() -> None:
    assert iotjobs.__version__ in _iotjobs("--version").stdout


def test_every_public_name_is_there() -> None:
    assert all(getattr(iotjobs, name) for name in iotjobs.__all__)
    with pytest.raises(AttributeError, match="no attribute"):
        _ = iotjobs.no_such_name


@pytest.mark.parametrize("name", [name for name in iotjobs.__all__ if inspect.isfunction(getattr(iotjobs, name))])
def test_a_public_function_says_what_it_takes_and_what_it_gives(name: str) -> None:
    function = getattr(iotjobs, name)
    documented = inspect.getdoc(function) or ""
    assert "Returns\n-------" in documented
    takes = documented.partition("Parameters\n----------\n")[2].partition("\n\n")[0]
    assert [line for line in takes.splitlines() if not line.startswith(" ")] == [
        *inspect.signature(function).parameters
    ]


def test_notebooks_are_copied_and_a_changed_one_is_not_overwritten(tmp_path: Path) -> None:
    assert _iotjobs("notebooks", str(tmp_path / "mine")).returncode == 0
    assert {path.name for path in (tmp_path / "mine").iterdir()} == {
        kit.START,
        *(path.name for path in kit.notebooks().values()),
    }
    assert _iotjobs("notebooks", str(tmp_path / "mine")).returncode == 0
    (tmp_path / "mine" / "sweep.ipynb").write_text("my own")
    ended = _iotjobs("notebooks", str(tmp_path / "mine"))
    assert (ended.returncode, (tmp_path / "mine" / "sweep.ipynb").read_text()) == (2, "my own")


def test_a_wheel_has_the_notebooks_and_the_types(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(tmp_path)]
    subprocess.run([*build, str(ROOT)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"iotjobs/notebooks/{name}.ipynb" for name in [*kit.notebooks(), "start"]} | {"iotjobs/py.typed"} <= names


@pytest.mark.parametrize(
    ("redirection", "name"),
    [(">&- 2>&-", "{date}"), (">/dev/full 2>/dev/full", "a b"), ("2>&- | true", "%F"), ("0<&- >&- 2>&-", "ü")],
)
def test_the_exit_code_is_the_outcomes_whatever_becomes_of_the_output_and_whatever_the_directory_is_called(
    tmp_path: Path, redirection: str, name: str
) -> None:
    command = f"'{sys.executable}' -m iotjobs.cli run delete_job_execution --generate-cli-skeleton --run-dir '{name}'"
    script = f"set -o pipefail; {command} {redirection}"
    ended = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, check=False, env={**os.environ, "MPLBACKEND": "module://no.such"}
    )
    assert (ended.returncode, shell.result(tmp_path / name)["outcome"]) == (0, "skeleton")
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / name).iterdir()} == {0}


def test_a_usage_error_before_the_notebooks_name_is_on_record_under_the_notebook(tmp_path: Path) -> None:
    ended = _iotjobs("run", "--run-dir", "run", "investigate", "--nope", cwd=tmp_path)
    assert (ended.returncode, shell.result(tmp_path / "run")["notebook"]) == (2, "investigate")


def test_an_empty_variable_in_a_schedule_is_invalid(tmp_path: Path) -> None:
    code, result, _ = shell.run(tmp_path / "run", "sweep", "--statuses", "FAILED", "--protect", "", "--unattended")
    assert (code, result["outcome"]) == (2, "invalid")
    assert "protect is given and empty" in str(result["reason"])


def test_a_fixed_run_directory_on_a_schedule_is_refused_on_the_next_day(tmp_path: Path) -> None:
    applied = {"schema": 1, "outcome": "applied", "finished_at": "2026-01-01T03:00:00Z"}
    (tmp_path / "result.json").write_text(json.dumps(applied))
    code, result, _ = shell.run(tmp_path, "sweep", "--statuses", "FAILED", "--unattended")
    assert (code, result["outcome"]) == (5, "refused")
    assert "one run directory is one sweep" in str(result["reason"])
