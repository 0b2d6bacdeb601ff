"""The published fits of CDNOW and of the donors are found again: parameters within .01, log likelihood within .1."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from millibar.churn.purchase import (
    PurchaseCounts,
    PurchaseParameters,
    expected_value,
    fit_bg_bb,
    fit_purchases,
    fit_value,
    predict_bg_bb,
    predict_purchases,
)
from millibar.churn.purchase.models import FORMS

WEEKS = PurchaseParameters(unit_days=7)
ROUNDING = 0.0005  # of what is printed


@pytest.fixture(scope="module")
def cdnow(reference_data: Path) -> pd.DataFrame:
    return pd.read_csv(reference_data / "cdnow" / "cdnow_customers_summary_with_transactions.csv")


@pytest.fixture(scope="module")
def counts(cdnow: pd.DataFrame) -> PurchaseCounts:
    return PurchaseCounts.of(cdnow["x"], cdnow["t_x"], cdnow["T"])[0]


@pytest.mark.parametrize(
    ("model", "published", "log_likelihood"),
    [
        ("bg_nbd", {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, -9582.4),
        ("mbg_nbd", {"r": 0.525, "alpha": 6.183, "a": 0.891, "b": 1.614}, None),
        ("pareto_nbd", {"r": 0.553, "alpha": 10.578, "s": 0.606, "beta": 11.669}, -9595.0),
    ],
)
def test_purchase_models(
    counts: PurchaseCounts, model: str, published: dict[str, float], log_likelihood: float | None
) -> None:
    fit = fit_purchases(model, counts, WEEKS)
    assert fit.fitted
    assert fit.customers == 2357
    for name, value in published.items():
        assert fit.values[name] == pytest.approx(value, abs=0.01 if name in ("alpha", "beta") else 0.001 + ROUNDING)
        assert fit.low[name] < value < fit.high[name]
    if log_likelihood is not None:
        assert fit.log_likelihood == pytest.approx(log_likelihood, abs=0.1)


def test_expected_orders_of_the_paper(counts: PurchaseCounts) -> None:
    """Fader, Hardie and Lee (2005) print 1.226 for customer 1 (x = 2, t_x = 30.43, T = 38.86) over 39 weeks."""
    found = predict_purchases(fit_purchases("bg_nbd", counts), [2], [30.43], [38.86], 39)
    assert found.expected_orders[0] == pytest.approx(1.226, abs=0.0006)


def test_the_stand_in_is_the_published_fit(counts: PurchaseCounts) -> None:
    """The prior of each model is what its fit to CDNOW gives, in the caller's unit of time."""
    for model, form in FORMS.items():
        fitted = fit_purchases(model, counts, WEEKS).values
        prior = fit_purchases(model, PurchaseCounts.of([1], [14], [70])[0])
        assert not prior.fitted
        for name in form.names:
            days = 7 if name in form.timed else 1
            assert prior.values[name] == pytest.approx(days * fitted[name], rel=0.002)


def test_gamma_gamma(cdnow: pd.DataFrame) -> None:
    fit = fit_value(cdnow["x"], cdnow["zbar"])
    assert fit.customers == 946
    for name, value in (("p", 6.25), ("q", 3.74), ("v", 15.44)):
        assert fit.values[name] == pytest.approx(value, abs=0.01)
        assert fit.low[name] < value < fit.high[name]
    mean = fit.values["p"] * fit.values["v"] / (fit.values["q"] - 1)
    assert expected_value(fit, [0], [0])[0] == pytest.approx(mean)


def test_donations(reference_data: Path) -> None:
    """Fader, Hardie and Shang (2010): parameters, log likelihood, and the gifts of 2002 to 2006 they expect."""
    donors = pd.read_csv(reference_data / "cdnow" / "donations.csv")
    fit = fit_bg_bb(donors["frequency"], donors["recency"], donors["periods"], donors["weights"])
    for name, value in (("alpha", 1.204), ("beta", 0.750), ("gamma", 0.657), ("delta", 2.783)):
        assert fit.values[name] == pytest.approx(value, abs=0.001)
        assert fit.low[name] < value < fit.high[name]
    assert fit.log_likelihood == pytest.approx(-33225.6, abs=0.1)
    assert fit.customers == 11_104
    found = predict_bg_bb(fit, [0, 6], [0, 6], [6, 6], 5)
    assert found.expected_orders == pytest.approx([0.07, 3.75], abs=0.005)
