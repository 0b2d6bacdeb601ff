"""Scores in a marketer's terms: bands, values, reasons, holdout quality, best hours."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millibar.churn import ChurnParameters, MomentParameters, Rhythm, channel_moments, holdout_quality, score_customers
from millibar.churn.scores import SCORE_COLUMNS, area_under_curve, risk_bands, shrunk_value

PARAMETERS = ChurnParameters()
RHYTHM = Rhythm(0.8, 60.0, 1 / 300)


def buyers(**columns: list) -> pd.DataFrame:
    size = len(next(iter(columns.values())))
    filled = {
        "customer_id": [f"c{number}" for number in range(size)],
        "repeat_purchases": [0] * size, "recency_days": [0] * size, "age_days": [10] * size,
        "mean_day_value": [50.0] * size, "days_since_response": [None] * size, "contacts": [0] * size,
        "unsubscribes": [0] * size, "complaints": [0] * size,
    }  # fmt: skip
    return pd.DataFrame(filled | columns)


def test_scores_of_four_kinds_of_buyers() -> None:
    table = buyers(
        repeat_purchases=[20, 20, 0, 20],
        recency_days=[400, 300, 0, 300],
        age_days=[410, 410, 900, 410],
        complaints=[0, 0, 0, 1],
    )
    scored = score_customers(table, RHYTHM, PARAMETERS).set_index("customer_id")
    assert scored.loc["c0", "risk_band"] == "low"
    assert scored.loc["c0", "main_reason"] == "buys at the usual rhythm"
    assert scored.loc["c1", "risk_band"] == "lost"
    assert scored.loc["c1", "main_reason"] == "no purchase for 110 days, usually every 15"
    assert scored.loc["c2", "main_reason"] == "one purchase only, 900 days ago"
    assert scored.loc["c3", "main_reason"] == "complained, and no purchase for 110 days"
    assert scored.loc["c0", "expected_orders"] > 20 * scored.loc["c1", "expected_orders"]
    assert scored.loc["c0", "expected_value"] == pytest.approx(50 * scored.loc["c0", "expected_orders"])


def test_nulls_and_nobody() -> None:
    table = buyers(repeat_purchases=[None, 1], recency_days=[None, 5], age_days=[None, 3], mean_day_value=[None, None])
    scored = score_customers(table, RHYTHM, PARAMETERS)
    assert scored["p_alive"].between(0, 1).all()
    assert scored[["expected_orders", "expected_value"]].notna().all().all()
    nobody = score_customers(table.iloc[:0], RHYTHM, PARAMETERS)
    assert nobody.columns.tolist() == SCORE_COLUMNS
    assert nobody.empty


def test_bands_begin_at_their_thresholds() -> None:
    alive = np.array([1.0, 0.9, 0.899, 0.75, 0.749, 0.5, 0.499, 0.0])
    assert risk_bands(alive, PARAMETERS).tolist() == [
        "low", "low", "medium", "medium", "high", "high", "lost", "lost"
    ]  # fmt: skip


def test_the_value_is_shrunk_as_much_as_purchases_scatter() -> None:
    random = np.random.default_rng(1)
    days = random.integers(1, 20, 50_000).astype(float)
    own = random.normal(60, 10, len(days))
    weight_true = (20 / 10) ** 2
    means = own + random.normal(0, 20, len(days)) / np.sqrt(days)
    values, weight = shrunk_value(days, means)
    assert weight == pytest.approx(weight_true, rel=0.15)
    assert np.mean((values - own) ** 2) < np.mean((means - own) ** 2)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 50), st.floats(0, 1e6) | st.none()), min_size=1, max_size=20))
def test_shrunk_values_lie_between_the_own_mean_and_the_populations(rows: list) -> None:
    days = np.array([n for n, _ in rows], dtype=float)
    means = np.array([np.nan if mean is None else mean for _, mean in rows])
    values, _ = shrunk_value(days, means)
    assert np.isfinite(values).all()
    known = np.isfinite(means)
    if known.any():
        assert (values >= np.nanmin(means) - 1e-6).all()
        assert (values <= np.nanmax(means) + 1e-6).all()


def test_the_area_under_the_curve_counts_pairs() -> None:
    scores, positive = np.array([0.1, 0.4, 0.35, 0.8, 0.4]), np.array([False, False, True, True, True])
    pairs = [(a > b) + (a == b) / 2 for a in scores[positive] for b in scores[~positive]]
    assert area_under_curve(scores, positive) == pytest.approx(np.mean(pairs))
    with pytest.raises(ValueError, match="at least one"):
        area_under_curve(scores, np.zeros(5, bool))


def test_holdout_says_what_it_can() -> None:
    earlier = buyers(repeat_purchases=[3, 0], recency_days=[90, 0], age_days=[100, 400])
    assert holdout_quality(earlier.assign(later_purchases=[0, 0]), PARAMETERS) == {"customers": 2}
    quality = holdout_quality(earlier.assign(later_purchases=[2, 0]), PARAMETERS)
    assert quality["auc"] == 1.0
    assert quality["observed_purchases"] == 2
    assert not quality["fitted"]
    assert holdout_quality(earlier.assign(later_purchases=0).iloc[:0], PARAMETERS) == {"customers": 0}


def test_moments_are_shrunk_to_the_channel() -> None:
    counts = pd.DataFrame({
        "channel": ["email", "email", "sms"], "weekday": [0, 1, 0], "hour": [9, 20, 9], "exposures": [1_000, 9_000, 0],
        "responses": [100, 300, 3],
    })  # fmt: skip
    found = channel_moments(counts, MomentParameters(prior_exposures=200))
    assert found["channel"].unique().tolist() == ["email"]
    assert len(found) == 168
    cell = found.set_index(["weekday", "hour"])["expected_response"]
    assert cell[0, 9] == pytest.approx((100 + 200 * 0.04) / 1_200)
    assert cell[3, 3] == pytest.approx(0.04)
    assert found["responses"].sum() == 400
    assert channel_moments(counts.iloc[:0], MomentParameters()).empty
