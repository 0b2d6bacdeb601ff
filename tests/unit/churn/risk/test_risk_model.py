"""Risk: what is learned is right and calibrated, few customers fall back, and odd bases give no nan."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from millibar.churn.risk import (
    NotLearnableError,
    RiskParameters,
    fit_risk,
    judge,
    later_days,
    score_features,
    score_orders,
)
from millibar.churn.risk.logistic import fit_logistic
from millibar.churn.risk.matrix import Scaling
from millibar.churn.risk.training import training_cuts
from unit.churn.risk.shop import HORIZON, LAST_DAY, contract_rows, followed, order_days

PARAMETERS = RiskParameters()
QUICK = RiskParameters(rounds=20, boosting_customers=500, boosting_cases=50)
CUT = LAST_DAY - HORIZON


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return contract_rows(4_000)


def days_of(*rows: tuple[str, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["customer_id", "day"]).assign(value=10.0)


def assert_sound(found, customers: int, basis: str | None = None) -> None:
    """Chances within 0 and 1, a reason for everybody, and the basis told."""
    assert len(found.p_active) == len(found.features) == customers
    assert ((found.p_active >= 0) & (found.p_active <= 1)).all()
    told = found.reasons()
    assert told.shape == (customers, 3)
    assert all(isinstance(words, str) and words for words in told[:, 0])
    if basis:
        assert found.basis == basis
        assert found.told["basis"] == basis


def test_engagement_and_pressure_are_learned_and_calibrated(rows: pd.DataFrame) -> None:
    model = fit_risk(rows, followed(rows), PARAMETERS, HORIZON)
    assert model.basis == "boosted"
    unseen = contract_rows(4_000, seed=8)
    active = followed(unseen, seed=10)
    found = judge(model.p_active(unseen), active, unseen["days_since_order"])
    assert found.auc > found.baseline.high + 0.03
    assert found.ece < 0.03
    bought_only = fit_risk(
        rows[["customer_id", "repeat_purchases", "days_since_order"]], followed(rows), PARAMETERS, HORIZON
    )
    assert found.auc > judge(bought_only.p_active(unseen), active, unseen["days_since_order"]).auc + 0.05


def test_the_order_of_rows_and_columns_does_not_matter(rows: pd.DataFrame) -> None:
    active = followed(rows)
    order = np.random.default_rng(1).permutation(len(rows))
    first = fit_risk(rows, active, QUICK, HORIZON).p_active(rows)
    shuffled = rows.iloc[order][sorted(rows.columns, reverse=True)]
    np.testing.assert_array_equal(fit_risk(shuffled, active[order], QUICK, HORIZON).p_active(rows), first)


def test_a_small_base_gets_the_logistic_model(rows: pd.DataFrame) -> None:
    few = rows.head(400)
    model = fit_risk(few, followed(few), PARAMETERS, HORIZON)
    assert model.basis == "logistic"
    unseen = contract_rows(3_000, seed=8)
    found = judge(model.p_active(unseen), followed(unseen), unseen["days_since_order"])
    assert found.auc > found.baseline.auc + 0.02
    assert model.told()["boosting_weight"] == 0.0


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_all_of_one_kind_cannot_be_learned(rows: pd.DataFrame, share: float) -> None:
    with pytest.raises(NotLearnableError, match=r"of 4000 were active; 30 of either kind"):
        fit_risk(rows, np.full(len(rows), bool(share)), PARAMETERS, HORIZON)


def test_too_few_cannot_be_learned(rows: pd.DataFrame) -> None:
    with pytest.raises(NotLearnableError, match="10 customers to learn from, 200 are needed"):
        fit_risk(rows.head(10), followed(rows.head(10)), PARAMETERS, HORIZON)
    with pytest.raises(ValueError, match="give one each"):
        fit_risk(rows, np.ones(3, dtype=bool), PARAMETERS, HORIZON)


def test_a_missing_feature_is_named(rows: pd.DataFrame) -> None:
    model = fit_risk(rows, followed(rows), QUICK, HORIZON)
    with pytest.raises(KeyError, match="pressure_index"):
        model.p_active(rows.drop(columns="pressure_index"))


def test_constant_empty_and_absurd_features_do_no_harm(rows: pd.DataFrame) -> None:
    active = followed(rows)
    spoilt = rows.assign(store_share=0.5, visits_90d=np.nan, opens_90d=pd.array([pd.NA] * len(rows), dtype="Int64"))
    spoilt["revenue"] = np.where(np.arange(len(rows)) % 500 == 0, 1e300, spoilt["revenue"])
    spoilt["last_day_value"] = np.where(np.arange(len(rows)) % 700 == 0, np.inf, -1e9)
    found = fit_risk(spoilt, active, QUICK, HORIZON)
    chance = found.p_active(spoilt)
    assert np.isfinite(chance).all()
    plain = fit_risk(rows, active, QUICK, HORIZON).p_active(rows)
    assert (
        judge(chance, active, rows["days_since_order"]).auc > judge(plain, active, rows["days_since_order"]).auc - 0.01
    )
    assert all(found.reasons(spoilt)[:, 0])


def test_nobody_to_score(rows: pd.DataFrame) -> None:
    model = fit_risk(rows, followed(rows), QUICK, HORIZON)
    assert model.p_active(rows.head(0)).shape == (0,)
    assert model.reasons(rows.head(0)).shape == (0, 3)
    assert model.reasons(rows.head(1)).shape == (1, 3)


def test_a_shop_of_orders_alone() -> None:
    days = order_days(2_500)
    found = score_orders(days, CUT, HORIZON, QUICK)
    assert_sound(found, len(found.features), "boosted")
    active = later_days(days, CUT, HORIZON, found.features["customer_id"]) > 0
    quality = judge(found.p_active, active, found.features["days_since_order"])
    # customers of this shop leave for good, so that silence alone ranks well already
    assert quality.auc > max(quality.baseline.auc + 0.005, 0.92)
    assert quality.ece < 0.03


def test_no_churner_at_all() -> None:
    days = days_of(*((f"c{number}", day) for number in range(300) for day in range(number % 7, 500, 20)))
    found = score_orders(days, 400, 90)
    assert_sound(found, 300, "purchase_model")
    assert "300 of 300 were active" in found.told["why"] or "were active" in found.told["why"]
    assert found.p_active.mean() > 0.9
    assert not any("no order for" in words for words in found.reasons()[:, 0])


def test_nobody_came_back() -> None:
    found = score_orders(days_of(*((f"c{number}", number % 100) for number in range(300))), 400, 90)
    assert_sound(found, 300, "purchase_model")
    assert "0 of" in found.told["why"]


@pytest.mark.parametrize("customers", [1, 10])
def test_a_handful_of_customers(customers: int) -> None:
    days = days_of(*((f"c{number}", day) for number in range(customers) for day in range(0, 300 + 10 * number, 30)))
    found = score_orders(days, 400, 90)
    assert_sound(found, customers, "purchase_model")


def test_nobody_yet() -> None:
    found = score_orders(days_of(("a", 500)), 400, 90)
    assert_sound(found, 0, "purchase_model")


def test_all_on_one_day() -> None:
    found = score_orders(days_of(*((f"c{number}", 100) for number in range(300))), 100, 90)
    assert_sound(found, 300, "purchase_model")
    assert len(set(found.p_active)) == 1


def test_a_customer_back_after_two_years_is_no_churner() -> None:
    shop = order_days(600)
    back = days_of(("back", CUT - 730), ("back", CUT - 3))
    gone = days_of(("gone", CUT - 730), ("gone", CUT - 727))
    found = score_orders(pd.concat([shop, back, gone]), CUT, HORIZON, QUICK)
    chance = dict(zip(found.features["customer_id"], found.p_active, strict=True))
    assert chance["back"] > 2 * chance["gone"]
    told = dict(
        zip(
            found.features["customer_id"], found.reasons(leaving=np.zeros(len(found.features), dtype=bool)), strict=True
        )
    )
    assert "last order 3 days ago, usually every 727 days" in told["back"]


def test_the_pipelines_frames() -> None:
    earlier = [contract_rows(1_500, seed=seed) for seed in (1, 2)]
    cuts = pd.to_datetime(["2025-01-01", "2025-04-01"]).date
    earlier = pd.concat(
        [
            frame.assign(cut=cut, later_orders=followed(frame).astype(int))
            for frame, cut in zip(earlier, cuts, strict=True)
        ]
    )
    current = contract_rows(1_000, seed=3)
    found = score_features(current, earlier, HORIZON, QUICK)
    assert_sound(found, 1_000, "boosted")
    assert found.told["cuts"] == ["2025-01-01", "2025-04-01"]
    assert list(found.features["customer_id"]) == list(current["customer_id"])
    without = score_features(current, earlier.head(0), HORIZON, QUICK)
    assert_sound(without, 1_000, "purchase_model")
    assert "no earlier cut" in without.told["why"]


def test_customers_learned_from_are_the_same_at_every_cut(rows: pd.DataFrame) -> None:
    twice = pd.concat([rows, rows.assign(cut=pd.Timestamp("2025-01-01").date())])
    active = np.concatenate([followed(rows), followed(rows, seed=3)])
    earlier = twice.assign(later_orders=active.astype(int))
    small = RiskParameters(training_customers=1_000, rounds=5, boosting_customers=500, boosting_cases=50)
    current = rows.assign(cut=pd.Timestamp("2026-01-01").date())
    found = score_features(current, earlier, HORIZON, small)
    assert found.model is not None
    assert 800 <= found.model.customers <= 1_200
    assert found.told["training_rows"] == 2 * found.model.customers


def test_training_cuts_end_a_horizon_before_and_leave_a_history() -> None:
    assert training_cuts(0, 400, 90, PARAMETERS) == [310, 295, 280, 265, 250, 235, 220]
    assert training_cuts(0, 180, 90, PARAMETERS) == [90, 75, 60, 45]
    assert training_cuts(0, 134, 90, PARAMETERS) == []


def test_logistic_keeps_the_prior_without_data_and_the_level_always() -> None:
    random = np.random.default_rng(0)
    design = random.normal(size=(20_000, 2))
    active = random.random(20_000) < 1 / (1 + np.exp(1.0 - 2.0 * design[:, 0]))
    wide = fit_logistic(design, active, np.array([0.0, 0.0]), 10.0)
    np.testing.assert_allclose([wide.intercept, *wide.coefficients], [-1.0, 2.0, 0.0], atol=0.07)
    tight = fit_logistic(design[:50], active[:50], np.array([1.0, 0.0]), 1e-4)
    np.testing.assert_allclose(tight.coefficients, [1.0, 0.0], atol=1e-4)
    chance = 1 / (1 + np.exp(-tight.log_odds(design[:50])))
    assert chance.mean() == pytest.approx(active[:50].mean(), abs=1e-6)


def test_scaling_fills_gaps_and_says_so() -> None:
    raw = np.array([[1.0, np.nan, 3.0], [3.0, 5.0, 3.0], [7.0, 9.0, 3.0]])
    scaling = Scaling.of(raw, ["orders", "mean_gap_days", "visits_90d"])
    found = scaling.apply(raw)
    assert found.shape == (3, 3)  # orders, mean_gap_days, its gap; visits_90d never changes
    assert found[0, 1] == 0.0
    assert found[0, 2] > 0 > found[1, 2]
    assert np.abs(scaling.apply(np.array([[1e300, -1e300, np.nan]]))).max() <= 6.0
