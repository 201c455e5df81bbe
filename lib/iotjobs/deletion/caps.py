"""The caps of a sweep: how many executions it may take, in all and of each job, and who set them. Pure.

The tightest value holds, whoever set it: the parameters, the plan, or the project file, which no parameter can raise.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from iotjobs.plurals import many
from iotjobs.project_file import Project

NAMES = ("max_deletes", "max_fraction")


@dataclass(frozen=True, slots=True)
class Caps:
    """How many executions a plan may have: in all, and as a fraction of each job's executions."""

    max_deletes: int = 25
    max_fraction: float = 0.1


@dataclass(frozen=True, slots=True)
class Cap:
    """One cap in force: its ``value``, and its ``source`` in words.

    ``most``: the most that a parameter can set it to, by the project ``file``; None where there is no such ceiling.
    """

    name: str
    value: float
    source: str
    most: float | None = None
    file: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({_digits(self.value)}, {self.source})"


@dataclass(frozen=True, slots=True)
class Exceeded:
    """A cap that a number of executions exceeds, of a job where it is about one.

    ``needed``: the value with which it would not; None where a job has fewer executions than are to be taken.
    """

    cap: Cap
    what: str
    needed: str | None
    job_id: str | None = None

    def __str__(self) -> str:
        remedy = (
            f"Narrow the rule, or plan again with {self.cap.name} of at least {self.needed} if all of them are meant"
        )
        return f"the rule matches {self.what}, more than {self.cap}: nothing is done. {self._hopeless or remedy}"

    @property
    def beside_a_command(self) -> str:
        """The same beside a command that was printed without the cap, with the option that it would need."""
        option = f"--{self.cap.name.replace('_', '-')} {self.needed}"
        remedy = f"If all of them are meant, add {option}"
        return f"As it stands it would be refused: {self.what} are more than {self.cap}. {self._hopeless or remedy}."

    @property
    def _hopeless(self) -> str:
        """Why no parameter helps; empty where one does."""
        cap = self.cap
        if self.needed is None:
            return "Look again: there are fewer executions now than the plan has"
        if cap.most is None or float(self.needed) <= cap.most:
            return ""
        return f"No parameter can raise it over {_digits(cap.most)}, as {cap.file} says: narrow the rule"


@dataclass(frozen=True, slots=True)
class CapsInForce:
    """The tightest of all the caps that were set, each by itself."""

    max_deletes: Cap
    max_fraction: Cap

    @classmethod
    def by_default(cls, project: Project | None = None) -> CapsInForce:
        """Those of somebody who says nothing about them."""
        return in_force(asdict(Caps()), (), project or Project())

    @property
    def values(self) -> Caps:
        """Their values, as a plan has them."""
        return Caps(int(self.max_deletes.value), self.max_fraction.value)

    def exceeded_by(self, count: int, of_jobs: Iterable[tuple[str, int, int]] = ()) -> list[Exceeded]:
        """Which caps so many executions exceed; ``of_jobs``: each job with how many of it, and how many it has."""
        most, fraction, exceeded = self.max_deletes, self.max_fraction, []
        if count > most.value:
            exceeded.append(Exceeded(most, many(count, "execution"), str(count)))
        for job_id, mine, total in of_jobs:
            if mine > fraction.value * total + 1e-9:  # a tenth of ten is one, in floats too
                of_all = f"{mine} of the {many(total, 'execution')} of job {job_id}"
                exceeded.append(Exceeded(fraction, of_all, fraction_for(mine, total), job_id))
        return exceeded


def in_force(
    parameters: Mapping[str, Any], given: Collection[str], project: Project, *, plan: Caps | None = None
) -> CapsInForce:
    """The caps that hold: of a ``plan`` its own, which its phrase binds, and with it only parameters that were given.

    ``given`` names the parameters that somebody gave. What the project file says holds over all.
    """
    return CapsInForce(*(_tightest(name, parameters, given, project, plan) for name in NAMES))


def fraction_for(count: int, total: int) -> str | None:
    """The least fraction, to two digits, that lets so many of a job's executions pass; None where there is none."""
    if count > total:
        return None
    digits = 2 - math.ceil(math.log10(count / total)) if count else 0
    return _digits(min(math.ceil(round(count / total * 10**digits, 6)) / 10**digits, 1))


def _digits(value: float) -> str:
    """A number as a parameter takes it: no exponent."""
    return f"{value:.12f}".rstrip("0").rstrip(".")


def _tightest(
    name: str, parameters: Mapping[str, Any], given: Collection[str], project: Project, plan: Caps | None
) -> Cap:
    most = getattr(project, name)
    values = [(most, f"of {project.file}")] if most is not None else []
    if name in given:
        values.append((parameters[name], "as given"))
    elif plan is None:
        values.append((parameters[name], "the default"))
    if plan is not None:
        of_plan = getattr(plan, name)
        values.append((of_plan, "the default" if of_plan == getattr(Caps(), name) else "of the plan"))
    value, source = min(values, key=lambda each: each[0])
    return Cap(name, value, source, most, project.file)
