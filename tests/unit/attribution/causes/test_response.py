"""Response curves: a planted curve found again, through the credit, with intervals that know what they do not know."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from millibar.attribution.causes.response import DailySeries, adstock, demand_index, fit_response
from millibar.attribution.parameters import BudgetParameters
from millibar.attribution.paths import Floats

NO_CARRY = BudgetParameters(adstock_half_life_days=0.0)


def series_of(half: float, days: int = 180, seed: int = 1, ceiling: float = 200.0, spread: float = 1.0) -> DailySeries:
    """Spends around 100 a day; conversions Poisson around the curve, more at weekends."""
    random = np.random.default_rng(seed)
    spend = 100 * np.exp(random.normal(0, spread, days))
    demand = 1 + 0.3 * (np.arange(days) % 7 >= 5)
    demand = demand / demand.mean()
    mean = demand * ceiling * spend / (half + spend)
    return DailySeries(spend, random.poisson(mean).astype(float), demand)


def credit(series: DailySeries, spend: float, half: float, ceiling: float = 200.0) -> Floats:
    return np.full(500, ceiling * spend / (half + spend))


@pytest.mark.parametrize("half", [30.0, 100.0, 300.0])
def test_a_planted_curve_is_found_again(half: float) -> None:
    series = series_of(half)
    found = fit_response(series, 100.0, credit(series, 100.0, half), NO_CARRY)
    assert found.curve == "saturating"
    truth = 200.0 * half / (half + 100.0) ** 2
    assert found.marginal(100.0).mean() == pytest.approx(truth, rel=0.15)
    assert np.median(found.half_spend) == pytest.approx(half, rel=0.3)


def test_intervals_of_the_marginal_return_hold_the_truth() -> None:
    hits, half = 0, 120.0
    for seed in range(100):
        series = series_of(half, seed=seed, ceiling=20.0)
        found = fit_response(series, 100.0, credit(series, 100.0, half, 20.0), NO_CARRY)
        low, high = np.quantile(found.marginal(100.0), (0.025, 0.975))
        hits += low <= 20.0 * half / (half + 100.0) ** 2 <= high
    assert hits >= 89


def test_the_curve_goes_through_the_credit() -> None:
    series = series_of(100.0)
    draws = np.random.default_rng(2).normal(40.0, 4.0, 5000)
    found = fit_response(series, 80.0, draws, NO_CARRY)
    assert found.conversions(80.0).mean() == pytest.approx(40.0, rel=0.02)
    assert found.conversions(80.0).std() == pytest.approx(4.0, rel=0.1)
    assert found.conversions(0.0).max() == 0.0


def test_a_straight_series_is_told_as_a_line() -> None:
    series = series_of(1e6, ceiling=1e6)
    found = fit_response(series, 100.0, np.full(500, 100.0), NO_CARRY)
    assert found.curve == "linear"
    assert found.marginal(100.0).mean() == pytest.approx(1.0, rel=0.1)


@pytest.mark.parametrize(
    ("series", "reason"),
    [
        (series_of(100.0, days=30), "30 days with spend, 60 are needed"),
        (series_of(100.0, spread=0.01), "spend hardly varies"),
        (replace(series_of(100.0), conversions=np.zeros(180)), "no credited conversions"),
    ],
)
def test_a_series_that_shows_nothing_leaves_a_wide_interval(series: DailySeries, reason: str) -> None:
    found = fit_response(series, 100.0, np.full(500, 50.0), NO_CARRY)
    assert found.curve == "linear"
    assert reason in found.basis
    low, high = np.quantile(found.marginal(100.0), (0.025, 0.975))
    assert low < 0.5 * high
    assert high <= 0.5


def test_no_spend_no_curve() -> None:
    found = fit_response(series_of(100.0), 0.0, np.full(500, 50.0))
    assert found.curve == "none"
    assert found.marginal(10.0).max() == 0.0


def test_adstock_keeps_the_sum_of_a_steady_spend() -> None:
    assert adstock(np.full(30, 7.0), 3.0) == pytest.approx(7.0)
    pulse = adstock(np.r_[np.zeros(10), 100.0, np.zeros(9)], 2.0)
    assert pulse[12] == pytest.approx(pulse[10] / 2, rel=0.05)
    assert adstock(np.array([1.0, 2.0]), 0.0).tolist() == [1.0, 2.0]


def test_demand_knows_weekdays_and_trend() -> None:
    days = np.arange(140)
    sales = (10 + days / 10) * np.where(days % 7 == 5, 2.0, 1.0)
    index = demand_index(sales, first_weekday=0)
    assert index.mean() == pytest.approx(1.0)
    assert index[75] / index[74] == pytest.approx(2.0, rel=0.1)
    assert index[130] > index[18]
    assert demand_index(np.zeros(5), 0).tolist() == [1.0] * 5
