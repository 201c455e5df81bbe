"""Texts that a device, a name, a document or a false endpoint could send, and every view with them in every field."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd

import iotjobs
from iotjobs.columns import TEXT
from iotjobs.deletion.caps import Caps
from iotjobs.deletion.plan import QueueContext
from iotjobs.deletion.refusal import Refusal
from iotjobs.deletion.restore import restoration
from iotjobs.deletion.results import TargetResult, TargetState
from iotjobs.deletion.sweep_plan import Reading, SweepPlan, Target
from iotjobs.diagnosis.changes import Changes, compare
from iotjobs.markup import page, render
from iotjobs.model import ConnectionInfo, ExecutionKey, Outcome
from iotjobs.run.directory import RunDirectory, blank_result
from iotjobs.run.journal import Journal
from iotjobs.run.report import head_html
from iotjobs.sweep_rule import SweepRule
from iotjobs.targets.answers import TargetAnswer
from iotjobs.targets.history import HISTORY_COLUMNS
from iotjobs.targets.table import OVERVIEW_COLUMNS
from iotjobs.targets.view import FleetView
from iotjobs.ui import (
    delete_panel,
    deletion_report,
    explore,
    fleet_overview,
    fleet_report,
    sweep_panel,
    sweep_report,
    what_changed,
    what_to_do,
)
from iotjobs.ui.banner import connection_banner
from iotjobs.ui.restoration_view import restoration_view
from iotjobs.workflows.delete import Deletion
from iotjobs.workflows.delete_steps import DeletionView
from iotjobs.workflows.details import ExecutionDetails
from iotjobs.workflows.investigate import Findings
from iotjobs.workflows.sweep import Sweep
from iotjobs.workflows.sweep_state import SweepView
from tests.browser.build_findings import AS_OF, CONNECTION, build_findings
from tests.unit.build_plans import NOW, execution, plan

FOREIGN = "foreign.invalid"
PAYLOADS = {
    "image": '<img src=x onerror="window.hacked=1;alert(1)">',
    "script": "</td></pre></style></svg><script>window.hacked=1</script>",
    "svg": '<svg onload="window.hacked=1"><animate onbegin="window.hacked=1" attributeName=x dur=1s>',
    "attribute": '" onmouseover="window.hacked=1" \' autofocus onfocus=\'window.hacked=1\' x="',
    "entity": "&lt;script&gt;window.hacked=1&lt;/script&gt; &#60;b&#62;",
    "template": "{{ 7*7 }}{% include 'x' %}${7*7}",
    "frame": f'<iframe srcdoc="<script>parent.hacked=1</script>"></iframe><base href="//{FOREIGN}/">',
    "fetch": f'<img src="https://{FOREIGN}/a.png"><link rel=stylesheet href="//{FOREIGN}/b.css">',
    "style": f"<style>@import 'https://{FOREIGN}/c.css';*{{display:none}}</style>",
    "form": f'<form action="https://{FOREIGN}/"><button autofocus>Delete</button></form>',
    "refresh": f'<meta http-equiv=refresh content="0;url=https://{FOREIGN}/">',
    "link": '<a href="javascript:window.hacked=1">pump-1</a>',
    "dollars": r"$\href{javascript:window.hacked=1}{pump}$ and $$\sum x^2$$",
    "brackets": r"\(x^2\) and \[\frac{a}{b}\] \begin{equation}x\end{equation}",
    "markdown": f"![x](https://{FOREIGN}/d.png) [pump](javascript:window.hacked=1) **bold**",
    "bidi": "pump-\u202e10-elit\u202c\u2066x\u2069",
    "zero width": "pump\u200b-\u200d1\ufeff\u00ad",
    "ansi": f"\x1b[2J\x1b[31mred\x1b]8;;https://{FOREIGN}\x07link\x1b]8;;\x07",
    "c1": "\x9b31mred\x85next\x90dcs\x9c",
    "c0": "a\x00b\x07c\x08\x08d\x7f",
    "lines": "ok\rFAKE\nOutcome: applied\u2028deleted\u2029",
    "formula": f'=HYPERLINK("https://{FOREIGN}")',
    "long": "x<b>" * 250_000,
}
PAYLOADS["all"] = " ".join(text for name, text in PAYLOADS.items() if name != "long")
#: Characters that hide, move or colour what stands around them; a line break may be the kit's own.
HIDING = [chr(code) for code in (*range(9), *range(11, 32), *range(127, 160), 0xAD, *range(0x200B, 0x2010))] + [
    chr(code) for code in (*range(0x2028, 0x202F), *range(0x2060, 0x2070), 0xFEFF)
]


def findings(text: str) -> Findings:
    """An investigation in which every text of every table is this one."""
    whole = build_findings(job_id=text, thing_name=text, warnings=(text,), run_dir=text)
    for table in (whole.queues, whole.executions, whole.jobs, whole.connectivity):
        columns = {"status", "cause", "suggestion", "worst_cause", "job_status"}
        for column in table.columns:
            if str(table[column].dtype) in {TEXT, "str", "string", "object"} and column not in columns:
                table[column] = text
    earlier = whole.executions.head(0)
    changed, same, skipped = compare(earlier, whole.executions, since=AS_OF - timedelta(days=9))
    changes = Changes(changed, same, skipped, AS_OF, text, (text,))
    steps = replace(whole.steps, ranked=tuple(replace(step, what=text) for step in whole.steps.ranked))
    return replace(whole, changes=changes, connection=connection(text), steps=steps)


def connection(text: str) -> ConnectionInfo:
    """Where it was read, by the words of whoever answered."""
    return replace(
        CONNECTION, endpoint=text, caller_arn=text, profile=text, warnings=(text,), endpoint_kind="other", sandbox=False
    )


def sweep(text: str, directory: Path) -> Sweep:
    """A sweep whose plan, refusals and results have the text everywhere."""
    key = ExecutionKey(text, text, 1)
    context = QueueContext(queue=(key, ExecutionKey(text, text, 2)), queue_known=True, owner=text, abort_warning=text)
    removal = plan(replace(execution("IN_PROGRESS"), key=key), force=True, queue_context=context, caller_arn=text)
    refusal = Refusal("protected", text, key)
    whole = SweepPlan(
        rule=SweepRule(job_id=text, thing_groups=(text,), protect=(text,)),
        caps=Caps(),
        account="123456789012",
        region="eu-central-1",
        endpoint=text,
        caller_arn=text,
        made_at=NOW,
        reading=Reading(as_of=NOW, rows=1, calls={}, missing=(text,), unmatched=(text,), moved=(text,)),
        job_totals={text: 1},
        targets=(Target(removal, "stalled"),),
    )
    run = iotjobs.start("sweep", job_id="firmware", ticket=text, run_dir=str(directory))
    run.finish(Outcome.OK, reason=text, warnings=[text])
    workflow = Sweep(run)
    result = TargetResult(removal, TargetState.FAILED, text)
    workflow.view = SweepView(whole, (refusal,), (refusal,), {removal.identity: result}, {str(key): text})
    return workflow


def fleet(text: str) -> FleetView:
    """A fleet's run whose targets, reasons, jobs and runs before have the text."""
    answer = TargetAnswer(text, text, Outcome.OK, text, account=text, counts={"changes_new": 1})
    overview = pd.DataFrame([[text, text, text, text, text, 2, 1]], columns=OVERVIEW_COLUMNS)
    history = pd.DataFrame([[text, text, "ok", 1, 0, 2, 1]], columns=HISTORY_COLUMNS)
    return FleetView((answer,), overview, history, dashboard=text, refusals=(Refusal("protected", text),))


