"""An erased person's rows at the loader: left out or without an owner, in whatever spelling, and never in the clear."""

from __future__ import annotations

import pytest

from millibar.privacy.tombstones import ERASED, KEY_PREFIX, RECORD, VALUE_ONLY, Tombstones, record_hash
from millibar.settings import Settings
from millibar.sources.personal import hash_value
from millibar.warehouse.connect import Warehouse
from unit.sources.shop import DAY, Shop, make_source

TOUCHES = """
source: newsletter
feed: touchpoints
location: {path: "{date}/news*.csv"}
format: csv
columns:
  touchpoint_id: id
  occurred_at: {from: at, timezone: Europe/Paris}
  channel: {value: email}
  event_type: {value: click}
  comment: comment
  loyalty_id: card
  email: email
  phone: phone
  cookie_id: cookie
limits: {max_rejected_share: 0.05}
"""
TOUCH_HEADER = "id,at,comment,card,email,phone,cookie"
CUSTOMERS = """
source: crm
feed: customers
location: {path: "{date}/crm*.csv"}
format: csv
columns:
  record_id: id
  updated_at: {from: at, timezone: Europe/Paris}
  first_name: first
  last_name: last
  birth_date: born
  email: email
  postal_key: address
limits: {max_rejected_share: 0.05}
"""
CRM_HEADER = "id,at,first,last,born,email,address"
LINKS = """
source: logins
feed: identity_links
location: {path: "{date}/logins*.csv"}
format: csv
columns:
  left_type: {value: email}
  left_value: email
  right_type: {value: cookie_id}
  right_value: cookie
  observed_at: {from: at, timezone: Europe/Paris}
"""
CONSENTS = """
source: consent_forms
feed: consents
location: {path: "{date}/forms*.csv"}
format: csv
columns:
  changed_at: {from: at, timezone: Europe/Paris}
  channel: {value: email}
  granted: yes_no
  email: email
  device_id: device
"""
AT = "2025-02-28 10:00:00"
MAIL, PHONE, COOKIE, ADDRESS = "zoe.durand@example.org", "06 12 98 76 54", "cookie-of-zoe-1", "3 rue des Lilas 44000"


@pytest.fixture
def shop(warehouse: Warehouse, settings: Settings) -> Shop:
    """A shop where Zoe was erased: her mail, phone, record crm:7; her cookie and address by value only."""
    for kind, value, erasure in (
        ("email", MAIL, 1),
        ("phone", "+33612987654", 1),
        (f"{VALUE_ONLY}cookie_id", COOKIE, 1),
        (f"{VALUE_ONLY}postal_key", ADDRESS, 1),
        ("email", "second@example.org", 2),
    ):
        _stone(warehouse, kind, hash_value(settings.hash_key, kind.removeprefix(VALUE_ONLY), value), erasure)
    _stone(warehouse, RECORD, record_hash(settings.hash_key, "crm:7"), 1)
    return Shop(warehouse, settings, make_source(settings.sources, TOUCHES))


def _stone(warehouse: Warehouse, kind: str, form: str, erasure: int) -> None:
    warehouse.execute(
        "insert into ops.erased_identifiers (identifier_type, value_hash, erasure_id) values (%(k)s, %(v)s, %(e)s)",
        {"k": kind, "v": form, "e": erasure},
    )


def _file(header: str, *rows: str) -> bytes:
    return "\n".join((header, *rows, "")).encode()


def _owners(shop: Shop) -> dict[str, dict[str, str | None]]:
    rows = shop.warehouse.rows("select touchpoint_id, crm_id, loyalty_id, email, phone, cookie_id from raw.touchpoints")
    return {row.pop("touchpoint_id"): row for row in rows}


def _clear_values(shop: Shop) -> set[str]:
    return {row["value"] for row in shop.warehouse.rows("select value from pii.identifier_values")}


def _balanced(shop: Shop) -> None:
    for batch in shop.batches():
        assert batch["rows_read"] == batch["rows_loaded"] + batch["rows_duplicate"] + batch["rows_rejected"]


