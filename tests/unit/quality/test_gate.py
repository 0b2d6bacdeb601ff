"""The gate of a layer against a real warehouse: green, red, warnings, new rows only, what is kept and what is told."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from millibar.pipeline.context import RunContext
from millibar.quality.gate import GateRed, check_layer, id_ranges
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse

DAY = date(2025, 3, 10)
RUN = RunContext("run-1", DAY, 100)


def rule(name: str, query: str, severity: str = "critical") -> dict[str, Any]:
    return {
        "type": "unexpected_rows_expectation",
        "kwargs": {"unexpected_rows_query": query},
        "meta": {"rule": name},
        "description": f"{name} holds",
        "notes": f"mend {name}",
        "severity": severity,
    }


NOT_NEGATIVE = rule("amount_is_not_negative", "select order_id, amount from {batch} where amount < 0")
CURRENCY = {
    "type": "expect_column_values_to_be_in_set",
    "kwargs": {"column": "currency", "value_set": ["EUR", "USD"]},
    "meta": {"rule": "currency_is_known"},
    "description": "The currency is one we have a rate for",
    "notes": "Add the rate",
    "severity": "warning",
}


@pytest.fixture
def project(settings: Settings, warehouse: Warehouse, tmp_path: Path) -> Settings:
    """Settings with a suite of two rules on raw.orders, and four sound orders in two batches."""
    write_suite(tmp_path, [NOT_NEGATIVE, CURRENCY])
    begin(warehouse, RUN)
    add_batch(warehouse, 1, date(2025, 3, 1), [10, 20])
    add_batch(warehouse, 2, DAY, [30, 40])
    return replace(settings, project=tmp_path)


def write_suite(folder: Path, rules: list[dict[str, Any]], rows: str = "new", table: str = "raw.orders") -> None:
    (folder / "expectations").mkdir(exist_ok=True)
    (folder / "expectations" / "orders.json").write_text(json.dumps({"name": "orders", "expectations": rules}))
    (folder / "expectations" / "gates.yml").write_text(
        f"recheck_days: 3\nlayers: {{raw: [{{table: {table}, suite: orders.json, rows: {rows}, key: [order_id]}}]}}\n"
    )


def begin(warehouse: Warehouse, run: RunContext) -> None:
    warehouse.execute("delete from ops.run_context")
    warehouse.execute(
        "insert into ops.run_context (run_id, as_of, max_batch_id) values (%(run_id)s, %(as_of)s, %(last)s)",
        {"run_id": run.run_id, "as_of": run.as_of, "last": run.max_batch_id},
    )


def add_batch(
    warehouse: Warehouse, batch: int, delivered_on: date, amounts: list[float], status: str = "loaded"
) -> None:
    parameters = {"batch": batch, "day": delivered_on, "status": status, "amounts": amounts}
    warehouse.execute(
        """
        insert into ops.load_batches (batch_id, source, feed, file, delivered_on, status)
        overriding system value values (%(batch)s, 'shop', 'orders', 'orders.csv', %(day)s, %(status)s)
        """,
        parameters,
    )
    warehouse.execute(
        """
        insert into raw.orders (order_id, ordered_at, amount, currency, _source, _batch_id, _file, _row_number, _loaded_at,
            _delivered_on, _row_hash, _row_key)
        select 'o' || %(batch)s || '-' || number, now(), amount, 'EUR', 'shop', %(batch)s, 'orders.csv', number, now(),
            %(day)s, 'x', md5(%(batch)s || '-' || number)::uuid
        from unnest(%(amounts)s::numeric[]) with ordinality as given (amount, number)
        """,
        parameters,
    )


def results(warehouse: Warehouse) -> dict[str, dict[str, Any]]:
    rows = warehouse.rows("select * from ops.quality_results")
    assert len({row["expectation"] for row in rows}) == len(rows)
    return {row["expectation"]: row for row in rows}


def test_a_green_gate_counts_keeps_and_remembers(warehouse: Warehouse, project: Settings) -> None:
    assert check_layer(warehouse, project, RUN, "raw") == 2
    kept = results(warehouse)
    assert kept.keys() == {"amount_is_not_negative", "currency_is_known"}
    assert all(row["success"] and row["unexpected_count"] == 0 for row in kept.values())
    row = kept["currency_is_known"]
    assert (row["run_id"], row["as_of"], row["layer"], row["suite"]) == ("run-1", DAY, "raw", "orders.json")
    assert (row["table_name"], row["column_name"], row["severity"]) == ("raw.orders", "currency", "warning")
    passed = warehouse.rows("select model, batch_id from ops.consumed_batches order by batch_id")
    assert passed == [{"model": "gate:raw", "batch_id": 1}, {"model": "gate:raw", "batch_id": 2}]


def test_a_broken_critical_rule_stops_and_tells_what_which_how_many_and_the_mend(
    warehouse: Warehouse, project: Settings
) -> None:
    warehouse.execute("update raw.orders set amount = -amount where amount > 10")
    with pytest.raises(GateRed) as raised:
        check_layer(warehouse, project, RUN, "raw")
    message = str(raised.value)
    assert "the raw gate is red for 2025-03-10: 1 critical rules broken in 1 tables" in message
    assert "raw.orders: rule amount_is_not_negative (critical) is broken: 3 rows" in message
    assert "order_id=o1-2, amount=-20.0000" in message
    assert "what to do: mend amount_is_not_negative" in message
    row = results(warehouse)["amount_is_not_negative"]
    assert (row["success"], row["unexpected_count"], row["observed"]) == (False, 3, "3 rows")
    assert warehouse.value("select count(*) from ops.consumed_batches") == 0


def test_a_broken_warning_is_kept_and_does_not_stop(warehouse: Warehouse, project: Settings) -> None:
    warehouse.execute("update raw.orders set currency = 'XAU' where order_id = 'o2-1'")
    assert check_layer(warehouse, project, RUN, "raw") == 2
    row = results(warehouse)["currency_is_known"]
    assert (row["success"], row["unexpected_count"], row["unexpected_share"]) == (False, 1, 0.25)
    assert "order_id=o2-1" in row["sample"]
    assert "currency=XAU" in row["sample"]


def test_a_red_gate_is_checked_again_and_its_results_are_replaced(warehouse: Warehouse, project: Settings) -> None:
    warehouse.execute("update raw.orders set amount = -1 where order_id = 'o1-1'")
    with pytest.raises(GateRed):
        check_layer(warehouse, project, RUN, "raw")
    with pytest.raises(GateRed):
        check_layer(warehouse, project, RUN, "raw")
    warehouse.execute("update raw.orders set amount = 1 where order_id = 'o1-1'")
    assert check_layer(warehouse, project, RUN, "raw") == 2
    assert all(row["success"] for row in results(warehouse).values())


def test_rows_that_passed_are_not_read_again_but_recent_deliveries_are(warehouse: Warehouse, project: Settings) -> None:
    check_layer(warehouse, project, RUN, "raw")
    warehouse.execute("update raw.orders set amount = -1 where order_id = 'o1-1'")  # delivered nine days before
    assert check_layer(warehouse, project, RUN, "raw") == 2
    warehouse.execute("update raw.orders set amount = -1 where order_id = 'o2-1'")  # delivered on the day
    with pytest.raises(GateRed, match="broken: 1 rows"):
        check_layer(warehouse, project, RUN, "raw")


def test_a_gate_on_all_rows_reads_old_ones_too(warehouse: Warehouse, project: Settings, tmp_path: Path) -> None:
    write_suite(tmp_path, [NOT_NEGATIVE], rows="all")
    check_layer(warehouse, project, RUN, "raw")
    warehouse.execute("update raw.orders set amount = -1 where order_id = 'o1-1'")
    with pytest.raises(GateRed, match="broken: 1 rows"):
        check_layer(warehouse, project, RUN, "raw")


def test_batches_the_run_may_not_see_are_left_alone(warehouse: Warehouse, project: Settings) -> None:
    add_batch(warehouse, 3, date(2025, 3, 11), [-1])  # delivered after the business date
    add_batch(warehouse, 4, DAY, [-1], status="failed")
    add_batch(warehouse, 101, DAY, [-1])  # loaded after the run began
    assert check_layer(warehouse, project, RUN, "raw") == 2
    later = RunContext("run-2", date(2025, 3, 11), 101)
    begin(warehouse, later)
    with pytest.raises(GateRed, match="broken: 2 rows"):
        check_layer(warehouse, project, later, "raw")


def test_a_missing_table_is_red(warehouse: Warehouse, project: Settings, tmp_path: Path) -> None:
    write_suite(tmp_path, [NOT_NEGATIVE], rows="all", table="marts.fct_order")
    with pytest.raises(
        GateRed, match=r"marts\.fct_order: rule table_exists \(critical\) is broken: the table is missing"
    ):
        check_layer(warehouse, project, RUN, "raw")
    assert results(warehouse)["table_exists"]["success"] is False


def test_a_missing_column_is_red_and_the_other_rules_are_still_held(warehouse: Warehouse, project: Settings) -> None:
    warehouse.execute("alter table raw.orders drop column currency")
    assert check_layer(warehouse, project, RUN, "raw") == 2
    kept = results(warehouse)
    assert kept["currency_is_known"]["observed"] == "the table has no column currency"
    assert kept["amount_is_not_negative"]["success"] is True


def test_a_rule_whose_sql_fails_is_red(warehouse: Warehouse, project: Settings, tmp_path: Path) -> None:
    write_suite(tmp_path, [rule("lost_column", "select order_id from {batch} where price < 0"), NOT_NEGATIVE])
    with pytest.raises(GateRed, match=r'could not be evaluated: .*column "price" does not exist'):
        check_layer(warehouse, project, RUN, "raw")
    assert results(warehouse)["amount_is_not_negative"]["success"] is True


def test_an_expectation_that_great_expectations_does_not_know_is_no_green(
    warehouse: Warehouse, project: Settings, tmp_path: Path
) -> None:
    write_suite(tmp_path, [NOT_NEGATIVE, CURRENCY | {"type": "expect_wonders"}])
    with pytest.raises(Exception, match=r"expect_wonders|takes 1 of its 2"):
        check_layer(warehouse, project, RUN, "raw")


def test_a_suite_cannot_change_what_it_checks(warehouse: Warehouse, project: Settings, tmp_path: Path) -> None:
    thief = "with gone as (delete from raw.orders returning order_id) select order_id from gone, {batch}"
    write_suite(tmp_path, [rule("thief", thief)])
    with pytest.raises(GateRed, match="could not be evaluated"):
        check_layer(warehouse, project, RUN, "raw")
    assert warehouse.value("select count(*) from raw.orders") == 4


def test_no_view_is_left_behind(warehouse: Warehouse, project: Settings) -> None:
    warehouse.execute("update raw.orders set amount = -1")
    with pytest.raises(GateRed):
        check_layer(warehouse, project, RUN, "raw")
    views = warehouse.rows("select viewname from pg_views where viewname like 'gate%%'", {})
    assert views == []


def test_a_personal_value_is_not_kept(warehouse: Warehouse, project: Settings) -> None:
    warehouse.execute("update raw.orders set currency = 'jean.dupont@example.org'")
    check_layer(warehouse, project, RUN, "raw")
    row = results(warehouse)["currency_is_known"]
    assert row["success"] is False
    assert "currency=hidden:" in row["sample"]
    assert "dupont" not in json.dumps(row, default=str)


def test_a_run_that_is_not_in_progress_is_refused(warehouse: Warehouse, project: Settings) -> None:
    with pytest.raises(ValueError, match="run-9 of 2025-03-10 is not the run in progress"):
        check_layer(warehouse, project, RunContext("run-9", DAY, 100), "raw")


@pytest.mark.parametrize(
    ("ids", "ranges"),
    [([], []), ([4], [(4, 4)]), ([1, 2, 3, 7, 9, 10], [(1, 3), (7, 7), (9, 10)])],
)
def test_ids_become_ranges(ids: list[int], ranges: list[tuple[int, int]]) -> None:
    assert id_ranges(ids) == ranges
