"""Statements, transactions, bulk copy and locks against a real server."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest

from millibar.warehouse.connect import LockHeld, Warehouse

DAY = date(2025, 3, 1)


def churn_parameters(*values: float) -> pa.Table:
    count = len(values)
    return pa.table(
        {
            "as_of": [DAY] * count,
            "run_id": ["run"] * count,
            "model": ["recency"] * count,
            "parameter": [f"p{i}" for i in range(count)],
            "value": list(values),
        }
    )


def test_a_transaction_that_fails_leaves_nothing(warehouse: Warehouse) -> None:
    with pytest.raises(RuntimeError, match="stop"), warehouse.transaction():
        warehouse.append("scores.churn_parameters", churn_parameters(1.0, 2.0))
        raise RuntimeError("stop")
    assert warehouse.value("select count(*) from scores.churn_parameters") == 0


def test_an_inner_failure_that_is_caught_outside_rolls_back_the_whole(warehouse: Warehouse) -> None:
    with pytest.raises(RuntimeError), warehouse.transaction():
        warehouse.append("scores.churn_parameters", churn_parameters(1.0))
        with warehouse.transaction():
            raise RuntimeError("inner")
    assert warehouse.value("select count(*) from scores.churn_parameters") == 0
    warehouse.append("scores.churn_parameters", churn_parameters(1.0))
    assert warehouse.value("select count(*) from scores.churn_parameters") == 1


def test_replace_swaps_one_partition_and_leaves_the_others(warehouse: Warehouse) -> None:
    warehouse.append("scores.churn_parameters", churn_parameters(1.0, 2.0))
    other = churn_parameters(9.0).set_column(0, "as_of", pa.array([date(2025, 2, 1)]))
    warehouse.append("scores.churn_parameters", other)
    warehouse.replace("scores.churn_parameters", churn_parameters(5.0), {"as_of": DAY})
    rows = warehouse.rows("select as_of, value from scores.churn_parameters order by as_of")
    assert rows == [{"as_of": date(2025, 2, 1), "value": 9.0}, {"as_of": DAY, "value": 5.0}]


def test_replace_without_a_partition_is_refused(warehouse: Warehouse) -> None:
    with pytest.raises(ValueError, match="would empty the table"):
        warehouse.replace("scores.churn_parameters", churn_parameters(5.0), {})


@pytest.mark.parametrize("text", ["", "a,b", 'quo"te', "new\nline", "d'Arc; drop table x", "é😀", "\\N", "\\."])
def test_copied_text_comes_back_as_it_was(warehouse: Warehouse, text: str) -> None:
    rows = churn_parameters(1.0).set_column(2, "model", pa.array([text]))
    warehouse.append("scores.churn_parameters", rows)
    assert warehouse.value("select model from scores.churn_parameters") == text
    read = warehouse.arrow("select model, low from scores.churn_parameters where model = %(text)s", {"text": text})
    assert read.to_pylist() == [{"model": text, "low": None}]


def test_null_is_not_the_empty_string(warehouse: Warehouse) -> None:
    warehouse.execute("create table ops.copied (a text, b text)")
    warehouse.append("ops.copied", pa.table({"a": ["", None], "b": [None, ""]}))
    assert warehouse.value("select count(*) from ops.copied where a is null and b = ''") == 1
    assert warehouse.value("select count(*) from ops.copied where b is null and a = ''") == 1


def test_a_lock_is_held_against_others_and_given_back(warehouse: Warehouse, warehouse_uri: str) -> None:
    with Warehouse.open(warehouse_uri) as other:
        with warehouse.lock("run"), pytest.raises(LockHeld, match="run"), other.lock("run", wait=False):
            pass
        with other.lock("run", wait=False):
            assert other.value("select count(*) from pg_locks where locktype = 'advisory'") == 1


def test_the_reader_may_read_bi_and_nothing_else(warehouse: Warehouse, reader_uri: str) -> None:
    import psycopg2.errors

    warehouse.execute("create table bi.rpt_x as select 1 as one")
    with Warehouse.open(reader_uri) as reader:
        assert reader.value("select one from bi.rpt_x") == 1
        for table in ("pii.customers", "raw.customers", "scores.identity_nodes", "ops.rejected_rows"):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                reader.value(f"select count(*) from {table}")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            reader.execute("delete from bi.rpt_x")
