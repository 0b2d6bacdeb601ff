"""Stage identity against a real warehouse: what is written, what is left alone, and when clear values are read."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest

from millibar.pipeline.context import RunContext
from millibar.pipeline.stages import identity
from millibar.settings import Settings
from millibar.sources.contracts import IDENTIFIER_TYPES
from millibar.sources.personal import hash_value
from millibar.warehouse.connect import Warehouse
from unit.pipeline.stages.stage_inputs import AS_OF, contents, fill

SEEN = pd.Timestamp("2025-01-01", tz="UTC")
TABLES = ("identity_nodes", "identity_edges", "identity_clusters", "identity_events")


class Feeds:
    """Puts identifier values, records and links into the warehouse as loader and dbt would."""

    def __init__(self, warehouse: Warehouse, settings: Settings) -> None:
        self.warehouse, self.key = warehouse, settings.hash_key
        self.known: set[str] = set()

    def value(self, kind: str, value: str) -> str:
        hashed = hash_value(self.key, kind, value)
        if hashed not in self.known:
            self.known.add(hashed)
            row = {"identifier_type": [kind], "value_hash": [hashed]}
            seen = pd.DataFrame(row).assign(first_seen_at=SEEN)
            fill(self.warehouse, "intermediate.int_identity__identifiers", seen)
            clear = pd.DataFrame(row).assign(value=value, first_batch_id=1)
            fill(self.warehouse, "pii.identifier_values", clear)
        return hashed

    def record(self, key: str, **carried: str) -> None:
        row = {name: None for name in IDENTIFIER_TYPES} | {kind: self.value(kind, v) for kind, v in carried.items()}
        frame = pd.DataFrame([{"record_key": key, "updated_at": SEEN} | row]).astype(
            {n: "str" for n in IDENTIFIER_TYPES}
        )
        fill(self.warehouse, "intermediate.int_identity__records", frame)

    def link(self, left: tuple[str, str], right: tuple[str, str]) -> None:
        frame = pd.DataFrame([{
            "left_type": left[0], "left_hash": self.value(*left), "right_type": right[0],
            "right_hash": self.value(*right), "evidence": "identity_link", "records": 1, "first_seen_at": SEEN,
            "last_seen_at": SEEN,
        }])  # fmt: skip
        fill(self.warehouse, "intermediate.int_identity__links", frame)


@pytest.fixture
def feeds(inputs: Warehouse, settings: Settings) -> Feeds:
    feeds = Feeds(inputs, settings)
    feeds.record("crm:1", email="Anna@Mail.fr", phone="06 12 34 56 79")
    feeds.record("shop:7", phone="+33612345679")
    feeds.record("shop:8", email="na@na.fr")
    feeds.record("shop:9")
    feeds.link(("email", "anna@mail.fr"), ("cookie_id", "cookie-77"))
    feeds.value("cookie_id", "cookie-78")
    return feeds


def next_day(run: RunContext, days: int = 1) -> RunContext:
    return replace(run, run_id=f"run-{days + 1}", as_of=AS_OF + timedelta(days=days))


def customer(warehouse: Warehouse, kind: str, node: str) -> str:
    return str(warehouse.value(
        "select customer_id from scores.identity_clusters where node_type = %(kind)s and node_hash = %(node)s",
        {"kind": kind, "node": node},
    ))  # fmt: skip


def test_records_values_and_links_become_customers(feeds: Feeds, settings: Settings, run: RunContext) -> None:
    written = identity.run(feeds.warehouse, settings, run)
    warehouse = feeds.warehouse
    assert written == sum(warehouse.value(f"select count(*) from scores.{table}") for table in TABLES)
    anna = customer(warehouse, "record", "crm:1")
    assert customer(warehouse, "record", "shop:7") == anna
    assert customer(warehouse, "cookie_id", hash_value(settings.hash_key, "cookie_id", "cookie-77")) == anna
    # Anna, the two records without a usable identifier, na@na.fr by itself, the other cookie
    assert warehouse.value("select count(distinct customer_id) from scores.identity_clusters") == 5
    known = warehouse.value("select count(distinct customer_id) from scores.identity_clusters where is_known")
    assert known == 3
    # both spellings of the address have one node, which is the hash of the normal form
    nodes = {row["node_hash"] for row in warehouse.rows(
        "select node_hash from scores.identity_nodes where identifier_type = 'email' and is_usable"
    )}  # fmt: skip
    assert nodes == {hash_value(settings.hash_key, "email", "anna@mail.fr")}
    held = warehouse.rows("select reason from scores.identity_edges where status = 'held'")
    assert [row["reason"] for row in held] == ["email unusable: placeholder"]
    fit = warehouse.rows("select * from ops.model_runs where model = 'identity'")[0]
    assert fit["fit_quality"]["customers"] == 5
    assert fit["fit_quality"]["unusable"] == {"email placeholder": 1}


def test_every_identifier_has_a_node_and_every_node_a_customer(
    feeds: Feeds, settings: Settings, run: RunContext
) -> None:
    feeds.value("phone", "call me\x01 maybe'); drop table x;--")
    feeds.value("email", "日本語@例え.jp")
    identity.run(feeds.warehouse, settings, run)
    orphans = feeds.warehouse.value("""
        select count(*) from intermediate.int_identity__identifiers as i
        left join scores.identity_nodes as n using (identifier_type, value_hash)
        left join scores.identity_clusters as c on c.node_type = n.identifier_type and c.node_hash = n.node_hash
        where c.customer_id is null
    """)
    assert orphans == 0


def test_running_again_writes_nothing(feeds: Feeds, settings: Settings, run: RunContext) -> None:
    identity.run(feeds.warehouse, settings, run)
    before = {table: contents(feeds.warehouse, f"scores.{table}") for table in TABLES}
    assert identity.run(feeds.warehouse, settings, run) == 0
    assert identity.run(feeds.warehouse, settings, next_day(run)) == 0
    assert {table: contents(feeds.warehouse, f"scores.{table}") for table in TABLES} == before


def test_a_day_writes_only_what_changed(feeds: Feeds, settings: Settings, run: RunContext) -> None:
    identity.run(feeds.warehouse, settings, run)
    anna = customer(feeds.warehouse, "record", "crm:1")
    feeds.link(("email", "anna@mail.fr"), ("cookie_id", "cookie-78"))
    later = next_day(run)
    identity.run(feeds.warehouse, settings, later)
    changed = feeds.warehouse.rows(
        "select node_type, customer_id from scores.identity_clusters where as_of = %(day)s", {"day": later.as_of}
    )
    assert changed == [{"node_type": "cookie_id", "customer_id": anna}]
    events = feeds.warehouse.rows("select event, customer_id, as_of from scores.identity_events")
    assert events == [{"event": "merge", "customer_id": anna, "as_of": later.as_of}]


def test_a_record_taken_back_leaves_the_clusters(feeds: Feeds, settings: Settings, run: RunContext) -> None:
    identity.run(feeds.warehouse, settings, run)
    feeds.warehouse.execute("delete from intermediate.int_identity__records where record_key = 'shop:7'")
    identity.run(feeds.warehouse, settings, next_day(run))
    gone = "select count(*) from scores.identity_clusters where node_hash = 'shop:7'"
    assert feeds.warehouse.value(gone) == 0


def test_clear_values_are_read_only_while_a_node_is_missing(feeds: Feeds, settings: Settings, run: RunContext) -> None:
    identity.run(feeds.warehouse, settings, run)
    feeds.warehouse.execute("delete from pii.identifier_values")
    assert identity.run(feeds.warehouse, settings, next_day(run)) == 0


def test_a_value_whose_clear_text_comes_later_is_normalised_then(
    feeds: Feeds, settings: Settings, run: RunContext
) -> None:
    feeds.warehouse.execute("create table kept as select * from pii.identifier_values")
    feeds.warehouse.execute("delete from pii.identifier_values")
    identity.run(feeds.warehouse, settings, run)
    assert feeds.warehouse.value("select count(*) from scores.identity_nodes where is_usable") == 0
    feeds.warehouse.execute("insert into pii.identifier_values select * from kept")
    identity.run(feeds.warehouse, settings, next_day(run))
    assert feeds.warehouse.value("select count(*) from scores.identity_nodes where not is_usable") == 1


def test_a_late_placeholder_splits_the_customer_and_keeps_lineage(
    feeds: Feeds, settings: Settings, run: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    feeds.record("shop:10", email="caisse@magasin.fr")
    feeds.record("shop:11", email="caisse@magasin.fr")
    identity.run(feeds.warehouse, settings, run)
    parent = customer(feeds.warehouse, "record", "shop:10")
    assert customer(feeds.warehouse, "record", "shop:11") == parent
    rules = identity.load_rules(settings)
    placeholders = rules.placeholders | {"email": (*rules.placeholders["email"], "caisse@magasin.fr")}
    monkeypatch.setattr(identity, "load_rules", lambda _: replace(rules, placeholders=placeholders))
    identity.run(feeds.warehouse, settings, next_day(run))
    assert customer(feeds.warehouse, "record", "shop:10") != customer(feeds.warehouse, "record", "shop:11")
    events = feeds.warehouse.rows("select event, customer_id, because from scores.identity_events")
    assert {(row["event"], row["customer_id"]) for row in events} == {("split", parent)}
    assert all("email unusable: placeholder" in row["because"] for row in events)


def test_a_failure_while_writing_leaves_everything_as_it_was(
    feeds: Feeds, settings: Settings, run: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the plug was pulled")

    monkeypatch.setattr(identity, "record_model_run", fail)
    with pytest.raises(RuntimeError, match="plug"):
        identity.run(feeds.warehouse, settings, run)
    assert all(feeds.warehouse.value(f"select count(*) from scores.{table}") == 0 for table in TABLES)


def test_an_empty_warehouse_gives_nothing(inputs: Warehouse, settings: Settings, run: RunContext) -> None:
    assert identity.run(inputs, settings, run) == 0
