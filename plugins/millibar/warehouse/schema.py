"""The tables Millibar itself keeps: raw and pii from the feed contracts, ops and scores from schema*.sql."""

from __future__ import annotations

from importlib.resources import files

from psycopg2 import sql

from millibar.sources.contracts import FEEDS, SQL_TYPES, TECHNICAL_COLUMNS, Column, Feed
from millibar.warehouse.connect import Warehouse

STATEMENTS = ("schema.sql", "schema_attribution.sql", "schema_pressure.sql", "schema_churn.sql")


def create(warehouse: Warehouse) -> None:
    """Create every schema and table that is missing; columns new in a contract are added. May run again."""
    with warehouse.lock("schema"), warehouse.transaction():
        for name in STATEMENTS:
            warehouse.execute(files("millibar.warehouse").joinpath(name).read_text())
        for feed in FEEDS.values():
            _create_raw(warehouse, feed)
            if feed.personal:
                _create_personal(warehouse, feed)
        _create_features(warehouse)


def raw_columns(feed: Feed) -> dict[str, str]:
    """Column name -> warehouse type of ``raw.<feed>``, in order."""
    columns = {column.name: _definition(column) for column in feed.stored}
    columns |= dict.fromkeys(feed.identifier_columns, "text")
    return columns | TECHNICAL_COLUMNS


def personal_columns(feed: Feed) -> dict[str, str]:
    """Column name -> warehouse type of ``pii.<feed>``, in order."""
    columns = {"_row_key": "uuid primary key", "_batch_id": "bigint not null", "_source": "text not null"}
    keys = [name for name in feed.key if name not in feed.identifier_columns]
    columns |= {name: _definition(feed.column(name)) for name in keys}
    return columns | {column.name: _definition(column) for column in feed.personal}


def _definition(column: Column) -> str:
    return SQL_TYPES[column.kind] + (" not null" if column.required else "")


def _create_raw(warehouse: Warehouse, feed: Feed) -> None:
    _create_table(warehouse, "raw", feed.name, raw_columns(feed))
    index = sql.SQL("create index if not exists {} on raw.{} (_batch_id)").format(
        sql.Identifier(f"{feed.name}_batch"), sql.Identifier(feed.name)
    )
    warehouse.execute(index)


def _create_personal(warehouse: Warehouse, feed: Feed) -> None:
    _create_table(warehouse, "pii", feed.name, personal_columns(feed))


def _create_features(warehouse: Warehouse) -> None:
    """pii.identity_features: what the matching engine compares, one row a CRM record, with an index a blocking key."""
    # the engine takes two seconds to import, and nothing else of this module wants it
    from millibar.identity.matching.columns import BLOCK_COLUMNS, FEATURE_COLUMNS

    columns = {"record_key": "text primary key", "row_key": "uuid not null", "features_version": "integer not null"}
    columns |= dict.fromkeys(FEATURE_COLUMNS, "text") | dict.fromkeys(BLOCK_COLUMNS, "bigint")
    _create_table(warehouse, "pii", "identity_features", columns)
    for column in BLOCK_COLUMNS:
        index = sql.SQL("create index if not exists {} on pii.identity_features ({}) where {} is not null").format(
            sql.Identifier(f"identity_features_{column}"), sql.Identifier(column), sql.Identifier(column)
        )
        warehouse.execute(index)


def _create_table(warehouse: Warehouse, schema: str, table: str, columns: dict[str, str]) -> None:
    name = sql.Identifier(schema, table)
    definitions = [sql.SQL("{} {}").format(sql.Identifier(key), sql.SQL(kind)) for key, kind in columns.items()]
    warehouse.execute(sql.SQL("create table if not exists {} ({})").format(name, sql.SQL(", ").join(definitions)))
    for definition, kind in zip(definitions, columns.values(), strict=True):
        if "primary key" not in kind and "not null" not in kind:
            warehouse.execute(sql.SQL("alter table {} add column if not exists {}").format(name, definition))
