"""An earlier investigation, read back from its run directory to be compared with."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from iotjobs import parameter_values
from iotjobs.columns import COUNT, TIME
from iotjobs.diagnosis.changes import COMPARED
from iotjobs.errors import InvalidInput
from iotjobs.run import files

#: The parameters that decide what an investigation reads and calls stuck, with their defaults.
_SCOPE = {"job_id": None, "thing_name": None, "statuses": None, "stuck_after": "24h"}
_TIMES = ("queued_at", "last_updated_at")
_NOTEBOOK = "investigate"
_MOST_ROWS = 5_000_000
_MOST_UNPACKED = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """What an earlier run found, and where, when and with what parameters it looked.

    ``executions`` has `changes.COMPARED`. ``warnings`` say what makes it less than whole.
    """

    name: str
    executions: pd.DataFrame
    started_at: datetime
    account: str
    region: str
    endpoint: str
    parameters: Mapping[str, Any]
    warnings: tuple[str, ...]

    def differences(self, parameters: Mapping[str, Any]) -> tuple[str, ...]:
        """How this run's parameters differ from the earlier one's, as sentences."""
        sentences = []
        for name, default in _SCOPE.items():
            then, this = self.parameters.get(name, default), parameters.get(name, default)
            if then != this:
                what = "what counts as stuck differs" if name == "stuck_after" else "only what both read is compared"
                sentences.append(f"the earlier run had {name} = {then!r}, this one has {this!r}; {what}")
        return tuple(sentences)

    def require_same_place(self, *, account: str, region: str) -> None:
        """Refuse to compare with a run of another account or region. Raises InvalidInput."""
        if (self.account, self.region) != (account, region):
            raise InvalidInput(
                f"compare_with: {self.name} is of account {self.account}, region {self.region}, and this run of "
                f"account {account}, region {region}; name a run of the same account and region"
            )


def earlier_run(directory: Any, *, now: datetime, parameters: Mapping[str, Any]) -> EarlierRun:
    """Read an earlier investigation from its run directory; asks nothing of AWS.

    ``now`` is the present moment, ``parameters`` this run's parameters. Raises InvalidInput for what is not the
    directory of an investigation that ended before now, or cannot share an execution with this one.
    """
    path = _directory(directory)
    result = _result(path)
    started_at = _moment(result, path, now)
    executions, warnings = _executions(path, result)
    run = EarlierRun(
        name=path.name,
        executions=executions,
        started_at=started_at,
        account=str(result.get("account")),
        region=str(result.get("region")),
        endpoint=str(result.get("endpoint")),
        parameters=result.get("parameters") or {},
        warnings=warnings,
    )
    for name in ("job_id", "thing_name"):
        then, this = run.parameters.get(name), parameters.get(name)
        if then is not None and this is not None and then != this:
            raise InvalidInput(
                f"compare_with: the earlier run looked at {name} {then} only and this one at {this}: they have no "
                "execution in common"
            )
    return run


def _directory(value: Any) -> Path:
    text = parameter_values.text(value, name="compare_with")
    if text is None or not text.strip():
        raise InvalidInput(f"compare_with is {value!r}; it takes the run directory of an earlier investigation")
    try:
        path = Path(text).expanduser().resolve()
        is_directory = path.is_dir()
    except (OSError, ValueError, RuntimeError) as error:
        raise InvalidInput(f"compare_with is {text!r}, which cannot be a directory: {error}") from error
    if not is_directory:
        hint = f"; did you mean its directory {path.parent}?" if path.is_file() else ""
        raise InvalidInput(f"compare_with is {text!r}: there is no such directory as {path}{hint}")
    return path


def _result(path: Path) -> dict[str, Any]:
    try:
        result = files.read_json(path / "result.json")
    except (OSError, ValueError) as error:
        raise InvalidInput(
            f"compare_with: {path} has no result.json that can be read ({error}); name the run directory of an "
            "earlier investigation"
        ) from error
    if not isinstance(result, dict) or result.get("notebook") != _NOTEBOOK:
        whose = result.get("notebook") if isinstance(result, dict) else None
        raise InvalidInput(f"compare_with: {path} is a run of {whose}, not of {_NOTEBOOK}")
    if result.get("finished_at") is None:
        raise InvalidInput(
            f"compare_with: the run in {path} has not ended, or it is this very run; name one that has, and give "
            "this one a run_dir of its own"
        )
    if not result.get("account") or not result.get("region"):
        raise InvalidInput(f"compare_with: the run in {path} ended before it read anything: {result.get('reason')}")
    return result


def _moment(result: Mapping[str, Any], path: Path, now: datetime) -> datetime:
    try:
        started_at = datetime.fromisoformat(str(result.get("started_at"))).astimezone(UTC)
    except ValueError as error:
        raise InvalidInput(f"compare_with: {path}/result.json has no readable started_at ({error})") from error
    if started_at > now:
        raise InvalidInput(
            f"compare_with: the run in {path} started at {result['started_at']}, which is later than now; "
            "name an earlier one, or check the clock"
        )
    return started_at


def _executions(path: Path, result: Mapping[str, Any]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The rows that were written, and what is wrong with them."""
    table, warnings = _read(path)
    missing = [name for name in COMPARED if name not in table.columns]
    if missing:
        raise InvalidInput(f"compare_with: the executions in {path} have no {', '.join(missing)}")
    expected = (result.get("counts") or {}).get("executions")
    if expected is not None and expected != len(table):
        warnings.append(f"the earlier run read {expected} executions and its file has {len(table)}")
    if result.get("outcome") != "ok":
        warnings.append(f"the earlier run ended as {result.get('outcome')}: {result.get('reason')}")
    warnings += [f"the earlier run could not read everything: {warning}" for warning in result.get("warnings") or []]
    return table, tuple(warnings)


