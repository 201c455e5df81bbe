"""A run as one HTML page that stands alone: no code, no network, what the views show.

Every run leaves one, made of its own views (`write_page`): by hand, under papermill, in a scheduler. `iotjobs run` and
`iotjobs report` make it of the executed notebook, whatever cells that has (`write_report`); there nbconvert does the
work: `TagRemovePreprocessor` leaves out what only a person at the notebook needs, `sanitize_html` whatever could act,
and the template `ui/templates/report` makes the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from iotjobs import markup
from iotjobs.model import NOT_AWS, Outcome, place_words
from iotjobs.plurals import many
from iotjobs.run import files

#: The page may load nothing, run nothing and send nothing, whatever stands in an output.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; form-action 'none'; base-uri 'none'"
)
#: Set in the kernel of `iotjobs run`, which makes the report of the executed notebook itself.
BY_RUNNER = "IOTJOBS_REPORT_BY_RUNNER"
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
#: Parameters that have a line of their own in the head, or that say nothing of what was asked for.
_TOLD_ELSEWHERE = {"ticket", "confirm", "run_dir", "profile", "region"}
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


def head_html(result: Mapping[str, Any], *, title: str = "", run_id: str = "") -> Markup:
    """The top of a report: where, how the run ended, why, what failed by name, what next, who and when."""
    outcome = str(result.get("outcome"))
    reason = " ".join(str(result.get("reason") or "").split())
    refusals = [each for each in result.get("refusals", []) if str(each.get("message")) not in reason]  # not said twice
    left = [_name(each) for each in refusals if each.get("guard") == "left"]
    problems = [*(_problem(each) for each in refusals if each.get("guard") != "left"), *result.get("warnings", [])]
    problems += [f"{many(len(left), 'execution')} not touched: {', '.join(left)}"] if left else []
    more = [f"and {len(problems) - _MOST_PROBLEMS} more, see result.json"] if len(problems) > _MOST_PROBLEMS else []
    place = {name: result.get(name) for name in ("account", "region", "endpoint")}
    asked = result.get("sandbox") is not None
    return markup.render(
        "report_head.html",
        title=title,
        word=("SANDBOX" if result["sandbox"] else "LIVE") if asked else "",
        not_aws=NOT_AWS if asked and result.get("endpoint_kind") == "other" else "",
        place={**{name.capitalize(): value for name, value in place.items()}, "Caller": result.get("caller_arn")},
        where=place_words(result.get("endpoint_kind"), **place) if asked else "",
        outcome=outcome,
        kind=_kind(result),
        reason=reason,
        nothing_asked=not asked and not result.get("targets"),
        problems=[*problems[:_MOST_PROBLEMS], *more],
        next=_NEXT.get(outcome),
        confirm=result.get("confirm"),
        facts=_facts(result, run_id),
    )


def _kind(result: Mapping[str, Any]) -> str:
    """The colour of how a run ended: that of an all-clear only where nothing is stuck, unread or left out."""
    outcome = result.get("outcome")
    if outcome in _NEXT:
        return "serious"
    if outcome == Outcome.PLANNED:
        return "neutral"
    stuck = (result.get("counts") or {}).get("stuck")
    return "" if stuck or result.get("caveat") or result.get("warnings") else "good"


def _facts(result: Mapping[str, Any], run_id: str) -> dict[str, Any]:
    parameters = result.get("parameters") or {}
    if parameters.get("plan_file"):  # the rule and the caps are the plan's
        parameters = {name: parameters.get(name) for name in ("plan_file", "ticket")}
    chosen = {name: value for name, value in parameters.items() if value not in (None, False)}
    return {
        "Ticket": parameters.get("ticket"),
        "When": " to ".join(str(result[name]) for name in ("started_at", "finished_at") if result.get(name)),
        "Run": run_id,
        "Asked for": ", ".join(f"{name} = {value}" for name, value in chosen.items() if name not in _TOLD_ELSEWHERE),
        "Plan": result.get("plan_id"),
    }


def _name(refusal: Mapping[str, Any]) -> str:
    return "/".join(str(refusal[name]) for name in ("job_id", "thing_name", "execution_number") if refusal.get(name))


def _problem(refusal: Mapping[str, Any]) -> str:
    message, about = str(refusal.get("message") or ""), _name(refusal)
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
    document, title = nbformat.read(notebook, as_version=4), heading(notebook)
    head: Markup | str = ""
    if result is not None:
        head = head_html(result, title=title, run_id=notebook.resolve().parent.name)
        _without_heading(document, title)
    page = {"policy": _POLICY, "title": title, "style": markup.style(), "head": head}
    body, _resources = exporter.from_notebook_node(document, resources=page)
    with files.replacing(report) as file:
        file.write(body.encode())


def write_page(report: Path, result: Mapping[str, Any], *, title: str, sections: Iterable[Markup]) -> None:
    """Write the report of a run from its result and the HTML of its views. Raises OSError."""
    head = head_html(result, title=title, run_id=report.resolve().parent.name)
    page = {"policy": _POLICY, "title": title, "style": markup.style(), "head": head}
    html = markup.render("report_page.html", **page, sections=[section for section in sections if section])
    with files.replacing(report) as file:
        file.write(html.encode())


def _without_heading(document: Any, title: str) -> None:
    """Take the notebook's heading out of its cells: the head of the page has it."""
    line = f"# {title}"
    cell = next((cell for cell in document.cells if cell.cell_type == "markdown" and line in cell.source), None)
    if cell is not None:
        cell.source = cell.source.replace(line, "", 1).strip()


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
