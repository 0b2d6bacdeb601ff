"""Compare the tables of two houses: the same rows, customer ids up to renaming, run ids and clocks apart."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from millibar.warehouse.connect import Warehouse

# what may differ between two runs over the same data: who ran it and when
CLOCKS = {"run_id", "_loaded_at", "_batch_id", "published_at", "finished_at", "started_at", "built_at"}


def tables(warehouse: Warehouse, schema: str) -> list[str]:
    rows = warehouse.rows(
        "select table_name from information_schema.tables where table_schema = %(schema)s order by 1",
        {"schema": schema},
    )
    return [f"{schema}.{row['table_name']}" for row in rows]


def canonical_customers(warehouse: Warehouse) -> dict[str, str]:
    """customer_id -> the smallest identifier of that customer: a name that depends on the data only."""
    rows = warehouse.rows(
        "select customer_id, min(node_type || ':' || node_hash) as name from scores.identity_clusters group by 1"
    )
    return {row["customer_id"]: row["name"] for row in rows}


def contents(
    warehouse: Warehouse, table: str, customers: dict[str, str] | None = None, apart: Collection[str] = ()
) -> pd.DataFrame:
    """All rows of a table, sorted, without clocks; customers by their canonical name where a mapping is given."""
    rows = pd.DataFrame(warehouse.rows(f"select * from {table}")).drop(columns=list(apart), errors="ignore")
    rows = rows.drop(columns=[name for name in rows.columns if name in CLOCKS or name.startswith("_")])
    if customers is not None:
        for name in ("customer_id", "other_customer_id", "left_customer_id", "right_customer_id"):
            if name in rows.columns:
                rows[name] = rows[name].map(lambda value: customers.get(value, value))
    for name in rows.columns:
        if pd.api.types.is_float_dtype(rows[name]):
            rows[name] = rows[name].round(6)
    rows = rows.astype(str)
    return rows.sort_values(list(rows.columns)).reset_index(drop=True) if len(rows) else rows


def differences(
    left: Warehouse,
    right: Warehouse,
    names: list[str],
    *,
    rename_customers: bool,
    columns_apart: Collection[str] = (),
) -> dict[str, str]:
    """Table -> what differs; empty where all are equal. ``columns_apart``: schema.table.column, not compared."""
    left_names = canonical_customers(left) if rename_customers else None
    right_names = canonical_customers(right) if rename_customers else None
    told = {}
    for table in names:
        apart = [name.rpartition(".")[2] for name in columns_apart if name.rpartition(".")[0] == table]
        one, two = contents(left, table, left_names, apart), contents(right, table, right_names, apart)
        if len(one) != len(two):
            told[table] = f"{len(one)} rows against {len(two)}"
        elif not one.equals(two):
            keys = list(one.columns)
            merged = one.merge(two, how="outer", on=keys, indicator=True)
            told[table] = merged[merged["_merge"] != "both"].head(6).to_string()
    return told