def _read(path: Path) -> tuple[pd.DataFrame, list[str]]:
    parquet, csv = path / "executions.parquet", path / "executions.csv"
    why = "it is not there"
    if parquet.is_file():
        try:
            return _from_parquet(parquet), []
        except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
            why = str(error).splitlines()[0]
    if not csv.is_file():
        raise InvalidInput(f"compare_with: {path} has no executions file that can be read (executions.parquet: {why})")
    try:
        return _from_csv(csv), [f"the earlier run's executions.parquet cannot be used ({why}), so its CSV is"]
    except (OSError, ValueError, KeyError) as error:
        raise InvalidInput(f"compare_with: {csv} cannot be read: {error}") from error


def _from_parquet(path: Path) -> pd.DataFrame:
    """The table of a file that may be anybody's: a small one can unfold to more than the machine has."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - few runs have an earlier one to read

    content = files.read_own(path)
    facts = pq.ParquetFile(io.BytesIO(content))
    groups = [facts.metadata.row_group(number) for number in range(facts.num_row_groups)]
    rows, unpacked = facts.metadata.num_rows, sum(group.total_byte_size for group in groups)
    if rows > _MOST_ROWS or unpacked > _MOST_UNPACKED:
        raise ValueError(f"it has {rows:,} rows in {unpacked >> 20:,} MB, far more than an investigation writes")
    texts = [each.name for each in facts.schema_arrow if _is_text(each.type)]
    packed = pq.read_table(io.BytesIO(content), columns=texts, read_dictionary=texts)  # each text once
    if (length := sum(map(_characters, packed.columns))) > _MOST_UNPACKED:
        raise ValueError(f"its texts have {length >> 20:,} MB, far more than an investigation writes")
    return pd.read_parquet(io.BytesIO(content))


def _is_text(kind: pa.DataType) -> bool:
    return _is_text(kind.value_type) if pa.types.is_dictionary(kind) else kind in (pa.string(), pa.large_string())


def _characters(column: pa.ChunkedArray) -> int:
    """How long the texts of a dictionary-encoded column are together."""
    lengths = [pc.binary_length(chunk.dictionary).take(chunk.indices) for chunk in column.chunks]
    return sum(int(pc.sum(each).as_py() or 0) for each in lengths)


def _from_csv(path: Path) -> pd.DataFrame:
    table = pd.read_csv(io.BytesIO(files.read_own(path)), dtype="str", keep_default_na=False)
    for name in table.columns.difference(list(_TIMES)):
        table[name] = table[name].str.replace(r"^'(?=[=+\-@\t\r])", "", regex=True)  # see results: no formulas
    for name in _TIMES:
        table[name] = pd.to_datetime(table[name].replace("", None), utc=True, format="ISO8601")
    table["stuck"] = table["stuck"].map({"True": True, "False": False})
    return table.astype({**dict.fromkeys(_TIMES, TIME), "execution_number": COUNT, "stuck": "boolean"})
