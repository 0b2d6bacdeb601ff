"""What an erasure takes, what it leaves to others, and when it refuses."""

from __future__ import annotations

import logging

import psycopg2.errors
import pytest

from millibar.identity.customer_ids import hash_id
from millibar.pipeline import context
from millibar.pipeline.context import RunInProgress
from millibar.privacy.erasure import NotErasable, Report, erase, preview
from millibar.privacy.person import CUSTOMER, AlreadyErased, NotAPerson, NotResolved, UnknownCustomer
from millibar.privacy.tombstones import KEY_PREFIX, RECORD, VALUE_ONLY, record_hash
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse
from unit.privacy.town import Town

ZOE, MAX, BOTH, HUB = "c_zoe", "c_max", "c_family_mail", "c_call_center"
MAIL, PHONE, ODD_PHONE = "zoe.durand@example.org", "+33612987654", "06 12 9"
FAMILY_MAIL, HUB_PHONE, ADDRESS = "durand@example.org", "+33140000000", "3 rue des lilas 44000"


@pytest.fixture
def town(warehouse: Warehouse, settings: Settings) -> Town:
    """Zoe and Max Durand: one address, one family mail; Zoe also has a malformed phone and a call center's."""
    town = Town(warehouse, settings)
    town.value("crm_id", "C-1", ZOE)
    town.value("email", MAIL, ZOE)
    town.value("email", MAIL.upper(), ZOE, normal=MAIL)
    town.value("phone", PHONE, ZOE)
    town.value("cookie_id", "cookie-of-zoe", ZOE)
    town.value("phone", ODD_PHONE, "c_odd_phone", usable=False, reason="malformed")
    town.value("crm_id", "C-2", MAX)
    town.value("email", "max.durand@example.org", MAX)
    town.value("email", FAMILY_MAIL, BOTH)
    town.value("phone", HUB_PHONE, HUB)
    town.value("postal_key", ADDRESS, "c_address")
    town.record("7", ZOE, crm_id="C-1", email=MAIL.upper(), phone=ODD_PHONE, postal_key=ADDRESS)
    town.record("8", ZOE, email=FAMILY_MAIL, phone=HUB_PHONE)
    town.record("9", MAX, crm_id="C-2", email=FAMILY_MAIL, postal_key=ADDRESS)
    town.record("10", MAX, phone=HUB_PHONE, email="max.durand@example.org")
    town.touch("t1", "2025-02-01", crm_id="C-1", cookie_id="cookie-of-zoe")
    town.touch("t2", "2025-02-02", email=MAIL)
    town.touch("t3", "2025-02-03", email=FAMILY_MAIL)
    town.touch("t4", "2025-02-04", crm_id="C-2")
    town.touch("t5", "2025-02-05", phone=ODD_PHONE)
    town.order("o1", "2025-02-06", 40, crm_id="C-1")
    town.order("o2", "2025-02-07", 50, crm_id="C-2", email=MAIL)
    town.consent("2025-02-01", email=MAIL)
    town.consent("2025-02-01", email=FAMILY_MAIL)
    town.link("email", MAIL, "cookie_id", "cookie-of-zoe")
    town.link("email", FAMILY_MAIL, "crm_id", "C-2")
    town.build()
    return town


def rub_out(town: Town, customer_id: str = ZOE) -> Report:
    return erase(town.warehouse, town.settings, customer_id, "ann")


def test_the_persons_rows_go_and_those_of_the_household_stay(town: Town) -> None:
    report = rub_out(town)
    assert report.rows["raw.customers"] == {"deleted": 2}
    assert report.rows["pii.customers"] == {"deleted": 2}
    assert report.rows["raw.consents"] == {"deleted": 1}
    assert report.rows["raw.identity_links"] == {"deleted": 1}
    assert {row["record_id"] for row in town.warehouse.rows("select record_id from raw.customers")} == {"9", "10"}
    shared = {FAMILY_MAIL, HUB_PHONE, ADDRESS}
    assert town.clear_values() == {*shared, "C-2", "max.durand@example.org"}
    assert {kind for kind, _ in report.kept} == {"email", "phone", "postal_key"}
    assert FAMILY_MAIL not in str(report.kept)


