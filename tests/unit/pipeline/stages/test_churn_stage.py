"""Stage churn: every buyer scored, parameters and holdout kept, moments written, empty inputs valid."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd

from millibar.pipeline.context import RunContext
from millibar.pipeline.stages import churn
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse
from unit.pipeline.stages.stage_inputs import AS_OF, contents, fill

SCORES = ("churn_customer", "churn_parameters", "moment_channel")


def fill_orders(warehouse: Warehouse, customers: int) -> pd.DataFrame:
    """Buyers of two years at their own rates, half of whom leave; int_churn__customer counts the same days."""
    random = np.random.default_rng(1)
    days = []
    for number in range(customers):
        start, rate = int(random.integers(100, 730)), random.gamma(1.0, 1 / 60)
        end = max(0, start - int(random.exponential(500)))
        times = start - np.cumsum(random.exponential(1 / rate, 200))
        days += [(f"c{number:04d}", AS_OF - timedelta(days=int(t))) for t in [start, *times[times > end]]]
    orders = pd.DataFrame(days, columns=["customer_id", "ordered_on"]).drop_duplicates()
    fill(warehouse, "marts.fct_order", orders)
    counted = orders.groupby("customer_id")["ordered_on"].agg(["min", "max", "count"])
    frame = pd.DataFrame({
        "customer_id": counted.index,
        "repeat_purchases": counted["count"] - 1,
        "recency_days": [(last - first).days for first, last in zip(counted["min"], counted["max"], strict=True)],
        "age_days": [(AS_OF - first).days for first in counted["min"]],
        "mean_day_value": random.gamma(5, 12, len(counted)).round(2),
        "last_response_on": pd.Series([AS_OF] * len(counted), index=counted.index).where(random.random(len(counted)) < 0.5),
        "contacts": 5,
        "unsubscribes": 0,
        "complaints": 0,
    })  # fmt: skip
    fill(warehouse, "intermediate.int_churn__customer", frame)
    return frame


def test_every_buyer_is_scored_and_the_fit_is_told(inputs: Warehouse, settings: Settings, run: RunContext) -> None:
    buyers = fill_orders(inputs, 600)
    churn.run(inputs, settings, run)
    scored = inputs.frame("select * from scores.churn_customer")
    assert set(scored["customer_id"]) == set(buyers["customer_id"])
    assert scored["p_alive"].between(0, 1).all()
    assert set(scored["risk_band"]) <= {"low", "medium", "high", "lost"}
    assert scored["main_reason"].str.len().min() > 10
    # nobody who bought once and long ago is taken for certain
    both = scored.merge(buyers.reset_index(drop=True), on="customer_id")
    assert both.query("repeat_purchases == 0 and age_days > 300")["p_alive"].max() < 0.95
    parameters = {row["parameter"] for row in inputs.rows("select parameter from scores.churn_parameters")}
    assert parameters == {"purchase_rate_shape", "purchase_rate_scale_days", "departure_rate_a_day"}
    quality = inputs.value("select fit_quality from ops.model_runs where model = 'purchase_rhythm'")
    assert quality["fitted"]
    assert quality["holdout"]["auc"] > 0.7
    assert 0 < quality["holdout"]["customers"] <= 600
    assert sum(quality["customers_by_band"].values()) == len(scored)


def test_moments_cover_the_week(inputs: Warehouse, settings: Settings, run: RunContext) -> None:
    counts = pd.DataFrame({
        "day": [AS_OF, AS_OF - timedelta(days=400)], "channel": "email", "weekday": 0, "hour": 9, "exposures": 100,
        "responses": [30, 90],
    })  # fmt: skip
    fill(inputs, "intermediate.int_moment__channel_hour", counts)
    churn.run(inputs, settings, run)
    rows = inputs.rows("select weekday, hour, responses, expected_response from scores.moment_channel")
    assert len(rows) == 168
    # the old day is outside the window
    assert sum(row["responses"] for row in rows) == 30


def test_running_again_gives_the_same_tables(inputs: Warehouse, settings: Settings, run: RunContext) -> None:
    fill_orders(inputs, 150)
    churn.run(inputs, settings, run)
    before = [contents(inputs, f"scores.{table}") for table in SCORES]
    churn.run(inputs, settings, replace(run, run_id="run-2"))
    assert [contents(inputs, f"scores.{table}") for table in SCORES] == before


def test_one_customer_and_none(inputs: Warehouse, settings: Settings, run: RunContext) -> None:
    assert churn.run(inputs, settings, run) == 3
    fill_orders(inputs, 1)
    churn.run(inputs, settings, replace(run, run_id="run-2"))
    assert inputs.value("select count(*) from scores.churn_customer") == 1
    assert not inputs.value("select fit_quality from ops.model_runs where run_id = 'run-2'")["fitted"]
