"""The renewal model: the published fits, what it expects against simulated subscriptions, and bases too small for it."""

from __future__ import annotations

import numpy as np
import pytest

from millibar.churn.contract import (
    ContractParameters,
    ContractTerms,
    expected_survival,
    fit_contracts,
    predict_contracts,
    survival,
)
from millibar.churn.contract.renewal import likelihood

# Fader and Hardie (2007), table 1: customers left of 1,000 after each of seven yearly ends
HIGHEND = [1000, 869, 743, 653, 593, 551, 517, 491]
REGULAR = [1000, 631, 468, 382, 326, 289, 262, 241]


def history(left: list[int]) -> ContractTerms:
    """Of a cohort: who left ended with the term before; who is left runs in the next."""
    gone = -np.diff(left)
    terms = np.arange(1, len(left) + 1)
    return ContractTerms.of(terms, terms < len(left), [*gone, left[-1]])


@pytest.mark.parametrize(
    ("left", "alpha", "beta", "log_likelihood"), [(HIGHEND, 0.668, 3.806, -1611.2), (REGULAR, 0.704, 1.182, -1680.3)]
)
def test_published(left: list[int], alpha: float, beta: float, log_likelihood: float) -> None:
    fit = fit_contracts(history(left))
    assert fit.fitted
    assert fit.subscriptions == 1000
    assert fit.values["alpha"] == pytest.approx(alpha, abs=0.001)
    assert fit.values["beta"] == pytest.approx(beta, abs=0.001)
    assert fit.log_likelihood == pytest.approx(log_likelihood, abs=0.1)
    for name, value in (("alpha", alpha), ("beta", beta)):
        assert fit.low[name] < value < fit.high[name]
    assert fit.largest_gap < 0.02
    seen = survival(history(left))
    assert seen["survival"].to_numpy() == pytest.approx(np.array(left[1:]) / 1000)
    assert seen["at_risk"].to_list() == left[:-1]
    assert expected_survival(fit, np.arange(1, 8)) == pytest.approx(np.array(left[1:]) / 1000, abs=0.02)


def simulated(customers: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(terms begun, ended, terms altogether) of customers who came at different times, seen at one day."""
    random = np.random.default_rng(seed)
    lifetime = random.geometric(np.clip(random.beta(1.5, 5.0, customers), 1e-6, 1))
    seen = random.integers(1, 12, customers)  # the term the day lies in, had he stayed
    return np.minimum(lifetime, seen), lifetime < seen, lifetime


def test_censored_subscriptions_give_the_truth_back() -> None:
    terms, ended, lifetime = simulated(40_000, 2)
    fit = fit_contracts(ContractTerms.of(terms, ended))
    for name, truth in (("alpha", 1.5), ("beta", 5.0)):
        assert fit.low[name] < truth < fit.high[name]
    running = ~ended
    found = predict_contracts(fit, terms[running], np.zeros(running.sum(), bool))
    for term in (1, 3, 8):
        here = terms[running] == term
        later = lifetime[running][here] - term
        assert found.p_renewal[here].mean() == pytest.approx((later > 0).mean(), abs=0.02)
        assert found.expected_terms[here].mean() == pytest.approx(np.minimum(later, 12).mean(), rel=0.04)
    assert (np.diff([found.p_renewal[terms[running] == term].mean() for term in range(1, 9)]) > 0).all()


def test_gradient() -> None:
    evaluate = likelihood(history(REGULAR))
    for point in (np.array([0.7, 1.2]), np.array([5.0, 40.0])):
        for place in range(2):
            nudge = np.zeros(2)
            nudge[place] = 1e-6 * point[place]
            rise = (evaluate(point + nudge)[0] - evaluate(point - nudge)[0]) / (2 * nudge[place])
            assert evaluate(point)[1][place] == pytest.approx(rise, rel=1e-5)


def test_a_cancelled_term_is_not_renewed() -> None:
    found = predict_contracts(fit_contracts(history(HIGHEND)), [1, 1, 6], [False, True, False])
    assert found.p_renewal[1] == found.expected_terms[1] == 0
    assert found.basis.tolist() == ["shifted_beta_geometric", "cancelled", "shifted_beta_geometric"]
    assert 0 < found.p_renewal[0] < found.p_renewal[2] < 1
    assert found.expected_terms[2] <= 12


@pytest.mark.parametrize(
    ("terms", "ended"),
    [([], []), ([1], [False]), ([1] * 500, [False] * 500), ([1] * 500, [True] * 500), ([3] * 9, [True] * 9)],
)
def test_too_few_to_fit_on(terms: list[int], ended: list[bool]) -> None:
    """Nothing, one, nobody at an end yet, nobody ever renewed, nine: one share, between 0 and 1, for everybody."""
    fit = fit_contracts(ContractTerms.of(terms, ended))
    assert not fit.fitted
    assert 0 < fit.renewed_share < 1
    found = predict_contracts(fit, [1, 9], [False, False])
    assert found.p_renewal.tolist() == [fit.renewed_share] * 2
    assert set(found.basis) == {"renewal_share"}
    assert (found.expected_terms <= 12).all()


def test_nobody_leaves_much() -> None:
    """Ten ends in thousands: high chances, finite expectations."""
    terms = np.r_[np.full(5_000, 20), np.full(10, 4)]
    fit = fit_contracts(ContractTerms.of(terms, np.arange(5_010) >= 5_000))
    found = predict_contracts(fit, [1, 20], [False, False], ContractParameters(terms_ahead=1_000))
    assert (found.p_renewal > 0.98).all()
    assert np.isfinite(found.expected_terms).all()


def test_kaplan_meier_intervals() -> None:
    """Greenwood on the log-log scale: S^exp(+-z se / |ln S|), at the first end a binomial share's."""
    seen = survival(history(HIGHEND)).iloc[0]
    error = np.sqrt(131 / (1000 * 869)) / abs(np.log(0.869))
    assert seen["low"] == pytest.approx(0.869 ** np.exp(1.959964 * error))
    assert seen["high"] == pytest.approx(0.869 ** np.exp(-1.959964 * error))
    everybody = survival(ContractTerms.of([1, 1, 2], [False, False, False]))
    assert everybody["survival"].tolist() == [1.0]
    assert np.isnan(everybody["low"]).all()


@pytest.mark.parametrize("terms", [[0], [1.5], [-3], [20_000], [np.nan]])
def test_terms_that_cannot_be(terms: list[float]) -> None:
    with pytest.raises(ValueError, match="whole number"):
        ContractTerms.of(terms, [False])
