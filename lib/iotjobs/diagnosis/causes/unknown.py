"""The last cause: the evidence for another one is not to be had. Pure."""

from __future__ import annotations

from iotjobs.diagnosis import verify_commands
from iotjobs.diagnosis.causes.rule import CauseRule, QueueRows, Verdict
from iotjobs.diagnosis.commands import Place
from iotjobs.diagnosis.evidence_text import head_of_queue
from iotjobs.diagnosis.facts import EvidenceContext, Facts
from iotjobs.model import Cause, Suggestion


def _what_is_missing(place: Place, facts: Facts) -> str:
    return verify_commands.OF_EVIDENCE.get(facts.why_unknown, verify_commands.execution)(place, facts)


class Unknown(CauseRule):
    """Counted as stuck, because nobody can say that it is not."""

    cause = Cause.UNKNOWN
    stuck = "yes"
    when = "the evidence needed is not to be had: says which, and how to switch it on"
    suggestion = Suggestion.NONE
    harm = 3
    step_why = "see what could not be read"
    fill, hatch = "#a6a6a6", "xx"
    recognised_by = (
        "the columns `evidence` and `why_unknown` name what is missing; the run's warnings say it once for all."
    )
    to_do = "what the evidence says. Where fleet indexing is off the suggestion is `enable_indexing`."
    can_go_wrong = "it counts as stuck because nobody can say that it is not, and may be not."
    verify = staticmethod(_what_is_missing)

    def test(self, rows: QueueRows) -> Verdict:
        return Verdict(rows.queued | rows.running)

    def because(self, facts: Facts, context: EvidenceContext) -> str:
        gap, head, waits = context.gap(facts), context.head(facts), ""
        behind = head is not None and head.position < facts.position
        if gap is None and head is not None and behind and head.why_unknown == facts.why_unknown:
            gap = context.gap(head)
            waits = f"behind {head_of_queue(facts, context)}, of which "
        if gap is None:
            return f"{waits}{facts.why_unknown or 'the evidence needed'} could not be read"
        return f"{waits}{gap.evidence} could not be read: {gap.why}; {gap.remedy}"

    def step(self, _job_id: str, where: str) -> str:
        return f"Make the missing evidence readable: without it {where} cannot be judged"
