"""Quality of chances: DeLong's interval, calibration with ties, lift, and what a base without churn gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millibar.churn.risk import judge
from millibar.churn.risk.quality import area_under_curve, calibration_bins, level_z, lift_at_risk, spiegelhalter, wilson


def pairs(score: np.ndarray, active: np.ndarray) -> float:
    """The definition: share of pairs ranked rightly, ties counting half."""
    gap = score[active][:, None] - score[~active][None, :]
    return float(((gap > 0) + 0.5 * (gap == 0)).mean())


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=40))
def test_auc_is_the_share_of_pairs(rows: list[tuple[int, bool]]) -> None:
    score, active = np.array([row[0] for row in rows], dtype=float), np.array([row[1] for row in rows])
    found = area_under_curve(score, active)
    if active.all() or not active.any():
        assert np.isnan(found).all()
    else:
        assert found.auc == pytest.approx(pairs(score, active), abs=1e-12)
        assert 0 <= found.low <= found.auc <= found.high <= 1


def test_delong_variance_by_its_definition() -> None:
    random = np.random.default_rng(3)
    active = random.random(300) < 0.3
    score = np.round(random.normal(active * 0.8, 1.0), 1)
    win = (score[active][:, None] > score[~active][None, :]) + 0.5 * (score[active][:, None] == score[~active][None, :])
    variance = win.mean(axis=1).var(ddof=1) / active.sum() + win.mean(axis=0).var(ddof=1) / (~active).sum()
    found = area_under_curve(score, active)
    width = 1.959964 * np.sqrt(variance) / (found.auc * (1 - found.auc))
    assert np.log(found.high / (1 - found.high)) - np.log(found.auc / (1 - found.auc)) == pytest.approx(width)


def test_the_interval_covers() -> None:
    """Normal scores one deviation apart: the true area is Phi(1 / sqrt 2) = .7602; 95 % of intervals hold it."""
    random, held = np.random.default_rng(8), 0
    for _ in range(600):
        active = random.random(120) < 0.4
        found = area_under_curve(random.normal(active * 1.0, 1.0), active)
        held += found.low <= 0.76025 <= found.high
    assert 0.925 <= held / 600 <= 0.975


def test_a_perfect_ranking_is_not_certain() -> None:
    found = area_under_curve(np.arange(10.0), np.arange(10) >= 5)
    assert found.auc == found.high == 1
    assert 0.4 < found.low < 0.6


def test_bins_are_equal_and_ties_stay_together() -> None:
    chance = np.arange(1000) / 1000
    active = np.random.default_rng(0).random(1000) < chance
    bins = calibration_bins(chance, active)
    assert [each.customers for each in bins] == [100] * 10
    assert all(each.observed_low <= each.observed <= each.observed_high for each in bins)
    tied = calibration_bins(np.repeat([0.1, 0.2], [995, 5]), np.repeat([False, True], [995, 5]))
    assert [(each.bin, each.customers) for each in tied] == [(1, 995), (2, 5)]
    assert [each.observed for each in tied] == [0.0, 1.0]


def test_error_of_predictions_that_are_off_by_a_tenth() -> None:
    chance = np.full(1000, 0.3)
    active = np.arange(1000) < 400
    found = judge(chance, active, np.zeros(1000))
    assert found.ece == pytest.approx(0.1)
    assert found.brier == pytest.approx(0.4 * 0.49 + 0.6 * 0.09)
    assert found.auc == found.baseline.auc == 0.5
    assert found.level_z == pytest.approx(100 / np.sqrt(1000 * 0.21))


def test_lift_of_the_tenth_at_risk() -> None:
    chance, active = np.arange(100) / 100, np.arange(100) >= 20
    assert lift_at_risk(chance, active) == pytest.approx(5.0)  # 100 % of that tenth are gone, of all 20 %
    assert lift_at_risk(np.zeros(100), active) == pytest.approx(1.0)
    assert lift_at_risk(np.arange(3.0), np.array([False, True, True])) == pytest.approx(3.0)
    assert np.isnan(lift_at_risk(chance, np.ones(100, dtype=bool)))


@settings(max_examples=50)
@given(st.integers(1, 60), st.integers(0, 2**31), st.floats(0, 1))
def test_rows_may_come_in_any_order(count: int, seed: int, share: float) -> None:
    random = np.random.default_rng(seed)
    chance, active = random.integers(0, 8, count) / 8, random.random(count) < share
    order = random.permutation(count)
    first, second = judge(chance, active, chance), judge(chance[order], active[order], chance[order])
    for name in ("ece", "brier", "lift", "level_z", "spiegelhalter_z"):
        assert getattr(first, name) == pytest.approx(getattr(second, name), nan_ok=True, abs=1e-9)
    assert sum(each.customers for each in first.bins) == count


def test_right_predictions_have_small_z() -> None:
    random = np.random.default_rng(1)
    found = []
    for _ in range(300):
        chance = random.beta(1, 4, 400)
        active = random.random(400) < chance
        found.append((level_z(chance, active), spiegelhalter(chance, active)))
    assert np.abs(np.mean(found, axis=0)).max() < 0.2
    np.testing.assert_allclose(np.std(found, axis=0), 1.0, atol=0.12)


def test_nobody_or_everybody_active_and_one_customer() -> None:
    everybody = judge(np.full(50, 0.9), np.ones(50), np.zeros(50))
    assert np.isnan([everybody.auc, everybody.lift]).all()
    assert everybody.ece == pytest.approx(0.1)
    nobody = judge(np.full(50, 0.1), np.zeros(50), np.zeros(50))
    assert np.isnan(nobody.auc)
    assert nobody.lift == 1.0
    one = judge([1.0], [True], [np.nan])
    assert (one.customers, one.ece, one.spiegelhalter_z) == (1, 0.0, 0.0)
    assert one.told()["ranking"]["auc"] != one.told()["ranking"]["auc"]


def test_what_cannot_be_judged_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one customer"):
        judge([], [], [])
    with pytest.raises(ValueError, match=r"prediction 1 is 1\.5"):
        judge([0.5, 1.5], [True, False], [1, 2])
    with pytest.raises(ValueError, match="prediction 0 is nan"):
        judge([np.nan], [True], [1])


def test_wilson() -> None:
    assert wilson(0.5, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)
    assert wilson(0.0, 10)[0] == 0.0
