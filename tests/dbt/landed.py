"""Rows in raw as the loader leaves them: one batch a delivery, newer versions in place, corrections noted."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import pyarrow as pa

from millibar.sources.contracts import FEEDS
from millibar.warehouse.connect import Warehouse

Row = Mapping[str, Any]


def row_key(source: str, feed: str, row: Row) -> str:
    """The key of a row in raw: source and key columns."""
    values = "|".join(str(row.get(name, "")) for name in FEEDS[feed].key)
    return str(uuid.UUID(hashlib.md5(f"{source}|{values}".encode()).hexdigest()))


def land(
    warehouse: Warehouse,
    feed: str,
    delivered_on: date,
    rows: Iterable[Row],
    *,
    replaces: int | None = None,
    source: str = "",
) -> int:
    """Load one file of a feed; returns its batch. With ``replaces`` it is a correction of that batch's file."""
    source = source or f"test_{feed}"
    keyed = {row_key(source, feed, row): row for row in rows}
    with warehouse.transaction():
        batch = warehouse.value(
            "insert into ops.load_batches (source, feed, file, delivered_on, status, rows_read, rows_loaded) "
            "values (%(source)s, %(feed)s, %(file)s, %(day)s, 'loaded', %(rows)s, %(rows)s) returning batch_id",
            {"source": source, "feed": feed, "file": f"{delivered_on}", "day": delivered_on, "rows": len(keyed)},
        )
        if replaces is not None:
            warehouse.execute("update ops.load_batches set status = 'replaced' where batch_id = %(b)s", {"b": replaces})
        if keyed:
            warehouse.execute(f"delete from raw.{feed} where _row_key::text = any(%(keys)s)", {"keys": list(keyed)})
            warehouse.append(f"raw.{feed}", _table(feed, source, int(batch), delivered_on, keyed))
            _land_personal(warehouse, feed, source, int(batch), keyed)
        if replaces is not None:
            warehouse.execute(
                f"with gone as (delete from raw.{feed} where _batch_id = %(old)s returning _row_key) "
                "insert into ops.removed_rows (feed, row_key, batch_id) select %(feed)s, _row_key, %(new)s from gone",
                {"old": replaces, "new": batch, "feed": feed},
            )
    return int(batch)


def _table(feed: str, source: str, batch: int, delivered_on: date, keyed: Mapping[str, Row]) -> pa.Table:
    names = [*FEEDS[feed].identifier_columns, *(column.name for column in FEEDS[feed].stored)]
    columns: dict[str, list[Any]] = {
        name: [None if row.get(name) is None else str(row[name]) for row in keyed.values()] for name in names
    }
    columns |= {
        "_source": [source] * len(keyed),
        "_batch_id": [batch] * len(keyed),
        "_file": [f"{delivered_on}"] * len(keyed),
        "_row_number": list(range(1, len(keyed) + 1)),
        "_loaded_at": [f"{delivered_on}T06:00:00+00:00"] * len(keyed),
        "_delivered_on": [delivered_on.isoformat()] * len(keyed),
        "_row_hash": [hashlib.md5(repr(sorted(row.items(), key=str)).encode()).hexdigest() for row in keyed.values()],
        "_row_key": list(keyed),
    }
    return pa.table(
        {name: pa.array(values, pa.int64() if name in INTEGERS else pa.string()) for name, values in columns.items()}
    )


INTEGERS = ("_batch_id", "_row_number")


def _land_personal(warehouse: Warehouse, feed: str, source: str, batch: int, keyed: Mapping[str, Row]) -> None:
    """The personal columns of the rows that have some, in pii.<feed>."""
    names = [column.name for column in FEEDS[feed].personal]
    rows = [
        {"_row_key": key, "_batch_id": batch, "_source": source}
        | {name: row.get(name) for name in (*FEEDS[feed].key, *names)}
        for key, row in keyed.items()
        if any(row.get(name) for name in names)
    ]
    if rows:
        warehouse.execute(f"delete from pii.{feed} where _row_key::text = any(%(keys)s)", {"keys": list(keyed)})
        warehouse.append(f"pii.{feed}", pa.Table.from_pylist(rows))


def begin(warehouse: Warehouse, as_of: date) -> None:
    """The run in progress: everything delivered up to ``as_of``."""
    warehouse.execute("delete from ops.run_context")
    warehouse.execute(
        "insert into ops.run_context (run_id, as_of, max_batch_id) "
        "select %(run)s, %(day)s, coalesce(max(batch_id), 0) from ops.load_batches where delivered_on <= %(day)s",
        {"run": f"run:{as_of}", "day": as_of},
    )
