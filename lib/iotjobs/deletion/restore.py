"""What a run removed or cancelled, and the requests that would queue it again: the nearest there is to undo.

Reads a run directory alone (`journal.jsonl`, `before.jsonl`, `jobs_before.jsonl`) and asks nothing of AWS. Only what
the journal says was really deleted, or cancelled as planned, counts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from iotjobs.aws.endpoints import partition_of
from iotjobs.deletion.create_job_requests import Request, requests
from iotjobs.deletion.plan import CANCEL, DELETE
from iotjobs.deletion.results import Sent, sent
from iotjobs.diagnosis import commands
from iotjobs.diagnosis.service_owners import owner_of
from iotjobs.errors import InvalidInput, RecordError
from iotjobs.markup import visible
from iotjobs.model import JOB_ID, THING_NAME, UNFINISHED, Identity, utc_text
from iotjobs.plurals import many
from iotjobs.run import journal
from iotjobs.run.files import make_directories, read_json, write_json
from iotjobs.snapshot import Place
from iotjobs.visible_text import visible_lines

#: What no request brings back; said with every restoration.
LOST = (
    "What cannot come back: the execution numbers and the times they were queued, the device's progress and "
    "statusDetails, the tags of the job, and the history of executions that had ended. Each device starts from the "
    "beginning; one that was IN_PROGRESS may have finished meanwhile, so ask it before you queue its job again."
)
#: The lines of a journal that say that an execution was ended, and what became of it.
_ENDED = {"verified": "deleted", "cancelled": "cancelled"}

#: The columns of a restoration's table, and their titles for a person.
_COLUMNS = {
    "job_id": "Job",
    "thing_name": "Thing",
    "execution_number": "No.",
    "queued_at": "Queued",
    "status": "Was",
    "last_updated_at": "Last report",
    "status_details": "Details",
    "became": "Became",
    "ended_at": "When",
    "again": "Queued again by",
}


@dataclass(frozen=True, slots=True)
class Restoration:
    """What was removed (`table`, a row an execution), and the requests that queue it again, with their files."""

    directory: Path
    table: pd.DataFrame
    requests: tuple[Request, ...]
    files: tuple[Path, ...]
    place: Place
    warnings: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether all that was waiting is in a request that AWS takes; what is not on record may have waited."""
        waited = self.table["status"].isin([*UNFINISHED, ""])
        return bool(self.table.loc[waited, "complete"].all())

    @property
    def commands(self) -> tuple[str, ...]:
        """The AWS CLI's commands that queue it again."""
        pairs = zip(self.requests, self.files, strict=True)
        files = [file for request, file in pairs if request.complete]
        return tuple(commands.aws(self.place, "iot", "create-job", cli_input_json=f"file://{file}") for file in files)

    def __repr__(self) -> str:
        table = self._display_table()
        rows = [] if table.empty else [table.to_string(index=False, max_colwidth=80)]
        return visible_lines("\n".join([self.headline, *rows, *map(visible, self.remarks), *self.commands]))

    @property
    def headline(self) -> str:
        """How much was removed and written, in a line."""
        if self.table.empty:
            return "This run removed nothing."
        ended = [
            f"{title}: {many(len(rows), 'execution')} of {many(rows['job_id'].nunique(), 'job')}{note}."
            for title, became, note in (("Removed", "deleted", ""), ("Cancelled", "cancelled", ", record kept"))
            if len(rows := self.table[self.table["became"] == became])
        ]
        ready = sum(request.complete for request in self.requests)
        if not ready:
            return f"{' '.join(ended)} No create-job request was written."
        return f"{' '.join(ended)} Written: {many(ready, 'create-job request')}; nothing is created until you run it."

    def _display_table(self) -> pd.DataFrame:
        table = self.table.drop(columns="complete").rename(columns=_COLUMNS).map(visible)
        empty = [title for title in ("Last report", "Details") if not table[title].astype(bool).any()]
        return table.drop(columns=empty)

    @property
    def remarks(self) -> list[str]:
        """What is to be known before it is queued again."""
        if self.table.empty:
            return list(self.warnings)
        noted = {f"{request.of_job}: {note}": None for request in self.requests for note in request.notes}
        return [*self.warnings, *noted, LOST]


