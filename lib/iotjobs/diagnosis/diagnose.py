"""From tables to causes: why each unfinished execution has not finished. Pure and vectorised.

The rules are in `causes`, in the order of the contract: the first that holds gives the cause. Where the evidence for a
rule is missing the search ends with `unknown`, since any later cause would be a guess.
"""

from __future__ import annotations

from datetime import timedelta

import pandas as pd

from iotjobs.columns import EXECUTION_COLUMNS
from iotjobs.diagnosis.causes import BY_CAUSE, CAUSE_RULES, SELF_RESOLVING, QueueRows, possible_causes
from iotjobs.diagnosis.evidence_text import sentence
from iotjobs.diagnosis.facts import EvidenceContext, facts_of
from iotjobs.diagnosis.service_owners import must_not_be_changed
from iotjobs.model import Cause, Status, Suggestion
from iotjobs.snapshot import KEY, Evidence, FleetSnapshot, last_change

__all__ = ["diagnose", "diagnose_executions", "diagnose_queues", "possible_causes"]

_ADDED = ["stuck", "cause", "evidence", "suggestion", "unblocks", "why_unknown", "verify"]
#: Evidence without which a head can be stuck or not.
_PERHAPS_SELF_RESOLVING = [
    evidence.value for evidence in Evidence if possible_causes(evidence).intersection(SELF_RESOLVING)
]
_OF_THE_JOB = [
    *("job_id", "status", "last_updated_at", "described", "is_concurrent", "force_canceled"),
    *("timeout_minutes", "scheduling", "namespace_id"),
]
_CHANGES = (Suggestion.CANCEL, Suggestion.DELETE, Suggestion.FORCE_DELETE)


def diagnose(snapshot: FleetSnapshot, *, stuck_after: timedelta) -> pd.DataFrame:
    """Give every execution of `snapshot.executions` its cause, see `diagnose_executions`."""
    return diagnose_executions(snapshot, diagnose_queues(snapshot, stuck_after=stuck_after))


def diagnose_executions(snapshot: FleetSnapshot, queues: pd.DataFrame) -> pd.DataFrame:
    """Give every execution of `snapshot.executions` its cause, evidence, suggestion, stuck and unblocks.

    ``queues`` is what `diagnose_queues` says of the same snapshot. Returns the executions table with
    DIAGNOSIS_COLUMNS added, in the same order. Finished executions have an empty cause and are not stuck. `age_s`
    counts from `queued_at`. `unblocks` is missing where the thing's queue, or the place in it, is not known.
    """
    table = snapshot.executions.astype(EXECUTION_COLUMNS).merge(queues[[*KEY, *_ADDED]], on=KEY, how="left")
    versions = snapshot.timers[[*KEY, "version_number"]].rename(columns={"version_number": "seen_version"})
    table = table.merge(versions, on=KEY, how="left")
    table["version_number"] = table["version_number"].fillna(table.pop("seen_version"))
    table.insert(
        len(snapshot.executions.columns), "age_s", _seconds_since(snapshot, table["queued_at"]).astype("Int64")
    )
    table["stuck"] = table["stuck"].astype("boolean").fillna(value=False)
    table["cause"] = table["cause"].fillna("")
    finished = table["cause"] == ""
    table["evidence"] = table["evidence"].mask(finished, "finished").fillna("")
    table["suggestion"] = table["suggestion"].fillna(Suggestion.NONE.value)
    table["unblocks"] = table["unblocks"].astype("Int64").mask(finished, 0)
    for column in ("why_unknown", "verify"):
        table[column] = table[column].fillna("")
    return table


def diagnose_queues(snapshot: FleetSnapshot, *, stuck_after: timedelta) -> pd.DataFrame:
    """Diagnose every unfinished execution of the things concerned, in the order of delivery by thing.

    Returns QUEUE_COLUMNS, `position` (1 is next or running), `head`, and DIAGNOSIS_COLUMNS.
    """
    table = _with_evidence(snapshot)
    cause = pd.Series(pd.NA, index=table.index, dtype="str")
    why_unknown = pd.Series("", index=table.index, dtype="str")
    rows = QueueRows(table, snapshot, stuck_after)
    for rule in CAUSE_RULES:
        undecided = cause.isna()
        holds, known = rule.test(rows)
        if known is not None and rule.needs is not None:
            why_unknown = why_unknown.mask(undecided & ~known, rule.needs.value)
            cause = cause.mask(undecided & ~known, Cause.UNKNOWN.value)
            holds &= known
        cause = cause.mask(undecided & holds, rule.cause.value)
    table["cause"] = cause
    table["why_unknown"] = why_unknown
    table["stuck"] = _stuck_as_its_head(table)
    table["unblocks"] = _waiting_behind(table)
    table["suggestion"] = _suggestions(table, snapshot)
    heads = {facts.thing_name: facts for facts in facts_of(table[table["head"]], as_of=snapshot.as_of)}
    context = EvidenceContext(snapshot, heads)
    facts = list(facts_of(table, as_of=snapshot.as_of))
    evidence = [sentence(one, BY_CAUSE[one.cause].because(one, context)) for one in facts]
    verify = [BY_CAUSE[one.cause].verify(snapshot.place, one) for one in facts]
    table["evidence"] = pd.Series(evidence, index=table.index, dtype="str")
    table["verify"] = pd.Series(verify, index=table.index, dtype="str")
    return table


