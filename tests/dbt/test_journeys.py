"""Journeys and credits day by day: late orders, late returns, changed rules reach whom they concern and nobody else."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from dbt.invoked import UNCHECKED
from dbt.landed import begin, land
from dbt.stand_ins import identify, score
from millibar.warehouse.connect import Warehouse

Dbt = Callable[..., None]
Layers = Callable[..., None]

DAY = date(2025, 3, 1)
CREDIT_TABLE = "intermediate.int_attribution__credits"
FOLLOWING = ("intermediate.int_journey__steps", "marts.fct_journey", CREDIT_TABLE)
PEOPLE = ("ann", "bob", "cleo")
MODELS = "int_attribution__weights+1 int_attribution__credits int_attribution__credit_sums fct_attributed_touchpoint"


@pytest.fixture
def layers(warehouse: Warehouse, dbt: Dbt) -> Layers:
    """Everything up to the credits at a business date, under these dbt variables."""

    def build(day: date, **variables: Any) -> None:
        told = ["--vars", json.dumps(variables)]
        begin(warehouse, day)
        dbt("build", "--selector", "staging", *told, *UNCHECKED)
        identify(warehouse)
        dbt("build", "--selector", "core", *told, *UNCHECKED)
        score(warehouse)
        dbt("run", "--select", *MODELS.split(), *told)
        dbt("test", "--select", "int_attribution__credits", "--exclude", "test_type:unit", "fct_channel_attribution",
            "fct_segment_attribution", "--indirect-selection", "cautious", *told)  # fmt: skip

    return build


def deliver(warehouse: Warehouse) -> None:
    """Three customers, each with two visits and an order two days ago."""
    land(warehouse, "customers", DAY, [
        {"record_id": name, "updated_at": "2025-01-01T00:00:00+00:00", "email": name, "crm_id": f"crm-{name}"}
        for name in PEOPLE
    ])  # fmt: skip
    land(warehouse, "touchpoints", DAY, [
        touch(f"{name}-{number}", name, f"2025-02-2{number}T10:00:00+00:00", channel)
        for name in PEOPLE
        for number, channel in ((5, "search_paid"), (6, "direct"))
    ])  # fmt: skip
    land(warehouse, "orders", DAY, [order(f"o-{name}", name, "2025-02-27T10:00:00+00:00", 100) for name in PEOPLE])


def touch(key: str, name: str, at: str, channel: str) -> dict[str, Any]:
    return {"touchpoint_id": key, "occurred_at": at, "channel": channel, "event_type": "visit", "email": name}


def order(key: str, name: str, at: str, amount: float) -> dict[str, Any]:
    return {"order_id": key, "ordered_at": at, "amount": amount, "sales_channel": "web", "crm_id": f"crm-{name}"}


def column(warehouse: Warehouse, sql: str) -> list[Any]:
    return [next(iter(row.values())) for row in warehouse.rows(sql)]


def written(warehouse: Warehouse) -> dict[str, list[str]]:
    """Table -> customers whose rows the last run wrote anew."""
    sql = "select distinct customer_id from {0} where xmin::text::bigint > (select last_before from mark) order by 1"
    return {table: column(warehouse, sql.format(table)) for table in FOLLOWING}


def mark(warehouse: Warehouse) -> None:
    """From here on rows count as written anew."""
    warehouse.execute("drop table if exists mark")
    warehouse.execute("create table mark as select txid_current() as last_before")


def customer(warehouse: Warehouse, name: str) -> str:
    return str(warehouse.value("select customer_id from marts.fct_order where order_id = %(o)s", {"o": f"o-{name}"}))


@pytest.mark.slow
def test_a_late_order_and_a_late_return_reach_their_customer_alone(warehouse: Warehouse, layers: Layers) -> None:
    net = {"value_net_of_returns": True}
    deliver(warehouse)
    land(warehouse, "returns", DAY, [returned("r1", "o-cleo", 30), returned("r2", "o-cleo", 90)])
    layers(DAY, **net)
    ann, bob, cleo = (customer(warehouse, name) for name in PEOPLE)
    values = "select value from marts.fct_journey where is_converted and customer_id = '{}' order by ended_at"
    assert column(warehouse, values.format(ann)) == [100]
    assert column(warehouse, values.format(cleo)) == [0]  # more came back than was paid: worth nothing, not less
    mark(warehouse)
    land(warehouse, "returns", DAY + timedelta(days=1), [returned("r3", "o-bob", 40), returned("r4", "unknown", 5)])
    layers(DAY + timedelta(days=1), **net)
    assert written(warehouse) == {table: [bob] for table in FOLLOWING}
    assert column(warehouse, values.format(bob)) == [60]
    assert column(warehouse, f"select sum(credit_linear * value) from {CREDIT_TABLE} where customer_id = '{bob}'") == [
        pytest.approx(60)
    ]
    mark(warehouse)
    land(warehouse, "orders", DAY + timedelta(days=2), [order("early", "ann", "2025-01-02T10:00:00+00:00", 10)])
    types = (
        f"select customer_type from marts.fct_journey where customer_id = '{ann}' and is_converted order by ended_at"
    )
    assert column(warehouse, types) == ["new"]
    layers(DAY + timedelta(days=2), **net)
    assert column(warehouse, types) == ["new", "returning"]
    assert written(warehouse) == {table: [ann] for table in FOLLOWING}


def returned(key: str, of: str, amount: float) -> dict[str, Any]:
    return {"return_id": key, "order_id": of, "returned_at": "2025-02-28T09:00:00+00:00", "amount": amount}


@pytest.mark.slow
def test_a_changed_rule_is_taken_up_by_the_next_run(warehouse: Warehouse, layers: Layers) -> None:
    deliver(warehouse)
    layers(DAY)
    ann = customer(warehouse, "ann")
    credits = (
        f"select round(credit_{{}}::numeric, 6)::float8 from {CREDIT_TABLE} where customer_id = '{ann}' order by 1"
    )
    assert column(warehouse, credits.format("position")) == [0.5, 0.5]
    mark(warehouse)
    layers(DAY + timedelta(days=1))
    assert written(warehouse) == {table: [] for table in FOLLOWING}
    rules = {"position_rules": {"position": [0.3, 0.1], "own": [0.2, 0.8]}, "weighted_models": ["house_weights"]}
    layers(DAY + timedelta(days=2), **rules)
    assert written(warehouse)[CREDIT_TABLE] == sorted(customer(warehouse, name) for name in PEOPLE)
    assert column(warehouse, credits.format("position")) == [0.25, 0.75]
    assert column(warehouse, credits.format("own")) == [0.2, 0.8]
    # direct weighs .2 wherever it stands, the search before it 1.5 as the first step
    assert column(warehouse, credits.format("house_weights")) == [
        pytest.approx(0.2 / 1.7, abs=1e-6),
        pytest.approx(1.5 / 1.7, abs=1e-6),
    ]
    models = column(warehouse, "select distinct model from intermediate.int_attribution__credit_sums order by 1")
    assert {"own", "house_weights", "markov_shapley"} < set(models)
    assert "j_shaped" not in models


@pytest.mark.slow
def test_the_place_of_sale_is_a_step_where_no_touch_came_just_before(warehouse: Warehouse, layers: Layers) -> None:
    deliver(warehouse)
    land(warehouse, "touchpoints", DAY, [touch("bob-7", "bob", "2025-02-27T09:45:00+00:00", "email")])
    layers(DAY)
    sql = """
        select channel, sum(credit) as credit, count(touchpoint_id) as touches from marts.fct_attributed_touchpoint
        where model = 'same_touch' and customer_id = %(id)s and credit > 0 group by 1
    """
    rows = {name: warehouse.rows(sql, {"id": customer(warehouse, name)}) for name in ("ann", "bob")}
    assert rows == {
        "ann": [{"channel": "direct", "credit": 1, "touches": 0}],
        "bob": [{"channel": "email", "credit": 1, "touches": 1}],
    }
    assert column(warehouse, "select distinct device from marts.fct_journey") == ["(unknown)"]


@pytest.mark.slow
def test_old_segment_results_leave_the_last_day_of_each_month(warehouse: Warehouse, layers: Layers, dbt: Dbt) -> None:
    deliver(warehouse)
    layers(DAY)
    dbt("run", "--select", "fct_segment_attribution")
    assert column(warehouse, "select distinct as_of from marts.fct_segment_attribution") == [DAY]
    names = ", ".join(
        column(
            warehouse,
            "select column_name from information_schema.columns where table_schema = 'marts' "
            "and table_name = 'fct_segment_attribution' and column_name <> 'as_of' order by ordinal_position",
        )
    )
    kept = [date(2024, 12, 31), DAY - timedelta(days=34)]
    for day in [*kept, date(2024, 12, 30), DAY - timedelta(days=35)]:
        warehouse.execute(
            f"insert into marts.fct_segment_attribution (as_of, {names}) "
            f"select %(day)s, {names} from marts.fct_segment_attribution where as_of = %(now)s",
            {"day": day, "now": DAY},
        )
    dbt("run", "--select", "fct_segment_attribution")
    assert column(warehouse, "select distinct as_of from marts.fct_segment_attribution order by 1") == [*kept, DAY]
