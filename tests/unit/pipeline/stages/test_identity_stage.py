"""Stage identity against a real warehouse: the proving cases, what is written and what is left alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from millibar.identity.rules import HubLimit
from millibar.pipeline.context import RunContext
from millibar.pipeline.stages import identity
from millibar.pipeline.stages.identity import stage
from millibar.settings import Settings
from millibar.sources.personal import hash_value
from millibar.warehouse.connect import Warehouse
from unit.pipeline.stages.identity_feeds import Feeds, at
from unit.pipeline.stages.stage_inputs import AS_OF, contents

TABLES = (
    "nodes", "edges", "clusters", "periods", "households", "refusals", "review", "quarantine",
)  # fmt: skip
ANNA = {"first_name": "Anna", "last_name": "Morel", "birth_date": "1984-05-17"}
PAUL = {"first_name": "Paul", "last_name": "Morel", "birth_date": "1982-11-02"}

Live = Callable[..., int]


@pytest.fixture
def feeds(warehouse: Warehouse, settings: Settings) -> Feeds:
    return Feeds(warehouse, settings)


@pytest.fixture
def live(warehouse: Warehouse, settings: Settings, run: RunContext) -> Live:
    """Run the stage, a day later each time; returns the rows written."""
    days = iter(range(1000))

    def once() -> int:
        day = next(days)
        return identity.run(warehouse, settings, replace(run, run_id=f"run-{day}", as_of=AS_OF + timedelta(days=day)))

    return once


@pytest.fixture
def who(feeds: Feeds) -> Callable[..., str]:
    """Customer of a record (one word) or of an identifier (type and value in normal form)."""

    def customer(kind: str, value: str | None = None) -> str:
        node = kind if value is None else hash_value(feeds.key, kind, value)
        found = feeds.warehouse.value(
            "select customer_id from scores.identity_clusters where node_type = %(kind)s and node_hash = %(node)s",
            {"kind": "record" if value is None else kind, "node": node},
        )
        assert found is not None, f"{kind} {value or ''} has no customer"
        return str(found)

    return customer


def periods(feeds: Feeds, kind: str, value: str) -> list[tuple[str, Any, Any]]:
    rows = feeds.warehouse.rows(
        "select customer_id, valid_from, valid_to from scores.identity_periods "
        "where node_type = %(kind)s and node_hash = %(node)s order by valid_from nulls first",
        {"kind": kind, "node": hash_value(feeds.key, kind, value)},
    )
    return [tuple(row.values()) for row in rows]


def events(feeds: Feeds) -> list[tuple[str, str, str]]:
    rows = feeds.warehouse.rows("select event, customer_id, other_customer_id from scores.identity_events")
    return sorted(tuple(row.values()) for row in rows)


def state(warehouse: Warehouse) -> dict[str, list[dict[str, Any]]]:
    return {table: contents(warehouse, f"scores.identity_{table}") for table in TABLES}


def rebuilt_rows(feeds: Feeds, live: Live) -> int:
    """Rows a full rebuild changes: none where the days before it were right."""
    identity.forget(feeds.warehouse)
    return live()


def a_small_market(feeds: Feeds) -> None:
    feeds.record("crm:1", email="Anna@Mail.fr", phone="06 12 34 56 79", **ANNA)
    feeds.record("shop:7", phone="+33612345679", **ANNA)
    feeds.record("shop:8", email="na@na.fr", first_name="Zoe", last_name="Petit")
    feeds.record("shop:9")
    feeds.link(("email", "anna@mail.fr"), ("cookie_id", "cookie-77"), day=2)
    feeds.row("t1", cookie_id="cookie-77")
    feeds.row("t2", cookie_id="cookie-78")


def test_records_values_and_links_become_customers(feeds: Feeds, live: Live, who: Callable[..., str]) -> None:
    a_small_market(feeds)
    live()
    anna = who("crm:1")
    assert who("shop:7") == anna == who("email", "anna@mail.fr") == who("cookie_id", "cookie-77")
    # Anna, the two records without a usable identifier, na@na.fr by itself, the other cookie
    warehouse = feeds.warehouse
    assert warehouse.value("select count(distinct customer_id) from scores.identity_clusters") == 5
    known = "select count(distinct customer_id) from scores.identity_clusters where is_known"
    assert warehouse.value(known) == 3
    # both spellings of the address have one node, which is the hash of the normal form
    spellings = "select count(*), count(distinct node_hash) as nodes from scores.identity_nodes where identifier_type = 'email' and is_usable"
    assert warehouse.rows(spellings) == [{"count": 2, "nodes": 1}]
    held = warehouse.rows("select reason from scores.identity_edges where status = 'held'")
    assert [row["reason"] for row in held] == ["email unusable: placeholder"]
    fit = warehouse.rows("select * from ops.model_runs where model = 'identity'")[0]
    assert fit["fit_quality"]["customers"] == 5
    assert fit["fit_quality"]["records"] == 4
    assert fit["fit_quality"]["unusable"] == {"email placeholder": 1}


def test_every_identifier_has_a_node_and_every_node_a_customer(feeds: Feeds, live: Live) -> None:
    a_small_market(feeds)
    feeds.row("t3", phone="call me\x01 maybe'); drop table x;--", email="日本語@例え.jp")
    feeds.record("shop:10", phone="\u202e0612345679", last_name='=HYPERLINK(1)\n"x"', first_name="🎉" * 200)
    live()
    orphans = feeds.warehouse.value("""
        select count(*) from (
            select identifier_type, value_hash from intermediate.int_identity__seen
            union select left_type, left_hash from intermediate.int_identity__linked
        ) as i
        left join scores.identity_nodes as n using (identifier_type, value_hash)
        left join scores.identity_clusters as c on c.node_type = n.identifier_type and c.node_hash = n.node_hash
        where c.customer_id is null
    """)
    assert orphans == 0
    assert rebuilt_rows(feeds, live) == 0


def test_running_again_writes_nothing(feeds: Feeds, live: Live) -> None:
    a_small_market(feeds)
    assert live() > 0
    before = state(feeds.warehouse)
    assert live() == 0
    assert state(feeds.warehouse) == before


def test_a_day_touches_only_what_changed(feeds: Feeds, live: Live, who: Callable[..., str]) -> None:
    a_small_market(feeds)
    live()
    anna, guest = who("crm:1"), who("cookie_id", "cookie-78")
    feeds.link(("email", "anna@mail.fr"), ("cookie_id", "cookie-78"), day=9)
    live()
    fit = feeds.warehouse.rows("select inputs from ops.model_runs where run_id = 'run-1'")[0]["inputs"]
    assert fit["closure_nodes"] == 6  # Anna's two records, mail, phone and two cookies
    changed = feeds.warehouse.rows(
        "select node_type, customer_id from scores.identity_clusters where run_id = 'run-1' and customer_id = %(id)s "
        "and node_type = 'cookie_id'",
        {"id": anna},
    )
    assert changed == [{"node_type": "cookie_id", "customer_id": anna}]
    assert events(feeds) == [("merge", anna, guest)]


def test_changed_email_keeps_the_old_one_with_the_customer(feeds: Feeds, live: Live, who: Callable[..., str]) -> None:
    feeds.record("crm:1", day=0, email="old@mail.fr", **ANNA)
    feeds.row("t1", email="old@mail.fr")
    live()
    feeds.record("crm:1", day=30, email="new@mail.fr", **ANNA)
    live()
    assert who("email", "old@mail.fr") == who("email", "new@mail.fr") == who("crm:1")
    edges = feeds.warehouse.rows(
        "select status, last_seen_at from scores.identity_edges where rule = 'record' order by status"
    )
    assert [row["status"] for row in edges] == ["accepted", "ended"]
    assert edges[1]["last_seen_at"] == at(30)
    assert rebuilt_rows(feeds, live) == 0


def test_recycled_phone_number_belongs_to_each_in_turn(feeds: Feeds, live: Live, who: Callable[..., str]) -> None:
    feeds.record("crm:1", day=0, phone="0612345679", email="anna@mail.fr", **ANNA)
    live()
    feeds.record("crm:1", day=30, email="anna@mail.fr", **ANNA)
    live()
    feeds.record("crm:2", day=60, phone="0612345679", email="karim@mail.fr", first_name="Karim", last_name="Haddad")
    live()
    anna, karim = who("crm:1"), who("crm:2")
    assert anna != karim == who("phone", "+33612345679")
    assert periods(feeds, "phone", "+33612345679") == [(anna, None, at(60)), (karim, at(60), None)]
    assert rebuilt_rows(feeds, live) == 0


def test_cookie_that_belonged_to_two_people_in_turn(feeds: Feeds, live: Live, who: Callable[..., str]) -> None:
    feeds.record("crm:1", email="anna@mail.fr", **ANNA)
    feeds.record("crm:2", email="karim@mail.fr", first_name="Karim", last_name="Haddad")
    feeds.link(("email", "anna@mail.fr"), ("cookie_id", "cookie-1"), day=1)
    feeds.link(("email", "anna@mail.fr"), ("cookie_id", "cookie-1"), day=10)
    live()
    anna, karim = who("crm:1"), who("crm:2")
    assert who("cookie_id", "cookie-1") == anna
    feeds.link(("email", "karim@mail.fr"), ("cookie_id", "cookie-1"), day=20)
    live()
    assert periods(feeds, "cookie_id", "cookie-1") == [(anna, None, at(20)), (karim, at(20), None)]
    assert who("cookie_id", "cookie-1") == karim
    assert (who("crm:1"), who("crm:2")) == (anna, karim)
    # Anna was there again: from then on to her last visit it is nobody's
    feeds.link(("email", "anna@mail.fr"), ("cookie_id", "cookie-1"), day=40)
    feeds.link(("email", "karim@mail.fr"), ("cookie_id", "cookie-1"), day=30)
    live()
    told = periods(feeds, "cookie_id", "cookie-1")
    assert [(start, end) for _, start, end in told] == [(None, at(20)), (at(20), at(30)), (at(30), None)]
    assert [told[0][0], told[2][0]] == [anna, anna]
    assert told[1][0] not in (anna, karim)
    assert rebuilt_rows(feeds, live) == 0


def test_shared_tablet_makes_nobody_one(feeds: Feeds, live: Live, who: Callable[..., str]) -> None:
    for name, given in (("anna", ANNA), ("paul", PAUL)):
        feeds.record(f"crm:{name}", email=f"{name}@mail.fr", **given)
        for day in (1, 50):
            feeds.link(("email", f"{name}@mail.fr"), ("device_id", "tablet"), day=day)
        feeds.link(("email", f"{name}@mail.fr"), ("cookie_id", f"cookie-{name}"), day=1)
        feeds.link(("device_id", "tablet"), ("cookie_id", f"cookie-{name}"), day=1)
    feeds.link(("device_id", "tablet"), ("cookie_id", "cookie-guest"), day=20)
    live()
    for name in ("anna", "paul"):
        assert who("cookie_id", f"cookie-{name}") == who(f"crm:{name}")
    assert len({who("crm:anna"), who("crm:paul"), who("cookie_id", "cookie-guest")}) == 3
    held = feeds.warehouse.rows("select distinct reason, uses from scores.identity_edges where status = 'held'")
    assert held == [{"reason": "device_id shared by several customers", "uses": "analysis"}]


def test_call_center_phone_is_quarantined_and_no_evidence(feeds: Feeds, live: Live, who: Callable[..., str]) -> None:
    names = ("Anna Morel", "Karim Haddad", "Lea Petit", "Hugo Blanc", "Ines Roux")
    for number, name in enumerate(names):
        first, last = name.split()
        feeds.record(f"crm:{number}", phone="0612345679", first_name=first, last_name=last)
    live()
    count = "select count(*) from scores.identity_quarantine"
    assert feeds.warehouse.value(count) == 0
    feeds.record("crm:5", phone="0612345679", first_name="Anna", last_name="Morel")
    live()
    rows = feeds.warehouse.rows("select node_type, reason from scores.identity_quarantine")
    assert rows == [{"node_type": "phone", "reason": "phone tied to more than 5 of record"}]
    assert feeds.warehouse.value("select count(*) from pii.identity_features where phone is not null") == 0
    assert len({who(f"crm:{number}") for number in range(6)} | {who("phone", "+33612345679")}) >= 6
    assert rebuilt_rows(feeds, live) == 0
    feeds.without_record("crm:5")
    live()
    assert feeds.warehouse.value(count) == 0
    assert feeds.warehouse.value("select count(*) from pii.identity_features where phone is not null") == 5
    assert rebuilt_rows(feeds, live) == 0


def test_family_email_is_nobodys_and_makes_a_household(feeds: Feeds, live: Live, who: Callable[..., str]) -> None:
    for name, given in (("anna", ANNA), ("paul", PAUL)):
        feeds.record(f"crm:{name}", email="famille.morel@mail.fr", loyalty_id=f"77{len(name)}{name}", **given)
    live()
    assert len({who("crm:anna"), who("crm:paul"), who("email", "famille.morel@mail.fr")}) == 3
    confidence = "select confidence from scores.identity_clusters where node_type = 'email'"
    assert feeds.warehouse.value(confidence) == 0
    rows = feeds.warehouse.rows("select customer_id, household_id, evidence from scores.identity_households")
    assert {row["customer_id"] for row in rows} == {who("crm:anna"), who("crm:paul")}
    assert {row["evidence"] for row in rows} == {"family mail"}
    assert len({row["household_id"] for row in rows}) == 1


def test_a_record_taken_back_leaves_the_clusters(feeds: Feeds, live: Live, who: Callable[..., str]) -> None:
    a_small_market(feeds)
    live()
    feeds.without_record("shop:7")
    live()
    gone = "select count(*) from scores.identity_clusters where node_hash = 'shop:7'"
    assert feeds.warehouse.value(gone) == 0
    ends = "select count(*) from scores.identity_edges where 'shop:7' in (left_node, right_node)"
    assert feeds.warehouse.value(ends) == 0
    assert who("crm:1") == who("phone", "+33612345679")
    assert rebuilt_rows(feeds, live) == 0


def test_merge_then_unmerge_restores_ids(feeds: Feeds, live: Live, who: Callable[..., str]) -> None:
    feeds.record("crm:1", day=0, email="anna@mail.fr", **ANNA)
    feeds.record("crm:2", day=5, phone="0612345679", email="a.morel@mail.fr")
    live()
    apart = (who("crm:1"), who("crm:2"))
    assert apart[0] != apart[1]
    feeds.link(("email", "anna@mail.fr"), ("email", "a.morel@mail.fr"), day=7)
    live()
    assert who("crm:1") == who("crm:2") == apart[0]
    feeds.without_link(("email", "anna@mail.fr"), ("email", "a.morel@mail.fr"), day=7)
    live()
    assert (who("crm:1"), who("crm:2")) == apart
    assert events(feeds) == [("merge", *apart), ("split", *apart)]
    assert rebuilt_rows(feeds, live) == 0


def test_late_blocklist_entry_splits_the_customer_and_keeps_lineage(
    feeds: Feeds, live: Live, who: Callable[..., str], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    feeds.record("shop:10", email="caisse@magasin.fr")
    feeds.record("shop:11", email="caisse@magasin.fr")
    live()
    parent = who("shop:10")
    assert who("shop:11") == parent
    rules = identity.load_rules(settings)
    placeholders = rules.identity.placeholders | {"email": ("caisse@magasin.fr",)}
    changed = replace(rules, identity=replace(rules.identity, placeholders=placeholders))
    monkeypatch.setattr(stage, "load_rules", lambda _: changed)
    live()
    assert who("shop:10") != who("shop:11")
    told = feeds.warehouse.rows("select event, customer_id, because from scores.identity_events")
    assert {(row["event"], row["customer_id"]) for row in told} == {("split", parent)}
    assert all("email unusable: placeholder" in row["because"] for row in told)


def test_another_limit_takes_effect_at_once(
    feeds: Feeds, live: Live, who: Callable[..., str], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    feeds.record("a:1", email="anna@mail.fr")
    feeds.record("a:2", email="anna@mail.fr")
    live()
    rules = identity.load_rules(settings)
    strict = replace(rules, identity=replace(rules.identity, limits=(HubLimit("email", "record", 1),)))
    monkeypatch.setattr(stage, "load_rules", lambda _: strict)
    live()
    assert len({who("a:1"), who("a:2"), who("email", "anna@mail.fr")}) == 3


def test_decisions_stand_above_everything_and_can_be_taken_back(
    feeds: Feeds, live: Live, who: Callable[..., str]
) -> None:
    feeds.record("crm:1", email="anna@mail.fr", **ANNA)
    feeds.record("crm:2", email="anna@mail.fr", **ANNA)
    feeds.record("crm:3", first_name="Karim", last_name="Haddad")
    live()
    assert who("crm:1") == who("crm:2") != who("crm:3")
    decide = "insert into ops.identity_decisions (left_record, right_record, decision, decided_by) values (%(l)s, %(r)s, %(d)s, 'me')"
    feeds.warehouse.execute(decide, {"l": "crm:1", "r": "crm:2", "d": "cannot_link"})
    feeds.warehouse.execute(decide, {"l": "crm:1", "r": "crm:3", "d": "must_link"})
    live()
    assert who("crm:1") == who("crm:3") != who("crm:2")
    reasons = feeds.warehouse.rows("select reason from scores.identity_refusals")
    assert reasons == [{"reason": "manual decision"}]
    assert rebuilt_rows(feeds, live) == 0
    feeds.warehouse.execute("delete from ops.identity_decisions")
    live()
    assert who("crm:1") == who("crm:2") != who("crm:3")
    assert rebuilt_rows(feeds, live) == 0


def test_what_something_outside_touched_is_clustered_again(feeds: Feeds, live: Live) -> None:
    a_small_market(feeds)
    live()
    # an erasure: an edge and a node are gone without the stage's doing
    feeds.warehouse.execute("delete from scores.identity_edges where right_node = 'shop:7' and rule = 'probabilistic'")
    feeds.warehouse.execute(
        "insert into scores.identity_touched (node_type, node_hash, because) values ('record', 'crm:1', 'erased')"
    )
    live()
    fit = feeds.warehouse.rows("select inputs from ops.model_runs where run_id = 'run-1'")[0]["inputs"]
    assert fit["closure_nodes"] == 5
    assert feeds.warehouse.value("select count(*) from scores.identity_touched") == 0


def test_clear_values_are_read_only_while_a_node_is_missing(feeds: Feeds, live: Live) -> None:
    a_small_market(feeds)
    live()
    feeds.warehouse.execute("delete from pii.identifier_values")
    assert live() == 0


def test_a_value_whose_clear_text_comes_later_is_normalised_then(feeds: Feeds, live: Live) -> None:
    a_small_market(feeds)
    feeds.warehouse.execute("create table kept as select * from pii.identifier_values")
    feeds.warehouse.execute("delete from pii.identifier_values")
    live()
    assert feeds.warehouse.value("select count(*) from scores.identity_nodes where is_usable") == 0
    feeds.warehouse.execute("insert into pii.identifier_values select * from kept")
    live()
    assert feeds.warehouse.value("select count(*) from scores.identity_nodes where not is_usable") == 1
    assert rebuilt_rows(feeds, live) == 0


def test_another_spelling_of_an_erased_identifier_names_nobody(
    feeds: Feeds, live: Live, who: Callable[..., str]
) -> None:
    feeds.warehouse.execute(
        "insert into ops.erased_identifiers (identifier_type, value_hash, erasure_id) values ('email', %(hash)s, 1)",
        {"hash": hash_value(feeds.key, "email", "anna@mail.fr")},
    )
    feeds.record("crm:1", email="ANNA@mail.fr", **ANNA)
    feeds.record("crm:2", email="Anna@Mail.fr")
    live()
    assert who("crm:1") != who("crm:2")
    rows = feeds.warehouse.rows("select distinct is_usable, reason from scores.identity_nodes")
    assert rows == [{"is_usable": False, "reason": "erased"}]
    assert feeds.warehouse.value("select count(email) from pii.identity_features") == 0


def test_a_killed_stage_run_again_gives_the_same(feeds: Feeds, live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    a_small_market(feeds)
    live()
    feeds.link(("email", "anna@mail.fr"), ("cookie_id", "cookie-78"), day=9)
    feeds.record("crm:1", day=3, email="other@mail.fr", **ANNA)
    before = state(feeds.warehouse)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the plug was pulled")

    with monkeypatch.context() as broken:
        broken.setattr(stage, "record_model_run", fail)
        with pytest.raises(RuntimeError, match="plug"):
            live()
    assert state(feeds.warehouse) == before
    assert live() > 0
    assert rebuilt_rows(feeds, live) == 0


def test_an_empty_warehouse_gives_nothing(feeds: Feeds, live: Live) -> None:
    assert live() == 0
    assert live() == 0
