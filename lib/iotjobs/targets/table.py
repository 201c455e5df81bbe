"""The one table of a fleet: Parquet partitioned by account and region, and its overview, read out of core.

Every file has the same schema, so that pandas, DuckDB, Polars and Arrow read the directory as one table, with targets
that have no row in it as well. Partitions are directories of Hive's kind, `account=…/region=…`, whose readers may take
an account for a number: the column `account_id` keeps its zeros.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa

from iotjobs.columns import COUNT, DIAGNOSIS_COLUMNS, EXECUTION_COLUMNS, TEXT, TIME
from iotjobs.run import files

NAME = "executions"
OVERVIEW_COLUMNS = ["target", "account", "region", "job_id", "cause", "executions", "stuck"]
_GROUP = ["target", "account_id", "region", "job_id", "cause"]
_TYPES = {TEXT: pa.string(), COUNT: pa.int64(), TIME: pa.timestamp("us", tz="UTC"), "boolean": pa.bool_()}
_COLUMNS = {**EXECUTION_COLUMNS, **DIAGNOSIS_COLUMNS}
_TEXTS = ("job_status", "thing_groups", "target", "account_id")
SCHEMA = pa.schema({**{name: _TYPES[kind] for name, kind in _COLUMNS.items()}, **dict.fromkeys(_TEXTS, pa.string())})
_PARTITIONS = pa.schema([("account", pa.string()), ("region", pa.string())])


def write(run_dir: Path, executions: pd.DataFrame, *, target: str, account: str, region: str) -> None:
    """Write what was found in one target as its part of the table below ``run_dir``, whole or not at all."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - slow to import

    partition = run_dir / NAME / f"account={account}" / f"region={region}"
    files.make_directories(partition, below=run_dir)
    rows = executions.assign(target=target, account_id=account)[SCHEMA.names]
    with files.replacing(partition / f"{target}.parquet") as file:
        pq.write_table(pa.Table.from_pandas(rows, schema=SCHEMA, preserve_index=False), file)


def overview_of(run_dir: Path) -> pd.DataFrame:
    """One row a target, job and cause of what is unfinished (OVERVIEW_COLUMNS), the most stuck first.

    Reads six columns, a batch after the other: the memory does not grow with the rows.
    """
    import pyarrow.compute as pc  # noqa: PLC0415 - slow to import
    import pyarrow.dataset as ds  # noqa: PLC0415
    from pyarrow.acero import (  # noqa: PLC0415
        AggregateNodeOptions,
        Declaration,
        FilterNodeOptions,
        ProjectNodeOptions,
        ScanNodeOptions,
    )

    if not (run_dir / NAME).is_dir():
        return pd.DataFrame(columns=OVERVIEW_COLUMNS)
    partitioning = ds.partitioning(_PARTITIONS, flavor="hive")
    table = ds.dataset(run_dir / NAME, format="parquet", partitioning=partitioning, schema=_with_partitions())
    columns = {name: ds.field(name) for name in _GROUP}
    columns |= {"executions": ds.scalar(1), "stuck": pc.coalesce(ds.field("stuck"), ds.scalar(False)).cast(pa.int64())}
    scan = ScanNodeOptions(table, columns=columns, filter=ds.field("cause") != "")
    sums = [(name, "hash_sum", None, name) for name in ("executions", "stuck")]
    plan = Declaration.from_sequence(
        [
            Declaration("scan", scan),
            Declaration("filter", FilterNodeOptions(ds.field("cause") != "")),
            Declaration("project", ProjectNodeOptions(list(columns.values()), list(columns))),
            Declaration("aggregate", AggregateNodeOptions(sums, keys=_GROUP)),
        ]
    )
    counted: pd.DataFrame = plan.to_table().to_pandas().rename(columns={"account_id": "account"})
    by = ["stuck", "executions", "target", "job_id", "cause"]
    worst_first: pd.DataFrame = counted[OVERVIEW_COLUMNS].sort_values(
        by, ascending=[False, False, True, True, True], ignore_index=True
    )
    return worst_first


def _with_partitions() -> pa.Schema:
    return pa.schema([*SCHEMA, _PARTITIONS.field("region")])