def deletion(text: str, directory: Path) -> Deletion:
    """A deletion of an execution with the text everywhere."""
    key = ExecutionKey(text, text, 1)
    context = QueueContext(owner=text, abort_warning=text, queue=(key,), queue_known=True)
    names = {"job_id": "firmware", "thing_name": "pump", "execution_number": 1}
    run = iotjobs.start("delete_job_execution", **names, ticket=text, run_dir=str(directory))
    workflow = Deletion(run)
    of = replace(execution("IN_PROGRESS"), key=key)
    workflow.view = DeletionView(
        plan(of, queue_context=context, caller_arn=text, endpoint=text), (Refusal("x", text, key),)
    )
    return workflow


def result(text: str) -> dict[str, Any]:
    """A `result.json` with the text wherever there is one."""
    refusal = {"guard": text, "message": text, "job_id": text, "thing_name": text, "execution_number": 1}
    return {
        **blank_result("sweep", AS_OF, {"ticket": text, "profile": text}),
        "outcome": "partial",
        "reason": text,
        "refusals": [refusal],
        "warnings": [text],
        "confirm": text,
        "account": text,
        "region": text,
        "endpoint": text,
        "caller_arn": text,
        "sandbox": False,
    }


def restored(text: str, directory: Path) -> Any:
    """What a run removed whose snapshots have the text."""
    run = RunDirectory.open(str(directory), notebook="sweep", started_at=AS_OF)
    run.take()
    run.write_result(result(text))
    hostile_plan = plan()
    arn = "arn:aws:iot:eu-central-1:123456789012:thing/pump-01"
    before = {"jobId": "firmware", "thingArn": arn, "executionNumber": 3, "status": "QUEUED"}
    with Journal(directory) as journal:
        journal.snapshot(
            {
                **before,
                "queuedAt": hostile_plan.execution.queued_at.timestamp(),
                "statusDetails": {"detailsMap": {text: text}},
            }
        )
        for event in ("calling", "called", "verified"):
            journal.write(event, hostile_plan.identity, operation="DeleteJobExecution", region="eu-central-1", why=text)
    run.leave()
    return restoration(directory)


def views(name: str, directory: Path) -> Iterator[tuple[str, Any]]:
    """Every view with a payload in it: HTML as a notebook shows it, or something that displays itself."""
    text = PAYLOADS[name]
    hostile_findings = findings(text)
    explorer = explore(hostile_findings)
    swept = sweep(text, directory / "sweep")
    deleted = deletion(text, directory / "delete")
    yield "explorer", explorer
    yield "explorer, static", page(explorer.static_html())
    for view in (fleet_overview, what_changed, what_to_do):
        yield view.__name__, view(hostile_findings)
    yield "banner", connection_banner(connection(text))
    details = ExecutionDetails(ExecutionKey(text, text, 1), text, {text: text}, (text,))
    yield "what the device said", page(render("details.html", details=details))
    yield "plan of a sweep", sweep_panel(swept)
    yield "report of a sweep", sweep_report(swept)
    yield "sweep", swept
    panel = delete_panel(deleted)
    yield "panel of a delete", panel
    yield "plan of a delete", page(panel.static_html())
    yield "report of a delete", deletion_report(deleted)
    yield "end of a run", swept.run.end()
    yield "report of a fleet", fleet_report(fleet(text))
    yield "report's head", page(head_html(result(text), run_id=text))
    yield "restoration", restoration_view(restored(text, directory / "restore"))


def show_all(name: str) -> None:
    """Show every view with a payload, in a notebook."""
    from IPython.display import HTML, display

    for _title, view in views(name, Path(tempfile.mkdtemp())):
        display(HTML(view) if isinstance(view, str) else view)
