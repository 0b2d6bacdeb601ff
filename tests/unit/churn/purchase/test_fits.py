"""Fits of the purchase and value models: truth found again, intervals, and customers no model can be fitted on."""

from __future__ import annotations

import numpy as np
import pytest

from millibar.churn.purchase import (
    MODELS,
    PurchaseCounts,
    PurchaseParameters,
    expected_value,
    fit_bg_bb,
    fit_purchases,
    fit_value,
    predict_bg_bb,
    predict_counts,
    predict_purchases,
)
from unit.churn.purchase.simulated import play

TRUTH = {"r": 0.6, "alpha": 60.0, "a": 0.7, "b": 2.0, "s": 0.8, "beta": 100.0}


def simulated(model: str, customers: int, seed: int) -> PurchaseCounts:
    age = np.random.default_rng(seed).uniform(30, 700, customers)
    market = play(model, TRUTH, customers, age, 0.0, seed)
    return PurchaseCounts.of(market.repeats, market.recency, market.age)[0]


@pytest.mark.parametrize("model", MODELS)
def test_intervals_hold_the_truth(model: str) -> None:
    """Over 8 markets and 4 parameters, which err together: most intervals; and the first pass changes nothing."""
    held = []
    for seed in range(8):
        counts = simulated(model, 3_000, seed)
        fit = fit_purchases(model, counts, PurchaseParameters(first_pass_rows=700))
        held += [fit.low[name] <= TRUTH[name] <= fit.high[name] for name in fit.values]
        if seed == 0:
            slow = fit_purchases(model, counts)
            assert slow.values == pytest.approx(fit.values, rel=1e-3)
            assert slow.log_likelihood == pytest.approx(fit.log_likelihood, abs=1e-3)
    assert np.mean(held) > 0.75


def test_four_times_the_customers_halve_the_interval() -> None:
    counts = simulated("mbg_nbd", 4_000, 3)
    more = PurchaseCounts(counts.repeats, counts.recency, counts.age, counts.weight * 4)
    few, many = fit_purchases("mbg_nbd", counts), fit_purchases("mbg_nbd", more)
    assert few.values == pytest.approx(many.values, rel=1e-4)
    for name in few.values:
        width = np.log(few.high[name] / few.low[name])
        assert np.log(many.high[name] / many.low[name]) == pytest.approx(width / 2, rel=1e-3)


def test_rows_are_counted_once_and_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(2)
    x = random.integers(0, 3, 5_000).astype(float)
    age = random.integers(5, 40, 5_000).astype(float)
    t_x = np.where(x > 0, np.minimum(random.integers(1, 40, 5_000), age), 0.0)
    counts, places = PurchaseCounts.of(x, t_x, age)
    assert counts.customers == 5_000
    assert counts.repeaters == (x > 0).sum()
    assert len(counts) == len({*zip(x, t_x, age, strict=True)})
    for mine, theirs in ((counts.repeats, x), (counts.recency, t_x), (counts.age, age)):
        np.testing.assert_array_equal(mine[places], theirs)
    monkeypatch.setattr(
        "millibar.churn.purchase.counts.MOST_KINDS", 100
    )  # as if the kinds were too many for one number
    renumbered, other_places = PurchaseCounts.of(x, t_x, age)
    np.testing.assert_array_equal(other_places, places)
    np.testing.assert_array_equal(renumbered.age, counts.age)
    doubled, _ = PurchaseCounts.of(x, t_x, age, np.full(5_000, 2.0))
    np.testing.assert_array_equal(doubled.weight, 2 * counts.weight)


