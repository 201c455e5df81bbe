"""One run of a notebook: its directory, its connection, how it ended.

`start` opens it in a notebook's first cell; `Run.end` is the last cell. `result.json` is written whatever the
end: first as unfinished, then by `finish`, and by a hook of IPython when any cell fails.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from iotjobs import parameters
from iotjobs.aws import connection as aws
from iotjobs.errors import (
    Denied,
    Interrupted,
    InvalidInput,
    IotJobsError,
    PartlyDone,
    RecordError,
    Refused,
)
from iotjobs.model import Outcome, utc_text
from iotjobs.run import journal
from iotjobs.run.directory import RunDirectory, blank_result
from iotjobs.run.earlier import earlier_run

_ERRORS: dict[Outcome, type[IotJobsError]] = {
    Outcome.ERROR: IotJobsError,
    Outcome.INVALID: InvalidInput,
    Outcome.PARTIAL: PartlyDone,
    Outcome.DENIED: Denied,
    Outcome.REFUSED: Refused,
    Outcome.INTERRUPTED: Interrupted,
}


_PLACE = ("account", "region", "endpoint", "caller_arn", "sandbox")
_watching: list[Run] = []


def start(notebook: str, *, profile: Any = None, region: Any = None, run_dir: Any = None, **given: Any) -> Run:
    """Open the run directory and keep the parameters; nothing is asked of AWS yet.

    Raises InvalidInput, Refused when another run is at work in the directory, and RecordError when the journal that
    lies there was cut or edited.
    """
    started_at = datetime.now(UTC)
    directory = RunDirectory.open(run_dir, notebook=notebook, started_at=started_at)
    directory.hold()
    run = Run(notebook, directory, started_at, {**given, "profile": profile, "region": region})
    run.watch_cells()
    try:
        unknown = parameters.mistyped(_cells_run())
        if unknown:
            raise InvalidInput(f"there is no parameter {', '.join(sorted(unknown))} in {notebook}; mistyped?")  # noqa: TRY301
        _check_early({**given, "profile": profile, "region": region})
        journal.verify(directory.path)
    except (InvalidInput, RecordError) as error:
        run.failed(error)
        raise
    return run


def _check_early(given: Mapping[str, Any]) -> None:
    """Refuse what can be known to be wrong before any call; a missing value is the notebook's to judge."""
    if given.get("generate_cli_skeleton") in ("", "input"):
        return  # the reference prints it whatever else is given
    checks: dict[str, Callable[[Any], Any]] = {
        "job_id": parameters.job_id,
        "thing_name": parameters.thing_name,
        "execution_number": parameters.execution_number,
        "stuck_after": lambda value: parameters.duration(value, name="stuck_after"),
        "statuses": parameters.statuses,
        "older_than": lambda value: parameters.duration(value, name="older_than"),
        "max_deletes": lambda value: parameters.count(value, name="max_deletes"),
        "max_fraction": lambda value: parameters.fraction(value, name="max_fraction"),
        "profile": lambda value: parameters.text(value, name="profile"),
        "region": lambda value: parameters.text(value, name="region"),
    }
    for name, check in checks.items():
        if given.get(name) is not None:
            check(given[name])
    if given.get("compare_with") is not None:
        earlier_run(given["compare_with"], now=datetime.now(UTC), given=given)


