"""Wording: numbers, money, shares and moments as a person reads them."""

from __future__ import annotations

import math
from datetime import date, datetime, tzinfo
from typing import Any

ABSENT = "–"
SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}
MILLION = 1_000_000
LONGEST_IN_FULL = 10 * MILLION  # longer counts are shortened on a tile


def number(value: Any) -> float | None:
    """A database number as a float; ``None`` for null, NaN and infinities."""
    if value is None:
        return None
    result = float(value)
    return result if math.isfinite(result) else None


def count(value: Any) -> str:
    """12,345; one decimal below 100 where there is a fraction, as credits have: 12.5; two below 1: 0.43."""
    amount = number(value)
    if amount is None:
        return ABSENT
    if abs(amount) < 100 and amount != round(amount):
        return f"{amount:,.{2 if abs(amount) < 1 else 1}f}"
    return f"{amount:,.0f}"


def short_count(value: Any) -> str:
    """A count for a tile: 1,042,311, and 12.3 M from ten million."""
    amount = number(value)
    if amount is None or abs(amount) < LONGEST_IN_FULL:
        return count(value)
    return f"{amount / MILLION:,.1f} M"


def money(value: Any, currency: str) -> str:
    """€12,345; cents below 100; the code in front where there is no symbol."""
    amount = number(value)
    if amount is None:
        return ABSENT
    sign = "-" if amount < 0 else ""
    digits = 2 if abs(amount) < 100 and amount != round(amount) else 0
    return f"{sign}{_unit(currency)}{abs(amount):,.{digits}f}"


def short_money(value: Any, currency: str) -> str:
    """Money for a tile: €123,456, and €1.23 M from a million."""
    amount = number(value)
    if amount is None or abs(amount) < MILLION:
        return money(amount, currency)
    return f"{'-' if amount < 0 else ''}{_unit(currency)}{abs(amount) / MILLION:,.2f} M"


def share(value: Any) -> str:
    """A share 0..1 as a percentage: 12.3%, and 0.17% below one; a trace is never written as nothing."""
    part = number(value)
    if part is None:
        return ABSENT
    if 0 < part < 0.00005:
        return "<0.01%"
    return f"{part * 100:.{2 if 0 < abs(part) < 0.01 else 1}f}%"


def times(value: Any) -> str:
    """A ratio: 3.2×."""
    ratio = number(value)
    if ratio is None:
        return ABSENT
    return f"{ratio:,.1f}×" if abs(ratio) < 100 else f"{ratio:,.0f}×"


def measured(observed: Any, expected: Any, *, daily: bool) -> str:
    """What was seen against what was expected: ``2.1% instead of 3.4% (-38%)``.

    ``daily``: both are counts a day; rates otherwise.
    """
    seen, wanted = number(observed), number(expected)
    if seen is None:
        return ABSENT
    write = _count_a_day if daily else share
    if wanted is None:
        return write(seen)
    change = f" ({(seen / wanted - 1) * 100:+.0f}%)" if wanted else ""
    return f"{write(seen)} instead of {write(wanted)}{change}"


def day(value: date | None) -> str:
    """14 March 2025."""
    return f"{value.day} {value:%B %Y}" if value else ABSENT


def moment(value: datetime | None, timezone: tzinfo) -> str:
    """14 March 2025, 06:12, in the business time zone."""
    if value is None:
        return ABSENT
    local = value.astimezone(timezone)
    return f"{day(local.date())}, {local:%H:%M}"


def age(hours: float) -> str:
    """How long ago, coarsely: 20 minutes, 3 hours, 2 days."""
    if hours < 1:
        amount, unit = max(1, round(hours * 60)), "minute"
    elif hours < 48:
        amount, unit = round(hours), "hour"
    else:
        amount, unit = round(hours / 24), "day"
    return f"{amount} {unit}{'' if amount == 1 else 's'}"


def _count_a_day(value: Any) -> str:
    return f"{count(value)} a day"


def _unit(currency: str) -> str:
    return SYMBOLS.get(currency, f"{currency} ")
