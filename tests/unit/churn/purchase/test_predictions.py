"""What the purchase models predict: against simulated customers, numerical integration and the papers' closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import hyp2f1

from millibar.churn.purchase import MODELS, PurchaseCounts, PurchaseFit, predict_counts, predict_purchases
from millibar.churn.purchase.beta_geometric import beta_nodes
from millibar.churn.purchase.models import FORMS
from millibar.churn.purchase.pareto import _integral
from unit.churn.purchase.simulated import Played, play

TRUTHS = {
    "bg_nbd": {"r": 0.6, "alpha": 8.0, "a": 0.7, "b": 2.0},
    "mbg_nbd": {"r": 0.6, "alpha": 8.0, "a": 0.7, "b": 2.0},
    "pareto_nbd": {"r": 0.7, "alpha": 9.0, "s": 0.8, "beta": 15.0},
}
CUSTOMERS, HORIZON = 200_000, 20.0
DEVIATIONS = 4.5


def known(model: str, values: dict[str, float]) -> PurchaseFit:
    return PurchaseFit(model, values, values, values, 0.0, 1.0, 1.0, True)


@pytest.fixture(scope="module", params=MODELS)
def played(request: pytest.FixtureRequest) -> tuple[str, Played]:
    model = request.param
    age = np.random.default_rng(5).integers(5, 60, CUSTOMERS).astype(float)
    return model, play(model, TRUTHS[model], CUSTOMERS, age, HORIZON, seed=11)


def test_they_hold_in_every_group(played: tuple[str, Played]) -> None:
    """Simulated customers with like histories live, order, and order at least once as often as predicted."""
    model, market = played
    found = predict_purchases(known(model, TRUTHS[model]), market.repeats, market.recency, market.age, HORIZON)
    silence = np.digitize(market.age - market.recency, [3, 10, 25])
    groups = np.minimum(market.repeats, 4) * 4 + silence
    for group in np.unique(groups):
        here = groups == group
        for predicted, seen in (
            (found.p_alive, market.is_alive),
            (found.expected_orders, market.later),
            (found.p_active, market.later > 0),
        ):
            gap = seen[here].astype(float) - predicted[here]
            error = max(gap.std(), 0.01) / np.sqrt(here.sum())
            assert abs(gap.mean()) < DEVIATIONS * error, (model, group)


@pytest.mark.parametrize("model", MODELS)
def test_orders_and_chances_fit_together(model: str) -> None:
    counts, _ = PurchaseCounts.of([0, 0, 1, 3, 250], [0, 0, 9, 50, 700], [0, 700, 300, 51, 700])
    short, long = (predict_counts(known(model, TRUTHS[model]), counts, days) for days in (1e-3, 1e5))
    for found in (short, long):
        assert ((found.p_active >= 0) & (found.p_active <= found.p_alive + 1e-12)).all()
        assert (found.expected_orders >= found.p_active - 1e-12).all()
    np.testing.assert_allclose(short.expected_orders, short.p_active, rtol=1e-2)  # one order at most in so short a time
    none = predict_counts(known(model, TRUTHS[model]), counts, 0)
    assert not none.p_active.any()
    assert not none.expected_orders.any()
    with pytest.raises(ValueError, match="horizon"):
        predict_counts(known(model, TRUTHS[model]), counts, -1)


@pytest.mark.parametrize(("a", "b"), [(0.793, 2.426), (1.0, 1.5), (0.05, 40.0), (9.0, 0.3)])
@pytest.mark.parametrize("horizon", [2.0, 39.0, 400.0])
def test_equation_10(a: float, b: float, horizon: float) -> None:
    """Against 2F1 of Fader, Hardie and Lee (2005), where a is not 1, and else against the integral over p."""
    values = {"r": 0.243, "alpha": 4.414, "a": a, "b": b}
    counts, _ = PurchaseCounts.of([1, 2, 12], [3.0, 30.43, 38.0], [38.86, 38.86, 38.86])
    found = predict_counts(known("bg_nbd", values), counts, horizon)
    for row, x in enumerate(counts.repeats):
        shape, scale = 0.243 + x, 4.414 + 38.86
        if a == 1.0:
            dense = b + x  # Beta(1, b + x) has density (b + x) (1 - p)^(b + x - 1)
            expected, _ = quad(
                lambda p, shape=shape, dense=dense: (
                    -np.expm1(-shape * np.log1p(p * horizon / (4.414 + 38.86))) / p * dense * (1 - p) ** (dense - 1)
                ),
                0, 1, epsabs=1e-13,
            )  # fmt: skip
        else:
            z = horizon / (scale + horizon)
            series = hyp2f1(shape, b + x, a + b + x - 1, z)
            expected = (a + b + x - 1) / (a - 1) * (1 - (scale / (scale + horizon)) ** shape * series)
        assert found.expected_orders[row] / found.p_alive[row] == pytest.approx(expected, rel=1e-7)


def test_beta_nodes_integrate_polynomials() -> None:
    for a, b in ((0.3, 0.4), (1.0, 1.0), (0.01, 500.0), (80.0, 2.0)):
        p, share = beta_nodes(a, b, 24)
        assert share.sum() == pytest.approx(1)
        assert share @ p == pytest.approx(a / (a + b))
        assert share @ p**2 == pytest.approx(a * (a + 1) / ((a + b) * (a + b + 1)))


@pytest.mark.parametrize("first", [1e-2, 9.0, 1e4])
@pytest.mark.parametrize("second", [1e-2, 9.0, 1e4])
@pytest.mark.parametrize("power", [0.3, 4.0, 300.0])
@pytest.mark.parametrize(("begin", "end"), [(0.0, 700.0), (699.0, 700.0), (20.0, 4000.0)])
def test_the_integral_of_pareto(first: float, second: float, power: float, begin: float, end: float) -> None:
    """Logs and means of the Gauss sum against scipy's adaptive quadrature, at values where 2F1 overflows or cancels."""
    row = [np.array([number]) for number in (first, second, power)]
    log_integral, logs, inverses = _integral(row[0], row[1], row[2], 1.6, np.array([begin]), np.array([end]))

    def density(v: float) -> float:  # u = begin + near (e^v - 1), relative to the integrand at the begin
        u = near * np.expm1(v)
        return float(np.exp(v - power * np.log1p(u / (first + begin)) - 1.6 * np.log1p(u / (second + begin))))

    near = min(first, second) + begin
    reach = np.log1p((end - begin) / near)
    cuts = np.linspace(0, reach, 200)[1:-1]
    area, _ = quad(density, 0, reach, points=np.unique(np.r_[cuts, np.geomspace(1e-6, reach, 60)[:-1]]), limit=1000)
    expected = np.log(area) + np.log(near) - power * np.log(first + begin) - 1.6 * np.log(second + begin)
    assert log_integral[0] == pytest.approx(expected, abs=1e-6)
    mean, _ = quad(
        lambda v: density(v) * np.log(first + begin + near * np.expm1(v)) / area, 0, reach,
        points=np.geomspace(1e-6, reach, 80)[:-1], limit=1000,
    )  # fmt: skip
    assert logs[0][0] == pytest.approx(mean, rel=1e-5, abs=1e-6)
    assert 1 / (first + end) <= inverses[0][0] <= 1 / (first + begin) * (1 + 1e-9)


@pytest.mark.parametrize("model", MODELS)
def test_gradients(model: str) -> None:
    """The slopes the fits climb by are those of their likelihoods, departures at the first purchase or at T included."""
    counts, _ = PurchaseCounts.of([0, 0, 1, 1, 4, 30], [0, 0, 2, 35, 20, 38], [38, 2, 38, 35, 38, 38])
    likelihood = FORMS[model].likelihood(counts)
    for values in ([0.5, 6.0, 0.9, 1.6], [2.5, 40.0, 3.0, 0.4], [0.2, 3.0, 0.5, 900.0]):
        point = np.array(values)
        _, slope = likelihood(point)
        for place in range(4):
            nudge = np.zeros(4)
            nudge[place] = 1e-6 * point[place]
            rise = (likelihood(point + nudge)[0] - likelihood(point - nudge)[0]) / (2 * nudge[place])
            assert slope[place] == pytest.approx(rise, rel=1e-4, abs=1e-6)