def test_facts_stay_under_one_random_customer_and_others_keep_theirs(town: Town) -> None:
    rub_out(town)
    owners = town.owners()
    nobody = owners["t1"]
    assert owners == {"t1": nobody, "t2": nobody, "t5": nobody, "t3": BOTH, "t4": MAX}
    rows = town.warehouse.rows("select * from raw.touchpoints where touchpoint_id in ('t1', 't2', 't5')")
    (key,) = {row["crm_id"] for row in rows}
    assert key.startswith(KEY_PREFIX)
    assert nobody == hash_id(f"crm_id:{key}"), "the id the next run gives it"
    assert all(row[kind] is None for row in rows for kind in ("email", "phone", "cookie_id", "loyalty_id"))
    comments = town.warehouse.rows("select touchpoint_id from pii.touchpoints order by 1")
    assert [row["touchpoint_id"] for row in comments] == ["t3", "t4"]
    assert town.warehouse.value("select sum(amount) from raw.orders") == 90


def test_two_erased_persons_share_nothing(town: Town) -> None:
    rub_out(town)
    rub_out(town, MAX)
    keys = town.warehouse.rows("select distinct crm_id from raw.touchpoints where crm_id like 'erased:%%'", {})
    assert len(keys) == 2
    assert town.clear_values() == set(), "with Max gone nobody else has the family's values"


def test_an_order_with_a_borrowed_mail_stays_the_borrowers_without_it(town: Town) -> None:
    rub_out(town)
    (row,) = town.warehouse.rows("select r.*, f.customer_id from raw.orders as r join marts.fct_order as f"
                                 " using (_row_key) where order_id = 'o2'")  # fmt: skip
    assert row["customer_id"] == MAX
    assert row["crm_id"] == town.hash("crm_id", "C-2")
    assert row["email"] is None


def test_moved_rows_stand_in_batches_of_their_own_that_reconcile(town: Town) -> None:
    rub_out(town)
    rows = town.warehouse.rows("select * from ops.load_batches order by batch_id")
    assert sum(row["rows_loaded"] for row in rows) == 100
    assert all(row["rows_read"] == row["rows_loaded"] for row in rows)
    moved = [row for row in rows if row["file"] == "erasure"]
    assert {(row["feed"], row["rows_loaded"]) for row in moved} == {("touchpoints", 3), ("orders", 2)}
    assert {str(row["delivered_on"]) for row in moved} == {"2025-03-01"}
    for row in moved:
        found = town.warehouse.value(f"select count(*) from raw.{row['feed']} where _batch_id = {row['batch_id']}")
        assert found == row["rows_loaded"]
    removed = town.warehouse.rows("select feed, count(*) as rows from ops.removed_rows group by 1 order by 1")
    assert {row["feed"]: row["rows"] for row in removed} == {"consents": 1, "customers": 2, "identity_links": 1}


def test_tombstones_are_of_what_only_the_person_had(town: Town) -> None:
    rub_out(town)
    stones = town.stones()
    assert ("email", town.hash("email", MAIL)) in stones
    assert ("email", town.hash("email", MAIL.upper())) in stones
    assert ("crm_id", town.hash("crm_id", "C-1")) in stones
    assert (RECORD, record_hash(town.settings.hash_key, "crm:7")) in stones
    assert (f"{VALUE_ONLY}cookie_id", town.hash("cookie_id", "cookie-of-zoe")) in stones
    assert (f"{VALUE_ONLY}phone", town.hash("phone", ODD_PHONE)) in stones, "who else writes so is not refused"
    told = {form for _, form in stones}
    for kind, value in (("email", FAMILY_MAIL), ("phone", HUB_PHONE), ("postal_key", ADDRESS), ("crm_id", "C-2")):
        assert town.hash(kind, value) not in told


