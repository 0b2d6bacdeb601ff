"""The schema: created twice without harm, and a warehouse of a former version brought up to it."""

from __future__ import annotations

from datetime import date

import pytest

from millibar.warehouse import schema
from millibar.warehouse.connect import Warehouse

FORMER = """
drop table scores.attribution_channel, scores.attribution_weight;
create table scores.attribution_channel (
    as_of date not null, run_id text not null, model text not null, channel text not null,
    conversions double precision not null, revenue double precision not null,
    conversions_low double precision, conversions_high double precision, revenue_low double precision,
    revenue_high double precision, removal_effect double precision,
    primary key (as_of, model, channel)
);
create table scores.attribution_weight (
    month date not null, model text not null, channel text not null, weight double precision not null,
    as_of date not null, run_id text not null,
    primary key (month, model, channel)
);
insert into scores.attribution_channel values ('2025-06-30', 'run-1', 'markov', 'email', 5, 50);
insert into scores.attribution_weight values ('2025-06-01', 'markov', 'email', 1.2, '2025-06-30', 'run-1');
"""
KEY = """
    select string_agg(column_name, ', ' order by ordinal_position) from information_schema.key_column_usage
    where table_schema = 'scores' and table_name = %(table)s
"""


def test_creating_again_changes_nothing(warehouse: Warehouse) -> None:
    count = "select count(*) from information_schema.columns where table_schema in ('raw', 'pii', 'ops', 'scores')"
    before = warehouse.value(count)
    schema.create(warehouse)
    assert warehouse.value(count) == before


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("attribution_channel", "as_of, dimension, segment, model, channel"),
        ("attribution_weight", "month, model, channel, place"),
    ],
)
def test_a_former_warehouse_keeps_its_rows(warehouse: Warehouse, table: str, key: str) -> None:
    warehouse.execute(FORMER)
    schema.create(warehouse)
    schema.create(warehouse)
    assert warehouse.value(KEY, {"table": table}) == key
    row = warehouse.rows(f"select * from scores.{table}")[0]
    assert row["as_of"] == date(2025, 6, 30)
    assert (row.get("dimension", "all"), row.get("segment", "all"), row.get("place", "any")) == ("all", "all", "any")
