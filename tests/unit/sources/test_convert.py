"""Text and typed values to the kinds of the contracts: times in any zone, numbers in any form."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from millibar.sources.convert import to_boolean, to_date, to_integer, to_money, to_number, to_timestamp
from millibar.sources.definition import ColumnMap
from millibar.sources.zones import local_to_utc, utc_to_local

EPOCH = datetime(1970, 1, 1)
ZONES = ("Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kathmandu", "UTC")


def spec(*formats: str, **options: str) -> ColumnMap:
    return ColumnMap("x", formats=formats or ("iso8601",), **options)  # type: ignore[arg-type]


def moments(values: list[object], rule: ColumnMap) -> list[datetime | None]:
    return to_timestamp(pa.array(values), rule).values.to_pylist()


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-01-05T10:00:00Z", utc(2025, 1, 5, 10)),
        ("2025-01-05 10:00:00+02:00", utc(2025, 1, 5, 8)),
        ("2025-01-05T10:00:00.5-0330", utc(2025, 1, 5, 13, 30, 0, 500000)),
        ("2025-01-05 10:00:00", utc(2025, 1, 5, 9)),
        ("2025-01-05T10:00", utc(2025, 1, 5, 9)),
        ("2025-01-05", utc(2025, 1, 4, 23)),
        ("2025-01-05 10:00:00.123456789", utc(2025, 1, 5, 9, 0, 0, 123456)),
        ("05/01/2025 10:00", utc(2025, 1, 5, 9)),
        ("05 Jan 2025 10:00 +0500", utc(2025, 1, 5, 5)),
        ("1736071200", utc(2025, 1, 5, 10)),
        ("1736071200123", utc(2025, 1, 5, 10, 0, 0, 123000)),
        ("2025-1-5", None),
        ("2025-02-30 10:00:00", None),
        ("31/02/2025 10:00", None),
        ("infinity", None),
        ("epoch", None),
        ("20", utc(1970, 1, 1, 0, 0, 20)),
    ],
)
def test_every_form_is_read_even_when_all_stand_in_one_column(text: str, expected: datetime | None) -> None:
    rule = spec("iso8601", "%d/%m/%Y %H:%M", "%d %b %Y %H:%M %z", "epoch_s", "epoch_ms", timezone="Europe/Paris")
    read = to_timestamp(pa.array(["2025-01-01 00:00:00", text, None, "03/01/2025 00:00"]), rule)
    assert read.values[1].as_py() == expected
    assert read.values[2].as_py() is None
    failed = np.zeros(4, bool) if read.failed is None else read.failed
    assert failed.tolist() == [False, expected is None, False, False]


def test_time_no_clock_shows_counts_on_with_the_offset_before_the_gap() -> None:
    assert moments(["2025-03-30 02:30:00"], spec(timezone="Europe/Paris")) == [utc(2025, 3, 30, 1, 30)]


def test_time_a_clock_shows_twice_is_the_first_of_the_two() -> None:
    assert moments(["2025-10-26 02:30:00"], spec(timezone="Europe/Paris")) == [utc(2025, 10, 26, 0, 30)]


@settings(max_examples=200, deadline=None)
@given(st.datetimes(datetime(1905, 1, 1), datetime(2099, 1, 1)), st.sampled_from(ZONES))
@example(datetime(2025, 3, 30, 2, 30), "Europe/Paris")
@example(datetime(2025, 10, 26, 2, 59, 59), "Europe/Paris")
@example(datetime(2025, 4, 6, 1, 45), "Australia/Lord_Howe")
def test_local_times_agree_with_the_standard_library(moment: datetime, zone: str) -> None:
    micros = (moment - EPOCH) // timedelta(microseconds=1)
    expected = moment.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).replace(tzinfo=None)
    found = int(local_to_utc(np.array([micros]), zone)[0])
    assert EPOCH + timedelta(microseconds=found) == expected
    shown = expected.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert EPOCH + timedelta(microseconds=int(utc_to_local(np.array([found]), zone)[0])) == shown


def test_typed_times_keep_their_zone_or_take_the_declared_one() -> None:
    local = datetime(2025, 7, 1, 12)
    naive = pa.array([local], pa.timestamp("ns"))
    aware = pa.array([utc(2025, 7, 1, 12)], pa.timestamp("ms", "America/New_York"))
    rule = spec("iso8601", "epoch_ms", timezone="Europe/Paris")
    assert to_timestamp(naive, rule).values.to_pylist() == [utc(2025, 7, 1, 10)]
    assert to_timestamp(aware, rule).values.to_pylist() == [utc(2025, 7, 1, 12)]
    assert moments([date(2025, 7, 1)], rule) == [utc(2025, 6, 30, 22)]
    assert moments([1_751_371_200_000], rule) == [utc(2025, 7, 1, 12)]


def test_number_is_no_time_unless_the_source_says_so() -> None:
    read = to_timestamp(pa.array([1_751_371_200]), spec())
    assert read.failed is not None
    assert read.failed.tolist() == [True]


def test_dates_of_several_forms() -> None:
    read = to_date(
        pa.array(["2025-03", "05/03/2025", "2025-03-05T23:30:00Z", "x"]),
        spec("%Y-%m", "%d/%m/%Y", "iso8601", timezone="Europe/Paris"),
    )
    assert read.values.to_pylist() == [date(2025, 3, 1), date(2025, 3, 5), date(2025, 3, 6), None]


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("12.3456", {}, Decimal("12.3456")),
        ("-0.00005", {}, Decimal("-0.0000")),
        ("1e3", {}, Decimal(1000)),
        ("12,34", {"decimal": ","}, Decimal("12.34")),
        ("1.234,56", {"decimal": ",", "thousands": "."}, Decimal("1234.56")),
        ("1\u202f234,56", {"decimal": ",", "thousands": " "}, Decimal("1234.56")),
        ("1,234.56", {"thousands": ","}, Decimal("1234.56")),
        ("999999999.9999", {}, Decimal("999999999.9999")),
        ("1.234", {"decimal": ","}, None),
        ("1,234", {}, None),
        ("0x1A", {}, None),
        ("nan", {}, None),
        ("€ 5", {}, None),
    ],
)
def test_amounts(text: str, options: dict[str, str], expected: Decimal | None) -> None:
    read = to_money(pa.array([text, None]), spec(**options))
    assert read.values.to_pylist() == [expected, None]
    assert (read.failed is not None and bool(read.failed[0])) == (expected is None)


@settings(max_examples=200, deadline=None)
@given(st.decimals(min_value=-999_999_999, max_value=999_999_999, places=4))
def test_amounts_of_four_places_are_exact(amount: Decimal) -> None:
    assert to_money(pa.array([str(amount)]), spec()).values[0].as_py() == amount


def test_whole_numbers_and_flags() -> None:
    whole = to_integer(pa.array(["3", "3.0", "3.5", "a", None]), spec())
    assert whole.values.to_pylist() == [3, 3, None, None, None]
    assert whole.failed is not None
    assert whole.failed.tolist() == [False, False, True, True, False]
    flags = to_boolean(pa.array(["Yes", "non", "1", "perhaps", None]), spec())
    assert flags.values.to_pylist() == [True, False, True, None, None]
    assert to_number(pa.array([1.5, float("inf"), None]), spec()).values.to_pylist() == [1.5, None, None]
