"""What to do about one execution, as a sentence: one for each cause, whatever the suggestion is called. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from iotjobs.model import Cause, Suggestion

_BY_CAUSE: dict[str, str] = {
    Cause.DEVICE_OFFLINE: "get the device back online; it then goes on by itself",
    Cause.NOT_PICKED_UP: "the device is connected but never started it: see whether its job agent runs",
    Cause.STALLED: "see what the device last said; where it cannot go on, cancel it: that frees the queue and keeps "
    "the record",
    Cause.BLOCKED: "deal with the head of the queue; the rest then follows by itself",
    Cause.WAITING_TURN: "deal with the head of the queue; the rest then follows by itself",
}
_BY_SUGGESTION: dict[str, str] = {
    Suggestion.WAIT: "wait: it goes on by itself",
    Suggestion.CONTACT_DEVICE: "have somebody look at the device",
    Suggestion.FIX_BLOCKER: "deal with the head of the queue; the rest then follows by itself",
    Suggestion.CANCEL: "cancel it; that frees the queue and keeps the record",
    Suggestion.DELETE: "delete it; it needs no force",
    Suggestion.FORCE_DELETE: "a cancel is enough to free the queue, and keeps the record; delete it with force where "
    "the record itself is unwanted",
    Suggestion.ENABLE_INDEXING: "switch fleet indexing with connectivity on, then look again",
    Suggestion.NONE: "nothing to do",
}


def advice(row: Mapping[Any, Any] | pd.Series, *, connected: bool | None) -> str:
    """What to do about an execution (DIAGNOSIS_COLUMNS); ``connected`` is whether its thing is, None where unknown."""
    if row["cause"] == Cause.WAITING_WINDOW and connected is False:
        return "wait for the window; the device is not connected, and has to be by then"
    if row["suggestion"] == Suggestion.WAIT and connected is False:
        return "wait; the device is not connected now, so see that it comes back"
    by_suggestion = _BY_SUGGESTION.get(str(row["suggestion"]), str(row["suggestion"]))
    return _BY_CAUSE.get(str(row["cause"]), by_suggestion)
