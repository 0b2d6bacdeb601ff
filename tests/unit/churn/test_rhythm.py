"""The purchase rhythm: likelihood against numerical integration, recovery of known markets, the public CDNOW data."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import gamma

from millibar.churn import ChurnParameters, Purchases, Rhythm, fit_rhythm, score_rhythm
from millibar.churn.rhythm import _log_likelihood, rate_grid
from millibar.churn.scores import area_under_curve

PARAMETERS = ChurnParameters()
GRID = rate_grid(PARAMETERS)
RHYTHM = Rhythm(shape=0.8, scale_days=60.0, departure_rate=1 / 300)


def purchases(*triples: tuple[float, float, float]) -> Purchases:
    return Purchases(*(np.array(column, dtype=float) for column in zip(*triples, strict=True)))


def market(customers: int, rhythm: Rhythm, seed: int, days: float = 500.0) -> tuple[Purchases, np.ndarray, np.ndarray]:
    """Triples of simulated customers, whether each is truly alive, and purchases in the next 90 days."""
    random = np.random.default_rng(seed)
    rates = random.gamma(rhythm.shape, 1 / rhythm.scale_days, customers)
    lives = random.exponential(1 / rhythm.departure_rate, customers)
    ages = random.uniform(30, days, customers).round()
    counts = random.poisson(rates * np.minimum(lives, ages))
    recency = np.array(
        [
            random.uniform(0, min(life, age), n).max() if n else 0.0
            for n, life, age in zip(counts, lives, ages, strict=True)
        ]
    )
    future = random.poisson(rates * np.clip(lives - ages, 0, 90))
    return Purchases(counts.astype(float), recency, ages), lives > ages, future


@pytest.mark.parametrize(("x", "t_x", "age"), [(0, 0, 10), (0, 0, 400), (1, 30, 200), (5, 180, 200), (20, 100, 300)])
def test_scores_equal_numerical_integration(x: int, t_x: float, age: float) -> None:
    mu = RHYTHM.departure_rate

    def likelihood(rate: float, alive: bool) -> float:
        stayed = rate**x * np.exp(-(rate + mu) * age)
        left = rate**x * mu / (rate + mu) * (np.exp(-(rate + mu) * t_x) - np.exp(-(rate + mu) * age))
        weight = gamma.pdf(rate, RHYTHM.shape, scale=1 / RHYTHM.scale_days)
        return float((stayed if alive else stayed + left) * weight)

    def integral(alive: bool, factor: float = 0.0) -> float:
        pieces = [0, 1e-4, 1e-3, 1e-2, 0.05, 0.2, 1.0]
        return sum(
            quad(lambda rate: likelihood(rate, alive) * rate**factor, low, high, limit=200)[0]
            for low, high in itertools.pairwise(pieces)
        )

    whole = integral(alive=False)
    expected_alive = integral(alive=True) / whole
    expected_orders = integral(alive=True, factor=1.0) / whole * (1 - np.exp(-mu * 90)) / mu
    alive, orders, chance = score_rhythm(purchases((x, t_x, age)), RHYTHM, 90, GRID)
    assert alive[0] == pytest.approx(expected_alive, abs=0.002)
    assert orders[0] == pytest.approx(expected_orders, rel=0.01, abs=0.0005)
    assert 0 < chance[0] < min(orders[0], 1) + 1e-12
    assert _log_likelihood(purchases((x, t_x, age)), RHYTHM, GRID)[0] == pytest.approx(np.log(whole), abs=0.01)


def test_one_purchase_long_ago_is_not_alive_with_certainty() -> None:
    """The trap of BG/NBD: everybody who bought once would get 1."""
    alive, _, _ = score_rhythm(purchases((0, 0, 1), (0, 0, 100), (0, 0, 800)), RHYTHM, 90, GRID)
    assert alive[0] > 0.98
    assert alive[0] > alive[1] > alive[2]
    assert alive[2] < 0.5


def test_silence_is_read_in_the_customers_own_rhythm() -> None:
    """Sixty days of silence: alarming for a weekly buyer, nothing for one who buys twice a year."""
    weekly, rarely = (50, 350, 410), (2, 350, 410)
    alive, _, _ = score_rhythm(purchases(weekly, rarely), RHYTHM, 90, GRID)
    assert alive[0] < 0.1
    assert alive[1] > 0.6


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 300), st.floats(0, 3000), st.floats(0, 3000))
def test_scores_are_probabilities_and_fall_with_silence(x: int, t_x: float, silence: float) -> None:
    recency = t_x if x else 0.0
    outcome = score_rhythm(
        purchases((x, recency, recency + silence), (x, recency, recency + silence + 50)), RHYTHM, 90, GRID
    )
    for scores in outcome:
        assert np.isfinite(scores).all()
        assert (scores >= 0).all()
        assert scores[0] >= scores[1] - 1e-9
    assert (outcome[0] <= 1 + 1e-12).all()
    assert (outcome[2] <= 1 + 1e-12).all()


def test_the_fit_recovers_the_market() -> None:
    bought, alive, future = market(12_000, RHYTHM, seed=1)
    fit = fit_rhythm(bought, ChurnParameters(fit_customers=12_000))
    assert fit.fitted
    assert fit.shape == pytest.approx(RHYTHM.shape, rel=0.15)
    assert fit.scale_days == pytest.approx(RHYTHM.scale_days, rel=0.15)
    assert fit.departure_rate == pytest.approx(RHYTHM.departure_rate, rel=0.15)
    scored, orders, chance = score_rhythm(bought, fit, 90, GRID)
    # calibrated: in every fifth of the scores the mean is what happened
    for place in np.array_split(np.argsort(scored), 5):
        assert scored[place].mean() == pytest.approx(alive[place].mean(), abs=0.03)
    assert orders.sum() == pytest.approx(future.sum(), rel=0.05)
    assert chance.mean() == pytest.approx((future > 0).mean(), abs=0.01)
    assert area_under_curve(scored, alive) > 0.75


def test_the_fit_does_not_depend_on_the_order_of_customers() -> None:
    bought, _, _ = market(6_500, RHYTHM, seed=2)
    order = np.random.default_rng(0).permutation(len(bought))
    assert fit_rhythm(bought, PARAMETERS) == fit_rhythm(bought.take(order), PARAMETERS)


@pytest.mark.parametrize("customers", [0, 1, 99])
def test_few_customers_take_the_prior(customers: int) -> None:
    fit = fit_rhythm(
        purchases(*[(3.0, 100.0, 200.0)] * customers) if customers else Purchases(*[np.empty(0)] * 3), PARAMETERS
    )
    assert not fit.fitted
    assert (fit.shape, fit.departure_rate) == (PARAMETERS.prior_shape, PARAMETERS.prior_departure_rate)


def test_a_market_without_repeat_buyers_takes_the_prior() -> None:
    assert not fit_rhythm(purchases(*[(0.0, 0.0, 200.0)] * 500), PARAMETERS).fitted


def test_cdnow_likelihood_lies_beside_the_published_one(reference_data: Path) -> None:
    """One departure rate instead of a gamma of them: a little below Pareto/NBD's -9595.0, far above no departures."""
    table = pd.read_csv(reference_data / "cdnow" / "cdnow_customers_summary.csv")
    bought = Purchases(table["frequency"].to_numpy(float), table["recency"].to_numpy() * 7, table["T"].to_numpy() * 7)
    fit = fit_rhythm(bought, ChurnParameters(rate_nodes=200))
    in_weeks = fit.log_likelihood * len(bought) + table["frequency"].sum() * np.log(7)
    assert -9602 < in_weeks < -9595


