"""An executed notebook as one HTML page that stands alone: no code, no network, what the widgets show."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: The page may load nothing and run nothing, whatever stands in an output: no scripts, no other host.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"

_STYLE = """
body { max-width: 72rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.55 system-ui, sans-serif; color: #1b1f24; }
h1, h2, h3 { line-height: 1.25; } h2 { margin-top: 2.2rem; border-bottom: 1px solid #d8dee4; }
p, li { max-width: 46rem; }
table { border-collapse: collapse; font-size: 13px; margin: .5rem 0; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 4px 10px; border-bottom: 1px solid #d8dee4; vertical-align: top; }
th { background: #f6f8fa; } pre { white-space: pre-wrap; overflow-wrap: anywhere; } img { max-width: 100%; }
.ended { border-left: 5px solid #1a7f37; background: #f6f8fa; padding: .2rem 1rem; margin-bottom: 1.5rem; }
.ended.bad { border-color: #a40e26; background: #fff1f0; }
.output_html { overflow-x: auto; } .output_html p, .output_html li { max-width: none; }
.ansi-red-fg, .ansi-red-intense-fg { color: #a40e26; }
@media print { body { max-width: none; margin: 0; font-size: 11px; } }
"""

#: What the reader who is on call does next, by outcome; the others need no hand.
_NEXT = {
    "error": "Mend what the reason names, then run again with the same run_dir: it goes on where it was.",
    "invalid": "Correct the parameter that the reason names, then run again.",
    "partial": "Run again with the same run_dir for what failed or is left. What drifted needs a new plan, in a new "
    "run_dir.",
    "denied": "Get the credentials or the permission, then run again with the same run_dir: it goes on where it was.",
    "refused": "This run changed nothing. Do as the refusal says, or leave it.",
    "interrupted": "Run again with the same run_dir to go on; remove the file `stop` first if there is one.",
}
_MOST_NAMED = 10
_PAPERMILL_ERROR = "papermill-error-cell-tag"

#: The tag of cells that tell how to use the notebook by hand, which a reader of the report cannot.
_BY_HAND = "by-hand"
_NUMBERED = re.compile(r"^(#+ )\d+\. ", re.MULTILINE)

#: What a widget shows without a front end stands before its live view, which needs a front end.
_SHOWN = ["text/html", "image/png", "image/svg+xml", "text/markdown", "text/plain"]


def heading(path: Path) -> str:
    """The first heading of a notebook, or its file's name."""
    import nbformat  # noqa: PLC0415 - slow to import

    cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown"]
    lines = [line for source in cells for line in source.splitlines()]
    return next((line.removeprefix("# ").strip() for line in lines if line.startswith("# ")), path.stem)


def summary_html(result: Mapping[str, Any]) -> str:
    """How a run ended, for the top of its report: the outcome, why, what failed by name, what to do next."""
    outcome, bad = str(result.get("outcome")), result.get("outcome") in _NEXT
    why = " ".join(str(result.get("reason") or "").split())
    where = ", ".join(str(result[name]) for name in ("account", "region") if result.get(name))
    refusals = [each for each in result.get("refusals", []) if str(each.get("message")) != why]  # not said twice
    named = [_named(refusal) for refusal in refusals] + list(result.get("warnings", []))
    more = [f"and {len(named) - _MOST_NAMED} more, see result.json"] if len(named) > _MOST_NAMED else []
    items = "".join(f"<li>{html.escape(str(line))}</li>" for line in [*named[:_MOST_NAMED], *more])
    following = f"<p><b>Next:</b> {html.escape(_NEXT[outcome])}</p>" if bad else ""
    place = f" ({html.escape(where)})" if where else ""
    return (
        f'<div class="ended {"bad" if bad else "good"}"><p><b>{html.escape(outcome)}</b>{place}: {html.escape(why)}</p>'
        f"{f'<ul>{items}</ul>' if items else ''}{following}</div>"
    )


def _named(refusal: Mapping[str, Any]) -> str:
    key = [str(refusal[name]) for name in ("job_id", "thing_name", "execution_number") if refusal.get(name)]
    message, about = str(refusal.get("message") or ""), "/".join(key)
    return f"{refusal.get('guard')}: {message}" if about in message else f"{refusal.get('guard')}: {about}: {message}"


def write_report(notebook: Path, report: Path, result: Mapping[str, Any] | None = None) -> None:
    """Write the report of an executed notebook, titled with its heading. It asks nothing of any other host.

    With the run's ``result`` it begins with how that ended, in place of papermill's own line about it.
    """
    import nbformat  # noqa: PLC0415
    from bs4 import BeautifulSoup  # noqa: PLC0415 - nbconvert brings it
    from nbconvert import HTMLExporter  # noqa: PLC0415 - slow to import
    from traitlets.config import Config  # noqa: PLC0415

    config = Config()
    config.NbConvertBase.display_data_priority = _SHOWN
    exporter = HTMLExporter(config=config, template_name="basic", exclude_input=True, exclude_input_prompt=True)
    exporter.exclude_output_prompt = True
    exporter.exclude_anchor_links = True
    document = nbformat.read(notebook, as_version=4)
    _leave_out_by_hand(document)
    if result is not None and document.cells and _PAPERMILL_ERROR in document.cells[0].metadata.get("tags", []):
        del document.cells[0]
    document.metadata.pop("widgets", None)  # the state of live widgets, which the page does not show
    body, _resources = exporter.from_notebook_node(document)
    shown = BeautifulSoup(body, "html.parser")
    for loaded in shown.find_all(["script", "link", "iframe", "object", "embed", "base"]):
        loaded.decompose()
    for sourced in shown.find_all(src=True):
        if not str(sourced["src"]).startswith("data:"):
            del sourced["src"]
    head = (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{html.escape(heading(notebook))}</title><style>{_STYLE}</style>"
    )
    ended = "" if result is None else summary_html(result)
    page = f'<!DOCTYPE html><html lang="en"><head>{head}</head><body>{ended}{shown}</body></html>'
    report.write_text(page, encoding="utf-8")


def _leave_out_by_hand(document: Any) -> None:
    """Drop the cells tagged so, and with them the numbers of the headings, which would no longer be in sequence."""
    kept = [cell for cell in document.cells if _BY_HAND not in cell.metadata.get("tags", [])]
    if len(kept) == len(document.cells):
        return
    for cell in kept:
        if cell.cell_type == "markdown":
            cell.source = _NUMBERED.sub(r"\1", cell.source)
    document.cells = kept
