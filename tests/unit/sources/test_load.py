"""Loading: once, again, corrected, killed, two at a time; read = loaded + duplicates + rejected."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from millibar.sources import load, tables
from millibar.sources.batches import Counts
from millibar.sources.personal import hash_value
from millibar.warehouse.connect import Warehouse
from unit.sources.shop import DAY, TOUCHPOINTS, Shop, lines, row

NEXT_DAY = date(2025, 3, 2)
CUSTOMERS = """
source: crm
feed: customers
location: {path: "{date}/crm*.csv"}
format: csv
columns:
  record_id: id
  updated_at: updated
  first_name: name
  email: email
"""


def customers(*rows: str) -> bytes:
    return ("\n".join(("id,updated,name,email", *rows)) + "\n").encode()


def rows_of(shop: Shop) -> list[tuple[int, int, int, int]]:
    names = ("rows_read", "rows_loaded", "rows_duplicate", "rows_rejected")
    return [tuple(batch[name] for name in names) for batch in shop.batches()]  # type: ignore[misc]


# ---------------------------------------------------------------- what is written


def test_every_column_of_a_row_arrives(shop: Shop) -> None:
    shop.deliver(lines(row(1, at="2025-02-28 10:00:00", cost="1.23456")))
    shop.load()
    (kept,) = shop.warehouse.rows("select * from raw.touchpoints")
    batch = shop.batches()[0]["batch_id"]
    assert kept["occurred_at"].isoformat() == "2025-02-28T09:00:00+00:00"
    assert kept["cost"] == Decimal("1.2346")
    assert kept["email"] == hash_value(shop.settings.hash_key, "email", "a@example.org")
    assert (kept["channel"], kept["event_type"], kept["theme"]) == ("email", "open", None)
    assert (kept["_source"], kept["_batch_id"], kept["_file"]) == ("newsletter", batch, "2025-03-01/news.csv")
    assert (kept["_row_number"], kept["_delivered_on"]) == (2, DAY)
    key = shop.warehouse.value(
        "select md5(int4send(10) || 'newsletter'::bytea || int4send(2) || 't1'::bytea)::uuid::text"
    )
    assert kept["_row_key"] == key


def test_identifiers_are_hashed_in_raw_and_clear_only_in_pii(shop: Shop) -> None:
    shop.deliver(lines(row(1, email=" A@example.org "), row(2, email="A@example.org")))
    shop.load()
    (value,) = shop.warehouse.rows("select * from pii.identifier_values")
    assert (value["identifier_type"], value["value"]) == ("email", "A@example.org")
    assert shop.raw("distinct email") == [(value["value_hash"],)]
    assert len(value["value_hash"]) == 32


def test_both_sides_of_an_identity_link_are_hashed_by_their_type(shop: Shop) -> None:
    shop = shop.use(
        "source: logins\nfeed: identity_links\nlocation: {path: '{date}/logins.csv'}\nformat: csv\n"
        "columns: {left_type: lt, left_value: lv, right_type: rt, right_value: rv, observed_at: at}\n"
    )
    rows = "cookie_id,c1,email,a@example.org,2025-02-28\nemail,a@example.org,phone,0612,2025-02-28\n"
    shop.deliver(f"lt,lv,rt,rv,at\n{rows}".encode(), "logins.csv")
    shop.load()
    key = shop.settings.hash_key
    assert set(shop.raw("left_value, right_value", "identity_links")) == {
        (hash_value(key, "cookie_id", "c1"), hash_value(key, "email", "a@example.org")),
        (hash_value(key, "email", "a@example.org"), hash_value(key, "phone", "0612")),
    }
    assert shop.warehouse.value("select count(*) from pii.identifier_values") == 3


def test_names_go_to_pii_only(shop: Shop) -> None:
    shop = shop.use(CUSTOMERS)
    shop.deliver(customers("c1,2025-01-01,Anna,a@example.org", "c2,2025-01-01,,b@example.org"), "crm.csv")
    shop.load()
    assert shop.raw("record_id", "customers") == [("c1",), ("c2",)]
    kept = shop.warehouse.rows("select record_id, first_name, last_name from pii.customers")
    assert kept == [{"record_id": "c1", "first_name": "Anna", "last_name": None}]
    assert "first_name" not in shop.warehouse.rows("select * from raw.customers")[0]


# ---------------------------------------------------------------- again, and duplicates


def test_same_file_twice_does_nothing_the_second_time(shop: Shop) -> None:
    path = shop.deliver(lines(row(1), row(2)))
    shop.load()
    before = shop.raw("touchpoint_id, _batch_id, _loaded_at")
    path.write_bytes(path.read_bytes())  # written again, with the same contents
    report = shop.load()
    assert (report.files, report.known) == ([], 1)
    assert shop.raw("touchpoint_id, _batch_id, _loaded_at") == before
    assert len(shop.batches()) == 1


def test_files_after_the_business_date_wait(shop: Shop) -> None:
    shop.deliver(lines(row(1)))
    shop.deliver(lines(row(2)), day=NEXT_DAY)
    shop.load(as_of=DAY)
    assert shop.raw("touchpoint_id") == [("t1",)]
    shop.load(as_of=NEXT_DAY)
    assert shop.raw("touchpoint_id") == [("t1",), ("t2",)]


def test_exact_duplicates_are_counted_in_a_file_and_between_files(shop: Shop) -> None:
    shop.deliver(lines(row(1), row(2), row(1)))
    shop.deliver(lines(row(2), row(3)), day=NEXT_DAY)
    shop.load(as_of=NEXT_DAY)
    assert rows_of(shop) == [(3, 2, 1, 0), (2, 1, 1, 0)]
    first, second = (batch["batch_id"] for batch in shop.batches())
    assert shop.raw("touchpoint_id, _batch_id") == [("t1", first), ("t2", first), ("t3", second)]


def test_changed_row_in_a_later_file_is_the_one_kept(shop: Shop) -> None:
    shop.deliver(lines(row(1, cost="1"), row(2, cost="1")))
    shop.deliver(lines(row(1, cost="2")), day=NEXT_DAY)
    shop.load(as_of=NEXT_DAY)
    assert shop.raw() == [("t1", 2), ("t2", 1)]
    assert rows_of(shop) == [(2, 2, 0, 0), (1, 1, 0, 0)]


def test_an_older_delivery_that_comes_late_does_not_win(shop: Shop) -> None:
    shop.deliver(lines(row(1, cost="2")), day=NEXT_DAY)
    shop.load(as_of=NEXT_DAY)
    shop.deliver(lines(row(1, cost="1"), row(3)), day=DAY)
    shop.load(as_of=NEXT_DAY)
    assert shop.raw() == [("t1", 2), ("t3", Decimal("1.5"))]
    assert rows_of(shop)[1] == (2, 1, 1, 0)


def test_within_a_file_the_last_row_of_a_key_is_kept(shop: Shop) -> None:
    shop.deliver(lines(row(1, cost="1"), row(1, cost="2"), row(1, cost="3")))
    shop.load()
    assert shop.raw("touchpoint_id, cost, _row_number") == [("t1", 3, 4)]
    assert rows_of(shop) == [(3, 1, 2, 0)]


def test_within_a_file_the_last_row_is_kept_across_blocks(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "BATCH_ROWS", 2)
    shop = shop.use(TOUCHPOINTS.replace("csv*", "parquet").replace("format: csv", "format: parquet"))
    costs = [1.0, 2.0, 3.0, 4.0, 5.0]
    table = pa.table(
        {
            "id": ["t1", "t2", "t1", "t3", "t1"], "at": ["2025-02-28"] * 5, "channel": ["email"] * 5,
            "event": ["open"] * 5, "cost": costs, "email": ["a@example.org"] * 5,
        }
    )  # fmt: skip
    path = shop.deliver(b"", "news.parquet")
    pyarrow.parquet.write_table(table, path)
    shop.load()
    assert shop.raw("touchpoint_id, cost, _row_number") == [("t1", 5, 5), ("t2", 2, 2), ("t3", 4, 4)]
    assert rows_of(shop) == [(5, 3, 2, 0)]


def test_customers_keep_the_record_updated_last_whatever_came_last(shop: Shop) -> None:
    shop = shop.use(CUSTOMERS)
    shop.deliver(customers("c1,2025-02-02,Anna,a@example.org", "c1,2025-01-01,Ana,a@example.org"), "crm.csv")
    shop.deliver(customers("c1,2025-02-01,Annie,a@example.org"), "crm.csv", NEXT_DAY)
    shop.load(as_of=NEXT_DAY)
    assert shop.warehouse.value("select first_name from pii.customers") == "Anna"
    assert rows_of(shop) == [(2, 1, 1, 0), (1, 0, 1, 0)]
    shop.deliver(customers("c1,2025-02-03,,a@example.org"), "crm2.csv", NEXT_DAY)
    shop.load(as_of=NEXT_DAY)
    assert shop.warehouse.value("select count(*) from pii.customers") == 0
    assert shop.raw("updated_at::date", "customers") == [(date(2025, 2, 3),)]


# ---------------------------------------------------------------- corrected files


def test_corrected_file_replaces_what_it_brought(shop: Shop) -> None:
    shop.deliver(lines(row(1, cost="1"), row(2, cost="1"), row(3, cost="1")))
    shop.load()
    gone = shop.warehouse.value("select _row_key from raw.touchpoints where touchpoint_id = 't2'")
    shop.deliver(lines(row(1, cost="1"), row(3, cost="7"), row(4, cost="1")))
    shop.load()
    old, new = shop.batches()
    assert (old["status"], new["status"]) == ("replaced", "loaded")
    assert rows_of(shop)[1] == (3, 3, 0, 0)
    batch = new["batch_id"]
    assert shop.raw("touchpoint_id, cost, _batch_id") == [("t1", 1, batch), ("t3", 7, batch), ("t4", 1, batch)]
    removed = shop.warehouse.rows("select feed, row_key, batch_id from ops.removed_rows")
    assert removed == [{"feed": "touchpoints", "row_key": gone, "batch_id": batch}]


def test_corrected_file_removes_names_from_pii_too(shop: Shop) -> None:
    shop = shop.use(CUSTOMERS)
    shop.deliver(customers("c1,2025-01-01,Anna,a@example.org", "c2,2025-01-01,Bob,b@example.org"), "crm.csv")
    shop.load()
    shop.deliver(customers("c1,2025-01-01,Anne,a@example.org"), "crm.csv")
    shop.load()
    kept = shop.warehouse.rows("select first_name from pii.customers")
    assert kept == [{"first_name": "Anne"}]


def test_correction_does_not_undo_a_newer_delivery(shop: Shop) -> None:
    shop.deliver(lines(row(1, cost="1"), row(2, cost="1")))
    shop.deliver(lines(row(1, cost="5")), day=NEXT_DAY)
    shop.load(as_of=NEXT_DAY)
    shop.deliver(lines(row(1, cost="9")))
    shop.load(as_of=NEXT_DAY)
    assert shop.raw() == [("t1", 5)]
    assert rows_of(shop)[-1] == (1, 0, 1, 0)


def test_failed_correction_leaves_the_first_delivery_in_place(shop: Shop) -> None:
    shop.deliver(lines(row(1), row(2)))
    shop.load()
    shop.deliver(b"nothing,useful\n1,2\n")
    shop.load()
    assert [batch["status"] for batch in shop.batches()] == ["loaded", "failed"]
    assert shop.raw("touchpoint_id") == [("t1",), ("t2",)]


# ---------------------------------------------------------------- failures and retries


def test_failed_file_is_tried_again_and_leaves_no_double_rows(shop: Shop) -> None:
    strict = shop.use(TOUCHPOINTS.replace("0.9", "0.1"))
    strict.deliver(lines(row(1), row(2, cost="much")))
    for _ in range(2):
        assert [file.status for file in strict.load().files] == ["failed"]
    assert len(shop.rejected()) == 1
    assert shop.raw() == []
    assert shop.warehouse.value("select count(*) from pii.identifier_values") == 0
    lenient = shop.use(TOUCHPOINTS)
    lenient.load()
    assert rows_of(shop) == [(2, 1, 0, 1)]
    assert [batch["status"] for batch in shop.batches()] == ["loaded"]
    assert len(shop.rejected()) == 1


def test_hopeless_file_is_given_up_and_its_first_blocks_taken_back(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "HOPELESS_ROWS", 500)
    monkeypatch.setattr("millibar.sources.delimited.BLOCK_BYTES", 200)
    strict = shop.use(TOUCHPOINTS.replace("0.9", "0.1"))
    good = [row(number) for number in range(10)]
    strict.deliver(lines(*good, *(row(number, cost="much") for number in range(10, 5000))))
    (file,) = strict.load().files
    assert "reading was given up here" in (file.message or "")
    assert 10 < file.counts.read < 5000
    assert shop.raw() == []


def test_a_lost_row_would_stop_the_load() -> None:
    with pytest.raises(AssertionError, match=r"read 3 rows, but loaded 1 \+ duplicate 1 \+ rejected 0"):
        Counts(read=3, loaded=1, duplicate=1).assert_reconciled("news.csv")


KILLED_LOAD = """
import os, signal, sys
from datetime import date
from millibar.settings import Settings
from millibar.sources import merge
from millibar.sources.load import load_source
from millibar.sources.mapping import read_sources
from millibar.warehouse.connect import Warehouse
finish = merge.RawWriter.finish
def killed(writer):
    finish(writer)
    os.kill(os.getpid(), signal.SIGKILL)
