"""Publish: schema reporting becomes schema bi in one transaction, so that a reader sees the old tables or the new."""

from __future__ import annotations

import logging
from datetime import date

from psycopg2 import sql

from millibar.warehouse.connect import Warehouse

log = logging.getLogger(__name__)

SOURCE = "reporting"
TARGET = "bi"


def publish(warehouse: Warehouse, run_id: str, as_of: date) -> int:
    """Copy every table of ``reporting`` over its namesake in ``bi``; returns the rows published.

    A day before the one ``bi`` holds (a backfill) is not published: what BI shows never goes back in time.

    Rows are deleted and inserted, never truncated or swapped by name: PostgreSQL then shows any reader, in any
    isolation level, either all of the old rows or all of the new. A table is dropped and made again only when its
    columns changed; a table that reporting no longer has is dropped.
    """
    tables = _tables(warehouse, SOURCE)
    if not tables:
        raise RuntimeError("schema reporting holds no table: build the dbt layer `reporting` before publishing")
    total = 0
    with warehouse.lock("publish"), warehouse.transaction():
        held = warehouse.value("select max(as_of) from bi.publication")
        if held is not None and held > as_of:
            log.warning(
                "bi holds %s already: the backfill of %s is kept in scores and marts, not published", held, as_of
            )
            return 0
        for gone in sorted(_tables(warehouse, TARGET).keys() - tables.keys() - {"publication"}):
            warehouse.execute(sql.SQL("drop table {}").format(sql.Identifier(TARGET, gone)))
            warehouse.execute("delete from bi.publication where table_name = %(table)s", {"table": gone})
        for table, columns in sorted(tables.items()):
            rows = _publish_table(warehouse, table, columns)
            total += rows
            warehouse.execute(
                """
                insert into bi.publication (table_name, as_of, run_id, rows, published_at)
                values (%(table)s, %(as_of)s, %(run_id)s, %(rows)s, clock_timestamp())
                on conflict (table_name) do update
                set as_of = excluded.as_of, run_id = excluded.run_id, rows = excluded.rows,
                    published_at = excluded.published_at
                """,
                {"table": table, "as_of": as_of, "run_id": run_id, "rows": rows},
            )
    for table in tables:
        warehouse.execute(sql.SQL("vacuum (analyze) {}").format(sql.Identifier(TARGET, table)))
    return total


def _tables(warehouse: Warehouse, schema: str) -> dict[str, list[tuple[str, str]]]:
    """Table -> its (column, type) in order; tables and views of one schema."""
    rows = warehouse.rows(
        """
        select class.relname as table_name, attribute.attname as column_name,
               format_type(attribute.atttypid, attribute.atttypmod) as column_type
        from pg_class as class
        join pg_namespace as namespace on namespace.oid = class.relnamespace and namespace.nspname = %(schema)s
        join pg_attribute as attribute
          on attribute.attrelid = class.oid and attribute.attnum > 0 and not attribute.attisdropped
        where class.relkind in ('r', 'v', 'm', 'p')
        order by class.relname, attribute.attnum
        """,
        {"schema": schema},
    )
    tables: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        tables.setdefault(row["table_name"], []).append((row["column_name"], row["column_type"]))
    return tables


def _publish_table(warehouse: Warehouse, table: str, columns: list[tuple[str, str]]) -> int:
    source, target = sql.Identifier(SOURCE, table), sql.Identifier(TARGET, table)
    held = _tables(warehouse, TARGET).get(table)
    if held is not None and held != columns:
        warehouse.execute(sql.SQL("drop table {}").format(target))
        held = None
    if held is None:
        warehouse.execute(sql.SQL("create table {} (like {})").format(target, source))
    warehouse.execute(sql.SQL("delete from {}").format(target))
    names = sql.SQL(", ").join(sql.Identifier(name) for name, _ in columns)
    return warehouse.execute(sql.SQL("insert into {} ({}) select {} from {}").format(target, names, names, source))
