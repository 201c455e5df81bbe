"""A plan put into its file and read back: whole and possible, or refused. Pure but for the file.

A document is believed only when it is exactly what the kit would write of the facts in it: its id, its phrase, its
steps and its consequences are made anew and compared.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from iotjobs import given_file, sweep_rule
from iotjobs.deletion import plan_signature
from iotjobs.deletion.caps import Caps
from iotjobs.deletion.plan import CANCEL, DELETE, KIND_CANCEL, KIND_ONE, KIND_SWEEP, SCHEMA, Plan, QueueContext
from iotjobs.deletion.refusal import Refusal
from iotjobs.deletion.sweep_plan import LeftAlone, Reading, SweepPlan, Target, removal_of
from iotjobs.errors import InvalidInput, RecordError
from iotjobs.model import EXECUTION_NUMBER_MAX, JOB_ID, NAMESPACE_ID, THING_NAME, Cause, Execution, ExecutionKey, Status

if TYPE_CHECKING:
    from iotjobs.run.directory import Session

#: Where a run directory has its plan.
NAME = "plan.json"
_TAKES = "it takes the plan.json of a run directory; make a new plan"
_ACCOUNT = re.compile(r"[0-9]{12}")
_REGION = re.compile(r"[a-z0-9-]{1,32}")
_ANY = re.compile(r"[\s\S]{0,10000}")
_OPERATIONS = ((DELETE,), (CANCEL, DELETE), (CANCEL,))


class _Plan(Protocol):
    def as_document(self) -> dict[str, Any]: ...


def save(session: Session, plan: _Plan) -> None:
    """Put a plan into its run directory, signed where there is a key, and hold it there. Raises RecordError."""
    session.write_json(NAME, plan_signature.signed(plan.as_document()))
    hold(session)


def hold(session: Session) -> None:
    """Have nothing called any more once the run directory's plan is removed or replaced. Raises RecordError."""
    session.journal.hold(session.directory.path / NAME)


def damaged(session: Session, error: InvalidInput) -> Refusal:
    """Refuse to apply what a run directory has instead of its plan. Raises RecordError where that plan was begun.

    Prevents: the phrase of a plan that somebody read applied to another one, made anew in its place.
    """
    if any(entry["event"] in ("begun", "calling") for entry in session.journal.entries):
        raise cannot_go_on(str(error)) from error
    return Refusal("plan_edited", f"the plan of this run directory was damaged since it was made: {error}")


def cannot_go_on(why: str) -> RecordError:
    """What was begun in a run directory that has lost its plan."""
    return RecordError(
        f"what was begun in this run directory cannot go on: {why}. What it did is in its journal.jsonl; put plan.json "
        "back as it was, or make a new plan in another run_dir"
    )


def left_in(session: Session) -> tuple[Plan | SweepPlan | None, list[Refusal]]:
    """The plan that an earlier run left in its directory, or why it is refused; neither where it left none.

    Raises RecordError where a plan was begun and is damaged.
    """
    path = session.directory.path / NAME
    try:
        return load(path) if path.exists() else (None, [])
    except InvalidInput as error:
        return None, [damaged(session, error)]


def load(path: Path) -> tuple[Plan | SweepPlan | None, list[Refusal]]:
    """The plan of a file, or why it is refused. Raises InvalidInput for what is no plan at all."""
    try:
        document = given_file.parse_json(given_file.read_given(path))
    except OSError as error:
        raise InvalidInput(f"plan_file {path.name} cannot be read ({error.strerror}); {_TAKES}") from error
    except ValueError as error:
        raise InvalidInput(f"plan_file {path.name} is not JSON ({error}); {_TAKES}") from error
    readers: dict[Any, Callable[[Mapping[str, Any]], Plan | SweepPlan]] = {
        KIND_ONE: _one,
        KIND_CANCEL: _one,
        KIND_SWEEP: _sweep,
    }
    kind, schema = (document.get("kind"), document.get("schema")) if isinstance(document, dict) else (None, None)
    if not isinstance(kind, str) or kind not in readers or schema != SCHEMA:
        raise InvalidInput(f"{path.name} holds no plan of schema {SCHEMA} (kind {kind!r}, schema {schema!r}); {_TAKES}")
    document, unsigned = plan_signature.take_off(document)
    if unsigned:
        return None, [
            Refusal("plan_unsigned", f"the plan in {path.name} is not taken: {unsigned}; make a new plan here")
        ]
    edited = Refusal(
        "plan_edited",
        f"the plan in {path.name} was edited since it was made, or made by another version: it does not hold together; "
        "make a new plan",
    )
    try:
        plan = readers[kind](document)
        whole = json.loads(json.dumps(plan.as_document())) == document
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError, InvalidInput):
        return None, [edited]
    return (plan, []) if whole else (None, [edited])