def restoration(directory: Path, *, out: Path | None = None, also_ended: bool = False) -> Restoration:
    """Read what a run removed, and write the requests into `out` (default: `restore/` in the run directory).

    Executions that had ended are history: they are only queued again with `also_ended`. Raises InvalidInput where
    there is no record, RecordError where it was cut or edited.
    """
    path = directory.expanduser().resolve()
    if not (path / "result.json").exists() and not (path / "journal.jsonl").exists():
        raise InvalidInput(f"{directory} is not a run directory: it has neither result.json nor journal.jsonl")
    entries, _ = journal.read(path / "journal.jsonl")
    try:
        rows = _rows_ended(entries, _by_identity(journal.snapshots(path / "before.jsonl")))
        jobs = {str(line["job_id"]): line for line in reversed(journal.snapshots(path / "jobs_before.jsonl"))}
        requests, table = _requests_and_rows(rows, jobs, also_ended=also_ended)
    except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
        raise RecordError(f"the snapshots in {directory} hold what no run writes ({type(error).__name__})") from error
    files = _written(requests, (out.expanduser().resolve() if out else path / "restore"))
    return Restoration(
        path, _table(table), tuple(requests), files, _place(path, entries), tuple(_warnings(path, entries))
    )


def _rows_ended(
    entries: Sequence[Mapping[str, Any]], before: Mapping[Identity, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The executions that were seen to be ended, as they were before this run touched them, in that order."""
    ended = {_identity(entry): entry for entry in entries if entry["event"] in _ENDED}
    return [
        {**_row(identity, before.get(identity, {}), str(entry["at"])), "became": _ENDED[entry["event"]]}
        for identity, entry in ended.items()
    ]


def _row(identity: Identity, was: Mapping[str, Any], ended_at: str) -> dict[str, Any]:
    details = (was.get("statusDetails") or {}).get("detailsMap") or {}
    return {
        **identity.as_document(),
        "status": was.get("status", ""),
        "last_updated_at": _text_of(was.get("lastUpdatedAt")),
        "status_details": ", ".join(f"{name}: {value}" for name, value in sorted(details.items())),
        "ended_at": ended_at,
        "thing_arn": was.get("thingArn"),
    }


def _requests_and_rows(
    removed: list[dict[str, Any]], jobs: Mapping[str, Mapping[str, Any]], *, also_ended: bool
) -> tuple[list[Request], list[dict[str, Any]]]:
    all_requests: list[Request] = []
    rows: list[dict[str, Any]] = []
    stamp = _stamp(removed)
    for job_id in dict.fromkeys(row["job_id"] for row in removed):
        of_job = [row for row in removed if row["job_id"] == job_id]
        job = jobs.get(job_id)
        owner = owner_of(job_id, ((job or {}).get("job") or {}).get("namespaceId"))
        rows_again = [] if owner else [row for row in of_job if _is_to_be_restored(row, also_ended=also_ended)]
        new = list(requests(job_id, job, [row["thing_arn"] for row in rows_again], stamp=stamp, now=datetime.now(UTC)))
        all_requests += new
        rows += [_table_row(row, new, owner) for row in of_job]
    return all_requests, rows


def _is_to_be_restored(row: Mapping[str, Any], *, also_ended: bool) -> bool:
    return bool(row["thing_arn"]) and (also_ended or row["status"] in UNFINISHED)


def _table_row(row: Mapping[str, Any], requests: Sequence[Request], owner: str | None) -> dict[str, Any]:
    request = next((request for request in requests if row["thing_arn"] in request.document["targets"]), None)
    if owner:
        again = f"made by {owner}"
    elif not row["thing_arn"]:
        again = "no snapshot of it is on record"
    elif request is None:
        again = f"had ended ({row['status']}): history, not queued again"
    else:
        again = request.file_name if request.complete else f"{request.file_name}: add the document"
    return {**row, "again": again, "complete": request is not None and request.complete}


def _place(directory: Path, entries: Sequence[Mapping[str, Any]]) -> Place:
    """Where the run acted: the region of its journal; of `result.json`, where it is, the profile and the endpoint."""
    region = next((str(entry["region"]) for entry in entries if entry.get("region")), None)
    try:
        result = read_json(directory / "result.json")
        profile, endpoint = result["parameters"].get("profile"), result.get("endpoint")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Place(region=region)
    profile = profile if isinstance(profile, str) else None
    own = not isinstance(endpoint, str) or partition_of(region or "", ()).has(endpoint)
    return Place(profile, region, None if own else endpoint)


def _table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=[*_COLUMNS, "complete"])[[*_COLUMNS, "complete"]]


def _written(requests: Sequence[Request], out: Path) -> tuple[Path, ...]:
    if requests:
        try:
            make_directories(out, below=Path(out.anchor))
            for request in requests:
                write_json(out / request.file_name, request.document)
        except OSError as error:
            raise RecordError(f"the requests cannot be written to {out}: {error}") from error
    return tuple(out / request.file_name for request in requests)


def _warnings(directory: Path, entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the record leaves open: sent and not seen to be gone, or an end that was not sealed."""
    about: dict[Identity, list[Mapping[str, Any]]] = {}
    for entry in entries:
        if "queued_at" in entry:
            about.setdefault(_identity(entry), []).append(entry)
    lines = [
        f"{identity.key}: {operation} was sent, but what came of it was not seen, so it "
        "is not counted; run again with the same run_dir to settle it"
        for identity, its_entries in about.items()
        for operation in (CANCEL, DELETE)
        if sent(its_entries, operation) is not Sent.NOT and not any(entry["event"] in _ENDED for entry in its_entries)
    ]
    try:
        journal.verify(directory)
    except RecordError as error:
        lines.append(f"{error} (or the run was killed): what is missing there is missing here")
    return lines


def _by_identity(snapshots: Sequence[Mapping[str, Any]]) -> dict[Identity, Mapping[str, Any]]:
    """The first snapshot of each execution: a run that went on may have taken another after it had cancelled it."""
    return {
        Identity(
            str(was["jobId"]),
            str(was["thingArn"]).rpartition(":thing/")[2],
            int(was["executionNumber"]),
            _moment(was["queuedAt"]),
        ): was
        for was in reversed(snapshots)
    }


def _identity(entry: Mapping[str, Any]) -> Identity:
    """Whom a line of the journal is about. Raises RecordError for names that AWS could not have told."""
    try:
        identity = Identity.from_document(entry)
    except (KeyError, TypeError, ValueError) as error:
        raise RecordError(f"the journal has a line about no execution: {error}") from error
    if not JOB_ID.fullmatch(identity.job_id) or not THING_NAME.fullmatch(identity.thing_name):
        raise RecordError(f"the journal names {identity.key}, which no job and thing can be called")
    return identity


def _stamp(removed: Sequence[Mapping[str, Any]]) -> str:
    """When the run began to delete and which, `20261124-031059-1a2b`: the same run again gives the same job ids."""
    first = min((str(row["ended_at"]) for row in removed), default="")
    names = [[row[name] for name in ("job_id", "thing_name", "execution_number", "queued_at")] for row in removed]
    which = hashlib.sha256(json.dumps(sorted(names)).encode()).hexdigest()[:4]
    return f"{first.replace('-', '').replace(':', '').replace('T', '-')[:15]}-{which}"


def _text_of(seconds: float | None) -> str:
    return "" if seconds is None else utc_text(_moment(seconds))


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)