def test_touchpoints_stay_as_nobodys_under_one_key_of_the_load(shop: Shop) -> None:
    shop.deliver(
        _file(
            TOUCH_HEADER,
            f"t1,{AT},call me,,{MAIL},,new-cookie",
            f"t2,{AT},,,,{PHONE},",
            f"t3,{AT},,,second@example.org,,",
            f"t4,{AT},fine,,other@example.org,,",
        )
    )
    (file,) = shop.load().files
    assert (file.status, file.counts.read, file.counts.loaded, file.counts.rejected) == ("loaded", 4, 4, 0)
    owners = _owners(shop)
    keys = {name: owners[name]["crm_id"] for name in ("t1", "t2", "t3")}
    assert all(key and key.startswith(KEY_PREFIX) and len(key) == 32 for key in keys.values())
    assert keys["t1"] == keys["t2"] != keys["t3"], "one person, one key; another person, another key"
    assert all(value is None for name in keys for kind, value in owners[name].items() if kind != "crm_id")
    assert owners["t4"]["email"] == hash_value(shop.settings.hash_key, "email", "other@example.org")
    assert _clear_values(shop) == {"other@example.org"}
    assert shop.warehouse.rows("select touchpoint_id, comment from pii.touchpoints") == [
        {"touchpoint_id": "t4", "comment": "fine"}
    ]


@pytest.mark.parametrize("spelling", [MAIL.upper(), f" {MAIL} ", f"mailto:{MAIL}", "Zoe.Durand@Example.org"])
def test_another_spelling_is_the_same_person(shop: Shop, spelling: str) -> None:
    shop.deliver(_file(TOUCH_HEADER, f"t1,{AT},,,{spelling},,"))
    shop.load()
    assert (_owners(shop)["t1"]["crm_id"] or "").startswith(KEY_PREFIX)
    assert _clear_values(shop) == set()


def test_what_a_living_customer_did_stays_theirs_without_the_erased_value(shop: Shop) -> None:
    shop.deliver(_file(TOUCH_HEADER, f"t1,{AT},,L-2000456,{MAIL},,"))
    shop.load()
    (owner,) = _owners(shop).values()
    assert owner["crm_id"] is None
    assert owner["loyalty_id"] == hash_value(shop.settings.hash_key, "loyalty_id", "L-2000456")
    assert owner["email"] is None
    assert _clear_values(shop) == {"L-2000456"}


def test_a_cookie_alone_is_nobodys_and_with_others_left_out(shop: Shop) -> None:
    shop.deliver(_file(TOUCH_HEADER, f"t1,{AT},,,,,{COOKIE}", f"t2,{AT},,,other@example.org,,{COOKIE}"))
    shop.load()
    owners = _owners(shop)
    assert (owners["t1"]["crm_id"] or "").startswith(KEY_PREFIX)
    assert owners["t1"]["cookie_id"] is None
    assert owners["t2"]["crm_id"] is None
    assert owners["t2"]["cookie_id"] is None
    assert owners["t2"]["email"] is not None
    assert _clear_values(shop) == {"other@example.org"}


def test_records_are_not_taken_in_by_record_or_by_mail(shop: Shop) -> None:
    crm = shop.use(CUSTOMERS)
    crm.deliver(
        _file(
            CRM_HEADER,
            f"7,{AT},Zoé,Durand,1980-02-03,new.mail@example.org,",
            f"8,{AT},Zoe,Durand,1980-02-03,{MAIL},",
            f"9,{AT},Max,Petit,1990-01-04,max@example.org,{ADDRESS}",
        ),
        "crm.csv",
    )
    (file,) = crm.load().files
    assert (file.status, file.counts.loaded, file.counts.rejected) == ("loaded", 1, 2), (
        "2 of 3 is above the limit of 5 %"
    )
    assert crm.raw("record_id, postal_key", "customers") == [("9", None)]
    assert [(row["reason"], row["value"], row["raw_line"], row["line"]) for row in crm.rejected()] == [
        (ERASED, None, None, 2),
        (ERASED, None, None, 3),
    ]
    assert crm.warehouse.rows("select first_name from pii.customers") == [{"first_name": "Max"}]
    assert _clear_values(crm) == {"max@example.org"}
    _balanced(crm)


def test_a_faulty_row_of_an_erased_person_is_kept_without_its_line(shop: Shop) -> None:
    crm = shop.use(CUSTOMERS)
    crm.deliver(
        _file(
            CRM_HEADER,
            f"8,not a date,Zoe,Durand,1980-02-03,{MAIL.upper()},",
            f"9,{AT},Zoe,Durand,1980-02-03,{MAIL},x,too,many,fields",
            f"10,{AT},Max,Petit,1990-01-04,max@example.org,",
        ),
        "crm.csv",
    )
    (file,) = crm.load().files
    assert (file.status, file.counts.rejected, file.counts.loaded) == ("loaded", 2, 1)
    assert [(row["reason"], row["value"], row["raw_line"]) for row in crm.rejected()] == [(ERASED, None, None)] * 2


