"""Sales: Black Friday, the week after it and August are expected, a real fall is not, and its parts are told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from millibar.pressure.signals import SalesInputs, SignalInputs, SignalSheet, load_calendar, no_calendar
from millibar.pressure.signals.calendar import nth_weekday
from unit.pressure.signals.stand_ins import DAYS, SEEDS, drivers, find, health, signal

CALENDAR = load_calendar(SEEDS / "calendar_effects.csv")
MONTHS = (1.08, 0.83, 0.9, 0.97, 1.0, 1.1, 1.0, 0.7, 0.97, 1.0, 1.12, 1.35)  # a brand's own, unlike the calendar's
WEEKDAYS = (0.95, 0.9, 1.0, 1.0, 1.1, 1.3, 0.75)


def season(days: pd.DatetimeIndex) -> np.ndarray:
    """What this brand sells by the time of the year: not what the calendar's priors say."""
    factor = np.array(MONTHS)[days.month - 1] * np.array(WEEKDAYS)[days.day_of_week]
    for year in sorted(set(days.year)):
        friday = (days - pd.Timestamp(nth_weekday(year, 11, 4, 3))).days - 1
        factor = np.where(
            np.abs(friday) <= 1, factor * 2.4, np.where((friday >= -4) & (friday <= 3), factor * 1.6, factor)
        )
    return np.where((days.month == 12) & (days.day >= 24), factor * 0.55, factor)


def orders(last: str, years: float, level: float = 150.0, seed: int = 1) -> pd.DataFrame:
    days = pd.date_range(end=last, periods=int(365 * years) + DAYS)
    mean = level * season(days) * np.random.default_rng(seed).gamma(100, 0.01, len(days))
    return pd.DataFrame({"day": days, "orders": np.random.default_rng(seed + 1).poisson(mean)})


def sheet(daily: pd.DataFrame, base: pd.DataFrame | None = None, calendar: pd.DataFrame = CALENDAR) -> SignalSheet:
    last = daily["day"].max()
    counted = daily.tail(DAYS)["orders"].to_numpy()
    rows = daily.assign(revenue=60.0 * daily["orders"])
    sales = pd.concat([rows.assign(channel="all"), rows.assign(channel="direct")])
    inputs = (
        SalesInputs(daily=sales, calendar=calendar) if base is None else SalesInputs(sales, base, calendar=calendar)
    )
    return find(SignalInputs(health("all", last=last, orders=counted), sales=inputs), last)


def verdict(daily: pd.DataFrame, **more: pd.DataFrame) -> str:
    return str(signal(sheet(daily, **more), "sales_fall", "all")["verdict"])


@pytest.mark.parametrize("years", [0, 1])
def test_summer_black_friday_and_christmas_raise_nothing(years: int) -> None:
    for seed in (1, 11):
        daily = orders("2026-01-15", years + 1, seed=seed)
        watched = [
            *pd.date_range("2025-07-28", "2025-09-14", freq="4D"),
            *pd.date_range("2025-11-20", "2026-01-14", freq="4D"),
        ]
        history = orders("2025-09-30", years + 1, seed=seed)
        for day in watched:
            known = history if day < pd.Timestamp("2025-10-01") else daily
            wanted = DAYS + 365 * years
            told = verdict(known[known["day"] <= day].tail(wanted))
            assert told in ("nothing", "expected"), day


def test_august_would_alert_without_a_calendar() -> None:
    daily = orders("2025-08-18", 0)
    assert verdict(daily, calendar=no_calendar()) == "alert"
    found = signal(sheet(daily), "sales_fall", "all")
    assert found["verdict"] == "expected"
    assert not found["alert"]
    assert found["action_code"] is None or pd.isna(found["action_code"])
    assert "the season puts -" in found["cause"]
    assert found["baseline"] > found["expected"]


