"""Stage churn, risk: every buyer scored, judged on the last complete period, drift told, reruns and handfuls valid."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from millibar.pipeline.context import RunContext
from millibar.pipeline.stages.churn import risk
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse
from unit.pipeline.stages.churn_inputs import HORIZON_DAYS, bought, earlier, known_at
from unit.pipeline.stages.stage_inputs import AS_OF, contents, fill

SCORES = (
    "churn_customer", "churn_parameters", "churn_quality", "churn_calibration", "churn_drift", "churn_signal"
)  # fmt: skip


def fill_shop(warehouse: Warehouse, customers: int, with_periods: bool = True) -> pd.DataFrame:
    days = bought(customers, AS_OF)
    buyers = known_at(days, AS_OF)
    fill(warehouse, "intermediate.int_churn__customer", buyers)
    if with_periods:
        fill(warehouse, "intermediate.int_churn__earlier", earlier(days, AS_OF))
    return buyers


@pytest.fixture
def shop(inputs: Warehouse, settings: Settings, run: RunContext) -> pd.DataFrame:
    """600 buyers, scored."""
    buyers = fill_shop(inputs, 600)
    risk.score(inputs, settings, run)
    return buyers


def test_every_buyer_is_scored_and_the_figures_agree(inputs: Warehouse, shop: pd.DataFrame) -> None:
    scored = inputs.frame("select * from scores.churn_customer")
    assert set(scored["customer_id"]) == set(shop["customer_id"])
    assert scored[["p_alive", "p_active"]].stack().between(0, 1).all()
    assert (scored["p_alive"] >= scored["p_active"]).all()
    assert (scored["expected_orders"] >= scored["p_active"] - 1e-9).all()
    assert (scored[["expected_value", "expected_loss"]] >= 0).all().all()
    assert set(scored["risk_band"]) <= {"low", "medium", "high", "lost"}
    assert scored["main_reason"].str.len().min() > 10
    assert set(scored["basis"]) == {"logistic"}, "600 buyers are too few for boosting"


def test_parameters_carry_intervals(inputs: Warehouse, shop: pd.DataFrame) -> None:
    rows = inputs.frame("select * from scores.churn_parameters")
    assert set(rows["model"]) == {"activity", "mbg_nbd", "gamma_gamma"}
    settled = rows.dropna(subset=["low", "high"])
    assert len(settled) >= 8
    assert ((settled["low"] <= settled["value"]) & (settled["value"] <= settled["high"])).all()


def test_the_last_complete_period_is_judged_against_recency(inputs: Warehouse, shop: pd.DataFrame) -> None:
    quality = inputs.frame("select * from scores.churn_quality").set_index("model")
    assert set(quality.index) == {"churn_risk", "mbg_nbd", "recency"}
    assert set(quality["cut"]) == {AS_OF - timedelta(days=HORIZON_DAYS)}
    assert quality.loc["churn_risk", "auc"] > 0.65
    assert quality.loc["churn_risk", "auc_low"] < quality.loc["churn_risk", "auc"]
    assert quality["observed_share"].nunique() == 1
    assert pd.isna(quality.loc["recency", "predicted_share"])
    bins = inputs.frame("select * from scores.churn_calibration where model = 'churn_risk'")
    assert bins["customers"].sum() == quality.loc["churn_risk", "customers"]
    told = inputs.value("select fit_quality from ops.model_runs where model = 'churn_risk'")
    assert told["holdout"]["models"][0]["auc"] == pytest.approx(quality.loc["churn_risk", "auc"])


def test_a_base_that_turned_over_raises_a_signal(inputs: Warehouse, settings: Settings, run: RunContext) -> None:
    buyers = fill_shop(inputs, 600)
    inputs.execute("truncate intermediate.int_churn__customer")
    fill(inputs, "intermediate.int_churn__customer", buyers.assign(revenue=buyers["revenue"] * 50))
    risk.score(inputs, settings, run)
    drifted = inputs.frame("select * from scores.churn_drift where verdict = 'drifted'")
    assert "revenue" in set(drifted["feature"])
    (signal,) = inputs.rows("select * from scores.churn_signal where sign = 'churn_inputs_drift'")
    assert signal["alert"]
    assert "revenue" in signal["cause"]
    assert signal["action_code"].startswith("sign_churn_inputs_drift")


def test_before_a_period_is_complete_the_purchase_model_stands_in(
    inputs: Warehouse, settings: Settings, run: RunContext
) -> None:
    fill_shop(inputs, 300, with_periods=False)
    risk.score(inputs, settings, run)
    scored = inputs.frame("select * from scores.churn_customer")
    assert set(scored["basis"]) == {"purchase_model"}
    assert scored["main_reason"].notna().all()
    assert inputs.value("select count(*) from scores.churn_quality") == 0
    assert not inputs.rows("select * from scores.churn_signal where alert")


def test_a_period_that_is_not_over_is_never_learned_from(
    inputs: Warehouse, settings: Settings, run: RunContext
) -> None:
    """dbt built the table with a shorter horizon than the stage is told: the newest cut's label would be unfinished."""
    days = bought(600, AS_OF)
    fill(inputs, "intermediate.int_churn__customer", known_at(days, AS_OF))
    late = earlier(days, AS_OF + timedelta(days=30))
    fill(inputs, "intermediate.int_churn__earlier", late)
    risk.score(inputs, settings, run)
    cuts = set(inputs.frame("select distinct cut from scores.churn_quality")["cut"])
    assert cuts == {AS_OF - timedelta(days=2 * HORIZON_DAYS - 30)}


def test_running_again_gives_the_same_tables(inputs: Warehouse, settings: Settings, run: RunContext) -> None:
    fill_shop(inputs, 300)
    risk.score(inputs, settings, run)
    before = [contents(inputs, f"scores.{table}") for table in SCORES]
    risk.score(inputs, settings, replace(run, run_id="run-2"))
    assert [contents(inputs, f"scores.{table}") for table in SCORES] == before


@pytest.mark.parametrize("customers", [0, 1, 10])
def test_a_handful(inputs: Warehouse, settings: Settings, run: RunContext, customers: int) -> None:
    if customers:
        fill_shop(inputs, customers)
    risk.score(inputs, settings, run)
    scored = inputs.frame("select * from scores.churn_customer")
    assert len(scored) == customers
    assert np.isfinite(scored[["p_alive", "p_active", "expected_value", "expected_loss"]].to_numpy(float)).all()
    assert not inputs.rows("select * from scores.churn_signal where alert")