merge.RawWriter.finish = killed
settings = Settings.from_environment()
with Warehouse.open(settings) as warehouse:
    load_source(warehouse, settings, read_sources(settings.sources)[0], "killed", date(2025, 3, 1))
"""


def test_killed_in_the_middle_leaves_nothing_and_the_next_run_loads_it(shop: Shop) -> None:
    shop.deliver(lines(row(1), row(2)))
    settings = shop.settings
    environment = os.environ | {
        "MILLIBAR_LANDING": str(settings.landing), "MILLIBAR_SOURCES": str(settings.sources),
        "MILLIBAR_WAREHOUSE_URI": settings.warehouse_uri, "MILLIBAR_HASH_KEY": settings.hash_key.hex(),
        "MILLIBAR_STATE": str(settings.state), "PYTHONPATH": os.pathsep.join(sys.path),
    }  # fmt: skip
    result = subprocess.run([sys.executable, "-c", KILLED_LOAD], env=environment, capture_output=True, text=True)
    assert result.returncode == -signal.SIGKILL, result.stderr
    assert [batch["status"] for batch in shop.batches()] == ["loading"]
    assert shop.raw() == []
    report = shop.load()
    assert [file.status for file in report.files] == ["loaded"]
    assert shop.raw("touchpoint_id") == [("t1",), ("t2",)]
    assert [(batch["status"], batch["run_id"]) for batch in shop.batches()] == [("loaded", "run")]


# ---------------------------------------------------------------- several at once


def test_two_loaders_of_one_source_wait_for_each_other(shop: Shop) -> None:
    for number in range(20):
        shop.deliver(lines(row(number)), f"news_{number}.csv")
    reports = []

    def work() -> None:
        with Warehouse.open(shop.settings) as warehouse:
            reports.append(replace(shop, warehouse=warehouse).load())

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted((len(report.files), report.known) for report in reports) == [(0, 20), (20, 0)]
    assert shop.warehouse.value("select count(*) from raw.touchpoints") == 20


def test_two_sources_with_the_same_identifiers_load_at_once(shop: Shop) -> None:
    """Clear values are inserted in one order, so neither load can wait for the other for ever."""
    other = shop.use(TOUCHPOINTS.replace("source: newsletter", "source: letters").replace("news*", "letters*"))
    emails = [f"person{number}@example.org" for number in range(3000)]
    shop.deliver(lines(*(row(place, email=email) for place, email in enumerate(emails))))
    backwards = enumerate(reversed(emails))
    shop.deliver(lines(*(row(place, email=email) for place, email in backwards)), "letters.csv")
    reports = []

    def work(part: Shop) -> None:
        with Warehouse.open(shop.settings) as warehouse:
            reports.append(replace(part, warehouse=warehouse).load())

    threads = [threading.Thread(target=work, args=(part,)) for part in (shop, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(report.total("loaded") for report in reports) == [3000, 3000]
    assert shop.warehouse.value("select count(*) from pii.identifier_values") == 3000


def test_many_small_files_cost_little_each(shop: Shop) -> None:
    """The bookkeeping of 100 files is a few statements, not a few for each: seconds, even on a busy machine."""
    for number in range(100):
        shop.deliver(lines(row(number)), f"news_{number:03}.csv")
    before = time.perf_counter()
    shop.load()
    assert time.perf_counter() - before < 20
    before = time.perf_counter()
    assert shop.load().known == 100
    assert time.perf_counter() - before < 1


def test_comparison_does_not_depend_on_what_the_planner_knows(shop: Shop) -> None:
    """Statistics do not know the batch at work: a plan by its index compares each row with each, for hours."""
    shop.deliver(lines(*(row(number) for number in range(30_000))))
    shop.load()
    shop.warehouse.execute("analyze raw.touchpoints")
    shop.deliver(lines(*(row(number, cost="7") for number in range(30_000))), day=NEXT_DAY)
    shop.warehouse.execute("set statement_timeout = '10s'")
    shop.load(as_of=NEXT_DAY)
    assert rows_of(shop) == [(30_000, 30_000, 0, 0), (30_000, 30_000, 0, 0)]


# ---------------------------------------------------------------- conservation

ROWS = st.lists(
    st.builds(
        row,
        st.integers(0, 6),
        cost=st.sampled_from(["1", "2", "much", "-1"]),
        email=st.sampled_from(["a@example.org", "b@example.org", ""]),
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deliveries=st.lists(ROWS, min_size=1, max_size=4))
def test_whatever_is_delivered_is_accounted_for(shop: Shop, deliveries: list[list[str]]) -> None:
    """Counts reconcile, and raw holds the last good version of each key: the same as a dictionary would."""
    lenient = shop.use(TOUCHPOINTS.replace("0.9", "1"))
    shop.warehouse.execute("truncate raw.touchpoints, ops.load_batches, pii.identifier_values, pii.rejected_rows")
    for path in Path(shop.settings.landing).rglob("*.csv"):
        path.unlink()
    expected: dict[str, Decimal] = {}
    bad = 0
    for place, delivered in enumerate(deliveries):
        lenient.deliver(lines(*delivered), day=date(2025, 3, 1 + place))
        for entry in delivered:
            key, _, _, _, cost, email = entry.split(",")
            if cost in ("much", "-1") or not email:
                bad += 1
            else:
                expected[key] = Decimal(cost)
    report = lenient.load(as_of=date(2025, 3, 31))
    assert dict(shop.raw()) == expected
    assert report.total("read") == sum(map(len, deliveries))
    assert report.total("rejected") == bad == len(shop.rejected())
    assert report.total("read") == report.total("loaded") + report.total("duplicate") + report.total("rejected")
