"""Numbers, money, shares and moments as the page writes them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from millibar.cockpit import wording


@pytest.mark.parametrize(
    ("write", "value", "expected"),
    [
        (wording.count, 1_042_311, "1,042,311"),
        (wording.count, Decimal("12.46"), "12.5"),
        (wording.count, 4_285.7, "4,286"),
        (wording.count, 0.434, "0.43"),
        (wording.count, 0, "0"),
        (wording.count, None, "–"),
        (wording.count, float("nan"), "–"),
        (wording.count, float("inf"), "–"),
        (wording.short_count, 9_999_999, "9,999,999"),
        (wording.short_count, 12_345_678, "12.3 M"),
        (wording.share, 0.1234, "12.3%"),
        (wording.share, 0.0017, "0.17%"),
        (wording.share, 0.000004, "<0.01%"),
        (wording.share, 0, "0.0%"),
        (wording.share, 1, "100.0%"),
        (wording.share, None, "–"),
        (wording.times, 3.24, "3.2×"),
        (wording.times, 143.9, "144×"),
        (wording.times, None, "–"),
    ],
)
def test_numbers(write: Any, value: Any, expected: str) -> None:
    assert write(value) == expected


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        (318_450.2, "EUR", "€318,450"),
        (0.93, "EUR", "€0.93"),
        (-12.5, "GBP", "-£12.50"),
        (1_200, "CHF", "CHF 1,200"),
        (None, "EUR", "–"),
    ],
)
def test_money(amount: float | None, currency: str, expected: str) -> None:
    assert wording.money(amount, currency) == expected


def test_money_of_millions_is_short_on_a_tile() -> None:
    assert wording.short_money(1_234_567, "EUR") == "€1.23 M"
    assert wording.short_money(999_999, "EUR") == "€999,999"
    assert wording.short_money(-2_500_000, "USD") == "-$2.50 M"


@pytest.mark.parametrize(
    ("observed", "expected", "daily", "words"),
    [
        (0.0213, 0.0342, False, "2.1% instead of 3.4% (-38%)"),
        (1.1, 0.8, False, "110.0% instead of 80.0% (+38%)"),
        (41, 17.5, True, "41 a day instead of 17.5 a day (+134%)"),
        (0.9, 0.43, True, "0.90 a day instead of 0.43 a day (+109%)"),
        (5, 0, True, "5 a day instead of 0 a day"),
        (0.2, None, False, "20.0%"),
        (None, 0.2, False, "–"),
    ],
)
def test_measured_beside_expected(observed: float | None, expected: float | None, daily: bool, words: str) -> None:
    assert wording.measured(observed, expected, daily=daily) == words


def test_moments_are_in_the_business_time_zone() -> None:
    late = datetime(2025, 3, 14, 23, 30, tzinfo=UTC)
    assert wording.moment(late, ZoneInfo("Europe/Paris")) == "15 March 2025, 00:30"
    assert wording.day(date(2025, 3, 4)) == "4 March 2025"
    assert wording.moment(None, ZoneInfo("Europe/Paris")) == "–"


@pytest.mark.parametrize(
    ("hours", "words"), [(0, "1 minute"), (0.5, "30 minutes"), (1.2, "1 hour"), (30, "30 hours"), (72, "3 days")]
)
def test_age(hours: float, words: str) -> None:
    assert wording.age(hours) == words