def test_a_dry_run_counts_the_same_and_writes_nothing(town: Town) -> None:
    before = _everything(town.warehouse)
    dry = preview(town.warehouse, town.settings, ZOE)
    assert _everything(town.warehouse) == before
    real = rub_out(town)
    assert (dry.rows, dry.kept, dry.tombstones, dry.records) == (real.rows, real.kept, real.tombstones, real.records)
    assert dry.erasure_id is None
    assert _everything(town.warehouse) != before


def test_a_recycled_phone_stays_its_new_owners(town: Town) -> None:
    """Zoe's until March, then Max's: the touchpoints and consents of her time go with her."""
    node = town.hash("phone", "+33700112233")
    town.value("phone", "+33700112233", MAX)
    for customer, start, end in ((ZOE, None, "2025-03-01"), (MAX, "2025-03-01", None)):
        town.warehouse.execute(
            "insert into scores.identity_periods (node_type, node_hash, customer_id, valid_from, valid_to, as_of, run_id)"
            " values ('phone', %(n)s, %(c)s, %(s)s, %(e)s, '2025-03-02', 'r')",
            {"n": node, "c": customer, "s": start, "e": end},
        )
    town.touch("hers", "2025-02-20", phone="+33700112233")
    town.touch("his", "2025-03-20", phone="+33700112233")
    town.consent("2025-02-21", phone="+33700112233")
    town.consent("2025-03-21", phone="+33700112233")
    for table in ("intermediate.int_identity__signatures", "intermediate.int_identity__row_signatures",
                  "intermediate.int_identity__signature_customers", "marts.fct_touchpoint", "marts.fct_order"):  # fmt: skip
        town.warehouse.execute(f"delete from {table}")
    town.build()
    assert (town.owners()["hers"], town.owners()["his"]) == (ZOE, MAX)
    report = rub_out(town)
    assert town.owners()["his"] == MAX
    assert town.owners()["hers"] == town.owners()["t1"]
    assert "+33700112233" in town.clear_values()
    assert ("phone", node) not in town.stones()
    assert report.rows["raw.consents"] == {"deleted": 2}
    left = town.warehouse.rows("select changed_at::date::text as on from raw.consents where phone is not null")
    assert left == [{"on": "2025-03-21"}]
    periods = town.warehouse.rows("select customer_id from scores.identity_periods")
    assert periods == [{"customer_id": MAX}]


def test_what_the_person_was_tied_to_is_clustered_again(town: Town) -> None:
    town.edge("email", town.hash("email", FAMILY_MAIL), "record", "crm:8", "held")
    town.edge("email", town.hash("email", FAMILY_MAIL), "record", "crm:9", "held")
    town.edge("record", "crm:8", "record", "crm:10", "refused")
    town.edge("email", town.hash("email", "max.durand@example.org"), "record", "crm:10")
    rub_out(town)
    touched = town.warehouse.rows("select node_type, node_hash, because from scores.identity_touched")
    found = {(row["node_type"], row["node_hash"]) for row in touched}
    assert ("record", "crm:10") in found
    assert ("email", town.hash("email", FAMILY_MAIL)) in found
    assert not {node for node in found if node[1] in ("crm:7", "crm:8", town.hash("email", MAIL))}
    edges = town.warehouse.rows("select left_node, right_node from scores.identity_edges")
    assert {row["right_node"] for row in edges} == {"crm:9", "crm:10"}
    assert len(edges) == 2


def test_refused_rows_that_name_the_person_keep_their_place_and_nothing_else(town: Town) -> None:
    lines = {
        1: f"11;bad date;Zoé;{MAIL};x",
        2: "7;bad date;Zoé;;x",  # the record's id in its source
        3: f"12;bad;Max;{FAMILY_MAIL};77",
        4: '{"id": "13", "crm": "C-1"}',
        5: "14;C-12;C-1b",
    }
    for line, text in lines.items():
        town.warehouse.execute(
            "insert into pii.rejected_rows (batch_id, source, feed, file, line, reason, raw_line) values"
            " (%(b)s, 'crm', 'customers', 'f', %(l)s, 'birth_date is not a date', %(t)s)",
            {"b": town.batch, "l": line, "t": text},
        )
    report = rub_out(town)
    rows = town.warehouse.rows("select line, raw_line, reason from pii.rejected_rows order by line")
    assert [row["line"] for row in rows if row["raw_line"] is None] == [1, 2, 4]
    assert {row["reason"] for row in rows if row["raw_line"] is None} == {"erased person"}
    assert report.rows["pii.rejected_rows"] == {"made anonymous": 3}


