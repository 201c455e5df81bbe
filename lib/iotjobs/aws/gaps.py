"""Collects what could not be read, with the remedy: one gap for each kind, however many things lack it."""

from __future__ import annotations

from collections.abc import Iterable

from iotjobs.errors import Denied, IotJobsError, NotFound, Throttled
from iotjobs.permissions import grant_of
from iotjobs.snapshot import Gap


class Gaps:
    """The gaps of one reading, as they come."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str], Gap] = {}

    def add(
        self,
        evidence: str,
        why: str,
        remedy: str,
        *,
        about: Iterable[str] = (),
        indexing_off: bool = False,
        denied: bool = False,
    ) -> None:
        """Note that evidence is missing; gaps of one kind are drawn together."""
        key = (evidence, why, remedy)
        names = frozenset(about)
        if key in self._found:
            names |= self._found[key].about
        self._found[key] = Gap(evidence, why, remedy, names, indexing_off, denied)

    def add_error(self, evidence: str, error: IotJobsError, *, about: Iterable[str] = ()) -> None:
        """Note that evidence is missing because of an error, which also tells the remedy."""
        self.add(evidence, reason(error), remedy(error), about=about, denied=isinstance(error, Denied))

    def all(self) -> tuple[Gap, ...]:
        """The gaps so far, in the order in which they were met."""
        return tuple(self._found.values())


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
        grant = grant_of(error.action)
        return f"allow {error.action} ({grant})" if grant else f"allow {error.action}"
    if isinstance(error, Throttled):
        return "run this again later, or ask for a higher quota"
    if isinstance(error, NotFound):
        return "it went away while it was read: run this again"
    return "run this again"