def _one(document: Mapping[str, Any]) -> Plan:
    return _removal(document, **_place(document), made_at=_moment(document["made_at"]))


def _sweep(document: Mapping[str, Any]) -> SweepPlan:
    reading, caps = document["reading"], document["caps"]
    bare = SweepPlan(
        **_place(document),
        made_at=_moment(document["made_at"]),
        rule=sweep_rule.from_document(document["rule"]),
        caps=Caps(_count(caps["max_deletes"]), _fraction(caps["max_fraction"])),
        reading=Reading(
            _moment(reading["as_of"]),
            _count(reading["rows"]),
            {_text(name, _ANY): _count(count) for name, count in reading["calls"].items()},
            **{name: tuple(_text(each, _ANY) for each in reading[name]) for name in ("missing", "unmatched", "moved")},
            protected=tuple(LeftAlone(_key(each), _text(each["why"], _ANY)) for each in reading["protected"]),
            protected_count=_count(reading["protected_count"]),
        ),
        job_totals={_text(job_id, JOB_ID): _count(total) for job_id, total in document["job_totals"].items()},
        targets=(),
    )
    targets = []
    for each in document["targets"]:
        removal = _removal(each, **_place(document), made_at=bare.made_at)
        cause = each["cause"] and Cause(each["cause"]).value
        targets.append(Target(removal_of(bare, removal.execution, removal.queue_context), cause))
    if len({each.key for each in targets}) != len(targets):
        raise ValueError("an execution stands twice in the plan")
    return replace(bare, targets=tuple(targets))


def _removal(document: Mapping[str, Any], **place: Any) -> Plan:
    context = dict(document["queue_context"])
    queue = tuple(_key(each) for each in context.pop("queue"))
    operations = tuple(document["operations"])
    if operations not in _OPERATIONS or not isinstance(document["force"], bool):
        raise ValueError(f"{operations} are no steps of a plan")
    namespace, expected = document["namespace_id"], document["expected_version"]
    return Plan(
        execution=Execution(
            key=_key(document),
            status=Status(document["status"]),
            queued_at=_moment(document["queued_at"]),
            version_number=_count(document["version_number"]),
            started_at=document["started_at"] and _moment(document["started_at"]),
            last_updated_at=document["last_updated_at"] and _moment(document["last_updated_at"]),
        ),
        operations=operations,
        force=document["force"],
        namespace_id=namespace if namespace is None else _text(namespace, NAMESPACE_ID),
        queue_context=QueueContext(**context, queue=queue),
        expected_version=expected if expected is None else _count(expected),
        **place,
    )


def _place(document: Mapping[str, Any]) -> dict[str, str]:
    patterns = {"account": _ACCOUNT, "region": _REGION, "endpoint": _ANY, "caller_arn": _ANY}
    place = {name: _text(document[name], pattern) for name, pattern in patterns.items()}
    return {**place, "project": _text(document.get("project", ""), _ANY)}


def _key(document: Mapping[str, Any]) -> ExecutionKey:
    number = _count(document["execution_number"])
    if not 0 < number <= EXECUTION_NUMBER_MAX:
        raise ValueError(f"{number} is no execution number")
    return ExecutionKey(_text(document["job_id"], JOB_ID), _text(document["thing_name"], THING_NAME), number)


def _text(value: Any, pattern: re.Pattern[str]) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError(f"{value!r} cannot be meant")
    return value


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value


def _fraction(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not 0 <= value <= 1:
        raise ValueError(f"{value!r} is no fraction")
    return value


def _moment(text: Any) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return moment.astimezone(UTC)
