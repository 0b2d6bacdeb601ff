"""Writing identity: only changed rows are touched, inside what was clustered again, and texts arrive as they are."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pyarrow as pa

from millibar.pipeline.context import RunContext
from millibar.pipeline.stages.identity.tables import INTEGER, TEXT, YES_NO, frame, keep, read
from millibar.warehouse.connect import Warehouse
from unit.pipeline.stages.stage_inputs import AS_OF

TABLE = "scores.identity_clusters"
KEY = ("node_type", "node_hash")


def clusters(component: str = "one", **owners: str) -> pd.DataFrame:
    return pd.DataFrame({
        "node_type": "email", "node_hash": list(owners), "customer_id": list(owners.values()), "is_known": True,
        "confidence": 1.0, "component": component,
    })  # fmt: skip


def test_only_changed_rows_are_written(warehouse: Warehouse, run: RunContext) -> None:
    later = replace(run, as_of=AS_OF + timedelta(days=1), run_id="run-2")
    with warehouse.transaction():
        assert keep(warehouse, run, TABLE, clusters(a="x", b="y", c="z", other="o"), KEY, "true") == 4
        within = "old.node_hash <> 'other'"
        assert keep(warehouse, later, TABLE, clusters(a="x", b="w", d="v"), KEY, within) == 3
    rows = warehouse.rows(f"select node_hash, customer_id, as_of from {TABLE} order by node_hash")
    assert [(row["node_hash"], row["customer_id"], (row["as_of"] - AS_OF).days) for row in rows] == [
        ("a", "x", 0),
        ("b", "w", 1),
        ("d", "v", 1),
        ("other", "o", 0),
    ]
    with warehouse.transaction():
        assert keep(warehouse, later, TABLE, clusters(e="u"), KEY, None) == 1
        assert keep(warehouse, later, TABLE, clusters(), KEY, "true") == 5


def test_a_quiet_column_is_written_but_neither_stamped_nor_counted(warehouse: Warehouse, run: RunContext) -> None:
    later = replace(run, as_of=AS_OF + timedelta(days=1), run_id="run-2")
    with warehouse.transaction():
        keep(warehouse, run, TABLE, clusters(a="x"), KEY, "true", quiet="component")
        assert keep(warehouse, later, TABLE, clusters("two", a="x"), KEY, "true", quiet="component") == 0
    assert warehouse.rows(f"select component, as_of from {TABLE}") == [{"component": "two", "as_of": AS_OF}]


def test_hostile_text_arrives_as_it_is_both_ways(warehouse: Warehouse, run: RunContext) -> None:
    hostile = "a\"b',;\n\\N\t日本 {}"
    with warehouse.transaction():
        keep(warehouse, run, TABLE, clusters(**{hostile: hostile}), KEY, "true")
        found = read(warehouse, f"select node_hash, is_known from {TABLE}", {"node_hash": TEXT, "is_known": YES_NO})
    assert found.to_pylist() == [{"node_hash": hostile, "is_known": True}]


def test_what_a_step_wrote_is_read_before_it_is_committed_and_empty_is_not_missing(warehouse: Warehouse) -> None:
    columns = {"number": INTEGER, "word": TEXT}
    with warehouse.transaction():
        warehouse.execute("create temp table told (number bigint, word text) on commit drop")
        assert read(warehouse, "select number, word from told", columns).schema == pa.schema(list(columns.items()))
        warehouse.execute("insert into told values (1, ''), (null, null)")
        found = frame(warehouse, "select number, word from told order by number", columns)
    assert found["word"].tolist() == ["", None]
    assert found["number"].tolist() == [1, pd.NA]
