"""The calendar's moving dates, and the season learned from it and from the orders of a year."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from millibar.pressure.signals import CalendarError, SeasonParameters, fit_season, load_calendar, no_calendar
from millibar.pressure.signals.calendar import anchor, easter, event_days
from unit.pressure.signals.stand_ins import SEEDS

PARAMETERS = SeasonParameters()
CALENDAR = load_calendar(SEEDS / "calendar_effects.csv")


@pytest.mark.parametrize(
    ("year", "expected"),
    [(1961, "04-02"), (2000, "04-23"), (2008, "03-23"), (2024, "03-31"), (2025, "04-20"), (2038, "04-25")],
)
def test_easter_is_that_of_the_almanac(year: int, expected: str) -> None:
    assert easter(year).isoformat() == f"{year}-{expected}"


@pytest.mark.parametrize(
    ("rule", "year", "expected"),
    [
        ("black_friday", 2024, date(2024, 11, 29)),
        ("black_friday", 2025, date(2025, 11, 28)),  # November begins on a Saturday
        ("black_friday", 2029, date(2029, 11, 23)),  # ... on a Thursday
        ("weekday 01 2 wed", 2025, date(2025, 1, 8)),
        ("weekday 06 -1 wed", 2025, date(2025, 6, 25)),
        ("date 02-29", 2025, date(2025, 2, 28)),
        ("date 12-24", 2025, date(2025, 12, 24)),
    ],
)
def test_moving_dates(rule: str, year: int, expected: date) -> None:
    assert anchor(rule, year) == expected


def test_an_event_runs_over_the_end_of_the_year() -> None:
    effects = pd.DataFrame({"rule": ["date 12-24"], "from_day": [0], "to_day": [9]})
    days = pd.date_range("2025-12-20", "2026-01-05")
    on = days[event_days(days, effects)[:, 0] > 0]
    assert (on[0].date(), on[-1].date()) == (date(2025, 12, 24), date(2026, 1, 2))


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("x,full moon,0,1,1.1,0.1,s", "line 2, column rule: 'full moon' is no rule"),
        ("x,date 13-40,0,1,1.1,0.1,s", "line 2, column rule"),
        ("x,weekday 02 6 wed,0,1,1.1,0.1,s", "line 2, column rule"),
        ("x,easter,0,one,1.1,0.1,s", "line 2, column to_day: 'one'; write a whole number"),
        ("x,easter,0,1,0,0.1,s", "line 2, column factor: '0'; write a number above 0"),
    ],
)
def test_a_wrong_line_is_told_with_its_mend(tmp_path: Path, row: str, told: str) -> None:
    path = tmp_path / "calendar_effects.csv"
    path.write_text(f"event,rule,from_day,to_day,factor,spread,source\n{row}\n")
    with pytest.raises(CalendarError, match=told):
        load_calendar(path)


def test_a_missing_column_is_told_and_a_missing_file_is_no_calendar(tmp_path: Path) -> None:
    path = tmp_path / "calendar_effects.csv"
    assert load_calendar(path).empty
    path.write_text("event,rule\na,easter\n")
    with pytest.raises(CalendarError, match="no column from_day"):
        load_calendar(path)


def orders(days: pd.DatetimeIndex, level: float, august: float, seed: int = 1) -> pd.DataFrame:
    mean = level * np.where(days.month == 8, august, 1.0) * np.where(days.day_of_week == 6, 0.6, 1.0)
    return pd.DataFrame({"day": days, "orders": np.random.default_rng(seed).poisson(mean)})


def august_against_july(history: pd.DataFrame | None) -> tuple[float, float]:
    season = fit_season(history, CALENDAR, PARAMETERS)
    return season.ratio(pd.date_range("2025-08-10", "2025-08-16"), pd.date_range("2025-06-05", "2025-07-30"))


def test_without_a_year_the_priors_stand() -> None:
    short = orders(pd.date_range("2025-01-01", "2025-08-16"), 200, august=0.4)
    prior, spread = august_against_july(None)
    assert august_against_july(short) == (prior, spread)
    assert 0.6 < prior < 0.85
    assert spread > 0.1


def test_with_a_year_the_brands_own_august_is_learned() -> None:
    history = orders(pd.date_range("2024-05-01", "2025-08-16"), 200, august=0.4)
    ratio, spread = august_against_july(history)
    assert ratio == pytest.approx(0.4, abs=0.06)
    assert spread < august_against_july(None)[1] / 2


def test_a_fault_of_the_last_weeks_is_not_taken_for_the_season() -> None:
    days = pd.date_range("2024-05-01", "2025-08-16")
    sound = orders(days, 200, august=0.75)
    fault = sound.copy()
    fault.loc[fault["day"] > "2025-07-20", "orders"] //= 2
    assert august_against_july(fault)[0] == pytest.approx(august_against_july(sound)[0], rel=0.02)


def test_one_wild_day_does_not_bend_the_season() -> None:
    days = pd.date_range("2024-05-01", "2025-08-16")
    sound = orders(days, 200, august=0.75)
    wild = sound.copy()
    wild.loc[wild["day"] == "2024-08-12", "orders"] = 20_000
    assert august_against_july(wild)[0] == pytest.approx(august_against_july(sound)[0], rel=0.05)


def test_no_calendar_and_no_history_is_no_season() -> None:
    season = fit_season(None, no_calendar(), PARAMETERS)
    days = pd.date_range("2025-11-20", "2025-12-30")
    np.testing.assert_allclose(season.factor(days), 1.0)
    assert season.ratio(days, days) == (1.0, 0.0)


def test_a_history_without_orders_learns_nothing() -> None:
    nothing = orders(pd.date_range("2024-01-01", "2025-08-16"), 0.0, august=1.0)
    assert fit_season(nothing, CALENDAR, PARAMETERS).basis == "calendar"
    few = replace(PARAMETERS, minimum_days=10_000)
    assert fit_season(orders(pd.date_range("2024-01-01", "2025-08-16"), 9, 1.0), CALENDAR, few).basis == "calendar"
