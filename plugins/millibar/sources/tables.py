"""Reads Parquet files and query results in blocks; a row's line is its place, from 1."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from millibar.sources.blocks import Block, FileError
from millibar.sources.definition import Query

BATCH_ROWS = 65_536
FETCH_ROWS = 20_000


def read_parquet(stream: BinaryIO, wanted: tuple[str, ...]) -> Iterator[Block]:
    """Blocks of the wanted columns, typed as in the file; columns the file lacks are absent."""
    try:
        file = pq.ParquetFile(stream)
    except (pa.ArrowInvalid, OSError) as fault:
        raise FileError(f"not a readable Parquet file ({fault}); deliver it again") from fault
    present = [name for name in wanted if name in file.schema_arrow.names]
    for name in present:
        kind = file.schema_arrow.field(name).type
        if pa.types.is_nested(kind) and not pa.types.is_dictionary(kind):
            raise FileError(f"column {name!r} holds {kind}; a feed takes single values: flatten it in the export")
    first = 1
    try:
        for batch in file.iter_batches(BATCH_ROWS, columns=present or file.schema_arrow.names[:1]):
            columns = {name: batch.column(name) for name in present}
            yield _numbered(columns, first, batch.num_rows)
            first += batch.num_rows
    except (pa.ArrowInvalid, OSError) as fault:
        raise FileError(f"the Parquet file is damaged after row {first - 1} ({fault}); deliver it again") from fault


def read_query(query: Query, since: str, as_of: date, wanted: tuple[str, ...]) -> Iterator[Block]:
    """Blocks of a query on an Airflow connection; ``since`` and ``as_of`` are its parameters.

    The cursor's column is among the blocks' columns. Raises ``FileError`` where the query fails or lacks it.
    """
    connection = _connect(query.connection)
    first = 1
    try:
        cursor = _server_cursor(connection)
        try:
            cursor.execute(query.text, {"cursor": since, "as_of": as_of})
            while rows := cursor.fetchmany(FETCH_ROWS):
                names = [entry[0] for entry in cursor.description]
                if query.cursor and query.cursor not in names:
                    raise FileError(
                        f"the query does not return its cursor column {query.cursor!r}; add it to the select"
                    )
                wanted_here = dict.fromkeys((*wanted, *([query.cursor] if query.cursor else [])))
                values = dict(zip(names, zip(*rows, strict=True), strict=True))
                columns = {name: _array(values[name]) for name in wanted_here if name in values}
                yield _numbered(columns, first, len(rows))
                first += len(rows)
        except FileError:
            raise
        except Exception as fault:  # the exceptions of any database driver
            raise FileError(f"the query on connection {query.connection!r} failed: {str(fault).strip()}") from fault
    finally:
        connection.close()


def _connect(connection_id: str) -> Any:
    from airflow.sdk import BaseHook  # seconds to import: only where a query is asked

    try:
        return BaseHook.get_connection(connection_id).get_hook().get_conn()  # type: ignore[no-untyped-call]
    except Exception as fault:  # not found, no driver, refused: one message for all
        raise FileError(f"Airflow connection {connection_id!r} cannot be used: {str(fault).strip()}") from fault


def _server_cursor(connection: Any) -> Any:
    """A cursor that leaves the rows on the server until they are fetched, where the driver has one."""
    try:
        return connection.cursor(name="millibar_source")
    except TypeError:
        return connection.cursor()


def _array(values: Sequence[Any]) -> pa.Array:
    try:
        array = pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        array = pa.array([None if value is None else str(value) for value in values], pa.string())
    return array if not pa.types.is_null(array.type) else array.cast(pa.string())


def _numbered(columns: Mapping[str, pa.Array], first: int, rows: int) -> Block:
    def raw_line(place: int) -> str:
        return json.dumps({name: values[place].as_py() for name, values in columns.items()}, default=str)

    return Block(dict(columns), np.arange(first, first + rows, dtype=np.int64), raw_line)
