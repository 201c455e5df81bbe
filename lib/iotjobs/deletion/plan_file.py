"""A sweep's plan read back from its file: whole, or refused; and the one that a run directory has begun."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from iotjobs.deletion import rule, sweep_plan
from iotjobs.deletion.guards import Refusal
from iotjobs.deletion.sweep_plan import SweepPlan
from iotjobs.errors import InvalidInput, RecordError


def load(path: Path) -> tuple[SweepPlan | None, list[Refusal]]:
    """The plan of a file, or why it is refused. Raises InvalidInput for what is no plan at all."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidInput(f"plan_file {path.name} cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise InvalidInput(f"plan_file {path.name} holds no plan: it takes the plan.json of a sweep's run directory")
    edited = f"the plan in {path.name} was edited since it was made: its digest does not fit; make a new plan"
    if "digest" in document and not sweep_plan.is_whole(document):
        return None, [Refusal("plan_edited", edited)]
    plan = sweep_plan.from_document(document)
    if "digest" not in document:  # it was cut out
        return None, [Refusal("plan_edited", edited)]
    return plan, []


def tightened(
    plan: SweepPlan, *, given: Mapping[str, Any], caps: Mapping[str, Any]
) -> tuple[SweepPlan | None, list[Refusal]]:
    """A plan under the parameters that were given beside it, or why they are refused: they may only tighten it.

    ``given`` and ``caps`` hold only what was said explicitly. Raises InvalidInput.
    """
    if "thing_groups" in given:
        raise InvalidInput("thing_groups cannot be given beside plan_file: a plan names its things")
    narrower, wider = rule.narrowed(plan.rule, given)
    wider += [name for name, value in caps.items() if value > getattr(plan.caps, name)]
    if wider:
        why = f"{', '.join(sorted(wider))} would widen the plan; beside a plan parameters may only tighten it"
        return None, [Refusal("plan_loosened", f"{why}: leave them out, or make a new plan")]
    return sweep_plan.tightened(plan, narrower, replace(plan.caps, **caps)), []


def begun(directory: Path, entries: Sequence[Mapping[str, Any]]) -> SweepPlan | None:
    """The plan that the journal's entries say was begun in a run directory, None when none was.

    Raises RecordError when `plan.json` is not that plan any more.
    """
    ids = [entry["plan_id"] for entry in entries if entry["event"] == "begun"]
    if not ids:
        return None
    try:
        plan, refused = load(directory / "plan.json")
    except InvalidInput as error:
        raise RecordError(
            f"the sweep of this run directory cannot go on: {error}; look at its journal.jsonl"
        ) from error
    if plan is None or plan.plan_id != ids[-1]:
        why = refused[0].message if refused else "plan.json is another plan than the one that was begun"
        raise RecordError(f"the sweep of this run directory cannot go on: {why}; look at its journal.jsonl")
    return plan
