"""A person is erased: nothing of the person is anywhere, totals stand, others are untouched, old files do not bring it back."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import copytree

import pytest

from e2e.house import DAYS, House, HouseMaker, opened
from millibar.pipeline import context
from millibar.pipeline.context import RunInProgress
from millibar.privacy.erasure import erase, preview
from millibar.privacy.person import AlreadyErased, UnknownCustomer
from millibar.privacy.tombstones import KEY_PREFIX
from millibar.sources.contracts import FEEDS, IDENTIFIER_TYPES
from millibar.warehouse.connect import Warehouse

LONG_ENOUGH = 8  # a shorter value may stand inside another one by chance, so it is looked for as a whole
TOTALS = {
    "touchpoints": "select count(*) from marts.fct_touchpoint",
    "orders": "select count(*) from marts.fct_order",
    "revenue": "select sum(amount) from marts.fct_order",
    "returns": "select count(*) from marts.fct_return",
    "journeys": "select count(*) from marts.fct_journey where is_converted",
    "value": "select sum(value)::numeric(18, 4) from marts.fct_conversion",
    "credits": "select round(sum(credit)::numeric, 6) from marts.fct_attributed_touchpoint",
    "raw touchpoints": "select count(*) from raw.touchpoints",
    "rows read": "select sum(rows_read) from ops.load_batches",
    "rows rejected": "select count(*) from ops.rejected_rows",
}


@dataclass(frozen=True)
class Erased:
    """A house from which ``customer_id`` was erased on the eve of the last day, and what the person was."""

    house: House
    customer_id: str
    values: list[str]
    hashes: list[str]
    records: list[str]
    totals: dict[str, object]
    dry: dict[str, dict[str, int]]
    real: dict[str, dict[str, int]]


def choose(warehouse: Warehouse) -> str:
    """A customer with much to erase: orders, touchpoints, several records, something shared with another record."""
    return str(
        warehouse.value(
            """
            with records as (
                select c.customer_id, r.* from raw.customers as r
                join scores.identity_clusters as c
                    on c.node_type = 'record' and c.node_hash = r._source || ':' || r.record_id
            )
            select d.customer_id from marts.dim_customer as d
            where d.orders > 0 and d.touchpoints > 3 and d.records > 1
            order by exists (
                select from records as own join records as other
                    on other.customer_id <> own.customer_id
                    and (other.postal_key = own.postal_key or other.email = own.email or other.phone = own.phone)
                where own.customer_id = d.customer_id
            ) desc, d.records desc, d.orders desc, d.customer_id limit 1
            """
        )
    )


def own_values(warehouse: Warehouse, customer_id: str) -> list[dict[str, str]]:
    """Identifiers of the customer that no record of anybody else carries."""
    carried = " union all ".join(
        f"select '{kind}' as kind, {kind} as value, _source || ':' || record_id as record from raw.customers"
        for kind in IDENTIFIER_TYPES
    )
    return warehouse.rows(
        f"""
        select i.identifier_type, i.value_hash, i.node_hash, v.value from marts.dim_customer_identifier as i
        join pii.identifier_values as v using (identifier_type, value_hash)
        where i.customer_id = %(id)s and not exists (
            select from ({carried}) as r
            join scores.identity_clusters as c on c.node_type = 'record' and c.node_hash = r.record
            where r.kind = i.identifier_type and r.value = i.value_hash and c.customer_id <> %(id)s
        )
        """,
        {"id": customer_id},
    )


def traces(warehouse: Warehouse, needles: list[str]) -> list[str]:
    """Every text or json column of every schema in which one of the needles stands."""
    columns = warehouse.rows(
        """
        select c.table_schema as s, c.table_name as t, c.column_name as c from information_schema.columns as c
        join information_schema.tables as t using (table_schema, table_name)
        where c.table_schema not in ('information_schema', 'pg_catalog')
            and c.data_type in ('text', 'character varying', 'json', 'jsonb', 'uuid', 'ARRAY')
            and t.table_type = 'BASE TABLE'
        """
    )
    assert len(columns) > 200
    found = []
    for column in columns:
        name = f'"{column["c"]}"::text'
        count = warehouse.value(
            f'select count(*) from {column["s"]}."{column["t"]}" where {name} = any(%(all)s) or exists '
            f"(select from unnest(%(long)s::text[]) as n where strpos({name}, n) > 0)",
            {"all": needles, "long": [needle for needle in needles if len(needle) >= LONG_ENOUGH]},
        )
        if count:
            found.append(f"{column['s']}.{column['t']}.{column['c']}: {count}")
    return found


def totals(warehouse: Warehouse) -> dict[str, object]:
    return {name: warehouse.value(query) for name, query in TOTALS.items()}


@pytest.fixture(scope="module")
def erased(lived: House, make_house: HouseMaker) -> Erased:
    house = make_house("erased", "house_eve")
    with opened(house) as warehouse:
        customer_id = choose(warehouse)
        values = own_values(warehouse, customer_id)
        records = [
            row["node_hash"]
            for row in warehouse.rows(
                "select node_hash from scores.identity_clusters where node_type = 'record' and customer_id = %(id)s",
                {"id": customer_id},
            )
        ]
        before = totals(warehouse)
        dry = preview(warehouse, house.settings, customer_id)
        assert totals(warehouse) == before
        real = erase(warehouse, house.settings, customer_id, "the test")
    return Erased(
        house,
        customer_id,
        [row["value"] for row in values],
        sorted({row["value_hash"] for row in values} | {row["node_hash"] for row in values}),
        records,
        before,
        dry.rows,
        real.rows,
    )


@pytest.fixture(scope="module")
def next_day(erased: Erased, make_house: HouseMaker) -> House:
    """The same house after the next daily run."""
    house = make_house("erased_next", "house_erased")
    house.run(DAYS[-1])
    return house


def test_there_was_much_to_erase(erased: Erased, lived: House) -> None:
    with opened(lived) as warehouse:
        found = traces(warehouse, [*erased.values, *erased.hashes, erased.customer_id])
    assert len(found) > 25, found
    assert len(erased.values) > 4
    assert len(erased.records) > 1


def test_a_dry_run_counts_what_the_erasure_takes(erased: Erased) -> None:
    assert erased.dry == erased.real
    assert erased.real["raw.customers"] == {"deleted": len(erased.records)}


def test_at_once_nothing_of_the_person_is_anywhere(erased: Erased) -> None:
    with opened(erased.house) as warehouse:
        assert traces(warehouse, [*erased.values, *erased.records, erased.customer_id]) == []
        # of hashes the tombstones stay, and nothing else
        kept = traces(warehouse, erased.hashes)
        assert [name.split(":")[0] for name in kept] == ["ops.erased_identifiers.value_hash"]
        assert totals(warehouse) == erased.totals


def test_after_the_next_day_nothing_of_the_person_is_anywhere(erased: Erased, next_day: House, lived: House) -> None:
    with opened(next_day) as warehouse, opened(lived) as control:
        assert traces(warehouse, [*erased.values, *erased.records, erased.customer_id]) == []
        kept = traces(warehouse, erased.hashes)
        assert [name.split(":")[0] for name in kept] == ["ops.erased_identifiers.value_hash"]
        assert totals(warehouse) == totals(control) | {"rows rejected": totals(warehouse)["rows rejected"]}
        for table in ("reporting.rpt_daily_activity",):
            assert warehouse.rows(f"select * from {table} order by day, channel") == control.rows(
                f"select * from {table} order by day, channel"
            )


def test_facts_belong_to_one_nobody_afterwards(erased: Erased, next_day: House) -> None:
    with opened(next_day) as warehouse:
        keys = warehouse.rows(
            "select crm_id, count(*) as rows, count(distinct f.customer_id) as customers from raw.touchpoints as r"
            " join marts.fct_touchpoint as f using (_row_key) where crm_id like %(key)s group by 1",
            {"key": f"{KEY_PREFIX}%"},
        )
        assert len(keys) == 1
        assert keys[0]["rows"] >= erased.real["raw.touchpoints"]["made anonymous"]
        assert keys[0]["customers"] == 1
        nobody = warehouse.rows(
            "select d.* from marts.dim_customer as d where d.customer_id in (select f.customer_id from"
            " marts.fct_touchpoint as f join raw.touchpoints as r using (_row_key) where r.crm_id like %(key)s)",
            {"key": f"{KEY_PREFIX}%"},
        )
        assert len(nobody) == 1
        assert not nobody[0]["is_known"]
        assert nobody[0]["records"] == 0
        assert nobody[0]["orders"] > 0


def test_everybody_else_is_untouched(erased: Erased, next_day: House, lived: House) -> None:
    query = (
        "select customer_id, is_known, records, crm_id, loyalty_id, email, phone, touchpoints, contacts, orders, revenue,"
        " consent_email, consent_sms from marts.dim_customer where is_known and customer_id <> %(id)s order by 1"
    )
    with opened(next_day) as warehouse, opened(lived) as control:
        assert warehouse.rows(query, {"id": erased.customer_id}) == control.rows(query, {"id": erased.customer_id})
        for table in ("pii.customers", "raw.customers"):
            assert control.value(f"select count(*) from {table}") - warehouse.value(
                f"select count(*) from {table}"
            ) == len(erased.records)


def test_old_files_delivered_again_do_not_bring_the_person_back(erased: Erased, make_house: HouseMaker) -> None:
    """Every file of the past again, with one line more, so that each replaces what it brought."""
    house = _with_every_file_again(make_house("erased_again", "house_erased"))
    house.run(DAYS[-1])
    with opened(house) as warehouse:
        assert warehouse.value("select count(*) from ops.load_batches where status = 'replaced'") > 50
        assert traces(warehouse, [*erased.values, *erased.records, erased.customer_id]) == []
        reasons = warehouse.rows(
            "select * from ops.rejected_rows where reason = 'erased person' and (value is not null or raw_line is not null)"
        )
        assert reasons == []
        assert warehouse.value("select count(*) from ops.rejected_rows where reason = 'erased person'") >= len(
            erased.records
        )
        unbalanced = warehouse.rows(
            "select * from ops.load_batches where status = 'loaded' and"
            " rows_read <> rows_loaded + rows_duplicate + rows_rejected"
        )
        assert unbalanced == []
        for name in ("touchpoints", "orders", "revenue", "raw touchpoints"):
            assert warehouse.value(TOTALS[name]) >= erased.totals[name]


def test_erasing_twice_is_harmless(erased: Erased) -> None:
    with opened(erased.house) as warehouse:
        with pytest.raises(AlreadyErased, match="erased before"):
            erase(warehouse, erased.house.settings, erased.customer_id, "the test")
        assert warehouse.value("select count(*) from ops.erasures") == 1
        nobody = warehouse.value(
            "select f.customer_id from marts.fct_touchpoint as f join raw.touchpoints as r using (_row_key)"
            " where r.crm_id like %(key)s limit 1",
            {"key": f"{KEY_PREFIX}%"},
        )
        with pytest.raises((AlreadyErased, UnknownCustomer)):
            erase(warehouse, erased.house.settings, nobody, "the test")


def test_a_run_under_way_refuses_the_erasure(erased: Erased) -> None:
    with opened(erased.house) as warehouse:
        other = warehouse.value("select customer_id from marts.dim_customer where is_known order by 1 limit 1")
        context.begin(warehouse, "holder", DAYS[-2], "test")
        try:
            with pytest.raises(RunInProgress, match="holder"):
                erase(warehouse, erased.house.settings, other, "the test")
            assert preview(warehouse, erased.house.settings, other).rows
        finally:
            context.end(warehouse, "holder")
        assert warehouse.value("select count(*) from ops.erasures") == 1


def test_the_book_of_erasures_names_nobody(erased: Erased) -> None:
    with opened(erased.house) as warehouse:
        (row,) = warehouse.rows("select * from ops.erasures")
        assert row["erased_by"] == "the test"
        assert row["rows_erased"] == erased.real
        assert erased.customer_id not in str(row)
        feeds = {name for name, feed in FEEDS.items() if feed.identifiers}
        assert {f"raw.{name}" for name in feeds} & set(row["rows_erased"])


def _with_every_file_again(house: House) -> House:
    landing = house.settings.state / "landing"
    copytree(house.settings.landing, landing)
    for path in landing.rglob("*.csv*"):
        _append_blank(path)
    return replace(house, settings=replace(house.settings, landing=landing))


def _append_blank(path: Path) -> None:
    """Other contents, the same rows: an empty line at the end."""
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()) + b"\n"))
    else:
        path.write_bytes(path.read_bytes() + b"\n")
