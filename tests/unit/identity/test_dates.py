"""Birth dates: many formats by column, a bare year for a first of January, nothing for placeholders and nonsense."""

from __future__ import annotations

import pandas as pd
import pytest

from millibar.identity.dates import normal_dates
from millibar.identity.matching.plan import DATE_FORMATS


def _one(values: list[str | None]) -> tuple[list[object], dict[str, int]]:
    series, faults = normal_dates(pd.Series(values, dtype=object), DATE_FORMATS)
    return [None if pd.isna(value) else value for value in series], faults


@pytest.mark.parametrize(
    "spelled",
    [
        "1961-03-12",
        "19610312",
        "12/03/1961",
        "12-03-1961",
        "12.03.1961",
        "1961/03/12",
        "1961-03-12T00:00:00",
        "12 Mar 1961",
    ],
)
def test_formats(spelled: str) -> None:
    assert _one([spelled]) == (["1961-03-12"], {})


def test_the_column_decides_between_day_and_month_first() -> None:
    assert _one(["03/12/1961", "03/25/1961", "04/30/1980"])[0] == ["1961-03-12", "1961-03-25", "1980-04-30"]
    assert _one(["03/12/1961", "25/03/1961", "30/04/1980"])[0] == ["1961-12-03", "1961-03-25", "1980-04-30"]


def test_placeholders_are_no_evidence_and_counted() -> None:
    values, faults = _one(
        ["1900-01-01", "1970-01-01", "9999-12-31", "1985-02-30", "soon", None, "1984-01-01", "0001-01-01"]
    )
    assert values == [None, None, None, None, None, None, "1984", None]
    assert faults == {"placeholder": 3, "impossible": 2, "malformed": 1}


def test_a_year_alone_is_kept() -> None:
    assert _one(["1984", "1990"])[0] == ["1984", "1990"]


def test_each_date_is_read_alone_where_it_is_iso() -> None:
    """The pipeline hands over some records at a time: what is already ISO must not depend on its neighbours."""
    assert _one(["1961-03-12", "12/03/1961", "13/03/1961"])[0][0] == _one(["1961-03-12"])[0][0]