def _with_evidence(snapshot: FleetSnapshot) -> pd.DataFrame:
    """The queues, in order of delivery, with what is known of each one's job, thing and timer beside it."""
    table = snapshot.queues.copy()
    jobs = snapshot.jobs[_OF_THE_JOB].rename(columns={"status": "job_status", "last_updated_at": "job_updated_at"})
    table = table.merge(jobs, on="job_id", how="left")
    table = table.merge(snapshot.things, on="thing_name", how="left")
    timers = snapshot.timers.drop(columns="version_number").assign(timer_read=True)
    table = table.merge(timers, on=KEY, how="left")
    for column in ("described", "timer_read", "queue_known"):
        table[column] = table[column].astype("boolean").fillna(value=False).astype(bool)
    table["running"] = (table["status"] == Status.IN_PROGRESS).astype(bool)
    order = ["thing_name", "running", "queued_at", "delivery"]
    table = table.sort_values(order, ascending=[True, False, True, True], kind="stable", ignore_index=True)
    by_thing = table.groupby("thing_name")
    table["position"] = by_thing.cumcount() + 1
    table["runs_on_thing"] = by_thing["running"].transform("sum").astype("int64")
    table["head"] = table["position"] == 1
    table["order_known"] = _order_known(table)
    table["perhaps_head"] = _perhaps_head(table)
    table["age_s"] = _seconds_since(snapshot, table["queued_at"]).astype("Int64")
    table["last_change"] = last_change(table)
    return table


def _order_known(table: pd.DataFrame) -> pd.Series:
    """Whether an execution's place among those queued in the same second is known.

    The device's own list tells it; an execution that this list leaves out comes after those it names.
    """
    queued = table[~table["running"]]
    known = pd.Series(data=True, index=table.index)
    tied = queued[queued.duplicated(["thing_name", "queued_at"], keep=False)]
    known[tied.index] = ~tied.duplicated(["thing_name", "queued_at", "delivery"], keep=False)
    return known


def _perhaps_head(table: pd.DataFrame) -> pd.Series:
    """Executions of which one is the head of its queue, and which one is not known."""
    first = table.groupby("thing_name")[["queued_at", "order_known"]].transform("first")
    return ~table["order_known"] & ~first["order_known"] & (table["queued_at"] == first["queued_at"])


def _stuck_as_its_head(table: pd.DataFrame) -> pd.Series:
    """Whether each one is stuck. Who waits its turn is so as its head is; where that is not known, nor is the rest.

    Then the cause becomes `unknown` here, for the reason for which the head's is.
    """
    stuck = ~table["cause"].isin([cause.value for cause in SELF_RESOLVING])
    heads = table.assign(stuck=stuck)[table["head"] | table["perhaps_head"]].groupby("thing_name")
    by_thing = heads.agg(any_stuck=("stuck", "any"), all_stuck=("stuck", "all"), why=("why_unknown", "first"))
    of_row = by_thing.reindex(table["thing_name"]).set_axis(table.index)
    why = of_row["why"].where(of_row["why"].isin(_PERHAPS_SELF_RESOLVING), "")
    why = why.mask(of_row["any_stuck"] & ~of_row["all_stuck"].astype(bool), Evidence.ORDER.value)
    waits = table["cause"] == Cause.WAITING_TURN
    table["why_unknown"] = table["why_unknown"].mask(waits, why)
    table["cause"] = table["cause"].mask(waits & (why != ""), Cause.UNKNOWN.value)
    return stuck.mask(waits, of_row["any_stuck"]).astype("boolean")


def _waiting_behind(table: pd.DataFrame) -> pd.Series:
    """How many executions of the thing wait behind each one: the queued ones that come after it."""
    queued = (~table["running"]).astype("int64")
    by_thing = queued.groupby(table["thing_name"])
    behind = by_thing.transform("sum") - by_thing.cumsum()
    return behind.astype("Int64").where(table["queue_known"] & (table["order_known"] | table["running"]))


def _suggestions(table: pd.DataFrame, snapshot: FleetSnapshot) -> pd.Series:
    suggestion = table["cause"].map({cause: rule.suggestion.value for cause, rule in BY_CAUSE.items()})
    waits_for_what_waits = (table["cause"] == Cause.WAITING_TURN) & ~table["stuck"].astype(bool)
    suggestion = suggestion.mask(waits_for_what_waits, Suggestion.WAIT.value)
    suggestion = suggestion.mask(_for_lack_of_index(table, snapshot), Suggestion.ENABLE_INDEXING.value)
    owned = [must_not_be_changed(*pair) for pair in zip(table["job_id"], table["namespace_id"], strict=True)]
    changed = pd.Series(owned, index=table.index, dtype=bool) & suggestion.isin(_CHANGES)
    return suggestion.mask(changed, Suggestion.NONE.value)


def _for_lack_of_index(table: pd.DataFrame, snapshot: FleetSnapshot) -> pd.Series:
    """Unknown because fleet indexing is off; not where it is on and may not be read, or does not answer."""
    gaps = [gap for gap in snapshot.gaps if gap.evidence == Evidence.CONNECTIVITY and gap.indexing_off]
    switchable = [
        why == Evidence.CONNECTIVITY and any(gap.concerns(thing_name) for gap in gaps)
        for why, thing_name in zip(table["why_unknown"], table["thing_name"], strict=True)
    ]
    return pd.Series(switchable, index=table.index, dtype=bool)


def _seconds_since(snapshot: FleetSnapshot, moments: pd.Series) -> pd.Series:
    elapsed: pd.Series = (pd.Timestamp(snapshot.as_of) - moments).dt.total_seconds()
    return elapsed // 1