def test_samples_and_messages_that_quote_an_id_lose_it(town: Town) -> None:
    for sample in (f"customer_id={ZOE}", f"customer_id={ZOE}2", town.hash("email", MAIL), "crm:71"):
        town.warehouse.execute(
            "insert into ops.quality_results (run_id, as_of, layer, suite, table_name, expectation, success, severity,"
            " sample) values ('r', '2025-03-01', 'core', 's', 't', 'e', false, 'warning', %(s)s)",
            {"s": sample},
        )
    rub_out(town)
    samples = town.warehouse.rows("select sample from ops.quality_results order by 1")
    assert sorted(row["sample"] for row in samples) == ["(erased)", "(erased)", "crm:71", f"customer_id={ZOE}2"]


def test_names_only_the_person_had_leave_the_models_frequencies(town: Town) -> None:
    for record, family in (("crm:7", "durand"), ("crm:9", "durand"), ("crm:8", "rarissime")):
        town.warehouse.execute(
            "insert into pii.identity_features (record_key, row_key, features_version, family_name) values"
            " (%(r)s, gen_random_uuid(), 1, %(f)s)",
            {"r": record, "f": family},
        )
    for name in ("durand", "rarissime"):
        town.warehouse.execute(
            "insert into pii.identity_frequencies (model_version, column_name, value, frequency, as_of, run_id)"
            " values ('m', 'family_name', %(n)s, 0.5, '2025-03-01', 'r')",
            {"n": name},
        )
    report = rub_out(town)
    assert town.warehouse.rows("select value from pii.identity_frequencies") == [{"value": "durand"}]
    assert town.warehouse.rows("select record_key from pii.identity_features") == [{"record_key": "crm:9"}]
    assert report.rows["pii.identity_frequencies"] == {"deleted": 1}


def test_an_id_retired_by_merges_leads_to_the_living_one_and_goes_with_it(town: Town) -> None:
    for old, new in (("c_older", "c_old"), ("c_old", ZOE)):
        town.warehouse.execute(
            "insert into scores.identity_events (event, customer_id, other_customer_id, as_of, run_id)"
            " values ('merge', %(n)s, %(o)s, '2025-03-01', 'r')",
            {"n": new, "o": old},
        )
    assert preview(town.warehouse, town.settings, "c_older").customer_id == ZOE
    erase(town.warehouse, town.settings, "c_older", "ann")
    assert town.warehouse.value("select count(*) from scores.identity_events") == 0
    for name in (ZOE, "c_old", "c_older"):
        with pytest.raises(AlreadyErased, match="erasure 1"):
            rub_out(town, name)
    assert {kind for kind, _ in town.stones()} >= {CUSTOMER}
    assert town.warehouse.value("select count(*) from ops.erasures") == 1


def test_an_id_whose_records_went_elsewhere_leads_there(town: Town) -> None:
    """The marts know more than the merges: they follow the records a retired id held last."""
    town.warehouse.execute("create table marts.customer_alias (alias_id text, customer_id text)")
    town.warehouse.execute("insert into marts.customer_alias values ('c_split', %(id)s)", {"id": ZOE})
    assert rub_out(town, "c_split").customer_id == ZOE
    assert town.warehouse.value("select count(*) from marts.customer_alias") == 0
    with pytest.raises(AlreadyErased):
        rub_out(town, "c_split")