def test_cdnow_holdout(reference_data: Path) -> None:
    """13 weeks after 1997-09-30, 23,570 customers; the bar of a logistic RFM model is .777, BG/NBD P(alive) gets .333."""
    names = ["customer", "day", "disks", "dollars"]
    log = pd.read_csv(
        reference_data / "cdnow" / "CDNOW_master.txt", sep=r"\s+", header=0, names=names, dtype={"day": str}
    )
    log["day"] = pd.to_datetime(log["day"], format="%Y%m%d")
    cut = pd.Timestamp("1997-09-30")
    before = log[log["day"] <= cut].groupby("customer")["day"].agg(["min", "max", "nunique"])
    after = log[(log["day"] > cut) & (log["day"] <= cut + pd.Timedelta(weeks=13))].groupby("customer")["day"].nunique()
    bought_later = after.reindex(before.index).fillna(0).to_numpy() > 0
    bought = Purchases(
        (before["nunique"] - 1).to_numpy(float),
        (before["max"] - before["min"]).dt.days.to_numpy(float),
        (cut - before["min"]).dt.days.to_numpy(float),
    )
    assert len(bought) == 23_570
    alive, _, chance = score_rhythm(bought, fit_rhythm(bought, PARAMETERS), 91, GRID)
    assert area_under_curve(chance, bought_later) > 0.765
    assert area_under_curve(alive, bought_later) > 0.69
