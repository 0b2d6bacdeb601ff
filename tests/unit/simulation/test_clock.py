"""Local and universal time around the changes of the clock."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millibar.simulation.clock import DAY, Clock

PARIS = ZoneInfo("Europe/Paris")
CLOCK = Clock(date(2025, 1, 1), 400, "Europe/Paris")


def seconds(hour: float) -> np.ndarray:
    return np.array([hour * 3600])


def utc_text(day: date, hour: float) -> str:
    moment = CLOCK.utc((day - date(2025, 1, 1)).days, seconds(hour))[0]
    return datetime.fromtimestamp(int(moment), UTC).strftime("%d %H:%M")


@pytest.mark.parametrize(
    ("day", "hour", "expected"),
    [
        (date(2025, 1, 1), 0, "31 23:00"),
        (date(2025, 3, 30), 0, "29 23:00"),
        (date(2025, 3, 30), 1.5, "30 00:30"),
        (date(2025, 3, 30), 2.5, "30 01:30"),  # does not exist: becomes 03:30
        (date(2025, 3, 30), 3, "30 01:00"),
        (date(2025, 10, 26), 1.5, "25 23:30"),
        (date(2025, 10, 26), 2.5, "26 00:30"),  # comes twice: the first one
        (date(2025, 10, 26), 3, "26 02:00"),
        (date(2025, 10, 26), 23.5, "26 22:30"),
    ],
)
def test_wall_clock_of_paris(day: date, hour: float, expected: str) -> None:
    assert utc_text(day, hour) == expected


@given(st.integers(-86_400 * 300, 86_400 * 600))
def test_local_time_is_that_of_the_zone_database(offset: int) -> None:
    utc = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp()) + offset
    there = datetime.fromtimestamp(utc, PARIS)
    assert CLOCK.local(np.array([utc]))[0] == utc + int(there.utcoffset().total_seconds())  # type: ignore[union-attr]
    assert CLOCK.date(int(CLOCK.day_of(np.array([utc]))[0])) == there.date()
    assert CLOCK.second_of_day(np.array([utc]))[0] == there.hour * 3600 + there.minute * 60 + there.second


def test_days_of_the_change_have_23_and_25_hours() -> None:
    for day, hours in ((date(2025, 3, 30), 23), (date(2025, 10, 26), 25), (date(2025, 6, 1), 24)):
        number = (day - date(2025, 1, 1)).days
        assert CLOCK.utc(number + 1, seconds(0))[0] - CLOCK.utc(number, seconds(0))[0] == hours * 3600


def test_a_zone_without_changes() -> None:
    clock = Clock(date(2025, 1, 1), 10, "UTC")
    assert clock.utc(1, seconds(2))[0] - clock.utc(0, seconds(2))[0] == DAY
