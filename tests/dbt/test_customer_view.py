"""The unified customer view against identities written by hand: golden values, periods, history, aliases, evidence."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

import psycopg2
import pytest

from dbt.invoked import UNCHECKED
from dbt.landed import begin, land
from dbt.resolved import Identity, event, resolve
from millibar.warehouse.connect import Warehouse
from millibar.warehouse.publish import publish

Dbt = Callable[..., None]

DAY = date(2025, 3, 1)
CORE = ("build", "--selector", "core", *UNCHECKED)


@pytest.fixture
def view(warehouse: Warehouse, dbt: Dbt) -> Callable[..., None]:
    """Build everything up to core at a business date, with the identity given."""

    def build(day: date, identity: Identity, *, staging: bool = False) -> None:
        begin(warehouse, day)
        if staging:
            dbt("build", "--selector", "staging", *UNCHECKED)
        resolve(warehouse, identity)
        dbt(*CORE)

    return build


def golden(warehouse: Warehouse, customer: str) -> dict[str, dict[str, Any]]:
    rows = warehouse.rows("select * from pii.customer_golden where customer_id = %(id)s", {"id": customer})
    return {row["field"]: row for row in rows}


def one(warehouse: Warehouse, sql: str, **values: Any) -> dict[str, Any]:
    rows = warehouse.rows(sql, values)
    assert len(rows) == 1, rows
    return rows[0]


@pytest.mark.slow
def test_golden_values_and_where_they_come_from(warehouse: Warehouse, view: Callable[..., None]) -> None:
    land(warehouse, "customers", DAY, [
        {"record_id": "1", "updated_at": "2025-01-01T00:00:00Z", "email": "hash-own", "phone": "hash-old-phone",
         "first_name": "Chloé", "last_name": "Martin", "birth_date": "1984-05-06", "street": "5 rue Haute",
         "stated_channel": "sms"},
    ], source="crm_shop")  # fmt: skip
    land(warehouse, "customers", DAY, [
        {"record_id": "2", "updated_at": "2025-02-01T00:00:00Z", "email": "hash-na", "phone": "hash-phone",
         "first_name": "chloé", "last_name": "Martin-Duval", "birth_date": "1900-01-01", "stated_hour": 18},
        {"record_id": "3", "updated_at": "2025-02-02T00:00:00Z", "email": "hash-na", "first_name": "Clo",
         "birth_date": "1900-01-01"},
    ], source="crm_ecommerce")  # fmt: skip
    for kind, value, clear in (("email", "hash-own", "chloe@example.org"), ("email", "hash-na", "na@na.fr")):
        warehouse.execute(
            "insert into pii.identifier_values values (%(kind)s, %(value)s, %(clear)s, 1)",
            {"kind": kind, "value": value, "clear": clear},
        )
    view(DAY, {
        ("record", "crm_shop:1"): "A", ("record", "crm_ecommerce:2"): "A", ("record", "crm_ecommerce:3"): "B",
        ("email", "hash-own"): "A", ("email", "hash-na"): ("N", "placeholder"),
        ("phone", "hash-phone"): "A", ("phone", "hash-old-phone"): "A",
    }, staging=True)  # fmt: skip

    of_a = golden(warehouse, "A")
    assert {field: row["value"] for field, row in of_a.items()} == {
        "first_name": "chloé", "last_name": "Martin-Duval", "birth_date": "1984-05-06", "street": "5 rue Haute",
        "email": "chloe@example.org", "phone": "hash-phone", "stated_channel": "sms", "stated_hour": "18",
    }  # fmt: skip
    assert (of_a["birth_date"]["source"], of_a["birth_date"]["record_key"]) == ("crm_shop", "crm_shop:1")
    assert of_a["email"]["losing_values"] == [
        {"value": "na@na.fr", "source": "crm_ecommerce", "record": "crm_ecommerce:2",
         "updated_at": "2025-02-01T00:00:00+00:00"}
    ]  # fmt: skip
    assert (of_a["first_name"]["candidates"], of_a["first_name"]["losing_values"]) == (1, None)
    assert (of_a["last_name"]["rule"], of_a["last_name"]["candidates"]) == ("most_trusted", 2)

    of_b = golden(warehouse, "B")  # a placeholder stands where there is nothing else, and counts as nothing
    assert {field: row["is_placeholder"] for field, row in of_b.items()} == {
        "email": True, "birth_date": True, "first_name": False,
    }  # fmt: skip
    counted = warehouse.value("select count(*) from seeds.survivorship_rules where is_counted")
    told = {row["customer_id"]: row for row in warehouse.rows("select * from marts.dim_customer")}
    assert told["A"]["completeness"] == pytest.approx(6 / counted)
    assert told["B"]["completeness"] == pytest.approx(1 / counted)
    assert (told["A"]["email"], told["A"]["phone"], told["A"]["records"]) == ("hash-own", "hash-phone", 2)
    assert told["N"]["completeness"] is None


@pytest.mark.slow
def test_only_touched_customers_are_computed_again(warehouse: Warehouse, view: Callable[..., None], dbt: Dbt) -> None:
    land(warehouse, "customers", DAY, [person(number) for number in range(4)])
    identity: dict[tuple[str, str], Any] = {record(number): f"C{number}" for number in range(4)}
    view(DAY, identity, staging=True)
    before = versions(warehouse)
    land(warehouse, "customers", DAY + timedelta(days=1), [person(1) | {"first_name": "Other", "country": "BE"}])
    view(DAY + timedelta(days=1), identity)
    after = versions(warehouse)
    assert {name: sorted(i for i in was if was[i] != after[name][i]) for name, was in before.items()} == {
        "intermediate.int_customer__golden": ["C1"],
        "pii.customer_golden": ["C1"],
        "marts.dim_customer": ["C1"],
    }
    assert golden(warehouse, "C1")["first_name"]["value"] == "Other"
    # an analyst changes a rule: everybody is chosen again, without being told
    warehouse.execute("update seeds.survivorship_rules set rule = 'longest' where field = 'first_name'")
    view(DAY + timedelta(days=1), identity)
    assert {name for name in versions(warehouse)["pii.customer_golden"]} == {f"C{number}" for number in range(4)}
    assert warehouse.value("select count(*) from pii.customer_golden where rule = 'longest' and field <> 'street'") == 4


@pytest.mark.slow
def test_an_identifier_belongs_to_one_customer_at_a_time(warehouse: Warehouse, view: Callable[..., None]) -> None:
    land(warehouse, "customers", DAY, [person(1) | {"phone": "p"}, person(2) | {"phone": "p", "email": "mail"}])
    land(warehouse, "touchpoints", DAY, [
        touch("t1", "2025-01-10", cookie_id="cookie"), touch("t2", "2025-02-20", cookie_id="cookie"),
        touch("t3", "2025-02-21", device_id="tablet"),
    ])  # fmt: skip
    begin(warehouse, DAY)
    identity: Identity = {
        record(1): "A", record(2): "B", ("phone", "p"): "B", ("email", "mail"): "B", ("cookie_id", "cookie"): "B",
        ("device_id", "tablet"): ("T", None, 0.0),
    }  # fmt: skip
    for kind, value in (("phone", "p"), ("cookie_id", "cookie")):
        for customer, start, end in (("A", None, "2025-02-01"), ("B", "2025-02-01", None)):
            warehouse.execute(
                "insert into scores.identity_periods values (%(k)s, %(v)s, %(c)s, %(s)s, %(e)s, '2025-03-01', 'run')",
                {"k": kind, "v": value, "c": customer, "s": start, "e": end},
            )
    view(DAY, identity, staging=True)
    rows = warehouse.rows("select * from marts.dim_customer_identifier order by identifier_type, valid_from")
    told = [
        (row["identifier_type"], row["customer_id"], f"{row['valid_from']:%m-%d}", row["valid_to"] is None,
         row["is_current"], row["permitted_use"], row["confidence"])
        for row in rows
    ]  # fmt: skip
    assert told == [
        ("cookie_id", "A", "01-10", False, False, "analysis", None),
        ("cookie_id", "B", "02-01", True, True, "contact", 1.0),
        ("device_id", "T", "02-21", True, True, "analysis", 0.0),
        ("email", "B", "01-02", True, True, "contact", 1.0),
        ("phone", "A", "01-01", False, False, "analysis", None),
        ("phone", "B", "02-01", True, True, "contact", 1.0),
    ]
    # the number is B's now: it does not speak for A where A has another
    assert one(warehouse, "select doubts from intermediate.int_customer__records where record_id = '1'")["doubts"] == (
        "phone:1"
    )


@pytest.mark.slow
def test_records_keep_their_history_and_retired_ids_are_found(warehouse: Warehouse, view: Callable[..., None]) -> None:
    land(warehouse, "customers", DAY, [person(number) for number in range(4)])
    apart: dict[tuple[str, str], Any] = {record(number): f"C{number}" for number in range(4)}
    view(DAY, apart | {("cookie_id", "k"): "V"}, staging=True)
    assert aliases(warehouse) == {}

    day = DAY + timedelta(days=1)  # C1 goes into C0, the visitor V into C1 and so into C0; C3 into C2
    event(warehouse, day, "merge", "C0", "C1")
    event(warehouse, day, "merge", "C1", "V")
    event(warehouse, day, "merge", "C2", "C3")
    merged = apart | {record(1): "C0", record(3): "C2", ("cookie_id", "k"): "C0"}
    view(day, merged)
    assert aliases(warehouse) == {
        "C1": ("C0", "C1 > C0", "records"), "V": ("C0", "V > C1 > C0", "merges"), "C3": ("C2", "C3 > C2", "records"),
    }  # fmt: skip
    history = "select customer_id, valid_from, valid_to from marts.identity_crosswalk where record_id = '1' order by 2"
    assert [tuple(row.values()) for row in warehouse.rows(history)] == [("C1", DAY, day), ("C0", day, None)]

    view(day, apart | {record(3): "C2"})  # the day runs again and says otherwise: what began on it never was
    assert [tuple(row.values()) for row in warehouse.rows(history)] == [("C1", DAY, None)]
    view(day, merged)
    assert [tuple(row.values()) for row in warehouse.rows(history)] == [("C1", DAY, day), ("C0", day, None)]

    third = DAY + timedelta(days=2)  # C0 splits: record 1 becomes D; C3 takes its own id back
    event(warehouse, third, "split", "C0", "D")
    event(warehouse, third, "split", "C2", "C3")
    view(third, merged | {record(1): "D", record(3): "C3"})
    assert aliases(warehouse) == {"C1": ("D", "C1 > C0 > D", "records"), "V": ("C0", "V > C1 > C0", "merges")}
    assert [tuple(row.values()) for row in warehouse.rows(history)] == [
        ("C1", DAY, day), ("C0", day, third), ("D", third, None),
    ]  # fmt: skip
    current = warehouse.value("select count(*) from marts.identity_crosswalk where is_current")
    assert current == warehouse.value("select count(distinct record_key) from marts.identity_crosswalk") == 4


@pytest.mark.slow
def test_evidence_review_and_quality_are_told_in_words(warehouse: Warehouse, dbt: Dbt) -> None:
    land(warehouse, "customers", DAY, [person(number) for number in range(3)])
    begin(warehouse, DAY)
    dbt("build", "--selector", "staging", *UNCHECKED)
    resolve(warehouse, {record(number): f"C{number}" for number in range(3)})
    levels = (("name", 10, 2, "same name", 6.0), ("name", 10, 0, "other name", -4.5), ("birth", 20, 1, "one digit", 3.25),
              ("mail", 30, -1, "not known of both", 0.0))  # fmt: skip
    for comparison, position, level, label, weight in levels:
        warehouse.execute(
            "insert into scores.identity_levels values ('m1', %(c)s, %(p)s, %(l)s, %(t)s, %(w)s, '2025-03-01', 'run')",
            {"c": comparison, "p": position, "l": level, "t": label, "w": weight},
        )
    edge(warehouse, 0, 1, "probabilistic", 0.7, weight=1.25, levels="{2,1,-1}", model="m1")
    edge(warehouse, 0, 2, "probabilistic", 0.1, weight=-3.0, levels="{0,1,-1}", model="m1", status="refused")
    edge(warehouse, 1, 2, "identity_link", 0.95)
    for left, right in ((0, 1), (0, 2)):
        warehouse.execute(
            "insert into scores.identity_review values (%(l)s, %(r)s, 0.7, 'near the threshold', %(lc)s, %(rc)s, "
            "'2025-03-01', 'run')",
            {"l": record(left)[1], "r": record(right)[1], "lc": f"C{left}", "rc": f"C{right}"},
        )
    warehouse.execute(
        "insert into ops.model_runs values ('run', '2025-03-01', 'identity', '{}', '{}', "
        """'{"records": 3, "refusals": {"guards": {"birth date": 2}}, "note": "x", "share": null}', 1.5)"""
    )
    models = ("identity_evidence", "identity_review", "identity_quality", "identity_refusal", "int_customer__records")
    dbt("build", "-s", *models, "--indirect-selection", "cautious")

    sums = warehouse.rows(
        "select left_node, right_node, sum(weight) as weight, count(*) as rows from marts.identity_evidence "
        "where rule = 'probabilistic' group by 1, 2 order by 2"
    )
    assert [(row["weight"], row["rows"]) for row in sums] == [(1.25, 4), (-3.0, 4)]
    link = one(warehouse, "select label, weight from marts.identity_evidence where rule = 'identity_link'")
    assert link["label"].startswith("Observed together")
    assert link["weight"] == pytest.approx(4.2479, abs=1e-4)  # log2(.95 / .05)
    told = {row["right_record"]: row["evidence"] for row in warehouse.rows("select * from marts.identity_review")}
    assert told[record(1)[1]] == (
        "rest: Base rate of the model and rarity of the values (-8.0); name: same name (+6.0); birth: one digit (+3.3)"
    )
    assert told[record(2)[1]].startswith("name: other name (-4.5); birth: one digit (+3.3)")
    figures = {row["metric"]: row["value"] for row in warehouse.rows("select * from marts.identity_quality")}
    assert figures == {"records": 3, "refusals.guards.birth date": 2}


@pytest.mark.slow
def test_clear_values_stay_in_pii_and_the_reader_out_of_it(
    warehouse: Warehouse, run_day: Callable[..., None], reader_uri: str
) -> None:
    clear = {"first_name": "Zébulon", "last_name": "Quarantedeux", "street": "1 impasse Introuvable", "city": "Nulpart"}
    land(warehouse, "customers", DAY, [person(1) | clear | {"birth_date": "1977-07-07", "email": "hash"}])
    land(warehouse, "touchpoints", DAY, [touch("t1", "2025-02-20", email="hash")])
    warehouse.execute("insert into pii.identifier_values values ('email', 'hash', 'zebulon@example.org', 1)")
    run_day(DAY)
    publish(warehouse, "run", DAY)
    values = {*clear.values(), "1977-07-07", "zebulon@example.org"}
    kept = {row["value"] for row in warehouse.rows("select value from pii.customer_golden")}
    assert values <= kept
    for schema in ("bi", "reporting", "marts", "intermediate", "staging"):
        found = {
            (table, value) for table in tables(warehouse, schema) for value in values if holds(warehouse, table, value)
        }
        assert found == set(), schema
    assert "pii" not in " ".join(tables(warehouse, "bi"))
    with Warehouse.open(reader_uri) as reader:
        assert reader.value("select count(*) from bi.rpt_customer") >= 1
        for table in ("pii.customer_golden", "marts.dim_customer", "intermediate.int_customer__completeness"):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                reader.value(f"select count(*) from {table}")


def person(number: int) -> dict[str, Any]:
    return {"record_id": str(number), "updated_at": f"2025-01-0{number or 9}T00:00:00Z", "first_name": f"Name {number}"}


def record(number: int) -> tuple[str, str]:
    return ("record", f"test_customers:{number}")


def touch(name: str, day: str, **identifiers: str) -> dict[str, Any]:
    return {"touchpoint_id": name, "occurred_at": f"{day}T10:00:00Z", "channel": "direct", "event_type": "visit"} | (
        identifiers
    )


def versions(warehouse: Warehouse) -> dict[str, dict[str, str]]:
    """Table -> customer -> the transactions that wrote its rows: what is not written again keeps them."""
    names = ("intermediate.int_customer__golden", "pii.customer_golden", "marts.dim_customer")
    return {
        name: {
            row["customer_id"]: row["written_by"]
            for row in warehouse.rows(
                f"select customer_id, string_agg(distinct xmin::text, ',') as written_by from {name} group by 1"
            )
        }
        for name in names
    }


def aliases(warehouse: Warehouse) -> Mapping[str, tuple[str, str, str]]:
    rows = warehouse.rows("select * from marts.customer_alias")
    return {row["alias_id"]: (row["customer_id"], row["chain"], row["basis"]) for row in rows}


def edge(
    warehouse: Warehouse,
    left: int,
    right: int,
    rule: str,
    score: float,
    *,
    weight: float | None = None,
    levels: str | None = None,
    model: str | None = None,
    status: str = "accepted",
) -> None:
    warehouse.execute(
        "insert into scores.identity_edges (left_type, left_node, right_type, right_node, rule, score, evidence, status, "
        "weight, levels, model_version, as_of, run_id) values ('record', %(l)s, 'record', %(r)s, %(rule)s, %(score)s, 1, "
        "%(status)s, %(weight)s, %(levels)s, %(model)s, '2025-03-01', 'run')",
        {"l": record(left)[1], "r": record(right)[1], "rule": rule, "score": score, "status": status, "weight": weight,
         "levels": levels, "model": model},
    )  # fmt: skip


def tables(warehouse: Warehouse, schema: str) -> list[str]:
    rows = warehouse.rows(
        "select table_name from information_schema.tables where table_schema = %(schema)s", {"schema": schema}
    )
    return [f"{schema}.{row['table_name']}" for row in rows]


def holds(warehouse: Warehouse, table: str, value: str) -> bool:
    """Whether any column of any row has the value, whatever its type."""
    assert re.fullmatch(r"\w+\.\w+", table)
    sql = f"select exists (select 1 from {table} as rows where position(%(value)s in rows::text) > 0)"
    return bool(warehouse.value(sql, {"value": value}))
