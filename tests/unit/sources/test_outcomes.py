"""What each fault of a delivered file leads to: the table of docs/ADD_A_SOURCE.md, one test a line."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from decimal import Decimal
from typing import BinaryIO

import pytest

from millibar.sources.locate import LandedFile
from unit.sources.shop import HEADER, TOUCHPOINTS, Shop, lines, row

Reason = Callable[[], str]


def counts(shop: Shop) -> tuple[int, int, int, int]:
    batch = shop.batches()[-1]
    return batch["rows_read"], batch["rows_loaded"], batch["rows_duplicate"], batch["rows_rejected"]


# ---------------------------------------------------------------- the whole file


def test_no_file_is_no_fault(shop: Shop) -> None:
    report = shop.load()
    assert (report.files, report.failed) == ([], [])
    assert report.message == "newsletter: no file delivered so far"


def test_empty_file_is_loaded_with_no_row_and_says_so(shop: Shop) -> None:
    shop.deliver(b"")
    (file,) = shop.load().files
    assert (file.status, file.counts.read, file.message) == ("loaded", 0, "the file is empty (0 bytes)")


def test_empty_file_does_not_replace_a_loaded_one(shop: Shop) -> None:
    shop.deliver(lines(row(1)))
    shop.load()
    shop.deliver(b"")
    (file,) = shop.load().files
    assert file.status == "failed"
    assert "is now empty" in (file.message or "")
    assert shop.raw("touchpoint_id") == [("t1",)]


def test_header_only_is_loaded_with_no_row(shop: Shop) -> None:
    shop.deliver(lines())
    (file,) = shop.load().files
    assert (file.status, file.counts.read) == ("loaded", 0)


def test_truncated_gzip_fails_whole(shop: Shop) -> None:
    packed = gzip.compress(lines(*(row(number, cost=str(number)) for number in range(30_000))))
    shop.deliver(packed[:-2000], "news.csv.gz")
    (file,) = shop.load().files
    assert file.status == "failed"
    assert "cut short" in (file.message or "")
    assert shop.raw() == []


def test_damaged_gzip_fails_whole(shop: Shop) -> None:
    shop.deliver(b"this is no gzip", "news.csv.gz")
    (file,) = shop.load().files
    assert (file.status, "damaged" in (file.message or "")) == ("failed", True)


def test_missing_required_column_fails_with_what_the_file_has(shop: Shop) -> None:
    shop.deliver(b"id,channel,event,cost,email\nt1,email,open,1,a@example.org\n")
    (file,) = shop.load().files
    assert file.status == "failed"
    assert "line 1: column at is missing, which occurred_at is made from; the file has id, channel" in file.message


def test_missing_all_identifier_columns_fails(shop: Shop) -> None:
    shop.deliver(b"id,at,channel,event,cost\nt1,2025-02-28,email,open,1\n")
    (file,) = shop.load().files
    assert (file.status, "no identifier column: email missing" in file.message) == ("failed", True)


def test_missing_optional_column_loads_empty_with_a_note(shop: Shop) -> None:
    shop.deliver(b"id,at,channel,event,email\nt1,2025-02-28,email,open,a@example.org\n")
    (file,) = shop.load().files
    assert (file.status, file.message) == ("loaded", "columns not in the file, so empty: cost")
    assert shop.raw() == [("t1", None)]


def test_column_named_twice_in_the_header_fails(shop: Shop) -> None:
    shop.deliver(f"{HEADER},cost\n{row(1)},2\n".encode())
    (file,) = shop.load().files
    assert (file.status, "'cost' stands 2 times" in file.message) == ("failed", True)


def test_extra_columns_are_passed_over(shop: Shop) -> None:
    shop.deliver(f"new,{HEADER}\nx,{row(1)}\n".encode())
    shop.load()
    assert shop.raw() == [("t1", Decimal("1.5"))]


# ---------------------------------------------------------------- encodings


def test_byte_order_mark_is_removed(shop: Shop) -> None:
    shop.deliver(b"\xef\xbb\xbf" + lines(row(1)))
    shop.load()
    assert counts(shop) == (1, 1, 0, 0)


def test_latin_1_read_as_utf_8_costs_the_rows_it_spoils(shop: Shop, only_reason: Reason) -> None:
    shop.deliver(lines(row(1), row(2, email="ren\u00e9@example.org"), row(3)).decode().encode("latin-1"))
    shop.load()
    assert counts(shop) == (3, 2, 0, 1)
    assert "byte 0xE9 at character 42 is no utf-8" in only_reason()
    assert "encoding: latin-1" in only_reason()
    assert shop.rejected()[0]["line"] == 3
    assert "ren\u00e9@" in shop.rejected()[0]["raw_line"]


def test_latin_1_declared_is_read(shop: Shop) -> None:
    shop = shop.use(TOUCHPOINTS + "csv: {encoding: latin-1}\n")
    shop.deliver(lines(row(1, email="ren\u00e9@example.org")).decode().encode("latin-1"))
    shop.load()
    assert shop.warehouse.value("select value from pii.identifier_values") == "ren\u00e9@example.org"


def test_utf_16_undeclared_fails_with_the_mend(shop: Shop) -> None:
    shop.deliver(lines(row(1)).decode().encode("utf-16"))
    (file,) = shop.load().files
    assert (file.status, "encoding: utf-16" in file.message) == ("failed", True)


def test_utf_16_declared_is_read(shop: Shop) -> None:
    shop = shop.use(TOUCHPOINTS + "csv: {encoding: utf-16}\n")
    shop.deliver(lines(row(1)).decode().encode("utf-16"))
    shop.load()
    assert counts(shop) == (1, 1, 0, 0)


# ---------------------------------------------------------------- lines


def test_quote_never_closed_costs_its_line_only(shop: Shop, only_reason: Reason) -> None:
    shop.deliver(lines(row(1), 't2,"2025-02-28,email,open,1,a@example.org', row(3), row(4)))
    shop.load()
    assert counts(shop) == (4, 3, 0, 1)
    assert "never closed" in only_reason()
    assert shop.rejected()[0]["line"] == 3


def test_text_after_a_closing_quote_is_rejected(shop: Shop, only_reason: Reason) -> None:
    shop.deliver(lines(row(1), 't2,"2025-02-28"x,email,open,1,a@example.org', row(3)))
    shop.load()
    assert counts(shop) == (3, 2, 0, 1)
    assert "malformed quoting" in only_reason()


def test_quote_inside_an_unquoted_value_is_text(shop: Shop) -> None:
    shop.deliver(lines(row(1, email='a"b@example.org')))
    shop.load()
    assert shop.warehouse.value("select value from pii.identifier_values") == 'a"b@example.org'


def test_line_end_inside_quotes_keeps_the_lines_of_later_rows(shop: Shop) -> None:
    shop.deliver(lines('"t\n1",2025-02-28,email,open,1,a@example.org', row(2), row(3, cost="x")))
    shop.load()
    assert shop.raw("_row_number, touchpoint_id") == [(2, "t\n1"), (4, "t2")]
    assert shop.rejected()[0]["line"] == 5


def test_too_few_and_too_many_values_in_a_row_are_rejected(shop: Shop) -> None:
    shop.deliver(lines(row(1), "t2,2025-02-28", row(3) + ",more,still"))
    shop.load()
    assert [entry["reason"] for entry in shop.rejected()] == [
        "the row has 2 columns; expected 6 as in the header",
        "the row has 8 columns; expected 6 as in the header",
    ]


def test_blank_lines_are_no_rows(shop: Shop) -> None:
    shop.deliver(lines(row(1), "", row(2), ""))
    shop.load()
    assert counts(shop) == (2, 2, 0, 0)
    assert shop.raw("_row_number") == [(2,), (4,)]


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_line_ends_of_other_systems_are_line_ends(shop: Shop, end: str) -> None:
    shop.deliver(lines(row(1), row(2)).decode().replace("\n", end).encode())
    shop.load()
    assert shop.raw("_row_number, touchpoint_id") == [(2, "t1"), (3, "t2")]


def test_nul_byte_is_rejected_and_shown_as_a_symbol(shop: Shop, only_reason: Reason) -> None:
    shop.deliver(lines(row(1), row(2, email="a\0b@example.org")))
    shop.load()
    assert counts(shop) == (2, 1, 0, 1)
    assert "holds a NUL byte" in only_reason()
    assert shop.rejected()[0]["value"] == "a␀b@example.org"


def test_field_of_a_megabyte_is_rejected_and_kept_short(shop: Shop, only_reason: Reason) -> None:
    shop.deliver(lines(row(1), row(2, email="x" * 1_000_000), row(3)))
    shop.load()
    (rejected,) = shop.rejected()
    assert counts(shop) == (3, 2, 0, 1)
    assert "is too long; expected at most 500 characters" in only_reason()
    assert (len(rejected["raw_line"]), len(rejected["value"])) == (10_000, 500)


# ---------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("at", "part"),
    [
        ("1970-01-01 00:00:00", "is too early; expected 1990-01-01 or later"),
        ("2099-01-01 00:00:00", "is too late; expected 2025-03-02 or earlier, for it was delivered on 2025-03-01"),
        ("2025-03-03 12:00:00", "is too late"),
        ("2025-02-30 12:00:00", "is not a time of the form 2025-03-31T14:30:00 (iso8601)"),
        ("yesterday", "is not a time"),
        ("infinity", "is not a time"),
        ("", "occurred_at is empty; it is required"),
    ],
)
def test_impossible_times_are_rejected(shop: Shop, only_reason: Reason, at: str, part: str) -> None:
    shop.deliver(lines(row(1), row(2, at=at)))
    shop.load()
    assert part in only_reason()
    assert counts(shop) == (2, 1, 0, 1)


def test_time_within_a_day_after_delivery_is_taken(shop: Shop) -> None:
    shop.deliver(lines(row(1, at="2025-03-02 20:00:00")))
    shop.load()
    assert counts(shop) == (1, 1, 0, 0)


@pytest.mark.parametrize(
    ("cost", "part"),
    [
        ("-1", "is too small; expected 0 or more; money given back belongs in feed returns"),
        ("1000000000", "is too large; expected less than 1,000,000,000"),
        ("1e300", "is too large"),
        ("NaN", "is not a finite number"),
        ("inf", "is not a finite number"),
        ("12,5", "is not a finite number such as 1234.56"),
        ("free", "is not a finite number"),
    ],
)
def test_impossible_amounts_are_rejected(shop: Shop, only_reason: Reason, cost: str, part: str) -> None:
    shop.deliver(lines(row(1), row(2, cost=f'"{cost}"')))
    shop.load()
    assert part in only_reason()
    assert (shop.rejected()[0]["column_name"], shop.rejected()[0]["value"]) == ("cost", cost)


def test_value_outside_the_vocabulary_is_rejected_with_the_vocabulary(shop: Shop, only_reason: Reason) -> None:
    shop.deliver(lines(row(1).replace("open", "opened")))
    shop.use(TOUCHPOINTS.replace("0.9", "1")).load()
    assert "event_type 'opened' is not known; expected one of bounce, call, chat" in only_reason()


def test_unknown_channel_is_rejected_with_the_mend(shop: Shop, only_reason: Reason) -> None:
    shop.deliver(lines(row(1).replace(",email,", ",fax,"), row(2)))
    shop.load()
    assert "channel 'fax' is not known" in only_reason()
    assert "channel_profiles.csv" in only_reason()


def test_channel_an_analyst_added_is_taken(shop: Shop) -> None:
    shop.deliver(lines(row(1).replace(",email,", ",fax,")))
    assert shop.load(channels=["email", "fax"]).total("loaded") == 1


def test_row_without_identifier_is_rejected(shop: Shop, only_reason: Reason) -> None:
    shop.deliver(lines(row(1), row(2, email="  ")))
    shop.load()
    assert only_reason() == "no identifier; expected a value in at least one of email"


def test_a_row_with_two_faults_names_both(shop: Shop, only_reason: Reason) -> None:
    shop.deliver(lines(row(1), row(2, at="soon", cost="much")))
    shop.load()
    assert "occurred_at 'soon'" in only_reason()
    assert "; cost 'much'" in only_reason()
    assert counts(shop) == (2, 1, 0, 1)


def test_rejected_row_is_recorded_with_its_place(shop: Shop) -> None:
    shop.deliver(lines(row(1), row(2, cost="much")))
    shop.load()
    (rejected,) = shop.rejected()
    kept = {name: rejected[name] for name in ("source", "feed", "file", "line", "column_name", "value", "raw_line")}
    assert kept == {
        "source": "newsletter", "feed": "touchpoints", "file": "2025-03-01/news.csv", "line": 3,
        "column_name": "cost", "value": "much", "raw_line": row(2, cost="much"),
    }  # fmt: skip
    assert rejected["batch_id"] == shop.batches()[0]["batch_id"]


def test_share_above_the_limit_fails_the_file_alone(shop: Shop) -> None:
    shop = shop.use(TOUCHPOINTS.replace("0.9", "0.2"))
    shop.deliver(lines(row(1), row(2, cost="much"), row(3)), "news_a.csv")
    shop.deliver(lines(row(4)), "news_b.csv")
    report = shop.load()
    (failed,) = report.failed
    assert failed.message == (
        "1 of 3 rows are refused (33.3%; limit 20.0% in newsletter.yml). First: 2025-03-01/news_a.csv line 3: "
        "cost 'much' is not a finite number such as 1234.56 (for other forms set decimal: and thousands: in the "
        "source's YAML)"
    )
    assert shop.raw("touchpoint_id") == [("t4",)]
    assert [entry["line"] for entry in shop.rejected()] == [3]
    assert shop.batches()[0]["status"] == "failed"


def test_personal_values_do_not_reach_messages_outside_pii(shop: Shop) -> None:
    shop = shop.use(TOUCHPOINTS.replace("0.9", "0.0"))
    shop.deliver(lines(row(1, email="someone" * 100 + "@example.org")))
    (failed,) = shop.load().failed
    assert "email (a personal value) is too long" in (failed.message or "")
    assert "someone" not in (shop.batches()[0]["message"] or "")
    assert "someone" in shop.rejected()[0]["reason"]


def test_unreadable_file_fails_alone(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.deliver(lines(row(1)), "news_a.csv")
    shop.deliver(lines(row(2)), "news_b.csv")
    opened = LandedFile.open

    def refuse(file: LandedFile) -> BinaryIO:
        if file.name == "news_a.csv":
            raise PermissionError(13, "Permission denied", file.label)
        return opened(file)

    monkeypatch.setattr(LandedFile, "open", refuse)
    report = shop.load()
    assert [file.status for file in report.files] == ["failed", "loaded"]
    assert "Permission denied" in (report.files[0].message or "")


def test_line_without_end_fails_the_file(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("millibar.sources.delimited.BLOCK_BYTES", 1000)
    monkeypatch.setattr("millibar.sources.delimited.MAX_RECORD_BYTES", 1 << 17)
    shop.deliver(lines() + b"x" * (3 << 20))
    (file,) = shop.load().files
    assert (file.status, "no line end in" in (file.message or "")) == ("failed", True)


def test_utf_8_declared_as_latin_1_is_loaded_as_declared(shop: Shop) -> None:
    shop = shop.use(TOUCHPOINTS + "csv: {encoding: latin-1}\n")
    shop.deliver(lines(row(1, email="ren\u00e9@example.org")))
    shop.load()
    assert shop.warehouse.value("select value from pii.identifier_values") == "ren\u00c3\u00a9@example.org"


def test_birth_dates_reach_back_to_1900_and_not_past_the_delivery(shop: Shop) -> None:
    shop = shop.use(
        "source: crm\nfeed: customers\nlocation: {path: '{date}/crm.csv'}\nformat: csv\n"
        "columns: {record_id: id, updated_at: at, birth_date: born, email: email}\nlimits: {max_rejected_share: 1}\n"
    )
    born = ("1931-05-06", "1899-12-31", "2025-03-02")
    rows = "".join(f"c{place},2025-01-01,{day},a@example.org\n" for place, day in enumerate(born))
    shop.deliver(f"id,at,born,email\n{rows}".encode(), "crm.csv")
    shop.load()
    assert shop.raw("record_id", "customers") == [("c0",)]
    assert [entry["column_name"] for entry in shop.rejected()] == ["birth_date", "birth_date"]


def test_dates_that_lie_ahead_and_negative_margins_are_taken(shop: Shop) -> None:
    campaigns = shop.use(
        "source: plan\nfeed: campaigns\nlocation: {path: '{date}/plan.csv'}\nformat: csv\n"
        "columns: {campaign_id: id, name: id, ends_on: end}\n"
    )
    campaigns.deliver(b"id,end\nc1,2099-12-31\n", "plan.csv")
    orders = shop.use(
        "source: sales\nfeed: orders\nlocation: {path: '{date}/sales.csv'}\nformat: csv\n"
        "columns: {order_id: id, ordered_at: at, amount: amount, margin: margin, email: email}\n"
    )
    orders.deliver(b"id,at,amount,margin,email\no1,2025-02-28,10,-3,a@example.org\n", "sales.csv")
    assert [part.load().total("loaded") for part in (campaigns, orders)] == [1, 1]
    assert shop.raw("margin", "orders") == [(Decimal(-3),)]
