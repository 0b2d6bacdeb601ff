"""Rows in and out on the stage's own connection: what a step wrote and did not yet commit, the next step reads."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
from psycopg2 import sql

from millibar.pipeline.context import RunContext
from millibar.pipeline.stages.scores import stamped
from millibar.warehouse.connect import Parameters, Warehouse, identifier

TEXT, INTEGER, NUMBER, YES_NO = pa.string(), pa.int64(), pa.float64(), pa.bool_()
BLOCK_BYTES = 1 << 24

FRESH = "create temp table fresh on commit drop as select {columns} from {target} limit 0"
UPDATE_QUIETLY = """
    update {target} as old set {quiet} = fresh.{quiet} from pg_temp.fresh as fresh
    where {same} and old.{quiet} is distinct from fresh.{quiet}
"""
DELETE_OTHERS = """
    delete from {target} as old where ({within}) and not exists (select 1 from pg_temp.fresh as fresh where {same})
"""
UPSERT_CHANGED = """
    insert into {target} as old ({columns}) select {columns} from pg_temp.fresh
    on conflict ({key}) do update set {updates} where ({old_values}) is distinct from ({new_values})
"""


def read(
    warehouse: Warehouse, query: str, columns: Mapping[str, pa.DataType], parameters: Parameters = None
) -> pa.Table:
    """The rows of a query, ``columns`` with their types, in the transaction under way."""
    with warehouse.connection.cursor() as cursor, tempfile.TemporaryFile() as rows:
        statement = cursor.mogrify(query, parameters).decode() if parameters else query
        cursor.copy_expert(f"copy ({statement}) to stdout with (format csv)", rows)
        if not rows.tell():
            return pa.table({name: pa.array([], kind) for name, kind in columns.items()})
        rows.seek(0)
        return pyarrow.csv.read_csv(
            rows,
            pyarrow.csv.ReadOptions(column_names=list(columns), block_size=BLOCK_BYTES),
            pyarrow.csv.ParseOptions(newlines_in_values=True),
            pyarrow.csv.ConvertOptions(
                column_types=dict(columns),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                true_values=["t"],
                false_values=["f"],
            ),
        )


def frame(
    warehouse: Warehouse, query: str, columns: Mapping[str, pa.DataType], parameters: Parameters = None
) -> pd.DataFrame:
    """As :func:`read`, as a frame; texts are objects, missing ones None."""
    table = read(warehouse, query, columns, parameters)
    return pd.DataFrame({name: _values(table.column(name)) for name in columns}, copy=False)


def _values(column: pa.ChunkedArray) -> object:
    if pa.types.is_string(column.type):
        return pd.Series(column.to_numpy(zero_copy_only=False), dtype=object)
    if column.null_count and pa.types.is_integer(column.type):
        return pd.array(column.to_pylist(), dtype="Int64")
    return column.to_numpy(zero_copy_only=False)


def upload(warehouse: Warehouse, name: str, definition: str, rows: pd.DataFrame | pa.Table) -> None:
    """A temporary table of these columns with the rows; the names of both agree."""
    table = rows if isinstance(rows, pa.Table) else pa.Table.from_pandas(rows, preserve_index=False)
    warehouse.execute(f"drop table if exists pg_temp.{name}")
    warehouse.execute(f"create temp table {name} ({definition}) on commit drop")
    warehouse.append(f"pg_temp.{name}", table)
    warehouse.execute(f"analyze pg_temp.{name}")


def keep(
    warehouse: Warehouse,
    run: RunContext,
    table: str,
    rows: pd.DataFrame,
    key: Sequence[str],
    within: str | None,
    quiet: str | None = None,
) -> int:
    """Make ``table`` hold ``rows`` among those ``within`` names (a condition on ``old``; None: delete nothing).

    Only rows that are new, gone or different are touched, and stamped with the run; returns how many. Another value of
    the column ``quiet`` alone is written, too, but neither stamped nor counted.
    """
    names = [*rows.columns, "as_of", "run_id"]
    compared = [name for name in rows.columns if name not in (*key, quiet)]
    told = {
        "target": identifier(table),
        "columns": _list(names),
        "key": _list(key),
        "same": sql.SQL(" and ").join(sql.SQL("old.{0} = fresh.{0}").format(sql.Identifier(name)) for name in key),
        "updates": sql.SQL(", ").join(
            sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in names if name not in key
        ),
        "old_values": sql.SQL(", ").join(sql.SQL("old.{}").format(sql.Identifier(name)) for name in compared),
        "new_values": sql.SQL(", ").join(sql.SQL("excluded.{}").format(sql.Identifier(name)) for name in compared),
        "within": sql.SQL(within or "false"),
        "quiet": sql.Identifier(quiet or ""),
    }
    warehouse.execute("drop table if exists pg_temp.fresh")
    warehouse.execute(sql.SQL(FRESH).format(**told))
    warehouse.append("pg_temp.fresh", stamped(rows, run))
    warehouse.execute("analyze pg_temp.fresh")
    if quiet:
        warehouse.execute(sql.SQL(UPDATE_QUIETLY).format(**told))
    touched = warehouse.execute(sql.SQL(DELETE_OTHERS).format(**told)) if within else 0
    touched += warehouse.execute(sql.SQL(UPSERT_CHANGED).format(**told))
    warehouse.execute("drop table pg_temp.fresh")
    return touched


def moments(microseconds: pd.Series | np.ndarray, *, open_before: int, open_after: int) -> pa.Array:
    """Microseconds since 1970 as timestamps, null where open."""
    values = np.asarray(microseconds, dtype=np.int64)
    return pa.array(values, mask=(values <= open_before) | (values >= open_after)).cast(pa.timestamp("us", tz="UTC"))


def _list(names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(name) for name in names)
