"""Writing scores: only changed rows are touched, and fits are kept as JSON whatever they hold."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta

import pandas as pd

from millibar.pipeline.context import RunContext
from millibar.pipeline.stages.scores import record_model_run, stamped, write_changed
from millibar.warehouse.connect import Warehouse
from unit.pipeline.stages.stage_inputs import AS_OF

KEY = ("node_type", "node_hash")


def clusters(**owners: str) -> pd.DataFrame:
    return pd.DataFrame({
        "node_type": "email", "node_hash": list(owners), "customer_id": list(owners.values()), "is_known": True,
        "confidence": 1.0,
    })  # fmt: skip


def test_only_changed_rows_are_written(warehouse: Warehouse, run: RunContext) -> None:
    table = "scores.identity_clusters"
    assert write_changed(warehouse, table, stamped(clusters(a="x", b="y", c="z"), run), KEY) == 3
    later = replace(run, as_of=AS_OF + timedelta(days=1), run_id="run-2")
    assert write_changed(warehouse, table, stamped(clusters(a="x", b="w", d="v"), later), KEY) == 3
    rows = warehouse.rows(f"select node_hash, customer_id, as_of from {table} order by node_hash")
    assert [(row["node_hash"], row["customer_id"], (row["as_of"] - AS_OF).days) for row in rows] == [
        ("a", "x", 0),
        ("b", "w", 1),
        ("d", "v", 1),
    ]
    assert write_changed(warehouse, table, stamped(clusters(e="u"), later), KEY, delete_others=False) == 1
    assert warehouse.value(f"select count(*) from {table}") == 4
    with warehouse.transaction():
        assert write_changed(warehouse, table, stamped(clusters(), later), KEY) == 4


def test_hostile_text_arrives_as_it_is(warehouse: Warehouse, run: RunContext) -> None:
    hostile = "a\"b',;\n\\N\t日本 {}"
    write_changed(warehouse, "scores.identity_clusters", stamped(clusters(**{hostile: hostile}), run), KEY)
    row = warehouse.rows("select node_hash, customer_id from scores.identity_clusters")[0]
    assert (row["node_hash"], row["customer_id"]) == (hostile, hostile)


def test_a_fit_of_the_same_run_is_replaced_and_may_hold_what_json_cannot(warehouse: Warehouse, run: RunContext) -> None:
    for quality in ({"auc": float("nan")}, {"auc": 0.7, "parts": [float("inf"), 1], "day": AS_OF}):
        record_model_run(warehouse, run, "m", time.monotonic(), inputs={}, parameters={}, fit_quality=quality)
    assert [row["fit_quality"] for row in warehouse.rows("select fit_quality from ops.model_runs")] == [
        {"auc": 0.7, "parts": [None, 1], "day": AS_OF.isoformat()}
    ]
