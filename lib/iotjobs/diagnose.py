"""From tables to causes: why each unfinished execution has not finished. Pure and vectorised.

The rules stand in `_rules`, in the order of the contract: the first that holds gives the cause. Where the
evidence for a rule is missing the search ends with `unknown`, since any later cause would be a guess.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pandas as pd

from iotjobs import windows
from iotjobs.domain import ENDED_JOBS, Cause, JobStatus, Status, Suggestion
from iotjobs.owners import owner_of
from iotjobs.picture import KEY, Picture
from iotjobs.wording import describe_evidence

NOT_STUCK = (Cause.RETRYING, Cause.FRESH, Cause.WAITING_WINDOW, Cause.TIMEOUT_PENDING)

_SUGGESTIONS = {
    Cause.THING_GONE: Suggestion.FORCE_DELETE,
    Cause.ORPHANED: Suggestion.FORCE_DELETE,
    Cause.RETRYING: Suggestion.WAIT,
    Cause.FRESH: Suggestion.WAIT,
    Cause.WAITING_WINDOW: Suggestion.WAIT,
    Cause.TIMEOUT_PENDING: Suggestion.WAIT,
    Cause.DEVICE_OFFLINE: Suggestion.CONTACT_DEVICE,
    Cause.STALLED: Suggestion.CANCEL,
    Cause.BLOCKED: Suggestion.FIX_BLOCKER,
    Cause.WAITING_TURN: Suggestion.FIX_BLOCKER,
    Cause.NOT_PICKED_UP: Suggestion.CONTACT_DEVICE,
    Cause.UNKNOWN: Suggestion.NONE,
}

_CHANGES = (Suggestion.CANCEL, Suggestion.DELETE, Suggestion.FORCE_DELETE)


def diagnose(picture: Picture, *, stuck_after: timedelta) -> pd.DataFrame:
    """Give every execution of `picture.executions` its cause, evidence, suggestion, stuck and unblocks.

    Returns the executions table with DIAGNOSIS_COLUMNS added, in the same order. Finished executions have an
    empty cause and are not stuck. `age_s` counts from `queued_at`.
    """
    unfinished = diagnose_queues(picture, stuck_after=stuck_after)
    found = unfinished[[*KEY, "stuck", "cause", "evidence", "suggestion", "unblocks"]]
    table = picture.executions.merge(found, on=KEY, how="left")
    seen = picture.timers[[*KEY, "version_number"]].rename(columns={"version_number": "seen_version"})
    table = table.merge(seen, on=KEY, how="left")
    table["version_number"] = table["version_number"].fillna(table.pop("seen_version"))
    table["age_s"] = _seconds_since(picture, table["queued_at"]).astype("Int64")
    table["stuck"] = table["stuck"].astype("boolean").fillna(value=False)
    table["cause"] = table["cause"].fillna("")
    finished = table["cause"] == ""
    table["evidence"] = table["evidence"].mask(finished, "finished").fillna("")
    table["suggestion"] = table["suggestion"].fillna(Suggestion.NONE.value)
    table["unblocks"] = table["unblocks"].astype("Int64").mask(finished, 0)
    return table


def diagnose_queues(picture: Picture, *, stuck_after: timedelta) -> pd.DataFrame:
    """Diagnose every unfinished execution of the things concerned, in the order of delivery by thing.

    Returns QUEUE_COLUMNS, `position` (1 is next or running), `head`, and DIAGNOSIS_COLUMNS.
    """
    table = _with_evidence(picture)
    cause = pd.Series(pd.NA, index=table.index, dtype="str")
    why_unknown = pd.Series("", index=table.index, dtype="str")
    for name, holds, known, missing in _rules(table, picture, stuck_after):
        open_rows = cause.isna()
        why_unknown = why_unknown.mask(open_rows & ~known, missing)
        cause = cause.mask(open_rows & ~known, Cause.UNKNOWN.value)
        cause = cause.mask(open_rows & known & holds, name.value)
    table["cause"] = cause.fillna(Cause.UNKNOWN.value)
    table["why_unknown"] = why_unknown
    table["stuck"] = ~table["cause"].isin([cause.value for cause in NOT_STUCK])
    head_stuck = table["thing_name"].map(table[table["head"]].set_index("thing_name")["stuck"])
    waits = table["cause"] == Cause.WAITING_TURN
    table["stuck"] = table["stuck"].mask(waits, head_stuck.fillna(value=True).astype(bool)).astype("boolean")
    table["unblocks"] = _waiting_behind(table)
    table["suggestion"] = _suggestions(table)
    table["evidence"] = describe_evidence(table, picture)
    return table


def _with_evidence(picture: Picture) -> pd.DataFrame:
    """The queues, in order of delivery, with what is known of each one's job, thing and timer beside it."""
    table = picture.queues.copy()
    jobs = picture.jobs[["job_id", "status", "described", "timeout_minutes", "scheduling", "namespace_id"]].rename(
        columns={"status": "job_status"}
    )
    table = table.merge(jobs, on="job_id", how="left")
    table = table.merge(picture.things, on="thing_name", how="left")
    timers = picture.timers.drop(columns="version_number").assign(timer_known=True)
    table = table.merge(timers, on=KEY, how="left")
    for column in ("described", "timer_known", "queue_known"):
        table[column] = table[column].astype("boolean").fillna(value=False).astype(bool)
    table["running"] = table["status"] == Status.IN_PROGRESS
    order = ["thing_name", "running", "queued_at", "delivery"]
    table = table.sort_values(order, ascending=[True, False, True, True], kind="stable", ignore_index=True)
    table["position"] = table.groupby("thing_name").cumcount() + 1
    table["blocked_by_running"] = table.groupby("thing_name")["running"].transform("any") & ~table["running"]
    table["head"] = table["position"] == 1
    table["age_s"] = _seconds_since(picture, table["queued_at"]).astype("Int64")
    table["last_change"] = table[["queued_at", "started_at", "last_updated_at"]].max(axis=1)
    return table


