"""An executed notebook as one HTML page that stands alone: no code, no network, what the views show.

nbconvert does the work: `TagRemovePreprocessor` leaves out what only a person at the notebook needs, `sanitize_html`
whatever could act, and the template `ui/templates/report` makes the page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from iotjobs import markup
from iotjobs.model import place_words
from iotjobs.run import files

#: The page may load nothing, run nothing and send nothing, whatever stands in an output.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; form-action 'none'; base-uri 'none'"
)
#: What the reader who is on call does next, by outcome; the others need nobody.
_NEXT = {
    "error": "Mend what the reason names, then run again with the same run_dir: it goes on where it was.",
    "invalid": "Correct the parameter that the reason names, then run again.",
    "partial": "Run again with the same run_dir for what failed or is left. What drifted needs a new plan, in a new "
    "run_dir.",
    "denied": "Get the credentials or the permission, then run again with the same run_dir: it goes on where it was.",
    "refused": "This run changed nothing. Do as the refusal says, or leave it.",
    "interrupted": "Run again with the same run_dir to go on; remove the file `stop` first if there is one.",
}
_MOST_PROBLEMS = 10
#: Cells for a person at the notebook only, and papermill's own line about an error: the head says it.
_LEFT_OUT = {"by-hand", "papermill-error-cell-tag"}
_VIEWS = ["text/html", "image/png", "text/markdown", "text/plain"]
_NOT_TEXT = re.compile(r"<(style|script)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)

_HTML = (  # noqa: SIM905 - one word a line is no better
    "a abbr b blockquote br caption code dd del details div dl dt em figcaption figure h1 h2 h3 h4 h5 h6 hr i img "
    "ins kbd li ol p pre s small span strong sub summary sup table tbody td tfoot th thead time tr u ul"
).split()
_SVG = (  # noqa: SIM905 - one word a line is no better
    "circle defs desc g line path pattern rect svg text title tspan"
).split()
_ATTRIBUTES = frozenset(
    (  # noqa: SIM905
        "alt aria-hidden aria-label class colspan cx cy d dx dy fill height id opacity open patternTransform "
        "patternUnits r role rowspan scope stroke stroke-width tabindex text-anchor title transform viewBox width x "
        "x1 x2 y y1 y2"
    ).split()
)
_LINKS = ("https://", "http://", "#")


def heading(path: Path) -> str:
    """The first heading of a notebook, or its file's name."""
    import nbformat  # noqa: PLC0415 - slow to import

    cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown"]
    lines = [line for source in cells for line in source.splitlines()]
    return next((line.removeprefix("# ").strip() for line in lines if line.startswith("# ")), path.stem)


def head_html(result: Mapping[str, Any], *, run_id: str = "") -> Markup:
    """How a run ended, for the top of its report: the outcome, why, what failed by name, what next, where and who."""
    outcome = str(result.get("outcome"))
    reason = " ".join(str(result.get("reason") or "").split())
    refusals = [each for each in result.get("refusals", []) if str(each.get("message")) != reason]  # not said twice
    problems = [*map(_problem, refusals), *result.get("warnings", [])]
    more = [f"and {len(problems) - _MOST_PROBLEMS} more, see result.json"] if len(problems) > _MOST_PROBLEMS else []
    return markup.render(
        "report_head.html",
        outcome=outcome,
        reason=reason,
        problems=[*problems[:_MOST_PROBLEMS], *more],
        next=_NEXT.get(outcome),
        doubtful=bool(result.get("caveat")),
        confirm=result.get("confirm"),
        facts=_facts(result, run_id),
    )


def _facts(result: Mapping[str, Any], run_id: str) -> dict[str, Any]:
    place = {name: result.get(name) for name in ("account", "region", "endpoint")}
    where = "" if result.get("sandbox") is None else place_words(result.get("endpoint_kind"), **place)
    times = [str(result[name]) for name in ("started_at", "finished_at") if result.get(name)]
    return {
        "Where": where,
        "Account": result.get("account"),
        "Region": result.get("region"),
        "Endpoint": result.get("endpoint"),
        "Who": result.get("caller_arn"),
        "Ticket": (result.get("parameters") or {}).get("ticket"),
        "When": " to ".join(times),
        "Run": run_id,
    }


def _problem(refusal: Mapping[str, Any]) -> str:
    key = [str(refusal[name]) for name in ("job_id", "thing_name", "execution_number") if refusal.get(name)]
    message, about = str(refusal.get("message") or ""), "/".join(key)
    return f"{refusal.get('guard')}: {message}" if about in message else f"{refusal.get('guard')}: {about}: {message}"


def write_report(notebook: Path, report: Path, result: Mapping[str, Any] | None = None) -> None:
    """Write the report of an executed notebook, titled with its heading. It asks nothing of any other host.

    With the run's ``result`` it begins with how that ended. Raises OSError, and nbformat's errors for what is no
    notebook.
    """
    import nbformat  # noqa: PLC0415
    from nbconvert import HTMLExporter  # noqa: PLC0415 - slow to import
    from traitlets.config import Config  # noqa: PLC0415

    config = Config()
    config.NbConvertBase.display_data_priority = _VIEWS
    config.TagRemovePreprocessor.remove_cell_tags = _LEFT_OUT
    exporter = HTMLExporter(
        config=config,
        extra_template_basedirs=[str(Path(markup.__file__).parent / "ui" / "templates")],
        template_name="report",
        sanitize_html=True,
        filters={"clean_html": _clean},
        exclude_input=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
    )
    document = nbformat.read(notebook, as_version=4)
    head = "" if result is None else head_html(result, run_id=notebook.resolve().parent.name)
    page = {"policy": _POLICY, "title": heading(notebook), "style": markup.style(), "head": head}
    body, _resources = exporter.from_notebook_node(document, resources=page)
    with files.replacing(report) as file:
        file.write(body.encode())


def _clean(html: str) -> str:
    """The elements of the kit's views and of Markdown, and nothing else: no style, no form, no other host's image."""
    from bleach import clean  # noqa: PLC0415 - slow to import

    text = _NOT_TEXT.sub("", html)  # the sanitiser would keep what stands in them, as text
    protocols = {"http", "https", "data"}
    return str(clean(text, tags={*_HTML, *_SVG}, attributes=_allowed, protocols=protocols, strip=True))


def _allowed(tag: str, name: str, value: str) -> bool:
    if tag == "a" and name == "href":
        return value.startswith(_LINKS)
    if tag == "img" and name == "src":
        return value.startswith("data:image/")
    return name in _ATTRIBUTES