@pytest.mark.parametrize("factor", [0.55, 0.65])
@pytest.mark.parametrize(
    ("last", "years"), [("2025-05-20", 0), ("2025-10-20", 0), ("2025-08-18", 0), ("2025-08-18", 1), ("2025-12-12", 1)]
)
def test_a_real_fall_alerts_in_and_out_of_season(factor: float, last: str, years: int) -> None:
    """Within two weeks, and still after three, when the fault has entered the baseline."""
    for days in (13, 20):
        daily = orders(last, years)
        daily["orders"] = daily["orders"].astype(float)
        daily.loc[daily.index[-days:], "orders"] = np.round(daily["orders"].tail(days) * factor)
        assert verdict(daily) == "alert", days


def fallen(seed: int = 1, factor: float = 0.65, days: int = 12) -> pd.DataFrame:
    daily = orders("2025-05-20", 0, seed=seed)
    daily["orders"] = daily["orders"].astype(float)
    daily.loc[daily.index[-days:], "orders"] = np.round(daily["orders"].tail(days) * factor)
    return daily


def base(now: float, then: float, **model: list[float]) -> pd.DataFrame:
    return pd.DataFrame({
        "day": pd.to_datetime(["2025-05-13", "2025-04-15"]), "active_customers": [now, then],
    } | model)  # fmt: skip


def test_parts_of_the_fall_sum_to_it_and_the_largest_is_named() -> None:
    found = sheet(fallen(), base(9_000.0, 9_000.0))
    parts = drivers(found, "sales_fall", "all")
    parts = parts[parts["kind"] == "sales_part"].set_index("driver")
    assert set(parts.index) == {"customers", "frequency", "basket", "channel", "(other)"}
    assert parts.loc["(other)", "contribution"] == 0
    assert parts.loc["frequency", "contribution"] < -10_000
    assert parts["share"].sum() == pytest.approx(1.0)
    assert "by the part frequency" in signal(found, "sales_fall", "all")["cause"]


def test_a_base_that_shrank_explains_its_part() -> None:
    """A quarter of the customers had left before: that much less is normal, the rest is not."""
    mild = fallen(factor=0.67, days=20)
    assert verdict(mild, base=base(9_000.0, 9_000.0)) == "alert"
    assert verdict(mild, base=base(7_000.0, 9_000.0)) == "expected"
    assert verdict(fallen(factor=0.5), base=base(7_000.0, 9_000.0)) == "alert"


def test_the_purchase_models_expectation_goes_before_the_count() -> None:
    mild = fallen(factor=0.67, days=20)
    assert verdict(mild, base=base(9_000.0, 9_000.0, expected_orders=[760.0, 1_000.0])) == "expected"
    assert verdict(mild, base=base(7_000.0, 9_000.0, expected_orders=[1_000.0, 1_000.0])) == "alert"
    unknown = base(9_000.0, 9_000.0, expected_orders=[float("nan"), 1_000.0])
    assert verdict(mild, base=unknown) == "alert"


def test_a_base_that_grew_or_vanished_raises_no_expectation() -> None:
    sound = orders("2025-05-20", 0)
    assert verdict(sound, base=base(90_000.0, 9_000.0)) == "nothing"
    assert verdict(sound, base=base(0.0, 9_000.0)) == "nothing"


def test_a_segment_is_held_against_its_peers_when_the_season_is_in_doubt() -> None:
    """August, first year, and a calendar that knows little of it: the store's customers buy a third less than the others.
    Alone that could be the season; beside the others it cannot.
    """
    last = pd.Timestamp("2025-08-20")
    doubtful = CALENDAR.assign(spread=2.5 * CALENDAR["spread"])
    parts = {}
    for place, name in enumerate(("store", "search", "social")):
        daily = orders("2025-08-20", 0, level=1_500.0, seed=20 + place)["orders"].to_numpy(dtype=float)
        if name == "store":
            daily[-14:] *= 0.65
        segment = f"acquisition_channel:{name}"
        parts[segment] = health("all", segment, last=last, orders=np.round(daily))

    def judged(*segments: str) -> pd.Series:
        table = pd.concat([parts[segment] for segment in segments])
        found = find(SignalInputs(table, sales=SalesInputs(calendar=doubtful)), last)
        return found.signals.set_index("segment")["verdict"]

    store = "acquisition_channel:store"
    assert judged(store)[store] == "expected"
    verdicts = judged(*parts)
    assert verdicts[store] == "alert"
    assert set(verdicts.drop(store)) <= {"nothing", "expected"}