Rule = tuple[Cause, pd.Series, pd.Series, str]


def _rules(table: pd.DataFrame, picture: Picture, stuck_after: timedelta) -> Iterator[Rule]:
    """Yield each cause with where it holds, where that is known, and what is missing where it is not."""
    always = pd.Series(data=True, index=table.index)
    queued, running = ~table["running"], table["running"]
    since_queued = pd.Timestamp(picture.as_of) - table["queued_at"]
    since_change = pd.Timestamp(picture.as_of) - table["last_change"]
    yield Cause.THING_GONE, table["exists"].eq(other=False).fillna(value=False).astype(bool), always, ""
    job_status = table["job_status"]
    yield Cause.ORPHANED, job_status.isin(ENDED_JOBS), job_status.notna(), "the job's status"
    retries = table["retry_attempt"].fillna(0) > 0
    yield Cause.RETRYING, queued & retries.astype(bool) & (since_queued < stuck_after), always, ""
    yield Cause.FRESH, since_change < stuck_after, always, ""
    waiting, readable = _waiting_for_window(table, picture)
    yield Cause.WAITING_WINDOW, waiting, readable, "the job's schedule"
    job_timer = table["timeout_minutes"].notna()
    step_timer = table["seconds_left"].notna()
    timer_known = queued | table["timer_known"] | job_timer
    yield Cause.TIMEOUT_PENDING, running & (job_timer | step_timer), timer_known, "the execution's timer"
    connected = table["connected"]
    offline = connected.eq(other=False).fillna(value=False).astype(bool)
    yield Cause.DEVICE_OFFLINE, offline, connected.notna(), "the device's connectivity"
    yield Cause.STALLED, running, always, ""
    queue_known = table["queue_known"]
    yield Cause.BLOCKED, queued & table["blocked_by_running"], queue_known, "the thing's queue"
    yield Cause.WAITING_TURN, queued & ~table["head"], queue_known, "the thing's queue"
    yield Cause.NOT_PICKED_UP, queued, always, ""


def _waiting_for_window(table: pd.DataFrame, picture: Picture) -> tuple[pd.Series, pd.Series]:
    """Where the job waits for its window or start time, and where its schedule could be read."""
    waiting = table["job_status"].eq(JobStatus.SCHEDULED.value).fillna(value=False).astype(bool)
    readable = table["described"] | waiting
    scheduled = table["scheduling"].map(windows.is_scheduled).astype(bool) & ~waiting
    unopened, unreadable = [], []
    for row, fact in table.loc[scheduled, ["scheduling", "queued_at"]].to_dict("index").items():
        try:
            if not windows.has_opened(fact["scheduling"], queued_at=fact["queued_at"], as_of=picture.as_of):
                unopened.append(row)
        except windows.UnreadableSchedule:
            unreadable.append(row)
    waiting |= waiting.index.isin(unopened)
    readable &= ~readable.index.isin(unreadable)
    return waiting, readable


def _waiting_behind(table: pd.DataFrame) -> pd.Series:
    """How many executions of the thing wait behind each one: the queued ones that come after it."""
    queued = (~table["running"]).astype(int)
    by_thing = queued.groupby(table["thing_name"])
    behind = by_thing.transform("sum") - by_thing.cumsum()
    return behind.astype("Int64").where(table["queue_known"])


def _suggestions(table: pd.DataFrame) -> pd.Series:
    suggestion = table["cause"].map({cause.value: word.value for cause, word in _SUGGESTIONS.items()})
    calm_turn = (table["cause"] == Cause.WAITING_TURN) & ~table["stuck"].astype(bool)
    suggestion = suggestion.mask(calm_turn, Suggestion.WAIT.value)
    no_index = (table["cause"] == Cause.UNKNOWN) & (table["why_unknown"] == "the device's connectivity")
    suggestion = suggestion.mask(no_index, Suggestion.ENABLE_INDEXING.value)
    owned = pd.Series(
        [owner_of(*pair) is not None for pair in zip(table["job_id"], table["namespace_id"], strict=True)],
        index=table.index,
        dtype=bool,
    )
    return suggestion.mask(owned & suggestion.isin(_CHANGES), Suggestion.NONE.value)


def _seconds_since(picture: Picture, moments: pd.Series) -> pd.Series:
    elapsed: pd.Series = (pd.Timestamp(picture.as_of) - moments).dt.total_seconds()
    return elapsed // 1