class Run:
    """One run of one notebook."""

    def __init__(self, notebook: str, directory: RunDirectory, started_at: datetime, given: Mapping[str, Any]) -> None:
        self.notebook = notebook
        self.directory = directory
        self.started_at = started_at
        self.outcome: Outcome | None = None
        self.reason = ""
        self._profile = given.get("profile")
        self._region = given.get("region")
        self._connection: aws.Connection | None = None
        self._unwatch: Callable[[], None] | None = None
        self._result = blank_result(notebook, started_at, {name: _plain(value) for name, value in given.items()})
        self._result["journal"] = journal.sealed(directory.path)  # a run that is killed leaves the earlier seal
        directory.write_result(self._result)

    @property
    def connection(self) -> aws.Connection:
        """The connection to AWS, made when it is first needed. Raises InvalidInput, Denied, IotJobsError."""
        if self._connection is None:
            self._connection = aws.connect(
                profile=parameters.text(self._profile, name="profile"),
                region=parameters.text(self._region, name="region"),
                run_id=self.directory.path.name,
            )
        return self._connection

    def reconnect(self) -> None:
        """Forget the connection, so that fresh credentials are read when it is next needed."""
        self._connection = None

    def finish(
        self,
        outcome: Outcome,
        *,
        reason: str = "",
        counts: Mapping[str, int] | None = None,
        refusals: Sequence[Mapping[str, Any]] = (),
        confirm: str | None = None,
        warnings: Sequence[str] = (),
        **more: Any,
    ) -> None:
        """Say how the run ended and write it down; said again when a person goes on in the notebook."""
        self.outcome, self.reason = outcome, reason
        where: dict[str, Any] = {}
        if self._connection is not None:
            where = {name: getattr(self._connection, name) for name in _PLACE}
        self._result |= {
            **where,
            "outcome": outcome.value,
            "reason": reason,
            "finished_at": utc_text(datetime.now(UTC)),
            "counts": dict(counts or {}),
            "refusals": [dict(refusal) for refusal in refusals],
            "confirm": confirm,
            "warnings": list(warnings),
            "journal": self._seal(),
            **more,
        }
        self.directory.write_result(self._result)

    def note(self, *, counts: Mapping[str, int]) -> None:
        """Write down how far a run is that changes things: from its first call on it is no plan any more."""
        self._result |= {
            "outcome": Outcome.ERROR.value,
            "reason": "",
            "finished_at": None,
            "counts": dict(counts),
            "confirm": None,
            "refusals": [],
            "warnings": ["this run has not ended; what it did is in journal.jsonl"],
        }
        self.directory.write_result(self._result)

    def _seal(self) -> dict[str, Any] | None:
        """The journal's seal; the earlier one stays where the journal contradicts it, as the proof."""
        try:
            journal.verify(self.directory.path)
        except RecordError:
            return journal.sealed(self.directory.path)
        return journal.seal(self.directory.path)

    def said_explicitly(self, given: Mapping[str, Any], defaults: Mapping[str, Any]) -> set[str]:
        """The parameters that somebody gave: those that differ from their defaults, and those that papermill injected.

        A cap that was given as what happens to be its default was given all the same.
        """
        differing = {name for name, value in given.items() if value is not None and value != defaults.get(name)}
        return differing | (parameters.injected(_cells_run()) & set(given))

    def end(self) -> Ending:
        """Close the notebook: raise why when the outcome is a failure, else show where the files lie."""
        if self.outcome is None:
            self.finish(Outcome.ERROR, reason="the notebook ended before it did anything")
        self.unwatch_cells()
        self.directory.release()
        assert self.outcome is not None  # noqa: S101 - for the type checker
        if self.outcome.exit_code:
            raise _ERRORS[self.outcome](self.reason or self.outcome.value)
        return Ending(self)

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """Write down what ends the work, also where no cell fails by it: in a panel, in a script."""
        try:
            yield
        except BaseException as error:
            self.failed(error)
            raise

    def failed(self, error: BaseException) -> None:
        """Write down that an error ended the run."""
        if isinstance(error, IotJobsError):
            outcome, reason = error.outcome, str(error)
        else:
            outcome = Outcome.INTERRUPTED if isinstance(error, KeyboardInterrupt) else Outcome.ERROR
            reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        if (self.outcome, self.reason) == (outcome, reason):
            return
        kept = {name: self._result[name] for name in ("counts", "refusals", "warnings")}
        if self._result["finished_at"] is None:  # they say that it has not ended
            kept["warnings"] = []
        self.finish(outcome, reason=reason, **kept)

    def watch_cells(self) -> None:
        """Have IPython tell when a cell fails, so that `result.json` says so."""
        from IPython import get_ipython  # noqa: PLC0415 - the library works without IPython

        shell = get_ipython()
        if shell is None:
            return

        def after_cell(result: Any) -> None:
            error = result.error_in_exec or result.error_before_exec
            if error is not None:
                self.failed(error)

        for earlier in _watching:  # a notebook run again from its top: the new run answers for what fails now
            earlier.unwatch_cells()
        shell.events.register("post_run_cell", after_cell)
        self._unwatch = lambda: shell.events.unregister("post_run_cell", after_cell)
        _watching[:] = [self]

    def unwatch_cells(self) -> None:
        """Leave the record as it is from here on, whatever other cells do."""
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None


def _cells_run() -> list[str]:
    """The sources of the cells that this kernel has run, oldest first; none outside of IPython."""
    from IPython import get_ipython  # noqa: PLC0415 - the library works without IPython

    shell = get_ipython()
    return [str(source) for source in getattr(shell, "user_ns", {}).get("In", [])]


class Ending:
    """The closing line of a run, as text and as HTML."""

    def __init__(self, run: Run) -> None:
        outcome = run.outcome.value if run.outcome else ""
        self._text = f"Outcome: {outcome}. {run.reason}".strip() + f"\nFiles: {run.directory.path.name}"

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self._text).replace(chr(10), '<br>')}</p>"


def _plain(value: Any) -> Any:
    """A parameter as JSON can hold it: NaN and infinities are not JSON."""
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value