@pytest.mark.parametrize(
    ("history", "said"),
    [
        (([0], [3.0], [9.0]), "recency without a repeat"),
        (([1], [9.5], [9.0]), "recency outside"),
        (([1.5], [1.0], [9.0]), "no whole number"),
        (([-1], [0.0], [9.0]), "no whole number"),
        (([1], [np.nan], [9.0]), "no finite number"),
        (([1, 2], [1.0], [9.0]), "one a customer"),
    ],
)
def test_histories_that_cannot_be(history: tuple[list[float], ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        PurchaseCounts.of(*history)


@pytest.mark.parametrize("model", MODELS)
def test_too_few_to_fit_on(model: str) -> None:
    """Nobody came back, ten customers, one, all on one day: the prior stands in, and says so."""
    for counts in (
        PurchaseCounts.of(np.zeros(5_000), np.zeros(5_000), np.arange(5_000.0) % 300)[0],
        PurchaseCounts.of([0, 3] * 5, [0, 80] * 5, [90, 100] * 5)[0],
        PurchaseCounts.of([0], [0], [0])[0],
        PurchaseCounts.of(np.zeros(400), np.zeros(400), np.zeros(400))[0],
        PurchaseCounts.of([], [], [])[0],
    ):
        fit = fit_purchases(model, counts)
        assert not fit.fitted
        assert np.isnan([*fit.low.values(), *fit.high.values()]).all()
        found = predict_counts(fit, counts, 90)
        for numbers in (found.p_alive, found.p_active, found.expected_orders):
            assert np.isfinite(numbers).all()


@pytest.mark.parametrize("model", MODELS)
def test_nobody_ever_leaves(model: str) -> None:
    """Everybody buys on to the last day: all are alive, and the departures no data settle get no interval."""
    random = np.random.default_rng(7)
    age = random.uniform(200, 400, 2_000)
    repeats = random.poisson(age * random.gamma(4, 1 / 100, 2_000)) + 1.0
    recency = age * (1 - random.random(2_000) ** repeats / 50)
    fit = fit_purchases(model, PurchaseCounts.of(repeats, recency, age)[0])
    assert fit.fitted
    found = predict_purchases(fit, repeats, recency, age, 90)
    assert found.p_alive.min() > 0.9
    assert found.expected_orders.sum() == pytest.approx((repeats / age * 90).sum(), rel=0.05)
    departure = "b" if "b" in fit.values else "beta"
    assert np.isnan(fit.low[departure]) or fit.high[departure] > 10 * fit.low[departure]


def test_one_purchase_long_ago_is_not_certain_life() -> None:
    """BG/NBD gives 1 to whoever bought once: the reason why it never ranks anybody."""
    for model, certain in (("bg_nbd", True), ("mbg_nbd", False), ("pareto_nbd", False)):
        fit = fit_purchases(model, simulated("mbg_nbd", 3_000, 1))
        alive = predict_purchases(fit, [0, 0], [0, 0], [10, 700], 90).p_alive
        assert (alive[1] == 1.0) == certain
        assert certain or alive[1] < alive[0]


def test_back_after_two_years() -> None:
    """Who comes back is alive again, and more likely so than had he stayed away."""
    fit = fit_purchases("mbg_nbd", simulated("mbg_nbd", 3_000, 1))
    found = predict_purchases(fit, [3, 4], [60, 790], [800, 800], 90)
    assert found.p_alive[0] < 0.2 < 0.7 < found.p_alive[1]
    assert found.p_active[1] > found.p_active[0]


def test_an_unknown_model() -> None:
    with pytest.raises(ValueError, match="mbg_nbd, bg_nbd, pareto_nbd"):
        fit_purchases("nbd", PurchaseCounts.of([1], [1], [1])[0])


def test_value_found_again_and_shrunk() -> None:
    random = np.random.default_rng(4)
    orders = random.integers(1, 6, 40_000).astype(float)
    worth = random.gamma(3.7, 1 / 15.0, 40_000)
    means = random.gamma(6.2 * orders) / worth / orders
    fit = fit_value(orders, means)
    for name, truth in (("p", 6.2), ("q", 3.7), ("v", 15.0)):
        assert fit.low[name] < truth < fit.high[name]
    counted = fit_value(orders, means, np.full(40_000, 2.0))
    assert counted.values == pytest.approx(fit.values, rel=1e-4)
    found = expected_value(fit, orders, means)
    true_means = 6.2 / worth
    assert np.mean((found - true_means) ** 2) < 0.9 * np.mean((means - true_means) ** 2)
    assert found.mean() == pytest.approx(true_means.mean(), rel=0.02)


def test_value_of_returns_and_of_nothing() -> None:
    """Returns larger than orders, no order, an unknown mean: 0 or everybody's mean, never nan, never negative."""
    random = np.random.default_rng(4)
    orders = np.r_[random.integers(1, 6, 300), 2, 0, 3, 1, 0].astype(float)
    means = np.r_[random.gamma(5, 10, 300), -40.0, 0.0, np.nan, 0.0, -5.0]
    fit = fit_value(orders, means)
    assert fit.customers == 300
    everybody = fit.values["p"] * fit.values["v"] / (fit.values["q"] - 1)
    assert expected_value(fit, orders, means)[-5:] == pytest.approx([0, everybody, everybody, 0, everybody])
    for few in (fit_value([1.0, 2.0], [10.0, 40.0]), fit_value(np.ones(50), np.full(50, 30.0))):
        assert not few.fitted
        assert few.mean == pytest.approx(30)
        assert expected_value(few, [1, 0, 2], [12.0, 0.0, -3.0]) == pytest.approx([12, 30, 0])
    assert expected_value(fit_value([], []), [0, 1], [0, 5]) == pytest.approx([0, 5])


def test_value_with_a_tail_too_heavy_for_a_mean() -> None:
    """Where the fitted mean between customers is infinite, expectations are finite and near what was seen."""
    random = np.random.default_rng(6)
    orders = np.ones(4_000)
    means = random.gamma(4.0, 1, 4_000) / random.gamma(0.7, 1, 4_000)
    found = expected_value(fit_value(orders, means), [0, 1], [0, 5.0])
    assert np.isfinite(found).all()
    assert found[0] == pytest.approx(means.mean(), rel=0.01)


def test_occasions() -> None:
    """BG/BB finds simulated truth, its predictions hold, and senseless histories are refused."""
    random = np.random.default_rng(3)
    chance, leaving = random.beta(1.2, 0.8, 60_000), random.beta(0.9, 3.0, 60_000)
    lasted = random.geometric(leaving) - 1  # occasions he is there for
    buys = (random.random((60_000, 9)) < chance[:, None]) & (np.arange(9) < lasted[:, None])
    x = buys[:, :6].sum(axis=1)
    t_x = np.where(x > 0, 6 - np.argmax(buys[:, 5::-1], axis=1), 0)
    fit = fit_bg_bb(x, t_x, np.full(60_000, 6))
    for name, truth in (("alpha", 1.2), ("beta", 0.8), ("gamma", 0.9), ("delta", 3.0)):
        assert fit.low[name] < truth < fit.high[name]
    found = predict_bg_bb(fit, x, t_x, np.full(60_000, 6), 3)
    later = buys[:, 6:].sum(axis=1)
    for history in ((0, 0), (3, 6), (3, 4), (6, 6)):
        here = (x == history[0]) & (t_x == history[1])
        assert found.expected_orders[here].mean() == pytest.approx(later[here].mean(), abs=0.06)
        assert found.p_active[here].mean() == pytest.approx((later[here] > 0).mean(), abs=0.03)
        assert found.p_alive[here].mean() == pytest.approx((lasted[here] > 6).mean(), abs=0.03)
    for wrong, said in ((([3], [2], [6]), "more purchases"), (([1], [2.5], [6]), "no whole occasion")):
        with pytest.raises(ValueError, match=said):
            fit_bg_bb(*wrong)
    with pytest.raises(ValueError, match="share of 0 or 1"):
        fit_bg_bb([0, 0], [0, 0], [3, 3])
    with pytest.raises(ValueError, match="1 or more"):
        predict_bg_bb(fit, [1], [1], [2], 0)
