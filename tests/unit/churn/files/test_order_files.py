"""Files of orders: what counts as a purchase day, local days, and every fault told with its place and its mend."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from millibar.churn.files.order_files import OrderDays, OrderForm, read_orders
from millibar.sources.blocks import FileError

HEADER = "customer_id,ordered_at,amount\n"


def read(tmp_path: Path, text: str, **form: object) -> OrderDays:
    file = tmp_path / "orders.csv"
    file.write_text(text, encoding="utf-8")
    return read_orders(file, OrderForm(**form))


def day(text: str) -> int:
    return int(np.datetime64(text, "D").astype(int))


def test_orders_of_a_day_are_one_purchase_and_returns_are_none(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        HEADER
        + "b,2026-01-02,5\na,2026-01-01T09:00:00,10\na,2026-01-01T23:59:59,20\na,2026-01-03,-25\na,2026-01-04,0\n"
        "b,2026-01-02,-2\n",
    )
    expected = pd.DataFrame(
        [
            ("a", day("2026-01-01"), 30.0, 0.0, 1),
            ("a", day("2026-01-03"), 0.0, 25.0, 0),
            ("a", day("2026-01-04"), 0.0, 0.0, 1),
            ("b", day("2026-01-02"), 5.0, 2.0, 1),
        ],
        columns=["customer_id", "day", "value", "returned", "orders"],
    )
    pd.testing.assert_frame_equal(found.days, expected)
    assert found.inputs["purchase_days"] == 3
    assert found.inputs["returns"] == 2
    assert (found.inputs["first_day"], found.inputs["last_day"]) == ("2026-01-01", "2026-01-04")
    assert not found.warnings


@pytest.mark.parametrize(
    ("written", "timezone", "local"),
    [
        ("2026-03-28T22:59:59Z", "Europe/Paris", "2026-03-28"),  # the night clocks go forward: +01 before
        ("2026-03-28T23:00:00Z", "Europe/Paris", "2026-03-29"),
        ("2026-03-29T21:59:59Z", "Europe/Paris", "2026-03-29"),  # and +02 after: a day of 23 hours
        ("2026-03-29T22:00:00Z", "Europe/Paris", "2026-03-30"),
        ("2026-10-25T22:59:59Z", "Europe/Paris", "2026-10-25"),  # a day of 25 hours
        ("2026-10-25T23:00:00Z", "Europe/Paris", "2026-10-26"),
        ("2026-01-01T00:30:00+01:00", "Europe/Paris", "2026-01-01"),
        ("2026-01-01T00:30:00+01:00", None, "2025-12-31"),
        ("2026-01-01 03:30:00.250 +0100", "America/New_York", "2025-12-31"),
        ("2026-03-29T02:30:00", "Europe/Paris", "2026-03-29"),  # no zone: local as it is, an hour clocks skip included
        ("20260131", "Europe/Paris", "2026-01-31"),
        ("2026-01-31 18:05", None, "2026-01-31"),
    ],
)
def test_days_are_local(tmp_path: Path, written: str, timezone: str | None, local: str) -> None:
    found = read(tmp_path, f"{HEADER}a,{written},1\n", timezone=timezone)
    assert found.days["day"].tolist() == [day(local)]
    assert bool(found.warnings) == ("T00:30:00+" in written and timezone is None)


def test_two_orders_around_midnight_of_the_shop(tmp_path: Path) -> None:
    text = HEADER + "a,2026-06-30T21:30:00Z,1\na,2026-06-30T22:30:00Z,1\n"
    assert len(read(tmp_path, text, timezone="Europe/Paris").days) == 2
    assert len(read(tmp_path, text).days) == 1


def test_mixed_zones_are_told(tmp_path: Path) -> None:
    found = read(tmp_path, HEADER + "a,2026-01-01T12:00:00Z,1\nb,2026-01-01T12:00:00,1\n", timezone="Europe/Paris")
    assert found.warnings == ["column ordered_at: 1 times tell no zone (line 3): taken as local"]


def test_other_names_marks_and_forms(tmp_path: Path) -> None:
    found = read(
        tmp_path, "Kunde;Tag;Betrag\n7;31/01/2026;12,50\n", customer="Kunde", time="Tag", amount="Betrag", decimal=",",
        date_format="%d/%m/%Y",
    )  # fmt: skip
    assert found.days.to_numpy().tolist() == [["7", day("2026-01-31"), 12.5, 0.0, 1]]
    zoned = read(
        tmp_path, HEADER + "a,31/01/2026 23:30 +0000,1\n", date_format="%d/%m/%Y %H:%M %z", timezone="Asia/Tokyo"
    )
    assert zoned.days["day"].tolist() == [day("2026-02-01")]


def test_packed_files_and_marks_of_order(tmp_path: Path) -> None:
    for packed, encoding in ((gzip.compress((HEADER + "é,2026-01-01,1\r\n").encode()), "utf-8"),
                             (b"\xef\xbb\xbf" + (HEADER + "é,2026-01-01,1\n").encode(), "utf-8"),
                             ((HEADER + "é,2026-01-01,1\n").encode("latin-1"), "latin-1")):  # fmt: skip
        file = tmp_path / "orders"
        file.write_bytes(packed)
        assert read_orders(file, OrderForm(encoding=encoding)).days["customer_id"].tolist() == ["é"]


def test_repeated_lines(tmp_path: Path) -> None:
    text = HEADER + "a,2026-01-01,10\na,2026-01-01,10\nb,2026-01-01,10\n"
    kept = read(tmp_path, text)
    assert kept.days["value"].tolist() == [20.0, 10.0]
    assert kept.warnings == ["1 rows repeat an earlier one wholly (line 3): kept; --drop-repeats counts each once"]
    assert read(tmp_path, text, drop_repeats=True).days["value"].tolist() == [10.0, 10.0]
    # rows that differ in a column that is not read are two orders
    assert not read(tmp_path, "customer_id,ordered_at,amount,id\na,2026-01-01,10,1\na,2026-01-01,10,2\n").warnings


def test_hostile_ids_stay_what_they_are(tmp_path: Path) -> None:
    ids = ["=1+1", "@SUM(A1)", '"quo""ted"', '"a,b"', "'; drop table x", "<script>", "\u202etxt", "00042"]
    found = read(tmp_path, HEADER + "".join(f"{name},2026-01-01,1\n" for name in ids))
    assert set(found.days["customer_id"]) == {
        "=1+1", "@SUM(A1)", 'quo"ted', "a,b", "'; drop table x", "<script>", "\u202etxt", "00042"
    }  # fmt: skip
    assert len(found.warnings) == 1
    assert "2 customer ids begin as a formula does, as '=1+1'" in found.warnings[0]


def test_empty_amounts_and_returns_alone(tmp_path: Path) -> None:
    found = read(tmp_path, HEADER + "a,2026-01-01,\nb,2026-01-01,-5\n")
    assert found.warnings == [
        "column amount: 1 empty fields count as orders of 0",
        "1 customers have returns only and no order: they are not scored",
    ]


@pytest.mark.parametrize(
    ("text", "form", "said"),
    [
        ("", {}, "the file is empty; its first line must name the columns"),
        (HEADER, {}, "a header and no row below it"),
        (HEADER + "a,2026-01-01,1\n,2026-01-01,1\n", {}, "line 3, column customer_id: empty; every order needs"),
        (HEADER + "a,31/01/2026,1\n", {}, "line 2, column ordered_at: '31/01/2026'; write it as 2026-01-31"),
        (HEADER + "a,2026-02-30,1\n", {}, "line 2, column ordered_at: '2026-02-30'; no such day or time"),
        (HEADER + "a,2026-01-01,1\na,,1\n", {}, "line 3, column ordered_at: empty"),
        (HEADER + "a,2026-01-01,ten\n", {}, "line 2, column amount: 'ten' is no number"),
        (HEADER + 'a,2026-01-01,"1,5"\n', {}, "say --decimal ,"),
        (HEADER + "a,2026-01-01,nan\n", {}, "'nan'"),
        (HEADER + "a,2026-01-01,1e999\n", {}, "write a finite number"),
        (HEADER + "a,2026-01-01\n", {}, "line 2"),
        (HEADER + "a,2026-01-01,1\n", {"date_format": "%d/%m/%Y"}, "--date-format %d/%m/%Y does not read it"),
        (HEADER + "a,2026-01-01,1\n", {"date_format": "%Q"}, "--date-format %Q"),
        (HEADER + "a,2026-01-01,1\n", {"timezone": "Mars/Base"}, "--timezone Mars/Base: no such zone"),
        (HEADER + "a,2026-01-01,1\n", {"timezone": "../etc/passwd"}, "no such zone"),
        (HEADER + "a,2026-01-01,1\n", {"amount": "price"}, "no column price (--amount-column)"),
        ("who,ordered_at,amount\na,2026-01-01,1\n", {}, "name it with --customer-column COLUMN"),
        ("customer_id,date,order_date,amount\na,2026-01-01,2026-01-01,1\n", {}, "--time-column COLUMN"),
    ],
)  # fmt: skip
def test_faults(tmp_path: Path, text: str, form: dict[str, str], said: str) -> None:
    with pytest.raises(FileError) as fault:
        read(tmp_path, text, **form)
    assert said in str(fault.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"cannot be read .* check the path"):
        read_orders(tmp_path / "none.csv")
