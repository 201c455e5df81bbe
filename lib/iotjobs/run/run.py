"""One run of a notebook: its directory, its connection, how it ended.

`start.start` opens it in a notebook's first cell; `Run.end` is the last cell. `result.json` is written whatever the
end: first as unfinished, then by `finish`, and by a hook of IPython when any cell fails.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from iotjobs.aws import connect
from iotjobs.aws.connection import Connection
from iotjobs.errors import (
    Denied,
    Interrupted,
    InvalidInput,
    IotJobsError,
    PartlyDone,
    RecordError,
    Refused,
)
from iotjobs.markup import UpdatingView, View, render, visible
from iotjobs.model import ConnectionInfo, Outcome, utc_text
from iotjobs.parameters import Parameters
from iotjobs.project_file import Project
from iotjobs.run import cells, journal, notebooks, report
from iotjobs.run.directory import RunDirectory, Session, blank_result, ending_before
from iotjobs.run.earlier import EarlierRun, earlier_run
from iotjobs.run.files import last_result
from iotjobs.visible_text import visible_text

_ERRORS = {each.outcome: each for each in (IotJobsError, InvalidInput, PartlyDone, Denied, Refused, Interrupted)}
_PLACE = ("account", "region", "endpoint", "caller_arn", "sandbox", "endpoint_kind")
_log = logging.getLogger(__name__)
_watching: list[Run] = []


class Run:
    """One run of one notebook.

    ``parameters``: typed, and which of them were given. ``connect``: see `start`. ``earlier``: the investigation to
    compare with, if one is.
    ``project``: the project file in force.
    ``outcome`` and ``reason``: how it ended, as far as that is known. ``listeners`` are called when that changes.
    ``sections``: what its report shows below the head, by name and in order; each makes HTML of how it stands.
    ``ticket``: what the record gives as the reason, the parameter's until a person gives another in a panel.
    """

    def __init__(
        self,
        directory: RunDirectory,
        started_at: datetime,
        values: Parameters,
        connect: Callable[[], Connection] | None = None,
    ) -> None:
        self.notebook = values.notebook
        self.directory = directory
        self.started_at = started_at
        self.parameters = values
        self.earlier: EarlierRun | None = None
        self.project = Project()
        self.outcome: Outcome | None = None
        self.reason = ""
        self.connect = connect
        self._connection: Connection | None = None
        self._unwatch: Callable[[], None] | None = None
        self._cell_error = ""
        self.ticket: str | None = values.values.get("ticket")
        self.listeners: list[Callable[[], None]] = []
        self.sections: dict[str, Callable[[], Markup]] = {}
        last = last_result(directory.path)
        self._previous = ending_before(last)
        self._result = self._blank(last)
        directory.write_result(self._result)

    def _blank(self, last: Mapping[str, Any]) -> dict[str, Any]:
        """A result with what is known; a run that is killed leaves the seal of the ``last`` one."""
        parameters = self.parameters.as_document()
        if "ticket" in parameters:
            parameters["ticket"] = self.ticket
        blank = blank_result(self.notebook, self.started_at, parameters)
        where: dict[str, Any] = {}
        if self._connection is not None:
            where = {name: getattr(self._connection, name) for name in _PLACE}
        sealed = journal.sealed(last)
        about = {"reason": "", "project": self.project.as_document(), "journal": sealed, "previous": self._previous}
        return {**blank, **where, **about}

    def read_earlier(self) -> None:
        """Read the run that this one is to be compared with, before any call is made. Raises InvalidInput."""
        name = self.parameters.values.get("compare_with")
        if name is not None and self.notebook == "investigate":
            self.earlier = earlier_run(name, now=datetime.now(UTC), parameters=self.parameters.as_document())

    def require_whole_record(self) -> None:
        """Raise RecordError when the journal that lies here is not the one that the last result sealed."""
        journal.verify(self.directory.path, self._result)

    def require_something_new(self) -> None:
        """Refuse to do nothing, night after night, with the outcome `applied`: a schedule with a fixed run_dir.

        On the same day it is a retry, which may find that all is done. Raises Refused.
        """
        if self._previous is None or not self.parameters.values.get("unattended"):
            return
        ended, today = self._previous["finished_at"], utc_text(self.started_at)
        if self._previous["outcome"] == Outcome.APPLIED and ended[:10] < today[:10]:
            raise Refused(
                f"the sweep of {self.directory.path.name} ended at {ended}, and one run directory is one sweep: give "
                "each run of a schedule its own, such as runs/$(date -u +%F)-sweep; nothing was changed"
            )

    @contextmanager
    def session(self, *, needs_lock: bool = True) -> Iterator[Session]:
        """Work in the run directory, with everybody else kept out and whatever ends the work on record.

        Raises Refused before anything is touched, see `RunDirectory.exclusive`.
        """
        with (
            self.directory.holding(needs_lock=needs_lock),  # no record without the lock
            self.recorded(),
            self.directory.exclusive(needs_lock=needs_lock) as session,
        ):
            yield session

    @property
    def connection(self) -> Connection:
        """The connection to AWS, made when it is first needed. Raises InvalidInput, Denied, IotJobsError."""
        if self._connection is None:
            self._connection = (self.connect or self._connect_by_parameters)()
        return self._connection

    @property
    def connection_info(self) -> ConnectionInfo | None:
        """Where and as whom AWS was asked, as plain values; None while it has not been asked."""
        return None if self._connection is None else ConnectionInfo.of(self._connection)

    @property
    def brake_now(self) -> str | None:
        """The operation whose quota calls wait for; None while none has to, or nothing was asked."""
        return None if self._connection is None else self._connection.brake_now

    def _connect_by_parameters(self) -> Connection:
        return connect.connect(
            profile=self.parameters["profile"],
            region=self.parameters["region"],
            run_id=self.directory.path.name,
            project=self.project,
        )

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
        self.outcome, self.reason, self._cell_error = outcome, reason, ""
        self._result = {
            **self._blank(self._result),
            "outcome": outcome.value,
            "reason": reason,
            "finished_at": utc_text(datetime.now(UTC)),
            "counts": dict(counts or {}),
            "refusals": [dict(refusal) for refusal in refusals],
            "confirm": confirm,
            "warnings": [*warnings, *self._warnings_of_place()],
            "journal": self._seal(),
            "calls": self._calls(),
            **more,
        }
        self.directory.write_result(self._result)
        _log.info("result", extra={"notebook": self.notebook, "outcome": outcome.value})
        self.tell()

    def tell(self) -> None:
        """Bring the notebook's views up to date; one that cannot be is no reason to lose what was done."""
        for listener in self.listeners:
            try:
                listener()
            except Exception:  # noqa: BLE001 - a front end may have gone, and much else
                _log.exception("a view could not be brought up to date")

    def write_report(self) -> None:
        """Leave `report.html` of the run as it stands; one that cannot be made is no reason to lose what was done."""
        if os.environ.get(report.BY_RUNNER):
            return
        path = notebooks.find(self.notebook)
        title = self.notebook if path is None else notebooks.title(path)
        try:
            sections = [section() for section in self.sections.values()]
            report.write_page(self.directory.path / "report.html", self._result, title=title, sections=sections)
        except Exception:  # noqa: BLE001 - a view's error, a full disk
            _log.exception("there is no report")

    def _calls(self) -> dict[str, Any]:
        """What was asked of AWS: calls answered and throttled by operation, and whose quota was waited for longest."""
        if self._connection is None:
            return {"answered": {}, "throttled": {}, "brake": None}
        answered, throttled = dict(self._connection.calls), dict(self._connection.throttled)
        return {"answered": answered, "throttled": throttled, "brake": self._connection.brake}

    def _warnings_of_place(self) -> list[str]:
        """What the run directory and the connection have to say, whatever the run does."""
        return [*self.directory.warnings, *(self._connection.warnings if self._connection else ())]

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
        last = last_result(self.directory.path)
        try:
            journal.verify(self.directory.path, last)
        except RecordError:
            return journal.sealed(last)
        return journal.seal(self.directory.path)

    def end(self) -> UpdatingView:
        """Close the notebook: raise why when the outcome is a failure, else show where the files lie.

        While a panel's work goes on nothing is closed: then it says so. Where a person works with a panel, a failure is
        shown and not raised, since the panel may go on; what is shown then follows it.
        """
        if self.directory.busy:
            return self._ending()
        if self.outcome is None:
            self.finish(Outcome.ERROR, reason="the notebook ended before it did anything")
        assert self.outcome is not None  # noqa: S101 - for the type checker
        if self._cell_error:  # the notebook went on to its end: what failed was no step of it
            self._result["warnings"] = [*self._result["warnings"], f"a cell failed: {self._cell_error}"]
            self.directory.write_result(self._result)
        self.write_report()
        self.unwatch_cells()
        self.directory.leave()
        if self.outcome.exit_code and not (self.listeners and cells.are_a_persons()):
            raise _ERRORS[self.outcome](self.reason or self.outcome.value)
        self.listeners.append(self.write_report)  # a panel may go on
        return self._ending()

    def _ending(self) -> UpdatingView:
        view = UpdatingView(lambda: _ending_view(self))
        self.listeners.append(view.refresh)
        return view

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
        outcome, reason = _ending_of(error)
        if (self.outcome, self.reason) == (outcome, reason):
            return
        details = {name: self._result[name] for name in ("counts", "refusals", "warnings")}
        details["warnings"] = [warning for warning in details["warnings"] if warning not in self._warnings_of_place()]
        if self._result["finished_at"] is None:  # they say that it has not ended
            details["warnings"] = []
        if isinstance(error, Refused) and error.guard:
            about = dict.fromkeys(("job_id", "thing_name", "execution_number"))
            details["refusals"] = [{"guard": error.guard, "message": reason, **about}]
        self.finish(outcome, reason=reason, **details)
        self.write_report()

    def cell_failed(self, error: BaseException) -> None:
        """Write down that a cell failed, which may be a person's own: it changes nothing that the run has done.

        The first failure stays, since what comes after it may follow from it. What was changed in AWS stays told.
        Otherwise the run has failed until it goes on, or its last cell says that it has ended well after all.
        """
        if self.directory.busy or (self.outcome is not None and self.outcome.exit_code):
            return
        if self.outcome is None:
            self.failed(error)
            return
        outcome, reason = _ending_of(error)
        self._cell_error = reason
        if self.outcome is not Outcome.APPLIED:
            self.directory.write_result({**self._result, "outcome": outcome.value, "reason": reason, "confirm": None})

    def watch_cells(self) -> None:
        """Have IPython tell when a cell fails, so that `result.json` says so."""
        for earlier in _watching:  # a notebook run again from its top: the new run answers for what fails now
            earlier.unwatch_cells()
        self._unwatch = cells.on_failure(self.cell_failed)
        _watching[:] = [self]

    def unwatch_cells(self) -> None:
        """Leave the record as it is from here on, whatever other cells do."""
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None


def _ending_of(error: BaseException) -> tuple[Outcome, str]:
    """The outcome that an error ends a run with, and its words."""
    if isinstance(error, IotJobsError):
        return error.outcome, str(error)
    outcome = Outcome.INTERRUPTED if isinstance(error, KeyboardInterrupt) else Outcome.ERROR
    return outcome, visible_text(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)


def _ending_view(run: Run) -> View:
    """The closing line of a run, as text and as HTML."""
    outcome = run.outcome.value if run.outcome else "not ended"
    at_work = "A panel of this notebook is still at work." if run.directory.busy else ""
    directory = run.directory.display_path
    html = render("ending.html", outcome=outcome, reason=run.reason, at_work=at_work, directory=directory)
    text = f"Outcome: {outcome}. {run.reason} {at_work}".strip()
    return View(html, f"{visible(text)}\nFiles: {visible(directory)}")
