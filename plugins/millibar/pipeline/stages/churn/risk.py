"""Risk of every buyer, how right it was on the last complete period, and what has drifted -> scores.churn_*."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import timedelta

import pandas as pd

from millibar.churn.alive import AliveParameters
from millibar.churn.check import ChurnCheck, check_buyers
from millibar.churn.parameters import ChurnParameters
from millibar.churn.purchase import PurchaseParameters
from millibar.churn.risk import RiskParameters
from millibar.churn.scores import BuyerScores, ChurnModels, score_buyers, with_alive_by_cut
from millibar.pipeline.context import RunContext
from millibar.pipeline.stages.parameters import load
from millibar.pipeline.stages.scores import forget_old_days, record_model_run, stamped
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse

MODEL = "churn_risk"

CUSTOMERS = "select * from intermediate.int_churn__customer order by customer_id"
# periods that are over by as_of; a longer horizon than the last dbt run's would leave some that are not
EARLIER = """
    select * from intermediate.int_churn__earlier
    where cut <= %(latest)s
    order by cut, customer_id
"""


def score(warehouse: Warehouse, settings: Settings, run: RunContext) -> int:
    """Score, check and write; returns rows written. Of the scores the newest SCORE_HISTORY_DAYS days stay."""
    started = time.monotonic()
    models = ChurnModels(
        load(settings, "churn", ChurnParameters()),
        load(settings, "activity", AliveParameters()),
        load(settings, "purchase", PurchaseParameters()),
        load(settings, "risk", RiskParameters()),
    )
    customers = warehouse.frame(CUSTOMERS)
    latest = run.as_of - timedelta(days=models.churn.horizon_days)
    earlier = with_alive_by_cut(warehouse.frame(EARLIER, {"latest": latest}), models.alive)
    scored = score_buyers(customers, earlier, models)
    checked = check_buyers(scored, earlier, models)
    return _write(warehouse, run, models, scored, checked, started)


def _write(
    warehouse: Warehouse, run: RunContext, models: ChurnModels, scored: BuyerScores, checked: ChurnCheck, started: float
) -> int:
    parameters = scored.parameters()
    tables: dict[str, pd.DataFrame] = {
        "scores.churn_customer": scored.rows,
        "scores.churn_quality": checked.quality,
        "scores.churn_calibration": checked.calibration,
        "scores.churn_drift": checked.drift,
        "scores.churn_signal": checked.signals,
    }
    where = {"as_of": run.as_of}
    with warehouse.transaction():
        written = sum(warehouse.replace(name, stamped(rows, run), where) for name, rows in tables.items())
        for model in parameters["model"].unique():
            rows = parameters[parameters["model"] == model]
            written += warehouse.replace("scores.churn_parameters", stamped(rows, run), where | {"model": model})
        forget_old_days(warehouse, "scores.churn_customer")
        record_model_run(
            warehouse,
            run,
            MODEL,
            started,
            inputs={"customers": len(scored.rows), "repeat_customers": int(scored.purchases.repeaters)},
            parameters=asdict(models),
            fit_quality=scored.told() | {"holdout": checked.told()},
        )
    return written
