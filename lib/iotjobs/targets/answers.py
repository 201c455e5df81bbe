"""What a task says of its target, and what the answers say of the whole fleet. Pure, and small enough to travel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from iotjobs.markup import visible
from iotjobs.model import Action, Outcome
from iotjobs.targets.engine import Failure
from iotjobs.targets.target import Target

#: Outcomes of one target after which nothing was lost and nothing is left to do for it.
GOOD = (Outcome.OK, Outcome.PLANNED, Outcome.APPLIED, Outcome.NOTHING_TO_DO)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the credentials of a target are, and where."""

    account: str
    caller_arn: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class TargetAnswer:
    """How one target's run ended.

    ``plan_id``, ``planned`` and ``action`` are those of a sweep's plan, ``place`` says whether anything there is real
    (`model.place_words`; empty: it was not asked). ``hung``: no answer came, so that it may still be at work.
    """

    name: str
    region: str
    outcome: str
    reason: str
    account: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    plan_id: str | None = None
    planned: int = 0
    device_active: bool = False
    action: str = Action.DELETE.value
    place: str = ""
    hung: bool = False

    def as_document(self) -> dict[str, Any]:
        """The answer as `result.json` holds it under `targets`."""
        return {
            "name": self.name,
            "account": self.account,
            "region": self.region,
            "outcome": self.outcome,
            "reason": self.reason,
            "counts": dict(self.counts),
        }


def failed(target: Target, failure: Failure) -> TargetAnswer:
    """The answer of a target whose task gave none."""
    return TargetAnswer(target.name, target.region, failure.outcome.value, failure.reason, hung=failure.hung)


def left_alone(target: Target, outcome: Outcome, reason: str, *, account: str | None = None) -> TargetAnswer:
    """The answer of a target for which nothing is done."""
    return TargetAnswer(target.name, target.region, outcome.value, reason, account=account)


def named(answer: TargetAnswer) -> str:
    """One line on how a target's run ended."""
    return visible(f"{answer.name}: {answer.outcome}. {answer.reason}")


def outcome_of(answers: Sequence[TargetAnswer]) -> Outcome:
    """How a fleet's run ended: `partial` when some targets failed and some did not (contract, `fleet`)."""
    outcomes = {Outcome(answer.outcome) for answer in answers}
    bad = {outcome for outcome in outcomes if outcome not in GOOD}
    if not bad:
        for outcome in (Outcome.APPLIED, Outcome.PLANNED, Outcome.OK):
            if outcome in outcomes:
                return outcome
        return Outcome.NOTHING_TO_DO
    if Outcome.INTERRUPTED in bad:
        return Outcome.INTERRUPTED
    if len(bad) == 1 and bad == outcomes:
        return next(iter(bad))
    return Outcome.PARTIAL if bad != outcomes or Outcome.PARTIAL in bad else Outcome.ERROR


def counts_of(answers: Sequence[TargetAnswer]) -> dict[str, int]:
    """The sums of the targets' counts, and how many targets did well."""
    total: Counter[str] = Counter()
    for answer in answers:
        total.update(answer.counts)
    good = sum(Outcome(answer.outcome) in GOOD for answer in answers)
    return {"targets": len(answers), "targets_failed": len(answers) - good, **total}


def reason_of(answers: Sequence[TargetAnswer]) -> str:
    """One sentence: what was found or done, and which targets failed."""
    bad = [answer for answer in answers if Outcome(answer.outcome) not in GOOD]
    named = "; ".join(f"{answer.name}: {answer.outcome}, {answer.reason}" for answer in bad[:5])
    more = f" and {len(bad) - 5} more" if len(bad) > 5 else ""  # noqa: PLR2004 - as many as a line holds
    reason = f"{len(answers) - len(bad)} of {len(answers)} targets done" + (f"; {named}{more}" if bad else "")
    return " ".join(reason.split())
