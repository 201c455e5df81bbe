"""An executed notebook as one HTML page that stands alone: no code, no network, what the widgets show."""

from __future__ import annotations

import html
import re
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
.output_html { overflow-x: auto; } .output_html p, .output_html li { max-width: none; }
.ansi-red-fg, .ansi-red-intense-fg { color: #a40e26; }
@media print { body { max-width: none; margin: 0; font-size: 11px; } }
"""

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


def write_report(notebook: Path, report: Path) -> None:
    """Write the report of an executed notebook, titled with its heading. It asks nothing of any other host."""
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
    page = f'<!DOCTYPE html><html lang="en"><head>{head}</head><body>{shown}</body></html>'
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