def test_faults_of_others_still_count_against_the_limit(shop: Shop) -> None:
    crm = shop.use(CUSTOMERS)
    crm.deliver(_file(CRM_HEADER, f"8,{AT},Zoe,Durand,,{MAIL},", "9,not a date,Max,Petit,,max@example.org,"), "crm.csv")
    (file,) = crm.load().files
    assert file.status == "failed"
    assert "1990" not in (file.message or "")
    assert MAIL not in (file.message or "")


def test_links_and_consents_of_an_erased_person_are_left_out(shop: Shop) -> None:
    logins = shop.use(LINKS)
    logins.deliver(
        _file("email,cookie,at", f"{MAIL},c-other-1,{AT}", f"a@b.org,{COOKIE},{AT}", f"a@b.org,c-other-1,{AT}"),
        "logins.csv",
    )
    logins.load()
    assert logins.warehouse.value("select count(*) from raw.identity_links") == 1
    forms = shop.use(CONSENTS)
    forms.deliver(
        _file("at,yes_no,email,device", f"{AT},true,{MAIL},device-1", f"{AT},false,a@b.org,device-1"), "forms.csv"
    )
    forms.load()
    assert forms.raw("granted", "consents") == [(False,)]
    assert [row["reason"] for row in shop.rejected()] == [ERASED] * 3
    assert _clear_values(shop) == {"a@b.org", "c-other-1", "device-1"}
    _balanced(shop)


def test_an_erased_fact_keeps_its_key_whatever_comes_again(shop: Shop) -> None:
    """A row that was the person's by a shared phone has no tombstone, but its key."""
    shop.deliver(_file(TOUCH_HEADER, f"t1,{AT},hello,,shared@example.org,,", f"t2,{AT},,,a@b.org,,"))
    shop.load()
    key = KEY_PREFIX + "0" * 25
    shop.warehouse.execute(
        "update raw.touchpoints set crm_id = %(key)s, email = null, _row_hash = 'x' where touchpoint_id = 't1'",
        {"key": key},
    )
    shop.warehouse.execute("delete from pii.touchpoints")
    shop.deliver(
        _file(TOUCH_HEADER, f"t1,{AT},hello,,shared@example.org,,", f"t2,{AT},hi,,a@b.org,,", f"t3,{AT},,,{MAIL},,")
    )
    shop.load()
    owners = _owners(shop)
    assert (owners["t1"]["crm_id"], owners["t1"]["email"]) == (key, None)
    assert owners["t2"]["email"] is not None
    assert shop.warehouse.rows("select touchpoint_id from pii.touchpoints") == [{"touchpoint_id": "t2"}]
    _balanced(shop)


def test_a_corrected_file_takes_an_erased_fact_away_as_any_other(shop: Shop) -> None:
    shop.deliver(_file(TOUCH_HEADER, f"t1,{AT},,,gone@example.org,,", f"t2,{AT},,,a@b.org,,"))
    shop.load()
    moved = shop.warehouse.value(
        "insert into ops.load_batches (source, feed, file, delivered_on, status) values"
        " ('newsletter', 'touchpoints', 'erasure', %(day)s, 'loaded') returning batch_id",
        {"day": DAY},
    )
    shop.warehouse.execute(
        "update raw.touchpoints set crm_id = 'erased:1', email = null, _batch_id = %(b)s where touchpoint_id = 't1'",
        {"b": moved},
    )
    shop.deliver(_file(TOUCH_HEADER, f"t2,{AT},,,a@b.org,,"))
    shop.load()
    assert shop.raw("touchpoint_id") == [("t2",)]


def test_each_load_has_keys_of_its_own(shop: Shop, settings: Settings) -> None:
    shop.deliver(_file(TOUCH_HEADER, f"t1,{AT},,,{MAIL},,"))
    shop.load()
    shop.deliver(_file(TOUCH_HEADER, f"t2,{AT},,,{MAIL},,"), "news2.csv")
    shop.load()
    owners = _owners(shop)
    assert owners["t1"]["crm_id"] != owners["t2"]["crm_id"]


def test_without_tombstones_the_loader_asks_nothing(warehouse: Warehouse, settings: Settings) -> None:
    assert Tombstones.read(warehouse, settings) is None


def test_a_look_up_is_made_once_a_distinct_value(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    ask = Tombstones._ask
    monkeypatch.setattr(Tombstones, "_ask", lambda self, kind, value: asked.append(value) or ask(self, kind, value))
    shop.deliver(_file(TOUCH_HEADER, *(f"t{n},{AT},,,user{n % 50}@example.org,,cookie-{n % 40}" for n in range(5_000))))
    (file,) = shop.load().files
    assert file.counts.loaded == 5_000
    assert len(asked) == 90
