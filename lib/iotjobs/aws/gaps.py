"""What could not be read, with the remedy: one gap for each kind, however many things lack it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from iotjobs.errors import Denied, IotJobsError, NotFound, Throttled, about_credentials
from iotjobs.permissions import allow
from iotjobs.snapshot import Gap


def error_gap(evidence: str, error: IotJobsError, *, about: Iterable[str] = ()) -> Gap:
    """The gap that an error leaves. Raises the error where it is about the credentials: then nothing can be read."""
    denied = isinstance(error, Denied)
    if about_credentials(error):
        raise error
    return Gap(evidence, reason(error), remedy(error), frozenset(about), denied=denied)


def merged(gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    """The gaps, those of one kind drawn together, in the order in which they were met."""
    kinds: dict[tuple[str, str, str], Gap] = {}
    for gap in gaps:
        kind = (gap.evidence, gap.why, gap.remedy)
        before = kinds.get(kind)
        kinds[kind] = replace(gap, about=before.about | gap.about) if before else gap
    return tuple(kinds.values())


def reason(error: IotJobsError) -> str:
    """Why a reading failed, in so few words that a row of a table can hold them."""
    if isinstance(error, Denied) and error.action:
        return f"access denied to {error.action}"
    if isinstance(error, Throttled):
        return "AWS throttled the reading"
    return str(error)


def remedy(error: IotJobsError) -> str:
    """What makes a reading succeed that failed with this error."""
    if isinstance(error, Denied) and error.action:
        return allow(error.action)
    if isinstance(error, Throttled):
        return "run this again later, or ask for a higher quota"
    if isinstance(error, NotFound):
        return "it went away while it was read: run this again"
    return "run this again"
