"""One execution's plan as HTML, with its marks and its sum, and what became of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from markupsafe import Markup

from iotjobs.deletion.plan import CANCEL, DELETE, Plan
from iotjobs.markup import UpdatingView, View, render, visible
from iotjobs.model import utc_text
from iotjobs.ui.banner import place_of, run_banner

if TYPE_CHECKING:
    from iotjobs.workflows.delete import Deletion

_CAUTION = "CAUTION:"


def deletion_html(deletion: Deletion, *, phrase: bool = True) -> Markup:
    """The plan; once it was carried out, first what became of it, and the plan folded below.

    With ``phrase``, and while the plan may be confirmed, the phrase that does.
    """
    if deletion.skeleton is not None:
        return Markup()
    plan = deletion.view.plan
    banner = run_banner(deletion.run)
    if plan is None:
        return render(
            "no_plan.html",
            banner=banner,
            refusals=_refusals(deletion),
            asked=deletion.request,
            reason=deletion.run.reason,
        )
    carried_out = deletion.view.result is not None and deletion.view.result.touched
    return render(
        "deletion.html",
        banner=banner,
        plan=plan_html(plan, refusals=_refusals(deletion)),
        phrase=plan.phrase if phrase and deletion.view.open else "",
        place=place_of(deletion.run),
        carried_out=carried_out,
        outcome=outcome_html(deletion) if carried_out else "",
    )


def plan_html(plan: Plan, *, refusals: dict[str, str]) -> Markup:
    """A plan: what is taken away, what speaks against it, dangers first, what follows, what is sent, the sum."""
    cautions = [words.removeprefix(_CAUTION) for words in plan.consequences if words.startswith(_CAUTION)]
    return render(
        "deletion_plan.html",
        plan=plan,
        queued=utc_text(plan.execution.queued_at),
        last_said=", ".join(f"{name}: {value}" for name, value in sorted(plan.execution.status_details.items())),
        cautions=cautions,
        consequences=[words for words in plan.consequences if not words.startswith(_CAUTION)],
        refusals=refusals,
        sum=_sum(plan),
    )


def deletion_report(deletion: Deletion) -> UpdatingView:
    """Show the plan of one execution, and what became of it once it was carried out.

    Parameters
    ----------
    deletion
        What `delete_job_execution` or `cancel_job_execution` returned.

    Returns
    -------
    UpdatingView
        Shown by Jupyter; the same as static HTML in a report. It follows the run.

    """
    view = UpdatingView(lambda: _report(deletion))
    deletion.run.listeners.append(view.refresh)
    if deletion.skeleton is not None:
        deletion.run.sections["skeleton"] = lambda: _report(deletion).html
    return view


def _report(deletion: Deletion) -> View:
    if deletion.skeleton is not None:
        text = json.dumps(deletion.skeleton, indent=4)
        return View(render("skeleton.html", text=text), text)
    outcome = deletion.run.outcome.value if deletion.run.outcome else "not planned yet"
    return View(outcome_html(deletion), visible(f"{outcome}: {deletion.run.reason}"))


def outcome_html(deletion: Deletion) -> Markup:
    """How the deletion stands, in a line."""
    outcome = deletion.run.outcome.value if deletion.run.outcome else "not planned yet"
    return render("deletion_outcome.html", outcome=outcome, reason=deletion.run.reason)


def _refusals(deletion: Deletion) -> dict[str, str]:
    return {refusal.guard: refusal.message for refusal in deletion.refusals}


def _sum(plan: Plan) -> str:
    cancel, delete = (int(operation in plan.operations) for operation in (CANCEL, DELETE))
    force = ", with force" if plan.forced else ""
    return f"Plan: {cancel} to cancel, {delete} to delete{force}."
