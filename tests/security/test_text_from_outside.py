"""Whatever a device, a name or a false endpoint says is text in every view, and nothing in it is hidden."""

from __future__ import annotations

import csv
import io
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

from iotjobs.cli import cli
from iotjobs.errors import InvalidInput, IotJobsError, RecordError
from iotjobs.markup import visible
from iotjobs.run import notebook_runner
from iotjobs.run.directory import RunDirectory
from iotjobs.run.process import echo
from tests.browser.build_findings import AS_OF
from tests.browser.hostile_texts import FOREIGN, HIDING, PAYLOADS, findings, restored, result, views

_ELEMENTS = (  # noqa: SIM905 - one word a line is no better
    "div span b p ul ol li table thead tbody tr th td caption pre code details summary h1 h2 h3 h4 small style br i em strong "
    "svg title rect g text path line defs pattern circle tspan desc time input label button kbd section dl dt dd figure figcaption header"
).split()
csv.field_size_limit(10_000_000)


class _Elements(HTMLParser):
    """The elements of a page, its attributes, and what it shows."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: set[str] = set()
        self.attributes: dict[str, str] = {}
        self.text = ""
        self.feed(str.__str__(html))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name: str(value) for name, value in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def _html_of(view: Any) -> str:
    if isinstance(view, str):
        return view
    return view._repr_html_() if hasattr(view, "_repr_html_") else ""


@pytest.mark.usefixtures("sandbox")
@pytest.mark.parametrize("name", PAYLOADS)
def test_every_view_shows_it_as_text(tmp_path: Path, name: str) -> None:
    texts = set()
    for title, view in views(name, tmp_path):
        html, text = _html_of(view), "" if isinstance(view, str) else repr(view)
        page = _Elements(html)
        assert page.elements <= set(_ELEMENTS), (title, page.elements - set(_ELEMENTS))
        assert not [each for each in page.attributes if each.startswith("on")], title
        assert not {"href", "src", "srcdoc", "action", "autofocus", "http-equiv"} & page.attributes.keys(), title
        assert not set(HIDING) & set(html + text), title
        assert len(html) < 1_000_000, title
        if html and title != "sweep":
            assert "mathjax_ignore" in html, title
        if visible(PAYLOADS[name], most=40)[:40] in page.text:
            texts.add(title)
    assert {
        "explorer, static",
        "banner",
        "plan of a delete",
        "report's head",
        "report of a fleet",
        "restoration",
    } <= texts


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_table_as_csv_hides_nothing_and_runs_nothing(tmp_path: Path, name: str) -> None:
    directory = RunDirectory.open(str(tmp_path), notebook="investigate", started_at=AS_OF)
    directory.take()
    table = findings(PAYLOADS[name]).executions
    directory.write_executions(table)
    content = (tmp_path / "executions.csv").read_bytes().decode()
    assert not set(HIDING) & set(content)
    rows = list(csv.DictReader(io.StringIO(content)))
    assert len(rows) == len(table)
    assert not [cell for row in rows for cell in row.values() if cell[:1] in set("=+-@\t\r\n")]
    assert (
        pd.read_parquet(tmp_path / "executions.parquet")["evidence"].iloc[0] == PAYLOADS[name]
    )  # the file has it whole


@pytest.mark.parametrize("name", PAYLOADS)
def test_what_is_printed_hides_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    text = PAYLOADS[name]
    directory = RunDirectory.open(str(tmp_path), notebook="sweep", started_at=AS_OF)
    steps = [{"rank": 1, "what": text, "effect": text}]
    notebook_runner._say({**result(text), "steps": steps}, directory, tmp_path / "x.ipynb")
    echo(f"{IotJobsError(text)}\n{InvalidInput(text)._render_traceback_()}")
    printed = capsys.readouterr()
    assert not set(HIDING) & set(printed.out + printed.err)
    assert str(IotJobsError(text)).count("\n") == 0


@pytest.mark.parametrize("name", PAYLOADS)
def test_what_restore_prints_hides_nothing(tmp_path: Path, name: str) -> None:
    restored(PAYLOADS[name], tmp_path / "run")
    ended = CliRunner().invoke(cli, ["restore", str(tmp_path / "run")])
    assert ended.exit_code in {0, 3}, ended.output
    assert not set(HIDING) & set(ended.output)
    assert FOREIGN not in ended.output or "http" in PAYLOADS[name] or "//" in PAYLOADS[name]


@pytest.mark.parametrize("line", ["7", "{}", '{"jobId": 7}', '{"jobId": "j", "thingArn": "t", "executionNumber": "x"}'])
@pytest.mark.parametrize("name", ["before.jsonl", "jobs_before.jsonl"])
def test_snapshots_that_no_run_writes_are_an_error_and_no_traceback(tmp_path: Path, name: str, line: str) -> None:
    from iotjobs.deletion.restore import restoration

    restored("x", tmp_path / "run")
    (tmp_path / "run" / "journal.jsonl").unlink()
    (tmp_path / "run" / name).write_text(f"{line}\n")
    with pytest.raises(RecordError):
        restoration(tmp_path / "run")
