"""Birth dates as delivered to ISO; what nobody was born on is no evidence, a bare year is a little."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

EARLIEST_YEAR = 1000  # records of the dead are matched, too
# Zeros of clocks and defaults of forms. A first of January counts for its year alone, see normal_dates().
PLACEHOLDER_DATES = frozenset(
    [
        "1753-01-01",
        "1800-01-01",
        "1899-12-30",
        "1899-12-31",
        "1900-01-01",
        "1901-01-01",
        "1904-01-01",
        "1969-12-31",
        "1970-01-01",
        "9999-09-09",
        "9999-12-31",
    ]
)
FILLERS = frozenset(
    ("", "0", "00000000", "0000-00-00", "00/00/0000", "0000", "null", "none", "nan", "n/a", "na", "-", "unknown")
)
SAMPLE = 5_000  # distinct values a format is chosen on

_TIME = re.compile(r"[T ]\d{1,2}:\d{2}.*$")
_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})")


def normal_dates(
    values: pd.Series, formats: Sequence[str], latest: dt.date | None = None
) -> tuple[pd.Series, dict[str, int]]:
    """ISO dates of a column of texts and how many values were no evidence, by reason.

    The format is chosen for the whole column, the one most values fit; values it does not fit are tried with the
    others. ``1984-01-01`` becomes ``1984`` (a clerk who knew the year alone), a placeholder or an impossible date
    becomes null and is counted: ``malformed``, ``placeholder``, ``impossible``. Nothing is later than ``latest`` (the
    last day the data may know; unbounded where None, so that the result never depends on the day it is computed).
    """
    codes, distinct = pd.factorize(values, use_na_sentinel=True)
    texts = ["" if not isinstance(v, str) else v.strip() for v in distinct]
    ordered = choose_formats(texts, formats)
    last = latest or dt.date(2100, 1, 1)
    outcomes = [_normal(text, ordered, last) for text in texts]
    table = np.array([iso for iso, _ in outcomes] + [None], dtype=object)
    reasons = np.array([reason for _, reason in outcomes] + [None], dtype=object)
    told = pd.Series(reasons[codes], dtype=object).dropna().value_counts()
    return pd.Series(table[codes], index=values.index, dtype=object), {str(k): int(v) for k, v in told.items()}


def choose_formats(texts: Sequence[str], formats: Sequence[str]) -> tuple[str, ...]:
    """The formats, best fit first; among equals the order given stands."""
    sample = sorted({text for text in texts if text and text.lower() not in FILLERS})[:SAMPLE]
    fits = {form: sum(_parsed(text, form) is not None for text in sample) for form in formats}
    return tuple(sorted(formats, key=lambda form: -fits[form]))


def _normal(text: str, formats: Sequence[str], last: dt.date) -> tuple[str | None, str | None]:
    if text.lower() in FILLERS:
        return None, ("placeholder" if text else None)
    plain = _TIME.sub("", text[:40])
    iso = _ISO.fullmatch(plain)
    for form in ("%Y-%m-%d",) if iso else formats:
        day = _parsed(plain, form)
        if day is not None:
            return _judged(day, form, last)
    return None, ("impossible" if re.fullmatch(r"[\d/.\- ]{6,10}", plain) else "malformed")


def _judged(day: dt.date, form: str, last: dt.date) -> tuple[str | None, str | None]:
    iso = day.isoformat()
    if iso in PLACEHOLDER_DATES and "%d" in form:
        return None, "placeholder"
    if day.year < EARLIEST_YEAR or day > last:
        return None, "impossible"
    if "%d" not in form and "%m" not in form:
        return iso[:4], None
    if "%d" not in form:
        return iso[:7], None
    return (iso[:4] if iso.endswith("-01-01") else iso), None


def parses(text: str, form: str) -> bool:
    """Whether a text is a date of that format."""
    return _parsed(text, form) is not None


def _parsed(text: str, form: str) -> dt.date | None:
    if form == "%Y%m%d":
        if len(text) != 8 or not text.isdecimal() or not text.isascii():
            return None
        try:
            return dt.date(int(text[:4]), int(text[4:6]), int(text[6:]))
        except ValueError:
            return None
    if form == "%Y" and len(text) != 4:
        return None
    try:
        return dt.datetime.strptime(text, form).date()  # a birth date has no zone
    except ValueError:
        return None
