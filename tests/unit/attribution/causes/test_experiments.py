"""Holdout experiments: unbiased effects, honest errors, history that lowers them, customers out of reach."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from millibar.attribution.causes.experiments import experiment_result, pooled_share


def groups_of(
    size: int, seed: int, effect: float = 0.3, heterogeneity: float = 1.0, reachable: float = 1.0, spill: float = 0.0
) -> pd.DataFrame:
    """Customers with a rate of their own; conversions of 20.00 before and during, grouped as the warehouse does."""
    random = np.random.default_rng(seed)
    own = random.gamma(1 / heterogeneity, heterogeneity, size) if heterogeneity else np.ones(size)
    treated, within = random.random(size) < 0.5, random.random(size) < reachable
    contacts = np.where(treated, np.where(within, 4.0, spill), 0.0)
    made = random.poisson(own + effect * (treated & within))
    table = pd.DataFrame(
        {
            "experiment_id": "x", "arm": np.where(treated, "treated", "holdout"), "is_reachable": within,
            "before": random.poisson(own), "long_before": random.poisson(2 * own), "customers": 1,
            "contacts": contacts, "conversions": made, "conversions_squared": made**2, "revenue": 20.0 * made,
            "revenue_squared": 400.0 * made**2,
        }
    )  # fmt: skip
    return table.groupby(["experiment_id", "arm", "is_reachable", "before", "long_before"], as_index=False).sum()


def test_intervals_hold_the_effect() -> None:
    hits, explained, effects, errors = 0, [], [], []
    for seed in range(300):
        found = experiment_result(groups_of(800, seed), "x").conversions
        assert found is not None
        low, high = found.interval()
        hits += low < 0.3 < high
        explained.append(found.explained)
        effects.append(found.effect)
        errors.append(found.error)
    assert 0.92 < hits / 300 < 0.98
    assert np.std(effects) == pytest.approx(np.mean(errors), rel=0.1)
    # three units of history leave a quarter of what customers differ in: 0.75 of 2.15
    assert np.mean(explained) == pytest.approx(0.35, abs=0.06)


def test_history_explains_only_what_it_can() -> None:
    found = experiment_result(groups_of(20_000, 1, heterogeneity=0.0), "x").conversions
    assert found is not None
    assert found.explained == pytest.approx(0.0, abs=0.005)


def test_without_history_it_is_the_difference_of_means() -> None:
    groups = groups_of(2_000, 2).assign(before=0, long_before=0)
    groups = groups.groupby(["experiment_id", "arm", "is_reachable", "before", "long_before"], as_index=False).sum()
    found = experiment_result(groups, "x")
    means = {}
    for arm, rows in groups.groupby("arm"):
        means[arm] = rows["conversions"].sum() / rows["customers"].sum()
    assert found.conversions is not None
    assert found.conversions.effect == pytest.approx(means["treated"] - means["holdout"])
    assert found.revenue is not None
    assert found.revenue.effect == pytest.approx(20 * found.conversions.effect)
    assert found.revenue.error == pytest.approx(20 * found.conversions.error)


def test_grouping_does_not_change_the_result() -> None:
    groups = groups_of(500, 3)
    apart = pd.concat([groups.assign(**{name: groups[name] / 2 for name in groups.columns[5:]})] * 2)
    one, other = experiment_result(groups, "x").conversions, experiment_result(apart, "x").conversions
    assert one is not None
    assert other is not None
    assert one.effect == pytest.approx(other.effect)
    assert one.error == pytest.approx(other.error)


def test_customers_out_of_reach_are_left_out_and_counted() -> None:
    groups = groups_of(6_000, 4, reachable=0.25)
    found = experiment_result(groups, "x")
    everyone = experiment_result(groups.assign(is_reachable=True), "x")
    assert found.out_of_reach == pytest.approx(4_500, rel=0.05)
    assert found.conversions is not None
    assert everyone.conversions is not None
    assert found.conversions.effect == pytest.approx(0.3, abs=4 * found.conversions.error)
    # the same effect on the brand, with half the error
    assert found.conversions.error * 0.25 < 0.6 * everyone.conversions.error


def test_reach_that_does_not_bound_the_contacts_bounds_nothing() -> None:
    found = experiment_result(groups_of(2_000, 5, reachable=0.5, spill=1.0), "x")
    assert found.out_of_reach == 0


def test_a_small_arm_shows_nothing() -> None:
    found = experiment_result(groups_of(60, 6), "x", least_customers=50)
    assert found.conversions is None
    assert found.treated + found.holdout == 60


def test_an_unknown_arm_is_refused() -> None:
    with pytest.raises(ValueError, match="experiment x has the arm 'control'"):
        experiment_result(groups_of(50, 7).replace({"arm": {"holdout": "control"}}), "x")


def test_experiments_that_agree_are_pooled_by_precision() -> None:
    found = pooled_share("email", np.array([0.10, 0.14]), np.array([0.02, 0.04]))
    assert found.share == pytest.approx((0.10 * 4 + 0.14) / 5)
    assert found.error == pytest.approx(1 / np.sqrt(1 / 0.02**2 + 1 / 0.04**2))
    assert found.disagreement == 0.0


def test_experiments_that_disagree_widen_the_error() -> None:
    found = pooled_share("email", np.array([0.02, 0.20]), np.array([0.01, 0.01]))
    assert found.disagreement == pytest.approx(0.127, abs=0.005)
    assert found.share == pytest.approx(0.11)
    assert found.error > 0.08


def test_one_experiment_is_itself() -> None:
    found = pooled_share("sms", np.array([-0.01]), np.array([0.02]))
    assert (found.share, found.error, found.experiments) == (pytest.approx(-0.01), pytest.approx(0.02), 1)