@pytest.mark.parametrize(
    "hostile", ["nobody", "", "x'; drop table raw.customers; --", "c_zoe' or '1'='1", "%", "c_zo_", "é" * 500]
)
def test_an_unknown_id_is_refused_and_is_never_code(town: Town, hostile: str) -> None:
    before = _everything(town.warehouse)
    with pytest.raises(UnknownCustomer, match="no customer has the id"):
        rub_out(town, hostile)
    assert _everything(town.warehouse) == before


def test_what_several_share_is_nobody_to_erase(town: Town) -> None:
    for shared in (BOTH, HUB, "c_address"):
        with pytest.raises(NotAPerson, match="several customers share"):
            rub_out(town, shared)


def test_facts_of_an_erased_person_cannot_be_erased_again(town: Town) -> None:
    rub_out(town)
    key = town.warehouse.value("select crm_id from raw.touchpoints where touchpoint_id = 't1'")
    town.belongs("crm_id", key, hash_id(f"crm_id:{key}"))
    with pytest.raises(AlreadyErased, match="facts of an erased person"):
        rub_out(town, hash_id(f"crm_id:{key}"))


def test_while_a_run_is_under_way_nothing_is_erased(town: Town) -> None:
    context.begin(town.warehouse, "nightly", context.date(2025, 3, 1), "test")
    before = _everything(town.warehouse)
    with pytest.raises(RunInProgress, match="nightly"):
        rub_out(town)
    assert _everything(town.warehouse) == before
    assert preview(town.warehouse, town.settings, ZOE).rows
    context.end(town.warehouse, "nightly")
    assert rub_out(town).erasure_id == 1


def test_no_run_begins_while_an_erasure_is_open(town: Town) -> None:
    with Warehouse.open(town.settings) as other, town.warehouse.transaction():
        context.require_idle(town.warehouse)
        other.execute("set lock_timeout = '200ms'")
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            context.begin(other, "nightly", context.date(2025, 3, 1), "test")


def test_an_erasure_that_fails_leaves_everything_as_it_was(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _everything(town.warehouse)
    monkeypatch.setattr("millibar.privacy.erasure._set_stones", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        rub_out(town)
    assert _everything(town.warehouse) == before


def test_the_reader_may_not_erase(town: Town, settings: Settings) -> None:
    with Warehouse.open(settings, read_only=True) as reader, pytest.raises(psycopg2.errors.InsufficientPrivilege):
        erase(reader, settings, ZOE, "reader")
    assert town.warehouse.value("select count(*) from ops.erasures") == 0


def test_a_warehouse_without_customers_says_what_is_missing(warehouse: Warehouse, settings: Settings) -> None:
    with pytest.raises(NotErasable, match="millibar run"):
        erase(warehouse, settings, ZOE, "ann")


def test_a_record_no_run_has_resolved_must_be_resolved_first(town: Town) -> None:
    """It may be the person's: the mail would be kept for it, and the next run would bring the person back."""
    town.record("11", ZOE, email=MAIL)
    town.warehouse.execute("delete from scores.identity_clusters where node_hash = 'crm:11'")
    before = _everything(town.warehouse)
    with pytest.raises(NotResolved, match=r"1 CRM records carry .* run the day"):
        rub_out(town)
    assert _everything(town.warehouse) == before


def test_the_log_and_the_book_name_nobody(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        report = rub_out(town)
    (row,) = town.warehouse.rows("select * from ops.erasures")
    told = caplog.text + str(row)
    for personal in (ZOE, MAIL, PHONE, ODD_PHONE, "C-1", "crm:7", town.hash("email", MAIL)):
        assert personal not in told
    assert row["rows_erased"] == report.rows
    assert "erasure 1" in caplog.text


def _everything(warehouse: Warehouse) -> dict[str, list[str]]:
    """Contents of every table."""
    names = warehouse.rows(
        "select table_schema || '.' || table_name as name from information_schema.tables"
        " where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')"
        " and table_schema not like 'pg_%%' order by 1", {}
    )  # fmt: skip
    return {
        row["name"]: sorted(str(entry) for entry in warehouse.rows(f"select * from {row['name']}")) for row in names
    }
